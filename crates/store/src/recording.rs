//! Reading a session's wire record back.

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
                "SELECT p.block, p.part, p.chunks, p.link, b.raw, b.data
                FROM wire_part p LEFT JOIN wire_block b ON b.key = p.block WHERE p.session = ?1 ORDER BY p.block",
            )
            .map_err(in_sqlite)?;
        let mut rows = statement.query([session]).map_err(in_sqlite)?;
        while let Some(row) = rows.next().map_err(in_sqlite)? {
            let read = || -> rusqlite::Result<Stored> {
                let part: u32 = row.get(1)?;
                let data = row.get_ref(5)?.as_blob_or_null()?;
                let raw: Option<i64> = row.get(4)?;
                Ok(Stored {
                    block: row.get(0)?,
                    chunks: row.get(2)?,
                    link: Link::of(row.get_ref(3)?.as_blob()?),
                    content: data.map(|data| of_part(data, raw.unwrap_or_default(), part)),
                })
            };
            each(read().map_err(in_sqlite)?)?;
        }
        Ok(())
    }
}

fn of_part(data: &[u8], raw: i64, part: u32) -> Result<Vec<(u32, Chunk)>, &'static str> {
    let unpacked = blocks::unpack(data, raw).ok_or("it cannot be decompressed")?;
    let mut chunks = Vec::new();
    for stretch in blocks::stretches(&unpacked).filter(|stretch| stretch.part == part) {
        let time = Timestamp::from_microsecond(stretch.time).map_err(|_| "it holds a time that is none")?;
        let chunk = Chunk { time, flow: stretch.flow, octets: stretch.octets.to_vec() };
        chunks.push((stretch.number, chunk));
    }
    Ok(chunks)
}
