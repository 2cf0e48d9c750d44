//! A sink's thread: takes events from its queue and has a [`Carrier`] deliver them, again and again where that fails.
//!
//! What goes wrong is said once, and then ever more rarely; that it goes well again is said too. A carrier that panics is
//! replaced by a new one. Knows nothing of files and networks.

use std::convert::Infallible;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use event::Record;

use super::outlet::{Complaint, Ending};
use super::queue::{Entry, Queue, Wake};
use super::{NotNow, Opened, Sink};

/// The first and the longest wait before what failed is tried again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// Delivers events. Lives in its sink's thread, where it may wait, within bounds of its own.
pub(super) trait Carrier {
    /// Delivers as many as it can, in order, from the front.
    fn deliver(&mut self, entries: &[Entry]) -> Progress;

    /// Opens anew what is open.
    fn reopen(&mut self) {}
}

/// What became of the first `delivered + dropped + skipped` events, in whatever order among themselves.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) delivered: usize,
    pub(super) dropped: usize,
    pub(super) skipped: usize,
    /// Of all that were ever delivered, so many more may not have arrived.
    pub(super) unconfirmed: usize,
    pub(super) next: Next,
}

/// How it goes on.
#[derive(Debug, Default)]
pub(super) enum Next {
    /// At once.
    #[default]
    Go,
    /// After this time; nothing is wrong.
    Wait(Duration),
    /// Something is wrong, and to be tried again: after this time, where somebody said so.
    Failed(String, Option<Duration>),
}

/// The end of the queue where events are offered. Dropped, it lets the thread deliver what is left and end.
struct Inlet {
    queue: Arc<Queue>,
    wanted: Wanted,
}

/// The names of the events that a sink is to have; all of them where there is no list.
pub(super) type Wanted = Option<Vec<String>>;

impl Sink for Inlet {
    fn offer(&self, batch: &[Record]) -> Result<(), NotNow> {
        let wants = |record: &&Record| match &self.wanted {
            Some(names) => names.iter().any(|name| name == record.event.name()),
            None => true,
        };
        self.queue.offer(batch.iter().filter(wants))
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// Starts the thread. `first` is the carrier that it begins with, `make` makes another one after a panic.
pub(super) fn start<C: Carrier + Send + 'static>(
    queue: Arc<Queue>,
    wanted: Wanted,
    first: C,
    make: impl FnMut() -> Result<C, String> + Send + 'static,
) -> io::Result<Opened> {
    let name = queue.counters.name;
    let (ended, ending) = Ending::of(name);
    let worker = Worker {
        queue: Arc::clone(&queue),
        carrier: Some(first),
        make,
        pause: Duration::ZERO,
        told: false,
        complaint: Complaint::default(),
        _ended: ended,
    };
    thread::Builder::new().name(name.to_owned()).spawn(move || worker.run())?;
    let (counters, reopened) = (Arc::clone(&queue.counters), Arc::clone(&queue));
    let reopen: Box<dyn Fn() + Send + Sync> = Box::new(move || reopened.reopen());
    Ok(Opened { sink: Box::new(Inlet { queue, wanted }), ending, counters, reopen: Some(reopen) })
}

struct Worker<C, M> {
    queue: Arc<Queue>,
    carrier: Option<C>,
    make: M,
    /// How long it waits before it goes on.
    pause: Duration,
    /// Whether it was said that it fails now.
    told: bool,
    complaint: Complaint,
    _ended: Sender<Infallible>,
}

impl<C: Carrier, M: FnMut() -> Result<C, String>> Worker<C, M> {
    fn run(mut self) {
        let mut hand = Vec::new();
        loop {
            let wake = self.queue.take(&mut hand, self.pause);
            let done = catch_unwind(AssertUnwindSafe(|| self.turn(wake, &mut hand)));
            let moved = done.unwrap_or_else(|_| self.start_anew(&mut hand));
            if wake == Wake::Last && (!moved || self.queue.counters.queued_events.get() == 0) {
                return self.end(&mut hand);
            }
        }
    }

    /// What is left at the end could not be delivered.
    fn end(&self, hand: &mut Vec<Entry>) {
        let events = self.queue.give_up(hand);
        if events > 0 {
            tracing::warn!("{} lacks the last {events} events; the store has them", self.name());
        }
    }

    /// Says whether anything was settled.
    fn turn(&mut self, wake: Wake, hand: &mut Vec<Entry>) -> bool {
        let carrier = match &mut self.carrier {
            Some(carrier) => carrier,
            None => match (self.make)() {
                Ok(carrier) => self.carrier.insert(carrier),
                Err(why) => {
                    self.failed(&why, None);
                    return false;
                }
            },
        };
        if wake == Wake::Reopen {
            carrier.reopen();
        }
        if wake == Wake::Reopen || hand.is_empty() {
            return false;
        }
        let Progress { delivered, dropped, skipped, unconfirmed, next } = carrier.deliver(hand);
        let counters = &self.queue.counters;
        counters.delivered.add(as_count(delivered));
        counters.dropped.add(as_count(dropped));
        counters.skipped.add(as_count(skipped));
        counters.unconfirmed.add(as_count(unconfirmed));
        let settled = delivered + dropped + skipped;
        self.queue.settle(hand, settled);
        match next {
            Next::Failed(why, pause) => {
                if delivered > 0 {
                    self.pause = Duration::ZERO;
                }
                self.failed(&why, pause);
            }
            Next::Wait(pause) => self.pause = pause,
            Next::Go => self.went_well(delivered),
        }
        settled > 0
    }

    fn went_well(&mut self, delivered: usize) {
        self.pause = Duration::ZERO;
        if delivered == 0 {
            return;
        }
        let lost = self.queue.told_loss();
        if std::mem::take(&mut self.told) || lost.is_some() {
            let lost = lost.unwrap_or_default();
            tracing::warn!("{} takes events again; {lost} were left out meanwhile", self.name());
        }
    }

    fn failed(&mut self, why: &str, pause: Option<Duration>) {
        let (shortest, longest) = PAUSES;
        self.pause = pause.unwrap_or_else(|| longest.min(self.pause * 2).max(shortest));
        if self.complaint.due() {
            self.told = true;
            let name = self.name();
            tracing::warn!(
                "{name} cannot deliver events now, and keeps trying: {}",
                crate::terminal::escape(why)
            );
        }
    }

    /// After a panic: what was in hand is not tried again, as it may be the cause.
    fn start_anew(&mut self, hand: &mut Vec<Entry>) -> bool {
        let counters = &self.queue.counters;
        counters.panics.add(1);
        counters.dropped.add(as_count(hand.len()));
        self.queue.settle(hand, usize::MAX);
        self.carrier = None;
        self.pause = PAUSES.0;
        if self.complaint.due() {
            tracing::error!(
                "{} failed by a mistake of Honeypost's, lacks events and begins anew",
                self.name()
            );
        }
        true
    }

    fn name(&self) -> &'static str {
        self.queue.counters.name
    }
}

fn as_count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
