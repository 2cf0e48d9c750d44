//! Moving events from the spool into the database: each exactly once, because how far the spool is consumed is part of
//! the same transaction.

use std::collections::{HashMap, HashSet};
use std::io;
use std::time::Duration;

use rusqlite::{
    CachedStatement, Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params,
};
use uuid::Uuid;

use crate::blocks::{Filling, Press};
use crate::chain::Link;
use crate::cursor::Cursor;
use crate::frame::Frame;
use crate::payload::{EventPayload, WirePayload};
use crate::segment::{Position, Segment};

/// Why a transaction came to nothing. The database is as before.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    #[error("the spool cannot be read: {0}")]
    Spool(#[from] io::Error),
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("a defect of this program: the message above names its place")]
    Panicked,
}

/// The one writer of the database.
#[derive(Debug)]
pub(crate) struct Import {
    pub(crate) connection: Connection,
    cursor: Cursor,
    /// Everything before this place of the spool is in the database.
    committed: Position,
    press: Press,
    /// What comes from this segment on is of this process; sessions of an earlier one go on no more.
    own_from: u64,
    /// The sessions of this process that have not ended.
    going_on: HashSet<Uuid>,
    /// Octets of wire records stored since somebody took this number.
    pub(crate) stored: u64,
    /// Nothing after a transaction that failed.
    known: Option<Known>,
}

/// What the database holds, remembered so as not to ask.
#[derive(Debug)]
struct Known {
    /// The sessions that are not closed yet.
    sessions: HashMap<Uuid, Open>,
    names: HashMap<Box<str>, i64>,
    /// The last event's.
    last_key: i64,
}

/// What is remembered of a session.
#[derive(Debug, Clone, Copy)]
struct Open {
    key: i64,
    /// How many stretches of its wire record are stored.
    chunks: u32,
}

impl Import {
    /// Goes on where the database says that the spool is consumed.
    pub(crate) fn new(connection: Connection, spool: std::path::PathBuf) -> Result<Self, ImportError> {
        connection.set_prepared_statement_cache_capacity(32);
        // The thread tries again by itself; a stop should not have to wait for another program's lock.
        connection.busy_timeout(Duration::from_millis(250))?;
        let position = connection.query_row("SELECT segment, position FROM spool", [], |row| {
            Ok(Position {
                segment: row.get::<_, i64>(0)?.cast_unsigned(),
                offset: row.get::<_, i64>(1)?.cast_unsigned(),
            })
        })?;
        Ok(Self {
            connection,
            cursor: Cursor::new(spool, position),
            committed: position,
            press: Press::new()?,
            own_from: u64::MAX,
            going_on: HashSet::new(),
            stored: 0,
            known: None,
        })
    }

    /// This process begins to write at this segment.
    pub(crate) fn begin(&mut self, segment: u64) {
        self.own_from = segment;
    }

    /// Whether more may come of this session.
    pub(crate) fn goes_on(&self, session: Uuid) -> bool {
        self.going_on.contains(&session)
    }

    /// Forgets sessions that are not in the database any more.
    pub(crate) fn deleted(&mut self, keys: &[i64]) {
        if let Some(known) = &mut self.known {
            known.sessions.retain(|_, open| !keys.contains(&open.key));
        }
    }

    /// Remembers nothing: whatever was being done was broken off.
    pub(crate) fn forget(&mut self) {
        self.known = None;
        self.cursor.seek(self.committed);
    }

    /// Everything before this place of the spool is in the database.
    pub(crate) fn position(&self) -> Position {
        self.committed
    }

    /// Inserts at most `most` of the events that `written` holds, in one transaction.
    pub(crate) fn run(&mut self, written: &[Segment], most: usize) -> Result<usize, ImportError> {
        let result = self.try_run(written, most);
        if result.is_err() {
            self.cursor.seek(self.committed);
        }
        result
    }

    fn try_run(&mut self, written: &[Segment], most: usize) -> Result<usize, ImportError> {
        let mut known = match self.known.take() {
            Some(known) => known,
            None => Known::read(&self.connection)?,
        };
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (count, stored) = {
            let mut rows = Rows::prepare(&transaction, &mut known, &mut self.press)?;
            let (own_from, going_on) = (self.own_from, &mut self.going_on);
            let count = self.cursor.read(written, most, |frame, segment| {
                if let Frame::Event(event, _) = frame
                    && segment >= own_from
                {
                    match event.name {
                        SESSION_CLOSED => going_on.remove(&event.session),
                        _ => going_on.insert(event.session),
                    };
                }
                rows.insert(frame).map_err(ImportError::from)
            })?;
            (count, rows.finish()?)
        };
        let Position { segment, offset } = self.cursor.position();
        transaction
            .prepare_cached("UPDATE spool SET segment = ?1, position = ?2")?
            .execute(params![segment.cast_signed(), offset.cast_signed()])?;
        transaction.commit()?;
        self.committed = self.cursor.position();
        self.known = Some(known);
        self.stored += stored;
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
    press: &'a mut Press,
    block: Filling,
    /// Octets of wire records stored.
    stored: u64,
    /// How many events the sessions have by now of which some came, and the last one's link.
    heads: HashMap<i64, (i64, Link)>,
    event: CachedStatement<'a>,
    session: CachedStatement<'a>,
}

impl<'a> Rows<'a> {
    fn prepare(
        transaction: &'a Transaction<'a>,
        known: &'a mut Known,
        press: &'a mut Press,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            event: transaction
                .prepare_cached("INSERT INTO event VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?,
            session: transaction.prepare_cached(
                "INSERT INTO session (id, sensor, protocol, src_ip, src_port, dst_ip, dst_port)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?,
            transaction,
            known,
            press,
            block: Filling::default(),
            stored: 0,
            heads: HashMap::new(),
        })
    }

    fn insert(&mut self, frame: &Frame<'_>) -> rusqlite::Result<()> {
        match frame {
            Frame::Event(event, link) => self.insert_event(event, *link),
            Frame::Wire(wire, link) => self.insert_wire(wire, *link),
        }
    }

    /// Stores what is stored once a transaction. Gives the octets of wire records that were stored in all.
    fn finish(mut self) -> rusqlite::Result<u64> {
        self.stored += self.block.store(self.press, self.transaction)?;
        let mut update =
            self.transaction.prepare_cached("UPDATE session SET events = ?2, link = ?3 WHERE key = ?1")?;
        for (session, (events, link)) in &self.heads {
            update.execute(params![session, events, link.octets()])?;
        }
        Ok(self.stored)
    }

    fn insert_event(&mut self, event: &EventPayload<'_>, link: Option<Link>) -> rusqlite::Result<()> {
        let session = self.session(event)?.key;
        let name = self.name_code(event.name)?;
        let seq = i64::try_from(event.seq).unwrap_or(i64::MAX);
        match self.insert_row(event, session, seq, name, link) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                self.insert_again(event, session, seq, name, link)?;
            }
            result => result?,
        }
        if event.name == SESSION_CLOSED {
            self.known.sessions.remove(&event.session);
        }
        Ok(())
    }

    fn insert_row(
        &mut self,
        event: &EventPayload<'_>,
        session: i64,
        seq: i64,
        name: i64,
        link: Option<Link>,
    ) -> rusqlite::Result<()> {
        let key = event.time.max(self.known.last_key.saturating_add(1));
        let id = event.id.as_bytes().as_slice();
        let octets = link.as_ref().map(Link::octets);
        let values = params![key, session, seq, id, event.time, name, event.tls, event.fields, octets];
        self.event.execute(values)?;
        self.known.last_key = key;
        if let Some(link) = link {
            self.heads.insert(session, (seq.saturating_add(1), link));
        }
        Ok(())
    }

    /// The session has an event with this number already. The same one: it came twice (an append that failed half-way
    /// was repeated). Another one: the driver counted wrongly, and evidence is kept all the same, at the end.
    fn insert_again(
        &mut self,
        event: &EventPayload<'_>,
        session: i64,
        seq: i64,
        name: i64,
        link: Option<Link>,
    ) -> rusqlite::Result<()> {
        let held: Vec<u8> = self
            .transaction
            .prepare_cached("SELECT id FROM event WHERE session = ?1 AND seq = ?2")?
            .query_row(params![session, seq], |row| row.get(0))?;
        if held == event.id.as_bytes() {
            return Ok(());
        }
        let free: i64 = self
            .transaction
            .prepare_cached("SELECT max(seq) + 1 FROM event WHERE session = ?1")?
            .query_row([session], |row| row.get(0))?;
        tracing::error!(session = %event.session, seq, kept_as = free, "two events of a session have the same number");
        self.insert_row(event, session, free, name, link)
    }

    fn insert_wire(&mut self, wire: &WirePayload<'_>, link: Link) -> rusqlite::Result<()> {
        let Some(open) = self.known_session(&wire.session)? else {
            // Every session begins with an event. Its spool was damaged: what was damaged is kept aside.
            tracing::error!(session = %wire.session, octets = wire.octets.len(), "the wire record of a session that has no \
                events is not stored");
            return Ok(());
        };
        // It came twice, as above.
        if wire.number < open.chunks {
            return Ok(());
        }
        if let Some(open) = self.known.sessions.get_mut(&wire.session) {
            open.chunks = wire.number.saturating_add(1);
        }
        self.block.add(open.key, wire, link);
        if self.block.is_full() {
            self.stored += self.block.store(self.press, self.transaction)?;
        }
        Ok(())
    }

    fn session(&mut self, event: &EventPayload<'_>) -> rusqlite::Result<Open> {
        // Its first event: as good as always it is new.
        if event.seq == 0 {
            match self.new_session(event) {
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {}
                new => return new,
            }
        }
        match self.known_session(&event.session)? {
            Some(open) => Ok(open),
            None => self.new_session(event),
        }
    }

    fn new_session(&mut self, event: &EventPayload<'_>) -> rusqlite::Result<Open> {
        let key = self.session.insert(params![
            event.session.as_bytes().as_slice(),
            event.sensor,
            event.protocol.name(),
            event.src.ip().to_string(),
            event.src.port(),
            event.dst.ip().to_string(),
            event.dst.port(),
        ])?;
        let open = Open { key, chunks: 0 };
        self.remember(event.session, open);
        Ok(open)
    }

    /// The session, where there is one already.
    fn known_session(&mut self, id: &Uuid) -> rusqlite::Result<Option<Open>> {
        if let Some(open) = self.known.sessions.get(id) {
            return Ok(Some(*open));
        }
        let held = self
            .transaction
            .prepare_cached(
                "SELECT key, (SELECT coalesce(max(chunks), 0) FROM wire_part WHERE session = key)
                FROM session WHERE id = ?1",
            )?
            .query_row([id.as_bytes().as_slice()], |row| Ok(Open { key: row.get(0)?, chunks: row.get(1)? }))
            .optional()?;
        // What is in the block that is being filled counts as well.
        let held =
            held.map(|open: Open| Open { chunks: open.chunks.max(self.block.chunks(open.key)), ..open });
        if let Some(open) = held {
            self.remember(*id, open);
        }
        Ok(held)
    }

    fn remember(&mut self, id: Uuid, open: Open) {
        self.known.sessions.insert(id, open);
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
