//! What an attacker may ask for without limit, and what it costs.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

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

/// A line that does not end is refused at the limit, before a login and after, and is evidence.
pub(super) fn endless_line(scene: &Scene) -> Result<String> {
    let server = scene.serve(&[])?;
    let before = memory(server.id(), "VmRSS")?;
    let mut taken = Vec::new();
    for client in [Client::connect(server.address)?, Client::selected(server.address)?] {
        taken.push(pour(client.socket().try_clone()?)?);
    }
    let grown = memory(server.id(), "VmHWM")?.saturating_sub(before);
    ensure!(grown < GROWTH_KIB, "the server grew by {grown} KiB");
    scene.events_until("two lines over the limit", |events| {
        named(events, "protocol.violation").filter(|event| event["what"] == "line-too-long").count() == 2
    })?;
    // Others are served as before.
    Client::selected(server.address)?;
    server.stop()?;
    Ok(format!("hung up after {taken:?} KiB sent, grown by {grown} KiB"))
}

/// Sends a gigabyte without a line end until the server hangs up; gives the KiB that the kernel took.
fn pour(mut stream: TcpStream) -> Result<u64> {
    /// What the kernel's two socket buffers can swallow after the server stopped reading, and much to spare.
    const STOPPED_KIB: u64 = 64 * 1024;
    const GIGABYTE_KIB: u64 = 1024 * 1024;
    let block = vec![b'a'; 64 * 1024];
    stream.set_write_timeout(Some(Duration::from_secs(20)))?;
    let mut sent = 0;
    while sent < GIGABYTE_KIB {
        match stream.write(&block) {
            Ok(octets) => sent += octets as u64 / 1024,
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => break,
            Err(error) => return Err(error).context(format!("after {sent} KiB")),
        }
    }
    ensure!(sent < STOPPED_KIB, "the server went on reading: {sent} KiB");
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
