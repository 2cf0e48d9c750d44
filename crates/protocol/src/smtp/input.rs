//! What has arrived and is not dealt with yet: lines of bounded length, or plain octets.
//!
//! Unlike `framing.rs` this has no literals, and a line over the limit is not the end of anything: as Postfix does it,
//! its beginning is the command and the rest is thrown away.

use bytes::{Bytes, BytesMut};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its octets, without LF and the CRs before it.
    pub text: Bytes,
    /// Whether it was longer than the limit: this is its beginning.
    pub cut: bool,
}

/// The octets that have arrived. Holds no memory while it is empty, and never more than a limit and one call's input.
#[derive(Debug, Default)]
pub struct Input {
    buffer: BytesMut,
    /// How far it has been searched for a line end.
    searched: usize,
    /// The beginning of a line over the limit, whose end has not come.
    kept: Option<Bytes>,
}

impl Input {
    /// Appends what arrived.
    pub fn push(&mut self, octets: &[u8]) {
        self.buffer.extend_from_slice(octets);
    }

    /// The beginning of a line whose end has not come.
    pub fn rest(&self) -> &[u8] {
        self.kept.as_deref().unwrap_or(&self.buffer)
    }

    /// Throws away what is not dealt with yet, and tells what it was.
    pub fn discard(&mut self) -> Bytes {
        std::mem::take(self).buffer.freeze()
    }

    /// Whether nothing has arrived that is not dealt with.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Takes the next line, of at most `limit` octets.
    pub fn line(&mut self, limit: usize) -> Option<Line> {
        let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
        let Some(found) = memchr::memchr(b'\n', unsearched) else {
            // One octet more may be the CR of the line end.
            if self.kept.is_none() && self.buffer.len() > limit.saturating_add(1) {
                self.kept = Some(Bytes::copy_from_slice(self.buffer.get(..limit).unwrap_or_default()));
            }
            if self.kept.is_some() {
                self.buffer = BytesMut::new();
            }
            self.searched = self.buffer.len();
            return None;
        };
        let whole = self.take(self.searched.saturating_add(found).saturating_add(1));
        if let Some(text) = self.kept.take() {
            return Some(Line { text, cut: true });
        }
        let content = whole.strip_suffix(b"\n").unwrap_or(&whole);
        if content.strip_suffix(b"\r").unwrap_or(content).len() > limit {
            return Some(Line { text: whole.slice(..limit), cut: true });
        }
        let length = content.iter().rposition(|byte| *byte != b'\r').map_or(0, |last| last.saturating_add(1));
        Some(Line { text: whole.slice(..length), cut: false })
    }

    /// Takes at most this many octets as they are.
    pub fn take(&mut self, most: usize) -> Bytes {
        let octets = self.buffer.split_to(most.min(self.buffer.len())).freeze();
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
        self.searched = 0;
        octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8], chunk: usize) -> Vec<Line> {
        let mut buffer = Input::default();
        let mut found = Vec::new();
        for piece in input.chunks(chunk) {
            buffer.push(piece);
            while let Some(line) = buffer.line(10) {
                found.push(line);
            }
        }
        found
    }

    #[test]
    fn any_split_gives_the_same_lines() {
        let input = b"NOOP\r\nrset\n\r\n0123456789\r\n01234567890\n0123456789\r\r\n012345678901234\r\na\rb\r\r\nx\r\n";
        let line = |text: &'static [u8], cut| Line { text: Bytes::from_static(text), cut };
        let whole = lines(input, input.len());
        let expected = [
            line(b"NOOP", false),
            line(b"rset", false),
            line(b"", false),
            line(b"0123456789", false),
            line(b"0123456789", true),
            line(b"0123456789", true),
            line(b"0123456789", true),
            line(b"a\rb", false),
            line(b"x", false),
        ];
        assert_eq!(whole, expected);
        for chunk in 1..input.len() {
            assert_eq!(lines(input, chunk), whole, "in pieces of {chunk}");
        }
    }

    #[test]
    fn an_endless_line_takes_no_memory() {
        let mut input = Input::default();
        for _ in 0..1000 {
            input.push(&[b'x'; 1000]);
            assert_eq!(input.line(2048), None);
            assert!(input.buffer.len() <= 2049 && input.rest().len() <= 2049);
        }
        input.push(b"\r\nNOOP\r\n");
        assert_eq!(input.line(2048).map(|line| (line.text.len(), line.cut)), Some((2048, true)));
        assert_eq!(input.line(2048).map(|line| line.text), Some(Bytes::from_static(b"NOOP")));
        assert_eq!(input.buffer.capacity(), 0);
    }
}
