use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use super::*;
use crate::sinks::testing::{LONG, login, logins, settled, until};

/// What a carrier is to do, and what it has done.
#[derive(Default)]
struct Plan {
    /// Nothing gets through.
    down: AtomicBool,
    panics: AtomicUsize,
    made: AtomicUsize,
    reopened: AtomicUsize,
    arrived: Mutex<Vec<u64>>,
}

struct Planned(Arc<Plan>);

impl Carrier for Planned {
    fn deliver(&mut self, entries: &[Entry]) -> Progress {
        let left = |count: usize| count.checked_sub(1);
        assert!(self.0.panics.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left).is_err(), "a mistake");
        if self.0.down.load(Ordering::SeqCst) {
            let next = Next::Failed("down\x1b[2J".into(), Some(Duration::from_millis(1)));
            return Progress { next, ..Progress::default() };
        }
        self.0.arrived.lock().expect("no panic").extend(entries.iter().map(|entry| entry.record.seq));
        Progress { delivered: entries.len(), ..Progress::default() }
    }

    fn reopen(&mut self) {
        self.0.reopened.fetch_add(1, Ordering::SeqCst);
    }
}

fn planned(room: usize) -> (Arc<Plan>, Opened) {
    let plan = Arc::new(Plan::default());
    let again = Arc::clone(&plan);
    let make = move || {
        again.made.fetch_add(1, Ordering::SeqCst);
        Ok(Planned(Arc::clone(&again)))
    };
    let opened = start(Queue::new("a test", room), None, Planned(Arc::clone(&plan)), make).expect("a thread");
    (plan, opened)
}

#[test]
fn a_receiver_that_is_away_costs_counted_events_and_nobody_waits() {
    let (plan, opened) = planned(64 * 1024);
    plan.down.store(true, Ordering::SeqCst);
    let start = Instant::now();
    let mut refused = 0;
    for record in logins(2000) {
        refused += u64::from(opened.sink.offer(&[record]).is_err());
    }
    assert!(start.elapsed() < Duration::from_secs(5), "it was waited for");
    let counters = Arc::clone(&opened.counters);
    assert!(refused > 0 && counters.dropped.get() == refused);
    assert!(counters.queued_octets.get() <= 64 * 1024, "{}", counters.queued_octets.get());
    assert_eq!(counters.queued_events.get(), 2000 - refused);
    plan.down.store(false, Ordering::SeqCst);
    assert_eq!(settled(&counters), (2000, 2000 - refused, refused));
    opened.sink.offer(&logins(3)).expect("there is room again");
    drop(opened.sink);
    assert!(opened.ending.wait(LONG));
    assert_eq!(u64::try_from(plan.arrived.lock().expect("no panic").len()), Ok(2003 - refused));
    assert_eq!(counters.queued_octets.get(), 0);
}

#[test]
fn a_batch_is_taken_whole_or_not_at_all_and_a_large_one_alone() {
    let (plan, opened) = planned(10_000);
    plan.down.store(true, Ordering::SeqCst);
    opened.sink.offer(&[login(b"large", &vec![b'A'; 100_000])]).expect("it is alone");
    opened.sink.offer(&logins(2)).expect_err("there is no room");
    assert_eq!((opened.counters.offered.get(), opened.counters.dropped.get()), (3, 2));
}

#[test]
fn a_carrier_that_panics_is_replaced() {
    let (plan, opened) = planned(1 << 20);
    plan.panics.store(1, Ordering::SeqCst);
    opened.sink.offer(&logins(1)).expect("room");
    until("a panic", || opened.counters.panics.get() == 1);
    opened.sink.offer(&logins(5)).expect("room");
    until("the rest", || opened.counters.delivered.get() == 5);
    assert_eq!(settled(&opened.counters), (6, 5, 1));
    assert_eq!(plan.made.load(Ordering::SeqCst), 1);
    let Some(reopen) = opened.reopen else { panic!("it can be reopened") };
    reopen();
    until("a reopening", || plan.reopened.load(Ordering::SeqCst) == 1);
}

#[test]
fn what_cannot_be_delivered_at_the_end_is_counted() {
    let (plan, opened) = planned(1 << 20);
    plan.down.store(true, Ordering::SeqCst);
    opened.sink.offer(&logins(700)).expect("room");
    drop(opened.sink);
    assert!(opened.ending.wait(LONG), "it does not end");
    assert_eq!(settled(&opened.counters), (700, 0, 700));
}
