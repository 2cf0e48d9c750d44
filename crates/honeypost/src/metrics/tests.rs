//! The metrics against what the documentation, the catalogue and the dashboard say of them, and against hostile input.

mod page;

use std::sync::atomic::Ordering;
use std::time::Duration;

use event::{CloseReason, Event, Protocol, Record, Text};
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::pipeline::tests::{Kept, attribution};
use crate::pipeline::{Ledger, Pipeline};

/// Metrics with a store of their own, which must be held, and a sink.
pub(super) fn metrics() -> (TempDir, Writer, Arc<Metrics>) {
    let folder = tempfile::tempdir().expect("a folder");
    let writer = Writer::open(folder.path(), &store::Options::default()).expect("opens");
    let store = StoreFigures { spool: writer.spool(), figures: writer.figures(), limit: 1 << 20 };
    let sink: SinkFigures = ("jsonl", Box::new(|| [20, 13, 4, 1, 2, 900]));
    let metrics = Arc::new(Metrics::of("decnet", store, vec![sink]));
    (folder, writer, metrics)
}

/// The value of one series.
fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in\n{text}")).parse().expect("a number")
}

fn holds(text: &str, expected: &[(&str, u32)]) {
    for (series, number) in expected {
        let found = value(text, series);
        assert!((found - f64::from(*number)).abs() < 1e-9, "{series} is {found}, not {number}");
    }
}

fn record(protocol: Protocol, event: Event) -> Record {
    let mut attribution = attribution();
    attribution.protocol = protocol;
    Record { id: uuid::Uuid::from_u128(1), time: Timestamp::now(), seq: 0, attribution, event }
}

fn closed(reason: CloseReason) -> Event {
    let (bytes_in, bytes_out, duration_ms, wire_cut) = (70, 9000, 1, 0);
    let (wire_sha256, chain_sha256) = (String::new(), String::new());
    Event::SessionClosed { reason, bytes_in, bytes_out, duration_ms, wire_cut, wire_sha256, chain_sha256 }
}

fn keep(store: &dyn Archive, records: &[Record]) -> bool {
    let session = uuid::Uuid::from_u128(2);
    store.keep(session, &mut store::Trail::default(), records, &[]).is_ok()
}

#[test]
fn the_known_words_are_those_of_the_catalogue() {
    let quoted = |event: &str, field: &str| -> Vec<&str> {
        let entry = event::catalogue::CATALOGUE.iter().find(|entry| entry.name == event).expect("an event");
        let field = entry.fields.iter().find(|entry| entry.name == field).expect("a field");
        let mut words: Vec<&str> = field.doc.split('`').skip(1).step_by(2).collect();
        // What is quoted there beside the words: a field and a setting.
        words.retain(|word| *word != "line" && !word.contains('.'));
        words
    };
    assert_eq!(quoted("protocol.violation", "what"), tally::VIOLATIONS);
    assert_eq!(quoted("tls.failed", "reason"), tally::FAILURES);
    assert_eq!(quoted("mail.refused", "reason"), tally::REFUSALS);
    assert_eq!(quoted("session.closed", "reason"), tally::ENDS);
}

#[test]
fn what_the_store_takes_is_counted_and_nothing_else() {
    let (_folder, _writer, metrics) = metrics();
    let kept = Kept::default();
    let store = metrics.meter(Box::new(kept.clone()));
    let read = |bait: &[&str]| Event::MessageRead {
        mailbox: "INBOX".into(),
        uid: 1,
        section: Text::default(),
        bytes: 10,
        bait: bait.iter().map(|id| (*id).to_owned()).collect(),
    };
    let login = |username: &'static str| Event::AuthFailed {
        mechanism: "LOGIN",
        username: username.into(),
        password: "x".into(),
    };
    let records = [
        record(Protocol::Imap, Event::SessionOpened { personality: "decnet".into() }),
        record(Protocol::Pop3, Event::SessionOpened { personality: "decnet".into() }),
        record(Protocol::Imap, login("root")),
        record(Protocol::Pop3, login("root")),
        record(Protocol::Pop3, login("admin")),
        record(Protocol::Imap, read(&["root-password", "vpn"])),
        record(Protocol::Imap, read(&[])),
        record(Protocol::Imap, Event::ProtocolViolation { what: "bare-newline", line: Text::default() }),
        record(Protocol::Imap, Event::ProtocolViolation { what: "a new word", line: Text::default() }),
        record(Protocol::Imap, closed(CloseReason::Violation)),
    ];
    kept.refusals.store(1, Ordering::SeqCst);
    assert!(!keep(&*store, &records) && !metrics.takes_events());
    holds(&metrics.text(), &[("honeypost_sessions_total{protocol=\"imap\",personality=\"decnet\"}", 0)]);
    assert!(keep(&*store, &records) && metrics.takes_events());
    let text = metrics.text();
    holds(
        &text,
        &[
            ("honeypost_sessions_open{protocol=\"imap\",personality=\"decnet\"}", 0),
            ("honeypost_sessions_open{protocol=\"pop3\",personality=\"decnet\"}", 1),
            ("honeypost_sessions_total{protocol=\"imap\",personality=\"decnet\"}", 1),
            ("honeypost_logins_total{protocol=\"imap\",outcome=\"failed\"}", 1),
            ("honeypost_logins_total{protocol=\"pop3\",outcome=\"failed\"}", 2),
            ("honeypost_logins_total{protocol=\"pop3\",outcome=\"succeeded\"}", 0),
            ("honeypost_messages_read_total{protocol=\"imap\"}", 2),
            ("honeypost_bait_reads_total{protocol=\"imap\"}", 1),
            ("honeypost_protocol_violations_total{what=\"bare-newline\"}", 1),
            ("honeypost_protocol_violations_total{what=\"other\"}", 1),
            ("honeypost_sessions_ended_total{reason=\"violation\"}", 1),
            ("honeypost_received_bytes_total{protocol=\"imap\"}", 70),
            ("honeypost_sent_bytes_total{protocol=\"imap\"}", 9000),
            ("honeypost_store_append_seconds_count", 1),
            ("honeypost_sink_offered_events_total{sink=\"jsonl\"}", 20),
            ("honeypost_sink_dropped_events_total{sink=\"jsonl\"}", 4),
            ("honeypost_sink_queue_bytes{sink=\"jsonl\"}", 900),
        ],
    );
}

#[test]
fn hostile_events_make_no_series_and_show_nothing() {
    let (_folder, _writer, metrics) = metrics();
    let store = metrics.meter(Box::new(Kept::default()));
    let series = |text: &str| text.lines().filter(|line| !line.starts_with('#')).count();
    let before = series(&metrics.text());
    for number in 0..500 {
        let evil = || Text::copy(format!("evil{number}\"}} 1\nhoneypost_evil 1\n").as_bytes());
        let refused = |username| Event::AuthFailed { mechanism: "PLAIN", username, password: evil() };
        let command = Event::CommandReceived { verb: evil(), line: evil(), state: "SELECTED", status: "NO" };
        let search = Event::SearchRun { mailbox: "evil".into(), criteria: evil(), matches: 0 };
        let violation = Event::ProtocolViolation { what: "unfinished", line: evil() };
        let records =
            [refused(evil()), command, search, violation].map(|event| record(Protocol::Imap, event));
        assert!(keep(&*store, &records));
    }
    let text = metrics.text();
    assert_eq!(series(&text), before);
    assert!(!text.contains("evil"), "{text}");
    holds(
        &text,
        &[
            ("honeypost_searches_total", 500),
            ("honeypost_protocol_violations_total{what=\"unfinished\"}", 500),
        ],
    );
}

#[tokio::test(start_paused = true)]
async fn waits_and_losses_are_counted_and_a_lost_session_is_not_open() {
    let (_folder, _writer, metrics) = metrics();
    let kept = Kept::default();
    let pipeline = Pipeline::new(
        metrics.meter(Box::new(kept.clone())),
        Vec::new(),
        1 << 20,
        crate::config::WhenStoreFull::Wait,
    );
    let mut ledger = Ledger::new(pipeline, attribution());
    let opened = ledger.open("decnet");
    let opened = ledger.stamp(opened);
    kept.refusals.store(3, Ordering::SeqCst);
    ledger.append(&[opened]).await;
    let open = "honeypost_sessions_open{protocol=\"imap\",personality=\"decnet\"}";
    holds(&metrics.text(), &[(open, 1), ("honeypost_store_lost_events_total", 0)]);
    // The clock of the wait is a real one, that of the pauses is not: the wait was short, but it was.
    assert!(value(&metrics.text(), "honeypost_store_wait_seconds_total") > 0.0);
    kept.refusals.store(1_000, Ordering::SeqCst);
    drop(ledger);
    let ended = "honeypost_sessions_ended_total{reason=\"unrecorded\"}";
    holds(&metrics.text(), &[(open, 0), (ended, 1), ("honeypost_store_lost_events_total", 1)]);
    assert!(!metrics.takes_events());
}

#[test]
fn a_session_whose_beginning_is_lost_was_open() {
    let (_folder, _writer, metrics) = metrics();
    let store = metrics.meter(Box::new(Kept::default()));
    store.lost(&[record(Protocol::Smtp, Event::SessionOpened { personality: "decnet".into() })]);
    let open = "honeypost_sessions_open{protocol=\"smtp\",personality=\"decnet\"}";
    holds(&metrics.text(), &[(open, 1)]);
    assert!(keep(&*store, &[record(Protocol::Smtp, closed(CloseReason::Peer))]));
    holds(&metrics.text(), &[(open, 0), ("honeypost_store_lost_events_total", 1)]);
}

/// Everything that is answered to these octets.
async fn asked(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    stream.write_all(request).await.expect("written");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
    read.expect("in time").expect("readable");
    String::from_utf8(answer).expect("UTF-8")
}

#[tokio::test]
async fn who_dawdles_keeps_nobody_out_and_the_server_ends() {
    let (_folder, _writer, metrics) = metrics();
    let listener = listen::bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
    let address = listener.local_addr().expect("bound");
    let (stop, shutdown) = watch::channel(false);
    let server = tokio::spawn(server::serve(listener, metrics, shutdown));
    let mut dawdlers = Vec::new();
    for _ in 0..20 {
        let mut dawdler = TcpStream::connect(address).await.expect("connected");
        dawdler.write_all(b"GET /metrics HTTP/1.1\r\nX-Slow: ").await.expect("written");
        dawdlers.push(dawdler);
    }
    let start = std::time::Instant::now();
    for _ in 0..3 {
        let answer = asked(address, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("# EOF\n"), "{answer}");
    }
    // Those who came first have made room.
    let _ = dawdlers.first_mut().expect("some").read_to_end(&mut Vec::new()).await;
    assert!(start.elapsed() < server::HEADER_TIMEOUT, "it waited for those who dawdle");

    let large = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    let mut stream = TcpStream::connect(address).await.expect("connected");
    // The answer may come, and the end with it, before all is written.
    let _ = stream.write_all(large.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    assert!(asked(address, b"HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.starts_with("HTTP/1.1 404 "));

    stop.send_replace(true);
    tokio::time::timeout(Duration::from_secs(20), server).await.expect("in time").expect("no panic");
    let mut rest = Vec::new();
    let last = dawdlers.last_mut().expect("some").read_to_end(&mut rest).await;
    assert!(last.is_err() || rest.is_empty(), "it was answered: {}", String::from_utf8_lossy(&rest));
    TcpStream::connect(address).await.expect_err("it still listens");
}
