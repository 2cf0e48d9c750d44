//! Encoded words (RFC 2047): `=?charset?Q?text?=` in header values. Only for searching; on the wire they stay as they are.

use crate::mime::decode::{base64, to_utf8};
use crate::mime::quoted_printable::unescape;

/// The value with its encoded words decoded. White space alone before a word, or before what begins like one, goes.
/// What is no encoded word stays.
pub fn decode(value: &[u8]) -> String {
    let mut decoded = String::with_capacity(value.len());
    let mut plain = value; // not yet written
    let mut searched = 0;
    while let Some(start) = plain[searched..].windows(2).position(|two| two == b"=?") {
        let (before, word) = plain.split_at(searched + start);
        if !before.trim_ascii().is_empty() {
            decoded.push_str(&String::from_utf8_lossy(before));
        }
        (plain, searched) = match EncodedWord::at_start_of(&word[2..]) {
            Some(read) => {
                decoded.push_str(&to_utf8(&read.text, read.charset));
                (&word[2 + read.length..], 0)
            }
            None => (word, 2),
        };
    }
    decoded.push_str(&String::from_utf8_lossy(plain));
    decoded
}

struct EncodedWord<'a> {
    charset: &'a [u8],
    text: Vec<u8>,
    /// Of the whole word behind its `=?`.
    length: usize,
}

impl<'a> EncodedWord<'a> {
    /// Reads `charset?encoding?text?=`.
    fn at_start_of(word: &'a [u8]) -> Option<Self> {
        let mut pieces = word.splitn(4, |&byte| byte == b'?');
        let (charset, encoding, encoded) = (pieces.next()?, pieces.next()?, pieces.next()?);
        if !pieces.next()?.starts_with(b"=") {
            return None;
        }
        let text = match encoding.first()? {
            b'Q' | b'q' => {
                let spaced: Vec<u8> =
                    encoded.iter().map(|&byte| if byte == b'_' { b' ' } else { byte }).collect();
                let mut text = Vec::with_capacity(spaced.len());
                unescape(&spaced, &mut text);
                text
            }
            b'B' | b'b' => base64(encoded),
            _ => return None,
        };
        let length = charset.len() + encoding.len() + encoded.len() + b"???=".len();
        let charset = charset.split(|&byte| byte == b'*').next()?; // the language of RFC 2231 section 5
        Some(Self { charset, text, length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_decoded_and_joined() {
        assert_eq!(decode(b"=?iso-8859-1?Q?Anmeldung_=FCber_Tor?="), "Anmeldung \u{fc}ber Tor");
        assert_eq!(decode(b"Re: =?utf-8?b?w7w=?= \t =?UTF-8*de?q?ber?= !"), "Re: \u{fc}ber !");
        assert_eq!(decode(b"  =?utf-8?q?a?="), "a");
        assert_eq!(decode(b"a =?utf-8?q?b?= c"), "a b c");
    }

    #[test]
    fn what_is_no_word_stays() {
        for plain in
            ["", "=?", "=?utf-8?q?open", "=?utf-8?x?a?=", "=??", "=?a?=?b?=", "a=?= b", "=?utf-8?q?a? ="]
        {
            assert_eq!(decode(plain.as_bytes()), plain);
        }
        assert_eq!(decode(b"=?=?utf-8?q?a?="), "=?a", "a word may begin within what is none");
    }

    #[test]
    fn a_value_full_of_beginnings_costs_no_more_than_its_length() {
        let value = b"=?a".repeat(200_000);
        assert_eq!(decode(&value).len(), value.len());
    }
}
