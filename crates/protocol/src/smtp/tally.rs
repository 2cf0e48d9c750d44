//! What is counted of a message as it comes: its octets, and how many hosts it has been through.

use crate::session::Abandoned;
use crate::smtp::hops::Hops;
use crate::smtp::texts::{Limits, Phrase};

/// What there is of a message so far.
#[derive(Debug, Clone, Copy)]
pub struct Tally {
    size: Size,
    hops: Hops,
}

impl Tally {
    /// Of a message of DATA.
    pub fn of_data() -> Self {
        Self { size: Size::default(), hops: Hops::of_data() }
    }

    /// Of a message in chunks.
    pub fn of_chunks() -> Self {
        Self { size: Size::default(), hops: Hops::of_chunks() }
    }

    /// More of the message.
    pub fn add(&mut self, octets: &[u8], limits: &Limits) {
        self.size.add(octets, limits.line);
        self.hops.add(octets, limits.line);
    }

    /// The size of its lines; where it is `whole`, the last one counts also without its end.
    pub fn octets(&self, whole: bool) -> u64 {
        if whole { self.size.octets() } else { self.size.lines }
    }

    /// Why it is not taken, and what is answered.
    pub fn refusal(&self, limits: &Limits, whole: bool) -> Option<(Phrase, Abandoned)> {
        // The host that takes it is one more.
        let hops = self.hops.received().saturating_add(1);
        if self.octets(whole) > limits.message {
            Some((Phrase::MessageTooBig, Abandoned::TooLarge))
        } else if whole && limits.hops.is_some_and(|most| hops >= most) {
            Some((Phrase::TooManyHops, Abandoned::TooManyHops))
        } else {
            None
        }
    }
}

/// The size of a message as Postfix counts it: its lines, and two octets for the end of each. A line over the limit on lines
/// is several.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    lines: u64,
    /// Octets of the line under way.
    line: usize,
    /// How many CRs it ends with.
    returns: usize,
}

/// What a line end counts.
const LINE_END: u64 = 2;

impl Size {
    fn add(&mut self, octets: &[u8], longest: usize) {
        let mut rest = octets;
        while let Some(first) = rest.first() {
            // Only the LF of a CR LF still belongs to a line that is full.
            if self.line >= longest && !(*first == b'\n' && self.returns > 0) {
                self.end(0);
            }
            let room = longest.saturating_sub(self.line).max(1);
            let (here, behind) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            let Some(end) = memchr::memchr(b'\n', here) else {
                self.part(here);
                rest = behind;
                continue;
            };
            self.part(here.get(..end).unwrap_or_default());
            self.end(self.returns);
            rest = rest.get(end.saturating_add(1)..).unwrap_or_default();
        }
    }

    fn part(&mut self, part: &[u8]) {
        let others = part.iter().rposition(|byte| *byte != b'\r');
        let returns = part.len().saturating_sub(others.map_or(0, |last| last.saturating_add(1)));
        self.returns = if others.is_some() { returns } else { self.returns.saturating_add(returns) };
        self.line = self.line.saturating_add(part.len());
    }

    /// The line ends; so many of its octets are part of the end.
    fn end(&mut self, returns: usize) {
        let content = self.line.saturating_sub(returns) as u64;
        *self =
            Self { lines: self.lines.saturating_add(content).saturating_add(LINE_END), ..Self::default() };
    }

    fn octets(&self) -> u64 {
        let last = if self.line == 0 { 0 } else { (self.line as u64).saturating_add(LINE_END) };
        self.lines.saturating_add(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each as Postfix 3.7.11 answered it.
    #[test]
    fn sizes_as_postfix_counts_them() {
        let size = |pieces: &[&[u8]]| {
            let mut size = Size::default();
            for piece in pieces {
                size.add(piece, 2048);
            }
            size.octets()
        };
        assert_eq!(size(&[b"Subject: x\r\n\r\n"]), 14);
        assert_eq!(size(&[b"Subject: x\r\n", b"\r\nabc", b"d\ref"]), 23);
        assert_eq!(size(&[b"a\r", b"\r", b"\nb\n"]), 6);
        assert_eq!(size(&[]), 0);
        for (length, expected) in [(2047, 2049), (2048, 2052), (20_000, 20_020), (70_003, 70_073)] {
            let line = [&vec![b'x'; length][..], b"\r\n"].concat();
            assert_eq!(size(&[&line]), expected, "{length}");
            let pieces: Vec<&[u8]> = line.chunks(7).collect();
            assert_eq!(size(&pieces), expected, "{length} in pieces");
        }
    }
}
