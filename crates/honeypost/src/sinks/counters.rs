//! What a sink beside the store has done so far, in numbers that anybody may read at any time.

use std::sync::atomic::{AtomicU64, Ordering};

/// The numbers of one sink. `offered` is the sum of `delivered`, `dropped`, `skipped` and what is queued.
#[derive(Debug)]
pub(crate) struct Counters {
    /// The sink's name, such as `jsonl`.
    pub(crate) name: &'static str,
    /// Events that it was to take.
    pub(crate) offered: Count,
    /// Events that it has written or sent.
    pub(crate) delivered: Count,
    /// Events that it has left out. The store has them.
    pub(crate) dropped: Count,
    /// Events that it has looked at, and that its configuration does not want.
    pub(crate) skipped: Count,
    /// Of those delivered: they were under way when a connection broke, and nobody can tell whether they arrived.
    pub(crate) unconfirmed: Count,
    /// Events that wait.
    pub(crate) queued_events: Count,
    /// Octets that they take, about.
    pub(crate) queued_octets: Count,
    /// How often it has failed by a mistake of ours and begun anew.
    pub(crate) panics: Count,
}

/// A number that several threads change.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Counters {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            offered: Count::default(),
            delivered: Count::default(),
            dropped: Count::default(),
            skipped: Count::default(),
            unconfirmed: Count::default(),
            queued_events: Count::default(),
            queued_octets: Count::default(),
            panics: Count::default(),
        }
    }

    /// So many that were queued are delivered, so many left out.
    pub(super) fn settle(&self, delivered: u64, dropped: u64) {
        self.delivered.add(delivered);
        self.dropped.add(dropped);
        self.queued_events.0.fetch_sub(delivered + dropped, Ordering::Relaxed);
    }

    /// Says in the log what became of everything; called at the end.
    pub(crate) fn tell(&self) {
        let (offered, delivered) = (self.offered.get(), self.delivered.get());
        let (dropped, skipped, unconfirmed) =
            (self.dropped.get(), self.skipped.get(), self.unconfirmed.get());
        let (queued, panics) = (self.queued_events.get(), self.panics.get());
        let octets = self.queued_octets.get();
        let name = self.name;
        if dropped + queued + unconfirmed + panics > 0 {
            tracing::warn!(
                offered,
                delivered,
                dropped,
                skipped,
                unconfirmed,
                queued,
                octets,
                panics,
                "{name} lacks events; the store has them"
            );
        } else {
            tracing::info!(offered, delivered, skipped, "{name} has everything");
        }
    }
}

impl Count {
    /// The number.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(super) fn set(&self, number: u64) {
        self.0.store(number, Ordering::Relaxed);
    }
}
