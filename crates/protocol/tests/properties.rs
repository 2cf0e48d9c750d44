//! What holds for every input: any split gives the same actions, nothing panics, no buffer grows past its limit.

mod support;

use event::Event;
use proptest::prelude::*;
use protocol::{Action, Actions, Moment, Session};
use support::play::{Done, collect, cut, most_held_back, without_long_lines};

fn play<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Done> {
    without_long_lines(support::play::play(support::session("decnet"), pieces))
}

fn play_dovecot<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Done> {
    support::play::play(support::session("dovecot-2.3"), pieces)
}

/// What was sent, as one.
fn sent(done: &[Done]) -> Vec<u8> {
    let pieces =
        done.iter().filter_map(|did| if let Done::Sent(bytes) = did { Some(&bytes[..]) } else { None });
    pieces.collect::<Vec<&[u8]>>().concat()
}

/// Lines that change the mail, or ask for what only Dovecot knows.
fn dovecot_line() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "a SELECT INBOX",
        "a SELECT Sent (CONDSTORE)",
        "a STORE 1:* +FLAGS (\\Deleted $x)",
        "a UID STORE 3:5 -FLAGS.SILENT (\\Seen)",
        "a STORE * (UNCHANGEDSINCE 1) FLAGS ()",
        "a EXPUNGE",
        "a UID EXPUNGE 1:*",
        "a COPY 1:* INBOX",
        "a UID MOVE * Sent",
        "a MOVE $ Work.2024",
        "a APPEND INBOX (\\Seen) {3+}\r\nabc {2+}\r\nde",
        "a APPEND Sent CATENATE (TEXT {3+}\r\nabc)",
        "a APPEND INBOX {600000+}\r\nabc",
        "a APPEND INBOX {x}",
        "a CREATE x.y.z",
        "a RENAME x Sent.x",
        "a RENAME Sent x",
        "a DELETE Sent",
        "a SUBSCRIBE x",
        "a LIST (SUBSCRIBED RECURSIVEMATCH) \"\" % RETURN (STATUS (SIZE))",
        "a SEARCH RETURN (SAVE MIN PARTIAL 1:5) UNSEEN",
        "a SORT (REVERSE SUBJECT FROM) UTF-8 ALL",
        "a UID THREAD REFERENCES UTF-8 ALL",
        "a FETCH 1:* (PREVIEW MODSEQ BINARY[1] SAVEDATE)",
        "a ENABLE QRESYNC",
        "a NOTIFY SET STATUS (selected (MessageNew (UID BODY[] MODSEQ) MessageExpunge)) (subtree x (MailboxName))",
        "a NOTIFY SET (personal (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))",
        "a IDLE\r\nDONE",
        "a NOOP",
        "( NOOP",
    ]);
    prop_oneof![9 => known.prop_map(|text| text.as_bytes().to_vec()), 1 => prop::collection::vec(any::<u8>(), 0..40)]
        .prop_map(|mut line| {
            line.extend_from_slice(b"\r\n");
            line
        })
}

/// Lines of a session: sound commands, each kind of fault, and noise.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "a LOGIN admin admin",
        "a LOGIN {5}\r\nadmin {5+}\r\nadmin",
        "a LOGIN \"admin\" wrong",
        "a AUTHENTICATE PLAIN\r\nAGFkbWluAGFkbWlu",
        "a AUTHENTICATE LOGIN\r\n*",
        "a SELECT INBOX",
        "a EXAMINE Sent",
        "a FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE)",
        "a FETCH 1:* (BODY[] BODY.PEEK[1.MIME]<2.30> RFC822.SIZE)",
        "a UID FETCH 3:* BODY[HEADER.FIELDS (\"From\" To)]",
        "a SEARCH OR SUBJECT vpn NOT SEEN",
        "a UID SEARCH TEXT {3}\r\nkey SINCE 1-Nov-2026",
        "a LIST \"\" *",
        "a STATUS INBOX (MESSAGES UNSEEN)",
        "a IDLE\r\nDONE",
        "a CLOSE",
        "a NOOP",
        "a LOGOUT",
        "a STORE 1 +FLAGS (x)",
        "",
        "GET / HTTP/1.0",
        "a SELECT {99999999999999999999}",
        "a SEARCH {3}",
        "a FETCH 1 (BODY[HEADER.FIELDS (",
    ]);
    let noise = prop::collection::vec(any::<u8>(), 0..40);
    let long = (900_usize..1300).prop_map(|length| vec![b'x'; length]);
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
        let begin: &[u8] = if login { b"l LOGIN admin admin\r\ns SELECT INBOX\r\n" } else { b"" };
        [begin, &lines.concat()].concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn mail_changes_alike_in_any_split(lines in prop::collection::vec(dovecot_line(), 1..25), cuts in prop::collection::vec(1_usize..60, 1..80)) {
        // Line by line: what comes together is pipelined, and is answered otherwise.
        let begin = [b"l LOGIN admin admin\r\n".to_vec(), b"s SELECT INBOX\r\n".to_vec()];
        let lines: Vec<Vec<u8>> = begin.into_iter().chain(lines).collect();
        let whole = sent(&play_dovecot(lines.iter().map(Vec::as_slice)));
        let pieces = lines.iter().flat_map(|line| cut(line, &cuts));
        prop_assert_eq!(sent(&play_dovecot(pieces)), whole);
    }

    /// Whatever comes together: no answer is lost, and none is given twice.
    #[test]
    fn pipelined_commands_are_answered_once(count in 1_usize..12, picks in prop::collection::vec(0_usize..6, 12)) {
        const COMMANDS: [&str; 6] =
            ["NOOP", "SEARCH ALL", "UID SEARCH ALL", "FETCH 1 FLAGS", "STORE 1 +FLAGS (x)", "SELECT INBOX"];
        let mut input = b"l LOGIN admin admin\r\ns SELECT INBOX\r\n".to_vec();
        for (place, pick) in picks.iter().take(count).enumerate() {
            input.extend_from_slice(format!("t{place} {}\r\n", COMMANDS[*pick]).as_bytes());
        }
        let answers = String::from_utf8_lossy(&sent(&play_dovecot([&input[..]]))).into_owned();
        for place in 0..count {
            let tag = format!("\r\nt{place} OK ");
            prop_assert_eq!(answers.matches(&tag).count(), 1, "{} in {}", tag, answers);
        }
    }

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
        let begin: &[u8] = if login { b"a LOGIN admin admin\r\n" } else { b"" };
        let pieces = std::iter::once(begin).chain(pieces.iter().map(Vec::as_slice));
        let done = support::play::play(support::session("decnet"), pieces);
        let held = most_held_back(&done);
        prop_assert!(held <= 65_535 + 3000, "{} octets were held back", held);
    }

    /// Logins that wait behind a slow answer when the peer goes away are tried and recorded all the same; what comes behind a
    /// good one is not carried out.
    #[test]
    fn logins_in_waiting_are_evidence(wrong in 1_usize..6, right in any::<bool>()) {
        let mut session = support::session("decnet");
        let mut out = Actions::default();
        session.open(Moment::default(), &mut out);
        let mut input = b"a LOGIN admin wrong\r\n".repeat(wrong);
        if right {
            input.extend_from_slice(b"a LOGIN admin admin\r\na SELECT INBOX\r\na FETCH 1 BODY[]\r\n");
        }
        session.receive(Moment::default(), &input, &mut out);
        let mut done = Vec::new();
        collect(&mut out, &mut done);
        session.finish(&mut out);
        let before = done.len();
        collect(&mut out, &mut done);
        let names: Vec<&str> = done
            .iter()
            .filter_map(|done| match done {
                Done::Did(Action::Record(event)) => Some(event.name()),
                _ => None,
            })
            .collect();
        let count = |name: &str| names.iter().filter(|known| **known == name).count();
        prop_assert_eq!(count("auth.failed"), wrong);
        prop_assert_eq!(count("auth.succeeded"), usize::from(right));
        prop_assert_eq!(count("message.read"), 0);
        prop_assert_eq!(count("protocol.violation"), usize::from(right));
        let unheard = done[before..].iter().all(|done| match done {
            Done::Did(Action::Record(Event::CommandReceived { status, .. })) => status.is_empty(),
            Done::Did(Action::Record(_)) => true,
            _ => false,
        });
        prop_assert!(unheard, "{:?}", done.get(before..));
    }
}

#[test]
fn an_endless_command_is_bounded() {
    let mut session = support::session("decnet");
    let mut out = Actions::default();
    session.open(Moment::default(), &mut out);
    session.receive(Moment::default(), b"a LOGIN admin admin\r\nb SELECT INBOX\r\n", &mut out);
    out.drain().for_each(drop);
    // Literals without end in one command: the command's own cap ends it.
    session.receive(Moment::default(), b"a SEARCH", &mut out);
    let mut bad = false;
    for _ in 0..40 {
        let piece = [b" TEXT {60000+}\r\n".to_vec(), vec![b'x'; 60_000]].concat();
        session.receive(Moment::default(), &piece, &mut out);
        bad |= out.drain().any(
            |action| matches!(action, Action::Send(text) if text.starts_with(b"a BAD Error in IMAP command SEARCH")),
        );
    }
    assert!(bad, "the command was refused at its cap");
}
