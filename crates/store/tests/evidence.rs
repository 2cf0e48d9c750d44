//! The wire record comes back exactly; what is altered afterwards shows; what is too much is deleted and the rest stays whole.

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{line, record, session};
use event::{CloseReason, Event, Record};
use jiff::Timestamp;
use store::{DATABASE, Filter, Finding, Flow, Keep, Options, Piece, Reader, Spool, Trail, Verdict, Writer};
use uuid::Uuid;

/// A session that begins at this time (milliseconds since 1970) and says `size` octets in three stretches.
struct Story {
    id: Uuid,
    time: Timestamp,
    size: usize,
}

impl Story {
    fn new(millis: i64, number: u64, size: usize) -> Self {
        let id = Uuid::from_u64_pair(millis.cast_unsigned() << 16 | 0x7000, 0x8000_0000_0000_0000 | number);
        Self { id, time: Timestamp::from_millisecond(millis).expect("in range"), size }
    }

    fn event(&self, seq: u64, event: Event) -> Record {
        Record { time: self.time, ..record(self.id, seq, event) }
    }

    fn pieces(&self) -> Vec<Piece> {
        // Octets that do not compress (xorshift).
        let mut state = self.id.as_u64_pair().1 | 1;
        let octets: Bytes = (0..self.size)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_le_bytes()[3]
            })
            .collect();
        [(Flow::Received, 0..self.size / 4), (Flow::Sent, self.size / 4..self.size), (Flow::Received, 0..0)]
            .into_iter()
            .map(|(flow, range)| Piece { time: self.time, flow, octets: octets.slice(range) })
            .collect()
    }

    /// Appends all of it.
    fn tell(&self, spool: &Spool) {
        let mut trail = Trail::default();
        let [first, second, third] = self.pieces().try_into().expect("three");
        let append = |trail: &mut Trail, records: &[Record], pieces: &[Piece]| {
            while spool.append(self.id, trail, records, pieces).is_err() {
                std::thread::sleep(Duration::from_millis(2));
            }
        };
        append(&mut trail, &[self.event(0, line(b"one"))], &[first, second]);
        append(&mut trail, &[self.event(1, line(b"two")), self.event(2, line(b"three"))], &[]);
        append(&mut trail, &[], &[third]);
        let closed = Event::SessionClosed {
            reason: CloseReason::Peer,
            bytes_in: 0,
            bytes_out: 0,
            duration_ms: 0,
            wire_cut: 0,
            wire_sha256: trail.wire().to_string(),
            chain_sha256: trail.events().to_string(),
        };
        append(&mut trail, &[self.event(3, closed)], &[]);
    }
}

fn told(directory: &Path, stories: &[Story]) {
    let writer = Writer::open(directory, &Options::default()).expect("opens");
    for story in stories {
        story.tell(&writer.spool());
    }
    writer.close().expect("closes");
}

fn verdict(directory: &Path) -> Verdict {
    Reader::open(directory).expect("opens").verify(&Filter::default(), |_| {}).expect("verifies")
}

#[test]
fn the_wire_record_comes_back_as_it_was() {
    let directory = tempfile::tempdir().expect("a directory");
    // Together more than a block, and one larger than a block.
    let stories: Vec<_> = (0..40)
        .map(|number| Story::new(1_700_000_000_000, number, if number == 7 { 700_000 } else { 20_000 }))
        .collect();
    told(directory.path(), &stories);
    let reader = Reader::open(directory.path()).expect("opens");
    for story in &stories {
        let wire = reader.wire(story.id).expect("readable");
        assert!(!wire.deleted);
        let pieces: Vec<_> = wire
            .chunks
            .into_iter()
            .map(|chunk| Piece { time: chunk.time, flow: chunk.flow, octets: chunk.octets.into() })
            .collect();
        assert!(pieces == story.pieces(), "{}", story.id);
    }
    assert_eq!(reader.wire(session(99)).expect("nothing").chunks, []);
    let verdict = verdict(directory.path());
    assert_eq!((verdict.sessions, verdict.events, verdict.chunks), (40, 160, 120));
    assert!(verdict.is_whole() && verdict.unclosed == 0 && verdict.unlinked == 0, "{verdict:?}");
}

/// Every way to change evidence with an editor of databases, and what tells it.
#[test]
fn what_is_altered_shows() {
    let stories: Vec<_> = (0..3).map(|number| Story::new(1_700_000_000_000, number, 3000)).collect();
    let id = stories[1].id;
    let of =
        format!("(SELECT key FROM session WHERE hex(id) = '{}')", id.simple().to_string().to_uppercase());
    let altered = |seq| Finding::Altered { session: id, seq };
    let cases = [
        (
            format!(
                "UPDATE event SET fields = replace(fields, 'two', 'tw0') WHERE session = {of} AND seq = 1"
            ),
            altered(1),
        ),
        (format!("UPDATE event SET time = time + 1 WHERE session = {of} AND seq = 2"), altered(2)),
        (format!("UPDATE event SET tls = 1 WHERE session = {of} AND seq = 0"), altered(0)),
        (format!("UPDATE session SET src_ip = '192.0.2.2' WHERE key = {of}"), altered(0)),
        (
            format!("DELETE FROM event WHERE session = {of} AND seq = 1"),
            Finding::Missing { session: id, seq: 1, events: 1 },
        ),
        (
            format!("DELETE FROM event WHERE session = {of} AND seq >= 2"),
            Finding::Missing { session: id, seq: 2, events: 2 },
        ),
        (format!("UPDATE event SET link = zeroblob(32) WHERE session = {of} AND seq = 3"), altered(3)),
        (format!("DELETE FROM wire_part WHERE session = {of}"), Finding::WireEnding { session: id }),
        (
            format!("UPDATE wire_part SET part = 7 WHERE session = {of}"),
            Finding::Wire { session: id, block: 1 },
        ),
        (
            format!(
                "UPDATE event SET link = NULL, fields = replace(fields, 'two', 'tw0') WHERE session = {of} AND seq < 3"
            ),
            altered(1),
        ),
        (
            format!("UPDATE session SET events = NULL, link = NULL WHERE key = {of}"),
            Finding::Ending { session: id },
        ),
        (format!("UPDATE event SET key = key - 100000 WHERE session = {of} AND seq = 2"), altered(2)),
        (format!("UPDATE session SET protocol = 'x' WHERE key = {of}"), Finding::Session { key: 2 }),
        ("DELETE FROM wire_block".to_owned(), Finding::Wire { session: id, block: 1 }),
        (format!("DELETE FROM session WHERE key = {of}"), Finding::Orphans { events: 4 }),
    ];
    for (sql, finding) in cases {
        let directory = tempfile::tempdir().expect("a directory");
        told(directory.path(), &stories);
        assert!(verdict(directory.path()).is_whole());
        let connection = rusqlite::Connection::open(directory.path().join(DATABASE)).expect("opens");
        connection.pragma_update(None, "foreign_keys", false).expect("an update");
        assert!(connection.execute(&sql, []).expect("valid") > 0, "{sql}");
        drop(connection);
        let verdict = verdict(directory.path());
        let expected = |found: &Finding| match (found, &finding) {
            // Which block it is depends on how the writer's groups fell.
            (Finding::Wire { session: found, .. }, Finding::Wire { session, .. }) => found == session,
            (found, finding) => found == finding,
        };
        assert!(verdict.findings.iter().any(expected), "{sql}: {:?}", verdict.findings);
    }
}

/// Waits until it is so.
fn wait_for(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !so() {
        assert!(Instant::now() < deadline, "not within 30 s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn size(directory: &Path) -> u64 {
    std::fs::metadata(directory.join(DATABASE)).expect("a database").len()
}

#[test]
fn what_is_too_old_is_deleted_whole() {
    let directory = tempfile::tempdir().expect("a directory");
    let now = Timestamp::now().as_millisecond();
    let hour = 3_600_000;
    let stories: Vec<_> =
        (0..200).map(|number| Story::new(now - (number + 1) * hour, number.cast_unsigned(), 500)).collect();
    told(directory.path(), &stories);
    // One of the old ones is still being written to.
    let keep = Keep { age: Some(Duration::from_hours(48)), ..Keep::default() };
    let writer = Writer::open(directory.path(), &Options { keep, ..Options::default() }).expect("opens");
    let figures = writer.figures();
    let deleted = || figures.deleted_sessions.load(std::sync::atomic::Ordering::Relaxed);
    wait_for("deletion", || deleted() >= 153);
    writer.close().expect("closes");
    assert_eq!(deleted(), 153);
    let verdict = verdict(directory.path());
    assert!(verdict.is_whole(), "{verdict:?}");
    assert_eq!((verdict.sessions, verdict.events, verdict.deleted), (47, 188, 0));
}

#[test]
fn a_silent_session_is_kept_as_long_as_it_goes_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let now = Timestamp::now().as_millisecond();
    let keep = Keep { age: Some(Duration::from_millis(1)), size: Some(1), ..Keep::default() };
    let options = Options { keep, group_interval: Duration::from_millis(1), ..Options::default() };
    let writer = Writer::open(directory.path(), &options).expect("opens");
    let silent = Story::new(now - 7_200_000, 1, 10);
    let mut trail = Trail::default();
    let mut say = |seq| {
        let event = [silent.event(seq, line(b"still here"))];
        writer.spool().append(silent.id, &mut trail, &event, &[]).expect("taken");
    };
    say(0);
    for number in 2..40 {
        Story::new(now - 3_600_000 + number, number.cast_unsigned(), 10).tell(&writer.spool());
        writer.flush(Duration::from_secs(20)).expect("stored");
    }
    let figures = writer.figures();
    wait_for("deletion", || figures.deleted_sessions.load(std::sync::atomic::Ordering::Relaxed) == 38);
    say(1);
    drop(writer);
    let verdict = verdict(directory.path());
    assert!(verdict.is_whole(), "{verdict:?}");
    assert_eq!((verdict.sessions, verdict.events, verdict.unclosed), (1, 2, 1));
    // The next process knows that it goes on no more.
    let writer = Writer::open(directory.path(), &options).expect("opens");
    let figures = writer.figures();
    wait_for("deletion", || figures.deleted_sessions.load(std::sync::atomic::Ordering::Relaxed) == 1);
}

#[test]
fn what_is_too_much_is_deleted_while_more_comes_and_the_file_shrinks() {
    let directory = tempfile::tempdir().expect("a directory");
    let now = Timestamp::now().as_millisecond();
    let story = |number: i64| Story::new(now - 10_000_000 + number * 1000, number.cast_unsigned(), 20_000);
    told(directory.path(), &(0..600).map(story).collect::<Vec<_>>());
    let before = size(directory.path());
    assert!(before > 6 << 20, "{before}");
    let limit = 3 << 20;
    let keep = Keep { size: Some(limit), ..Keep::default() };
    let writer = Writer::open(directory.path(), &Options { keep, ..Options::default() }).expect("opens");
    for number in 600..800 {
        story(number).tell(&writer.spool());
    }
    writer.flush(Duration::from_secs(20)).expect("stored");
    let figures = writer.figures();
    wait_for("a smaller database", || {
        figures.database_octets.load(std::sync::atomic::Ordering::Relaxed) <= limit
            && size(directory.path()) < before / 2
    });
    writer.close().expect("closes");
    let verdict = verdict(directory.path());
    assert!(verdict.is_whole() && verdict.sessions > 20, "{verdict:?}");
    // The youngest are there.
    let reader = Reader::open(directory.path()).expect("opens");
    assert_eq!(reader.wire(story(799).id).expect("readable").chunks.len(), 3);
}

#[test]
fn the_wire_record_has_a_limit_of_its_own() {
    let directory = tempfile::tempdir().expect("a directory");
    let now = Timestamp::now().as_millisecond();
    let story = |number: i64| Story::new(now - 10_000 + number, number.cast_unsigned(), 20_000);
    told(directory.path(), &(0..200).map(story).collect::<Vec<_>>());
    let keep = Keep { wire_size: Some(1 << 20), ..Keep::default() };
    let writer = Writer::open(directory.path(), &Options { keep, ..Options::default() }).expect("opens");
    let figures = writer.figures();
    wait_for("deletion", || figures.wire_octets.load(std::sync::atomic::Ordering::Relaxed) <= 1 << 20);
    writer.close().expect("closes");
    let verdict = verdict(directory.path());
    assert!(verdict.is_whole() && verdict.deleted > 100, "{verdict:?}");
    assert_eq!((verdict.sessions, verdict.events), (200, 800));
    let reader = Reader::open(directory.path()).expect("opens");
    assert!(reader.wire(story(0).id).expect("readable").deleted);
    assert_eq!(reader.wire(story(199).id).expect("readable").chunks.len(), 3);
}
