//! What waits in the spool, as a process sees it that does not write: the events that a [`Reader`] does not show yet.

use std::io;

use rusqlite::Row;

use crate::error::StoreError;
use crate::reader::Reader;
use crate::segment::{self, FIRST_FRAME, Position};
use crate::writer::SPOOL;

/// Events that are in the spool and not in the database, at one moment.
///
/// While a server runs they get there by themselves, a moment later. Where none runs, opening a [`crate::Writer`] and
/// closing it brings them in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Octets that wait.
    pub octets: u64,
    /// Behind the last of them.
    end: Position,
}

impl Reader {
    /// What waits now.
    pub fn backlog(&self) -> Result<Backlog, StoreError> {
        let consumed = self.consumed()?;
        let spool = self.path.with_file_name(SPOOL);
        let segments = match segment::list(&spool) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            segments => segments.map_err(|error| StoreError::file(&spool, "read", error))?,
        };
        let mut backlog = Backlog { octets: 0, end: consumed };
        for segment in segments.iter().filter(|segment| segment.number >= consumed.segment) {
            let begin = if segment.number == consumed.segment { consumed.offset } else { 0 };
            // What every segment begins with is no event.
            backlog.octets += segment.len.saturating_sub(begin.max(FIRST_FRAME));
            backlog.end = backlog.end.max(Position { segment: segment.number, offset: segment.len });
        }
        Ok(backlog)
    }

    /// Whether all of it is in the database by now.
    pub fn has(&self, backlog: &Backlog) -> Result<bool, StoreError> {
        Ok(backlog.octets == 0 || self.consumed()? >= backlog.end)
    }

    /// How far the spool is consumed.
    fn consumed(&self) -> Result<Position, StoreError> {
        let position = |row: &Row<'_>| {
            let (segment, offset): (i64, i64) = (row.get(0)?, row.get(1)?);
            Ok(Position { segment: segment.cast_unsigned(), offset: offset.cast_unsigned() })
        };
        self.connection
            .query_row("SELECT segment, position FROM spool", [], position)
            .map_err(|error| StoreError::sqlite(&self.path, error))
    }
}
