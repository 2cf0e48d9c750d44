//! Transfer encodings (RFC 2045 section 6) and charsets, undone as far as they go. Never fails: what is broken stays as it
//! is or ends the text, and the result is at most a small multiple of the input.

use std::borrow::Cow;

use encoding_rs::{Encoding, REPLACEMENT, UTF_8, UTF_16BE};

use crate::mime::binary::Undecodable;
use crate::mime::lexer::{Lexer, Then};
use crate::mime::quoted_printable::unquote;

/// A transfer encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TransferEncoding {
    /// `7bit`, `8bit`, `binary`.
    Identity,
    QuotedPrintable,
    Base64,
    /// Any other: its text cannot be read.
    Unknown,
}

impl TransferEncoding {
    /// The one of that name.
    pub(super) fn of(name: &[u8]) -> Self {
        match name.to_ascii_lowercase().as_slice() {
            b"7bit" | b"8bit" | b"binary" => Self::Identity,
            b"quoted-printable" => Self::QuotedPrintable,
            b"base64" => Self::Base64,
            _ => Self::Unknown,
        }
    }

    /// The one that a field names: one token, behind which something may follow only behind a semicolon.
    pub(super) fn of_field(value: &[u8]) -> Self {
        let mut lexer = Lexer::new(value);
        let mut name = Vec::new();
        let _ = lexer.space();
        let then = lexer.mime_token(&mut name);
        if then == Ok(Then::More) && lexer.peek() != Some(b';') {
            return Self::Unknown;
        }
        Self::of(&name)
    }

    /// The bytes it stands for; none if it is unknown.
    pub(super) fn decode(self, body: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Identity => Cow::Borrowed(body),
            Self::QuotedPrintable => Cow::Owned(unquote(body).bytes),
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

/// Base64 in which everything must be right: padding where it belongs, and nothing but white space behind it.
pub(super) fn strict_base64(text: &[u8]) -> Result<Vec<u8>, Undecodable> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let end = text.iter().position(|byte| !base64_digit(*byte) && !blank(byte)).unwrap_or(text.len());
    let (digits, behind) = text.split_at(end);
    let digits_in_last = digits.iter().filter(|byte| base64_digit(**byte)).count() % 4;
    let mut behind = behind.iter().filter(|byte| !blank(byte)).peekable();
    let mut missing = match digits_in_last {
        0 => 0,
        1 if behind.peek().is_none() => return Err(Undecodable::Short),
        1 => return Err(Undecodable::Broken),
        number => 4 - number,
    };
    while missing > 0 && behind.next_if(|byte| **byte == b'=').is_some() {
        missing -= 1;
    }
    match (behind.next(), missing) {
        (Some(_), _) => Err(Undecodable::Broken),
        (None, 0) => Ok(base64(digits)),
        (None, _) => Err(Undecodable::Short),
    }
}

const fn base64_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// Text in a charset as UTF-8. ASCII and unknown charsets count as UTF-8; what is no character becomes U+FFFD, and several
/// such in a row one.
pub(super) fn to_utf8<'a>(text: &'a [u8], charset: &[u8]) -> Cow<'a, str> {
    match known(charset, text) {
        Some(_) if is_latin_1(charset) => Cow::Owned(latin_1(text)),
        Some((encoding, text)) => once_replaced(defined(encoding, encoding.decode(text).0)),
        None => valid_utf8(text),
    }
}

/// The same of text that comes in a stream: a character that is unfinished at its end is left out.
pub(super) fn begun_to_utf8(text: &[u8], charset: &[u8]) -> String {
    match known(charset, text) {
        Some(_) if is_latin_1(charset) => latin_1(text),
        Some((encoding, text)) => {
            let mut begun = encoding.new_decoder_without_bom_handling();
            let room = begun.max_utf8_buffer_length(text.len()).unwrap_or_default();
            let mut decoded = String::with_capacity(room);
            let _ = begun.decode_to_string(text, &mut decoded, false);
            once_replaced(defined(encoding, Cow::Owned(decoded))).into_owned()
        }
        None => {
            let mut end = 0;
            while let Some(next) = text.get(end).map(|first| end + claimed(*first))
                && next <= text.len()
            {
                end = next;
            }
            valid_utf8(text.get(..end).unwrap_or_default()).into_owned()
        }
    }
}

/// The encoding of a charset, and the text without its byte order mark; none for UTF-8.
fn known<'a>(charset: &[u8], text: &'a [u8]) -> Option<(&'static Encoding, &'a [u8])> {
    let ascii = charset.eq_ignore_ascii_case(b"us-ascii") || charset.eq_ignore_ascii_case(b"ascii");
    let encoding = Encoding::for_label(charset).filter(|encoding| !ascii && *encoding != REPLACEMENT)?;
    match (charset.eq_ignore_ascii_case(b"utf-16"), text) {
        (true, [0xfe, 0xff, text @ ..]) => Some((UTF_16BE, text)),
        (true, [0xff, 0xfe, text @ ..]) => Some((encoding, text)),
        _ => Some((encoding, text)).filter(|_| encoding != UTF_8),
    }
}

/// Whether browsers take the charset for another one than it is.
fn is_latin_1(charset: &[u8]) -> bool {
    [&b"iso-8859-1"[..], b"latin1"].iter().any(|name| charset.eq_ignore_ascii_case(name))
}

fn latin_1(text: &[u8]) -> String {
    text.iter().copied().map(char::from).collect()
}

/// With U+FFFD where a Windows charset has nothing; browsers see a control character there.
fn defined<'a>(encoding: &'static Encoding, text: Cow<'a, str>) -> Cow<'a, str> {
    let undefined = |character: char| matches!(character, '\u{80}'..='\u{9f}');
    if !encoding.name().starts_with("windows-125") || !text.contains(undefined) {
        return text;
    }
    text.chars()
        .map(|it| if undefined(it) { char::REPLACEMENT_CHARACTER } else { it })
        .collect::<String>()
        .into()
}

/// How many octets a character takes that begins with this one, by what it says: older UTF-8 had up to six.
const fn claimed(first: u8) -> usize {
    match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        0xf8..=0xfb => 5,
        0xfc..=0xfd => 6,
        _ => 1,
    }
}

/// With one U+FFFD for several in a row.
fn once_replaced(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains("\u{fffd}\u{fffd}") {
        return text;
    }
    let mut once = String::with_capacity(text.len());
    for character in text.chars() {
        if character != char::REPLACEMENT_CHARACTER || !once.ends_with(character) {
            once.push(character);
        }
    }
    Cow::Owned(once)
}

fn valid_utf8(text: &[u8]) -> Cow<'_, str> {
    if let Ok(valid) = std::str::from_utf8(text) {
        return Cow::Borrowed(valid);
    }
    let mut valid = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        valid.push_str(chunk.valid());
        if !chunk.invalid().is_empty() && !valid.ends_with(char::REPLACEMENT_CHARACTER) {
            valid.push(char::REPLACEMENT_CHARACTER);
        }
    }
    Cow::Owned(valid)
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
    fn other_encodings() {
        assert_eq!(decoded("8bit", "x"), "x");
        assert_eq!(decoded("x-uuencode", "x"), "");
    }

    #[test]
    fn charsets_known_and_unknown() {
        assert_eq!(to_utf8(b"\xfcber", b"ISO-8859-1"), "\u{fc}ber");
        assert_eq!(to_utf8(b"\xe9\x80\x93", b"ISO-8859-1"), "\u{e9}\u{80}\u{93}");
        assert_eq!(to_utf8(b"\xe9\x80\x81", b"windows-1252"), "\u{e9}\u{20ac}\u{fffd}");
        assert_eq!(to_utf8(b"\xc3\xbcber", b"us-ascii"), "\u{fc}ber");
        assert_eq!(to_utf8(b"\xfcber", b"x-klingon"), "\u{fffd}ber");
        assert_eq!(to_utf8(b"a\xff\xfe\xe2\x82b", b"utf-8"), "a\u{fffd}b");
        assert_eq!(to_utf8(b"\x1b$B%F%9%H\x1b(B", b"iso-2022-jp"), "\u{30c6}\u{30b9}\u{30c8}");
        assert_eq!(to_utf8(b"abc", b"iso-2022-kr"), "abc");
    }

    #[test]
    fn the_unfinished_end_of_a_stream_is_left_out() {
        assert_eq!(begun_to_utf8(b"f\xfcnf.\n", b"us-ascii"), "f", "it says that six octets belong to it");
        assert_eq!(begun_to_utf8(b"f\xfcnf. \r\n", b""), "f\u{fffd}nf. \r\n");
        assert_eq!(begun_to_utf8(b"\xe9t\xe9", b"iso-8859-1"), "\u{e9}t\u{e9}");
        assert_eq!(begun_to_utf8(b"a\x82", b"shift_jis"), "a");
        assert_eq!(begun_to_utf8(b"\xfe\xff\0a\0", b"UTF-16"), "a");
    }
}
