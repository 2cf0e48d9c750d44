//! Events on their way into a store that may refuse them.

use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use event::{Attribution, CloseReason, Event, Protocol};

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
    assert_eq!(records.get(2).map(|record| &record.event), Some(&Event::EvidenceLost { events: 2, wire: 6 }));
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
