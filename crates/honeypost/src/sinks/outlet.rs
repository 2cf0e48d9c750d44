//! An outlet: a bounded queue and a thread of its own that writes what comes out of it.
//!
//! Whoever offers never waits. While the reader is behind and the queue full, what is offered is counted and left out;
//! once the reader takes something again, the gap is told in the stream, where it is, and in Honeypost's own log. What is
//! left out here is in the store all the same. Knows nothing of what it carries: the closure given to [`open`] makes
//! octets of it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::{self, ErrorKind, Write};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::NotNow;

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
pub(crate) struct Ending(Receiver<Infallible>);

struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
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
    let queue = Arc::new(Queue { state, filled: Condvar::new() });
    let (ended, ending) = mpsc::channel();
    let thread = Scribe {
        name,
        queue: Arc::clone(&queue),
        writer,
        press,
        torn: false,
        complaint: Complaint::default(),
        _ended: ended,
    };
    thread::Builder::new().name(name.replace(' ', "-")).spawn(move || thread.run())?;
    Ok((Outlet { name, room, queue }, Ending(ending)))
}

impl<T> Outlet<T> {
    /// Takes all of it, or counts it as left out. Never waits for the writer.
    pub(crate) fn offer(&self, offers: Vec<Offer<T>>) -> Result<(), NotNow> {
        let octets: usize = offers.iter().map(|offer| offer.octets).sum();
        let events: u64 = offers.iter().map(|offer| offer.events).sum();
        let mut guard = self.queue.lock();
        let state = &mut *guard;
        if state.closed {
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
            return Err(NotNow(format!("{} is not read", self.name)));
        }
        state.octets = state.octets.saturating_add(octets);
        state.jobs.extend(offers.into_iter().map(|offer| (Job::Item(offer.item), offer.events)));
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
    /// Waits until everything is written, but no longer than this. Says whether it is.
    pub(crate) fn wait(&self, limit: Duration) -> bool {
        self.0.recv_timeout(limit) == Err(RecvTimeoutError::Disconnected)
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
            let mut events = 0;
            let mut jobs = jobs.into_iter().chain(gap).peekable();
            while let Some((job, count)) = jobs.next() {
                if text.is_empty() && failed > 0 {
                    (self.press)(Job::Gap(failed), &mut text);
                }
                (self.press)(job, &mut text);
                events += count;
                if text.len() < WRITE_AT_ONCE && jobs.peek().is_some() {
                    continue;
                }
                match self.write(&text) {
                    Ok(()) => failed = 0,
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                        tracing::warn!("{} is closed: nothing more is written there", self.name);
                        let mut state = self.queue.lock();
                        (state.closed, state.jobs) = (true, VecDeque::new());
                        return;
                    }
                    Err(error) => {
                        failed += events;
                        if self.complaint.due() {
                            tracing::warn!(%error, "{} lacks events; the store has them", self.name);
                        }
                    }
                }
                events = 0;
                text.clear();
            }
            if let Some(Loss { events, told: true }) = loss {
                tracing::warn!("{} is read again: it lacks {events} events", self.name);
            }
        }
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
