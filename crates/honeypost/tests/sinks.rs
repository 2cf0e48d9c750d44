//! The sinks beside the store, in the real program: what they write is what the store has, and SIGHUP opens files anew.

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{Server, failed, honeypost};

/// Tries to log in with that name, and hears the answers.
fn log_in(server: &Server, name: &str) {
    let mut peer = TcpStream::connect(server.imap).expect("connected");
    peer.set_read_timeout(Some(Duration::from_secs(20))).expect("settable");
    peer.write_all(format!("A LOGIN {name} wrong\r\nB LOGOUT\r\n").as_bytes()).expect("written");
    peer.shutdown(Shutdown::Write).expect("half closed");
    peer.read_to_end(&mut Vec::new()).expect("readable");
}

/// Waits until the file has that in it.
fn until(file: &Path, part: &str) -> String {
    let start = Instant::now();
    loop {
        let text = fs::read_to_string(file).unwrap_or_default();
        if text.contains(part) {
            return text;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "no {part:?} in {}: {text}", file.display());
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn stored(data: &Path) -> String {
    let output = honeypost().args(["events", "--json", "--data-dir"]).arg(data).output().expect("runs");
    assert!(output.status.success(), "{:?}", failed(&output));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn a_hangup_opens_the_file_anew_and_no_line_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, file) = (folder.path().join("data"), folder.path().join("honeypost.toml"));
    let (lines, moved) = (folder.path().join("events.jsonl"), folder.path().join("moved"));
    fs::write(&file, format!("jsonl.path = {lines:?}\nlog = \"info\"\n")).expect("writable");
    let server = Server::start(&data, &["--config", file.to_str().expect("UTF-8")]);
    log_in(&server, "early");
    until(&lines, "session.closed");
    fs::rename(&lines, &moved).expect("movable");
    log_in(&server, "middle");
    until(&moved, "middle");
    server.signal("HUP");
    let start = Instant::now();
    while !lines.exists() {
        assert!(start.elapsed() < Duration::from_secs(20), "it is not opened anew");
        std::thread::sleep(Duration::from_millis(10));
    }
    log_in(&server, "late");
    until(&lines, "late");
    server.signal("TERM");
    let (status, complaint) = server.end();
    assert_eq!(status, Some(0), "{complaint}");
    assert!(complaint.contains("jsonl has everything"), "{complaint}");
    let [before, after] = [&moved, &lines].map(|file| fs::read_to_string(file).expect("readable"));
    assert!(before.contains("middle") && !before.contains("late") && !after.contains("middle"));
    assert_eq!(before + &after, stored(&data));
}

#[test]
fn standard_output_has_the_lines_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = honeypost();
    command.args(["serve", "--imap", "127.0.0.1:0", "--data-dir"]).arg(folder.path());
    let mut child = command
        .env("HONEYPOST_JSONL_PATH", "-")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let mut said = String::new();
    let mut complaints = std::io::BufReader::new(child.stderr.take().expect("piped"));
    while !said.contains("Ctrl-C") {
        assert!(std::io::BufRead::read_line(&mut complaints, &mut said).expect("readable") > 0, "{said}");
    }
    let imap = said.lines().find_map(|line| line.trim().strip_prefix("IMAP")?.trim().parse().ok());
    let mut peer = TcpStream::connect::<std::net::SocketAddr>(imap.expect("an address")).expect("connected");
    peer.write_all(b"A LOGOUT\r\n").expect("written");
    peer.read_to_end(&mut Vec::new()).expect("readable");
    let id = child.id().to_string();
    assert!(
        std::process::Command::new("kill").args(["-s", "TERM", &id]).status().expect("kill runs").success()
    );
    let output = child.wait_with_output().expect("ends");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stdout).expect("UTF-8"), stored(folder.path()));
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = folder.path().join("x".repeat(300));
    let mut command = honeypost();
    command.args(["serve", "--imap", "127.0.0.1:0", "--data-dir"]).arg(folder.path().join("data"));
    let output = command.env("HONEYPOST_JSONL_PATH", &lines).output().expect("runs");
    let (complaint, status) = failed(&output);
    assert_eq!(status, Some(2));
    for part in ["environment variable HONEYPOST_JSONL_PATH", "jsonl.path", "cannot be opened for writing"] {
        assert!(complaint.contains(part), "no {part:?} in {complaint}");
    }
}

#[test]
fn a_sink_without_its_receiver_costs_nothing_but_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let (data, file) = (folder.path().join("data"), folder.path().join("honeypost.toml"));
    let text = format!(
        "syslog.address = \"tcp://{nobody}\"\nwebhook.url = \"http://{nobody}/\"\nwebhook.events = \"*\"\n"
    );
    fs::write(&file, text).expect("writable");
    let server = Server::start(&data, &["--config", file.to_str().expect("UTF-8")]);
    let start = Instant::now();
    log_in(&server, "somebody");
    assert!(start.elapsed() < Duration::from_secs(5), "the session waited");
    server.signal("TERM");
    let (status, complaint) = server.end();
    assert_eq!(status, Some(0), "{complaint}");
    for name in ["syslog", "webhook"] {
        let told = |line: &&str| line.contains(name) && line.contains("lacks events; the store has them");
        assert!(complaint.lines().any(|line| told(&line)), "{name}: {complaint}");
    }
    assert!(stored(&data).contains("somebody"));
}
