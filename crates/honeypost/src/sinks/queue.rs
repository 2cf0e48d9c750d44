//! The queue between the sessions and a sink's thread: bounded in octets, and never waited for by whoever offers.
//!
//! What is full leaves out what comes, and counts it. What the thread has taken in hand counts as queued until it has
//! settled it. `worker.rs` is the thread.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use event::Record;

use super::NotNow;
use super::counters::Counters;
use super::outlet::Complaint;

/// Octets that an entry takes in the queue beside what its fields hold.
const ENTRY: usize = size_of::<Entry>() + 64;
/// The most that is in hand at a time.
const IN_HAND: (usize, usize) = (512, 1024 * 1024);

/// An event that waits.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) record: Record,
    /// When it came.
    pub(super) since: Instant,
    octets: usize,
}

/// The queue.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) counters: Arc<Counters>,
    room: usize,
    state: Mutex<State>,
    stirred: Condvar,
}

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<Entry>,
    /// How many there are, with those in hand.
    events: usize,
    octets: usize,
    /// Left out while the queue is full, and whether that was said.
    lost: u64,
    told: bool,
    complaint: Complaint,
    closed: bool,
    reopen: bool,
}

/// Why the thread goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wake {
    /// There is something in hand.
    Work,
    /// What is open is to be opened anew.
    Reopen,
    /// Nothing more comes; what is in hand is the last.
    Last,
}

impl Queue {
    pub(super) fn new(name: &'static str, room: usize) -> Arc<Self> {
        let (counters, state) = (Arc::new(Counters::new(name)), Mutex::default());
        Arc::new(Self { counters, room, state, stirred: Condvar::new() })
    }

    /// Takes all of them, or counts them as left out.
    pub(super) fn offer<'a>(&self, wanted: impl Iterator<Item = &'a Record>) -> Result<(), NotNow> {
        let since = Instant::now();
        let entries: Vec<Entry> = wanted
            .map(|record| Entry { octets: ENTRY + record.event.weight(), record: record.clone(), since })
            .collect();
        if entries.is_empty() {
            return Ok(());
        }
        let octets: usize = entries.iter().map(|entry| entry.octets).sum();
        let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        let mut state = self.lock();
        self.counters.offered.add(count);
        // What would be alone in the queue is taken whatever its size: else it never would be.
        if state.closed || (state.octets.saturating_add(octets) > self.room && state.events > 0) {
            self.counters.dropped.add(count);
            let first = state.lost == 0;
            state.lost = state.lost.saturating_add(count);
            let say = first && !state.closed && state.complaint.due();
            state.told |= say;
            drop(state);
            if say {
                let name = self.counters.name;
                tracing::warn!("the queue of {name} is full: it lacks events; the store has them");
            }
            return Err(NotNow(format!("the queue of {} is full", self.counters.name)));
        }
        state.octets = state.octets.saturating_add(octets);
        state.events = state.events.saturating_add(entries.len());
        state.entries.extend(entries);
        self.show(&state);
        drop(state);
        self.stirred.notify_one();
        Ok(())
    }

    /// Nothing more comes.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.stirred.notify_one();
    }

    /// What is open is to be opened anew.
    pub(super) fn reopen(&self) {
        self.lock().reopen = true;
        self.stirred.notify_one();
    }

    /// Waits as long as it is told to, then until there is something to do, and fills the hand.
    pub(super) fn take(&self, hand: &mut Vec<Entry>, pause: Duration) -> Wake {
        let until = Instant::now().checked_add(pause);
        let mut state = self.lock();
        loop {
            if std::mem::take(&mut state.reopen) {
                return Wake::Reopen;
            }
            let left = until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
            let work = !hand.is_empty() || !state.entries.is_empty();
            if state.closed || (left.is_zero() && work) {
                break;
            }
            state = if left.is_zero() {
                self.stirred.wait(state).unwrap_or_else(PoisonError::into_inner)
            } else {
                let waited = self.stirred.wait_timeout(state, left);
                waited.unwrap_or_else(PoisonError::into_inner).0
            };
        }
        let (most, most_octets) = IN_HAND;
        let mut octets: usize = hand.iter().map(|entry| entry.octets).sum();
        while hand.len() < most && octets < most_octets {
            let Some(entry) = state.entries.pop_front() else { break };
            octets += entry.octets;
            hand.push(entry);
        }
        if state.closed { Wake::Last } else { Wake::Work }
    }

    /// The first so many in hand are done with.
    pub(super) fn settle(&self, hand: &mut Vec<Entry>, count: usize) {
        let count = count.min(hand.len());
        let octets: usize = hand.drain(..count).map(|entry| entry.octets).sum();
        let mut state = self.lock();
        state.octets = state.octets.saturating_sub(octets);
        state.events = state.events.saturating_sub(count);
        self.show(&state);
    }

    /// Everything that waits is given up: how many they are.
    pub(super) fn give_up(&self, hand: &mut Vec<Entry>) -> u64 {
        let mut state = self.lock();
        let events = hand.len() + state.entries.len();
        hand.clear();
        state.entries.clear();
        (state.events, state.octets) = (0, 0);
        self.show(&state);
        let events = u64::try_from(events).unwrap_or(u64::MAX);
        self.counters.dropped.add(events);
        events
    }

    /// How many were left out, once half of the queue is free again and if it was said that some are.
    pub(super) fn told_loss(&self) -> Option<u64> {
        let mut state = self.lock();
        if state.octets > self.room / 2 {
            return None;
        }
        let (lost, told) = (std::mem::take(&mut state.lost), std::mem::take(&mut state.told));
        told.then_some(lost)
    }

    fn show(&self, state: &State) {
        self.counters.queued_events.set(u64::try_from(state.events).unwrap_or(u64::MAX));
        self.counters.queued_octets.set(u64::try_from(state.octets).unwrap_or(u64::MAX));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
