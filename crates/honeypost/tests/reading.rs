//! The commands that read evidence, over a database with everything hostile in it.

mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use common::{failed, honeypost};
use event::{Attachment, Attribution, CloseReason, Event, Protocol, Record, Text};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use store::{Options, Trail, Writer};
use uuid::Uuid;

const ONE: &str = "018bcfe5-6000-7000-8000-0000000000aa";
const TWO: &str = "018bcfe5-6000-7000-8000-0000000000bb";
const SCRIPT: &str = "<script>alert('x')</script>\x1b[2J\r\n\u{202e}";

fn attribution(session: &str, protocol: Protocol, src: &str) -> Attribution {
    Attribution {
        sensor: Arc::from("test"),
        session: session.parse().expect("an id"),
        protocol,
        tls: false,
        src: src.parse::<SocketAddr>().expect("an address"),
        dst: "192.0.2.2:143".parse().expect("an address"),
    }
}

/// A session that begins so many minutes ago; its events are a second apart.
fn write(writer: &Writer, who: &Attribution, minutes: i64, events: Vec<Event>) {
    let begin = Timestamp::now() - SignedDuration::from_mins(minutes);
    let mut trail = Trail::default();
    for (seq, event) in (0..).zip(events) {
        let second = SignedDuration::from_secs(i64::try_from(seq).expect("few"));
        let id = Uuid::from_u64_pair(who.session.as_u64_pair().1, seq);
        let record = Record { id, time: begin + second, seq, attribution: who.clone(), event };
        writer.spool().append(who.session, &mut trail, &[record], &[]).expect("appended");
    }
}

fn command(verb: &str, line: &str, status: &'static str) -> Event {
    let (verb, line) = (Text::copy(verb.as_bytes()), Text::copy(line.as_bytes()));
    Event::CommandReceived { verb, line, state: "AUTHENTICATED", status }
}

fn evidence(folder: &Path) {
    let writer = Writer::open(folder, &Options::default()).expect("opens");
    let script = || Text::copy(SCRIPT.as_bytes());
    let mailbox = || "INBOX".to_owned();
    let one = attribution(ONE, Protocol::Imap, "198.51.100.7:4000");
    let closed = |reason| Event::SessionClosed {
        reason,
        bytes_in: 10,
        bytes_out: 20,
        duration_ms: 12_345,
        wire_cut: 0,
        wire_sha256: String::new(),
        chain_sha256: String::new(),
    };
    write(
        &writer,
        &one,
        180,
        vec![
            Event::SessionOpened { personality: "decnet".into() },
            command("ID", &format!("a ID (\"name\" \"{}\")", SCRIPT.replace('"', "")), "OK"),
            Event::AuthFailed {
                mechanism: "LOGIN",
                username: "=cmd|' /C calc'!A0".into(),
                password: Text::from(vec![b'A'; 1 << 20]),
            },
            Event::AuthSucceeded { mechanism: "LOGIN", username: script(), password: Text::copy(b"p\xff") },
            Event::MessageRead {
                mailbox: mailbox(),
                uid: 5,
                section: script(),
                bytes: 9,
                bait: vec!["root-password".into()],
            },
            Event::SearchRun { mailbox: mailbox(), criteria: script(), matches: 1 },
            Event::ProtocolViolation { what: "bare-newline", line: script() },
            closed(CloseReason::Logout),
        ],
    );
    let two = attribution(TWO, Protocol::Smtp, "[2001:db8::1]:4000");
    write(
        &writer,
        &two,
        5,
        vec![
            Event::SessionOpened { personality: "decnet".into() },
            command("EHLO", "EHLO mx.example", "250"),
            Event::MailReceived {
                queue_id: "1".into(),
                mail_from: script(),
                rcpt_to: vec![script()],
                size: 7,
                sha256: "00".into(),
                subject: script(),
                path: "mail/x.eml".into(),
                attachments: vec![Attachment {
                    name: SCRIPT.into(),
                    media_type: "a/b".into(),
                    size: 3,
                    sha256: "11".into(),
                }],
                urls: Vec::new(),
            },
        ],
    );
    // What Honeypost does by itself is nobody's session.
    let own = attribution("018bcfe5-6000-7000-8000-0000000000cc", Protocol::Smtp, "0.0.0.0:0");
    write(&writer, &own, 1, vec![Event::MailExpired { reason: "age", messages: 1, size: 4096 }]);
    writer.flush(Duration::from_secs(20)).expect("stored");
    writer.close().expect("closed");
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    honeypost().args(arguments).arg("--data-dir").arg(folder).output().expect("runs")
}

fn shown(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {:?}", failed(&output));
    assert!(output.stderr.is_empty(), "{:?}", failed(&output));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn safe(text: &str) {
    assert!(!text.contains(['\x1b', '\r', '\u{202e}']), "{text:?}");
}

#[test]
fn sessions_take_a_line_each() {
    let folder = tempfile::tempdir().expect("a folder");
    evidence(folder.path());
    let all = shown(folder.path(), &["sessions"]);
    safe(&all);
    let [header, one, two] = all.lines().collect::<Vec<_>>()[..] else { panic!("{all}") };
    assert!(header.starts_with("BEGIN "), "{header}");
    for (line, parts) in [
        (
            one,
            &["198.51.100.7", "imap", "0000000000aa", "<script>", "1 of 2", "1 after 4.0 s", "  logout"][..],
        ),
        (two, &["2001:db8::1", "smtp", "0000000000bb", "mx.example", "open"]),
    ] {
        for part in parts {
            assert!(line.contains(part), "{part:?} in {line}");
        }
    }
    for (arguments, count) in [
        (&["--since", "1h"][..], 1),
        (&["--until", "1h"], 1),
        (&["--protocol", "imap"], 1),
        (&["--source", "198.51.100.0/24"], 1),
        (&["--source", "2001:db8::1"], 1),
        (&["--source", "192.0.2.1"], 0),
        (&["--session", "0000000000bb"], 1),
        (&["--event", "auth.succeeded"], 1),
    ] {
        let text = shown(folder.path(), &[&["sessions", "--json"], arguments].concat());
        assert_eq!(text.lines().count(), count, "{arguments:?}: {text}");
    }
    let text = shown(folder.path(), &["sessions", "--json", "--protocol", "imap"]);
    let json: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json["username"], SCRIPT);
    assert_eq!(json["password_b64"], "cP8=");
    assert_eq!((&json["messages"], &json["first_bait_ms"]), (&1.into(), &4000.into()));
}

#[test]
fn a_session_tells_its_story() {
    let folder = tempfile::tempdir().expect("a folder");
    evidence(folder.path());
    for id in ["0000000000aa", ONE] {
        let story = shown(folder.path(), &["session", id]);
        safe(&story);
        for part in [
            "From      198.51.100.7 port 4000",
            "\nLogin     let in with \"<script>",
            "\n    +2.000 s  is not let in as \"=cmd|' /C calc'!A0\" / AAAA",
            "(1048576 octets)",
            "READ message 5 of INBOX",
            "BAIT: root-password",
            "ends: it said goodbye\n",
        ] {
            assert!(story.contains(part), "{part:?} in {story}");
        }
    }
    let json: Value = serde_json::from_str(&shown(folder.path(), &["session", "--json", ONE])).expect("JSON");
    assert_eq!(json["events"].as_array().map(Vec::len), Some(8));
    assert_eq!(
        (&json["session"], &json["events"][2]["username"]),
        (&ONE.into(), &"=cmd|' /C calc'!A0".into())
    );
    for (id, expected) in [("018bcfe5", ONE), ("ffff", "ffff"), ("xyz", "xyz")] {
        let (complaint, status) = failed(&run(folder.path(), &["session", id]));
        assert!(status == Some(2) && complaint.contains(expected), "{complaint}");
    }
}

#[test]
fn follow_begins_with_the_last_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    evidence(folder.path());
    // Over at once: what comes later is not asked for.
    let follow = |more: &[&str]| shown(folder.path(), &[&["follow", "--until", "0s"], more].concat());
    let lines = follow(&["-n", "2"]);
    safe(&lines);
    assert_eq!(lines.lines().count(), 2, "{lines}");
    assert!(lines.contains("mail.received") && lines.contains("mail.expired"), "{lines}");
    assert_eq!(follow(&["-n", "100"]).lines().count(), 12);
    assert_eq!(follow(&["-n", "0"]), "");
    assert_eq!(follow(&["-n", "3", "--source", "198.51.100.7"]).lines().count(), 3);
    let json = follow(&["--json", "--event", "auth.succeeded"]);
    assert_eq!(serde_json::from_str::<Value>(&json).expect("JSON")["username"], SCRIPT);
    assert_eq!(shown(folder.path(), &["events", "--source", "2001:db8::/32"]).lines().count(), 3);
}

#[test]
fn a_report_has_every_form() {
    let folder = tempfile::tempdir().expect("a folder");
    evidence(folder.path());
    let text = shown(folder.path(), &["report"]);
    safe(&text);
    assert!(
        text.contains("\nBait\n")
            && text.contains("█")
            && !shown(folder.path(), &["report", "--ascii"]).contains('█')
    );
    let json: Value = serde_json::from_str(&shown(folder.path(), &["report", "--json"])).expect("JSON");
    assert_eq!(json["totals"]["sessions"], 2);
    assert_eq!(json["sections"]["bait"]["rows"][0]["bait"], "root-password");
    let late: Value =
        serde_json::from_str(&shown(folder.path(), &["report", "--json", "--since", "1h"])).expect("JSON");
    assert_eq!((&late["totals"]["sessions"], &late["totals"]["mails_received"]), (&1.into(), &1.into()));

    let page = shown(folder.path(), &["report", "--html", "-"]);
    safe(&page);
    assert!(!page.contains("<script") && page.contains("<svg"));
    let file = folder.path().join("report.html");
    assert_eq!(shown(folder.path(), &["report", "--html", file.to_str().expect("UTF-8")]), "");
    assert!(std::fs::read_to_string(&file).expect("written").contains("</html>"));
    let (complaint, status) = failed(&run(folder.path(), &["report", "--html", "/nonexistent/x.html"]));
    assert!(status == Some(2) && complaint.contains("--html /nonexistent/x.html"), "{complaint}");
}

#[test]
fn csv_means_the_same_to_python() {
    let folder = tempfile::tempdir().expect("a folder");
    evidence(folder.path());
    let csv = run(folder.path(), &["report", "--csv"]).stdout;
    let file = folder.path().join("report.csv");
    std::fs::write(&file, csv).expect("writable");
    let script = "import csv, json, sys; print(json.dumps(list(csv.reader(open(sys.argv[1], newline='', encoding='utf-8')))))";
    let python = Command::new("python3").args(["-c", script]).arg(&file).stdin(Stdio::null()).output();
    let rows: Vec<Vec<String>> = serde_json::from_slice(&python.expect("python3 runs").stdout).expect("JSON");
    assert!(rows.iter().all(|row| row.len() == 6));
    let formulas = |cell: &String| cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    assert!(!rows.iter().flatten().any(formulas));
    let has = |section: &str, key: &str| rows.iter().any(|row| row[0] == section && row[2] == key);
    assert!(has("usernames", "'=cmd|' /C calc'!A0") && has("searches", SCRIPT));
}
