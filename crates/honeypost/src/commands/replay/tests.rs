//! Whole conversations, as they are shown. Other tests take their conversations from here.

use std::sync::Arc;
use std::time::Duration;

use event::Protocol;
use proptest::prelude::*;
use serde_json::Value;
use store::{Chunk, Flow};
use uuid::Uuid;

use super::*;

/// When the sessions of the tests begin.
pub(super) fn start() -> Timestamp {
    "2026-11-23T18:00:00Z".parse().expect("a time")
}

/// A chunk so many milliseconds later.
pub(super) fn chunk(millis: u64, flow: Flow, octets: &[u8]) -> Chunk {
    Chunk { time: start() + Duration::from_millis(millis), flow, octets: octets.to_vec() }
}

/// A conversation that ended by itself.
pub(super) fn conversation(protocol: Protocol, chunks: Vec<Chunk>) -> Conversation {
    let time = chunks.last().map_or(start(), |chunk| chunk.time);
    Conversation {
        attribution: Attribution {
            sensor: Arc::from("s1"),
            session: Uuid::from_u128(0x0192_3456_789a_7bcd_8ef0_1234_5678_9abc),
            protocol,
            tls: false,
            src: "192.0.2.7:40022".parse().expect("an address"),
            dst: "198.51.100.1:1143".parse().expect("an address"),
        },
        opened: start(),
        closed: Some(Closed { time, reason: "logout".to_owned(), cut: 0 }),
        wire: Wire { chunks, deleted: false },
        commands: Vec::new(),
    }
}

/// Literals both ways, a SASL exchange, a message.
pub(super) fn imap() -> Vec<Chunk> {
    vec![
        chunk(0, Flow::Sent, b"* OK ready.\r\n"),
        chunk(1000, Flow::Received, b"a AUTHENTICATE PLAIN\r\n"),
        chunk(1001, Flow::Sent, b"+ \r\n"),
        chunk(1200, Flow::Received, b"AGFkbWluAGFkbWlu\r\n"),
        chunk(1201, Flow::Sent, b"a OK Logged in.\r\n"),
        chunk(2000, Flow::Received, b"b SELECT {5}\r\n"),
        chunk(2001, Flow::Sent, b"+ OK\r\n"),
        chunk(2100, Flow::Received, b"INBOX\r\nc FETCH 1 "),
        chunk(2200, Flow::Received, b"BODY[]\r\n"),
        chunk(2201, Flow::Sent, b"* FLAGS (\\Seen)\r\nb OK done.\r\n* 1 FETCH (BODY[] {24}\r\nSubject: hi"),
        chunk(2300, Flow::Sent, b"\r\n\r\n\tbody\r\n\r\n)\r\nc OK done.\r\n"),
        chunk(62_300, Flow::Received, b"d LOGOUT\r\n"),
    ]
}

fn text(conversation: &Conversation) -> String {
    let style = Style { start: start(), colours: false, full: false };
    conversation.pieces(style, None).map(|piece| piece.text).collect()
}

#[test]
fn an_imap_session_reads_as_it_was() {
    let shown = text(&conversation(Protocol::Imap, imap()));
    assert_eq!(
        shown,
        "            -- IMAP session 01923456-789a-7bcd-8ef0-123456789abc from 192.0.2.7:40022 to 198.51.100.1:1143
            -- 2026-11-23 18:00:00.000000Z, session.opened
     0.000  S: * OK ready.
     1.000  C: a AUTHENTICATE PLAIN
     1.001  S: +\u{20}
     1.200  C: AGFkbWluAGFkbWlu  = \\0admin\\0admin
     1.201  S: a OK Logged in.
     2.000  C: b SELECT {5}
     2.001  S: + OK
     2.100  C|   INBOX
     2.100  C:
     2.100  C: c FETCH 1 BODY[]
     2.201  S: * FLAGS (\\\\Seen)
     2.201  S: b OK done.
     2.201  S: * 1 FETCH (BODY[] {24}
     2.201  S|   Subject: hi
     2.300  S|
     2.300  S|   \tbody
     2.300  S|
     2.300  S: )
     2.300  S: c OK done.
    62.300  C: d LOGOUT
    62.300  -- session.closed: logout
"
    );
}

#[test]
fn a_pop3_session_reads_as_it_was() {
    let message = "a line\r\n".repeat(60);
    let chunks = vec![
        chunk(0, Flow::Sent, b"+OK ready\r\n"),
        chunk(10, Flow::Received, b"AUTH LOGIN\r\n"),
        chunk(20, Flow::Sent, b"+ VXNlcm5hbWU6\r\n"),
        chunk(30, Flow::Received, b"cm9vdA==\r\n"),
        chunk(40, Flow::Sent, b"-ERR no\r\n"),
        chunk(50, Flow::Received, b"RETR 1\r\nQUIT\r\n"),
        chunk(60, Flow::Sent, format!("+OK follows\r\n{message}..dot\r\n.\r\n+OK bye\r\n").as_bytes()),
    ];
    let shown = text(&conversation(Protocol::Pop3, chunks));
    for line in [
        "     0.020  S: + VXNlcm5hbWU6  = Username:\n",
        "     0.030  C: cm9vdA==  = root\n",
        "     0.060  -- … 21 more lines, 167 octets (--full)\n     0.060  S: .\n     0.060  S: +OK bye\n",
    ] {
        assert!(shown.contains(line), "{line}{shown}");
    }
    assert_eq!(shown.matches("S|   a line\n").count(), 40);
}

#[test]
fn an_smtp_session_reads_as_it_was() {
    let chunks = vec![
        chunk(0, Flow::Sent, b"220 mail ESMTP\r\n"),
        chunk(10, Flow::Received, b"EHLO x\r\nAUTH PLAIN AHJvb3QAdG9vcg==\r\n"),
        chunk(20, Flow::Sent, b"250-mail\r\n250 AUTH PLAIN\r\n235 ok\r\n"),
        chunk(30, Flow::Received, b"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n"),
        chunk(40, Flow::Sent, b"250 ok\r\n250 ok\r\n354 go\r\n"),
        chunk(50, Flow::Received, b"Subject: x\r\n\r\nQUIT\n.\r\nBDAT 6 LAST\r\nDATA\r\nQUIT\r\n"),
        chunk(60, Flow::Sent, b"250 queued\r\n"),
    ];
    let shown = text(&conversation(Protocol::Smtp, chunks));
    let (_, said) = shown.split_once("opened\n").expect("a beginning");
    let said: Vec<&str> =
        said.lines().filter_map(|line| line.split_once('C')).map(|(_, said)| said).collect();
    assert_eq!(
        said,
        [
            ": EHLO x",
            ": AUTH PLAIN AHJvb3QAdG9vcg==  = \\0root\\0toor",
            ": MAIL FROM:<>",
            ": RCPT TO:<a@b>",
            ": DATA",
            "|   Subject: x",
            "|",
            "|   QUIT\\n",
            ": .",
            ": BDAT 6 LAST",
            "|   DATA",
            ": QUIT"
        ]
    );
}

#[test]
fn what_is_missing_is_said() {
    let mut conversation = conversation(Protocol::Imap, imap());
    conversation.wire.deleted = true;
    conversation.closed.as_mut().expect("closed").cut = 512;
    let shown = text(&conversation);
    assert!(shown.contains("-- parts of the wire record were deleted"), "{shown}");
    assert!(shown.contains("-- 512 octets were not kept"), "{shown}");

    conversation.wire.chunks = vec![
        chunk(0, Flow::ClientHello, &[22; 517]),
        chunk(1, Flow::Sent, b"* OK ready.\r\n"),
        chunk(2, Flow::Unsent, b"eady.\r\n"),
    ];
    conversation.closed = None;
    let shown = text(&conversation);
    for line in [
        "     0.000  -- TLS ClientHello, 517 octets\n",
        "     0.002  -- the peer did not take the last 7 octets\n",
        "-- no session.closed: it is still open, or Honeypost was killed\n",
    ] {
        assert!(shown.contains(line), "{line}{shown}");
    }
}

#[test]
fn without_a_wire_record_the_events_tell() {
    let mut conversation = conversation(Protocol::Pop3, Vec::new());
    let command = |line: &[u8], status: &str| Command {
        time: start() + Duration::from_secs(1),
        line: line.to_vec(),
        status: status.to_owned(),
    };
    conversation.commands = vec![command(b"USER \xff\x1b[2J", "+OK"), command(b"PASS x", "")];
    let shown = text(&conversation);
    assert!(shown.contains("-- there is no wire record; these are the commands"), "{shown}");
    let expected = "     1.000  C: USER \\xff\\x1b[2J\n     1.000  S: +OK\n     1.000  C: PASS x\n     0.000  -- session";
    assert!(shown.contains(expected), "{shown}");
    let mut out = Vec::new();
    for it in &conversation.commands {
        json::command(it, false, &mut out).expect("written");
    }
    let first: Value =
        serde_json::from_slice(out.split(|it| *it == b'\n').next().expect("a line")).expect("JSON");
    assert_eq!((&first["status"], &first["text_b64"]), (&"+OK".into(), &"VVNFUiD/G1sySg==".into()));
}

#[test]
fn an_asciicast_is_lines_of_json_in_colour() {
    let conversation = conversation(Protocol::Imap, imap());
    let style = Style { start: start(), colours: true, full: false };
    let pieces = conversation.pieces(style, Some(Side::Client));
    let pace = Pace::new(start(), Some(Duration::from_secs(3)));
    let mut out = Vec::new();
    asciicast::write(&conversation.title(), pieces, &style, pace, 1.0, &mut out).expect("written");
    let text = String::from_utf8(out).expect("UTF-8");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let times: Vec<f64> = lines.iter().skip(1).filter_map(|event| event[0].as_f64()).collect();
    assert_eq!(times.len(), lines.len() - 1);
    assert!(times.is_sorted(), "{times:?}");
    let last = times.last().copied().unwrap_or_default();
    assert!((last - 5.1).abs() < 1e-9, "a minute of silence counts three seconds: {times:?}");
    assert!(text.contains("silence") && text.contains("\\u001b[33mC: d LOGOUT"), "{text}");
    assert!(!text.contains("S: "), "{text}");
}

/// Octets as attackers send them: of the protocols and of nothing.
fn octets() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        &b"\r\n"[..],
        b"\n",
        b".\r\n",
        b"a LOGIN {3}\r\n",
        b"+ \r\n",
        b"* 1 FETCH {4}\r\n",
        b"DATA\r\n",
        b"354 go\r\n",
        b"AUTH LOGIN\r\n",
        b"RETR 1\r\n",
        b"+OK\r\n",
        b"334 VXNlcg==\r\n",
        b"BDAT 5\r\n",
        b"{18446744073709551615}\r\n",
        b"\x1b]0;x\x07",
        "\u{202e}".as_bytes(),
        b"\x9b2J",
        b"\0\0\0",
    ];
    let word = prop_oneof![
        3 => proptest::sample::select(words.to_vec()).prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
    ];
    proptest::collection::vec(word, 0..8).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn where_chunks_were_cut_changes_nothing(
        said in proptest::collection::vec((0_u8..4, octets()), 0..12),
        cuts in proptest::collection::vec(1_usize..20, 1..40),
        protocol in 0_usize..3,
        full in any::<bool>(),
    ) {
        let protocol = Protocol::ALL[protocol];
        let flows = [Flow::Received, Flow::Sent, Flow::Received, Flow::Sent];
        let chunks: Vec<Chunk> = (0..).zip(&said)
            .map(|(second, (flow, octets))| chunk(second * 1000, flows[usize::from(*flow)], octets)).collect();
        let mut cuts = cuts.iter().cycle();
        let mut split = Vec::new();
        for chunk in &chunks {
            let mut rest = chunk.octets.as_slice();
            while !rest.is_empty() {
                let (now, later) = rest.split_at((*cuts.next().expect("endless")).min(rest.len()));
                split.push(Chunk { octets: now.to_vec(), ..chunk.clone() });
                rest = later;
            }
        }
        let style = Style { start: start(), colours: false, full };
        let shown = |chunks: &[Chunk]| -> Vec<Piece> {
            lines::entries(protocol, chunks).flat_map(|entry| style.entry(&entry)).collect()
        };
        let whole = shown(&chunks);
        prop_assert_eq!(&whole, &shown(&split));

        // Nothing in it is obeyed, and each line is marked.
        for piece in &whole {
            let text = piece.text.strip_suffix('\n').expect("whole lines");
            prop_assert!(!text.replace('\t', "").chars().any(char::is_control), "{:?}", text);
            prop_assert!(!text.contains('\u{202e}'), "{:?}", text);
            let mark = text.get(12..14).unwrap_or_default();
            prop_assert!(["C:", "S:", "C|", "S|", "--"].contains(&mark), "{:?}", text);
        }
        // All octets are there, each once.
        let kept: usize = lines::entries(protocol, &chunks).map(|entry| match &entry.said {
            Said::Line { octets, .. } | Said::Block { octets, .. } => octets.len(),
            _ => 0,
        }).sum();
        prop_assert_eq!(kept, chunks.iter().map(|chunk| chunk.octets.len()).sum::<usize>());
    }
}
