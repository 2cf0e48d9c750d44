//! The charsets that search keys may be written in (RFC 3501 section 6.4.4).

use encoding_rs::{Encoding, UTF_8};

/// How keys are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8; US-ASCII and UTF-7 are taken for it too.
    Utf8,
    /// What iconv calls the empty name: the server's own, in a daemon without a locale.
    Ascii,
    /// Another one.
    Other(&'static Encoding),
}

impl Charset {
    /// The one of that name, in any case. What iconv does not look at is its own business: all behind `//`, and characters
    /// that no name has.
    pub fn of(name: &[u8]) -> Option<Self> {
        const OF_UTF8: [&[u8]; 5] = [b"UTF-8", b"UTF8", b"US-ASCII", b"ASCII", b"ANSI_X3.4-1968"];
        let is = |name: &[u8], known: &[&[u8]]| known.iter().any(|known| known.eq_ignore_ascii_case(name));
        if is(name, &OF_UTF8) {
            return Some(Self::Utf8);
        }
        let end = name.windows(2).position(|two| two == b"//").unwrap_or(name.len());
        let told = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-/.,:".contains(byte);
        let name: Vec<u8> = name.iter().take(end).copied().filter(told).collect();
        if name.is_empty() || is(&name, &[b"US-ASCII", b"ASCII", b"ANSI_X3.4-1968"]) {
            return Some(Self::Ascii);
        }
        if is(&name, &[b"UTF-8", b"UTF8", b"UTF-7"]) {
            return Some(Self::Utf8);
        }
        // The registry knows some for the web alone.
        let bare = !name.starts_with(b"x-");
        Encoding::for_label(&name).filter(|encoding| bare && *encoding != UTF_8).map(Self::Other)
    }

    /// The text; `None` where the octets are not of this charset.
    pub fn decode(self, bytes: &[u8]) -> Option<String> {
        match self {
            Self::Ascii if !bytes.is_ascii() => None,
            Self::Ascii | Self::Utf8 => std::str::from_utf8(bytes).ok().map(str::to_owned),
            Self::Other(encoding) => {
                encoding.decode_without_bom_handling_and_without_replacement(bytes).map(Into::into)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_octets() {
        let decoded =
            |name: &str, bytes: &[u8]| Charset::of(name.as_bytes()).map(|charset| charset.decode(bytes));
        assert_eq!(decoded("utf8", b"\xc3\xbc"), Some(Some("\u{fc}".into())));
        assert_eq!(decoded("us-ascii", b"\xff"), Some(None));
        assert_eq!(decoded("", b"\xc3\xbc"), Some(None));
        assert_eq!(decoded("utf-8//TRANSLIT", b"u"), Some(Some("u".into())));
        assert_eq!(decoded("ISO-8859-1", b"\xfc"), Some(Some("\u{fc}".into())));
        assert_eq!(decoded("US-}ASCII", b"\xfc"), Some(None));
        assert_eq!(decoded(" u tf-8", b"\xc3\xbc"), Some(Some("\u{fc}".into())));
        for name in ["bogus", "x-sjis", "utf-9"] {
            assert_eq!(Charset::of(name.as_bytes()), None, "{name}");
        }
    }
}
