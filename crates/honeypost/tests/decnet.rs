//! The real program in the place of DECNET's IMAP container: what its collector reads from standard output.

#[path = "common/collector.rs"]
mod collector;
mod common;

use std::fs;
use std::io::{Read as _, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Stdio;
use std::time::Duration;

use collector::{Read, read};
use common::{Server, failed, honeypost};

/// Says all of it, closes its side, and hears the answers.
fn converse(server: &Server, input: &[u8]) -> String {
    let mut peer = TcpStream::connect(server.imap).expect("connected");
    peer.set_read_timeout(Some(Duration::from_secs(20))).expect("settable");
    peer.write_all(input).expect("written");
    peer.shutdown(Shutdown::Write).expect("half closed");
    let mut answers = Vec::new();
    peer.read_to_end(&mut answers).expect("readable");
    String::from_utf8_lossy(&answers).into_owned()
}

#[test]
fn a_session_is_read_by_the_collector() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, mut stdout) = Server::start_decnet(
        &folder.path().join("data"),
        &[("NODE_NAME", "decky-01"), ("LOG_TARGET", "x:514")],
    );
    let answers = converse(
        &server,
        b"A1 LOGIN admin \"p]a\\\"s\\\\s\"\r\nA2 LOGIN admin {4}\r\n\xff\0]\n\r\nA3 LOGIN admin admin123\r\n\
          A4 SELECT INBOX\r\nA5 UID FETCH 5 (FLAGS)\r\nA6 LOGOUT\r\n",
    );
    assert!(answers.contains("A3 OK ") && answers.contains("A5 OK "), "{answers}");
    server.signal("TERM");
    assert_eq!(server.end(), (Some(0), String::new()));
    let mut text = String::new();
    stdout.read_to_string(&mut text).expect("UTF-8");
    let lines: Vec<Read> = text.lines().map(|line| read(line).expect(line)).collect();
    assert!(lines.iter().all(|line| line.node == "decky-01" && line.service == "imap"), "{text}");
    let told: Vec<String> = lines
        .iter()
        .map(|line| {
            format!("{} {} {}{}", line.priority, line.event, line.field("cmd"), line.field("secret_b64"))
        })
        .collect();
    assert_eq!(
        told,
        [
            "134 startup ",
            "134 connect ",
            "134 command LOGIN",
            "132 auth cF1hInNccw==",
            "134 command LOGIN",
            "132 auth /wBdCg==",
            "134 command LOGIN",
            "134 auth YWRtaW4xMjM=",
            "134 command SELECT",
            "134 command UID",
            "134 command LOGOUT",
            "134 disconnect ",
        ],
        "{text}"
    );
    assert_eq!(lines[0].message, "IMAP server starting as decky-01");
    assert!(lines.iter().skip(1).all(|line| line.field("src") == "127.0.0.1"));
    assert_eq!((lines[3].field("username"), lines[3].field("outcome")), ("admin", "failure"));
    assert_eq!((lines[8].field("state"), lines[9].field("state")), ("AUTHENTICATED", "SELECTED"));
}

#[test]
fn seeds_are_further_messages() {
    let folder = tempfile::tempdir().expect("a folder");
    let seed = folder.path().join("seed");
    fs::create_dir(&seed).expect("made");
    fs::write(seed.join("one.eml"), "Subject: planted\n\nkey: sk_live_1\n").expect("writable");
    let path = seed.to_str().expect("UTF-8");
    let (server, _stdout) = Server::start_decnet(&folder.path().join("data"), &[("IMAP_EMAIL_SEED", path)]);
    let answers = converse(&server, b"A1 LOGIN admin admin\r\nA2 SELECT INBOX\r\nA3 FETCH 13 BODY[TEXT]\r\n");
    assert!(answers.contains("* 13 EXISTS") && answers.contains("key: sk_live_1\r\n"), "{answers}");
}

#[test]
fn an_output_that_nobody_reads_stalls_no_session() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, mut stdout) = Server::start_decnet(&folder.path().join("data"), &[]);
    // The pipe holds 64 KiB, the queue before it 8 MiB. A line with such a verb has its length.
    let verb = "X".repeat(60_000);
    let input = format!("A LOGIN admin admin\r\n{}C LOGOUT\r\n", format!("B {verb}\r\n").repeat(5));
    let session = || {
        let answers = converse(&server, input.as_bytes());
        assert!(answers.contains("C OK "), "{answers}");
    };
    (0..40).for_each(|_| session());
    // Now it is read, up to the line that tells of the gap.
    let mut text = Vec::new();
    let mut piece = [0; 8192];
    while !text.windows(11).any(|window| window == b"events_lost") {
        let octets = stdout.read(&mut piece).expect("readable");
        assert!(octets > 0, "it ended without a word");
        text.drain(..text.len().saturating_sub(200));
        text.extend_from_slice(&piece[..octets]);
    }
    let told = String::from_utf8_lossy(&text).into_owned();
    let line = told.lines().find(|line| line.contains("events_lost")).expect("found");
    let lost: u64 = read(line).expect(line).field("events").parse().expect("a number");
    assert!(lost > 50 && lost < 400, "{line}");
    drop(stdout);
    session();
    server.signal("TERM");
    let (status, complaint) = server.end();
    assert_eq!(status, Some(0));
    for part in ["standard output is not read", "standard output is read again", "standard output is closed"]
    {
        assert!(complaint.contains(part), "no {part:?} in {complaint}");
    }
}

#[test]
fn the_containers_port_is_the_one_that_is_tried() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = honeypost()
        .args(["serve", "--decnet", "imap", "--data-dir"])
        .arg(folder.path().join("data"))
        .env("PORT", "none")
        .stdout(Stdio::piped())
        .output()
        .expect("runs");
    let (complaint, status) = failed(&output);
    assert_eq!(status, Some(2));
    assert!(
        complaint.contains("environment variable PORT: imap.listen = \"none\" is no port"),
        "{complaint}"
    );
    assert!(output.stdout.is_empty());
}
