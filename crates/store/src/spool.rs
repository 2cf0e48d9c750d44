//! Appending: one `write(2)` a batch, under a short lock. And what the writer's thread is told about it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use event::Record;
use uuid::Uuid;

use crate::chain::Trail;
use crate::error::SpoolError;
use crate::frame;
use crate::segment::{self, FIRST_FRAME, Position, Segment};
use crate::wire::Piece;

/// A thread's buffer of frames keeps at most this between two batches.
const KEEP: usize = 256 << 10;

thread_local! {
    static FRAMES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The queue between sessions and the database, as files. Shared by all sessions.
#[derive(Debug)]
pub struct Spool {
    directory: PathBuf,
    /// Octets that may wait for the database.
    limit: u64,
    /// From this length on a segment is finished.
    segment_size: u64,
    /// So many waiting octets are worth a transaction at once.
    enough: u64,
    state: Mutex<State>,
    /// Wakes the writer's thread.
    wake: Condvar,
    /// Wakes those who wait for the writer.
    progress: Condvar,
}

#[derive(Debug)]
struct State {
    /// The last of `segments`, open for appending; none before the first append.
    tail: Option<File>,
    segments: VecDeque<Segment>,
    next_number: u64,
    consumed: Position,
    /// Octets behind `consumed`.
    pending: u64,
    writer: Waiting,
    flushing: usize,
    stopping: bool,
}

/// What the writer's thread is doing: who wakes it costs a system call, so it is done only when it helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    /// At work, or already woken.
    No,
    /// For the first octet.
    Idle,
    /// For more, so that a transaction is worth it.
    Lingering,
}

/// Why the writer's thread goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// There is something to be stored.
    Work,
    /// Nothing came.
    Idle,
    /// Nothing is left and it is to end.
    End,
}

/// The sizes of a spool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) limit: u64,
    pub(crate) segment: u64,
    pub(crate) enough: u64,
}

impl Spool {
    /// Opens the directory's spool, of which everything before `consumed` is in the database.
    pub(crate) fn open(directory: &Path, consumed: Position, sizes: Sizes) -> io::Result<Self> {
        segment::create_directory(directory)?;
        let mut segments = VecDeque::from(segment::list(directory)?);
        while let Some(first) = segments.front().filter(|first| first.number < consumed.segment) {
            std::fs::remove_file(segment::path(directory, first.number))?;
            segments.pop_front();
        }
        let last = segments.back().map_or(0, |last| last.number).max(consumed.segment);
        let mut state = State {
            tail: None,
            segments,
            next_number: last + 1,
            consumed,
            pending: 0,
            writer: Waiting::No,
            flushing: 0,
            stopping: false,
        };
        state.count_pending();
        Ok(Self {
            directory: directory.to_owned(),
            limit: sizes.limit,
            segment_size: sizes.segment,
            enough: sizes.enough,
            state: Mutex::new(state),
            wake: Condvar::new(),
            progress: Condvar::new(),
        })
    }

    /// Appends events of one session and stretches of the same session's wire record, all or none. After `Ok` they survive the
    /// death of the process, and `trail` is behind them; after an error it is as it was.
    ///
    /// Quick (one `write(2)` into the page cache) and never waiting for the disk or the database: to be called from
    /// asynchronous code as it is. On [`SpoolError::Behind`], [`SpoolError::Full`] and [`SpoolError::Io`] wait and
    /// call again with the same; until then the answer must not leave. Stretches without an event belong to `session`, which
    /// must have had one.
    pub fn append(
        &self,
        session: Uuid,
        trail: &mut Trail,
        records: &[Record],
        wire: &[Piece],
    ) -> Result<(), SpoolError> {
        FRAMES.with_borrow_mut(|frames| {
            frames.clear();
            let mut behind = *trail;
            let encoded = records
                .iter()
                .try_for_each(|record| frame::put_event(record, &mut behind, frames))
                .and_then(|()| {
                    wire.iter().try_for_each(|piece| frame::put_wire(session, piece, &mut behind, frames))
                });
            let result =
                encoded.map_err(|_| SpoolError::TooLarge { session }).and_then(|()| self.write(frames));
            if result.is_ok() {
                *trail = behind;
            }
            if frames.capacity() > KEEP {
                *frames = Vec::new();
            }
            result
        })
    }

    /// Whether an event is small enough to be appended.
    pub fn takes(&self, record: &Record) -> bool {
        frame::put_event(record, &mut Trail::default(), &mut Vec::new()).is_ok()
    }

    /// Octets that are not in the database yet.
    pub fn pending(&self) -> u64 {
        self.lock().pending
    }

    fn write(&self, frames: &[u8]) -> Result<(), SpoolError> {
        if frames.is_empty() {
            return Ok(());
        }
        let mut state = self.lock();
        if state.pending >= self.limit {
            return Err(SpoolError::Behind { pending: state.pending, limit: self.limit });
        }
        if state.tail.is_none() || state.segments.back().is_none_or(|last| last.len >= self.segment_size) {
            state.begin_segment(&self.directory)?;
        }
        state.append(&self.directory, frames)?;
        let wanted = match state.writer {
            Waiting::No => false,
            Waiting::Idle => true,
            Waiting::Lingering => state.pending >= self.enough,
        };
        if wanted {
            state.writer = Waiting::No;
            drop(state);
            self.wake.notify_one();
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until everything appended before the call is in the database. `false`: not within this time.
    pub(crate) fn flush(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut state = self.lock();
        let target = state.end();
        state.flushing += 1;
        self.wake.notify_one();
        while state.consumed < target {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.progress.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.flushing -= 1;
        state.consumed >= target
    }

    /// Tells the writer's thread to put everything into the database and to end.
    pub(crate) fn stop(&self) {
        self.lock().stopping = true;
        self.wake.notify_one();
    }

    /// Waits for octets, for `idle` at most, then up to `linger` for more.
    pub(crate) fn wait_for_work(&self, linger: Duration, idle: Duration) -> Wake {
        let mut state = self.lock();
        let deadline = Instant::now() + idle;
        while state.pending == 0 && !state.stopping {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.writer = Waiting::No;
                return Wake::Idle;
            }
            state.writer = Waiting::Idle;
            state = self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let deadline = Instant::now() + linger;
        while !state.stopping && state.flushing == 0 && state.pending < self.enough {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state.writer = Waiting::Lingering;
            state = self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.writer = Waiting::No;
        if state.pending > 0 { Wake::Work } else { Wake::End }
    }

    /// Whether the thread is to end.
    pub(crate) fn stopping(&self) -> bool {
        self.lock().stopping
    }

    /// The segment that the next append goes to or begins, where there was none before.
    pub(crate) fn next_segment(&self) -> u64 {
        self.lock().next_number
    }

    /// Waits after a failure, or until the thread is to end.
    pub(crate) fn pause(&self, wait: Duration) {
        let deadline = Instant::now() + wait;
        let mut state = self.lock();
        while !state.stopping {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What may be read.
    pub(crate) fn written(&self) -> Vec<Segment> {
        self.lock().segments.iter().copied().collect()
    }

    /// Everything before this place is in the database. Whether there are segments that are no longer needed.
    pub(crate) fn consumed(&self, position: Position) -> bool {
        let mut state = self.lock();
        state.consumed = position;
        state.count_pending();
        if state.flushing > 0 {
            self.progress.notify_all();
        }
        state.segments.front().is_some_and(|first| first.number < position.segment)
    }

    /// Deletes the segments before the one that is being consumed.
    pub(crate) fn delete_consumed(&self) -> io::Result<()> {
        let mut state = self.lock();
        while let Some(first) = state.segments.front().filter(|first| first.number < state.consumed.segment) {
            std::fs::remove_file(segment::path(&self.directory, first.number))?;
            state.segments.pop_front();
        }
        Ok(())
    }

    /// Deletes every segment, if nothing is left in them. A later append begins a new one.
    pub(crate) fn delete_all(&self) -> io::Result<()> {
        let mut state = self.lock();
        if state.pending > 0 {
            return Ok(());
        }
        state.tail = None;
        while let Some(first) = state.segments.front() {
            std::fs::remove_file(segment::path(&self.directory, first.number))?;
            state.segments.pop_front();
        }
        Ok(())
    }
}

impl State {
    /// Behind the last octet written.
    fn end(&self) -> Position {
        let last = self.segments.back().map(|last| Position { segment: last.number, offset: last.len });
        last.map_or(self.consumed, |last| last.max(self.consumed))
    }

    fn count_pending(&mut self) {
        let Position { segment, offset } = self.consumed;
        self.pending = self
            .segments
            .iter()
            .filter(|held| held.number >= segment)
            .map(|held| if held.number == segment { held.len.saturating_sub(offset) } else { held.len })
            .sum();
    }

    fn begin_segment(&mut self, directory: &Path) -> Result<(), SpoolError> {
        let number = self.next_number;
        self.next_number += 1;
        let file = segment::create(directory, number)
            .map_err(|error| SpoolError::from_io(segment::path(directory, number), error))?;
        self.tail = Some(file);
        self.segments.push_back(Segment { number, len: FIRST_FRAME });
        self.pending += FIRST_FRAME;
        Ok(())
    }

    fn append(&mut self, directory: &Path, frames: &[u8]) -> Result<(), SpoolError> {
        let (Some(file), Some(last)) = (&mut self.tail, self.segments.back_mut()) else {
            return Ok(());
        };
        if let Err(error) = file.write_all(frames) {
            let path = segment::path(directory, last.number);
            // Nothing half-written may stay in front of what comes next. Where it cannot be cut off, the segment ends here.
            if file.set_len(last.len).is_err() {
                self.tail = None;
            }
            return Err(SpoolError::from_io(path, error));
        }
        last.len += frames.len() as u64;
        self.pending += frames.len() as u64;
        Ok(())
    }
}
