//! BINARY and BINARY.SIZE (RFC 3516): parts with their transfer encodings undone.

use bait::Message;
use bait::mime::{Decoded, Undecodable, decoded, decoded_size};

use super::section::{Section, What};

/// The octets of a `BINARY[...]` and whether they may hold NUL; `None` where it means no body, which is never encoded, or
/// a part that is not there.
pub fn octets(section: &Section, message: &Message) -> Option<Result<Decoded, Undecodable>> {
    let (part, with_header) = meant(section, message)?;
    Some(decoded(&message.bytes, part, with_header))
}

/// The number of a `BINARY.SIZE[...]`.
pub fn size(section: &Section, message: &Message) -> Option<Result<u64, Undecodable>> {
    let (part, with_header) = meant(section, message)?;
    Some(decoded_size(&message.bytes, message.structure(), part, with_header))
}

/// Why it cannot be told, if it cannot.
pub fn fault(section: &Section, message: &Message) -> Option<Undecodable> {
    match (section.binary, section.size_only) {
        (true, true) => size(section, message)?.err(),
        (true, false) => octets(section, message)?.err(),
        _ => None,
    }
}

/// The part, and whether its header is meant too.
fn meant<'a>(section: &Section, message: &'a Message) -> Option<(&'a bait::mime::Part, bool)> {
    let part = message.structure().section(&section.part).filter(|_| !section.part.is_empty());
    match (&section.what, part) {
        (What::Everything, None) if section.part.is_empty() => Some((message.structure(), true)),
        (What::Text, None) if section.part.is_empty() => Some((message.structure(), false)),
        (What::Everything, Some(part)) => Some((part, false)),
        (What::Text, Some(part)) => part.message().map(|within| (within, false)),
        _ => None,
    }
}
