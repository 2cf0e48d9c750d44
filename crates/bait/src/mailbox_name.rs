//! Mailbox names on the wire and as Maildir folders: modified UTF-7 (RFC 3501 section 5.1.3).

use base64::Engine;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

/// Bits at the end that are no octet may be anything, as Dovecot has it.
const MODIFIED_BASE64: GeneralPurpose =
    GeneralPurpose::new(&IMAP_MUTF7, NO_PAD.with_decode_allow_trailing_bits(true));

/// A name in UTF-8 as the wire has it.
pub fn encode(name: &str) -> String {
    let mut wire = String::with_capacity(name.len());
    let mut shifted: Vec<u8> = Vec::new();
    for letter in name.chars() {
        if matches!(letter, ' '..='~') {
            unshift(&mut wire, &mut shifted);
            wire.push(letter);
            if letter == '&' {
                wire.push('-');
            }
        } else {
            let mut units = [0; 2];
            shifted.extend(letter.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    unshift(&mut wire, &mut shifted);
    wire
}

fn unshift(wire: &mut String, shifted: &mut Vec<u8>) {
    if !shifted.is_empty() {
        wire.push('&');
        wire.push_str(&MODIFIED_BASE64.encode(&*shifted));
        wire.push('-');
        shifted.clear();
    }
}

/// A name from the wire in UTF-8; `None` where it is no modified UTF-7: also where what needs no shifting is shifted, and where
/// one shift follows another. Behind the first `&` an octet that is no printable ASCII ends the name, as Dovecot has it.
pub fn decode(wire: &[u8]) -> Option<String> {
    let mut name = String::with_capacity(wire.len());
    let (mut rest, mut end) = (wire, None);
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        match first {
            b'&' => {
                let end = memchr::memchr(b'-', rest)?;
                let (shifted, after) = rest.split_at_checked(end)?;
                rest = after.strip_prefix(b"-")?;
                if shifted.is_empty() {
                    name.push('&');
                    continue;
                }
                let bytes = MODIFIED_BASE64.decode(shifted).ok()?;
                let (pairs, odd) = bytes.as_chunks::<2>();
                if !odd.is_empty() {
                    return None;
                }
                let units = pairs.iter().map(|pair| u16::from_be_bytes(*pair));
                for letter in char::decode_utf16(units) {
                    name.push(letter.ok().filter(|letter| !matches!(letter, '\0' | ' '..='~'))?);
                }
                if rest.first() == Some(&b'&') && rest.get(1) != Some(&b'-') {
                    return None;
                }
            }
            b' '..=b'~' => name.push(char::from(first)),
            _ if wire.get(..wire.len() - rest.len()).is_some_and(|before| before.contains(&b'&')) => {
                end.get_or_insert(name.len());
            }
            _ => return None,
        }
    }
    name.truncate(end.unwrap_or(name.len()));
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for (name, wire) in [
            ("INBOX", "INBOX"),
            ("R&D", "R&-D"),
            ("Entwürfe", "Entw&APw-rfe"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("😀", "&2D3eAA-"),
            ("R&D Entwürfe", "R&-D Entw&APw-rfe"),
        ] {
            assert_eq!(encode(name), wire);
            assert_eq!(decode(wire.as_bytes()).as_deref(), Some(name));
        }
        for wire in ["&", "&AB", "&A-", "\u{fc}", "&2D0-", "a\tb", "&AGE-", "&AAA-", "&U,A-&ZeU-"] {
            assert_eq!(decode(wire.as_bytes()), None, "{wire}");
        }
        assert_eq!(decode(b"a&-b\tc").as_deref(), Some("a&b"));
        assert_eq!(decode(b"a&-\xff&A-"), None);
    }
}
