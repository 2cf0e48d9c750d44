//! Stands before the store and counts what it takes: a few atomic additions an event, nothing that waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use event::Record;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::{Registry, Unit};
use store::{Piece, Trail};
use uuid::Uuid;

use super::latency::Latency;
use super::tally::Tally;
use crate::sinks::{Archive, NotNow};

/// The store, metered.
pub(super) struct Meter {
    pub(super) store: Box<dyn Archive>,
    pub(super) tally: Arc<Tally>,
    pub(super) latency: Latency,
    pub(super) waiting: Arc<Waiting>,
}

impl Archive for Meter {
    fn keep(
        &self,
        session: Uuid,
        trail: &mut Trail,
        records: &[Record],
        wire: &[Piece],
    ) -> Result<(), NotNow> {
        let start = Instant::now();
        let kept = self.store.keep(session, trail, records, wire);
        self.waiting.note(kept.is_err());
        if kept.is_ok() {
            self.latency.observe(start.elapsed());
            for record in records {
                self.tally.count(record);
            }
        }
        kept
    }

    fn waited(&self, time: Duration) {
        self.waiting.seconds.inc_by(time.as_secs_f64());
        self.store.waited(time);
    }

    fn lost(&self, records: &[Record]) {
        self.waiting.lost.inc_by(records.len() as u64);
        for record in records {
            self.tally.lose(record);
        }
        self.store.lost(records);
    }
}

/// What becomes of sessions while the store takes nothing.
#[derive(Debug)]
pub(super) struct Waiting {
    seconds: Counter<f64, AtomicU64>,
    lost: Counter,
    refused: AtomicBool,
}

impl Waiting {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let waiting =
            Self { seconds: Counter::default(), lost: Counter::default(), refused: AtomicBool::default() };
        registry.register_with_unit(
            "store_wait",
            "Time that sessions have waited for the store, added up",
            Unit::Seconds,
            waiting.seconds.clone(),
        );
        registry.register(
            "store_lost_events",
            "Events that the store refused and that are missing",
            waiting.lost.clone(),
        );
        waiting
    }

    fn note(&self, refused: bool) {
        // Written on a change only: the line stays in every processor's cache.
        if self.refused.load(Ordering::Relaxed) != refused {
            self.refused.store(refused, Ordering::Relaxed);
        }
    }

    /// Whether the store has refused what it was offered last.
    pub(super) fn refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }
}
