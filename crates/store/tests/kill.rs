//! The promise: what was acknowledged before `kill -9` is in the database afterwards, exactly once.
//!
//! A child (this test binary again) appends and acknowledges on its standard output; it is killed at some moment,
//! again and again on the same data directory, so that recovery is killed as well.

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{append, check_whole, line, read, record, small};
use event::{CloseReason, Event};
use store::{Filter, Writer};
use uuid::Uuid;

/// Where the child appends. Not set: this is the parent.
const DIRECTORY: &str = "STORE_TEST_KILL_DIRECTORY";

/// Which of the children this is: its sessions' ids begin so.
const ROUND: &str = "STORE_TEST_KILL_ROUND";

const ROUNDS: u32 = 15;

#[test]
fn child_appends_until_it_is_killed() {
    let Ok(directory) = std::env::var(DIRECTORY) else {
        return;
    };
    let round: u128 = std::env::var(ROUND).expect("set with the directory").parse().expect("a number");
    let writer = Writer::open(directory.as_ref(), &small()).expect("opens");
    std::thread::scope(|threads| {
        for thread in 0..4_u128 {
            let spool = writer.spool();
            threads.spawn(move || {
                for number in 0_u128.. {
                    let session = Uuid::from_u128(round << 96 | thread << 64 | number);
                    for first in [0, 3, 4] {
                        // Large enough for a write to be interrupted between two pages.
                        let text = vec![b'a'; usize::try_from(number % 7 * 2000).expect("small")];
                        let last = || Event::SessionClosed {
                            reason: CloseReason::Peer,
                            bytes_in: 0,
                            bytes_out: 0,
                            duration_ms: 0,
                            wire_cut: 0,
                            wire_sha256: String::new(),
                            chain_sha256: String::new(),
                        };
                        let batch = match first {
                            0 => vec![
                                record(session, 0, line(&text)),
                                record(session, 1, line(b"b")),
                                record(session, 2, line(&text)),
                            ],
                            3 => vec![record(session, 3, line(&text))],
                            _ => vec![record(session, 4, last())],
                        };
                        append(&spool, &batch);
                        let mut out = std::io::stdout().lock();
                        writeln!(out, "stored {session} {}", first + batch.len()).expect("the parent reads");
                    }
                }
            });
        }
    });
}

/// Runs a child for this long and kills it. Gives how many records of each session it acknowledged.
fn killed_after(directory: &std::path::Path, round: u32, time: Duration) -> BTreeMap<Uuid, u64> {
    let mut child = Command::new(std::env::current_exe().expect("a test binary"))
        .args(["--exact", "child_appends_until_it_is_killed", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(ROUND, (round + 1).to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let out = BufReader::new(child.stdout.take().expect("piped"));
    let acknowledged = std::thread::spawn(move || {
        let mut sessions = BTreeMap::new();
        for line in out.lines().map_while(Result::ok) {
            // The harness prints as well, and the last line may be cut off.
            let Some((_, rest)) = line.split_once("stored ") else {
                continue;
            };
            let Some((session, count)) = rest.split_once(' ') else {
                continue;
            };
            if let (Ok(session), Ok(count @ (3..=5))) = (session.parse(), count.parse::<u64>()) {
                sessions.insert(session, count);
            }
        }
        sessions
    });
    std::thread::sleep(time);
    child.kill().expect("still running");
    child.wait().expect("a child");
    acknowledged.join().expect("reads")
}

#[test]
fn what_was_acknowledged_survives_kill_9_exactly_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut acknowledged = BTreeMap::new();
    let mut seed = u64::from(std::process::id());
    for round in 0..ROUNDS {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let time = Duration::from_millis(10 + (seed >> 33) % 250);
        acknowledged.append(&mut killed_after(directory.path(), round, time));
    }
    let began = Instant::now();
    Writer::open(directory.path(), &small()).expect("opens after all that").close().expect("closes");
    let events = read(directory.path(), &Filter::default());
    let stored = check_whole(&events);
    let records: u64 = acknowledged.values().sum();
    eprintln!(
        "{} sessions with {records} events acknowledged, {} stored; {} torn; the rest recovered in {:?}",
        acknowledged.len(),
        events.len(),
        common::spool_files(directory.path(), ".torn"),
        began.elapsed()
    );
    assert!(acknowledged.len() > 100, "too few to mean anything: {}", acknowledged.len());
    for (session, count) in acknowledged {
        let held = stored.get(&session).copied().unwrap_or(0);
        assert!(held >= count, "session {session}: {count} acknowledged, {held} stored");
    }
    assert_eq!(common::spool_files(directory.path(), ".spool"), 0, "consumed, but not deleted");
}
