//! What holds of SMTP for every input: any split gives the same actions, nothing panics, no memory grows past its
//! limit, and a message is taken in as it was sent.

mod support;

use std::time::Duration;

use event::Event;
use proptest::prelude::*;
use protocol::{Action, Actions, Capture, Captured, Moment, Session};

/// What a session did, in order, however its output and the message were cut.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Done {
    Sent(Vec<u8>),
    Wrote(Vec<u8>),
    Did(Action),
}

struct Player {
    session: protocol::smtp::Smtp,
    out: Actions,
    done: Vec<Done>,
    closed: bool,
    /// Octets that one call put out.
    most: usize,
    /// All delays together. Which answers a delay holds back depends on what came in one piece, as with Postfix.
    waited: Duration,
}

impl Player {
    fn new(setup: &str) -> Self {
        let session = support::smtp_session(setup);
        let (out, done, waited) = (Actions::default(), Vec::new(), Duration::ZERO);
        let mut player = Self { session, out, done, closed: false, most: 0, waited };
        player.session.open(Moment::default(), &mut player.out);
        player.collect();
        player
    }

    fn receive(&mut self, piece: &[u8]) {
        if self.closed {
            return;
        }
        self.session.receive(Moment::default(), piece, &mut self.out);
        self.collect();
        while !self.closed && self.session.pending() {
            self.session.resume(Moment::default(), &mut self.out);
            self.collect();
        }
    }

    fn finish(mut self) -> Vec<Done> {
        self.session.finish(&mut self.out);
        // What lies behind the end of a closed connection depends on how it arrived.
        if !self.closed {
            self.collect();
        }
        self.done.push(Done::Did(Action::Wait(self.waited)));
        self.done
    }

    fn collect(&mut self) {
        self.most = self.most.max(self.out.queued());
        let mut committed = false;
        for action in self.out.drain() {
            self.closed |= matches!(action, Action::Close(_));
            committed |= action == Action::Capture(Capture::Commit);
            match (action, self.done.last_mut()) {
                (Action::Send(bytes), Some(Done::Sent(before))) => before.extend_from_slice(&bytes),
                (Action::Send(bytes), _) => self.done.push(Done::Sent(bytes.to_vec())),
                (Action::Capture(Capture::Write(bytes)), Some(Done::Wrote(before))) => {
                    before.extend_from_slice(&bytes);
                }
                (Action::Capture(Capture::Write(bytes)), _) => self.done.push(Done::Wrote(bytes.to_vec())),
                (Action::Wait(delay), _) => self.waited += delay,
                (action, _) => self.done.push(Done::Did(action)),
            }
        }
        if committed {
            let queue_id = "3BE199A0538".into();
            self.session.captured(Moment::default(), Captured::Kept { queue_id }, &mut self.out);
            self.collect();
        }
    }
}

fn play<'a>(setup: &str, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Done> {
    let mut player = Player::new(setup);
    for piece in pieces {
        player.receive(piece);
    }
    player.finish()
}

/// Lines of a session: sound commands, each kind of fault, and noise.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "EHLO x",
        "HELO a b",
        "AUTH PLAIN AGFkbWluAGFkbWlu",
        "AUTH LOGIN\r\nYWRtaW4=\r\nYWRtaW4=",
        "AUTH PLAIN\r\n*",
        "MAIL FROM:<a@b> SIZE=30 BODY=8BITMIME",
        "MAIL FROM:<\"a b\"@c> ENVID=+41",
        "MAIL FROM:<a@b",
        "RCPT TO:<admin@company.internal>",
        "RCPT TO:<x@example.org> NOTIFY=NEVER",
        "DATA",
        "DATA\r\n..hi\r\n.\r\n",
        ".",
        "BDAT 5\r\nab\r\n",
        "BDAT 7 LAST\r\n.\r\nab",
        "BDAT 70",
        "BDAT 0",
        "BDAT x",
        "RSET",
        "NOOP",
        "VRFY admin",
        "ETRN x",
        "QUIT",
        "",
        "FOO\n.\n",
        "GET / HTTP/1.0",
    ]);
    let noise = prop::collection::vec(any::<u8>(), 0..40);
    let long = (2040_usize..2060).prop_map(|length| [b"NOOP ".as_slice(), &vec![b'x'; length]].concat());
    let end = prop::sample::select(vec!["\r\n", "\r\n", "\r\n", "\n", "\r\r\n", "\r"]);
    let text = prop_oneof![
        16 => known.prop_map(|text| text.as_bytes().to_vec()),
        2 => noise,
        1 => long,
    ];
    (text, end).prop_map(|(line, end)| [&line, end.as_bytes()].concat())
}

/// A session that often comes as far as a message.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let begin = prop::sample::select(vec![
        "",
        "EHLO x\r\n",
        "MAIL FROM:<a@b>\r\nRCPT TO:<admin>\r\n",
        "MAIL FROM:<a@b>\r\nRCPT TO:<admin>\r\nDATA\r\n",
    ]);
    (begin, prop::collection::vec(line(), 1..25))
        .prop_map(|(begin, lines)| [begin.as_bytes(), &lines.concat()].concat())
}

/// What was sent, and what was done besides: answers that are made in one piece are sent together behind a delay.
fn apart(done: Vec<Done>) -> (Vec<u8>, Vec<Done>) {
    let (mut sent, mut did) = (Vec::new(), Vec::new());
    for done in done {
        match done {
            Done::Sent(octets) => sent.extend(octets),
            done => did.push(done),
        }
    }
    (sent, did)
}

fn setup() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["decnet", "decnet open-relay message=40", "decnet submission auth=accept"])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_split_gives_the_same_actions(
        setup in setup(),
        input in input(),
        cuts in prop::collection::vec(1_usize..60, 1..80),
    ) {
        let whole = play(setup, [&input[..]]);
        let mut rest = &input[..];
        let mut pieces = Vec::new();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, behind) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        prop_assert_eq!(apart(play(setup, pieces)), apart(whole.clone()));
        prop_assert_eq!(apart(play(setup, input.chunks(1))), apart(whole));
    }

    /// Every message that begins is committed or aborted, nothing else happens between, and every command is recorded.
    #[test]
    fn messages_begin_and_end(setup in setup(), input in input()) {
        let mut open = false;
        for done in play(setup, input.chunks(7)) {
            match done {
                Done::Did(Action::Capture(Capture::Begin(envelope))) => {
                    prop_assert!(!open && !envelope.rcpt_to.is_empty());
                    prop_assert!(envelope.local.iter().all(|local| envelope.rcpt_to.contains(local)));
                    open = true;
                }
                Done::Wrote(_) => prop_assert!(open),
                Done::Did(Action::Capture(_)) => prop_assert!(std::mem::replace(&mut open, false)),
                _ => {}
            }
        }
        prop_assert!(!open);
    }

    #[test]
    fn a_message_is_taken_in_as_it_was_sent(body in prop::collection::vec(any::<u8>(), 0..600), chunked: bool) {
        let mut player = Player::new("decnet");
        player.receive(b"MAIL FROM:<a@b>\r\nRCPT TO:<admin>\r\n");
        let mut expected = body.clone();
        if chunked {
            player.receive(format!("BDAT {} LAST\r\n", body.len()).as_bytes());
            player.receive(&body);
        } else {
            // As a client sends it: a dot before every dot at the start of a line, and a line end at the end.
            player.receive(b"DATA\r\n");
            let mut sent = Vec::new();
            for line in body.split_inclusive(|byte| *byte == b'\n') {
                if line.starts_with(b".") {
                    sent.push(b'.');
                }
                sent.extend_from_slice(line);
            }
            sent.extend_from_slice(b"\r\n.\r\n");
            expected.extend_from_slice(b"\r\n");
            player.receive(&sent);
        }
        let done = player.finish();
        let written: Vec<u8> = done.iter().flat_map(|done| match done {
            Done::Wrote(bytes) => bytes.clone(),
            _ => Vec::new(),
        }).collect();
        prop_assert_eq!(written, expected);
        prop_assert!(done.contains(&Done::Did(Action::Capture(Capture::Commit))));
    }

    #[test]
    fn no_input_panics_or_grows_memory(
        setup in setup(),
        begin in input(),
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..40),
    ) {
        let mut player = Player::new(setup);
        player.receive(&begin);
        for piece in &pieces {
            player.receive(piece);
        }
        prop_assert!(player.most <= 70 * 1024, "one call owed {} octets", player.most);
        for done in player.finish() {
            if let Done::Did(Action::Record(event)) = done {
                let longest = match &event {
                    Event::ProtocolViolation { line, .. } | Event::CommandReceived { line, .. } => line.0.len(),
                    Event::MailEnvelope { rcpt_to, .. } => rcpt_to.len(),
                    _ => 0,
                };
                prop_assert!(longest <= 12_288, "{longest} in {}", event.name());
            }
        }
    }
}

#[test]
fn what_one_recipient_costs_does_not_grow_with_the_list() {
    let mut player = Player::new("decnet open-relay");
    player.receive(b"MAIL FROM:<a@b>\r\n");
    for number in 0..1200 {
        player.receive(format!("RCPT TO:<x{number}@example.org>\r\n").as_bytes());
    }
    player.receive(b"DATA\r\n.\r\n");
    let mut envelopes = 0;
    for done in player.finish() {
        match done {
            Done::Did(Action::Record(Event::MailEnvelope { rcpt_to, .. })) => {
                envelopes += 1;
                assert!(rcpt_to.len() <= 32, "the last are shown");
            }
            Done::Did(Action::Capture(Capture::Begin(envelope))) => assert_eq!(envelope.rcpt_to.len(), 1000),
            _ => {}
        }
    }
    assert_eq!(envelopes, 1201);
}

/// What waits behind a slow answer when the peer goes away is tried, recorded and taken in all the same.
#[test]
fn what_waits_is_evidence() {
    let mut session = support::smtp_session("decnet");
    let mut out = Actions::default();
    session.open(Moment::default(), &mut out);
    let mut input = b"AUTH PLAIN AGFkbWluAGFkbWlu\r\n".repeat(3);
    input.extend_from_slice(b"MAIL FROM:<a@b>\r\nRCPT TO:<admin>\r\nDATA\r\nhi\r\n.\r\n");
    input.extend_from_slice(b"MAIL FROM:<a@b>\r\nRCPT TO:<admin>\r\nBDAT 5\r\nhalf");
    session.receive(Moment::default(), &input, &mut out);
    assert!(session.pending());
    out.drain().for_each(drop);
    session.finish(&mut out);
    let mut seen = Vec::new();
    for action in out.drain() {
        match action {
            Action::Record(Event::CommandReceived { status, .. }) => assert_eq!(status, ""),
            Action::Record(event) => seen.push(event.name()),
            Action::Capture(Capture::Begin(_)) => seen.push("begin"),
            Action::Capture(Capture::Write(_)) => seen.push("write"),
            Action::Capture(Capture::Commit) => seen.push("commit"),
            Action::Capture(Capture::Abort(_)) => seen.push("abort"),
            other => panic!("nobody is there for {other:?}"),
        }
    }
    let envelope = ["mail.envelope", "mail.envelope", "begin", "write"];
    let expected = [&["auth.failed"; 2][..], &envelope, &["commit"], &envelope, &["abort"]].concat();
    assert_eq!(seen, expected);
}
