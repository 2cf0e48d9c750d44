//! Reading events back, while a server writes or when none runs.
//!
//! A reader sees what is committed: of a running server everything older than [`crate::Options::group_interval`]; of one
//! that was killed, what it had committed (the rest is in its spool, see [`crate::Backlog`]).

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use event::{Attribution, Protocol};
use jiff::Timestamp;
use rusqlite::{Connection, Row, ToSql};
use uuid::Uuid;

use crate::error::StoreError;
use crate::filter::{Filter, SessionPart};
use crate::recording::Held;
use crate::schema::{self, DATABASE};
use crate::stored::Stored;

/// Events fetched at once. Between two pages no transaction is open, so a slow reader does not keep SQLite from reusing
/// its write-ahead log.
const PAGE: usize = 512;

/// Sessions that an ambiguous part of an id may mean, as many as are named.
const CANDIDATES: usize = 5;

/// A database open for reading.
#[derive(Debug)]
pub struct Reader {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
    /// Blocks of the wire record, unpacked.
    pub(crate) blocks: Held,
}

impl Reader {
    /// Opens the data directory's database. Changes nothing in it.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join(DATABASE);
        Ok(Self { connection: schema::open_for_reading(&path)?, path, blocks: Held::default() })
    }

    /// The events that the filter lets through, in the order of arrival, up to those that are committed by then.
    ///
    /// To follow, call it again and again with [`Filter::after_key`] of the last one.
    pub fn events(&self, filter: &Filter) -> Result<Events<'_>, StoreError> {
        let session = filter.session.as_ref().map(|part| self.session_key(part)).transpose()?;
        // A key is never less than its event's time.
        let before_since = filter.since.map_or(0, |since| since.as_microsecond().saturating_sub(1));
        Ok(Events {
            reader: self,
            session,
            after_key: filter.after_key.unwrap_or(0).max(before_since),
            after_seq: -1,
            filter: filter.clone(),
            page: Vec::new().into_iter(),
            more: true,
        })
    }

    fn session_key(&self, part: &SessionPart) -> Result<i64, StoreError> {
        self.one_session(part).map(|(key, _)| key)
    }

    /// The whole id of the one session whose id begins or ends so.
    pub fn session_id(&self, part: &SessionPart) -> Result<Uuid, StoreError> {
        self.one_session(part).map(|(_, id)| Uuid::from_bytes(id))
    }

    fn one_session(&self, part: &SessionPart) -> Result<(i64, [u8; 16]), StoreError> {
        let found = self.sessions(part).map_err(|error| StoreError::sqlite(&self.path, error))?;
        let typed = part.to_string();
        match found.as_slice() {
            [] => Err(StoreError::NoSession { typed }),
            [only] => Ok(*only),
            several => {
                let more = several.len() > CANDIDATES;
                let several = several.iter().take(CANDIDATES);
                let candidates = several.map(|(_, id)| Uuid::from_bytes(*id).to_string()).collect();
                Err(StoreError::Ambiguous { typed, candidates, more })
            }
        }
    }

    /// Those whose id begins or ends so, and no more than tell that there are too many.
    fn sessions(&self, part: &SessionPart) -> rusqlite::Result<Vec<(i64, [u8; 16])>> {
        let most = i64::try_from(CANDIDATES + 1).unwrap_or(i64::MAX);
        let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let (first, last) = part.range();
        let (first, last) = (first.as_bytes().as_slice(), last.as_bytes().as_slice());
        match part.tail() {
            None => {
                self.connection.prepare_cached(BY_BEGINNING)?.query_map((first, last, most), row)?.collect()
            }
            Some(tail) => self
                .connection
                .prepare_cached(BY_EITHER)?
                .query_map((first, last, most, tail), row)?
                .collect(),
        }
    }
}

/// By the index on ids.
const BY_BEGINNING: &str = "SELECT key, id FROM session WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3";

/// Through all of that index: some milliseconds for a hundred thousand sessions, once a question.
const BY_EITHER: &str =
    "SELECT key, id FROM session WHERE id BETWEEN ?1 AND ?2 OR substr(id, 11) = ?4 ORDER BY id LIMIT ?3";

/// Events read back one after another, see [`Reader::events`].
#[derive(Debug)]
pub struct Events<'a> {
    reader: &'a Reader,
    filter: Filter,
    session: Option<i64>,
    after_key: i64,
    /// Within the one session asked for.
    after_seq: i64,
    page: std::vec::IntoIter<Result<Stored, StoreError>>,
    more: bool,
}

impl Iterator for Events<'_> {
    type Item = Result<Stored, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.len() == 0 && std::mem::take(&mut self.more) {
            match self.fetch() {
                Ok(page) => {
                    self.more = page.len() == PAGE;
                    self.page = page.into_iter();
                }
                Err(error) => return Some(Err(StoreError::sqlite(&self.reader.path, error))),
            }
        }
        self.page.next()
    }
}

macro_rules! select {
    ($where:literal) => {
        concat!(
            "SELECT e.key, e.id, e.time, e.seq, e.tls, e.fields, n.name,
                s.sensor, s.id, s.protocol, s.src_ip, s.src_port, s.dst_ip, s.dst_port
            FROM event e CROSS JOIN session s ON s.key = e.session CROSS JOIN name n ON n.code = e.name
            WHERE e.time BETWEEN :since AND :until
                AND (:protocol IS NULL OR s.protocol = :protocol) AND (:name IS NULL OR n.name = :name) AND ",
            $where,
            " LIMIT :most"
        )
    };
}

/// By the primary key.
const ALL_SESSIONS: &str = select!("e.key > :after_key ORDER BY e.key");

/// By the index on session and sequence number; within a session, keys ascend with them.
const ONE_SESSION: &str =
    select!("e.session = :session AND e.seq > :after_seq AND +e.key > :after_key ORDER BY e.seq");

impl Events<'_> {
    fn fetch(&mut self) -> rusqlite::Result<Vec<Result<Stored, StoreError>>> {
        let Reader { connection, path, .. } = self.reader;
        let Filter { since, until, protocol, name, .. } = &self.filter;
        let since = since.map_or(i64::MIN, Timestamp::as_microsecond);
        let until = until.map_or(i64::MAX, Timestamp::as_microsecond);
        let protocol = protocol.map(Protocol::name);
        let most = i64::try_from(PAGE).unwrap_or(i64::MAX);
        let mut values: Vec<(&str, &dyn ToSql)> = vec![
            (":since", &since),
            (":until", &until),
            (":protocol", &protocol),
            (":name", name),
            (":after_key", &self.after_key),
            (":most", &most),
        ];
        let sql = if let Some(session) = &self.session {
            values.extend([(":session", session as &dyn ToSql), (":after_seq", &self.after_seq)]);
            ONE_SESSION
        } else {
            ALL_SESSIONS
        };
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query(values.as_slice())?;
        let mut page = Vec::new();
        let mut last = (self.after_key, self.after_seq);
        while let Some(row) = rows.next()? {
            last = (row.get(0)?, row.get(3)?);
            page.push(stored(last.0, row)?.map_err(|what| StoreError::Row {
                path: path.clone(),
                key: last.0,
                what,
            }));
        }
        (self.after_key, self.after_seq) = last;
        Ok(page)
    }
}

/// Reads a row of [`select!`]. The inner error names the value that this program would not have written.
fn stored(key: i64, row: &Row<'_>) -> rusqlite::Result<Result<Stored, &'static str>> {
    let address = |ip: usize, port: usize| -> rusqlite::Result<Option<SocketAddr>> {
        let port = row.get(port)?;
        let ip = row.get_ref(ip)?.as_str()?.parse::<IpAddr>();
        Ok(ip.ok().map(|ip| SocketAddr::new(ip, port)))
    };
    let Some(src) = address(10, 11)? else {
        return Ok(Err("src_ip"));
    };
    let Some(dst) = address(12, 13)? else {
        return Ok(Err("dst_ip"));
    };
    let Some(protocol) = Protocol::from_name(row.get_ref(9)?.as_str()?) else {
        return Ok(Err("protocol"));
    };
    let Ok(time) = Timestamp::from_microsecond(row.get(2)?) else {
        return Ok(Err("time"));
    };
    let Ok(seq) = u64::try_from(row.get::<_, i64>(3)?) else {
        return Ok(Err("seq"));
    };
    Ok(Ok(Stored {
        key,
        id: Uuid::from_bytes(row.get(1)?),
        time,
        seq,
        name: row.get(6)?,
        attribution: Attribution {
            sensor: Arc::from(row.get_ref(7)?.as_str()?),
            session: Uuid::from_bytes(row.get(8)?),
            protocol,
            tls: row.get(4)?,
            src,
            dst,
        },
        fields: row.get(5)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How SQLite goes about a query, step by step.
    fn plan(sql: &str) -> Vec<String> {
        let directory = tempfile::tempdir().expect("a directory");
        let connection = schema::open_for_writing(&directory.path().join(DATABASE)).expect("opens");
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("valid");
        let steps = statement.raw_query().mapped(|row| row.get(3));
        steps.collect::<Result<_, _>>().expect("text")
    }

    #[test]
    fn sessions_are_found_in_the_index_alone() {
        for (sql, step) in [(BY_BEGINNING, "SEARCH"), (BY_EITHER, "SCAN")] {
            let plan = plan(sql);
            let [only] = plan.as_slice() else { panic!("{plan:?}") };
            assert!(only.starts_with(step) && only.contains("COVERING INDEX"), "{only}");
        }
    }

    #[test]
    fn queries_walk_an_index_and_sort_nothing() {
        let rest =
            ["SEARCH s USING INTEGER PRIMARY KEY (rowid=?)", "SEARCH n USING INTEGER PRIMARY KEY (rowid=?)"];
        assert_eq!(
            plan(ALL_SESSIONS),
            [&["SEARCH e USING INTEGER PRIMARY KEY (rowid>?)"][..], &rest].concat()
        );
        assert_eq!(
            plan(ONE_SESSION),
            [&["SEARCH e USING INDEX event_session (session=? AND seq>?)"][..], &rest].concat()
        );
    }
}
