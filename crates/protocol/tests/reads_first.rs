//! Behind a refused login Dovecot looks whether its client is still there before it goes on.

mod support;

use protocol::{Action, Actions, Moment, Session};

/// What is sent, and how often the session would look first.
fn play(personality: &str, input: &str) -> (String, u32) {
    let mut session = support::pop3_session(personality);
    let mut out = Actions::default();
    let (mut sent, mut looks) = (Vec::new(), 0);
    let mut drain = |out: &mut Actions| {
        sent.extend(out.drain().filter_map(|action| match action {
            Action::Send(text) => Some(text),
            _ => None,
        }));
    };
    session.receive(Moment::default(), input.as_bytes(), &mut out);
    drain(&mut out);
    while session.pending() {
        looks += u32::from(session.reads_first());
        session.resume(Moment::default(), &mut out);
        drain(&mut out);
    }
    (String::from_utf8(sent.concat()).expect("ASCII"), looks)
}

#[test]
fn dovecot_looks_behind_what_its_auth_process_refused() {
    for (input, expected) in [
        ("USER admin\r\nPASS x\r\nNOOP\r\n", 1),
        ("AUTH PLAIN\r\n*\r\nNOOP\r\n", 1),
        ("AUTH PLAIN !\r\nNOOP\r\n", 1),
        ("AUTH PLAIN\r\n!\r\nAUTH PLAIN !\r\nNOOP\r\n", 2),
        ("AUTH CRAM-MD5\r\nPASS x\r\nNOOP\r\n", 0),
        ("USER admin\r\nPASS admin\r\nRETR 99\r\n", 0),
    ] {
        let (sent, looks) = play("dovecot-2.3", input);
        assert_eq!(looks, expected, "{input}");
        let last = if input.ends_with("NOOP\r\n") { "Unknown command." } else { "There's no message 99." };
        assert!(sent.ends_with(&format!("-ERR {last}\r\n")), "{sent}");
    }
    assert_eq!(play("decnet", "USER admin\r\nPASS x\r\nNOOP\r\n").1, 0);
}

#[test]
fn only_dovecot_answers_the_word_of_parting() {
    assert!(support::pop3_session("dovecot-2.3").answers_parting());
    assert!(!support::pop3_session("decnet").answers_parting());
    assert!(!support::smtp_session("postfix-3.7").answers_parting());
}
