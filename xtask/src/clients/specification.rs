//! The two `nc` sessions of the specification's "Verification", byte for byte, and the story they leave behind.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Scene, named};

const GOOD: &str = "A1 LOGIN admin admin\r\nA2 SELECT INBOX\r\nA3 FETCH 1:3 (FLAGS ENVELOPE)\r\n\
                    A4 FETCH 5 BODY[]\r\nA5 LOGOUT\r\n";
const BAD: &str = "A1 LOGIN admin wrongpass\r\n";

/// SELECT's answer as the specification has it. `UIDVALIDITY` and the counts are part of it.
const SELECTED: &[&str] = &[
    "* 12 EXISTS",
    "* 0 RECENT",
    "* OK [UNSEEN 7] Message 7 is first unseen",
    "* OK [UIDVALIDITY ",
    "* OK [UIDNEXT 13] Predicted next UID",
    "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)",
    "* OK [PERMANENTFLAGS (\\Deleted \\Seen \\*)] Limited",
    "A2 OK [READ-WRITE] SELECT completed",
];

/// Login, SELECT, envelopes, the root-password mail, logout; then the events of it.
pub(super) fn good_login(scene: &Scene) -> Result<String> {
    let server = scene.serve(&[])?;
    let answer = netcat(server.address, GOOD)?;
    let lines: Vec<&str> = answer.lines().collect();
    ensure!(lines.first() == Some(&"* OK Dovecot ready."), "the greeting: {answer}");
    ensure!(lines.iter().any(|line| line.starts_with("A1 OK")), "LOGIN: {answer}");
    let start = lines.iter().position(|line| *line == SELECTED[0]).context("no answer to SELECT")?;
    for (line, expected) in lines[start..].iter().zip(SELECTED) {
        let same = if expected.ends_with(' ') { line.starts_with(expected) } else { line == expected };
        ensure!(same, "SELECT: expected {expected:?}, got {line:?}");
    }
    for (number, sender, subject) in [
        (1, "devops", "AWS credentials rotation"),
        (2, "monitoring", "DB password changed"),
        (3, "noreply", "Your personal access token"),
    ] {
        let line = lines
            .iter()
            .find(|line| line.starts_with(&format!("* {number} FETCH (")))
            .context("no envelope")?;
        ensure!(line.contains("\\Seen) ENVELOPE ("), "FETCH: {line}");
        ensure!(line.contains(sender) && line.contains(subject), "the envelope of {number}: {line}");
    }
    ensure!(answer.contains("r00tM3T00!"), "the root password is not in the answer: {answer}");
    for tag in ["A3 OK", "A4 OK", "* BYE", "A5 OK"] {
        ensure!(lines.iter().any(|line| line.starts_with(tag)), "no {tag}: {answer}");
    }

    let events = scene
        .events_until("the end of the session", |events| named(events, "session.closed").count() == 1)?;
    let login = named(&events, "auth.succeeded").next().context("no auth.succeeded")?;
    ensure!(login["username"] == "admin" && login["password"] == "admin", "the login: {login}");
    let read =
        named(&events, "message.read").find(|event| event["uid"] == 5).context("no message.read of UID 5")?;
    let bait = read["bait"].as_array().context("no bait in message.read")?;
    ensure!(!bait.is_empty() && read["mailbox"] == "INBOX", "what was read: {read}");
    let seq: Vec<u64> = events.iter().filter_map(|event| event["seq"].as_u64()).collect();
    ensure!(seq.iter().copied().eq(0..seq.len() as u64), "the sequence has holes: {seq:?}");
    server.stop()?;
    Ok(format!("{} events, bait {}", events.len(), bait[0]))
}

/// One wrong password: refused with the specification's words, recorded, and the connection stays open.
pub(super) fn bad_login(scene: &Scene) -> Result<String> {
    let server = scene.serve(&[])?;
    let answer = netcat(server.address, BAD)?;
    ensure!(answer.contains("A1 NO [AUTHENTICATIONFAILED] Invalid credentials\r\n"), "the refusal: {answer}");
    let again = netcat(server.address, &format!("{BAD}A2 LOGIN admin admin\r\nA3 LOGOUT\r\n"))?;
    ensure!(again.contains("A2 OK"), "the connection must stay open for another try: {again}");
    let events = scene.events_until("two failures", |events| named(events, "auth.failed").count() == 2)?;
    let failed = named(&events, "auth.failed").next().context("no auth.failed")?;
    ensure!(failed["username"] == "admin" && failed["password"] == "wrongpass", "the evidence: {failed}");
    server.stop()?;
    Ok("refused, recorded, still open".into())
}

/// What `nc -q1` does: sends everything, ends its side, and collects what comes until the server closes.
fn netcat(address: SocketAddr, input: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(input.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).context("waiting for the server to close")?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
