//! From a session to the sinks: here events get their identity, their time and their number.
//!
//! One [`Ledger`] a connection; what it appends is in the store's hands before the connection goes on, so nothing is
//! answered before it is recorded. When the store cannot take more, the connection waits: an intruder has time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use event::{Attribution, CloseReason, Event, Record};
use jiff::Timestamp;
use store::{Flow, Piece, Trail};
use tokio::sync::watch;
use uuid::Uuid;

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

/// One connection's evidence, from `session.opened` to `session.closed`. Dropped before the latter (a panic, an abort), it
/// records the end itself.
pub(crate) struct Ledger {
    pipeline: Arc<Pipeline>,
    attribution: Attribution,
    seq: u64,
    trail: Trail,
    opened: Instant,
    open: bool,
    /// Octets received.
    bytes_in: u64,
    /// Octets sent.
    bytes_out: u64,
    /// What is recorded with the next events.
    wire: Vec<Piece>,
    /// Octets of the wire record, and those that it lacks.
    wire_kept: u64,
    wire_cut: u64,
    /// What is missing and not told yet.
    lost: Option<Box<Lost>>,
}

/// What could not be recorded.
#[derive(Debug, Clone, Copy, Default)]
struct Lost {
    events: u64,
    /// Octets of the wire record.
    wire: u64,
}

impl Ledger {
    /// The ledger of a connection that was accepted just now.
    pub(crate) fn new(pipeline: Arc<Pipeline>, attribution: Attribution) -> Self {
        Self {
            pipeline,
            attribution,
            seq: 0,
            trail: Trail::default(),
            opened: Instant::now(),
            open: false,
            bytes_in: 0,
            bytes_out: 0,
            wire: Vec::new(),
            wire_kept: 0,
            wire_cut: 0,
            lost: None,
        }
    }

    /// The beginning, which must be stamped and recorded before anything else.
    pub(crate) fn open(&mut self, personality: &str) -> Event {
        self.open = true;
        Event::SessionOpened { personality: personality.to_owned() }
    }

    /// Who and where.
    pub(crate) fn attribution(&self) -> &Attribution {
        &self.attribution
    }

    /// Gives an event its identity. It is recorded once [`append`](Self::append) returns.
    pub(crate) fn stamp(&mut self, event: Event) -> Record {
        let time = Timestamp::now();
        let seq = self.seq;
        self.seq += 1;
        Record { id: id_at(time), time, seq, attribution: self.attribution.clone(), event }
    }

    /// Notes what the peer sent. It is recorded with the next events, or by [`append`](Self::append) of none.
    pub(crate) fn received(&mut self, octets: &[u8]) {
        self.bytes_in += octets.len() as u64;
        let kept = self.room_for(octets.len());
        if let Some(kept) = octets.get(..kept).filter(|kept| !kept.is_empty()) {
            self.note(Flow::Received, Bytes::copy_from_slice(kept));
        }
    }

    /// Whether the peer has sent anything.
    pub(crate) fn has_received(&self) -> bool {
        self.bytes_in > 0
    }

    /// TLS is on from here.
    pub(crate) fn secured(&mut self) {
        self.attribution.tls = true;
    }

    /// Notes the records of a TLS hello, which are no octets of the conversation.
    pub(crate) fn hello(&mut self, records: &[u8]) {
        let kept = self.room_for(records.len());
        if let Some(kept) = records.get(..kept).filter(|kept| !kept.is_empty()) {
            self.note(Flow::ClientHello, Bytes::copy_from_slice(kept));
        }
    }

    /// Notes what is about to be sent.
    pub(crate) fn sending(&mut self, octets: &Bytes) {
        let kept = self.room_for(octets.len());
        if kept > 0 {
            self.note(Flow::Sent, octets.slice(..kept));
        }
    }

    /// Counts octets that the peer has taken.
    pub(crate) fn sent(&mut self, octets: usize) {
        self.bytes_out += octets as u64;
    }

    /// Notes that the peer did not take the last of what was sent.
    pub(crate) fn unsent(&mut self, octets: &[u8]) {
        let kept = self.room_for(octets.len());
        if let Some(kept) = octets.get(..kept).filter(|kept| !kept.is_empty()) {
            self.note(Flow::Unsent, Bytes::copy_from_slice(kept));
        }
    }

    fn note(&mut self, flow: Flow, octets: Bytes) {
        self.wire.push(Piece { time: Timestamp::now(), flow, octets });
    }

    /// How many of so many octets the wire record takes.
    fn room_for(&mut self, octets: usize) -> usize {
        let left = self.pipeline.wire_limit.saturating_sub(self.wire_kept);
        let kept = octets.min(usize::try_from(left).unwrap_or(usize::MAX));
        self.wire_kept += kept as u64;
        self.wire_cut += (octets - kept) as u64;
        kept
    }

    /// Whether there is a part of the wire record that is not recorded yet.
    pub(crate) fn is_pending(&self) -> bool {
        !self.wire.is_empty()
    }

    /// Hands events and what was noted before them to the sinks, waiting for the store as long as it takes. Never returns
    /// where it gave up.
    pub(crate) async fn append(&mut self, records: &[Record]) {
        if records.is_empty() && self.wire.is_empty() {
            return;
        }
        let wire = std::mem::take(&mut self.wire);
        let batch = Batch { session: self.attribution.session, wire: &wire, records };
        let recorded = self.pipeline.append(batch, &mut self.trail).await;
        if !recorded {
            self.lose(records.len(), &wire);
        } else if self.lost.is_some() {
            Box::pin(self.confess()).await;
        }
    }

    fn lose(&mut self, events: usize, wire: &[Piece]) {
        let octets = wire.iter().map(|piece| piece.octets.len() as u64).sum::<u64>();
        let lost = self.lost.get_or_insert_default();
        lost.events += events as u64;
        lost.wire += octets;
        self.wire_cut += octets;
    }

    /// Records what is lost.
    async fn confess(&mut self) {
        let Some(Lost { events, wire }) = self.lost.as_deref().copied() else { return };
        let confession = [self.stamp(Event::EvidenceLost { events, wire })];
        let batch = Batch { session: self.attribution.session, wire: &[], records: &confession };
        if self.pipeline.append(batch, &mut self.trail).await {
            self.lost = None;
        } else {
            self.lose(1, &[]);
        }
    }

    /// Records the end.
    pub(crate) async fn close(&mut self, reason: CloseReason) {
        // The end vouches for all of the wire record: it must be there before.
        self.append(&[]).await;
        let closed = self.closing(reason);
        self.append(&[closed]).await;
        self.open = false;
    }

    fn closing(&mut self, reason: CloseReason) -> Record {
        let duration_ms = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.stamp(Event::SessionClosed {
            reason,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            duration_ms,
            wire_cut: self.wire_cut,
            wire_sha256: self.trail.wire().to_string(),
            chain_sha256: self.trail.events().to_string(),
        })
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        if self.open {
            let session = self.attribution.session;
            let wire = std::mem::take(&mut self.wire);
            let mut trail = self.trail;
            let noted = self.pipeline.offer(Batch { session, wire: &wire, records: &[] }, &mut trail);
            self.trail = trail;
            let closed = [self.closing(CloseReason::Error)];
            let closed = Batch { session, wire: &[], records: &closed };
            if let Err(reason) = noted.and_then(|()| self.pipeline.offer(closed, &mut trail)) {
                self.pipeline.store.lost(closed.records);
                tracing::error!(%reason, %session, "the end of a session is not recorded");
            }
        }
    }
}

/// A `UUIDv7` of that time (RFC 9562 section 5.7).
pub(crate) fn id_at(time: Timestamp) -> Uuid {
    let millis = u64::try_from(time.as_millisecond()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &rand::random()).into_uuid()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::AtomicUsize;

    use event::Protocol;

    use super::*;

    /// A sink that keeps what it gets, after refusing it a number of times.
    #[derive(Default, Clone)]
    pub(crate) struct Kept {
        pub(crate) records: Arc<Mutex<Vec<Record>>>,
        pub(crate) wire: Arc<Mutex<Vec<Piece>>>,
        pub(crate) batches: Arc<AtomicUsize>,
        pub(crate) refusals: Arc<AtomicUsize>,
    }

    impl Archive for Kept {
        fn keep(
            &self,
            _session: Uuid,
            _trail: &mut Trail,
            batch: &[Record],
            wire: &[Piece],
        ) -> Result<(), NotNow> {
            let left = |count: usize| count.checked_sub(1);
            if self.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left).is_ok() {
                return Err(NotNow("full".into()));
            }
            self.batches.fetch_add(1, Ordering::SeqCst);
            self.wire.lock().expect("no panic").extend_from_slice(wire);
            self.records.lock().expect("no panic").extend_from_slice(batch);
            Ok(())
        }
    }

    impl Sink for Kept {
        fn offer(&self, batch: &[Record]) -> Result<(), NotNow> {
            self.keep(Uuid::nil(), &mut Trail::default(), batch, &[])
        }
    }

    impl Kept {
        pub(crate) fn pipeline(&self) -> Arc<Pipeline> {
            self.pipeline_that(WhenStoreFull::Wait)
        }

        pub(crate) fn pipeline_that(&self, when_full: WhenStoreFull) -> Arc<Pipeline> {
            Pipeline::new(Box::new(self.clone()), Vec::new(), 1 << 20, when_full)
        }

        /// Every event's name, with the reason of the closing ones.
        pub(crate) fn story(&self) -> Vec<String> {
            let records = self.records.lock().expect("no panic");
            let tell = |record: &Record| match &record.event {
                Event::SessionClosed { reason, .. } => format!("session.closed {}", reason.name()),
                event => event.name().to_owned(),
            };
            records.iter().map(tell).collect()
        }
    }

    pub(crate) fn attribution() -> Attribution {
        Attribution {
            sensor: "test".into(),
            session: id_at(Timestamp::now()),
            protocol: Protocol::Imap,
            tls: false,
            src: "192.0.2.1:4000".parse().expect("an address"),
            dst: "192.0.2.2:143".parse().expect("an address"),
        }
    }

    #[test]
    fn ids_carry_their_time() {
        let time = Timestamp::from_millisecond(1_700_000_000_123).expect("in range");
        let (one, other) = (id_at(time), id_at(time));
        assert_ne!(one, other);
        assert_eq!(
            (one.get_version_num(), one.get_timestamp().map(|stamp| stamp.to_unix())),
            (7, Some((1_700_000_000, 123_000_000)))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_is_behind_loses_nothing() {
        let kept = Kept::default();
        kept.refusals.store(20, Ordering::SeqCst);
        let mut ledger = Ledger::new(kept.pipeline(), attribution());
        let opened = ledger.open("decnet");
        let opened = ledger.stamp(opened);
        ledger.append(&[opened]).await;
        ledger.close(CloseReason::Logout).await;
        drop(ledger);
        assert_eq!(kept.story(), ["session.opened", "session.closed logout"]);
        assert_eq!(kept.records.lock().expect("no panic").iter().map(|r| r.seq).collect::<Vec<_>>(), [0, 1]);
    }

    #[tokio::test]
    async fn who_may_go_on_says_what_is_lost() {
        let kept = Kept::default();
        let mut ledger = Ledger::new(kept.pipeline_that(WhenStoreFull::GoOn), attribution());
        let opened = ledger.open("decnet");
        let opened = ledger.stamp(opened);
        ledger.append(&[opened]).await;
        kept.refusals.store(2, Ordering::SeqCst);
        for line in ["one", "two", "three"] {
            ledger.received(b"123");
            let event = Event::ProtocolViolation { what: "unfinished", line: line.into() };
            let record = ledger.stamp(event);
            ledger.append(&[record]).await;
        }
        ledger.close(CloseReason::Logout).await;
        let records = kept.records.lock().expect("no panic").clone();
        let told: Vec<_> = records.iter().map(|record| (record.seq, record.event.name())).collect();
        let rest = [(3, "protocol.violation"), (4, "evidence.lost"), (5, "session.closed")];
        assert_eq!(told, [&[(0, "session.opened")][..], &rest].concat());
        assert_eq!(
            records.get(2).map(|record| &record.event),
            Some(&Event::EvidenceLost { events: 2, wire: 6 })
        );
        let Some(Event::SessionClosed { wire_cut, .. }) = records.last().map(|record| &record.event) else {
            panic!("no end")
        };
        assert_eq!(*wire_cut, 6);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_at_the_end_offers_once_more_and_goes_no_further() {
        for still_full in [false, true] {
            let kept = Kept::default();
            kept.refusals.store(1_000_000, Ordering::SeqCst);
            let pipeline = kept.pipeline();
            let mut ledger = Ledger::new(Arc::clone(&pipeline), attribution());
            let session = tokio::spawn(async move {
                let opened = ledger.open("decnet");
                let opened = ledger.stamp(opened);
                ledger.append(&[opened]).await;
            });
            tokio::time::sleep(Duration::from_mins(10)).await;
            assert!(!session.is_finished());
            if !still_full {
                kept.refusals.store(0, Ordering::SeqCst);
            }
            pipeline.give_up();
            tokio::time::sleep(Duration::from_millis(1)).await;
            assert_eq!(session.is_finished(), !still_full);
            let left = kept.refusals.load(Ordering::SeqCst);
            tokio::time::sleep(Duration::from_mins(10)).await;
            assert_eq!(kept.refusals.load(Ordering::SeqCst), left, "it goes on offering");
            assert_eq!(session.is_finished(), !still_full);
            assert_eq!(kept.story().is_empty(), still_full);
        }
    }

    #[tokio::test]
    async fn a_ledger_that_is_dropped_records_the_end() {
        let kept = Kept::default();
        let mut ledger = Ledger::new(kept.pipeline(), attribution());
        let opened = ledger.open("decnet");
        let opened = ledger.stamp(opened);
        ledger.append(&[opened]).await;
        drop(ledger);
        assert_eq!(kept.story(), ["session.opened", "session.closed error"]);
    }
}
