//! From a stream of bytes to units: lines, and commands with literals in them. Every size has a cap.
//!
//! Not here: what a unit means (`imap/command.rs`), and what is answered when a cap is passed (the sessions).

use bytes::{Bytes, BytesMut};

/// The caps that apply to the unit being read; the session picks them by its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Octets of one line, without its line end unless that counts.
    pub line: usize,
    /// Whether a line's end counts, too.
    pub line_ends: bool,
    /// Octets of one literal.
    pub literal: usize,
    /// Octets of a whole command, lines and literals together.
    pub command: usize,
}

/// What [`Framing::next`] finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unit {
    /// A whole command, with its literals and its last line end; or a whole line.
    Command(Bytes),
    /// The command read so far announces a literal (RFC 3501 section 4.3, RFC 7888). The session says
    /// [`Framing::accept_literal`] or [`Framing::refuse_literal`] before it asks for the next unit.
    Literal(Literal),
    /// A line, or the whole command, passed its cap. These are the octets kept of it; the session closes the
    /// connection or says [`Framing::skip_line`].
    TooLong(Bytes),
}

/// A literal's announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Literal {
    /// How many octets follow; [`u64::MAX`] where the number does not fit.
    pub size: u64,
    /// Whether the peer waits for our leave (`{5}`) or not (`{5+}`).
    pub synchronizing: bool,
}

/// What the next octets are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Expect {
    /// A line of the command.
    #[default]
    Line,
    /// A literal announced and not yet decided upon.
    Decision(Literal),
    /// This many octets of a literal.
    Literal(usize),
    /// This many octets of a literal, and behind them this many that are thrown away.
    Cut(usize, u64),
    /// This many octets of a literal that are thrown away.
    Discard(u64),
    /// The rest of a line that is thrown away.
    Skip,
}

/// The octets that have arrived and are not yet a unit. Holds no memory while it is empty.
#[derive(Debug, Default)]
pub struct Framing {
    buffer: BytesMut,
    /// Where the present line begins: behind the last literal of the command.
    line: usize,
    /// How far the present line has been searched for its end.
    searched: usize,
    expect: Expect,
}

impl Framing {
    /// Appends what arrived.
    pub fn push(&mut self, input: &[u8]) {
        self.buffer.extend_from_slice(input);
    }

    /// The octets that are no unit yet.
    pub fn rest(&self) -> &[u8] {
        &self.buffer
    }

    /// Throws away what is no unit yet, and tells what it was.
    pub fn discard(&mut self) -> Bytes {
        std::mem::take(self).buffer.freeze()
    }

    /// The lines and literals of the command that is being read.
    pub fn command_so_far(&self) -> &[u8] {
        self.buffer.get(..self.line).unwrap_or_default()
    }

    /// Takes the next line as it is, without regard for literals (a SASL response, `DONE`).
    pub fn next_line(&mut self, caps: &Caps) -> Option<Unit> {
        self.next_unit(caps, false)
    }

    /// Takes the next command.
    pub fn next(&mut self, caps: &Caps) -> Option<Unit> {
        self.next_unit(caps, true)
    }

    fn next_unit(&mut self, caps: &Caps, literals: bool) -> Option<Unit> {
        loop {
            match self.expect {
                Expect::Decision(literal) => return Some(Unit::Literal(literal)),
                Expect::Literal(size) => {
                    let end = self.line.saturating_add(size);
                    if self.buffer.len() < end {
                        return None;
                    }
                    self.line = end;
                    self.searched = end;
                    self.expect = Expect::Line;
                }
                Expect::Cut(keep, rest) => {
                    let end = self.line.saturating_add(keep);
                    if self.buffer.len() < end {
                        return None;
                    }
                    self.line = end;
                    self.searched = end;
                    self.expect = Expect::Discard(rest);
                }
                Expect::Discard(rest) => {
                    let here = self.buffer.len().saturating_sub(self.line);
                    let gone = usize::try_from(rest).unwrap_or(usize::MAX).min(here);
                    let mut tail = self.buffer.split_off(self.line.min(self.buffer.len()));
                    let tail = tail.split_off(gone.min(tail.len()));
                    self.buffer.extend_from_slice(&tail);
                    let left = rest.saturating_sub(gone as u64);
                    if left > 0 {
                        self.expect = Expect::Discard(left);
                        return None;
                    }
                    self.expect = Expect::Line;
                }
                Expect::Skip => {
                    let Some(end) = memchr::memchr(b'\n', &self.buffer) else {
                        self.buffer = BytesMut::new();
                        return None;
                    };
                    self.expect = Expect::Line;
                    self.take(end.saturating_add(1));
                }
                Expect::Line => match self.line(caps, literals)? {
                    Unit::Literal(literal) => self.expect = Expect::Decision(literal),
                    unit => return Some(unit),
                },
            }
        }
    }

    fn line(&mut self, caps: &Caps, literals: bool) -> Option<Unit> {
        let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
        let Some(found) = memchr::memchr(b'\n', unsearched) else {
            self.searched = self.buffer.len();
            // The CR of a line end that has not arrived whole does not count.
            let end_begins = self.buffer.ends_with(b"\r") && !caps.line_ends;
            let content = self.searched.saturating_sub(usize::from(end_begins));
            return self.over(caps, content).then(|| Unit::TooLong(self.take(self.searched)));
        };
        let end = self.searched.saturating_add(found).saturating_add(1);
        let content = trim_line_end(self.buffer.get(self.line..end).unwrap_or_default());
        let counted = if caps.line_ends { end } else { self.line.saturating_add(content.len()) };
        if self.over(caps, counted) {
            // The whole line has arrived: nothing of it is left to skip.
            let kept = self.take(end);
            self.expect = Expect::Line;
            return Some(Unit::TooLong(kept));
        }
        if literals && let Some(literal) = announced(content) {
            self.line = end;
            self.searched = end;
            return Some(Unit::Literal(literal));
        }
        Some(Unit::Command(self.take(end)))
    }

    fn over(&self, caps: &Caps, end: usize) -> bool {
        end.saturating_sub(self.line) > caps.line || end > caps.command
    }

    /// The literal's octets become part of the command.
    pub fn accept_literal(&mut self) {
        if let Expect::Decision(literal) = self.expect {
            self.expect = Expect::Literal(usize::try_from(literal.size).unwrap_or(usize::MAX));
        }
    }

    /// Of the literal's octets so many become part of the command; the rest is thrown away as it comes.
    pub fn cut_literal(&mut self, keep: usize) {
        if let Expect::Decision(literal) = self.expect {
            let keep = usize::try_from(literal.size).unwrap_or(usize::MAX).min(keep);
            self.expect = Expect::Cut(keep, literal.size.saturating_sub(keep as u64));
        }
    }

    /// The command ends with the announcement, which is its last line; what follows is the next command.
    pub fn refuse_literal(&mut self) -> Bytes {
        self.expect = Expect::Line;
        self.take(self.line)
    }

    /// After [`Unit::TooLong`]: throws away what is still to come of that line.
    pub fn skip_line(&mut self, kept: &[u8]) {
        if !kept.ends_with(b"\n") {
            self.expect = Expect::Skip;
        }
    }

    /// Takes what has come of a line, and throws away what is still to come of it.
    pub fn give_up_line(&mut self) -> Bytes {
        let kept = self.take(self.buffer.len());
        self.skip_line(&kept);
        kept
    }

    fn take(&mut self, end: usize) -> Bytes {
        let unit = self.buffer.split_to(end.min(self.buffer.len())).freeze();
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
        self.line = 0;
        self.searched = 0;
        unit
    }
}

/// The line without CRLF or LF.
pub fn trim_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The literal that a line (without its end) announces: `{n}`, `{n+}`, `~{n}` as its last argument, outside quotes.
fn announced(line: &[u8]) -> Option<Literal> {
    let digits = line.strip_suffix(b"}")?;
    let (digits, synchronizing) = match digits.strip_suffix(b"+") {
        Some(digits) => (digits, false),
        None => (digits, true),
    };
    let brace = memchr::memrchr(b'{', digits)?;
    let (before, number) = digits.split_at_checked(brace)?;
    let number = number.strip_prefix(b"{")?;
    if number.is_empty() || !number.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let before = before.strip_suffix(b"~").unwrap_or(before);
    let begins_argument = before.last().is_none_or(|byte| matches!(byte, b' ' | b'('));
    if !begins_argument || inside_quotes(before) {
        return None;
    }
    let size = std::str::from_utf8(number).ok()?.parse().unwrap_or(u64::MAX);
    Some(Literal { size, synchronizing })
}

fn inside_quotes(line: &[u8]) -> bool {
    let mut quoted = false;
    let mut bytes = line.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => quoted = !quoted,
            b'\\' if quoted => {
                bytes.next();
            }
            _ => {}
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPS: Caps = Caps { line: 40, line_ends: false, literal: 20, command: 60 };

    fn units(input: &[u8], chunk: usize) -> Vec<Unit> {
        let mut framing = Framing::default();
        let mut found = Vec::new();
        for piece in input.chunks(chunk) {
            framing.push(piece);
            while let Some(unit) = framing.next(&CAPS) {
                match &unit {
                    Unit::Literal(_) => framing.accept_literal(),
                    Unit::TooLong(kept) => framing.skip_line(kept),
                    Unit::Command(_) => {}
                }
                found.push(match unit {
                    // What was kept of a long line depends on how it arrived.
                    Unit::TooLong(_) => Unit::TooLong(Bytes::new()),
                    unit => unit,
                });
            }
        }
        found
    }

    #[test]
    fn any_split_gives_the_same_units() {
        let input = b"a NOOP\r\nb LOGIN {5}\r\nad\r\nm {3+}\r\npw\n\r\nc LOGIN \"x{3}\r\nd X{3}\r\n\
            e 0123456789012345678901234567890123456789\r\nf NOOP\n\
            g 34567890123456789012345678901234567890\r\n";
        let whole = units(input, input.len());
        let literal = |size, synchronizing| Unit::Literal(Literal { size, synchronizing });
        assert_eq!(
            whole,
            [
                Unit::Command(Bytes::from_static(b"a NOOP\r\n")),
                literal(5, true),
                literal(3, false),
                Unit::Command(Bytes::from_static(b"b LOGIN {5}\r\nad\r\nm {3+}\r\npw\n\r\n")),
                Unit::Command(Bytes::from_static(b"c LOGIN \"x{3}\r\n")),
                Unit::Command(Bytes::from_static(b"d X{3}\r\n")),
                Unit::TooLong(Bytes::new()),
                Unit::Command(Bytes::from_static(b"f NOOP\n")),
                Unit::Command(Bytes::from_static(b"g 34567890123456789012345678901234567890\r\n")),
            ]
        );
        for chunk in 1..input.len() {
            assert_eq!(units(input, chunk), whole, "in pieces of {chunk}");
        }
    }

    #[test]
    fn a_refused_literal_ends_the_command() {
        let mut framing = Framing::default();
        framing.push(b"a X {3+}\r\nb NOOP\r\n");
        assert!(matches!(framing.next(&CAPS), Some(Unit::Literal(_))));
        assert_eq!(&framing.refuse_literal()[..], b"a X {3+}\r\n");
        assert_eq!(framing.next(&CAPS), Some(Unit::Command(Bytes::from_static(b"b NOOP\r\n"))));
        assert_eq!(framing.buffer.capacity(), 0, "no memory is held while nothing is buffered");
    }

    #[test]
    fn a_cut_literal_keeps_its_beginning() {
        for chunk in [1, 3, 100] {
            let mut framing = Framing::default();
            let mut found = Vec::new();
            for piece in b"a X {30}\r\n012345678901234567890123456789 y\r\nb NOOP\r\n".chunks(chunk) {
                framing.push(piece);
                while let Some(unit) = framing.next(&CAPS) {
                    match unit {
                        Unit::Literal(_) => framing.cut_literal(4),
                        unit => found.push(unit),
                    }
                }
            }
            let command = |text| Unit::Command(Bytes::from_static(text));
            assert_eq!(found, [command(b"a X {30}\r\n0123 y\r\n"), command(b"b NOOP\r\n")]);
        }
    }

    #[test]
    fn an_endless_line_takes_no_memory() {
        let mut framing = Framing::default();
        framing.push(&[b'x'; 100]);
        let Some(Unit::TooLong(kept)) = framing.next(&CAPS) else { panic!("over the cap") };
        framing.skip_line(&kept);
        for _ in 0..1000 {
            framing.push(&[b'x'; 1000]);
            assert_eq!(framing.next(&CAPS), None);
            assert_eq!(framing.rest(), b"");
        }
    }
}
