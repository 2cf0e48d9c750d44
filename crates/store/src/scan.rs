//! Reading a great many events in one pass: rows borrowed from SQLite, sessions by their number.

use std::sync::Arc;

use event::{Attribution, Protocol};
use jiff::Timestamp;
use rusqlite::OptionalExtension;
use uuid::Uuid;

use crate::error::StoreError;
use crate::filter::Filter;
use crate::reader::Reader;

/// One event, as SQLite holds it.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Ascending in the order of arrival; microseconds since 1970, about the event's time.
    pub key: i64,
    /// The session's number in this database: see [`Reader::session`].
    pub session: i64,
    /// From 0 in each session.
    pub seq: u64,
    /// Microseconds since 1970.
    pub time: i64,
    /// Such as `auth.failed`.
    pub name: &'a str,
    /// Whether TLS was on.
    pub tls: bool,
    /// The JSON object of the event's own fields. Hostile text wherever it is shown.
    pub fields: &'a str,
}

/// Rows looked at between two calls of the closure that tells how far a scan is.
const STRIDE: u64 = 4096;

const SCAN: &str = "SELECT e.key, e.session, e.seq, e.time, n.name, e.tls, e.fields
    FROM event e CROSS JOIN name n ON n.code = e.name WHERE e.key > ?1 AND e.key <= ?2 ORDER BY e.key";

impl Reader {
    /// Hands over every event between the filter's times and of its name, in the order of arrival. `session` and `protocol` are the
    /// caller's to look at (see [`session`](Self::session)). `progress` hears now and then which share (0 to 1) of the span is done.
    ///
    /// What arrives while the scan runs is not seen.
    pub fn scan(
        &self,
        filter: &Filter,
        mut progress: impl FnMut(f64),
        mut each: impl FnMut(&Row<'_>),
    ) -> Result<(), StoreError> {
        let in_sqlite = |error| StoreError::sqlite(&self.path, error);
        let since = filter.since.map_or(i64::MIN, Timestamp::as_microsecond);
        let until = filter.until.map_or(i64::MAX, Timestamp::as_microsecond);
        let (first, last) = self.ends().map_err(in_sqlite)?;
        let begin = filter.after_key.unwrap_or(0).max(first - 1).max(since.saturating_sub(1));
        let width = (last.min(until) - begin).max(1);
        let mut statement = self.connection.prepare_cached(SCAN).map_err(in_sqlite)?;
        let mut rows = statement.query((begin, last)).map_err(in_sqlite)?;
        let mut seen = 0_u64;
        while let Some(row) = rows.next().map_err(in_sqlite)? {
            let read = || -> rusqlite::Result<Row<'_>> {
                Ok(Row {
                    key: row.get(0)?,
                    session: row.get(1)?,
                    seq: row.get::<_, i64>(2)?.cast_unsigned(),
                    time: row.get(3)?,
                    name: row.get_ref(4)?.as_str()?,
                    tls: row.get(5)?,
                    fields: row.get_ref(6)?.as_str()?,
                })
            };
            let row = read().map_err(in_sqlite)?;
            seen += 1;
            if seen.is_multiple_of(STRIDE) {
                #[expect(clippy::cast_precision_loss, reason = "a share, for a progress bar")]
                progress(((row.key - begin) as f64 / width as f64).clamp(0.0, 1.0));
            }
            // A key may be later than its event's time, never earlier.
            if (since..=until).contains(&row.time)
                && filter.name.as_deref().is_none_or(|name| name == row.name)
            {
                each(&row);
            }
        }
        progress(1.0);
        Ok(())
    }

    /// Who and where a session was, by its number; `tls` is false. `None`: there is no such session.
    pub fn session(&self, number: i64) -> Result<Option<Attribution>, StoreError> {
        let in_sqlite = |error| StoreError::sqlite(&self.path, error);
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT sensor, id, protocol, src_ip, src_port, dst_ip, dst_port FROM session WHERE key = ?1",
            )
            .map_err(in_sqlite)?;
        let row = |row: &rusqlite::Row<'_>| {
            let text = |column| row.get_ref(column)?.as_str().map_err(rusqlite::Error::from);
            let address = |ip, port| Ok::<_, rusqlite::Error>((text(ip)?.parse().ok(), row.get(port)?));
            let (src, dst) = (address(3, 4)?, address(5, 6)?);
            let (Some(src_ip), Some(dst_ip), Some(protocol)) = (src.0, dst.0, Protocol::from_name(text(2)?))
            else {
                return Ok(None);
            };
            Ok(Some(Attribution {
                sensor: Arc::from(text(0)?),
                session: Uuid::from_bytes(row.get(1)?),
                protocol,
                tls: false,
                src: std::net::SocketAddr::new(src_ip, src.1),
                dst: std::net::SocketAddr::new(dst_ip, dst.1),
            }))
        };
        Ok(statement.query_row([number], row).optional().map_err(in_sqlite)?.flatten())
    }

    /// The first and the last key there are.
    fn ends(&self) -> rusqlite::Result<(i64, i64)> {
        self.connection.query_row(
            "SELECT coalesce(min(key), 0), coalesce(max(key), 0) FROM event",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }
}
