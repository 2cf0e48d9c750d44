//! A conversation as a capture file for Wireshark: its octets, in TCP packets of our own making.
//!
//! Addresses, times and the peer's port are those of the record; the server's port is by default the standard one of the
//! protocol, since that is what Wireshark tells protocols by. Handshake, sequence numbers, acknowledgements and the end are
//! made up, as the kernel keeps them to itself. What TLS carried is there as if it had gone without TLS.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};

use etherparse::{PacketBuilder, TcpHeader, TcpOptionElement};
use event::{Attribution, Protocol};
use jiff::Timestamp;
use store::{Chunk, Flow};

use super::Closed;

/// `LINKTYPE_RAW`: packets begin with the IP header (<https://www.tcpdump.org/linktypes.html>).
const RAW: u32 = 101;
/// The magic number of times in nanoseconds.
const NANOSECONDS: u32 = 0xa1b2_3c4d;
/// Octets of a packet at most: the headers are smaller than what they may be.
const SNAP_LENGTH: u32 = 65_535;
/// Octets of data in a packet: what Ethernet carries with either kind of addresses.
const SEGMENT: usize = 1440;
/// Packets after which the other side acknowledges: well within its window.
const UNACKNOWLEDGED: usize = 16;
const WINDOW: u16 = 65_535;
const HOPS: u8 = 64;

/// Writes the file.
pub(super) fn write(
    attribution: &Attribution,
    opened: Timestamp,
    chunks: &[Chunk],
    closed: Option<&Closed>,
    real_ports: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut capture = Capture::begin(attribution, opened, real_ports, out)?;
    // What the peer did not take is the end of what we sent.
    let sent = |flow| chunks.iter().filter(|it| it.flow == flow).map(|it| it.octets.len()).sum::<usize>();
    let unsent = sent(Flow::Unsent);
    let mut arrived = sent(Flow::Sent).saturating_sub(unsent);
    for chunk in chunks {
        capture.at(chunk.time);
        match chunk.flow {
            Flow::Received => capture.data(Way::In, &chunk.octets)?,
            Flow::Sent => {
                let octets = chunk.octets.get(..arrived).unwrap_or(&chunk.octets);
                arrived -= octets.len();
                capture.data(Way::Out, octets)?;
            }
            Flow::Unsent | Flow::ClientHello => {}
        }
    }
    if let Some(closed) = closed {
        capture.at(closed.time);
        match closed.reason.as_str() {
            _ if unsent > 0 => capture.reset(Way::In)?,
            "error" => capture.reset(Way::In)?,
            "peer" => capture.finish(Way::In)?,
            _ => capture.finish(Way::Out)?,
        }
    }
    Ok(())
}

/// Which way a packet goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// From the peer.
    In,
    /// To the peer.
    Out,
}

impl Way {
    fn back(self) -> Self {
        match self {
            Self::In => Self::Out,
            Self::Out => Self::In,
        }
    }
}

/// One side.
#[derive(Debug)]
struct End {
    address: SocketAddr,
    /// The number of its next octet.
    next: u32,
}

struct Capture<'a, W> {
    peer: End,
    server: End,
    time: Timestamp,
    out: &'a mut W,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Syn,
    Data { push: bool },
    Fin,
    Rst,
}

impl<'a, W: Write> Capture<'a, W> {
    /// The file's header and the TCP handshake.
    fn begin(
        attribution: &Attribution,
        time: Timestamp,
        real_ports: bool,
        out: &'a mut W,
    ) -> io::Result<Self> {
        let (peer, mut server) = alike(attribution.src, attribution.dst);
        if !real_ports {
            server.set_port(standard_port(attribution.protocol, server.port()));
        }
        // Any numbers will do; these are the same each time.
        let (_, _, _, random) = attribution.session.as_fields();
        let number = |octets: Option<&[u8; 4]>| octets.map_or(1, |octets| u32::from_be_bytes(*octets));
        let (peer_next, server_next) = (number(random.last_chunk()), number(random.first_chunk()));
        for field in [NANOSECONDS, 0x0004_0002, 0, 0, SNAP_LENGTH, RAW] {
            out.write_all(&field.to_le_bytes())?;
        }
        let mut capture = Self {
            peer: End { address: peer, next: peer_next },
            server: End { address: server, next: server_next },
            time,
            out,
        };
        capture.packet(Way::In, Kind::Syn, false, &[])?;
        capture.packet(Way::Out, Kind::Syn, true, &[])?;
        capture.acknowledge(Way::In)?;
        Ok(capture)
    }

    /// From now on it is so late; no packet is earlier than the one before.
    fn at(&mut self, time: Timestamp) {
        self.time = self.time.max(time);
    }

    fn data(&mut self, way: Way, octets: &[u8]) -> io::Result<()> {
        let last = octets.len().div_ceil(SEGMENT);
        for (number, segment) in (1..).zip(octets.chunks(SEGMENT)) {
            self.packet(way, Kind::Data { push: number == last }, true, segment)?;
            if number == last || number % UNACKNOWLEDGED == 0 {
                self.acknowledge(way.back())?;
            }
        }
        Ok(())
    }

    fn acknowledge(&mut self, way: Way) -> io::Result<()> {
        self.packet(way, Kind::Data { push: false }, true, &[])
    }

    /// One side closes, then the other.
    fn finish(&mut self, first: Way) -> io::Result<()> {
        self.packet(first, Kind::Fin, true, &[])?;
        self.packet(first.back(), Kind::Fin, true, &[])?;
        self.acknowledge(first)
    }

    fn reset(&mut self, way: Way) -> io::Result<()> {
        self.packet(way, Kind::Rst, true, &[])
    }

    fn packet(&mut self, way: Way, kind: Kind, acknowledges: bool, data: &[u8]) -> io::Result<()> {
        let (from, to) = match way {
            Way::In => (&mut self.peer, &self.server),
            Way::Out => (&mut self.server, &self.peer),
        };
        let mut header = TcpHeader::new(from.address.port(), to.address.port(), from.next, WINDOW);
        header.ack = acknowledges;
        header.acknowledgment_number = if acknowledges { to.next } else { 0 };
        let length = u32::try_from(data.len()).map_err(io::Error::other)?;
        from.next = from.next.wrapping_add(length);
        match kind {
            Kind::Syn => {
                header.syn = true;
                let segment = u16::try_from(SEGMENT).map_err(io::Error::other)?;
                header
                    .set_options(&[TcpOptionElement::MaximumSegmentSize(segment)])
                    .map_err(|error| io::Error::other(format!("{error:?}")))?;
                from.next = from.next.wrapping_add(1);
            }
            Kind::Data { push } => header.psh = push,
            Kind::Fin => {
                header.fin = true;
                from.next = from.next.wrapping_add(1);
            }
            Kind::Rst => header.rst = true,
        }
        let builder = match (from.address.ip(), to.address.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => PacketBuilder::ipv4(from.octets(), to.octets(), HOPS),
            (from, to) => PacketBuilder::ipv6(v6(from), v6(to), HOPS),
        };
        let mut packet = Vec::new();
        builder.tcp_header(header).write_to_vec(&mut packet, data).map_err(io::Error::other)?;
        // Times before 1970 are of no clock that serves mail.
        let seconds = u32::try_from(self.time.as_second()).unwrap_or_default();
        let nanoseconds = u32::try_from(self.time.subsec_nanosecond()).unwrap_or_default();
        let length = u32::try_from(packet.len()).map_err(io::Error::other)?;
        for field in [seconds, nanoseconds, length, length] {
            self.out.write_all(&field.to_le_bytes())?;
        }
        self.out.write_all(&packet)
    }
}

/// Both addresses of one kind: IPv4 where both are, also where they were written as IPv6.
fn alike(peer: SocketAddr, server: SocketAddr) -> (SocketAddr, SocketAddr) {
    let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    (canonical(peer), canonical(server))
}

fn v6(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// The port that Wireshark knows the protocol by. Submission is recorded as SMTP; where a port is one of its own, it stays.
fn standard_port(protocol: Protocol, recorded: u16) -> u16 {
    match (protocol, recorded) {
        (Protocol::Imap, _) => 143,
        (Protocol::Pop3, _) => 110,
        (Protocol::Smtp, 587 | 1587) => 587,
        (Protocol::Smtp, _) => 25,
    }
}

#[cfg(test)]
mod tests;
