//! The way to the syslog server. A name is looked up each time that a connection is made, in the sink's thread.
//!
//! Syslog has no acknowledgements. What can be known: what the operating system did not take was not sent, and is sent
//! again; a peer that closed in order had read everything; where a connection breaks, what was sent last may be lost.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use openssl::ssl::{ErrorCode, SslStream};
use socket2::{SockRef, TcpKeepalive};

use super::shown;
use crate::config::sinks::{Carriage, SyslogAddress};
use crate::sinks::tls;

/// How long a connection may take, and each step of its handshake.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a peer may take nothing of what is written.
const SLOWEST: Duration = Duration::from_secs(30);
/// What was sent so shortly before a connection broke may not have arrived ...
const UNDER_WAY: Duration = Duration::from_secs(1);
/// ... and so many octets, however long before.
const IN_BUFFERS: usize = 256 * 1024;

/// The connection, or what is needed to make one.
pub(super) struct Connection {
    address: SyslogAddress,
    authority: Option<PathBuf>,
    link: Option<Link>,
    /// What was sent last over a stream: when, events, octets.
    last: VecDeque<(Instant, usize, usize)>,
}

enum Link {
    Udp(UdpSocket),
    Tcp(TcpStream),
    Tls(Box<SslStream<TcpStream>>),
}

/// Why nothing can be sent now.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) why: String,
    /// Of what was sent before, so many events may not have arrived.
    pub(super) unconfirmed: usize,
}

impl Connection {
    pub(super) fn new(address: SyslogAddress, authority: Option<PathBuf>) -> Self {
        Self { address, authority, link: None, last: VecDeque::new() }
    }

    /// Whether messages go into a stream, with their lengths.
    pub(super) fn is_stream(&self) -> bool {
        self.address.carriage != Carriage::Udp
    }

    /// Sees to it that there is a connection, and that the peer has not closed it.
    pub(super) fn ready(&mut self) -> Result<(), Trouble> {
        match self.link.as_mut().map(is_open) {
            Some(Ok(true)) => return Ok(()),
            Some(Ok(false)) => {
                // Closed in order.
                self.link = None;
                self.last.clear();
            }
            Some(Err(error)) => return Err(self.broken(&error)),
            None => {}
        }
        match self.connect() {
            Ok(link) => self.link = Some(link),
            Err(why) => {
                return Err(Trouble { why: format!("{}: {why}", shown(&self.address)), unconfirmed: 0 });
            }
        }
        Ok(())
    }

    /// Sends messages that end there. An error says how many are sent all the same.
    pub(super) fn send(&mut self, text: &[u8], ends: &[usize]) -> Result<(), (usize, Trouble)> {
        let Some(link) = &mut self.link else {
            return Err((0, Trouble { why: "there is no connection".into(), unconfirmed: 0 }));
        };
        let (taken, done) = match link {
            Link::Udp(socket) => match datagram(socket, text) {
                Ok(()) => (text.len(), Ok(())),
                Err((earlier, error)) => {
                    self.last.push_back((Instant::now(), earlier, 0));
                    (0, Err(error))
                }
            },
            Link::Tcp(stream) => write(stream, text),
            Link::Tls(stream) => write(stream.as_mut(), text),
        };
        // A message of which only a part was taken cannot have arrived whole.
        let sent = ends.iter().take_while(|end| **end <= taken).count();
        if self.is_stream() {
            self.remember(sent, taken);
        }
        done.map_err(|error| (sent, self.broken(&error)))
    }

    fn remember(&mut self, events: usize, octets: usize) {
        self.last.push_back((Instant::now(), events, octets));
        let mut later: usize = self.last.iter().map(|(_, _, octets)| octets).sum();
        while let Some((when, _, octets)) = self.last.front() {
            later -= octets;
            if when.elapsed() <= UNDER_WAY || later < IN_BUFFERS {
                break;
            }
            self.last.pop_front();
        }
    }

    fn broken(&mut self, error: &io::Error) -> Trouble {
        self.link = None;
        let unconfirmed = self.last.drain(..).map(|(_, events, _)| events).sum();
        Trouble { why: format!("{}: {error}", shown(&self.address)), unconfirmed }
    }

    fn connect(&self) -> Result<Link, String> {
        let SyslogAddress { carriage, host, port } = &self.address;
        let told = |error: io::Error| error.to_string();
        let addresses = (host.as_str(), *port).to_socket_addrs().map_err(told)?;
        let mut why = "the name has no address".to_owned();
        for address in addresses {
            let made = match carriage {
                Carriage::Udp => udp(address).map(Link::Udp).map_err(told),
                Carriage::Tcp => tcp(address).map(Link::Tcp).map_err(told),
                Carriage::Tls => tcp(address).map_err(told).and_then(|stream| self.secure(stream)),
            };
            match made {
                Ok(link) => return Ok(link),
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    fn secure(&self, stream: TcpStream) -> Result<Link, String> {
        let connector = tls::connector(self.authority.as_deref())?;
        let secured = connector.connect(&self.address.host, stream).map_err(|error| error.to_string())?;
        Ok(Link::Tls(Box::new(secured)))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(Link::Tls(stream)) = &mut self.link {
            // A close in order tells the peer that nothing is missing (RFC 5425 section 4.4); it may be gone.
            let _ = stream.shutdown();
        }
    }
}

fn udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(address)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}

fn tcp(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_write_timeout(Some(SLOWEST))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let socket = SockRef::from(&stream);
    // A peer that vanishes without a word is noticed, also while there is nothing to send.
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(Duration::from_secs(30)))?;
    socket.set_tcp_user_timeout(Some(SLOWEST))?;
    Ok(stream)
}

/// Sends one datagram. A refusal that comes back at once, as on this machine, is an error; with how many earlier ones were
/// refused.
fn datagram(socket: &UdpSocket, message: &[u8]) -> Result<(), (usize, io::Error)> {
    socket
        .send(message)
        .map_err(|error| (usize::from(error.kind() == ErrorKind::ConnectionRefused), error))?;
    socket.take_error().map_or_else(Err, |error| error.map_or(Ok(()), Err)).map_err(|error| (0, error))
}

/// Writes all of it; says how much was taken where that fails.
fn write(stream: &mut impl Write, text: &[u8]) -> (usize, io::Result<()>) {
    let mut taken = 0;
    while let Some(rest) = text.get(taken..).filter(|rest| !rest.is_empty()) {
        match stream.write(rest) {
            Ok(0) => return (taken, Err(ErrorKind::WriteZero.into())),
            Ok(octets) => taken += octets,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (taken, Err(error)),
        }
    }
    (taken, stream.flush())
}

/// Whether the peer still listens. What it sends means nothing to us and is thrown away.
fn is_open(link: &mut Link) -> io::Result<bool> {
    let mut scrap = [0; 4096];
    let read = match link {
        Link::Udp(_) => return Ok(true),
        Link::Tcp(stream) => {
            stream.set_nonblocking(true)?;
            let read = stream.read(&mut scrap);
            stream.set_nonblocking(false)?;
            read
        }
        Link::Tls(stream) => {
            stream.get_ref().set_nonblocking(true)?;
            let read = match stream.ssl_read(&mut scrap) {
                Err(error) if error.code() == ErrorCode::WANT_READ => Err(ErrorKind::WouldBlock.into()),
                Err(error) if error.code() == ErrorCode::ZERO_RETURN => Ok(0),
                read => read.map_err(|error| error.into_io_error().unwrap_or_else(io::Error::other)),
            };
            stream.get_ref().set_nonblocking(false)?;
            read
        }
    };
    match read {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(true),
        other => Ok(other? > 0),
    }
}
