//! One session, played against a server.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use socket2::{Domain, Socket, Type};

use crate::Service;
use crate::complete::{Awaited, is_whole, is_whole_imap};
use crate::script::{Answer, Exchange, Script, Wait};

/// How patiently a session is played.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The longest wait for one answer: penalties of real servers are shorter.
    pub patience: Duration,
    /// How long an answer that is whole is looked at for more, and for the end of the connection.
    pub more: Duration,
    /// Whether each line that could end an answer does, whatever was asked.
    pub loose: bool,
}

impl Pace {
    /// That of written sessions.
    pub const WRITTEN: Self =
        Self { patience: Duration::from_secs(25), more: Duration::from_millis(60), loose: false };
}

/// The longest that connecting and sending may take.
const SENDING: Duration = Duration::from_secs(25);
/// No answer of a session here is larger.
const MOST: usize = 64 << 20;

/// Where a session is played: a connection, with or without TLS.
pub trait Channel: Read + Write {
    /// How long the next read may wait.
    fn set_read_timeout(&self, wait: Duration) -> io::Result<()>;
}

impl Channel for TcpStream {
    fn set_read_timeout(&self, wait: Duration) -> io::Result<()> {
        Self::set_read_timeout(self, Some(wait))
    }
}

/// Plays a session up to its end, or to where the server closes. `number` makes its source address.
pub fn play(
    service: Service,
    server: SocketAddr,
    number: usize,
    script: &Script,
    pace: Pace,
) -> Result<Vec<Answer>> {
    let stream = connect(service, server, number).context("connecting")?;
    let mut player = Player::new(service, stream, pace);
    let mut answers = Vec::new();
    for exchange in &script.exchanges {
        answers.push(player.exchange(exchange)?);
        if player.closed() {
            break;
        }
    }
    Ok(answers)
}

/// On loopback every session comes from an address of its own, lest penalties and limits leak from one to the next.
pub fn source(service: Service, number: usize) -> Result<IpAddr> {
    let network = 21 + service as u8;
    let (high, low) = (u8::try_from(number / 200 + 1)?, u8::try_from(number % 200 + 1)?);
    Ok(Ipv4Addr::new(127, network, high, low).into())
}

fn connect(service: Service, server: SocketAddr, number: usize) -> Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(server), Type::STREAM, None)?;
    if matches!(server.ip(), IpAddr::V4(address) if address.is_loopback()) {
        socket.bind(&SocketAddr::from((source(service, number)?, 0)).into())?;
    }
    socket.connect_timeout(&server.into(), SENDING)?;
    socket.set_tcp_nodelay(true)?;
    let stream = TcpStream::from(socket);
    stream.set_write_timeout(Some(SENDING))?;
    Ok(stream)
}

/// A session under way.
#[derive(Debug)]
pub struct Player<C> {
    service: Service,
    pace: Pace,
    stream: C,
    awaited: Awaited,
    bytes: Vec<u8>,
    closed: bool,
    most: usize,
}

impl<C: Channel> Player<C> {
    /// A session on this connection; nothing was said on it yet.
    pub fn new(service: Service, stream: C, pace: Pace) -> Self {
        let (awaited, bytes, closed) = (Awaited::default(), Vec::new(), false);
        Self { service, pace, stream, awaited, bytes, closed, most: MOST }
    }

    /// The same, for a server that nobody knows: no more than so many octets are taken for one answer.
    #[must_use]
    pub fn at_most(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// From now on it is played like this.
    pub fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
    }

    /// Whether the server has closed.
    pub fn closed(&self) -> bool {
        self.closed
    }

    /// The connection again, to go on with it otherwise.
    pub fn into_channel(self) -> C {
        self.stream
    }

    /// Says something, and takes the answer.
    pub fn exchange(&mut self, exchange: &Exchange) -> Result<Answer> {
        let start = Instant::now();
        // A server may have closed; that shows when its answer is read.
        let _ = self.stream.write_all(&exchange.payload);
        let mut after = Duration::ZERO;
        match exchange.wait {
            Wait::Whole => {
                self.prepare(exchange);
                let goes_on = |player: &Self| !player.closed && player.bytes.len() <= player.most;
                while !self.is_whole() && start.elapsed() < self.pace.patience && goes_on(self) {
                    self.more(self.pace.patience.min(Duration::from_secs(1)))?;
                }
                after = start.elapsed();
                // A server that never falls silent is not waited for.
                while start.elapsed() < self.pace.patience + self.pace.more && self.more(self.pace.more)? {}
            }
            Wait::Silence(silence) => {
                while start.elapsed() < self.pace.patience + silence && self.more(silence)? {
                    after = start.elapsed();
                }
            }
        }
        // A continuation request: what is sent next goes on with the same command.
        let last = self.bytes.rsplit(|octet| *octet == b'\n').nth(1);
        if !last.is_some_and(|line| line.starts_with(b"+")) {
            self.awaited.tag = None;
        }
        Ok(Answer { bytes: std::mem::take(&mut self.bytes), after, closed: self.closed })
    }

    fn prepare(&mut self, exchange: &Exchange) {
        let word = |line: &[u8]| line.split(|byte| *byte == b' ').next().unwrap_or_default().to_vec();
        let first = if exchange.commands == 1 { &exchange.payload } else { &exchange.last };
        let tag = self.awaited.tag.take().unwrap_or_else(|| word(first).trim_ascii().to_vec());
        self.awaited = Awaited {
            commands: exchange.commands,
            payload: exchange.payload.clone(),
            last: exchange.last.clone(),
            tag: Some(tag),
        };
    }

    fn is_whole(&self) -> bool {
        match self.service {
            Service::Imap if self.pace.loose => is_whole_imap(&self.awaited, &self.bytes),
            _ => is_whole(self.service, &self.awaited, &self.bytes),
        }
    }

    /// Reads once; `false` on silence, and at the end.
    fn more(&mut self, wait: Duration) -> Result<bool> {
        if self.closed || self.bytes.len() > self.most {
            return Ok(false);
        }
        let mut buffer = [0; 16 * 1024];
        self.stream.set_read_timeout(wait)?;
        match self.stream.read(&mut buffer) {
            Ok(0) => self.closed = true,
            Ok(length) => {
                self.bytes.extend_from_slice(&buffer[..length]);
                return Ok(true);
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
            Err(_) => self.closed = true,
        }
        Ok(false)
    }
}
