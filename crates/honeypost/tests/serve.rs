//! The real program, from start to end: what it prints, what it records, who it refuses to run beside.

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use common::{Server, failed, honeypost};

/// Says all of it, closes its side, and hears the answers.
fn converse(server: &Server, input: &str) -> String {
    let mut peer = TcpStream::connect(server.imap).expect("connected");
    peer.set_read_timeout(Some(Duration::from_secs(20))).expect("settable");
    peer.write_all(input.as_bytes()).expect("written");
    peer.shutdown(Shutdown::Write).expect("half closed");
    let mut answers = Vec::new();
    peer.read_to_end(&mut answers).expect("readable");
    String::from_utf8(answers).expect("UTF-8")
}

fn events(data: &Path, more: &[&str]) -> String {
    let output = honeypost().args(["events", "--data-dir"]).arg(data).args(more).output().expect("runs");
    assert!(output.status.success(), "{:?}", failed(&output));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn a_session_from_greeting_to_evidence() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let server = Server::start(&data, &["--pop3", "off", "--dashboard", "off"]);
    assert!(
        server
            .said
            .contains(&format!("curl -s --user admin:admin 'imap://{}/INBOX;MAILINDEX=1'", server.imap))
    );
    assert!(server.said.contains(data.to_str().expect("UTF-8")), "{}", server.said);

    let answers = converse(
        &server,
        "A1 LOGIN admin \"pass\\\"word\"\r\nA2 LOGIN admin admin\r\nA3 SELECT INBOX\r\nA4 FETCH 5 BODY[]\r\n",
    );
    assert!(answers.starts_with("* OK "), "{answers}");
    assert!(
        answers.contains("A1 NO ") && answers.contains("A4 OK ") && answers.contains("r00tM3T00!"),
        "{answers}"
    );

    // A session that is open when the end comes.
    let mut open = TcpStream::connect(server.imap).expect("connected");
    open.read_exact(&mut [0; 4]).expect("greeted");
    server.signal("TERM");
    let (status, complaint) = server.end();
    assert_eq!((status, complaint.as_str()), (Some(0), ""));

    let shown = events(&data, &[]);
    for part in [
        "session.opened      decnet",
        r#"auth.failed         admin / "pass\"word" (LOGIN)"#,
        "auth.succeeded      admin / admin (LOGIN)",
        "mailbox.selected    INBOX",
        "bait: root-password",
        "session.closed      peer after ",
        "session.closed      shutdown after ",
    ] {
        assert!(shown.contains(part), "no {part:?} in\n{shown}");
    }
    assert!(!shown.contains('\x1b'), "colours without a terminal");

    let json = events(&data, &["--json"]);
    let parsed: Vec<serde_json::Value> =
        json.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(parsed.len(), shown.lines().count());
    let failure = parsed.iter().find(|event| event["event"] == "auth.failed").expect("recorded");
    assert_eq!(
        (failure["username"].as_str(), failure["password"].as_str()),
        (Some("admin"), Some("pass\"word"))
    );
    let session = failure["session"].as_str().expect("an id");
    let shown_id = shown
        .lines()
        .find(|line| line.contains("auth.failed"))
        .and_then(|line| line.split_whitespace().nth(4))
        .expect("an id");
    assert_eq!(events(&data, &["--session", shown_id]), events(&data, &["--session", session]));
    assert_eq!(events(&data, &["--event", "AUTH.Failed"]).lines().count(), 1);
    assert!(events(&data, &["--session", session]).lines().count() < parsed.len());
    assert_eq!(
        events(&data, &["--session", session, "--event", "auth.failed", "--since", "1h"]).lines().count(),
        1
    );
    assert_eq!(events(&data, &["--protocol", "smtp"]), "");
    assert_eq!(events(&data, &["--since", "2999-01-01"]), "");
}

#[test]
fn a_restart_changes_nothing_that_an_intruder_sees() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let look =
        "A LOGIN admin admin\r\nB SELECT INBOX\r\nC FETCH 1:* (UID INTERNALDATE ENVELOPE)\r\nD LOGOUT\r\n";
    let server = Server::start(&data, &[]);
    let first = converse(&server, look);
    server.signal("INT");
    assert_eq!(server.end().0, Some(0));
    let server = Server::start(&data, &[]);
    assert_eq!(converse(&server, look), first);
    let list = honeypost().args(["bait", "list", "--data-dir"]).arg(&data).output().expect("runs");
    assert_eq!(failed(&list), (String::new(), Some(0)), "its dates are these");
    assert_eq!(fs::metadata(&data).expect("made").permissions().mode() & 0o777, 0o700);
}

#[test]
fn one_server_a_data_directory() {
    let folder = tempfile::tempdir().expect("a folder");
    let _first = Server::start(folder.path(), &[]);
    let second =
        honeypost().args(["serve", "--imap", "127.0.0.1:0", "--data-dir"]).arg(folder.path()).output();
    let (complaint, status) = failed(&second.expect("runs"));
    assert_eq!(status, Some(2));
    assert!(complaint.contains("another honeypost is running on this data directory"), "{complaint}");
}

#[test]
fn a_port_in_use_is_named_with_a_remedy_and_leaves_no_trace() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound");
    let output =
        honeypost().args(["serve", "--imap", &address.to_string(), "--data-dir"]).arg(&data).output();
    let (complaint, status) = failed(&output.expect("runs"));
    assert_eq!(status, Some(2));
    for part in
        [&format!("imap.listen = \"{address}\" (flag --imap)"), "Address already in use", "--imap ADDR"]
    {
        assert!(complaint.contains(part), "no {part:?} in {complaint}");
    }
    assert!(!data.exists());
}

#[test]
fn a_data_directory_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("writable");
    for data in [file.clone(), file.join("below")] {
        let output = honeypost().args(["serve", "--imap", "127.0.0.1:0", "--data-dir"]).arg(&data).output();
        let (complaint, status) = failed(&output.expect("runs"));
        assert_eq!(status, Some(2), "{complaint}");
        assert!(
            complaint.contains(data.to_str().expect("UTF-8")) && complaint.contains("data-dir"),
            "{complaint}"
        );
    }
}

#[test]
fn a_hangup_ends_what_was_started_at_a_terminal_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    for server in [Server::start(&data, &[]), Server::start_with("nohup", &folder.path().join("other"), &[])]
    {
        server.signal("HUP");
        std::thread::sleep(Duration::from_millis(200));
        assert!(converse(&server, "A1 LOGOUT\r\n").starts_with("* OK "));
        server.signal("TERM");
        assert_eq!(server.end(), (Some(0), String::new()));
    }

    // script(1) gives it a terminal, and the shell tells its number and its end.
    let (log, program) = (folder.path().join("log"), honeypost());
    // Whoever runs the tests may ignore SIGHUP (nohup), which is inherited.
    let line = format!(
        "env --default-signal=HUP {} serve --imap 127.0.0.1:0 --data-dir {} & echo PID $!; wait $!; echo STATUS $?",
        program.get_program().to_str().expect("UTF-8"),
        data.display()
    );
    let mut script = std::process::Command::new("script");
    script.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    script.args(["-qfc", &line]).arg(&log).stdin(Stdio::null()).stdout(Stdio::null());
    let mut script = script.spawn().expect("script(1) is there");
    // The log's first line repeats the command; what it prints begins lines of its own.
    let told = |what: &str| {
        let start = std::time::Instant::now();
        while start.elapsed() < Duration::from_secs(20) {
            let text = fs::read_to_string(&log).unwrap_or_default();
            let found =
                text.lines().find_map(|line| line.trim().strip_prefix(what)?.trim().parse::<u32>().ok());
            if found.is_some() && text.contains("Ctrl-C") {
                return found;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    };
    let id = told("PID").map(|id| id.to_string()).unwrap_or_default();
    let hung_up = std::process::Command::new("kill").args(["-s", "HUP", &id]).status().expect("kill runs");
    let status = told("STATUS");
    if status.is_none() {
        let _ = std::process::Command::new("kill").args(["-s", "KILL", &id]).status();
    }
    let _ = (script.kill(), script.wait());
    assert!(hung_up.success());
    assert_eq!(status, Some(0));
}

#[test]
fn a_store_that_takes_nothing_does_not_keep_it_from_ending() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    fs::remove_dir_all(folder.path().join("spool")).expect("removable");
    let mut peer = TcpStream::connect(server.imap).expect("connected");
    peer.set_read_timeout(Some(Duration::from_millis(500))).expect("settable");
    peer.read(&mut [0; 16]).expect_err("greeted before it was recorded");
    server.signal("TERM");
    std::thread::sleep(Duration::from_millis(300));
    // Not waiting for the sessions.
    server.signal("TERM");
    let (_, complaint) = server.end();
    for part in ["cannot take events now", "the last events of a session are not recorded"] {
        assert!(complaint.contains(part), "no {part:?} in {complaint}");
    }
}

#[test]
fn what_waits_in_the_spool_is_shown_or_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, file) = (folder.path().join("data"), folder.path().join("honeypost.toml"));
    fs::write(&file, "store.group-interval = \"1h\"\n").expect("writable");
    let server = Server::start(&data, &["--config", file.to_str().expect("UTF-8")]);
    converse(&server, "A1 LOGIN early bird\r\nA2 LOGOUT\r\n");
    let output = honeypost().args(["events", "--data-dir"]).arg(&data).output().expect("runs");
    let (told, status) = failed(&output);
    assert_eq!((status, output.stdout.as_slice()), (Some(0), &b""[..]), "{told}");
    assert!(
        told.starts_with("honeypost: ")
            && told.contains(" octets of further events wait in the spool: the running server"),
        "{told}"
    );
    server.signal("KILL");
    assert_eq!(server.end().0, None);
    assert_eq!(events(&data, &[]).lines().filter(|line| line.contains("early / bird")).count(), 1);
    assert_eq!(events(&data, &["--event", "session.closed"]).lines().count(), 1);
}

#[test]
fn following_shows_what_comes_and_ends_with_its_reader() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    converse(&server, "A1 LOGIN early bird\r\nA2 LOGOUT\r\n");
    let mut command = honeypost();
    command.args(["events", "--follow", "--event", "auth.failed", "--data-dir"]).arg(folder.path());
    let mut following = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(following.stdout.take().expect("piped")));
    assert!(
        lines.next().expect("a line").expect("UTF-8").ends_with("auth.failed         early / bird (LOGIN)")
    );
    converse(&server, "A1 LOGIN late bird\r\nA2 LOGOUT\r\n");
    assert!(
        lines.next().expect("a line").expect("UTF-8").ends_with("auth.failed         late / bird (LOGIN)")
    );
    drop(lines);
    converse(&server, "A1 LOGIN last bird\r\nA2 LOGOUT\r\n");
    let output = following.wait_with_output().expect("ends");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}
