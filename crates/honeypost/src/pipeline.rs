//! From a session to the sinks: here events get their identity, their time and their number.
//!
//! One [`Ledger`] a connection; what it appends is in the store's hands before the connection goes on, so nothing is
//! answered before it is recorded. When the store cannot take more, the connection waits: an intruder has time.

mod ledger;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use event::Record;
use jiff::Timestamp;
use store::{Piece, Trail};
use tokio::sync::watch;
use uuid::Uuid;

pub(crate) use self::ledger::Ledger;
use crate::config::WhenStoreFull;
use crate::sinks::{Archive, NotNow, Sink};

/// The longest that a connection waits before it offers its events again.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The way to the sinks, shared by all connections.
pub(crate) struct Pipeline {
    store: Box<dyn Archive>,
    secondary: Vec<Box<dyn Sink>>,
    /// Octets of a session's wire record that are kept.
    wire_limit: u64,
    when_full: WhenStoreFull,
    behind: AtomicBool,
    /// Since it is behind: batches that had to wait, and events that are missing.
    waited: AtomicU64,
    lost: AtomicU64,
    /// Becomes true when nobody is to wait for the store any longer.
    over: watch::Sender<bool>,
}

/// What is appended at once: events, and stretches of the same session's wire record.
#[derive(Clone, Copy)]
struct Batch<'a> {
    session: Uuid,
    records: &'a [Record],
    wire: &'a [Piece],
}

impl Pipeline {
    /// A pipeline to the store and to whatever else there is.
    pub(crate) fn new(
        store: Box<dyn Archive>,
        secondary: Vec<Box<dyn Sink>>,
        wire_limit: u64,
        when_full: WhenStoreFull,
    ) -> Arc<Self> {
        let (over, _) = watch::channel(false);
        Arc::new(Self {
            store,
            secondary,
            wire_limit,
            when_full,
            behind: AtomicBool::new(false),
            waited: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            over,
        })
    }

    fn offer(&self, batch: Batch<'_>, trail: &mut Trail) -> Result<(), NotNow> {
        self.store.keep(batch.session, trail, batch.records, batch.wire)?;
        if self.behind.load(Ordering::Relaxed) && self.behind.swap(false, Ordering::Relaxed) {
            let (waited, lost) =
                (self.waited.swap(0, Ordering::Relaxed), self.lost.swap(0, Ordering::Relaxed));
            tracing::warn!(
                waited,
                lost,
                "the store takes events again; so many appends had to wait, so many events are lost"
            );
        }
        self.tell_others(batch);
        Ok(())
    }

    fn tell_others(&self, batch: Batch<'_>) {
        if !batch.records.is_empty() {
            for sink in &self.secondary {
                // Each counts and reports what it loses.
                let _ = sink.offer(batch.records);
            }
        }
    }

    /// Whether it is recorded. Where it is not, the session is to go on all the same.
    async fn append(&self, batch: Batch<'_>, trail: &mut Trail) -> bool {
        let Err(reason) = self.offer(batch, trail) else {
            return true;
        };
        match self.when_full {
            // Boxed: connections have no room for what they hardly ever need.
            WhenStoreFull::Wait => Box::pin(self.keep_offering(batch, trail, reason)).await,
            WhenStoreFull::GoOn => {
                self.complain(&reason, "sessions go on, and their events are missing");
                self.lost.fetch_add(batch.records.len() as u64, Ordering::Relaxed);
                self.store.lost(batch.records);
                self.tell_others(batch);
                return false;
            }
        }
        true
    }

    /// Says once that the store takes nothing.
    fn complain(&self, reason: &NotNow, what: &str) {
        if !self.behind.swap(true, Ordering::Relaxed) {
            tracing::warn!(%reason, "the store cannot take events now; {what}");
        }
    }

    async fn keep_offering(&self, batch: Batch<'_>, trail: &mut Trail, mut reason: NotNow) {
        let mut over = self.over.subscribe();
        let mut wait = Duration::from_millis(5);
        self.waited.fetch_add(1, Ordering::Relaxed);
        loop {
            self.complain(&reason, "sessions wait until it can");
            let asked = Instant::now();
            let over = tokio::select! {
                _ = over.wait_for(|over| *over) => true,
                () = tokio::time::sleep(wait) => false,
            };
            self.store.waited(asked.elapsed());
            match self.offer(batch, trail) {
                Ok(()) => return,
                Err(_) if over => break,
                Err(again) => reason = again,
            }
            wait = LONGEST_WAIT.min(wait * 2);
        }
        let events = batch.records.len();
        tracing::error!(%reason, session = %batch.session, events, "the last events of a session are not recorded");
        // What they would be followed by must not happen; the end of the runtime ends this task.
        std::future::pending::<()>().await;
    }

    /// Honeypost ends and has waited long enough: whoever still waits for the store offers once more, then gives up.
    pub(crate) fn give_up(&self) {
        self.over.send_replace(true);
    }
}

/// A `UUIDv7` of that time (RFC 9562 section 5.7).
pub(crate) fn id_at(time: Timestamp) -> Uuid {
    let millis = u64::try_from(time.as_millisecond()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &rand::random()).into_uuid()
}

#[cfg(test)]
pub(crate) mod tests;
