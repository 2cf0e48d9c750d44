//! Passwords that attack whoever reads them: what every reader and every sink makes of them.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Scene, client};
use crate::server;

/// What is tried, and a mark by which it is found again.
const PASSWORDS: [&[u8]; 7] = [
    b"mark1\x1b[2J\x1b]0;owned\x07",
    b"mark2\r\n2026-01-01 auth.succeeded root / root",
    b"mark3\"quo'te\\",
    b"=cmd|' /C calc'!A0mark4",
    b"mark5\xff\xfe\x01\x80",
    "mark6\u{202e}drowssap\u{2066}".as_bytes(),
    b"mark7<script>alert(1)</script>",
];
/// One more, longer than a literal may be before the login: a violation, not a login.
const LONG: usize = 1 << 20;

/// Tries them all, then reads them in every way there is.
pub(super) fn run(scene: &Scene) -> Result<String> {
    let syslog = UdpSocket::bind("127.0.0.1:0")?;
    syslog.set_read_timeout(Some(Duration::from_secs(5)))?;
    let lines = scene.folder().join("events.jsonl");
    let documents = scene.folder().join("ecs.ndjson");
    let address = format!("udp://{}", syslog.local_addr()?);
    let text = |path: &std::path::Path| path.display().to_string();
    let (lines_path, documents_path) = (text(&lines), text(&documents));
    let settings = [
        ("HONEYPOST_JSONL_PATH", lines_path.as_str()),
        ("HONEYPOST_ECS_PATH", documents_path.as_str()),
        ("HONEYPOST_SYSLOG_ADDRESS", address.as_str()),
    ];
    let server = scene.serve(&settings)?;
    let long = vec![b'='; LONG];
    for password in PASSWORDS.into_iter().chain([long.as_slice()]) {
        attempt(server.address, password)?;
    }
    server.stop()?;

    let failed = |value: &Value| value["event"] == "auth.failed" || value["event"]["action"] == "auth.failed";
    for (name, path) in [("jsonl", &lines), ("ecs", &documents)] {
        let written = std::fs::read_to_string(path).with_context(|| format!("the sink {name}"))?;
        let values: Vec<Value> =
            written.lines().map(serde_json::from_str).collect::<Result<_, _>>().context(name)?;
        let count = values.iter().filter(|value| failed(value)).count();
        ensure!(count == PASSWORDS.len(), "{name}: {count} logins");
        harmless(name, &written, "\n")?;
    }
    let datagrams = frames(&syslog);
    ensure!(datagrams.len() > PASSWORDS.len(), "{} datagrams", datagrams.len());
    for datagram in &datagrams {
        harmless("syslog", &String::from_utf8(datagram.clone()).context("syslog is UTF-8")?, "\u{feff}")?;
    }
    let page = scene.folder().join("page.html");
    let page_path = text(&page);
    let session = scene.events()?.first().and_then(|event| event["session"].as_str().map(str::to_owned));
    let session = session.context("a session")?;
    for arguments in [
        &["events"][..],
        &["events", "--json"],
        &["sessions"],
        &["sessions", "--json"],
        &["session", &session],
        &["follow", "--until", "0s"],
        &["report"],
        &["report", "--csv"],
        &["report", "--json"],
        &["report", "--html", &page_path],
        &["replay", &session, "--instant"],
        &["replay", &session, "--format", "asciicast"],
        &["replay", &session, "--format", "json"],
        &["export", "--format", "jsonl"],
        &["export", "--format", "ecs"],
        &["export", "--format", "csv"],
        &["export", "--format", "stix"],
        &["verify"],
    ] {
        let mut command = server::honeypost(&scene.program);
        command.args(arguments).arg("--data-dir").arg(server::data(scene.folder()));
        let output = client(&mut command)?;
        ensure!(output.status.success(), "{arguments:?}: {}", output.stderr);
        let table = arguments.iter().any(|argument| argument.contains("csv"));
        // A table for a program holds what was sent; on a terminal it is escaped.
        if !table {
            harmless(&arguments.join(" "), &output.stdout, "\n")?;
        }
        let formula = [",=cmd", ",\"=cmd"].iter().any(|cell| output.stdout.contains(cell));
        ensure!(!(table && formula), "{arguments:?}: a formula");
    }
    let html = std::fs::read_to_string(&page)?;
    harmless("report --html", &html, "\n")?;
    ensure!(!html.contains("<script") && html.contains("mark7&"), "the page does not escape");
    Ok(format!("{} passwords, 4 sinks, 18 readers", PASSWORDS.len() + 1))
}

/// One login with that password, as a literal.
fn attempt(address: SocketAddr, password: &[u8]) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    write!(stream, "a LOGIN admin {{{}+}}\r\n", password.len())?;
    // A server that has had enough does not read all of it.
    let _ = stream.write_all(password).and_then(|()| stream.write_all(b"\r\nb LOGOUT\r\n"));
    let _ = stream.read_to_end(&mut Vec::new());
    Ok(())
}

/// Nothing that a terminal obeys, or that turns text around.
fn harmless(what: &str, text: &str, allowed: &str) -> Result<()> {
    let bad = |it: char| {
        (it.is_control()
            || ('\u{202a}'..='\u{202e}').contains(&it)
            || ('\u{2066}'..='\u{2069}').contains(&it))
            && !allowed.contains(it)
    };
    // JSON for programs keeps what JSON may hold; it is escaped where it goes to a terminal.
    let json = ["jsonl", "ecs", "json", "stix", "asciicast", "syslog"].iter().any(|form| what.contains(form));
    let found =
        text.chars().find(|it| if json { it.is_control() && !allowed.contains(*it) } else { bad(*it) });
    match found {
        // DEL is no control character to JSON.
        None | Some('\u{7f}'..='\u{9f}') if json => Ok(()),
        None => Ok(()),
        Some(found) => anyhow::bail!("{what}: {found:?} as it was sent"),
    }
}

fn frames(socket: &UdpSocket) -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    let mut buffer = vec![0; 65_536];
    while let Ok(length) = socket.recv(&mut buffer) {
        datagrams.push(buffer[..length].to_vec());
        let _ = socket.set_read_timeout(Some(Duration::from_millis(300)));
    }
    datagrams
}
