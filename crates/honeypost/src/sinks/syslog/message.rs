//! One event as one message of RFC 5424.

use event::{Event, Header, Record, write_line};

use crate::config::sinks::Facility;

/// The structured data's name: 32473 is the enterprise number for documentation (RFC 5612).
const ELEMENT: &str = "honeypost@32473";

/// Writes messages.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    facility: u8,
    /// HOSTNAME: the sensor.
    host: String,
    process: u32,
    largest: usize,
}

impl Writer {
    /// A writer of messages of so many octets at the most.
    pub(super) fn new(facility: Facility, sensor: &str, largest: usize) -> Self {
        Self { facility: code(facility), host: sensor.to_owned(), process: std::process::id(), largest }
    }

    /// Writes a message behind what is there; with its length in front of it (RFC 6587 section 3.4.1) on a stream.
    pub(super) fn write(&self, record: &Record, counted: bool, out: &mut Vec<u8>) {
        let mut message = self.head(record).into_bytes();
        let head = message.len();
        record.write_json(&mut message);
        if message.len() > self.largest {
            message.truncate(head);
            let header = Header {
                id: record.id,
                time: record.time,
                event: record.event.name(),
                seq: record.seq,
                attribution: &record.attribution,
            };
            write_line(&header, br#"{"truncated":true}"#, &mut message);
        }
        if counted {
            out.extend_from_slice(format!("{} ", message.len()).as_bytes());
        }
        out.append(&mut message);
    }

    /// Everything in front of MSG (RFC 5424 section 6).
    fn head(&self, record: &Record) -> String {
        let Self { host, process, .. } = self;
        let priority = u16::from(self.facility) * 8 + u16::from(severity(&record.event));
        let name = record.event.name();
        let session = escaped(&record.attribution.session.to_string());
        let source = escaped(&record.attribution.src.ip().to_string());
        let (time, event) = (record.time, escaped(name));
        format!(
            "<{priority}>1 {time:.6} {host} honeypost {process} {name} \
             [{ELEMENT} session=\"{session}\" event=\"{event}\" src=\"{source}\"] "
        )
    }
}

/// The numerical code (RFC 5424 section 6.2.1).
fn code(facility: Facility) -> u8 {
    match facility {
        Facility::User => 1,
        Facility::Mail => 2,
        Facility::Daemon => 3,
        Facility::Auth => 4,
        Facility::Authpriv => 10,
        Facility::Local0 => 16,
        Facility::Local1 => 17,
        Facility::Local2 => 18,
        Facility::Local3 => 19,
        Facility::Local4 => 20,
        Facility::Local5 => 21,
        Facility::Local6 => 22,
        Facility::Local7 => 23,
    }
}

/// How much an event means: 4 (warning) for what an intruder has achieved, 5 (notice) for what one tries, 6 for the rest.
fn severity(event: &Event) -> u8 {
    match event {
        Event::MessageRead { bait, .. } if !bait.is_empty() => 4,
        Event::AuthSucceeded { .. } | Event::MailReceived { .. } | Event::ProtocolViolation { .. } => 4,
        Event::AuthFailed { .. }
        | Event::MessageRead { .. }
        | Event::SearchRun { .. }
        | Event::MailboxSelected { .. }
        | Event::MailboxAppended { .. }
        | Event::MailEnvelope { .. }
        | Event::MailRefused { .. } => 5,
        _ => 6,
    }
}

/// A PARAM-VALUE (RFC 5424 section 6.3.3).
fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if let '"' | '\\' | ']' = character {
            shown.push('\\');
        }
        shown.push(character);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped() {
        assert_eq!(escaped(r#"a"b\c]d[e"#), r#"a\"b\\c\]d[e"#);
    }
}
