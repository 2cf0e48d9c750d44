//! Reading a session's wire record back.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::OptionalExtension;
use uuid::Uuid;

use crate::blocks;
use crate::chain::Link;
use crate::error::StoreError;
use crate::reader::Reader;
use crate::wire::{Chunk, Wire};

/// What one block holds of a session.
pub(crate) struct Stored {
    pub(crate) block: i64,
    /// How many stretches the session has up to the end of this block.
    pub(crate) chunks: u32,
    /// The last one's link.
    pub(crate) link: Option<Link>,
    /// Number and stretch; `None` where the block is deleted, an error where it cannot be read.
    pub(crate) content: Option<Result<Vec<(u32, Chunk)>, &'static str>>,
}

impl Reader {
    /// The wire record of the session of this id; empty where there is none.
    pub fn wire(&self, session: Uuid) -> Result<Wire, StoreError> {
        let in_sqlite = |error| StoreError::sqlite(&self.path, error);
        let key = self
            .connection
            .prepare_cached("SELECT key FROM session WHERE id = ?1")
            .and_then(|mut statement| {
                statement.query_row([session.as_bytes().as_slice()], |row| row.get(0)).optional()
            })
            .map_err(in_sqlite)?;
        let mut wire = Wire::default();
        let Some(key) = key else { return Ok(wire) };
        self.each_block(key, |stored| {
            match stored.content {
                None => wire.deleted = true,
                Some(Ok(chunks)) => wire.chunks.extend(chunks.into_iter().map(|(_, chunk)| chunk)),
                Some(Err(what)) => {
                    return Err(StoreError::Block { path: self.path.clone(), block: stored.block, what });
                }
            }
            Ok(())
        })?;
        Ok(wire)
    }

    /// Hands over what each block holds of the session with this key, in their order.
    pub(crate) fn each_block(
        &self,
        session: i64,
        mut each: impl FnMut(Stored) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let in_sqlite = |error| StoreError::sqlite(&self.path, error);
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT block, part, chunks, link FROM wire_part WHERE session = ?1 ORDER BY block",
            )
            .map_err(in_sqlite)?;
        let mut rows = statement.query([session]).map_err(in_sqlite)?;
        while let Some(row) = rows.next().map_err(in_sqlite)? {
            let read = || -> rusqlite::Result<Stored> {
                let (block, part) = (row.get(0)?, row.get(1)?);
                let content = self.block(block)?.map(|unpacked| unpacked.and_then(|it| it.of_part(part)));
                Ok(Stored { block, chunks: row.get(2)?, link: Link::of(row.get_ref(3)?.as_blob()?), content })
            };
            each(read().map_err(in_sqlite)?)?;
        }
        Ok(())
    }

    /// A block, as it was last read or anew; `None` where it is deleted.
    fn block(&self, key: i64) -> rusqlite::Result<Option<Result<Arc<Unpacked>, &'static str>>> {
        let mut held = self.blocks.borrow_mut();
        if let Some((_, unpacked)) = held.iter().find(|(held, _)| *held == key) {
            return Ok(Some(Ok(Arc::clone(unpacked))));
        }
        let mut statement =
            self.connection.prepare_cached("SELECT raw, data FROM wire_block WHERE key = ?1")?;
        let read = |row: &rusqlite::Row<'_>| Ok(Unpacked::new(row.get_ref(1)?.as_blob()?, row.get(0)?));
        let unpacked = statement.query_row([key], read).optional()?;
        if let Some(Ok(unpacked)) = &unpacked {
            held.truncate(HELD - 1);
            held.push_front((key, Arc::clone(unpacked)));
        }
        Ok(unpacked)
    }
}

/// Blocks that are kept unpacked: sessions that were served at a time share theirs.
const HELD: usize = 16;

/// The blocks that were read last, the latest first.
pub(crate) type Held = RefCell<VecDeque<(i64, Arc<Unpacked>)>>;

/// A block, unpacked.
#[derive(Debug)]
pub(crate) struct Unpacked {
    raw: Vec<u8>,
    /// Where its stretches are, by part and in their order: part, where it begins.
    places: Vec<(u32, usize)>,
}

impl Unpacked {
    fn new(data: &[u8], raw: i64) -> Result<Arc<Self>, &'static str> {
        let raw = blocks::unpack(data, raw).ok_or("it cannot be decompressed")?;
        let mut places: Vec<_> =
            blocks::stretches(&raw).map(|(place, stretch)| (stretch.part, place)).collect();
        places.sort_unstable();
        Ok(Arc::new(Self { raw, places }))
    }

    /// Number and stretch of each that belongs to that part.
    fn of_part(&self, part: u32) -> Result<Vec<(u32, Chunk)>, &'static str> {
        let begin = self.places.partition_point(|(of, _)| *of < part);
        let own = self.places.iter().skip(begin).take_while(|(of, _)| *of == part);
        own.map(|(_, place)| {
            let stretch = blocks::stretches(self.raw.get(*place..).unwrap_or_default()).next();
            let (_, stretch) = stretch.ok_or("it cannot be read")?;
            let time =
                Timestamp::from_microsecond(stretch.time).map_err(|_| "it holds a time that is none")?;
            Ok((stretch.number, Chunk { time, flow: stretch.flow, octets: stretch.octets.to_vec() }))
        })
        .collect()
    }
}
