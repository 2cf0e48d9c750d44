//! What holds for every input of POP3: any split gives the same actions, nothing panics, no buffer grows past its
//! limit; and what a client makes of an answer is the mail.

mod support;

use proptest::prelude::*;
use protocol::Action;
use support::play::{Done, cut, most_held_back, without_long_lines};

fn play<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Done> {
    without_long_lines(support::play::play(support::pop3_session("decnet"), pieces))
}

/// Lines of a session: sound commands, each kind of fault, and noise.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "USER admin",
        "PASS admin",
        "USER root\r\nPASS wrong",
        "AUTH",
        "AUTH PLAIN\r\nAGFkbWluAGFkbWlu",
        "AUTH LOGIN YWRtaW4=\r\n!!",
        "AUTH LOGIN\r\n*",
        "APOP admin 0",
        "CAPA",
        "STAT",
        "LIST",
        "LIST 2",
        "UIDL",
        "UIDL 9",
        "RETR 1",
        "RETR 4",
        "RETR 99999999999999999999999",
        "TOP 4 3",
        "TOP 2 18446744073709551615",
        "TOP 1 x",
        "DELE 1",
        "DELE 3",
        "RSET",
        "NOOP",
        "QUIT",
        "STLS",
        "",
        "GET / HTTP/1.0",
        "LIST {3}",
    ]);
    let noise = prop::collection::vec(any::<u8>(), 0..40);
    let long = (900_usize..2200).prop_map(|length| vec![b'x'; length]);
    prop_oneof![
        12 => known.prop_map(|text| text.as_bytes().to_vec()),
        2 => noise,
        1 => long,
    ]
    .prop_map(|mut line| {
        line.extend_from_slice(b"\r\n");
        line
    })
}

/// A session that mostly begins with a login.
fn input() -> impl Strategy<Value = Vec<u8>> {
    (any::<bool>(), prop::collection::vec(line(), 1..20)).prop_map(|(login, lines)| {
        let begin: &[u8] = if login { b"USER admin\r\nPASS admin\r\n" } else { b"" };
        [begin, &lines.concat()].concat()
    })
}

/// What a session sends, in one piece.
fn sent(done: &[Done]) -> Vec<u8> {
    let sent = done.iter().filter_map(|did| match did {
        Done::Sent(bytes) => Some(&bytes[..]),
        Done::Did(_) => None,
    });
    sent.collect::<Vec<_>>().concat()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_split_gives_the_same_actions(input in input(), cuts in prop::collection::vec(1_usize..60, 1..80)) {
        let whole = play([&input[..]]);
        prop_assert_eq!(play(cut(&input, &cuts)), whole.clone());
        prop_assert_eq!(play(input.chunks(1)), whole);
    }

    #[test]
    fn no_input_panics_or_grows_a_buffer(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..40),
        login in any::<bool>(),
    ) {
        let begin: &[u8] = if login { b"USER admin\r\nPASS admin\r\n" } else { b"" };
        let pieces = std::iter::once(begin).chain(pieces.iter().map(Vec::as_slice));
        let done = support::play::play(support::pop3_session("decnet"), pieces);
        prop_assert!(most_held_back(&done) <= 8191 + 3000, "{} octets were held back", most_held_back(&done));
    }

    /// Every command has its event, in front of its answer, and every event an answer of its status.
    #[test]
    fn every_command_is_recorded_before_it_is_answered(input in input()) {
        let done = play(input.split_inclusive(|byte| *byte == b'\n'));
        let mut awaited: Option<&str> = None;
        for did in &done[1..] {
            match did {
                Done::Did(Action::Record(event::Event::CommandReceived { status, .. })) => {
                    prop_assert!(!status.is_empty() && awaited.is_none());
                    awaited = Some(status);
                }
                Done::Sent(text) => {
                    let status = awaited.take();
                    prop_assert!(
                        status.is_none_or(|status| text.starts_with(status.as_bytes())),
                        "{status:?} {}", text.escape_ascii()
                    );
                }
                Done::Did(_) => {}
            }
        }
        prop_assert_eq!(awaited, None);
    }
}

#[test]
fn an_endless_line_is_bounded() {
    for (begin, most) in
        [(&b""[..], 1032), (b"USER admin\r\nPASS admin\r\n", 2046), (b"AUTH PLAIN\r\n", 8191)]
    {
        let piece = [b'x'; 1000];
        let pieces = std::iter::once(begin).chain(std::iter::repeat_n(&piece[..], 100));
        let done = support::play::play(support::pop3_session("decnet"), pieces);
        assert!(matches!(done.last(), Some(Done::Did(Action::Close(event::CloseReason::Violation)))));
        assert!(most_held_back(&done) <= most + piece.len());
    }
}

/// A client that undoes the dots has the octets that IMAP's BODY[] gives, and as many as LIST says.
#[test]
fn what_is_retrieved_is_the_mail() {
    let corpus = support::corpus();
    let inbox = corpus.mailbox("INBOX").unwrap();
    for (number, message) in (1..).zip(&inbox.messages) {
        let input = format!("USER admin\r\nPASS admin\r\nRETR {number}\r\n");
        let wire = sent(&play([input.as_bytes()]));
        let wire = String::from_utf8(wire).unwrap();
        let (_, body) = wire.split_once(&format!("+OK {}\r\n", message.size())).unwrap();
        let body = body.strip_suffix(".\r\n").unwrap();
        let plain: String =
            body.split_inclusive("\r\n").map(|line| line.strip_prefix('.').unwrap_or(line)).collect();
        assert_eq!(plain.as_bytes(), message.bytes);
    }
}
