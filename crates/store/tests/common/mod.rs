//! What the tests of the store share: records to append, and what must be true of a store afterwards.
#![allow(dead_code, reason = "each test binary uses some of it")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use event::{Attribution, Event, Protocol, Record, Text};
use jiff::Timestamp;
use store::{Filter, Options, Reader, Spool, SpoolError, Stored, Trail};
use uuid::Uuid;

/// Small sizes, so that segments, groups and waits all happen in a short test.
pub(crate) fn small() -> Options {
    Options {
        group_interval: Duration::from_millis(2),
        group_events: 64,
        spool_limit: 1 << 20,
        segment_size: 16 << 10,
        ..Options::default()
    }
}

pub(crate) fn session(number: u128) -> Uuid {
    Uuid::from_u128(0x018b_cfe5_6000_7000_8000_0000_0000_0000 + number)
}

/// The record `seq` of a session: its id says which one it is.
pub(crate) fn record(session: Uuid, seq: u64, event: Event) -> Record {
    Record {
        id: Uuid::from_u128(session.as_u128() ^ (u128::from(seq) << 64)),
        time: Timestamp::now(),
        seq,
        attribution: Attribution {
            sensor: Arc::from("sensor-1"),
            session,
            protocol: Protocol::Imap,
            tls: false,
            src: "192.0.2.1:4000".parse().expect("an address"),
            dst: "[2001:db8::1]:143".parse().expect("an address"),
        },
        event,
    }
}

pub(crate) fn line(text: &[u8]) -> Event {
    Event::CommandReceived { verb: "X".into(), line: Text::copy(text), state: "AUTHENTICATED", status: "BAD" }
}

thread_local! {
    /// How far each session's chains have come; a session is one thread's.
    static TRAILS: RefCell<BTreeMap<Uuid, Trail>> = const { RefCell::new(BTreeMap::new()) };
}

/// Appends as the driver does: waits where the spool says so.
pub(crate) fn append(spool: &Spool, records: &[Record]) {
    let deadline = Instant::now() + Duration::from_secs(20);
    for alone in records.chunk_by(|one, other| one.attribution.session == other.attribution.session) {
        append_of_one(spool, alone, deadline);
    }
}

fn append_of_one(spool: &Spool, records: &[Record], deadline: Instant) {
    while let Err(error) = try_append(spool, records) {
        assert!(!matches!(error, SpoolError::TooLarge { .. }), "{error}");
        assert!(Instant::now() < deadline, "{error}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Appends records of one session, or says why not.
pub(crate) fn try_append(spool: &Spool, records: &[Record]) -> Result<(), SpoolError> {
    let session = records.first().map(|record| record.attribution.session).unwrap_or_default();
    TRAILS.with_borrow_mut(|trails| spool.append(session, trails.entry(session).or_default(), records, &[]))
}

pub(crate) fn read(directory: &Path, filter: &Filter) -> Vec<Stored> {
    let reader = Reader::open(directory).expect("a database");
    reader.events(filter).expect("a filter").collect::<Result<_, _>>().expect("readable rows")
}

/// Every session's numbers begin with 0 and have no holes, each record is its session's, and keys ascend. Gives how
/// many records each session has.
pub(crate) fn check_whole(stored: &[Stored]) -> BTreeMap<Uuid, u64> {
    let mut counts = BTreeMap::new();
    let mut last_key = 0;
    for event in stored {
        let next: &mut u64 = counts.entry(event.attribution.session).or_default();
        assert_eq!(event.seq, *next, "session {}", event.attribution.session);
        assert_eq!(event.id, record(event.attribution.session, event.seq, line(b"")).id);
        assert!(event.key > last_key && event.key >= event.time.as_microsecond());
        last_key = event.key;
        *next += 1;
    }
    counts
}

/// Files in the spool's directory whose names end so.
pub(crate) fn spool_files(directory: &Path, suffix: &str) -> usize {
    let entries = std::fs::read_dir(directory.join("spool")).expect("a spool");
    entries
        .filter(|entry| entry.as_ref().expect("an entry").file_name().to_string_lossy().ends_with(suffix))
        .count()
}
