//! The wire record in the database: blocks, each with stretches of many sessions, compressed together.
//!
//! What sessions say is much alike, so together it compresses far better than each alone, and a transaction needs one row
//! for all of it. Uncompressed, a block is stretch after stretch, little-endian:
//!
//! ```text
//! part u32 | number u32 | time i64 µs | flow u8 | length u32 | octets
//! ```

use std::collections::HashMap;

use rusqlite::{Transaction, params};
use zstd::bulk::{Compressor, Decompressor};

use crate::chain::Link;
use crate::payload::{Input, WirePayload};
use crate::wire::Flow;

/// Octets from which on a block is finished.
const BLOCK: usize = 256 << 10;
/// No block is larger, uncompressed: what the largest frame and a block before it may give.
const MOST: usize = BLOCK + crate::frame::MAX_PAYLOAD + 64;
/// zstd's fastest ordinary level: more costs the server more than it saves on the disk.
const LEVEL: i32 = 1;

/// Compresses, with what it has once set up.
pub(crate) struct Press(Compressor<'static>);

impl Press {
    pub(crate) fn new() -> std::io::Result<Self> {
        Compressor::new(LEVEL).map(Self)
    }
}

impl std::fmt::Debug for Press {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Press")
    }
}

/// The block that a transaction fills.
#[derive(Debug, Default)]
pub(crate) struct Filling {
    raw: Vec<u8>,
    parts: HashMap<i64, Part>,
}

/// A session's place in a block.
#[derive(Debug, Clone, Copy)]
struct Part {
    number: u32,
    chunks: u32,
    link: Link,
}

impl Filling {
    /// Adds a stretch of that session.
    pub(crate) fn add(&mut self, session: i64, wire: &WirePayload<'_>, link: Link) {
        let next = u32::try_from(self.parts.len()).unwrap_or(u32::MAX);
        let part = self.parts.entry(session).or_insert(Part { number: next, chunks: 0, link });
        (part.chunks, part.link) = (wire.number.saturating_add(1), link);
        let length = u32::try_from(wire.octets.len()).unwrap_or(u32::MAX);
        self.raw.extend_from_slice(&part.number.to_le_bytes());
        self.raw.extend_from_slice(&wire.number.to_le_bytes());
        self.raw.extend_from_slice(&wire.time.to_le_bytes());
        self.raw.push(wire.flow.code());
        self.raw.extend_from_slice(&length.to_le_bytes());
        self.raw.extend_from_slice(wire.octets);
    }

    /// How many stretches that session has up to what is here; 0 where nothing of it is.
    pub(crate) fn chunks(&self, session: i64) -> u32 {
        self.parts.get(&session).map_or(0, |part| part.chunks)
    }

    /// Whether it is large enough to be stored.
    pub(crate) fn is_full(&self) -> bool {
        self.raw.len() >= BLOCK
    }

    /// Stores it, if there is anything in it, and is empty then. Gives the octets that it takes.
    pub(crate) fn store(&mut self, press: &mut Press, to: &Transaction<'_>) -> rusqlite::Result<u64> {
        if self.raw.is_empty() {
            return Ok(0);
        }
        let data = press
            .0
            .compress(&self.raw)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        let block = to
            .prepare_cached("INSERT INTO wire_block (sessions, raw, size, data) VALUES (?1, ?2, ?3, ?4)")?
            .insert(params![number(self.parts.len()), number(self.raw.len()), number(data.len()), data])?;
        let mut insert = to.prepare_cached("INSERT INTO wire_part VALUES (?1, ?2, ?3, ?4, ?5)")?;
        for (session, part) in self.parts.drain() {
            insert.execute(params![session, block, part.number, part.chunks, part.link.octets()])?;
        }
        self.raw.clear();
        Ok(data.len() as u64)
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A stretch in a block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InBlock<'a> {
    pub(crate) part: u32,
    pub(crate) number: u32,
    /// Microseconds since 1970.
    pub(crate) time: i64,
    pub(crate) flow: Flow,
    pub(crate) octets: &'a [u8],
}

/// The octets of a block; `None` where they cannot have been written so.
pub(crate) fn unpack(data: &[u8], raw: i64) -> Option<Vec<u8>> {
    let raw = usize::try_from(raw).ok().filter(|raw| *raw <= MOST)?;
    let unpacked = Decompressor::new().ok()?.decompress(data, raw).ok()?;
    (unpacked.len() == raw).then_some(unpacked)
}

/// The stretches of a block, each with where it begins, up to where it cannot be read.
pub(crate) fn stretches(unpacked: &[u8]) -> impl Iterator<Item = (usize, InBlock<'_>)> {
    let mut input = Input(unpacked);
    std::iter::from_fn(move || {
        let place = unpacked.len() - input.0.len();
        let stretch = InBlock {
            part: u32::from_le_bytes(input.array()?),
            number: u32::from_le_bytes(input.array()?),
            time: i64::from_le_bytes(input.array()?),
            flow: Flow::of(input.byte()?)?,
            octets: {
                let length = u32::from_le_bytes(input.array()?);
                input.octets(usize::try_from(length).ok()?)?
            },
        };
        Some((place, stretch))
    })
}
