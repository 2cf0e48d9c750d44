//! What was said, as lines for people. Everything in it is somebody else's: it is made visible and bounded here.
//!
//! A line of theirs cannot pass for one of ours: each begins with a time and a mark, `C:` or `S:` for what was said, `C|` or
//! `S|` for what a literal or a message holds, `--` for our own notes.

use std::borrow::Cow;
use std::fmt::Write as _;

use jiff::Timestamp;

use super::dialogue::Side;
use super::lines::{Entry, Said, Times};
use crate::terminal::{escape, escape_only_deceiving};

/// Lines of a literal or a message that are shown.
const FOLD: usize = 40;
/// Octets of a line that are shown.
const LONG: usize = 1000;
/// Octets in a line of a hexdump.
const ROW: usize = 16;
/// Lines of a hexdump that are shown.
const ROWS: usize = 4;

/// How it looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// What times are relative to.
    pub(super) start: Timestamp,
    /// Whether to use colours.
    pub(super) colours: bool,
    /// Whether nothing is folded or cut.
    pub(super) full: bool,
}

/// Something to show at a time: one or more whole lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// When; without, right behind the one before.
    pub(super) time: Option<Timestamp>,
    /// The lines, with their ends.
    pub(super) text: String,
}

/// What stands between the time and the text.
#[derive(Debug, Clone, Copy)]
enum Mark {
    Said(Side),
    Holds(Side),
    Note,
}

impl Style {
    /// An entry's lines.
    pub(super) fn entry(&self, entry: &Entry) -> Vec<Piece> {
        let one = |mark, text: &str| vec![self.piece(entry.time, mark, text)];
        match &entry.said {
            Said::Line { side, octets, decoded } => {
                let mut pieces = self.lines(octets, &|_| entry.time, Mark::Said(*side));
                if let (Some(decoded), Some(piece)) = (decoded, pieces.last_mut()) {
                    let (on, off) = if self.colours { ("\x1b[1;35m", "\x1b[0m") } else { ("", "") };
                    let shown = self.cut(decoded, exchange);
                    piece.text.truncate(piece.text.trim_end_matches('\n').len());
                    writeln!(piece.text, "  {on}= {shown}{off}").expect("writing to a string");
                }
                pieces
            }
            Said::Block { side, octets, times } => self.block(*side, octets, times, entry.time),
            Said::Status(status) => one(Mark::Said(Side::Server), &escape(status)),
            Said::ClientHello(octets) => one(Mark::Note, &format!("TLS ClientHello, {octets} octets")),
            Said::Unsent(octets) => {
                one(Mark::Note, &format!("the peer did not take the last {octets} octets"))
            }
        }
    }

    /// A note of ours.
    pub(super) fn note(&self, time: Option<Timestamp>, text: &str) -> Piece {
        let shown = time.map_or_else(String::new, |time| self.relative(time));
        Piece { time, text: self.line(&shown, Mark::Note, text) }
    }

    fn block(&self, side: Side, octets: &[u8], times: &Times, first: Timestamp) -> Vec<Piece> {
        self.lines(octets, &|offset| times.at(offset).unwrap_or(first), Mark::Holds(side))
    }

    /// Octets as lines of text, or as a hexdump.
    fn lines(&self, octets: &[u8], time: &dyn Fn(usize) -> Timestamp, mark: Mark) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut offset = 0;
        let most = if self.full { usize::MAX } else { FOLD };
        if is_binary(octets) {
            let rows = if self.full { usize::MAX } else { ROWS };
            for row in octets.chunks(ROW).take(rows) {
                pieces.push(self.piece(time(offset), mark, &hexdump(offset, row)));
                offset += row.len();
            }
            if offset < octets.len() {
                let rest = size(octets.len() - offset);
                pieces.push(self.piece(time(offset), Mark::Note, &format!("… {rest} more (--full)")));
            }
            return pieces;
        }
        for line in octets.split_inclusive(|octet| *octet == b'\n').take(most) {
            let text = match mark {
                Mark::Holds(_) => self.whole_line(line, content),
                _ => self.whole_line(line, |octets| visible(octets, escape)),
            };
            pieces.push(self.piece(time(offset), mark, &text));
            offset += line.len();
        }
        let rest = octets.get(offset..).unwrap_or_default();
        if !rest.is_empty() {
            let lines = memchr::memchr_iter(b'\n', rest).count() + usize::from(!rest.ends_with(b"\n"));
            let lines = if lines == 1 { "1 more line".to_owned() } else { format!("{lines} more lines") };
            let note = format!("… {lines}, {} (--full)", size(rest.len()));
            pieces.push(self.piece(time(offset), Mark::Note, &note));
        }
        pieces
    }

    /// A line without the end that lines have; another one is shown.
    fn whole_line(&self, line: &[u8], show: impl Fn(&[u8]) -> String) -> String {
        match line.strip_suffix(b"\n") {
            Some(line) => match line.strip_suffix(b"\r") {
                Some(line) => self.cut(line, show),
                None => self.cut(line, show) + &self.ours("\\n"),
            },
            None => self.cut(line, show),
        }
    }

    /// The octets, shown, and cut where they are many.
    fn cut(&self, octets: &[u8], show: impl Fn(&[u8]) -> String) -> String {
        let Some(mut first) = octets.get(..LONG).filter(|_| !self.full && octets.len() > LONG) else {
            return show(octets);
        };
        // Not in the middle of a character.
        while let Some((_, before)) = first.split_last()
            && octets.get(first.len()).is_some_and(|octet| octet & 0xc0 == 0x80)
            && first.len() + 4 > LONG
        {
            first = before;
        }
        let note = format!("… {} more (--full)", size(octets.len() - first.len()));
        format!("{}{}", show(first), self.ours(&note))
    }

    /// Words of ours in a line of theirs.
    fn ours(&self, text: &str) -> String {
        if self.colours { format!("\x1b[0;2m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn piece(&self, time: Timestamp, mark: Mark, text: &str) -> Piece {
        Piece { time: Some(time), text: self.line(&self.relative(time), mark, text) }
    }

    fn line(&self, time: &str, mark: Mark, text: &str) -> String {
        let (sign, colour) = match mark {
            Mark::Said(Side::Client) => ("C: ", "\x1b[33m"),
            Mark::Said(Side::Server) => ("S: ", "\x1b[36m"),
            Mark::Holds(Side::Client) => ("C|   ", "\x1b[2;33m"),
            Mark::Holds(Side::Server) => ("S|   ", "\x1b[2;36m"),
            Mark::Note => ("-- ", "\x1b[2m"),
        };
        let sign = if text.is_empty() { sign.trim_end() } else { sign };
        if self.colours {
            format!("\x1b[2m{time:>10}\x1b[0m  {colour}{sign}{text}\x1b[0m\n")
        } else {
            format!("{time:>10}  {sign}{text}\n")
        }
    }

    /// Seconds since the session began, with milliseconds.
    fn relative(&self, time: Timestamp) -> String {
        let millis = time.as_millisecond().saturating_sub(self.start.as_millisecond());
        let sign = if millis < 0 { "-" } else { "" };
        let millis = millis.unsigned_abs();
        format!("{sign}{}.{:03}", millis / 1000, millis % 1000)
    }
}

/// So many octets, in words.
pub(super) fn size(octets: usize) -> String {
    match octets {
        1 => "1 octet".to_owned(),
        0..1000 => format!("{octets} octets"),
        1000..1_000_000 => format!("{} kB", octets.saturating_add(500) / 1000),
        _ => format!("{} MB", octets.saturating_add(500_000) / 1_000_000),
    }
}

/// Octets as text; those that are not UTF-8 as `\xff`.
fn visible(octets: &[u8], show: impl Fn(&str) -> Cow<'_, str>) -> String {
    let mut shown = String::with_capacity(octets.len());
    for chunk in octets.utf8_chunks() {
        shown.push_str(&show(chunk.valid()));
        for octet in chunk.invalid() {
            write!(shown, "\\x{octet:02x}").expect("writing to a string");
        }
    }
    shown
}

/// A line of a message: backslashes and tabs as they are, as `honeypost bait show` has them.
fn content(octets: &[u8]) -> String {
    let tabs = octets.split(|octet| *octet == b'\t');
    tabs.map(|text| visible(text, escape_only_deceiving)).collect::<Vec<_>>().join("\t")
}

/// What a SASL exchange says; NUL, which parts the words of PLAIN, as `\0`.
fn exchange(octets: &[u8]) -> String {
    let words = octets.split(|octet| *octet == 0);
    words.map(|word| visible(word, escape)).collect::<Vec<_>>().join("\\0")
}

/// Whether octets are no text: many of them are control characters or no UTF-8.
fn is_binary(octets: &[u8]) -> bool {
    let strange =
        |text: &str| text.chars().filter(|it| it.is_control() && !matches!(it, '\t' | '\r' | '\n')).count();
    let count: usize = octets.utf8_chunks().map(|chunk| strange(chunk.valid()) + chunk.invalid().len()).sum();
    count > 1 && count.saturating_mul(10) > octets.len().saturating_mul(3)
}

fn hexdump(offset: usize, row: &[u8]) -> String {
    let hex: Vec<String> = row.iter().map(|octet| format!("{octet:02x}")).collect();
    let text: String =
        row.iter().map(|octet| if matches!(octet, b' '..=b'~') { char::from(*octet) } else { '.' }).collect();
    format!("{offset:06x}  {:<width$}  |{text}|", hex.join(" "), width = ROW * 3 - 1)
}

#[cfg(test)]
mod tests;
