//! An event as one line for people: aligned, and with everything an intruder wrote made harmless.

use std::fmt::Write as _;

use event::Header;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use crate::terminal::escape;

/// Characters of a session's id that are shown: its time in milliseconds, which `--session` takes.
const SESSION: usize = 13;
/// Characters of a text that are shown.
const MOST: usize = 400;

/// How lines look.
pub(crate) struct Style {
    /// The zone of the times.
    pub(crate) zone: TimeZone,
    /// Whether to use colours.
    pub(crate) colours: bool,
}

/// One event's line, without a line end. `fields` is the JSON object of its own fields.
pub(crate) fn line(header: &Header<'_>, fields: &str, style: &Style) -> String {
    let fields: Map<String, Value> = serde_json::from_str(fields).unwrap_or_default();
    let time = header.time.to_zoned_datetime(style.zone.clone()).strftime("%m-%d %H:%M:%S").to_string();
    let source = header.attribution.src.ip().to_string();
    let session: String = header.attribution.session.to_string().chars().take(SESSION).collect();
    let protocol = header.attribution.protocol.name();
    let what = escape(header.event);
    let (dim, colour, off) =
        if style.colours { ("\x1b[2m", colour(header.event), "\x1b[0m") } else { ("", "", "") };
    let details = details(header.event, &Fields(&fields));
    let text = format!(
        "{dim}{time}{off}  {source:15}  {protocol:4}  {dim}{session}{off}  {colour}{what:18}{off}  {details}"
    );
    text.trim_end().to_owned()
}

/// What stands out: secrets in yellow, open doors in green, shut ones in red.
fn colour(event: &str) -> &'static str {
    match event {
        "auth.succeeded" => "\x1b[32m",
        "auth.failed" | "protocol.violation" => "\x1b[31m",
        "message.read" => "\x1b[33m",
        "search.run" | "mailbox.selected" => "\x1b[36m",
        _ => "",
    }
}

/// The fields of an event, harmless.
struct Fields<'a>(&'a Map<String, Value>);

impl Fields<'_> {
    fn get(&self, name: &str) -> String {
        self.0.get(name).map(shown).unwrap_or_default()
    }

    /// In quotes where it would be unclear where it ends.
    fn word(&self, name: &str) -> String {
        let text = self.get(name);
        if text.is_empty() || text.contains([' ', '"']) { format!("\"{text}\"") } else { text }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => excerpt(text),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(" "),
        other => escape(&other.to_string()).into_owned(),
    }
}

/// The text, harmless, and cut where it is long: the whole of it is in `events --json`.
fn excerpt(text: &str) -> String {
    match text.char_indices().nth(MOST) {
        None => escape(text).into_owned(),
        Some((end, _)) => {
            format!("{}... ({} octets)", escape(text.get(..end).unwrap_or_default()), text.len())
        }
    }
}

fn details(event: &str, fields: &Fields<'_>) -> String {
    match event {
        "session.opened" => fields.get("personality"),
        "session.closed" => format!(
            "{} after {}, {} octets in, {} out",
            fields.get("reason"),
            duration(fields.0.get("duration_ms").and_then(Value::as_u64).unwrap_or_default()),
            fields.get("bytes_in"),
            fields.get("bytes_out"),
        ),
        "auth.succeeded" | "auth.failed" => {
            format!("{} / {} ({})", fields.word("username"), fields.word("password"), fields.get("mechanism"))
        }
        "command.received" => format!("{:3}  {}", fields.get("status"), fields.get("line")),
        "mailbox.selected" => {
            let read_only = fields.0.get("read_only") == Some(&Value::Bool(true));
            format!("{}{}", fields.word("mailbox"), if read_only { " (read-only)" } else { "" })
        }
        "message.read" => {
            let bait = fields.get("bait");
            let bait = if bait.is_empty() { String::new() } else { format!("  bait: {bait}") };
            let (mailbox, section) = (fields.word("mailbox"), fields.get("section"));
            format!("{mailbox} uid {} [{section}] {} octets{bait}", fields.get("uid"), fields.get("bytes"))
        }
        "search.run" => {
            format!(
                "{} for {}: {} found",
                fields.word("mailbox"),
                fields.get("criteria"),
                fields.get("matches")
            )
        }
        "protocol.violation" => format!("{}  {}", fields.get("what"), fields.get("line")),
        // An event of a newer Honeypost: all it has.
        _ => fields.0.iter().fold(String::new(), |mut text, (name, value)| {
            let gap = if text.is_empty() { "" } else { " " };
            write!(text, "{gap}{}={}", escape(name), shown(value)).expect("writing to a string");
            text
        }),
    }
}

fn duration(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0..10 => format!("{seconds}.{} s", millis % 1000 / 100),
        10..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use event::{CloseReason, Event, Text};

    use super::*;
    use crate::pipeline::tests::attribution;

    fn shown(event: &Event, colours: bool) -> String {
        let mut attribution = attribution();
        attribution.session = "018bcfe5-687b-7000-8000-000000000001".parse().expect("an id");
        let header = Header {
            id: uuid::Uuid::nil(),
            time: "2026-11-23T18:04:05Z".parse().expect("a time"),
            event: event.name(),
            seq: 0,
            attribution: &attribution,
        };
        let fields = serde_json::to_string(event).expect("JSON");
        line(&header, &fields, &Style { zone: TimeZone::UTC, colours })
    }

    const START: &str = "11-23 18:04:05  192.0.2.1        imap  018bcfe5-687b  ";

    #[test]
    fn every_event_tells_its_story() {
        let text = |text: &'static str| Text::from(text);
        for (event, told) in [
            (Event::SessionOpened { personality: "decnet".into() }, "session.opened      decnet"),
            (
                Event::SessionClosed {
                    reason: CloseReason::Peer,
                    bytes_in: 3,
                    bytes_out: 4,
                    duration_ms: 1234,
                },
                "session.closed      peer after 1.2 s, 3 octets in, 4 out",
            ),
            (
                Event::AuthSucceeded { mechanism: "LOGIN", username: text("admin"), password: text("a b") },
                "auth.succeeded      admin / \"a b\" (LOGIN)",
            ),
            (
                Event::CommandReceived {
                    verb: text("LOGIN"),
                    line: text("A1 LOGIN {5}\r\nadmin x"),
                    state: "NOT_AUTHENTICATED",
                    status: "OK",
                },
                "command.received    OK   A1 LOGIN {5}\\r\\nadmin x",
            ),
            (
                Event::MailboxSelected { mailbox: "INBOX".into(), read_only: true },
                "mailbox.selected    INBOX (read-only)",
            ),
            (
                Event::MessageRead {
                    mailbox: "INBOX".into(),
                    uid: 5,
                    section: text(""),
                    bytes: 1234,
                    bait: vec!["root-password".into()],
                },
                "message.read        INBOX uid 5 [] 1234 octets  bait: root-password",
            ),
            (
                Event::SearchRun { mailbox: "INBOX".into(), criteria: text("TEXT password"), matches: 2 },
                "search.run          INBOX for TEXT password: 2 found",
            ),
            (
                Event::ProtocolViolation { what: "unfinished", line: text("A1 LOG") },
                "protocol.violation  unfinished  A1 LOG",
            ),
        ] {
            assert_eq!(shown(&event, false), format!("{START}{told}"));
        }
    }

    #[test]
    fn an_intruder_cannot_write_to_the_terminal() {
        let hostile = "\x1b[2J\u{202e}\u{9b}1m\r\n";
        let event = Event::AuthFailed {
            mechanism: "PLAIN",
            username: hostile.into(),
            password: Text::copy(b"\x1b\xff"),
        };
        let line = shown(&event, false);
        assert!(!line.chars().any(|character| character.is_control() || character == '\u{202e}'), "{line:?}");
        assert!(line.ends_with("\\x1b[2J\\u{202e}\\x9b1m\\r\\n / \\x1b\u{fffd} (PLAIN)"), "{line}");
    }

    #[test]
    fn a_long_text_is_cut() {
        let event = Event::ProtocolViolation {
            what: "line-too-long",
            line: Text::copy("é".repeat(4000).as_bytes()),
        };
        let line = shown(&event, false);
        assert!(line.ends_with("éé... (8000 octets)") && line.chars().count() < 520, "{line}");
    }

    #[test]
    fn colours_surround_only_our_own_words() {
        let event = Event::AuthFailed { mechanism: "PLAIN", username: "a".into(), password: "b".into() };
        assert!(shown(&event, true).contains("\x1b[31mauth.failed       \x1b[0m  a / b (PLAIN)"));
    }

    #[test]
    fn an_unknown_event_shows_what_it_has() {
        let attribution = attribution();
        let header = Header {
            id: uuid::Uuid::nil(),
            time: "2026-11-23T18:04:05Z".parse().expect("a time"),
            event: "later.thing",
            seq: 0,
            attribution: &attribution,
        };
        let shown =
            line(&header, r#"{"a":1,"b\u001b":"\u001bx"}"#, &Style { zone: TimeZone::UTC, colours: false });
        assert!(shown.ends_with("later.thing         a=1 b\\x1b=\\x1bx"), "{shown}");
    }
}
