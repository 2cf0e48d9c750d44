//! `honeypost replay` on sessions that a real server recorded.

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use common::{Server, failed, honeypost};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use serde_json::Value;

/// A data directory with one session in it, and the session's id.
fn recorded(data: &Path) -> String {
    let server = Server::start(data, &["--dashboard", "off"]);
    let mut peer = TcpStream::connect(server.imap).expect("connected");
    peer.set_read_timeout(Some(Duration::from_secs(20))).expect("settable");
    peer.write_all(b"A1 LOGIN admin \"\x1b]0;x\xff\"\r\nA2 LOGIN admin admin\r\nA3 LOGOUT\r\n")
        .expect("written");
    peer.shutdown(Shutdown::Write).expect("half closed");
    peer.read_to_end(&mut Vec::new()).expect("readable");
    server.signal("TERM");
    assert_eq!(server.end().0, Some(0));
    let output = honeypost()
        .args(["events", "--json", "--event", "session.opened", "--data-dir"])
        .arg(data)
        .output()
        .expect("runs");
    let event: Value = serde_json::from_slice(&output.stdout).expect("one event");
    event["session"].as_str().expect("an id").to_owned()
}

fn replay(data: &Path, arguments: &[&str]) -> Output {
    honeypost().arg("replay").args(arguments).arg("--data-dir").arg(data).output().expect("runs")
}

fn shown(data: &Path, arguments: &[&str]) -> String {
    let output = replay(data, arguments);
    assert!(output.status.success(), "{arguments:?}: {:?}", failed(&output));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn a_session_is_shown_in_every_form() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let id = recorded(&data);
    let text = shown(&data, &[&id]);
    for line in ["  C: A1 LOGIN admin \"\\x1b]0;x\\xff\"\n", "  C: A3 LOGOUT\n", "  -- session.closed: "] {
        assert!(text.contains(line), "{line}{text}");
    }
    assert!(!text.contains('\x1b'), "{text}");
    // The last twelve digits are what people see of it.
    let part = id.rsplit('-').next().expect("a last part");
    assert_eq!(shown(&data, &[part, "--speed", "1000", "--output", "-"]), text);
    let client = shown(&data, &[part, "--only", "client"]);
    assert!(client.contains("C: A2 LOGIN") && !client.contains("S: "), "{client}");

    let cast = folder.path().join("session.cast");
    let path = cast.to_str().expect("UTF-8");
    assert_eq!(shown(&data, &[&id, "--format", "asciicast", "--output", path]), "");
    let cast = fs::read_to_string(&cast).expect("written");
    let lines: Vec<Value> =
        cast.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert_eq!((&lines[0]["version"], &lines[1][1]), (&2.into(), &"o".into()));

    let json = shown(&data, &[&id, "--format", "json"]);
    let mut first = json.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
    let first = first.find(|object| object["direction"] == "client").expect("what was received");
    assert!(first["text"].as_str().is_some_and(|text| text.starts_with("A1 LOGIN")), "{first}");
    assert!(first["text_b64"].is_string(), "{first}");
}

#[test]
fn what_cannot_be_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let id = recorded(&data);
    let id = id.as_str();
    for (arguments, expected) in [
        (&[][..], "which session? `honeypost sessions` lists them; then: honeypost replay ID"),
        (&["xyz"], "ID: \"xyz\" is not a session's id"),
        (&["00000000-0000-7000-8000-000000000000"], "00000000-0000-7000-8000-000000000000"),
        (&[id, "--speed", "0"], "--speed 0 is no speed; expected a number above 0"),
        (&[id, "--speed", "NaN"], "--speed NaN is no speed"),
        (&[id, "--max-pause", "soon"], "--max-pause \"soon\" is no time; expected 5s, 500ms, 2m, or 0"),
        (&[id, "--speed", "2", "--instant"], "--instant"),
        (&[id, "--format", "json", "--speed", "2"], "--speed is for --format text and asciicast"),
        (&[id, "--real-ports"], "--real-ports is for --format pcap"),
        (&[id, "--format", "pcap", "--only", "client"], "--only leaves no conversation"),
        (&[id, "--format", "asciicast", "--instant"], "--instant leaves nothing to play"),
        (&[id, "--output", "/nonexistent/file"], "--output /nonexistent/file: "),
    ] {
        let (complaint, status) = failed(&replay(&data, arguments));
        assert_eq!(status, Some(2), "{arguments:?}: {complaint}");
        assert!(complaint.contains(expected), "expected {expected:?} in {complaint:?}");
    }
}

/// How a replay on a terminal is ended.
#[derive(Debug, Clone, Copy)]
enum End {
    Typed(&'static [u8]),
    Signal(&'static str),
}

#[test]
fn the_terminal_is_left_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let id = recorded(&data);
    for (end, expected) in [
        (End::Typed(b"q"), 0),
        (End::Typed(b" q"), 0),
        (End::Typed(b"\x03"), 130),
        (End::Signal("TERM"), 143),
        (End::Signal("HUP"), 129),
        (End::Signal("INT"), 130),
    ] {
        let (status, said) = on_a_terminal(&data, &id, end);
        assert_eq!(status, Some(expected), "{end:?}: {said}");
        assert!(said.contains("\x1b[2m") && said.contains("-- IMAP session"), "{said}");
    }
}

/// Plays so slowly that it does not end by itself. Gives the exit status and what was shown; sees to the terminal.
fn on_a_terminal(data: &Path, id: &str, end: End) -> (Option<i32>, String) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&master).expect("ours");
    unlockpt(&master).expect("open");
    let name = ptsname(&master, Vec::new()).expect("its name").into_string().expect("UTF-8");
    let slave = fs::OpenOptions::new().read(true).write(true).open(name).expect("opens");
    let modes = || tcgetattr(&slave).expect("its modes").local_modes;
    let before = modes();
    assert!(before.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG));
    let mut child = honeypost()
        .args(["replay", id, "--speed", "1e-9", "--data-dir"])
        .arg(data)
        .stdin(slave.try_clone().expect("another"))
        .stdout(slave.try_clone().expect("another"))
        .spawn()
        .expect("started");
    let start = Instant::now();
    let until = |done: &mut dyn FnMut() -> bool| {
        while !done() && start.elapsed() < Duration::from_secs(20) {
            thread::sleep(Duration::from_millis(5));
        }
    };
    until(&mut || !modes().contains(LocalModes::ICANON));
    assert!(!modes().intersects(LocalModes::ICANON | LocalModes::ECHO), "{end:?}: keys are not taken");
    let mut master = fs::File::from(master);
    match end {
        End::Typed(keys) => {
            for key in keys {
                master.write_all(&[*key]).expect("typed");
                thread::sleep(Duration::from_millis(50));
            }
        }
        End::Signal(name) => {
            let id = child.id().to_string();
            assert!(Command::new("kill").args(["-s", name, &id]).status().expect("kill runs").success());
        }
    }
    until(&mut || child.try_wait().expect("waitable").is_some());
    let _ = child.kill();
    let status = child.wait().expect("ended").code();
    assert_eq!(modes(), before, "{end:?}");
    let mut said = [0; 4096];
    let count = master.read(&mut said).expect("readable");
    (status, String::from_utf8_lossy(&said[..count]).into_owned())
}
