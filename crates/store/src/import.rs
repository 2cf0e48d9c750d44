//! Moving events from the spool into the database: each exactly once, because how far the spool is consumed is part of
//! the same transaction.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use rusqlite::{
    CachedStatement, Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params,
};
use uuid::Uuid;

use crate::cursor::Cursor;
use crate::frame::Frame;
use crate::segment::{Position, Segment};

/// So many sessions' keys are remembered; then it starts anew (the rest is looked up).
const SESSIONS: usize = 1 << 16;

/// Why a transaction came to nothing. The database is as before.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    #[error("the spool cannot be read: {0}")]
    Spool(#[from] io::Error),
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// The one writer of the database.
#[derive(Debug)]
pub(crate) struct Import {
    connection: Connection,
    cursor: Cursor,
    /// Nothing after a transaction that failed.
    known: Option<Known>,
}

/// What the database holds, remembered so as not to ask.
#[derive(Debug)]
struct Known {
    /// The keys of sessions that are not closed yet.
    sessions: HashMap<Uuid, i64>,
    names: HashMap<Box<str>, i64>,
    /// The last event's.
    last_key: i64,
}

impl Import {
    /// Goes on where the database says that the spool is consumed.
    pub(crate) fn new(connection: Connection, spool: std::path::PathBuf) -> rusqlite::Result<Self> {
        connection.set_prepared_statement_cache_capacity(32);
        // The thread tries again by itself; a stop should not have to wait for another program's lock.
        connection.busy_timeout(Duration::from_millis(250))?;
        let position = connection.query_row("SELECT segment, position FROM spool", [], |row| {
            Ok(Position {
                segment: row.get::<_, i64>(0)?.cast_unsigned(),
                offset: row.get::<_, i64>(1)?.cast_unsigned(),
            })
        })?;
        Ok(Self { connection, cursor: Cursor::new(spool, position), known: None })
    }

    /// Everything before this place of the spool is in the database.
    pub(crate) fn position(&self) -> Position {
        self.cursor.position()
    }

    /// Inserts at most `most` of the events that `written` holds, in one transaction.
    pub(crate) fn run(&mut self, written: &[Segment], most: usize) -> Result<usize, ImportError> {
        let before = self.cursor.position();
        let result = self.try_run(written, most);
        if result.is_err() {
            self.cursor.seek(before);
        }
        result
    }

    fn try_run(&mut self, written: &[Segment], most: usize) -> Result<usize, ImportError> {
        let mut known = match self.known.take() {
            Some(known) => known,
            None => Known::read(&self.connection)?,
        };
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let count = {
            let mut rows = Rows::prepare(&transaction, &mut known)?;
            self.cursor.read(written, most, |frame| rows.insert(frame).map_err(ImportError::from))?
        };
        let Position { segment, offset } = self.cursor.position();
        transaction
            .prepare_cached("UPDATE spool SET segment = ?1, position = ?2")?
            .execute(params![segment.cast_signed(), offset.cast_signed()])?;
        transaction.commit()?;
        self.known = Some(known);
        Ok(count)
    }

    /// Brings what was committed to the disk.
    pub(crate) fn checkpoint(&self) -> rusqlite::Result<()> {
        self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
    }

    /// Notes that the writer ended in order.
    pub(crate) fn close(self) -> rusqlite::Result<()> {
        self.connection.execute("UPDATE spool SET clean = 1", [])?;
        self.connection.close().map_err(|(_, error)| error)
    }
}

impl Known {
    fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let names = connection
            .prepare("SELECT name, code FROM name")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let last_key =
            connection.query_row("SELECT coalesce(max(key), 0) FROM event", [], |row| row.get(0))?;
        Ok(Self { sessions: HashMap::new(), names, last_key })
    }
}

/// The statements of one transaction.
struct Rows<'a> {
    transaction: &'a Transaction<'a>,
    known: &'a mut Known,
    event: CachedStatement<'a>,
    session: CachedStatement<'a>,
}

impl<'a> Rows<'a> {
    fn prepare(transaction: &'a Transaction<'a>, known: &'a mut Known) -> rusqlite::Result<Self> {
        Ok(Self {
            event: transaction.prepare_cached("INSERT INTO event VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?,
            session: transaction.prepare_cached(
                "INSERT INTO session (id, sensor, protocol, src_ip, src_port, dst_ip, dst_port)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?,
            transaction,
            known,
        })
    }

    fn insert(&mut self, frame: &Frame<'_>) -> rusqlite::Result<()> {
        let session = self.session_key(frame)?;
        let name = self.name_code(frame.name)?;
        let seq = i64::try_from(frame.seq).unwrap_or(i64::MAX);
        match self.insert_event(frame, session, seq, name) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                self.insert_again(frame, session, seq, name)?;
            }
            result => result?,
        }
        if frame.name == SESSION_CLOSED {
            self.known.sessions.remove(&frame.session);
        }
        Ok(())
    }

    fn insert_event(&mut self, frame: &Frame<'_>, session: i64, seq: i64, name: i64) -> rusqlite::Result<()> {
        let key = frame.time.max(self.known.last_key.saturating_add(1));
        let id = frame.id.as_bytes().as_slice();
        self.event.execute(params![key, session, seq, id, frame.time, name, frame.tls, frame.fields])?;
        self.known.last_key = key;
        Ok(())
    }

    /// The session has an event with this number already. The same one: it came twice (an append that failed half-way
    /// was repeated). Another one: the driver counted wrongly, and evidence is kept all the same, at the end.
    fn insert_again(&mut self, frame: &Frame<'_>, session: i64, seq: i64, name: i64) -> rusqlite::Result<()> {
        let held: Vec<u8> = self
            .transaction
            .prepare_cached("SELECT id FROM event WHERE session = ?1 AND seq = ?2")?
            .query_row(params![session, seq], |row| row.get(0))?;
        if held == frame.id.as_bytes() {
            return Ok(());
        }
        let free: i64 = self
            .transaction
            .prepare_cached("SELECT max(seq) + 1 FROM event WHERE session = ?1")?
            .query_row([session], |row| row.get(0))?;
        tracing::error!(session = %frame.session, seq, kept_as = free, "two events of a session have the same number");
        self.insert_event(frame, session, free, name)
    }

    fn session_key(&mut self, frame: &Frame<'_>) -> rusqlite::Result<i64> {
        if let Some(key) = self.known.sessions.get(&frame.session) {
            return Ok(*key);
        }
        let id = frame.session.as_bytes().as_slice();
        let held = self
            .transaction
            .prepare_cached("SELECT key FROM session WHERE id = ?1")?
            .query_row([id], |row| row.get(0))
            .optional()?;
        let key = match held {
            Some(key) => key,
            None => self.session.insert(params![
                id,
                frame.sensor,
                frame.protocol.name(),
                frame.src.ip().to_string(),
                frame.src.port(),
                frame.dst.ip().to_string(),
                frame.dst.port(),
            ])?,
        };
        if self.known.sessions.len() >= SESSIONS {
            self.known.sessions.clear();
        }
        self.known.sessions.insert(frame.session, key);
        Ok(key)
    }

    fn name_code(&mut self, name: &str) -> rusqlite::Result<i64> {
        if let Some(code) = self.known.names.get(name) {
            return Ok(*code);
        }
        let code = self.transaction.prepare_cached("INSERT INTO name (name) VALUES (?1)")?.insert([name])?;
        self.known.names.insert(name.into(), code);
        Ok(code)
    }
}

/// The last event of a session.
const SESSION_CLOSED: &str = "session.closed";
