//! Evidence is verified, by Honeypost and by the script in `docs/evidence.md`, and what was altered shows.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};

use common::{Server, failed, honeypost};

fn session(server: &Server, lines: &[&str]) {
    let mut stream = TcpStream::connect(server.imap).expect("served");
    stream.write_all(lines.concat().as_bytes()).expect("written");
    let mut answers = Vec::new();
    stream.read_to_end(&mut answers).expect("an end");
}

fn verify(data: &Path, more: &[&str]) -> (String, Option<i32>) {
    let output = honeypost().arg("verify").arg("--data-dir").arg(data).args(more).output().expect("runs");
    (String::from_utf8(output.stdout).expect("UTF-8"), output.status.code())
}

fn script(data: &Path) -> Output {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/evidence.md"))
        .expect("the page");
    let script =
        page.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a script");
    Command::new("python3").arg("-c").arg(script).arg(data).output().expect("python3 runs")
}

#[test]
fn what_was_recorded_is_whole_and_what_was_altered_shows() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let server = Server::start(&data, &[]);
    session(&server, &["a LOGIN admin wrong\u{1b}[31m\r\n", "b LOGIN admin admin\r\n", "c LOGOUT\r\n"]);
    session(
        &server,
        &["a LOGIN admin admin\r\n", "b SELECT INBOX\r\n", "c FETCH 5 BODY[]\r\n", "d LOGOUT\r\n"],
    );
    drop(server);

    let (text, status) = verify(&data, &[]);
    assert_eq!(status, Some(0), "{text}");
    assert!(
        text.starts_with("2 sessions, ") && text.ends_with("whole: everything is as it was recorded\n"),
        "{text}"
    );
    let independent = script(&data);
    assert!(independent.status.success(), "{:?}", failed(&independent));
    assert_eq!(String::from_utf8_lossy(&independent.stdout), "2 sessions, 0 events altered\n");

    // What another machine was sent.
    let copy = folder.path().join("copy.jsonl");
    let events =
        honeypost().args(["events", "--json", "--data-dir"]).arg(&data).output().expect("runs").stdout;
    std::fs::write(&copy, &events).expect("writable");
    let against = copy.to_str().expect("UTF-8");
    let (text, status) = verify(&data, &["--against", against]);
    assert!(status == Some(0) && text.contains("2 sessions end here as in the other copy"), "{text}");

    let alter = "import sqlite3,sys; d = sqlite3.connect(sys.argv[1]); \
        d.execute(\"UPDATE event SET fields = replace(fields, 'BODY[]', 'BODY[1]')\"); d.commit()";
    let altered =
        Command::new("python3").args(["-c", alter]).arg(data.join("events.db")).output().expect("runs");
    assert!(altered.status.success(), "{:?}", failed(&altered));
    let (text, status) = verify(&data, &[]);
    assert!(
        status == Some(1)
            && text.contains(": event 5 is not what was recorded")
            && text.ends_with("NOT whole\n"),
        "{text}"
    );
    let (json, _) = verify(&data, &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((&json["whole"], &json["findings"][0]["what"]), (&false.into(), &"event-altered".into()));
    assert_eq!(script(&data).status.code(), Some(1));

    std::fs::write(
        &copy,
        String::from_utf8_lossy(&events).replace("\"wire_sha256\":\"", "\"wire_sha256\":\"0"),
    )
    .expect("writable");
    let (text, _) = verify(&data, &["--against", against]);
    assert_eq!(text.matches("ends otherwise than in the other copy").count(), 2, "{text}");
    let (json, status) = verify(&data, &["--against", against, "--json"]);
    assert!(status == Some(1) && json.contains("\"whole\":false"), "{json}");
    std::fs::write(&copy, "nothing\n").expect("writable");
    let output =
        honeypost().args(["verify", "--against", against, "--data-dir"]).arg(&data).output().expect("runs");
    let (complaint, status) = failed(&output);
    assert!(status == Some(2) && complaint.contains("copy.jsonl: holds no session.closed"), "{complaint}");
}

/// Whoever cuts a session's end off, and mends its row, is told by the other copy.
#[test]
fn a_session_without_its_end_differs_from_the_copy() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let server = Server::start(&data, &[]);
    session(&server, &["a LOGIN admin admin\r\n", "b SELECT INBOX\r\n", "c LOGOUT\r\n"]);
    drop(server);
    let copy = folder.path().join("copy.jsonl");
    let mut events =
        honeypost().args(["events", "--json", "--data-dir"]).arg(&data).output().expect("runs").stdout;
    // A line that a crash has torn is no reason not to compare the others.
    events.extend_from_slice(b"{\"id\":\"01a2");
    std::fs::write(&copy, &events).expect("writable");
    let against = copy.to_str().expect("UTF-8");
    let (text, status) = verify(&data, &["--against", against]);
    assert!(status == Some(0) && text.contains("1 lines of the other copy are no events"), "{text}");
    let cut = "import sqlite3,sys; d = sqlite3.connect(sys.argv[1]); \
        d.execute('DELETE FROM event WHERE seq >= 3'); \
        d.execute('UPDATE session SET events = 3, link = (SELECT link FROM event WHERE seq = 2)'); d.commit()";
    let cut = Command::new("python3").args(["-c", cut]).arg(data.join("events.db")).output().expect("runs");
    assert!(cut.status.success(), "{:?}", failed(&cut));
    let (text, status) = verify(&data, &["--against", against]);
    assert!(status == Some(1) && text.contains("ends otherwise than in the other copy"), "{text}");
}
