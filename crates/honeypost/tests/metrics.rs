//! The metrics of the real program, asked for as Prometheus does.

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use common::{Server, failed, honeypost};

/// Starts it with metrics on a free port of loopback.
fn start(folder: &tempfile::TempDir) -> (Server, SocketAddr) {
    let server = Server::start(&folder.path().join("data"), &["--metrics", "127.0.0.1:0"]);
    let line = server.said.lines().find_map(|line| line.trim().strip_prefix("metrics"));
    let address = line.and_then(|line| line.trim().strip_prefix("http://")?.strip_suffix("/metrics"));
    let address = address.unwrap_or_else(|| panic!("no address in {}", server.said));
    let address = address.parse().expect("an address");
    (server, address)
}

fn everything(address: SocketAddr, input: &[u8]) -> String {
    let mut peer = TcpStream::connect(address).expect("connected");
    peer.set_read_timeout(Some(Duration::from_secs(20))).expect("settable");
    let mut answers = Vec::new();
    // Who says more than the server reads is reset.
    let _ = peer.write_all(input).and_then(|()| peer.shutdown(Shutdown::Write));
    let _ = peer.read_to_end(&mut answers);
    String::from_utf8_lossy(&answers).into_owned()
}

fn get(address: SocketAddr, path: &str) -> (String, String) {
    let mut peer = TcpStream::connect(address).expect("connected");
    peer.set_read_timeout(Some(Duration::from_secs(20))).expect("settable");
    write!(peer, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("written");
    let mut answer = String::new();
    peer.read_to_string(&mut answer).expect("readable");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.to_owned(), body.to_owned())
}

fn scrape(address: SocketAddr) -> String {
    let (head, body) = get(address, "/metrics");
    assert!(
        head.starts_with("HTTP/1.1 200 OK") && head.contains("application/openmetrics-text; version=1.0.0"),
        "{head}"
    );
    assert!(body.ends_with("# EOF\n"), "{body}");
    body
}

fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in\n{text}")).parse().expect("a number")
}

/// Scrapes until all sessions have ended: the peer sees the end a moment before it is recorded.
fn settled(address: SocketAddr) -> String {
    let start = Instant::now();
    loop {
        let text = scrape(address);
        let open = value(&text, "honeypost_sessions_open{protocol=\"imap\",personality=\"decnet\"}");
        let backlog = value(&text, "honeypost_store_backlog_bytes");
        if open + backlog < 0.5 {
            return text;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "it does not settle:\n{text}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn sessions_are_counted_and_nothing_of_theirs_is_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, metrics) = start(&folder);
    let before = scrape(metrics);
    let series = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let mut names: Vec<_> = lines.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect();
        names.sort();
        names
    };
    let answers = everything(
        server.imap,
        b"A1 LOGIN evil1 bad\r\nA2 LOGIN admin admin\r\nA3 SELECT INBOX\r\nA4 SEARCH TEXT evil2\r\n\
          A5 FETCH 5 BODY[]\r\nA6 LOGOUT\r\n",
    );
    assert!(answers.contains("A5 OK ") && answers.contains("A6 OK "), "{answers}");
    for number in 0..10 {
        let name = format!("evil{number}\\\"}} 1\nhoneypost_evil_total 7\n");
        everything(
            server.imap,
            format!("A LOGIN \"{name}\" x\r\nB LOGIN {{8}}\r\nevil\u{ff}\"}}\r\n{name}").as_bytes(),
        );
        everything(server.imap, format!("A {}\r\n", "evil".repeat(50_000)).as_bytes());
    }
    let after = settled(metrics);
    for (series, expected) in [
        ("honeypost_sessions_total{protocol=\"imap\",personality=\"decnet\"}", 21.0),
        ("honeypost_sessions_ended_total{reason=\"logout\"}", 1.0),
        ("honeypost_logins_total{protocol=\"imap\",outcome=\"succeeded\"}", 1.0),
        ("honeypost_messages_read_total{protocol=\"imap\"}", 1.0),
        ("honeypost_bait_reads_total{protocol=\"imap\"}", 1.0),
        ("honeypost_searches_total", 1.0),
        ("honeypost_store_lost_events_total", 0.0),
    ] {
        assert!((value(&after, series) - expected).abs() < 1e-9, "{series} in\n{after}");
    }
    for at_least in [
        "honeypost_logins_total{protocol=\"imap\",outcome=\"failed\"}",
        "honeypost_protocol_violations_total{what=\"line-too-long\"}",
        "honeypost_sent_bytes_total{protocol=\"imap\"}",
        "honeypost_store_append_seconds_count",
        "honeypost_store_database_bytes",
        "honeypost_store_wire_bytes",
        "honeypost_process_resident_memory_bytes",
        "honeypost_process_cpu_seconds_total",
    ] {
        assert!(value(&after, at_least) > 0.0, "{at_least} in\n{after}");
    }
    assert!(!after.contains("evil"), "{after}");
    assert_eq!(series(&after), series(&before), "hostile sessions have made series");

    assert!(get(metrics, "/metrics/").0.starts_with("HTTP/1.1 404 "));
    assert!(get(metrics, "/").0.starts_with("HTTP/1.1 404 "));
    server.signal("TERM");
    assert_eq!(server.end(), (Some(0), String::new()), "it warned, or did not end in order");
    TcpStream::connect(metrics).expect_err("it still listens");
}

#[test]
fn health_is_the_stores() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, metrics) = start(&folder);
    let (head, body) = get(metrics, "/healthz");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(body.lines().count(), 1, "{body}");
    let told: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(told["store"], "takes-events");

    fs::remove_dir_all(folder.path().join("data/spool")).expect("removable");
    let _waits = TcpStream::connect(server.imap).expect("connected");
    let start = Instant::now();
    while !get(metrics, "/healthz").0.starts_with("HTTP/1.1 503 ") {
        assert!(start.elapsed() < Duration::from_secs(20), "it takes events into nothing");
        std::thread::sleep(Duration::from_millis(20));
    }
    while value(&scrape(metrics), "honeypost_store_wait_seconds_total") <= 0.0 {
        assert!(start.elapsed() < Duration::from_secs(20), "nobody waits");
        std::thread::sleep(Duration::from_millis(20));
    }
    fs::create_dir(folder.path().join("data/spool")).expect("creatable");
    while !get(metrics, "/healthz").0.starts_with("HTTP/1.1 200 ") {
        assert!(start.elapsed() < Duration::from_secs(40), "it does not recover");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn it_is_off_unless_asked_for_and_an_address_in_use_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("one"), &[]);
    assert!(!server.said.contains("metrics"), "{}", server.said);

    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    let data = folder.path().join("two");
    let arguments = ["serve", "--imap", "127.0.0.1:0", "--metrics", &address, "--data-dir"];
    let (complaint, status) = failed(&honeypost().args(arguments).arg(&data).output().expect("runs"));
    assert_eq!(status, Some(2));
    for part in [
        &format!("metrics.listen = \"{address}\" (flag --metrics)"),
        "Address already in use",
        "--metrics ADDR",
    ] {
        assert!(complaint.contains(part), "no {part:?} in {complaint}");
    }
    assert!(!data.exists());
}

#[test]
fn an_address_that_others_reach_is_warned_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &["--metrics", "0.0.0.0:0"]);
    server.signal("TERM");
    let (status, complaint) = server.end();
    assert_eq!(status, Some(0));
    assert!(
        complaint.contains("metrics.listen = \"0.0.0.0:0\": whoever reaches that address"),
        "{complaint}"
    );
}
