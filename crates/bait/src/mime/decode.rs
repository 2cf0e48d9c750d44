//! Transfer encodings (RFC 2045 section 6) and charsets, undone as far as they go. Never fails: what is broken stays as it
//! is or ends the text, and the result is at most a small multiple of the input.

use std::borrow::Cow;

use encoding_rs::{Encoding, REPLACEMENT};

/// A transfer encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferEncoding {
    /// `7bit`, `8bit`, `binary`.
    Identity,
    /// `quoted-printable`.
    QuotedPrintable,
    /// `base64`.
    Base64,
    /// Any other: its text cannot be read.
    Unknown,
}

impl TransferEncoding {
    /// The one of that name.
    pub fn of(name: &[u8]) -> Self {
        match name.to_ascii_lowercase().as_slice() {
            b"7bit" | b"8bit" | b"binary" => Self::Identity,
            b"quoted-printable" => Self::QuotedPrintable,
            b"base64" => Self::Base64,
            _ => Self::Unknown,
        }
    }

    /// The bytes it stands for; none if it is unknown.
    pub fn decode(self, body: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Identity => Cow::Borrowed(body),
            Self::QuotedPrintable => Cow::Owned(quoted_printable(body)),
            Self::Base64 => Cow::Owned(base64(body)),
            Self::Unknown => Cow::Borrowed(b""),
        }
    }
}

/// Base64 (RFC 2045 section 6.8): white space is skipped; padding or any other byte ends it.
pub(super) fn base64(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for &byte in text {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            _ => break,
        };
        bits = (bits << 6) | u32::from(digit);
        held += 6;
        if held >= 8 {
            held -= 8;
            decoded.push((bits >> held).to_le_bytes()[0]);
        }
    }
    decoded
}

/// Quoted-printable (RFC 2045 section 6.7): space at a line's end goes, line ends become CRLF, a broken `=` stays.
fn quoted_printable(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let (content, ended) = match line.strip_suffix(b"\n") {
            Some(content) => (content.strip_suffix(b"\r").unwrap_or(content).trim_ascii_end(), true),
            None => (line, false),
        };
        match content.strip_suffix(b"=").filter(|_| ended) {
            Some(content) => unescape(content, &mut decoded),
            None => {
                unescape(content, &mut decoded);
                if ended {
                    decoded.extend_from_slice(b"\r\n");
                }
            }
        }
    }
    decoded
}

/// Replaces `=XX` by the byte it stands for.
pub(super) fn unescape(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((&byte, behind)) = rest.split_first() {
        match (byte, behind) {
            (b'=', [high, low, behind @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push(hex(*high) << 4 | hex(*low));
                rest = behind;
            }
            _ => {
                out.push(byte);
                rest = behind;
            }
        }
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit.wrapping_sub(b'A').wrapping_add(10),
    }
}

/// Text in a charset as UTF-8. ASCII and unknown charsets count as UTF-8; what is no character becomes U+FFFD.
pub(super) fn to_utf8<'a>(text: &'a [u8], charset: &[u8]) -> Cow<'a, str> {
    let ascii = charset.eq_ignore_ascii_case(b"us-ascii") || charset.eq_ignore_ascii_case(b"ascii");
    match Encoding::for_label(charset) {
        Some(encoding) if !ascii && encoding != REPLACEMENT => encoding.decode(text).0,
        _ => String::from_utf8_lossy(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(encoding: &str, text: &str) -> String {
        let encoding = TransferEncoding::of(encoding.as_bytes());
        String::from_utf8_lossy(&encoding.decode(text.as_bytes())).into_owned()
    }

    #[test]
    fn base64_ends_where_it_is_broken() {
        assert_eq!(decoded("BASE64", "aGVs\r\nbG8g\r\n d29ybGQ=\r\nZ29uZQ=="), "hello world");
        assert_eq!(decoded("base64", "aGVsbG8*d29ybGQ="), "hello");
        assert_eq!(decoded("base64", "aGVsbG8"), "hello");
        assert_eq!(decoded("base64", "/+7/").len(), "\u{fffd}\u{fffd}\u{fffd}".len());
    }

    #[test]
    fn quoted_printable_keeps_what_is_broken() {
        assert_eq!(
            decoded("quoted-printable", "a=3D=\r\nb \t\r\nc=\nd=zz =4\n=C3=BC"),
            "a=b\r\ncd=zz =4\r\n\u{fc}"
        );
        assert_eq!(decoded("quoted-printable", "soft = \r\nbreak"), "soft break");
    }

    #[test]
    fn other_encodings() {
        assert_eq!(decoded("8bit", "x"), "x");
        assert_eq!(decoded("x-uuencode", "x"), "");
    }

    #[test]
    fn charsets_known_and_unknown() {
        assert_eq!(to_utf8(b"\xfcber", b"ISO-8859-1"), "\u{fc}ber");
        assert_eq!(to_utf8(b"\xc3\xbcber", b"us-ascii"), "\u{fc}ber");
        assert_eq!(to_utf8(b"\xfcber", b"x-klingon"), "\u{fffd}ber");
        assert_eq!(to_utf8(b"\x1b$B%F%9%H\x1b(B", b"iso-2022-jp"), "\u{30c6}\u{30b9}\u{30c8}");
        assert_eq!(to_utf8(b"abc", b"iso-2022-kr"), "abc");
    }
}
