//! JARM: how a TLS server answers ten odd ClientHellos, as 62 characters (<https://github.com/salesforce/jarm>).
//!
//! A crate of its own because three ask for it that share nothing else: `audit` looks at running servers, `cargo xtask jarm`
//! at real ones, and `honeypost`'s tests at its own contexts.
//!
//! Read `probe.rs` (what is asked), `answer.rs` (what is read from the answer, and the hash).

mod answer;
mod probe;
mod start;

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, Result};

pub use start::StartTls;

/// How long a server may take for anything.
const PATIENCE: Duration = Duration::from_secs(20);
/// How much of an answer is read: what fits into one packet. Part of the definition.
const ANSWER: usize = 1484;

/// The JARM of the server at an address (`HOST:PORT`), after STARTTLS where it wants that. Takes ten connections; blocks.
/// 62 noughts say that it answered none of the ten.
pub fn take(address: &str, start: Option<StartTls>) -> Result<String> {
    let answers = raw(address, start)?;
    Ok(answer::hash(&answers))
}

/// The ten answers before hashing: cipher, version, protocol and extensions each.
pub fn raw(address: &str, start: Option<StartTls>) -> Result<Vec<String>> {
    let (host, _) = address.rsplit_once(':').context("an address is HOST:PORT")?;
    probe::ALL.iter().map(|probe| ask(address, &probe.hello(host), start)).collect()
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::other("the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn ask(address: &str, hello: &[u8], start: Option<StartTls>) -> Result<String> {
    let mut stream = connect(address).with_context(|| format!("connecting to {address}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    if let Some(start) = start {
        start.say(&mut stream).with_context(|| format!("starting TLS at {address}"))?;
    }
    stream.write_all(hello)?;
    let mut answer = vec![0; ANSWER];
    // A server that hangs up answers nothing, and so does one that takes too long.
    let octets = stream.read(&mut answer).unwrap_or(0);
    Ok(answer::read(answer.get(..octets).unwrap_or_default()))
}
