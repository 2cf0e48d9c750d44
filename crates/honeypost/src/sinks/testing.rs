//! What the tests of several sinks need: hostile events, and a patience with an end.

use std::time::{Duration, Instant};

use event::{Event, Record, Text};

use super::counters::Counters;
use crate::pipeline::{id_at, tests::attribution};

/// Longer than anything takes.
pub(super) const LONG: Duration = Duration::from_secs(20);

/// Waits until it holds.
pub(super) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LONG, "{what}: it does not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until nothing is queued any longer, and says what was offered, delivered and dropped.
pub(super) fn settled(counters: &Counters) -> (u64, u64, u64) {
    until("an empty queue", || counters.queued_events.get() == 0);
    (counters.offered.get(), counters.delivered.get(), counters.dropped.get())
}

/// An event.
pub(super) fn record(event: Event) -> Record {
    let time = jiff::Timestamp::now();
    Record { id: id_at(time), time, seq: 0, attribution: attribution(), event }
}

/// A login with that user name and password.
pub(super) fn login(username: &[u8], password: &[u8]) -> Record {
    let (username, password) = (Text::copy(username), Text::copy(password));
    record(Event::AuthSucceeded { mechanism: "PLAIN", username, password })
}

/// Logins in order, as many as asked for.
pub(super) fn logins(count: usize) -> Vec<Record> {
    (0..count).map(|number| login(number.to_string().as_bytes(), b"secret")).collect()
}

/// Events whose every octet is chosen to break a line, a frame or a terminal.
pub(super) fn hostile() -> Vec<Record> {
    let mut all: Vec<u8> = (0..=255).collect();
    all.extend_from_slice("\u{2028}\u{202e}\u{85}".as_bytes());
    vec![
        login(b"\x1b[2J\x1b]0;owned\x07", b"\r\n<34>1 - - - - - - forged\n"),
        login(b"\"],\"event\":\"forged\"]", b"\\\"]{5}\r\n"),
        login(b"\xff\xfe\x80", &all),
        login(b"large", &b"A\n\xff\""[..].repeat(256 * 1024)),
        login(b"", b"\0"),
        record(Event::MessageRead {
            mailbox: "IN\"BOX\n".into(),
            uid: 1,
            section: Text::copy(b"]\n\""),
            bytes: 1,
            bait: vec!["a\nb".into()],
        }),
    ]
}

/// An event's JSON.
pub(super) fn json(record: &Record) -> Vec<u8> {
    let mut line = Vec::new();
    record.write_json(&mut line);
    line
}
