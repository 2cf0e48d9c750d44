//! What is asked of a message's MIME parts: they are there, they decode, no secret stands in an encoded one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Problems;
use crate::message::Message;
use crate::mime::{Content, Part};

/// How a part's octets are encoded (RFC 2045 section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    SevenBit,
    EightBit,
    QuotedPrintable,
    Base64,
}

impl Encoding {
    fn of(part: &Part) -> Option<Self> {
        let known = [
            ("7bit", Self::SevenBit),
            ("8bit", Self::EightBit),
            ("binary", Self::EightBit),
            ("quoted-printable", Self::QuotedPrintable),
            ("base64", Self::Base64),
        ];
        let named = |name: &str| part.encoding.eq_ignore_ascii_case(name.as_bytes());
        known.into_iter().find(|(name, _)| named(name)).map(|(_, encoding)| encoding)
    }
}

/// Looks at every part.
pub(super) fn parts(file: &str, message: &Message, problems: &mut Problems) {
    part(file, message, message.structure(), problems);
}

fn part(file: &str, message: &Message, part: &Part, problems: &mut Problems) {
    match &part.content {
        Content::Multipart(children) => {
            if children.is_empty() {
                problems.error(file, "is multipart but has no part; check its boundary");
            }
            closing_boundary(file, message, part, problems);
            for child in children {
                self::part(file, message, child, problems);
            }
        }
        Content::Message(_, inner) => self::part(file, message, inner, problems),
        Content::Leaf => leaf(file, message, part, problems),
    }
}

/// `--boundary--` (RFC 2046 section 5.1.1).
fn closing_boundary(file: &str, message: &Message, part: &Part, problems: &mut Problems) {
    let boundary = part.media.parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case(b"boundary"));
    let Some((_, boundary)) = boundary else {
        return problems
            .error(file, "is multipart without a boundary; add `boundary=\"...\"` to Content-Type");
    };
    let closing = [b"--", boundary.as_ref(), b"--"].concat();
    let body = message.bytes.get(part.body.clone()).unwrap_or_default();
    if memchr::memmem::find(body, &closing).is_none() {
        let what =
            format!("does not close its multipart; end it with `{}`", String::from_utf8_lossy(&closing));
        problems.error(file, what);
    }
}

fn leaf(file: &str, message: &Message, part: &Part, problems: &mut Problems) {
    let Some(encoding) = Encoding::of(part) else {
        let name = String::from_utf8_lossy(&part.encoding).into_owned();
        return problems.error(
            file,
            format!("has an unknown Content-Transfer-Encoding `{name}`; see RFC 2045 section 6"),
        );
    };
    let body = message.bytes.get(part.body.clone()).unwrap_or_default();
    if matches!(encoding, Encoding::QuotedPrintable | Encoding::Base64) {
        for slot in &message.slots {
            if slot.range.start < part.body.end && part.body.start < slot.range.end {
                let what = format!(
                    "the secret `{}` stands in encoded text; put it into a part that is not",
                    slot.bait.id
                );
                problems.error(file, what);
            }
        }
    }
    match encoding {
        Encoding::EightBit => {}
        Encoding::SevenBit if body.is_ascii() => {}
        Encoding::SevenBit => {
            problems
                .error(file, "has 8-bit text in a part that says 7bit; add Content-Transfer-Encoding: 8bit");
        }
        Encoding::Base64 => {
            let text: Vec<u8> = body.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
            if let Err(error) = STANDARD.decode(text) {
                problems.error(file, format!("has a base64 part that does not decode ({error})"));
            }
        }
        Encoding::QuotedPrintable => {
            if let Some(fault) = quoted_printable_fault(body) {
                problems.error(file, format!("has a quoted-printable part with {fault}"));
            }
        }
    }
}

/// What RFC 2045 section 6.7 forbids, if there is any.
fn quoted_printable_fault(body: &[u8]) -> Option<String> {
    for line in body.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = String::from_utf8_lossy(line);
        if !line.is_ascii() {
            return Some(format!("an 8-bit line (`{text}`)"));
        }
        if line.len() > 76 {
            return Some(format!("a line of {} octets (`{text}`); 76 are allowed", line.len()));
        }
        for at in memchr::memchr_iter(b'=', line) {
            let behind = line.get(at + 1..).unwrap_or_default();
            let hex = behind.get(..2).is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit));
            if !behind.is_empty() && !hex {
                return Some(format!("a `=` that begins nothing (`{text}`); write =3D"));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::quoted_printable_fault;

    #[test]
    fn quoted_printable() {
        assert_eq!(quoted_printable_fault(b"Gr=C3=BC=\r\n=C3=9Fe\r\n"), None);
        for bad in [&b"a=b"[..], b"a=4", b"\xfc", &[b'x'; 77]] {
            assert!(quoted_printable_fault(bad).is_some(), "{bad:?}");
        }
    }
}
