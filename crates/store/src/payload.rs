//! What a frame of the spool carries and a hash chain covers: an event or a stretch of the wire record, in binary.
//!
//! ```text
//! event: id 16 | time i64 µs | session 16 | seq u64 | protocol u8 | tls u8 | src | dst | sensor | name | fields as JSON
//! wire:  session 16 | number u32 | time i64 µs | flow u8 | octets
//! address: 4 or 6 as u8 | 4 or 16 octets | port u16        text: u16 length | octets        all little-endian
//! protocol: 1 IMAP, 2 POP3, 3 SMTP        flow: 1 received, 2 sent, 3 unsent, 4 TLS client hello
//! ```
//!
//! Every event carries its session's attribution: those 60 octets cost a copy, and no frame depends on another. Numbers of
//! stretches begin with 0 in each session.

use std::net::{IpAddr, SocketAddr};

use event::{Attribution, Header, Protocol};
use uuid::Uuid;

use crate::wire::Flow;

/// The record does not fit into a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// An event read back, borrowed from the spool's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventPayload<'a> {
    pub(crate) id: Uuid,
    /// Microseconds since 1970.
    pub(crate) time: i64,
    pub(crate) session: Uuid,
    pub(crate) seq: u64,
    pub(crate) protocol: Protocol,
    pub(crate) tls: bool,
    pub(crate) src: SocketAddr,
    pub(crate) dst: SocketAddr,
    pub(crate) sensor: &'a str,
    pub(crate) name: &'a str,
    /// The JSON object of the event's own fields.
    pub(crate) fields: &'a str,
}

/// A stretch of the wire record read back, borrowed from the spool's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WirePayload<'a> {
    pub(crate) session: Uuid,
    /// From 0 in each session.
    pub(crate) number: u32,
    /// Microseconds since 1970.
    pub(crate) time: i64,
    pub(crate) flow: Flow,
    pub(crate) octets: &'a [u8],
}

/// Appends an event's payload up to its fields, which the caller appends.
pub(crate) fn put_event(header: &Header<'_>, out: &mut Vec<u8>) -> Result<(), TooLarge> {
    let who: &Attribution = header.attribution;
    out.extend_from_slice(header.id.as_bytes());
    out.extend_from_slice(&header.time.as_microsecond().to_le_bytes());
    out.extend_from_slice(who.session.as_bytes());
    out.extend_from_slice(&header.seq.to_le_bytes());
    out.push(protocol_code(who.protocol));
    out.push(u8::from(who.tls));
    put_address(who.src, out);
    put_address(who.dst, out);
    put_text(&who.sensor, out)?;
    put_text(header.event, out)
}

/// Appends a stretch's payload.
pub(crate) fn put_wire(wire: &WirePayload<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(wire.session.as_bytes());
    out.extend_from_slice(&wire.number.to_le_bytes());
    out.extend_from_slice(&wire.time.to_le_bytes());
    out.push(wire.flow.code());
    out.extend_from_slice(wire.octets);
}

/// Reads an event's payload.
pub(crate) fn event(payload: &[u8]) -> Option<EventPayload<'_>> {
    let mut input = Input(payload);
    Some(EventPayload {
        id: Uuid::from_bytes(input.array()?),
        time: i64::from_le_bytes(input.array()?),
        session: Uuid::from_bytes(input.array()?),
        seq: u64::from_le_bytes(input.array()?),
        protocol: protocol_of(input.byte()?)?,
        tls: input.byte()? != 0,
        src: input.address()?,
        dst: input.address()?,
        sensor: input.text()?,
        name: input.text()?,
        fields: std::str::from_utf8(input.0).ok()?,
    })
}

/// Reads a stretch's payload.
pub(crate) fn wire(payload: &[u8]) -> Option<WirePayload<'_>> {
    let mut input = Input(payload);
    Some(WirePayload {
        session: Uuid::from_bytes(input.array()?),
        number: u32::from_le_bytes(input.array()?),
        time: i64::from_le_bytes(input.array()?),
        flow: Flow::of(input.byte()?)?,
        octets: input.0,
    })
}

const fn protocol_code(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Imap => 1,
        Protocol::Pop3 => 2,
        Protocol::Smtp => 3,
    }
}

fn protocol_of(code: u8) -> Option<Protocol> {
    Protocol::ALL.into_iter().find(|protocol| protocol_code(*protocol) == code)
}

fn put_address(address: SocketAddr, out: &mut Vec<u8>) {
    match address.ip() {
        IpAddr::V4(ip) => {
            out.push(4);
            out.extend_from_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            out.push(6);
            out.extend_from_slice(&ip.octets());
        }
    }
    out.extend_from_slice(&address.port().to_le_bytes());
}

fn put_text(text: &str, out: &mut Vec<u8>) -> Result<(), TooLarge> {
    let length = u16::try_from(text.len()).map_err(|_| TooLarge)?;
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

/// What is still to be read.
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    /// The next so many octets.
    pub(crate) fn octets(&mut self, length: usize) -> Option<&'a [u8]> {
        let (octets, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(octets)
    }

    fn address(&mut self) -> Option<SocketAddr> {
        let ip = match self.byte()? {
            4 => IpAddr::from(self.array::<4>()?),
            6 => IpAddr::from(self.array::<16>()?),
            _ => return None,
        };
        Some(SocketAddr::new(ip, u16::from_le_bytes(self.array()?)))
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::from(u16::from_le_bytes(self.array()?));
        std::str::from_utf8(self.octets(length)?).ok()
    }
}
