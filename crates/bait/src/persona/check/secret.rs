//! Whether secrets stand in their slots and nowhere else. Events tell what was shown by slots, so a secret written out is
//! shown without a word of it; and where an intruder is given a secret of his own, the old one would contradict it.
//!
//! Looked at is what a mail client shows: the message as it is written, encoded words and parameters of every header
//! (RFC 2047, RFC 2231), and bodies in base64 or quoted-printable. Not looked at: what lies in archives, in HTML's
//! character references, or in a certificate.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};
use memchr::memmem::Finder;

use super::Problems;
use crate::message::{Bait, Message};
use crate::mime::header::fields;
use crate::mime::{Content, Parameter, Part, decode_words};

/// Octets of a value; what is shorter occurs by chance.
const MIN_VALUE: usize = 6;

/// Text as a client shows it, and the octets of the message that it was read from.
struct Reading<'a> {
    shown: Cow<'a, [u8]>,
    written: Cow<'a, [u8]>,
}

/// Looks for every secret outside its slots.
pub(super) fn strays(file: &str, message: &Message, bait: &[Arc<Bait>], problems: &mut Problems) {
    let mut readings = Vec::new();
    read(message, message.structure(), &mut readings);
    for bait in bait.iter().filter(|bait| bait.value.len() >= MIN_VALUE) {
        let finder = Finder::new(&bait.value);
        for start in finder.find_iter(&message.bytes) {
            if !in_a_slot(message, &(start..start + bait.value.len())) {
                let what = format!(
                    "the secret `{id}` is written out (`{}`); write {{{{secret {id}}}}}, or other text where none can stand",
                    line_at(&message.bytes, start),
                    id = bait.id,
                );
                problems.error(file, what);
            }
        }
        // What is written plainly was looked at above, and is shown as often.
        let hidden = |reading: &&Reading<'_>| {
            finder.find_iter(&reading.shown).count() > finder.find_iter(&reading.written).count()
        };
        for reading in readings.iter().filter(hidden) {
            let start = finder.find(&reading.shown).unwrap_or_default();
            let what = format!(
                "the secret `{id}` is written out in encoded or folded text (`{}`); write it plainly as {{{{secret {id}}}}}, or other text",
                line_at(&reading.shown, start),
                id = bait.id,
            );
            problems.error(file, what);
        }
    }
}

/// Whether these octets lie in one slot: in the secret's own, or as a part of another secret.
fn in_a_slot(message: &Message, found: &Range<usize>) -> bool {
    let next = message.slots.partition_point(|slot| slot.range.end < found.end);
    message.slots.get(next).is_some_and(|slot| slot.range.start <= found.start)
}

/// The line in which an offset lies.
fn line_at(text: &[u8], offset: usize) -> String {
    let (before, behind) = text.split_at(offset);
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let before = before.rsplit(is_end).next().unwrap_or_default();
    let behind = behind.split(is_end).next().unwrap_or_default();
    String::from_utf8_lossy(&[before, behind].concat()).trim().to_owned()
}

/// Adds what a client shows other than it is written: of a part, and of the parts in it.
fn read<'a>(message: &'a Message, part: &'a Part, readings: &mut Vec<Reading<'a>>) {
    let header = message.bytes.get(part.header.clone()).unwrap_or_default();
    for field in fields(header) {
        let shown = decode_words(&field.unfolded()).into_bytes().into();
        readings.push(Reading { shown, written: field.raw.into() });
    }
    let disposition = part.disposition.as_ref().map(|disposition| &disposition.parameters[..]);
    let of_fields = [
        ("Content-Type", &part.media.parameters[..]),
        ("Content-Disposition", disposition.unwrap_or_default()),
    ];
    for (name, parameters) in of_fields {
        let written: Vec<&[u8]> =
            fields(header).filter(|field| field.is(name)).map(|field| field.raw).collect();
        let shown: Vec<Vec<u8>> = parameters.iter().map(value).collect();
        readings.push(Reading { shown: shown.join(&b'\n').into(), written: written.concat().into() });
    }
    match &part.content {
        Content::Multipart(children) => {
            for child in children {
                read(message, child, readings);
            }
        }
        Content::Message(_, inner) => read(message, inner, readings),
        Content::Leaf => {
            let written = message.bytes.get(part.body.clone()).unwrap_or_default();
            if let Cow::Owned(decoded) = part.decoded(&message.bytes) {
                readings.push(Reading { shown: in_utf8(decoded, part).into(), written: written.into() });
            }
        }
    }
}

/// A parameter's value, `%41` decoded where its name says so (RFC 2231 section 4).
fn value((name, value): &Parameter) -> Vec<u8> {
    if !name.ends_with(b"*") {
        return value.to_vec(); // encoded words in it are decoded with the whole field
    }
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest: &[u8] = value;
    while let [first, behind @ ..] = rest {
        let digits =
            behind.get(..2).filter(|digits| *first == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        let octet = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let octet = octet.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(octet.unwrap_or(*first));
        rest = if octet.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
    decoded
}

/// Text of a body. Of the charsets in use only UTF-16 writes ASCII in other octets.
fn in_utf8(body: Vec<u8>, part: &Part) -> Vec<u8> {
    let charset = part.media.parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case(b"charset"));
    match charset.and_then(|(_, charset)| Encoding::for_label(charset)) {
        Some(encoding) if encoding == UTF_16LE || encoding == UTF_16BE => {
            encoding.decode(&body).0.into_owned().into_bytes()
        }
        _ => body,
    }
}
