//! What an attacker may ask for without limit, and what it costs.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Scene, named};
use crate::imap::Client;
use crate::server::memory;

/// How much an attack may make the server grow.
const GROWTH_KIB: u64 = 8 * 1024;

/// Messages that do not exist cost nothing: 4,294,967,295 of them.
pub(super) fn message_set(scene: &Scene) -> Result<String> {
    let server = scene.serve(&[])?;
    let mut client = Client::selected(server.address)?;
    let before = memory(server.id(), "VmRSS")?;
    let plain = fetch(&mut client, "FETCH 1:12 FLAGS")?;
    for command in
        ["FETCH 1:4294967295 FLAGS", "UID FETCH 4294967295:1 FLAGS", "FETCH *:1,1:4294967295 FLAGS"]
    {
        let took = fetch(&mut client, command)?;
        // A generous second: enumerating the set takes minutes, answering it less than a millisecond.
        ensure!(took < plain + Duration::from_secs(1), "{command} took {took:?}, {plain:?} the honest way");
    }
    let grown = memory(server.id(), "VmHWM")?.saturating_sub(before);
    ensure!(grown < GROWTH_KIB, "the server grew by {grown} KiB");
    server.stop()?;
    Ok(format!("12 answers each, grown by {grown} KiB"))
}

/// The time of a FETCH that must answer with the flags of all 12 messages.
fn fetch(client: &mut Client, command: &str) -> Result<Duration> {
    let start = Instant::now();
    let reply = client.command(command)?.ok()?;
    let took = start.elapsed();
    let answers = reply.text().matches(" FETCH (").count();
    ensure!(answers == 12, "{command}: {answers} answers");
    Ok(took)
}

/// A line that does not end is refused at the limit and is evidence: before a login the server hangs up, after one it
/// answers BAD and throws the rest away, as Dovecot does.
pub(super) fn endless_line(scene: &Scene) -> Result<String> {
    const GIGABYTE: usize = 1 << 30;
    /// What the kernel's two socket buffers can swallow after the server stopped reading, and much to spare.
    const STOPPED: usize = 64 << 20;
    let server = scene.serve(&[])?;
    let before = memory(server.id(), "VmRSS")?;

    let stranger = Client::connect(server.address)?;
    let taken = pour(stranger.socket(), GIGABYTE)?;
    ensure!(taken < STOPPED, "the server went on reading before a login: {taken} octets");

    let mut user = Client::selected(server.address)?;
    user.socket().write_all(b"x9 FETCH ")?;
    let poured = pour(user.socket(), GIGABYTE)?;
    ensure!(poured == GIGABYTE, "hung up after {poured} octets of a line after a login");
    user.socket().write_all(b"\r\n")?;
    let refusal = user.reply("x9")?;
    ensure!(refusal.status.starts_with("BAD"), "the refusal: {}", refusal.text());
    user.command("NOOP")?.ok()?;

    let grown = memory(server.id(), "VmHWM")?.saturating_sub(before);
    ensure!(grown < GROWTH_KIB, "the server grew by {grown} KiB");
    let events = scene.events_until("two lines over the limit", |events| violations(events).count() == 2)?;
    let kept =
        violations(&events).filter_map(|event| event["line"].as_str()).map(str::len).max().unwrap_or(0);
    ensure!(kept > 0 && kept < 1 << 20, "{kept} octets of the line are in the evidence");
    server.stop()?;
    Ok(format!("refused twice, grown by {grown} KiB, at most {kept} octets kept"))
}

fn violations(events: &[Value]) -> impl Iterator<Item = &Value> {
    named(events, "protocol.violation").filter(|event| event["what"] == "line-too-long")
}

/// Sends so many octets without a line end, or as many as go until the server hangs up.
fn pour(mut stream: &TcpStream, octets: usize) -> Result<usize> {
    let block = vec![b'a'; 64 * 1024];
    let mut sent = 0;
    while sent < octets {
        match stream.write(&block[..block.len().min(octets - sent)]) {
            Ok(taken) => sent += taken,
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => break,
            Err(error) => return Err(error).context(format!("after {sent} octets")),
        }
    }
    Ok(sent)
}

/// Connections that say nothing are let go when the time to log in is over.
pub(super) fn silence(scene: &Scene) -> Result<String> {
    const CONNECTIONS: usize = 200;
    let server = scene.serve(&[
        ("HONEYPOST_LIMITS_LOGIN_TIMEOUT", "2s"),
        ("HONEYPOST_LIMITS_CONNECTIONS_PER_SOURCE", "1000"),
    ])?;
    let start = Instant::now();
    let silent =
        (0..CONNECTIONS).map(|_| Ok(TcpStream::connect(server.address)?)).collect::<Result<Vec<_>>>()?;
    let mut first = None;
    for mut stream in silent {
        stream.set_read_timeout(Some(Duration::from_secs(15)))?;
        let mut said = Vec::new();
        stream.read_to_end(&mut said).context("a silent connection is still open")?;
        ensure!(said.starts_with(b"* OK"), "no greeting: {:?}", String::from_utf8_lossy(&said));
        first.get_or_insert(start.elapsed());
    }
    let first = first.context("no connection")?;
    ensure!(first >= Duration::from_secs(2), "let go after {first:?} already");
    let took = start.elapsed();
    scene.events_until("200 timeouts", |events| {
        named(events, "session.closed").filter(|event| event["reason"] == "timeout").count() == CONNECTIONS
    })?;
    Client::selected(server.address)?;
    server.stop()?;
    Ok(format!("all let go after {:.1} s", took.as_secs_f64()))
}
