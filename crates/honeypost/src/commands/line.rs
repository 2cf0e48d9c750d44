//! An event as one line for people: aligned, and with everything an intruder wrote made harmless.
//!
//! A text of theirs cannot pass for words of ours: a backslash in it is doubled, in the middle of a line it stands in
//! quotes wherever its end would be unclear, and what is bare goes on to the end of the line.

use std::fmt::Write as _;

use event::Header;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use crate::terminal::{escape, quoted};

/// Characters of a session's id that are shown, its last: 48 random bits. `--session` takes them.
const SESSION: usize = 12;
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
    let time = header.time.to_zoned_datetime(style.zone.clone()).strftime("%Y-%m-%d %H:%M:%S%:z").to_string();
    let source = header.attribution.src.ip().to_string();
    let session = header.attribution.session.to_string();
    let session = session.get(session.len().saturating_sub(SESSION)..).unwrap_or_default();
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
        "auth.failed" | "protocol.violation" | "tls.failed" => "\x1b[31m",
        "message.read" => "\x1b[33m",
        "mail.received" | "mailbox.appended" => "\x1b[35m",
        "search.run" | "mailbox.selected" => "\x1b[36m",
        _ => "",
    }
}

/// The fields of an event, harmless.
struct Fields<'a>(&'a Map<String, Value>);

impl Fields<'_> {
    fn get(&self, name: &str) -> String {
        self.0.get(name).map(to_the_end).unwrap_or_default()
    }

    /// One word among others.
    fn word(&self, name: &str) -> String {
        self.within(name, &[' ', '/'])
    }

    /// From whom to whom.
    fn addresses(&self) -> String {
        let recipients = self.0.get("rcpt_to").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let recipients = recipients.iter().filter_map(Value::as_str);
        let recipients: Vec<String> = recipients.map(|address| whole(address, &[' ', '>', ','])).collect();
        // The null sender is empty, and needs no quotes between angle brackets.
        let sender = Some(self.within("mail_from", &[' ', '>'])).filter(|sender| sender != "\"\"");
        let sender = sender.unwrap_or_default();
        if recipients.is_empty() {
            format!("<{sender}>")
        } else {
            format!("<{sender}> to {}", recipients.join(", "))
        }
    }

    /// In quotes where one of these or a quote is in it.
    fn within(&self, name: &str, breaks: &[char]) -> String {
        self.0.get(name).and_then(Value::as_str).map(|text| whole(text, breaks)).unwrap_or_default()
    }
}

/// A value behind which nothing stands.
fn to_the_end(value: &Value) -> String {
    match value {
        Value::String(text) => cut(text, |text| escape(text).into_owned()),
        other => among_others(other),
    }
}

/// A value behind which others may stand.
fn among_others(value: &Value) -> String {
    match value {
        Value::String(text) => whole(text, &[' ', '=']),
        Value::Array(items) => items.iter().map(among_others).collect::<Vec<_>>().join(" "),
        other => escape(&other.to_string()).into_owned(),
    }
}

fn whole(text: &str, breaks: &[char]) -> String {
    cut(text, |text| quoted(text, breaks).into_owned())
}

/// The text, shown, and cut where it is long: the whole of it is in `events --json`. A single backslash is none of theirs.
fn cut(text: &str, shown: impl Fn(&str) -> String) -> String {
    match text.char_indices().nth(MOST) {
        None => shown(text),
        Some((end, _)) => {
            format!("{}\\... ({} octets)", shown(text.get(..end).unwrap_or_default()), text.len())
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
            let mailbox = fields.word("mailbox");
            let section = fields.0.get("section").and_then(Value::as_str).unwrap_or_default();
            let section = if section.is_empty() { String::new() } else { whole(section, &['[', ']']) };
            format!("{mailbox} uid {} [{section}] {} octets{bait}", fields.get("uid"), fields.get("bytes"))
        }
        "search.run" => {
            format!(
                "{} for {}: {} found",
                fields.word("mailbox"),
                fields.within("criteria", &[':']),
                fields.get("matches")
            )
        }
        "mail.envelope" => {
            let verdict =
                if fields.0.get("accepted") == Some(&Value::Bool(true)) { "taken" } else { "refused" };
            format!("{verdict}  {}", fields.addresses())
        }
        "mail.received" => {
            let count = |name: &str| fields.0.get(name).and_then(Value::as_array).map_or(0, Vec::len);
            let mut text = format!("{}  {}", fields.word("queue_id"), fields.addresses());
            write!(text, "  {} octets", fields.get("size")).expect("writing to a string");
            for (name, what) in [("attachments", "attachments"), ("urls", "URLs")] {
                if count(name) > 0 {
                    write!(text, ", {} {what}", count(name)).expect("writing to a string");
                }
            }
            format!("{text}: {}", fields.get("subject"))
        }
        "mailbox.appended" => {
            let place = format!("{} uid {}", fields.word("mailbox"), fields.get("uid"));
            format!("{place}  {} octets: {}", fields.get("bytes"), fields.get("subject"))
        }
        "mail.refused" => {
            format!("{}  {}  {} octets", fields.word("reason"), fields.addresses(), fields.get("size"))
        }
        "tls.negotiated" => {
            let mut text = format!("{} {}", fields.word("version"), fields.word("cipher"));
            for (name, what) in [("sni", "for"), ("ja4", "ja4")] {
                if !fields.get(name).is_empty() {
                    write!(text, "  {what} {}", fields.word(name)).expect("writing to a string");
                }
            }
            text
        }
        "tls.failed" => {
            let ja4 = fields.get("ja4");
            let ja4 = if ja4.is_empty() { ja4 } else { format!("  ja4 {}", fields.word("ja4")) };
            format!("{}{ja4}  {}", fields.word("reason"), fields.get("detail"))
        }
        "protocol.violation" => format!("{}  {}", fields.get("what"), fields.get("line")),
        // An event of a newer Honeypost: all it has.
        _ => fields.0.iter().fold(String::new(), |mut text, (name, value)| {
            let gap = if text.is_empty() { "" } else { " " };
            write!(text, "{gap}{}={}", whole(name, &[' ', '=']), among_others(value))
                .expect("writing to a string");
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
mod tests;
