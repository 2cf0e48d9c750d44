//! Deleting what is too old or too much, in small steps between two transactions of new events, and giving the space back.
//!
//! Evidence is deleted by whole sessions, the oldest first, so that what is left can still be verified; of the wire record
//! also by blocks, which is the larger part of it. Nothing of a session that goes on in this process is deleted, however long it
//! is silent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use uuid::Uuid;

use crate::import::Import;

/// How long evidence is kept, and how much. `None`: no limit.
#[derive(Debug, Clone, Default)]
pub struct Keep {
    /// A session is deleted when its last event is older.
    pub age: Option<Duration>,
    /// Octets of the database file from which on the oldest sessions are deleted.
    pub size: Option<u64>,
    /// Octets of wire records, compressed, from which on the oldest are deleted.
    pub wire_size: Option<u64>,
}

/// How large the store is and what retention has deleted since the writer was opened.
#[derive(Debug, Default)]
pub struct Figures {
    /// Octets of the database that are in use.
    pub database_octets: AtomicU64,
    /// Octets of wire records in it.
    pub wire_octets: AtomicU64,
    /// Sessions deleted.
    pub deleted_sessions: AtomicU64,
    /// Events deleted.
    pub deleted_events: AtomicU64,
    /// Octets of wire records deleted.
    pub deleted_wire_octets: AtomicU64,
}

/// How often it is looked for what is too old.
const LOOK: Duration = Duration::from_mins(1);
/// So many sessions, events and blocks are deleted in one step.
const SESSIONS: i64 = 64;
const EVENTS: i64 = 2_000;
const BLOCKS: i64 = 16;
/// Pages that are given back in one step, and free ones that are kept for what comes next.
const PAGES: i64 = 512;
const FREE: i64 = 64;
/// Deleting ends a twentieth below a limit, so that it does not begin again at once.
const MARGIN: u64 = 20;

/// So many times [`SESSIONS`] are passed over because they go on.
const MOST_PASSED_OVER: usize = 256;

/// What is done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    /// Sessions too old, from this id on.
    Age([u8; 16]),
    Rest,
}

/// Deletes what is too much.
#[derive(Debug)]
pub(crate) struct Retention {
    keep: Keep,
    figures: Arc<Figures>,
    task: Task,
    looked: Option<Instant>,
    /// Whether space is being made now, down to the margin.
    shrinking: bool,
    told: bool,
}

impl Retention {
    pub(crate) fn new(connection: &Connection, keep: Keep) -> rusqlite::Result<Self> {
        let wire: i64 =
            connection.query_row("SELECT coalesce(sum(size), 0) FROM wire_block", [], |row| row.get(0))?;
        let figures = Arc::new(Figures::default());
        figures.wire_octets.store(wire.cast_unsigned(), Ordering::Relaxed);
        Ok(Self { keep, figures, task: Task::Rest, looked: None, shrinking: false, told: false })
    }

    pub(crate) fn figures(&self) -> Arc<Figures> {
        Arc::clone(&self.figures)
    }

    /// So many octets of wire records came.
    pub(crate) fn grew(&self, octets: u64) {
        self.figures.wire_octets.fetch_add(octets, Ordering::Relaxed);
    }

    /// How long it may rest.
    pub(crate) fn rest(&self) -> Duration {
        self.looked.map_or(Duration::ZERO, |looked| LOOK.saturating_sub(looked.elapsed()))
    }

    /// One step. Whether there is more to do at once.
    pub(crate) fn step(&mut self, import: &mut Import) -> rusqlite::Result<bool> {
        let now = Timestamp::now();
        if self.looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
            self.looked = Some(Instant::now());
            self.task = Task::Age([0; 16]);
        }
        let mut more = self.delete_wire(&mut import.connection)?;
        if let (Task::Age(from), Some(age)) = (self.task, self.keep.age) {
            let before = now - jiff::SignedDuration::try_from(age).unwrap_or(jiff::SignedDuration::MAX);
            self.task = self.delete_old(import, from, before)?;
            more |= self.task != Task::Rest;
        }
        more |= self.delete_much(import)?;
        more |= give_back(&import.connection)?;
        self.figures.database_octets.store(used(&import.connection)?, Ordering::Relaxed);
        Ok(more)
    }

    /// The oldest blocks, where there is more of the wire record than is kept.
    fn delete_wire(&mut self, connection: &mut Connection) -> rusqlite::Result<bool> {
        let held = self.figures.wire_octets.load(Ordering::Relaxed);
        let Some(limit) = self.keep.wire_size.filter(|limit| held > *limit) else {
            return Ok(false);
        };
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let blocks: Vec<(i64, i64)> = transaction
            .prepare_cached("SELECT key, size FROM wire_block ORDER BY key LIMIT ?1")?
            .query_map([BLOCKS], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let mut octets = 0;
        let mut count = 0;
        for (block, size) in blocks {
            if held - octets <= limit - limit / MARGIN {
                break;
            }
            transaction.prepare_cached("DELETE FROM wire_block WHERE key = ?1")?.execute([block])?;
            octets += size.cast_unsigned();
            count += 1;
        }
        note(&transaction, [0, 0, count, octets.cast_signed()])?;
        transaction.commit()?;
        self.figures.wire_octets.fetch_sub(octets, Ordering::Relaxed);
        self.figures.deleted_wire_octets.fetch_add(octets, Ordering::Relaxed);
        Ok(held - octets > limit)
    }

    /// Some of the sessions behind this id whose last event was before that time.
    fn delete_old(
        &mut self,
        import: &mut Import,
        from: [u8; 16],
        before: Timestamp,
    ) -> rusqlite::Result<Task> {
        // UUIDv7: what began later has a greater id.
        let end = (u128::from(before.as_millisecond().max(0).cast_unsigned()) << 80).to_be_bytes();
        let candidates = candidates(import, from, end)?;
        let Some(last) = candidates.last().map(|candidate| candidate.id) else {
            return Ok(Task::Rest);
        };
        let old = |candidate: &&Candidate| {
            !candidate.goes_on && candidate.last.is_none_or(|last| last < before.as_microsecond())
        };
        let chosen: Vec<_> = candidates.iter().filter(old).collect();
        let all = self.delete(import, &chosen)?;
        Ok(if all { Task::Age(last) } else { Task::Age(from) })
    }

    /// Some of the oldest sessions, where the database is larger than it may be.
    fn delete_much(&mut self, import: &mut Import) -> rusqlite::Result<bool> {
        let Some(limit) = self.keep.size else { return Ok(false) };
        let end = if self.shrinking { limit - limit / MARGIN } else { limit };
        self.shrinking = used(&import.connection)? > end;
        if !self.shrinking {
            return Ok(false);
        }
        let mut from = [0; 16];
        // Few sessions last so long that they are passed over.
        for _ in 0..MOST_PASSED_OVER {
            let candidates = candidates(import, from, [0xff; 16])?;
            let Some(last) = candidates.last() else { break };
            from = last.id;
            let chosen: Vec<_> = candidates.iter().filter(|candidate| !candidate.goes_on).collect();
            if !chosen.is_empty() {
                self.delete(import, &chosen)?;
                self.told = false;
                return Ok(true);
            }
        }
        if !std::mem::replace(&mut self.told, true) {
            tracing::warn!(
                limit,
                "the database is over its limit, and only sessions that go on are left in it"
            );
        }
        self.shrinking = false;
        Ok(false)
    }

    /// Deletes these sessions, as many as a step may. Whether it were all.
    fn delete(&self, import: &mut Import, sessions: &[&Candidate]) -> rusqlite::Result<bool> {
        let transaction = import.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (mut count, mut events, mut blocks, mut octets) = (0, 0, 0, 0);
        let mut keys = Vec::new();
        for session in sessions {
            if events >= EVENTS {
                break;
            }
            let (more_blocks, more_octets) = delete_parts(&transaction, session.key)?;
            let gone =
                transaction.prepare_cached("DELETE FROM event WHERE session = ?1")?.execute([session.key])?;
            transaction.prepare_cached("DELETE FROM session WHERE key = ?1")?.execute([session.key])?;
            keys.push(session.key);
            events += i64::try_from(gone).unwrap_or(i64::MAX);
            (count, blocks, octets) = (count + 1, blocks + more_blocks, octets + more_octets);
        }
        note(&transaction, [count, events, blocks, octets])?;
        transaction.commit()?;
        import.deleted(&keys);
        let add = |figure: &AtomicU64, more: i64| figure.fetch_add(more.cast_unsigned(), Ordering::Relaxed);
        add(&self.figures.deleted_sessions, count);
        add(&self.figures.deleted_events, events);
        add(&self.figures.deleted_wire_octets, octets);
        self.figures.wire_octets.fetch_sub(octets.cast_unsigned(), Ordering::Relaxed);
        Ok(usize::try_from(count).is_ok_and(|count| count == sessions.len()))
    }
}

/// A session that may be deleted.
struct Candidate {
    key: i64,
    id: [u8; 16],
    /// The time of its last event, in microseconds since 1970.
    last: Option<i64>,
    /// Whether more may come of it.
    goes_on: bool,
}

/// The first sessions between these ids, both excluded.
fn candidates(import: &Import, from: [u8; 16], end: [u8; 16]) -> rusqlite::Result<Vec<Candidate>> {
    let mut last = import
        .connection
        .prepare_cached("SELECT time FROM event WHERE session = ?1 ORDER BY seq DESC LIMIT 1")?;
    let mut sessions = import
        .connection
        .prepare_cached("SELECT key, id FROM session WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3")?;
    sessions
        .query_map(params![from, end, SESSIONS], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))?
        .map(|session| {
            let (key, id) = session?;
            let last = last.query_row([key], |row| row.get(0)).optional()?;
            Ok(Candidate { key, id, last, goes_on: import.goes_on(Uuid::from_bytes(id)) })
        })
        .collect()
}

/// A session's parts, and the blocks that nothing is left of. Gives their number and octets.
fn delete_parts(transaction: &Transaction<'_>, session: i64) -> rusqlite::Result<(i64, i64)> {
    let blocks: Vec<i64> = transaction
        .prepare_cached("DELETE FROM wire_part WHERE session = ?1 RETURNING block")?
        .query_map([session], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let (mut count, mut octets) = (0, 0);
    for block in blocks {
        transaction
            .prepare_cached("UPDATE wire_block SET sessions = sessions - 1 WHERE key = ?1")?
            .execute([block])?;
        let size: Option<i64> = transaction
            .prepare_cached("DELETE FROM wire_block WHERE key = ?1 AND sessions <= 0 RETURNING size")?
            .query_row([block], |row| row.get(0))
            .optional()?;
        count += i64::from(size.is_some());
        octets += size.unwrap_or_default();
    }
    Ok((count, octets))
}

/// Adds to what the database says of its deletions: sessions, events, blocks and octets of wire records.
fn note(transaction: &Transaction<'_>, more: [i64; 4]) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "UPDATE deleted SET sessions = sessions + ?1, events = events + ?2,
            wire_blocks = wire_blocks + ?3, wire_octets = wire_octets + ?4",
        )?
        .execute(more)
        .map(|_| ())
}

/// Octets of the pages that hold something.
fn used(connection: &Connection) -> rusqlite::Result<u64> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let pages = pragma("page_count")? - pragma("freelist_count")?;
    Ok((pages * pragma("page_size")?).max(0).cast_unsigned())
}

/// Gives some free pages back to the system, where they are more than a few. Whether there may be more.
fn give_back(connection: &Connection) -> rusqlite::Result<bool> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let free = pragma("freelist_count")?;
    let kept = (pragma("page_count")? / 100).max(FREE);
    if free <= kept {
        return Ok(false);
    }
    // One row a page that was given back.
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    drop(rows);
    let left = pragma("freelist_count")?;
    if left <= kept {
        // The file itself shrinks at a checkpoint.
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    }
    Ok(left < free)
}
