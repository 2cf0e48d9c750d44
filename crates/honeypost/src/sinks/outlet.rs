//! An outlet: a bounded queue and a thread of its own that writes what comes out of it.
//!
//! Whoever offers never waits. While the reader is behind and the queue full, what is offered is counted and left out;
//! once the reader takes something again, the gap is told in the stream, where it is, and in Honeypost's own log. What is
//! left out here is in the store all the same. Knows nothing of what it carries: the closure given to [`open`] makes
//! octets of it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::{self, ErrorKind, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::NotNow;
use super::counters::Counters;

/// Octets that are gathered for one write.
const WRITE_AT_ONCE: usize = 64 * 1024;
/// How often a writer that is not ready is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(10);
/// How long the first complaint keeps the next one waiting, and the longest such wait.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(1));

/// What comes out of the queue.
#[derive(Debug)]
pub(crate) enum Job<T> {
    /// What was offered.
    Item(T),
    /// So many events are missing here.
    Gap(u64),
}

/// What is offered.
#[derive(Debug)]
pub(crate) struct Offer<T> {
    /// The thing.
    pub(crate) item: T,
    /// How many events it stands for.
    pub(crate) events: u64,
    /// The octets that it takes in the queue.
    pub(crate) octets: usize,
}

/// The end where things are offered. Dropped, it lets the thread write what is left and end.
pub(crate) struct Outlet<T> {
    name: &'static str,
    room: usize,
    queue: Arc<Queue<T>>,
}

/// Tells when the thread has ended.
pub(crate) struct Ending {
    /// Of what.
    pub(crate) name: &'static str,
    ended: Receiver<Infallible>,
}

struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    counters: Arc<Counters>,
}

struct State<T> {
    jobs: VecDeque<(Job<T>, u64)>,
    octets: usize,
    /// What is left out since the queue is full; nothing while there is room.
    loss: Option<Loss>,
    /// Nothing more is offered, or nothing more can be written.
    closed: bool,
    complaint: Complaint,
}

struct Loss {
    events: u64,
    told: bool,
}

/// Opens an outlet with room for so many octets. `press` writes a job's octets, line ends and all, behind what is there.
pub(crate) fn open<T: Send + 'static>(
    name: &'static str,
    writer: impl Write + Send + 'static,
    room: usize,
    press: impl FnMut(Job<T>, &mut Vec<u8>) + Send + 'static,
) -> io::Result<(Outlet<T>, Ending)> {
    let (jobs, complaint) = (VecDeque::new(), Complaint::default());
    let state = Mutex::new(State { jobs, octets: 0, loss: None, closed: false, complaint });
    let counters = Arc::new(Counters::new(name));
    let queue = Arc::new(Queue { state, filled: Condvar::new(), counters });
    let (ended, ending) = Ending::of(name);
    let thread = Scribe {
        name,
        queue: Arc::clone(&queue),
        writer,
        press,
        torn: false,
        unsaid: 0,
        complaint: Complaint::default(),
        _ended: ended,
    };
    thread::Builder::new().name(name.replace(' ', "-")).spawn(move || thread.run())?;
    Ok((Outlet { name, room, queue }, ending))
}

impl<T> Outlet<T> {
    /// The numbers.
    pub(crate) fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.queue.counters)
    }

    /// Takes all of it, or counts it as left out. Never waits for the writer.
    pub(crate) fn offer(&self, offers: Vec<Offer<T>>) -> Result<(), NotNow> {
        let octets: usize = offers.iter().map(|offer| offer.octets).sum();
        let events: u64 = offers.iter().map(|offer| offer.events).sum();
        let mut guard = self.queue.lock();
        let state = &mut *guard;
        let counters = &self.queue.counters;
        counters.offered.add(events);
        if state.closed {
            counters.dropped.add(events);
            return Err(NotNow(format!("{} is closed", self.name)));
        }
        // What would be alone in the queue is taken whatever its size: else it never would be.
        let full = state.octets.saturating_add(octets) > self.room && !state.jobs.is_empty();
        if full || state.loss.is_some() {
            let loss = state.loss.get_or_insert_with(|| Loss { events: 0, told: state.complaint.due() });
            if loss.events == 0 && loss.told {
                tracing::warn!("{} is not read: it lacks events until it is; the store has them", self.name);
            }
            loss.events = loss.events.saturating_add(events);
            counters.dropped.add(events);
            return Err(NotNow(format!("{} is not read", self.name)));
        }
        state.octets = state.octets.saturating_add(octets);
        state.jobs.extend(offers.into_iter().map(|offer| (Job::Item(offer.item), offer.events)));
        counters.queued_octets.set(u64::try_from(state.octets).unwrap_or(u64::MAX));
        counters.queued_events.add(events);
        drop(guard);
        self.queue.filled.notify_one();
        Ok(())
    }
}

impl<T> Drop for Outlet<T> {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.filled.notify_one();
    }
}

impl Ending {
    /// What the thread holds until it ends, and what tells that it has.
    pub(super) fn of(name: &'static str) -> (Sender<Infallible>, Self) {
        let (sender, ended) = mpsc::channel();
        (sender, Self { name, ended })
    }

    /// Waits until everything is written, but no longer than this. Says whether it is.
    pub(crate) fn wait(&self, limit: Duration) -> bool {
        self.ended.recv_timeout(limit) == Err(RecvTimeoutError::Disconnected)
    }
}

impl<T> Queue<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that is queued, once there is something, and what was left out behind it. Nothing: it is closed.
    fn take(&self) -> (VecDeque<(Job<T>, u64)>, Option<Loss>) {
        let mut state = self.lock();
        while state.jobs.is_empty() && !state.closed {
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.octets = 0;
        self.counters.queued_octets.set(0);
        (std::mem::take(&mut state.jobs), state.loss.take())
    }
}

/// The thread.
struct Scribe<T, W, P> {
    name: &'static str,
    queue: Arc<Queue<T>>,
    writer: W,
    press: P,
    /// Whether the last write ended within a line.
    torn: bool,
    /// Events whose lines could not be made, since the last gap was begun.
    unsaid: u64,
    complaint: Complaint,
    _ended: Sender<Infallible>,
}

impl<T, W: Write, P: FnMut(Job<T>, &mut Vec<u8>)> Scribe<T, W, P> {
    fn run(mut self) {
        let mut text = Vec::new();
        // Events whose lines could not be written.
        let mut failed = 0;
        loop {
            let (jobs, loss) = self.queue.take();
            if jobs.is_empty() && loss.is_none() {
                return;
            }
            let gap = loss.as_ref().map(|loss| (Job::Gap(loss.events), loss.events));
            let (mut events, mut items) = (0, 0);
            let mut jobs = jobs.into_iter().chain(gap).peekable();
            while let Some((job, count)) = jobs.next() {
                if text.is_empty() && failed > 0 {
                    (self.press)(Job::Gap(failed), &mut text);
                }
                let is_item = matches!(job, Job::Item(_));
                if self.pressed(job, &mut text) {
                    events += count;
                    items += if is_item { count } else { 0 };
                } else {
                    self.unsaid += count;
                    self.queue.counters.settle(0, if is_item { count } else { 0 });
                }
                if text.len() < WRITE_AT_ONCE && jobs.peek().is_some() {
                    continue;
                }
                match self.write(&text) {
                    Ok(()) => {
                        self.queue.counters.settle(items, 0);
                        // What was lost while this text was made stands in none of its lines.
                        failed = std::mem::take(&mut self.unsaid);
                    }
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                        tracing::warn!("{} is closed: nothing more is written there", self.name);
                        let mut state = self.queue.lock();
                        (state.closed, state.jobs) = (true, VecDeque::new());
                        self.queue.counters.settle(0, self.queue.counters.queued_events.get());
                        return;
                    }
                    Err(error) => {
                        failed += events + std::mem::take(&mut self.unsaid);
                        self.queue.counters.settle(0, items);
                        if self.complaint.due() {
                            tracing::warn!(%error, "{} lacks events; the store has them", self.name);
                        }
                    }
                }
                (events, items) = (0, 0);
                text.clear();
            }
            if let Some(Loss { events, told: true }) = loss {
                tracing::warn!("{} is read again: it lacks {events} events", self.name);
            }
        }
    }

    /// Makes a job's octets. A panic costs that job alone.
    fn pressed(&mut self, job: Job<T>, text: &mut Vec<u8>) -> bool {
        let before = text.len();
        let done = catch_unwind(AssertUnwindSafe(|| (self.press)(job, text)));
        if done.is_err() {
            text.truncate(before);
            self.queue.counters.panics.add(1);
            if self.complaint.due() {
                tracing::error!("{} lacks an event by a mistake of Honeypost's; the store has it", self.name);
            }
        }
        done.is_ok()
    }

    /// Writes all of it, and ends a line first that an earlier failure cut off.
    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        if self.torn {
            self.write_rest(b"\n")?;
        }
        self.write_rest(text)
    }

    fn write_rest(&mut self, mut text: &[u8]) -> io::Result<()> {
        while !text.is_empty() {
            match self.writer.write(text) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(octets) => {
                    self.torn = text.get(octets.saturating_sub(1)) != Some(&b'\n');
                    text = text.get(octets..).unwrap_or_default();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(ASK_AGAIN),
                Err(error) => return Err(error),
            }
        }
        self.writer.flush()
    }
}

/// When a complaint that may come again and again is due: ever more rarely, until there was none for long.
#[derive(Debug, Default)]
pub(super) struct Complaint {
    last: Option<(Instant, Duration)>,
}

impl Complaint {
    /// Whether to complain now.
    pub(super) fn due(&mut self) -> bool {
        let (shortest, longest) = PAUSES;
        let pause = match self.last {
            Some((last, pause)) if last.elapsed() < pause => return false,
            Some((last, pause)) if last.elapsed() < longest => longest.min(pause * 2),
            _ => shortest,
        };
        self.last = Some((Instant::now(), pause));
        true
    }
}

#[cfg(test)]
mod tests;
