//! `honeypost audit` against little servers: what it tells, its exit status, and that their octets reach no terminal.

mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Output;
use std::thread;
use std::time::Duration;

use common::{failed, honeypost};
use serde_json::Value;

/// A server that greets and answers every line by a function; it ends with the test.
fn server(greeting: &'static str, answer: fn(&str) -> String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || talk(stream, greeting, answer));
        }
    });
    address
}

fn talk(mut stream: TcpStream, greeting: &str, answer: fn(&str) -> String) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(greeting.as_bytes())?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    while let Some(Ok(line)) = lines.next() {
        stream.write_all(answer(&line).as_bytes())?;
    }
    Ok(())
}

/// As a well-known honeypot does it: lines without CR, EHLO in the wrong form, everything is taken; and an escape sequence.
fn careless(line: &str) -> String {
    let answer = match line.split(' ').next().unwrap_or_default().to_ascii_uppercase().as_str() {
        "EHLO" | "HELO" => "250 mail.example.com\n250-VRFY\n250-AUTH PLAIN\n250 \x1b]0;owned\x07\n",
        "MAIL" | "RCPT" | "RSET" | "VRFY" => "250 2.1.0 OK\n",
        "AUTH" => "235 2.7.0 Authentication failed\n",
        _ => "502 Error: command \"HELP\" not implemented\n",
    };
    answer.to_owned()
}

fn audit(arguments: &[&str]) -> Output {
    honeypost().arg("audit").args(arguments).output().expect("runs")
}

fn verdict<'a>(report: &'a Value, check: &str) -> Vec<&'a str> {
    let findings = report["findings"].as_array().expect("findings").iter();
    findings.filter(|one| one["check"] == check).filter_map(|one| one["verdict"].as_str()).collect()
}

#[test]
fn a_careless_server_is_told_about() {
    let address = server("220 mail.example.com ESMTP Service Ready\n", careless);
    let output = audit(&[&format!("smtp://{address}"), "--json"]);
    assert_eq!(output.status.code(), Some(1), "{:?}", failed(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    for check in ["line-ends", "known-honeypots", "open-relay", "any-password"] {
        assert!(verdict(&report, check).contains(&"tell"), "{check}: {:?}", verdict(&report, check));
    }
    assert_eq!(verdict(&report, "any-vrfy"), ["note"], "servers that it might be do the same");
    assert_eq!(verdict(&report, "transcripts"), ["not-checked"], "it claims to be nobody that is recorded");
    assert_eq!(verdict(&report, "queue-ids"), ["not-checked"], "no message is sent unasked");
    let seen = report["findings"].to_string();
    assert!(seen.contains("mailoney-help") && seen.contains("ehlo-final-line-first"), "{seen}");
    assert!(!output.stdout.contains(&0x1b) && !output.stdout.contains(&7), "an escape sequence is passed on");
}

#[test]
fn the_report_for_people_is_harmless() {
    let address = server("220 mail.example.com ESMTP Service Ready\n", careless);
    let output = audit(&[&format!("smtp://{address}"), "--quick", "--all"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.contains("\\x1b]0;owned\\x07") && !text.contains('\x1b'), "{text}");
    assert!(text.contains("TELL  open-relay") && text.contains("potsnitch: smtp_open_relay"), "{text}");
    assert!(text.lines().last().is_some_and(|line| line.contains(" tells, ")), "{text}");
    let announced = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(announced.contains("log") && announced.contains("No mail is sent"), "{announced}");
}

/// As a server of nobody that is known, with good manners.
fn unknown(line: &str) -> String {
    let (tag, command) = line.split_once(' ').unwrap_or((line, ""));
    match command {
        "CAPABILITY" => format!("* CAPABILITY IMAP4rev1\r\n{tag} OK done\r\n"),
        "NOOP" => format!("{tag} OK done\r\n"),
        _ => format!("{tag} BAD what\r\n"),
    }
}

#[test]
fn of_an_unknown_server_only_general_things_are_told() {
    let address = server("* OK ready\r\n", unknown);
    let output = audit(&[&address.to_string(), "--quick", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let target = &report["targets"][0];
    assert_eq!(
        (target["service"].as_str(), target["claim"].as_str()),
        (Some("imap"), Some("no server by name"))
    );
    assert!(target["compared_with"].is_null());
    assert_eq!(verdict(&report, "transcripts"), ["not-checked"]);
    assert_eq!(verdict(&report, "known-honeypots"), ["ok"]);
}

/// Dovecot by its words, and by nothing else.
fn pretender(line: &str) -> String {
    let (tag, command) = line.split_once(' ').unwrap_or((line, ""));
    match command {
        "CAPABILITY" => format!("* CAPABILITY IMAP4rev1 IDLE\r\n{tag} OK CAPABILITY completed\r\n"),
        _ => format!("{tag} BAD Command not recognized or not supported\r\n"),
    }
}

#[test]
fn who_claims_to_be_dovecot_is_held_against_it() {
    let greeting = "* OK [CAPABILITY IMAP4rev1 ID STARTTLS AUTH=PLAIN] Dovecot (Debian) ready.\r\n";
    let address = server(greeting, pretender);
    let output = audit(&[&format!("imap://{address}"), "--quick", "--json"]);
    assert_eq!(output.status.code(), Some(1), "{:?}", failed(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["targets"][0]["compared_with"], "Dovecot 2.3.19 of Debian 12");
    for check in ["transcripts", "capabilities-agree", "starttls", "known-honeypots"] {
        assert!(verdict(&report, check).contains(&"tell"), "{check}: {:?}", verdict(&report, check));
    }
    assert_eq!(verdict(&report, "greeting-form"), ["ok"]);
    assert_eq!(verdict(&report, "login"), ["not-checked"], "without --login");
}

#[test]
fn bad_use_and_silence_have_their_own_status() {
    for (arguments, expected) in [
        (&["localhost"][..], "expected HOST:PORT"),
        (&[], "TARGET"),
        (&["http://localhost:80"], "expected one of imap"),
        (&["localhost:143", "--login", "admin"], "expected USER:PASSWORD"),
        (&["localhost:143", "--login", "a:b\r\nc"], "control characters"),
        (&["localhost:25", "--send", "a@b>\r\nDATA"], "expected an address"),
    ] {
        let (complaint, status) = failed(&audit(arguments));
        assert_eq!(status, Some(2), "{arguments:?}: {complaint}");
        assert!(complaint.contains(expected), "{arguments:?}: {complaint}");
    }
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let (complaint, status) = failed(&audit(&[&format!("imap://{free}")]));
    assert_eq!(status, Some(3), "{complaint}");
    assert!(complaint.contains("cannot be reached"), "{complaint}");
}
