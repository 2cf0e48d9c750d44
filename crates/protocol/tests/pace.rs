//! How long answers take: what the waits hold back, and what they do not change.

mod support;

use std::time::Duration;

use protocol::{Action, Actions, Guest, Moment, Session};

/// A peer for whom times are drawn from this number.
fn lucky(luck: u64) -> Guest {
    Guest { luck: Some(luck), ..Guest::default() }
}

/// What a session does with the greeting and with each of these pieces, all that is pending included.
fn play(mut session: impl Session, pieces: &[&str]) -> Vec<Vec<Action>> {
    let mut out = Actions::default();
    session.open(Moment::default(), &mut out);
    let mut all = vec![out.drain().collect::<Vec<_>>()];
    for piece in pieces {
        session.receive(Moment::default(), piece.as_bytes(), &mut out);
        let mut done: Vec<_> = out.drain().collect();
        while session.pending() {
            session.resume(Moment::default(), &mut out);
            done.extend(out.drain());
        }
        all.push(done);
    }
    all
}

fn waits(actions: &[Action]) -> Vec<Duration> {
    let waits = actions.iter().filter_map(|action| match action {
        Action::Wait(time) => Some(*time),
        _ => None,
    });
    waits.collect()
}

fn sent(actions: &[Action]) -> Vec<u8> {
    let texts = actions.iter().filter_map(|action| match action {
        Action::Send(text) => Some(&text[..]),
        _ => None,
    });
    texts.collect::<Vec<_>>().concat()
}

/// Whether nothing is sent before the first wait.
fn waits_first(actions: &[Action]) -> bool {
    let first = actions.iter().find(|action| matches!(action, Action::Send(_) | Action::Wait(_)));
    matches!(first, Some(Action::Wait(_)))
}

const SECOND: Duration = Duration::from_secs(1);

/// Dovecot sets `TCP_QUICKACK`, Postfix and DECNET's servers do not.
#[test]
fn only_dovecot_acknowledges_at_once() {
    assert!(support::session("dovecot-2.3").acknowledges_at_once());
    assert!(support::pop3_session("dovecot-2.3").acknowledges_at_once());
    assert!(!support::session("decnet").acknowledges_at_once());
    assert!(!support::pop3_session("decnet").acknowledges_at_once());
    assert!(!support::smtp_session("postfix-3.7").acknowledges_at_once());
}

#[test]
fn greetings_and_logins_take_their_time() {
    let pieces = ["a NOOP\r\nb LOGIN admin admin\r\nc SELECT INBOX\r\nd FETCH 1:* (FLAGS)\r\ne LOGOUT\r\n"];
    let timed = play(support::session("dovecot-2.3").of(lucky(1)), &pieces);
    let plain = play(support::session("dovecot-2.3"), &pieces);
    let [greeting] = waits(&timed[0])[..] else { panic!("{:?}", timed[0]) };
    assert!(
        Duration::from_millis(1) < greeting && greeting < SECOND && waits_first(&timed[0]),
        "{greeting:?}"
    );
    let [batch] = waits(&timed[1])[..] else {
        panic!("one wait for all that came in one piece: {:?}", timed[1])
    };
    assert!(Duration::from_millis(1) < batch && batch < SECOND, "{batch:?}");
    let before = timed[1].split(|action| matches!(action, Action::Wait(_))).next().unwrap_or_default();
    assert_eq!(sent(before), b"a OK NOOP completed.\r\n", "what takes no time does not wait for what does");
    for (timed, plain) in timed.iter().zip(&plain) {
        assert_eq!(sent(timed), sent(plain));
        let others = timed.iter().filter(|action| matches!(action, Action::Record(_) | Action::Close(_)));
        let before: Vec<_> = plain.iter().filter(|action| !matches!(action, Action::Send(_))).collect();
        assert_eq!(others.collect::<Vec<_>>(), before, "the same is done in the same order");
    }
}

#[test]
fn the_driver_decides_by_its_number() {
    let greeting = |luck| waits(&play(support::session("dovecot-2.3").of(lucky(luck)), &[])[0]);
    assert_eq!(greeting(3), greeting(3));
    assert_ne!(greeting(3), greeting(4));
    assert!(waits(&play(support::session("dovecot-2.3"), &[])[0]).is_empty(), "no number, no time");
}

#[test]
fn decnet_answers_at_once() {
    let pieces = ["a LOGIN admin admin\r\n", "b SELECT INBOX\r\n", "c LOGOUT\r\n"];
    for actions in play(support::session("decnet").of(lucky(1)), &pieces) {
        assert_eq!(waits(&actions), []);
    }
}

#[test]
fn a_failed_login_takes_its_delay_and_no_more() {
    let timed = play(support::session("dovecot-2.3").of(lucky(1)), &["a LOGIN admin wrong\r\n"]);
    assert_eq!(waits(&timed[1]), [2 * SECOND]);
    let timed = play(support::pop3_session("dovecot-2.3").of(lucky(1)), &["USER admin\r\nPASS wrong\r\n"]);
    assert_eq!(waits(&timed[1]).last(), Some(&(2 * SECOND)));
}
