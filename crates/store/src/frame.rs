//! A record as the spool holds it: length, checksum, then the fields in binary and the event's own as JSON.
//!
//! ```text
//! u32 length of the payload | u32 CRC-32 of length and payload | payload
//! payload: id 16 | time i64 µs | session 16 | seq u64 | protocol u8 | tls u8 | src | dst | sensor | name | JSON
//! address: 4 or 6 as u8 | 4 or 16 octets | port u16        text: u16 length | octets        all little-endian
//! ```
//!
//! Every frame carries its session's attribution: those 60 octets cost a copy, and no frame depends on another.

use std::net::{IpAddr, SocketAddr};

use event::{Protocol, Record};
use uuid::Uuid;

/// No payload is larger. A length beyond it is damage, not a record.
pub(crate) const MAX_PAYLOAD: usize = 64 << 20;

/// Length and checksum.
const HEAD: usize = 8;

/// A record read back, borrowed from the spool's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
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

/// What stands at the beginning of some bytes of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Split<'a> {
    /// A frame, and how many octets it takes.
    Whole(Frame<'a>, usize),
    /// The beginning of a frame; this many octets are needed at least.
    Incomplete(usize),
    /// Something that was never written so.
    Damaged,
}

/// The record does not fit into a frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// Appends the record's frame. On an error `out` is as it was.
pub(crate) fn encode(record: &Record, out: &mut Vec<u8>) -> Result<(), TooLarge> {
    let start = out.len();
    let result = encode_payload(record, start, out);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

fn encode_payload(record: &Record, start: usize, out: &mut Vec<u8>) -> Result<(), TooLarge> {
    let who = &record.attribution;
    out.extend_from_slice(&[0; HEAD]);
    out.extend_from_slice(record.id.as_bytes());
    out.extend_from_slice(&record.time.as_microsecond().to_le_bytes());
    out.extend_from_slice(who.session.as_bytes());
    out.extend_from_slice(&record.seq.to_le_bytes());
    out.push(protocol_code(who.protocol));
    out.push(u8::from(who.tls));
    put_address(who.src, out);
    put_address(who.dst, out);
    put_text(&who.sensor, out)?;
    put_text(record.event.name(), out)?;
    serde_json::to_writer(&mut *out, &record.event).expect("an event's fields are plain JSON");

    let frame = out.get_mut(start..).unwrap_or_default();
    let Some((head, payload)) = frame.split_first_chunk_mut::<HEAD>() else {
        return Err(TooLarge);
    };
    if payload.len() > MAX_PAYLOAD {
        return Err(TooLarge);
    }
    let length = u32::try_from(payload.len()).map_err(|_| TooLarge)?.to_le_bytes();
    let [l0, l1, l2, l3] = length;
    let [c0, c1, c2, c3] = checksum(length, payload).to_le_bytes();
    *head = [l0, l1, l2, l3, c0, c1, c2, c3];
    Ok(())
}

/// Reads the frame at the beginning of `bytes`.
pub(crate) fn split(bytes: &[u8]) -> Split<'_> {
    let Some((&[l0, l1, l2, l3, c0, c1, c2, c3], rest)) = bytes.split_first_chunk::<HEAD>() else {
        return Split::Incomplete(HEAD);
    };
    let length = [l0, l1, l2, l3];
    let Ok(size) = usize::try_from(u32::from_le_bytes(length)) else {
        return Split::Damaged;
    };
    if size == 0 || size > MAX_PAYLOAD {
        return Split::Damaged;
    }
    let Some(payload) = rest.get(..size) else {
        return Split::Incomplete(HEAD + size);
    };
    if checksum(length, payload) != u32::from_le_bytes([c0, c1, c2, c3]) {
        return Split::Damaged;
    }
    decode(payload).map_or(Split::Damaged, |frame| Split::Whole(frame, HEAD + size))
}

fn decode(payload: &[u8]) -> Option<Frame<'_>> {
    let mut input = Input(payload);
    Some(Frame {
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

fn checksum(length: [u8; 4], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(payload);
    hasher.finalize()
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

/// What of a payload is still to be read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
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
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use event::{Attribution, Event, Text};
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn record(seq: u64, line: &[u8], src: &str) -> Record {
        Record {
            id: Uuid::from_u128(u128::from(seq) << 64 | 7),
            time: Timestamp::from_microsecond(1_700_000_000_000_005).expect("in range"),
            seq,
            attribution: Attribution {
                sensor: Arc::from("sensor-ü"),
                session: Uuid::from_u128(2),
                protocol: Protocol::Pop3,
                tls: seq % 2 == 1,
                src: src.parse().expect("an address"),
                dst: "[2001:db8::1]:110".parse().expect("an address"),
            },
            event: Event::CommandReceived {
                verb: "USER".into(),
                line: Text::copy(line),
                state: "AUTHORIZATION",
                status: "+OK",
            },
        }
    }

    #[test]
    fn an_event_too_large_leaves_the_batch_as_it_was() {
        let mut bytes = Vec::new();
        encode(&record(0, b"USER a", "192.0.2.1:1"), &mut bytes).expect("fits");
        let before = bytes.clone();
        assert_eq!(encode(&record(1, &vec![0; MAX_PAYLOAD / 6], "192.0.2.1:1"), &mut bytes), Err(TooLarge));
        assert_eq!(bytes, before);
    }

    #[test]
    fn zeros_are_no_frames() {
        assert_eq!(split(&[0; 64]), Split::Damaged);
    }

    proptest! {
        /// Wherever the bytes end, every frame that is whole is read and the rest is known to be unfinished.
        #[test]
        fn any_truncation_keeps_the_whole_frames(
            lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..8),
            v6 in any::<bool>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let src = if v6 { "[fe80::1]:4000" } else { "192.0.2.1:4000" };
            let mut bytes = Vec::new();
            let mut ends = Vec::new();
            for (seq, line) in (0..).zip(&lines) {
                encode(&record(seq, line, src), &mut bytes).expect("fits");
                ends.push(bytes.len());
            }
            let cut = cut.index(bytes.len() + 1);
            let mut rest = &bytes[..cut];
            let mut whole = 0;
            while let Split::Whole(frame, taken) = split(rest) {
                let sent = record(whole, &lines[usize::try_from(whole).unwrap()], src);
                prop_assert_eq!(frame.seq, whole);
                prop_assert_eq!(frame.src, sent.attribution.src);
                prop_assert_eq!(frame.dst, sent.attribution.dst);
                prop_assert_eq!(frame.sensor, "sensor-ü");
                prop_assert_eq!(frame.tls, sent.attribution.tls);
                prop_assert_eq!(frame.fields, serde_json::to_string(&sent.event).unwrap());
                rest = &rest[taken..];
                whole += 1;
            }
            prop_assert_eq!(usize::try_from(whole).unwrap(), ends.iter().filter(|end| **end <= cut).count());
            prop_assert!(matches!(split(rest), Split::Incomplete(_)));
        }

        /// One changed bit anywhere, and the frame is not taken for what it was.
        #[test]
        fn a_flipped_bit_is_found(line in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>()) {
            let mut bytes = Vec::new();
            encode(&record(0, &line, "192.0.2.1:1"), &mut bytes).expect("fits");
            let bit = at.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!matches!(split(&bytes), Split::Whole(..)));
        }

        /// No bytes panic.
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = split(&bytes);
            let _ = decode(&bytes);
        }
    }
}
