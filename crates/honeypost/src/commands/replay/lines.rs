//! Chunks become what was said: lines, and what is announced by them (literals, messages), wherever the chunks were cut.
//!
//! What was said stands in the order of first octets, each with the time of its first octet. What follows a line is told by
//! `dialogue.rs`; how it looks is `render.rs`.

use std::collections::BTreeMap;
use std::slice;

use event::Protocol;
use jiff::Timestamp;
use store::{Chunk, Flow};

use super::dialogue::{Dialogue, Side, Unit, is_lone_dot};

/// Something that was said or that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// When its first octet was there.
    pub(super) time: Timestamp,
    /// What.
    pub(super) said: Said,
}

/// What was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// A line, with its end where it has one; and what it says in base64, where it is part of a SASL exchange.
    Line { side: Side, octets: Vec<u8>, decoded: Option<Vec<u8>> },
    /// A literal, a message, an answer of several lines: without the lone dot behind it.
    Block { side: Side, octets: Vec<u8>, times: Times },
    /// What was answered to a command, where only the events tell.
    Status(String),
    /// A TLS handshake of so many octets begins.
    ClientHello(usize),
    /// So many octets did not arrive.
    Unsent(usize),
}

impl Said {
    /// Who said it, or to whose saying it belongs.
    pub(super) fn side(&self) -> Side {
        match self {
            Self::Line { side, .. } | Self::Block { side, .. } => *side,
            Self::ClientHello(_) => Side::Client,
            Self::Status(_) | Self::Unsent(_) => Side::Server,
        }
    }
}

/// From which offset on octets have which time; ascending offsets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Times(Vec<(usize, Timestamp)>);

impl Times {
    /// When the octet at this offset was there.
    pub(super) fn at(&self, offset: usize) -> Option<Timestamp> {
        let later = self.0.partition_point(|(from, _)| *from <= offset);
        self.0.get(later.saturating_sub(1)).map(|(_, time)| *time)
    }

    fn note(&mut self, offset: usize, time: Timestamp) {
        if self.0.last().is_none_or(|(_, last)| *last != time) {
            self.0.push((offset, time));
        }
    }
}

/// What was said in these chunks, one after another: a long session is not held twice.
pub(super) fn entries(protocol: Protocol, chunks: &[Chunk]) -> Entries<'_> {
    let dialogue = Dialogue::new(protocol);
    let cutter = Cutter { dialogue, client: None, server: None, place: 0, count: 0, ready: BTreeMap::new() };
    Entries { chunks: chunks.iter(), cutter }
}

/// See [`entries`].
#[derive(Debug)]
pub(super) struct Entries<'a> {
    chunks: slice::Iter<'a, Chunk>,
    cutter: Cutter,
}

impl Iterator for Entries<'_> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        loop {
            if let Some(entry) = self.cutter.ready() {
                return Some(entry);
            }
            let Some(chunk) = self.chunks.next() else {
                self.cutter.end();
                return self.cutter.ready.pop_first().map(|(_, entry)| entry);
            };
            match chunk.flow {
                Flow::Received => self.cutter.take(Side::Client, chunk.time, &chunk.octets),
                Flow::Sent => self.cutter.take(Side::Server, chunk.time, &chunk.octets),
                Flow::ClientHello => self.cutter.client_hello(chunk.time, chunk.octets.len()),
                Flow::Unsent => self.cutter.unsent(chunk.time, chunk.octets.len()),
            }
        }
    }
}

/// One side's unit under way.
#[derive(Debug)]
struct Open {
    unit: Unit,
    octets: Vec<u8>,
    times: Times,
    /// Where among all octets it begins.
    place: usize,
    /// Of the line under way: its offset in `octets`, and where among all octets it begins.
    line: (usize, usize),
}

#[derive(Debug)]
struct Cutter {
    dialogue: Dialogue,
    client: Option<Open>,
    server: Option<Open>,
    /// Octets so far, of both sides: what stands in an order of first octets.
    place: usize,
    /// Entries so far.
    count: usize,
    /// What is complete, by its place, and in the order of completion where that is the same.
    ready: BTreeMap<(usize, usize), Entry>,
}

impl Cutter {
    fn open(&mut self, side: Side) -> &mut Option<Open> {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    fn take(&mut self, side: Side, time: Timestamp, mut rest: &[u8]) {
        while !rest.is_empty() {
            let mut open = match self.open(side).take() {
                Some(open) => open,
                None => Open {
                    unit: self.dialogue.next(side),
                    octets: Vec::new(),
                    times: Times::default(),
                    place: self.place,
                    line: (0, self.place),
                },
            };
            if open.octets.len() == open.line.0 {
                open.line.1 = self.place;
            }
            let wanted = match open.unit {
                Unit::Counted(number) => number.saturating_sub(open.octets.len()),
                Unit::Line | Unit::Dotted => memchr::memchr(b'\n', rest).map_or(usize::MAX, |at| at + 1),
            };
            let (now, later) = rest.split_at(wanted.min(rest.len()));
            open.times.note(open.octets.len(), time);
            open.octets.extend_from_slice(now);
            self.place += now.len();
            rest = later;
            let complete = wanted == now.len();
            match open.unit {
                Unit::Dotted if complete && !open.octets.get(open.line.0..).is_some_and(is_lone_dot) => {
                    open.line.0 = open.octets.len();
                    *self.open(side) = Some(open);
                }
                _ if complete => self.finish(side, open),
                _ => *self.open(side) = Some(open),
            }
        }
    }

    /// Complete, or as far as it came.
    fn finish(&mut self, side: Side, open: Open) {
        let Open { unit, mut octets, times, place, line } = open;
        match unit {
            Unit::Line => {
                let decoded = self.dialogue.line(side, &octets);
                self.push(place, &times, 0, Said::Line { side, octets, decoded });
            }
            Unit::Counted(_) => {
                self.push(place, &times, 0, Said::Block { side, octets, times: times.clone() });
            }
            Unit::Dotted => {
                let dot = if octets.get(line.0..).is_some_and(is_lone_dot) {
                    octets.split_off(line.0)
                } else {
                    Vec::new()
                };
                if !octets.is_empty() {
                    self.push(place, &times, 0, Said::Block { side, octets, times: times.clone() });
                }
                if !dot.is_empty() {
                    self.push(line.1, &times, line.0, Said::Line { side, octets: dot, decoded: None });
                }
            }
        }
    }

    fn push(&mut self, place: usize, times: &Times, offset: usize, said: Said) {
        if let Some(time) = times.at(offset) {
            self.insert(place, Entry { time, said });
        }
    }

    fn insert(&mut self, place: usize, entry: Entry) {
        self.ready.insert((place, self.count), entry);
        self.count += 1;
    }

    /// The next entry, if nothing can come before it any more, nor be added to it.
    fn ready(&mut self) -> Option<Entry> {
        let open = [&self.client, &self.server].into_iter().flatten().map(|open| open.place).min();
        let first = self.ready.first_entry()?;
        (first.key().0 < open.unwrap_or(self.place)).then(|| first.remove())
    }

    fn client_hello(&mut self, time: Timestamp, octets: usize) {
        if self.client.is_none()
            && self.server.is_none()
            && let Some(mut last) = self.ready.last_entry()
            && let Said::ClientHello(so_far) = &mut last.get_mut().said
        {
            *so_far += octets;
            return;
        }
        self.end();
        self.dialogue.reset();
        self.insert(self.place, Entry { time, said: Said::ClientHello(octets) });
    }

    fn unsent(&mut self, time: Timestamp, octets: usize) {
        self.end();
        if let Some(mut last) = self.ready.last_entry()
            && let Said::Unsent(so_far) = &mut last.get_mut().said
        {
            *so_far += octets;
            return;
        }
        self.insert(self.place, Entry { time, said: Said::Unsent(octets) });
    }

    /// What is unfinished is shown as far as it came.
    fn end(&mut self) {
        for side in [Side::Client, Side::Server] {
            if let Some(open) = self.open(side).take() {
                self.finish(side, open);
            }
        }
    }
}

#[cfg(test)]
mod tests;
