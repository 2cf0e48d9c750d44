//! `honeypost export`, from a hostile session to each format, and what it leaves behind when it fails.

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use common::{Server, failed, honeypost};
use serde_json::Value;

/// Opens a formula, ends a literal of a pattern, a cell and a string of JSON, obeys a terminal, and is not UTF-8.
const PASSWORD: &[u8] = b"=cmd|'\\\"] OR [\x1b]0;x\x07,\xff";

fn export(data: &Path, arguments: &[&str]) -> Output {
    honeypost().args(["export", "--data-dir"]).arg(data).args(arguments).output().expect("runs")
}

/// The data of a server that refused this password and let in another.
fn evidence() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let mut stream = TcpStream::connect(server.imap).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a limit");
    let mut said = format!("a LOGIN admin {{{}+}}\r\n", PASSWORD.len()).into_bytes();
    said.extend_from_slice(PASSWORD);
    said.extend_from_slice(b"\r\nb LOGIN admin admin\r\nc EXAMINE INBOX\r\nd FETCH 5 BODY[]\r\ne LOGOUT\r\n");
    stream.write_all(&said).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it closes");
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.contains("\r\nd OK ") && answer.contains("a NO "), "{answer}");
    server.signal("TERM");
    assert_eq!(server.end().0, Some(0));
    folder
}

fn text(data: &Path, arguments: &[&str]) -> String {
    let output = export(data, arguments);
    assert!(output.status.success(), "{arguments:?}: {:?}", failed(&output));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn one_session_in_each_format() {
    let folder = evidence();
    let data = folder.path();
    let events =
        honeypost().args(["events", "--json", "--data-dir"]).arg(data).output().expect("runs").stdout;
    let events = String::from_utf8(events).expect("UTF-8");
    assert_eq!(text(data, &["--format", "jsonl"]), events, "the contract's lines");

    let documents = text(data, &["--format", "ecs"]);
    assert_eq!(documents.lines().count(), events.lines().count());
    for (document, event) in documents.lines().zip(events.lines()) {
        let [document, event] =
            [document, event].map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        assert_eq!((&document["event"]["id"], &document["@timestamp"]), (&event["id"], &event["time"]));
    }

    let table = text(data, &["--format", "csv", "--event", "auth.failed"]);
    let cell = "\"'=cmd|'\\\"\"] OR [\u{1b}]0;x\u{7},\u{fffd}\",PWNtZHw";
    assert!(table.contains(cell) && table.ends_with("\r\n"), "{table}");

    let bundle: Value = serde_json::from_str(&text(data, &["--format", "stix"])).expect("JSON");
    let objects = bundle["objects"].as_array().expect("objects");
    let shown = String::from_utf8_lossy(PASSWORD);
    assert!(objects.iter().any(|object| object["credential"] == *shown), "{bundle:#}");
    assert!(objects.iter().any(|object| object["type"] == "note"), "the bait is named");
    assert_eq!(text(data, &["--format", "stix"]), text(data, &["--format", "stix"]), "the same twice");

    let none = text(data, &["--format", "stix", "--protocol", "smtp"]);
    let none: Value = serde_json::from_str(&none).expect("JSON");
    assert_eq!(none["objects"].as_array().map(Vec::len), Some(1), "nothing but who made it");
}

#[test]
fn a_file_is_private_and_whole_or_not_there() {
    let folder = evidence();
    let place = tempfile::tempdir().expect("a folder");
    let path = place.path().join("bundle.json");
    let to = path.to_str().expect("UTF-8");
    let count = || fs::read_dir(place.path()).expect("readable").count();

    let refused = |arguments: &[&str], expected: &str| {
        let (complaint, status) = failed(&export(folder.path(), arguments));
        assert_eq!(status, Some(2), "{arguments:?}: {complaint}");
        assert!(complaint.contains(expected), "expected {expected:?} in {complaint:?}");
        assert_eq!(count(), 0, "{arguments:?} left something");
    };
    refused(&["--format", "stix", "--limit", "3", "--output", to], "--limit 3: there is more than that");
    refused(&["--format", "csv", "--limit", "3", "--output", to], "--limit 3 is for --format stix alone");
    refused(&["--format", "csv", "--session", "ffff", "--output", to], "ffff");
    refused(&["--format", "csv", "--output", "/dev/null"], "no ordinary file; name another");
    refused(&["--format", "xml", "--output", to], "jsonl, ecs, csv, stix");
    refused(&["--output", to], "--format");

    assert!(export(folder.path(), &["--format", "jsonl", "--output", to]).status.success());
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(&path).expect("UTF-8"), text(folder.path(), &["--format", "jsonl"]));
    assert_eq!(count(), 1);
}
