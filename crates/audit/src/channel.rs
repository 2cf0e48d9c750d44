//! A connection to a target, bounded in time, in the clear or with TLS.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fidelity::Channel;
use openssl::ssl::{Ssl, SslContext, SslMethod, SslStream, SslVerifyMode};

/// The longest wait for a connection.
const CONNECTING: Duration = Duration::from_secs(10);
/// The longest that a handshake may take in all, and any single write.
const HANDSHAKE: Duration = Duration::from_secs(20);

/// A connection that can have an end in time: a server that sends an octet now and then does not hold us for ever.
#[derive(Debug)]
pub(crate) struct Timed {
    stream: TcpStream,
    until: Option<Instant>,
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.until.is_some_and(|until| Instant::now() >= until) {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "it takes too long"));
        }
        self.stream.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.stream.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// In the clear, or with TLS.
#[derive(Debug)]
pub(crate) enum Line {
    /// Bare TCP.
    Plain(TcpStream),
    /// Over TLS; whatever certificate it has is taken.
    Tls(Box<SslStream<Timed>>),
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Line {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(octets),
            Self::Tls(stream) => stream.write(octets),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

impl Channel for Line {
    fn set_read_timeout(&self, wait: Duration) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.set_read_timeout(Some(wait)),
            Self::Tls(stream) => stream.get_ref().stream.set_read_timeout(Some(wait)),
        }
    }
}

/// The addresses of a `HOST:PORT`.
pub(crate) fn resolve(address: &str) -> io::Result<Vec<SocketAddr>> {
    let found: Vec<SocketAddr> = address.to_socket_addrs()?.collect();
    if found.is_empty() {
        return Err(io::Error::other("the name has no address"));
    }
    Ok(found)
}

/// Connects, and tells how long that took: one way there and back.
pub(crate) fn connect(addresses: &[SocketAddr]) -> io::Result<(TcpStream, Duration)> {
    let mut last = io::Error::other("there is no address");
    for address in addresses {
        let start = Instant::now();
        match TcpStream::connect_timeout(address, CONNECTING) {
            Ok(stream) => {
                let took = start.elapsed();
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(HANDSHAKE))?;
                stream.set_write_timeout(Some(HANDSHAKE))?;
                return Ok((stream, took));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Begins TLS. It authenticates nobody: this is a look at a server, and nothing secret is said but what `--login` names.
pub(crate) fn secure(stream: TcpStream) -> Result<SslStream<Timed>> {
    stream.set_read_timeout(Some(HANDSHAKE))?;
    let mut context = SslContext::builder(SslMethod::tls_client())?;
    context.set_verify(SslVerifyMode::NONE);
    // Old servers are looked at, too.
    context.set_cipher_list("ALL:@SECLEVEL=0")?;
    let timed = Timed { stream, until: Some(Instant::now() + HANDSHAKE) };
    let mut stream = SslStream::new(Ssl::new(&context.build())?, timed)?;
    stream.connect().context("the TLS handshake failed")?;
    stream.get_mut().until = None;
    Ok(stream)
}
