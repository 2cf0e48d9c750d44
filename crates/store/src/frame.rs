//! A frame of the spool: length, checksum, what it is, its link in the hash chain, its payload.
//!
//! ```text
//! u32 length of what follows the checksum | u32 CRC-32 of length and that | u8 kind | link 32 | payload     little-endian
//! kind: 1 event, 2 stretch of the wire record
//! ```
//!
//! In segments of the first version a frame is an event without kind and link.

use event::{Header, Record};

use crate::chain::{Link, Trail};
use crate::payload::{self, EventPayload, Input, TooLarge, WirePayload};
use crate::wire::Piece;

/// Nothing behind the checksum is larger. A length beyond it is damage, not a record.
pub(crate) const MAX_PAYLOAD: usize = 64 << 20;

/// Length and checksum.
const HEAD: usize = 8;
/// Kind and link.
const BEFORE_PAYLOAD: usize = 1 + 32;

const EVENT: u8 = 1;
const WIRE: u8 = 2;

/// Which form the frames of a segment have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// Events alone, without links.
    First,
    /// As described above.
    Second,
}

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// An event, and its link where it was made by a version that links.
    Event(EventPayload<'a>, Option<Link>),
    /// A stretch of the wire record.
    Wire(WirePayload<'a>, Link),
}

/// What stands at the beginning of some bytes of a segment.
#[expect(clippy::large_enum_variant, reason = "nearly always it is the large one, and none is kept")]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Split<'a> {
    /// A frame, and how many octets it takes.
    Whole(Frame<'a>, usize),
    /// The beginning of a frame; this many octets are needed at least.
    Incomplete(usize),
    /// Something that was never written so.
    Damaged,
}

/// Appends the event's frame and takes its chain one link further. On an error nothing has changed.
pub(crate) fn put_event(record: &Record, trail: &mut Trail, out: &mut Vec<u8>) -> Result<(), TooLarge> {
    let start = begin(EVENT, out);
    let header = Header {
        id: record.id,
        time: record.time,
        event: record.event.name(),
        seq: record.seq,
        attribution: &record.attribution,
    };
    let result = payload::put_event(&header, out).and_then(|()| {
        serde_json::to_writer(&mut *out, &record.event).expect("an event's fields are plain JSON");
        finish(start, trail.events, out)
    });
    match result {
        Ok(link) => trail.events = link,
        Err(TooLarge) => out.truncate(start),
    }
    result.map(|_| ())
}

/// Appends the frame of a stretch of that session's wire record, and takes its chain one link further.
pub(crate) fn put_wire(
    session: uuid::Uuid,
    piece: &Piece,
    trail: &mut Trail,
    out: &mut Vec<u8>,
) -> Result<(), TooLarge> {
    let start = begin(WIRE, out);
    let Piece { time, flow, octets } = piece;
    let (number, time, flow) = (trail.chunks, time.as_microsecond(), *flow);
    payload::put_wire(&WirePayload { session, number, time, flow, octets }, out);
    match finish(start, trail.wire, out) {
        Ok(link) => {
            trail.wire = link;
            trail.chunks += 1;
            Ok(())
        }
        Err(TooLarge) => {
            out.truncate(start);
            Err(TooLarge)
        }
    }
}

fn begin(kind: u8, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; HEAD]);
    out.push(kind);
    out.extend_from_slice(&[0; BEFORE_PAYLOAD - 1]);
    start
}

/// Fills in what was left open in front of the payload.
fn finish(start: usize, before: Link, out: &mut [u8]) -> Result<Link, TooLarge> {
    let frame = out.get_mut(start..).unwrap_or_default();
    let Some((head, body)) = frame.split_first_chunk_mut::<HEAD>() else {
        return Err(TooLarge);
    };
    if body.len() > MAX_PAYLOAD {
        return Err(TooLarge);
    }
    let Some((before_payload, payload)) = body.split_first_chunk_mut::<BEFORE_PAYLOAD>() else {
        return Err(TooLarge);
    };
    let link = before.next(payload);
    if let Some(place) = before_payload.get_mut(1..) {
        place.copy_from_slice(link.octets());
    }
    let length = u32::try_from(body.len()).map_err(|_| TooLarge)?.to_le_bytes();
    let [l0, l1, l2, l3] = length;
    let [c0, c1, c2, c3] = checksum(length, body).to_le_bytes();
    *head = [l0, l1, l2, l3, c0, c1, c2, c3];
    Ok(link)
}

/// Reads the frame at the beginning of `bytes`.
pub(crate) fn split(bytes: &[u8], version: Version) -> Split<'_> {
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
    let Some(body) = rest.get(..size) else {
        return Split::Incomplete(HEAD + size);
    };
    if checksum(length, body) != u32::from_le_bytes([c0, c1, c2, c3]) {
        return Split::Damaged;
    }
    decode(body, version).map_or(Split::Damaged, |frame| Split::Whole(frame, HEAD + size))
}

fn decode(body: &[u8], version: Version) -> Option<Frame<'_>> {
    if version == Version::First {
        return payload::event(body).map(|event| Frame::Event(event, None));
    }
    let mut input = Input(body);
    let kind = input.byte()?;
    let link = Link::of(&input.array::<32>()?)?;
    match kind {
        EVENT => payload::event(input.0).map(|event| Frame::Event(event, Some(link))),
        WIRE => payload::wire(input.0).map(|wire| Frame::Wire(wire, link)),
        _ => None,
    }
}

fn checksum(length: [u8; 4], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(body);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use event::{Attribution, Event, Protocol, Text};
    use jiff::Timestamp;
    use proptest::prelude::*;
    use uuid::Uuid;

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

    fn encode(record: &Record, out: &mut Vec<u8>) -> Result<(), TooLarge> {
        put_event(record, &mut Trail::default(), out)
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
        assert_eq!(split(&[0; 64], Version::Second), Split::Damaged);
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
            while let Split::Whole(Frame::Event(frame, link), taken) = split(rest, Version::Second) {
                prop_assert!(link.is_some());
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
            prop_assert!(matches!(split(rest, Version::Second), Split::Incomplete(_)));
        }

        /// One changed bit anywhere, and the frame is not taken for what it was.
        #[test]
        fn a_flipped_bit_is_found(line in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>()) {
            let mut bytes = Vec::new();
            encode(&record(0, &line, "192.0.2.1:1"), &mut bytes).expect("fits");
            let bit = at.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!matches!(split(&bytes, Version::Second), Split::Whole(..)));
        }

        /// No bytes panic.
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for version in [Version::First, Version::Second] {
                let _ = split(&bytes, version);
                let _ = decode(&bytes, version);
            }
        }
    }
}
