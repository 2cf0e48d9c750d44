//! What is asked of one message: its header's fields, its dates, its lines.

use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};

use super::Problems;
use crate::message::Message;
use crate::mime::header::fields;

/// Octets of a line without its CRLF (RFC 5322 section 2.1.1).
const MAX_LINE: usize = 998;
/// How far Date and arrival may lie apart before one wonders.
const MAX_TRANSIT: SignedDuration = SignedDuration::from_hours(24);

static DATES: DateTimeParser = DateTimeParser::new();

/// The values of all fields of that name, unfolded and trimmed. What is not UTF-8 is reported by [`form`].
pub(super) fn values(message: &Message, name: &str) -> Vec<String> {
    let header = message.bytes.slice(message.header());
    let named = fields(&header).filter(|field| field.name.eq_ignore_ascii_case(name.as_bytes()));
    named.map(|field| String::from_utf8_lossy(field.value).replace("\r\n", "").trim().to_owned()).collect()
}

/// The Date header as a moment, where there is exactly one and it can be read.
pub(super) fn date(message: &Message) -> Option<Timestamp> {
    let [date] = &values(message, "Date")[..] else {
        return None;
    };
    DATES.parse_timestamp(date).ok()
}

/// What must hold at any moment: Date and Received can be read, agree with their weekdays, ascend, are not in the future.
pub(super) fn dates(file: &str, message: &Message, moment: Timestamp, problems: &mut Problems) {
    let arrival = message.internal_date.timestamp();
    for text in values(message, "Date") {
        match DATES.parse_timestamp(&text) {
            Err(error) => {
                if problems.first(file, "date") {
                    problems.error(
                        file,
                        format!("Date `{text}` is no date of RFC 5322 ({error}); write {{{{date}}}}"),
                    );
                }
            }
            Ok(date) if date > moment && problems.first(file, "future") => {
                problems.error(
                    file,
                    format!(
                        "Date `{text}` lies after the installation's moment {moment}; write {{{{date}}}}"
                    ),
                );
            }
            Ok(date)
                if date.duration_until(arrival).abs() > MAX_TRANSIT && problems.first(file, "transit") =>
            {
                let what = format!(
                    "Date `{text}` lies more than a day from the arrival {arrival}; write {{{{date}}}}"
                );
                problems.warning(file, what);
            }
            Ok(_) => {}
        }
    }
    let mut later = arrival; // of the Received above, or the delivery
    for text in values(message, "Received") {
        let stamp = text.rsplit(';').next().unwrap_or_default().trim();
        match DATES.parse_timestamp(stamp) {
            Err(error) => {
                if problems.first(file, "received") {
                    let what = format!(
                        "Received ends with `{stamp}`, no date ({error}); end it with `; {{{{received}}}}`"
                    );
                    problems.error(file, what);
                }
            }
            Ok(received) => {
                if received > moment && problems.first(file, "received future") {
                    let what = format!(
                        "Received `{stamp}` lies after the installation's moment {moment}; reduce its shift"
                    );
                    problems.error(file, what);
                } else if received > later && problems.first(file, "received order") {
                    let what = format!(
                        "Received `{stamp}` is later than the hop above it or the arrival; change its shift"
                    );
                    problems.warning(file, what);
                }
                later = received;
            }
        }
    }
}

/// What must hold once: the fields that every mail has, lines within the limit, a header in ASCII.
pub(super) fn form(file: &str, message: &Message, problems: &mut Problems) {
    for name in ["From", "Date", "Subject", "Message-ID"] {
        match values(message, name).len() {
            1 => {}
            0 => problems.error(file, format!("has no {name}; every mail has one")),
            count => problems.error(file, format!("has {count} {name} fields; one is allowed")),
        }
    }
    for line in lines(&message.bytes) {
        if line.len() > MAX_LINE {
            problems.error(file, format!("has a line of {} octets; {MAX_LINE} are allowed", line.len()));
        }
        if line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            problems.error(file, "has a bare CR, a bare LF or a NUL; end lines with a line feed".to_owned());
        }
    }
    if !message.bytes.ends_with(b"\r\n") {
        problems.warning(file, "does not end with a line feed; real mail does");
    }
    let header = message.bytes.slice(message.header());
    if !header.ends_with(b"\r\n\r\n") {
        problems.error(file, "has no empty line between header and body; put one there");
    }
    if !header.is_ascii() {
        problems.error(file, "has a header that is not ASCII; write =?UTF-8?Q?...?= (RFC 2047)");
    }
    // Printable, no space (RFC 5322 section 3.6.8).
    let is_name = |name: &[u8]| !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    for field in fields(&header).filter(|field| !is_name(field.name)) {
        let raw = String::from_utf8_lossy(field.raw);
        let line = raw.lines().next().unwrap_or_default();
        problems.error(
            file,
            format!("has a header line that is no field (`{line}`); fold with a space or a tab"),
        );
    }
}

/// The lines, without CRLF.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memmem::find(rest, b"\r\n");
        let (line, after) = end.map_or((rest, &rest[rest.len()..]), |end| (&rest[..end], &rest[end + 2..]));
        rest = after;
        Some(line)
    })
}
