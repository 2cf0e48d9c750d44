//! A full disk, a database that cannot be written, a spool that is damaged: nothing is lost, nothing is half-written.

mod common;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use common::{append, check_whole, line, read, record, session, small, spool_files, try_append};
use store::{DATABASE, Filter, Options, Reader, SpoolError, StoreError, Writer};
use tempfile::TempDir;

/// A file system of its own, of this many KiB.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount(kib: u32) -> Option<Self> {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let options = format!("size={kib}k,mode=700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(directory.path())
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(directory));
        }
        // Past the test harness, which keeps what a passing test prints.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: the full disk was not tested, because mounting a tmpfs needs root"
        );
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).output();
    }
}

/// Appends until the spool refuses, one batch of two a time; gives how many records it took, and why no more.
fn fill(spool: &store::Spool, from: u64, most: u64) -> (u64, Option<SpoolError>) {
    let mut seq = from;
    while seq < most {
        let batch = [record(session(1), seq, line(&[b'a'; 3000])), record(session(1), seq + 1, line(b"b"))];
        match try_append(spool, &batch) {
            Ok(()) => seq += 2,
            Err(error) => return (seq, Some(error)),
        }
    }
    (seq, None)
}

#[test]
fn a_full_disk_refuses_and_nothing_is_lost() {
    let Some(disk) = SmallDisk::mount(3072) else {
        return;
    };
    let data = disk.path().join("data");
    // A writer that hardly ever commits, so that it is the spool that meets the full disk.
    let slow = Options { group_interval: Duration::from_mins(1), group_events: 1 << 20, ..small() };
    let slow = Options { spool_limit: 64 << 20, ..slow };
    let writer = Writer::open(&data, &slow).expect("opens");
    let spool = writer.spool();
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![1; 1700 << 10]).expect("there is room for it");

    let (mut taken, refused) = fill(&spool, 0, 100_000);
    assert!(matches!(refused, Some(SpoolError::Full { .. })), "{refused:?}");
    assert!(taken > 50, "the disk was full too early: {taken}");
    for _ in 0..100 {
        let (now, refused) = fill(&spool, taken, 100_000);
        assert!(matches!(refused, Some(SpoolError::Full { .. })), "{refused:?}");
        taken = now;
    }
    // The database has no room for what is in the spool either: flushing says so, and loses nothing.
    let flushed = writer.flush(Duration::from_millis(300));
    assert!(matches!(flushed, Err(StoreError::Unfinished { .. })), "{flushed:?}");

    std::fs::remove_file(&ballast).expect("a file");
    for seq in taken..taken + 10 {
        append(&spool, &[record(session(1), seq, line(b"after"))]);
    }
    writer.flush(Duration::from_secs(30)).expect("there is room again");
    writer.close().expect("closes");
    assert_eq!(check_whole(&read(&data, &Filter::default()))[&session(1)], taken + 10);
    assert_eq!(spool_files(&data, ".torn"), 0, "something half-written was left");
}

/// Another program holds the database's lock, as a backup or a curious operator does.
fn locked(data: &Path) -> rusqlite::Connection {
    let other = rusqlite::Connection::open(data.join(DATABASE)).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    other
}

#[test]
fn a_database_that_lags_makes_sessions_wait() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = Options { spool_limit: 100 << 10, ..small() };
    let writer = Writer::open(directory.path(), &options).expect("opens");
    let lock = locked(directory.path());
    let (taken, refused) = fill(&writer.spool(), 0, 100_000);
    assert!(matches!(refused, Some(SpoolError::Behind { limit: 102_400, .. })), "{refused:?}");
    drop(lock);
    writer.flush(Duration::from_secs(20)).expect("the lock is gone");
    let (all, refused) = fill(&writer.spool(), taken, taken + 10);
    assert!(refused.is_none(), "{refused:?}");
    writer.close().expect("closes");
    assert_eq!(check_whole(&read(directory.path(), &Filter::default()))[&session(1)], all);
}

#[test]
fn what_a_stop_leaves_is_taken_up_at_the_next_start() {
    let directory = tempfile::tempdir().expect("a directory");
    let writer = Writer::open(directory.path(), &small()).expect("opens");
    let spool = writer.spool();
    let lock = locked(directory.path());
    let (taken, _) = fill(&spool, 0, 100);
    let error = writer.close().expect_err("the database is locked");
    assert!(matches!(error, StoreError::Sqlite { .. }), "{error}");
    // A session that is still there may append even now.
    append(&spool, &[record(session(1), taken, line(b"late"))]);
    drop(lock);
    Writer::open(directory.path(), &small()).expect("opens").close().expect("closes");
    assert_eq!(check_whole(&read(directory.path(), &Filter::default()))[&session(1)], taken + 1);
}

/// A data directory of which the writer was killed with this many records in its spool, in several segments.
fn unconsumed(records: u64) -> (TempDir, Vec<PathBuf>) {
    let directory = tempfile::tempdir().expect("a directory");
    let writer = Writer::open(directory.path(), &small()).expect("opens");
    let lock = locked(directory.path());
    assert_eq!(fill(&writer.spool(), 0, records).0, records);
    writer.close().expect_err("the database is locked");
    drop(lock);
    let spool = std::fs::read_dir(directory.path().join("spool")).expect("a spool");
    let mut segments: Vec<_> = spool.map(|entry| entry.expect("an entry").path()).collect();
    segments.sort();
    assert!(segments.len() >= 3, "{segments:?}");
    (directory, segments)
}

#[test]
fn what_waits_is_told_and_an_opened_and_closed_writer_brings_it_in() {
    let (directory, segments) = unconsumed(40);
    let reader = Reader::open(directory.path()).expect("a database");
    let octets = segments.iter().map(|file| std::fs::metadata(file).expect("a file").len() - 16).sum::<u64>();
    let backlog = reader.backlog().expect("readable");
    assert_eq!(backlog.octets, octets);
    assert_eq!(reader.has(&backlog).ok(), Some(false));
    recovered(&directory);
    assert_eq!(reader.has(&backlog).ok(), Some(true));
    assert_eq!(reader.backlog().expect("readable").octets, 0);
}

#[test]
fn an_error_says_everything_once() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("file"), "").expect("writes");
    let error = Writer::open(&directory.path().join("file/below"), &small()).expect_err("no directory");
    assert!(std::error::Error::source(&error).is_none(), "{error}");
    assert_eq!(error.to_string().matches("os error").count(), 1, "{error}");
}

fn recovered(directory: &TempDir) -> Vec<u64> {
    Writer::open(directory.path(), &small()).expect("opens").close().expect("closes");
    read(directory.path(), &Filter::default()).iter().map(|event| event.seq).collect()
}

#[test]
fn a_torn_tail_costs_only_what_was_not_acknowledged() {
    let (directory, segments) = unconsumed(40);
    let last = segments.last().expect("a segment");
    let bytes = std::fs::read(last).expect("a segment");
    std::fs::write(last, &bytes[..bytes.len() - 1]).expect("writes");
    assert_eq!(recovered(&directory), (0..39).collect::<Vec<_>>());
    assert_eq!(spool_files(directory.path(), ".torn"), 1);
    assert_eq!(spool_files(directory.path(), ".spool"), 0);
}

#[test]
fn damage_is_kept_aside_and_what_follows_is_read() {
    let (directory, segments) = unconsumed(40);
    let mut bytes = std::fs::read(&segments[1]).expect("a segment");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segments[1], &bytes).expect("writes");
    let seqs = recovered(&directory);
    assert!(seqs.is_sorted() && seqs.len() < 40 && seqs.len() > 30, "{seqs:?}");
    assert_eq!((seqs.first(), seqs.last()), (Some(&0), Some(&39)));
    assert_eq!(spool_files(directory.path(), ".torn"), 1);
}

#[test]
fn a_segment_that_is_gone_or_empty_stops_nothing() {
    let (directory, segments) = unconsumed(40);
    std::fs::remove_file(&segments[0]).expect("a file");
    std::fs::write(&segments[1], b"").expect("writes");
    let seqs = recovered(&directory);
    assert!(seqs.last() == Some(&39) && seqs.len() < 40, "{seqs:?}");
}

#[test]
fn a_database_moved_away_is_made_anew() {
    let directory = tempfile::tempdir().expect("a directory");
    for start in 0..3 {
        let writer = Writer::open(directory.path(), &small()).expect("opens");
        append(&writer.spool(), &[record(session(start), 0, line(b"a"))]);
        writer.close().expect("closes");
        assert_eq!(read(directory.path(), &Filter::default()).len(), 1);
        std::fs::remove_file(directory.path().join(DATABASE)).expect("a file");
    }
}

#[test]
fn an_event_that_comes_twice_is_stored_once_and_a_wrong_number_loses_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let writer = Writer::open(directory.path(), &small()).expect("opens");
    let first = record(session(1), 0, line(b"a"));
    let mut impostor = record(session(1), 0, line(b"b"));
    impostor.id = session(99);
    append(&writer.spool(), &[first.clone(), first.clone(), impostor.clone()]);
    writer.close().expect("closes");
    let ids: Vec<_> = read(directory.path(), &Filter::default()).iter().map(|event| event.id).collect();
    assert_eq!(ids, [first.id, impostor.id]);
}
