//! ENVELOPE and BODYSTRUCTURE of awkward messages, against what Dovecot 2.3.19 answered for them.
//!
//! The messages and the answers are in `structures/*.txt`, whose format [`cases`] reads.

mod support;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bait::{Corpus, Flags, Mailbox, Message};
use bytes::Bytes;
use protocol::{Action, Actions, Moment, Session};

#[test]
fn answers_are_dovecots() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/structures");
    // further answers recorded elsewhere, in the same format
    let further = std::env::var_os("HONEYPOST_MIME_ANSWERS").map(PathBuf::from);
    let (mut count, mut wrong) = (0, String::new());
    for directory in [Some(own), further].into_iter().flatten() {
        let mut files: Vec<PathBuf> = std::fs::read_dir(&directory)
            .expect("answers")
            .map(|entry| entry.expect("entry").path())
            .collect();
        files.sort();
        for file in files {
            let text = std::fs::read_to_string(&file).expect("a file of answers");
            let cases = cases(&text);
            let messages: Vec<Bytes> = cases.iter().map(|case| case.message.clone()).collect();
            for (case, (envelope, structure)) in cases.iter().zip(answers(&messages)) {
                for (ours, dovecots) in [(&envelope, &case.envelope), (&structure, &case.structure)] {
                    if !dovecots.is_empty() && ours != dovecots {
                        let _ = writeln!(wrong, "{}\n  Dovecot {dovecots}\n  ours    {ours}", case.name);
                    }
                }
                count += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "of {count} cases:\n{wrong}");
    assert!(count >= 100, "only {count} cases were found");
}

struct Case {
    name: String,
    message: Bytes,
    envelope: String,
    structure: String,
}

/// `=== name`, then the message: a `|` before each line that ends with CRLF, a `!` before one that does not end; then
/// `E` and `B` before Dovecot's ENVELOPE and BODYSTRUCTURE, as far as they matter. Escapes: `\r`, `\n`, `\\` and `\xNN`.
fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines() {
        let (mark, rest) = line.split_at_checked(1).unwrap_or_default();
        if let Some(name) = line.strip_prefix("=== ") {
            let empty = Case {
                name: name.into(),
                message: Bytes::new(),
                envelope: String::new(),
                structure: String::new(),
            };
            cases.push(empty);
        } else if let Some(case) = cases.last_mut() {
            match mark {
                "|" => case.message = [&case.message[..], &unescape(rest), b"\r\n"].concat().into(),
                "!" => case.message = [&case.message[..], &unescape(rest)].concat().into(),
                "E" => case.envelope = rest.trim_start().into(),
                "B" => case.structure = rest.trim_start().into(),
                _ => {}
            }
        }
    }
    cases
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match (byte, if byte == b'\\' { rest.next() } else { None }) {
            (_, None) => bytes.push(byte),
            (_, Some(b'r')) => bytes.push(b'\r'),
            (_, Some(b'n')) => bytes.push(b'\n'),
            (_, Some(b'x')) => {
                let hex = [rest.next(), rest.next()].map(|digit| char::from(digit.expect("two digits")));
                bytes.push(u8::from_str_radix(&String::from_iter(hex), 16).expect("hexadecimal"));
            }
            (_, Some(escaped)) => bytes.push(escaped),
        }
    }
    bytes
}

fn escape(bytes: &[u8]) -> String {
    let mut text = String::new();
    for &byte in bytes {
        match byte {
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b'\\' => text.push_str("\\\\"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => write!(text, "\\x{byte:02x}").expect("a string takes all"),
        }
    }
    text
}

/// What the server answers for each message of a mailbox that holds them all.
fn answers(messages: &[Bytes]) -> Vec<(String, String)> {
    let arrival = jiff::Timestamp::UNIX_EPOCH.to_zoned_datetime(jiff::tz::TimeZone::UTC);
    let message = |(uid, bytes): (u32, &Bytes)| {
        Arc::new(Message::new(uid, Flags::NONE, arrival.clone(), bytes.clone(), Vec::new()))
    };
    let messages: Vec<_> = (1..).zip(messages).map(message).collect();
    let numbers = 1..=messages.len();
    let inbox = Mailbox { name: "INBOX".into(), uid_validity: 1, uid_next: u32::MAX, messages };
    let mut session =
        support::session_of(Corpus { mailboxes: vec![Arc::new(inbox)], subscriptions: Vec::new() });
    let mut ask = |line: String| {
        let mut out = Actions::default();
        let mut sent = Vec::new();
        session.receive(Moment::default(), line.as_bytes(), &mut out);
        loop {
            for action in out.drain() {
                if let Action::Send(bytes) = action {
                    sent.extend_from_slice(&bytes);
                }
            }
            if !session.pending() {
                return sent;
            }
            session.resume(Moment::default(), &mut out);
        }
    };
    ask("a LOGIN admin admin\r\nb SELECT INBOX\r\n".into());
    let mut item = |number: usize, item: &str| {
        let answer = ask(format!("a FETCH {number} {item}\r\n"));
        let value = answer
            .strip_prefix(format!("* {number} FETCH ({item} ").as_bytes())
            .and_then(|rest| rest.strip_suffix(b")\r\na OK FETCH completed\r\n"));
        escape(value.unwrap_or_else(|| panic!("{}", answer.escape_ascii())))
    };
    numbers.map(|number| (item(number, "ENVELOPE"), item(number, "BODYSTRUCTURE"))).collect()
}
