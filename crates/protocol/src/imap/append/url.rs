//! The URLs of CATENATE (RFC 4469; the grammar is RFC 5092's): messages, and parts of them, of the same account.

use crate::imap::fetch::{self, Piece, Section};
use crate::imap::state::State;
use crate::imap::texts::Phrase;
use crate::imap::turn::Fault;

/// What a URL names.
#[derive(Debug, Default, PartialEq, Eq)]
struct Target {
    mailbox: Option<String>,
    uid_validity: Option<u32>,
    uid: Option<u32>,
    section: Vec<u8>,
    partial: Option<(u32, Option<u32>)>,
}

/// The octets that a URL means.
pub fn fetch(text: &[u8], state: &State) -> Result<Vec<u8>, Fault> {
    let bad = |phrase| Fault::with(phrase, text);
    let mut target = parse(text)?;
    if target.mailbox.is_none() {
        let open = state
            .selected()
            .filter(|_| !text.starts_with(b"/"))
            .ok_or_else(|| bad(Phrase::UrlWithoutMailbox))?;
        target.mailbox = Some(open.name.clone());
    }
    let account = state.account().ok_or(Phrase::UnknownCommand)?;
    // Dovecot has no words for these, and repeats what it has said last.
    let nothing = || account.complaint.clone().unwrap_or(Phrase::MessageExpunged.into());
    let Some(uid) = target.uid else { return Err(nothing()) };
    let name = target.mailbox.unwrap_or_default();
    let section = section(&target.section, target.partial).ok_or_else(nothing)?;
    let Some(folder) = account.world.folder(&name) else {
        return Err(Fault::with(Phrase::BadUrlOfMailbox, [text, b"\0", name.as_bytes()].concat()));
    };
    // Nobody has made an index of it yet: it has no UIDVALIDITY, and nothing is in it.
    let indexed = folder.has_index();
    if target.uid_validity.is_some_and(|wanted| !indexed || wanted != folder.uid_validity) {
        return Err(bad(Phrase::UrlOfOtherValidity));
    }
    if !indexed {
        return Err(bad(Phrase::BadUrl));
    }
    let entry = folder.entries().find(|entry| entry.message.uid == uid).ok_or_else(|| bad(Phrase::BadUrl))?;
    let mut octets = Vec::new();
    for piece in section.pieces(&entry.message, true) {
        match piece {
            Piece::Octets(range) => {
                octets.extend_from_slice(entry.message.bytes.get(range).unwrap_or_default());
            }
            Piece::LineEnd(length) => octets.extend_from_slice(b"\r\n".get(..length).unwrap_or_default()),
        }
    }
    Ok(octets)
}

fn section(name: &[u8], partial: Option<(u32, Option<u32>)>) -> Option<Section> {
    let mut text = name.to_ascii_uppercase();
    text.push(b']');
    if let Some((from, count)) = partial {
        let count = count.unwrap_or(u32::MAX);
        text.extend_from_slice(format!("<{from}.{count}>").as_bytes());
    }
    fetch::section(&text)
}

fn parse(text: &[u8]) -> Result<Target, Fault> {
    let bad = |phrase| Fault::with(phrase, text);
    if let Some(colon) = memchr::memchr(b':', text) {
        let scheme = text.get(..colon).unwrap_or_default();
        let letters = |octet: &u8| octet.is_ascii_alphanumeric() || b"+-.".contains(octet);
        if scheme.first().is_some_and(u8::is_ascii_alphabetic) && scheme.iter().all(letters) {
            let imap = scheme.eq_ignore_ascii_case(b"imap");
            return Err(bad(if imap { Phrase::UrlNotRelative } else { Phrase::UrlOfOtherScheme }));
        }
    }
    let mut target = Target::default();
    let mut mailbox: Vec<u8> = Vec::new();
    let path = text.strip_prefix(b"/").unwrap_or(text);
    for segment in path.split(|octet| *octet == b'/') {
        if let Some(parameter) = segment.strip_prefix(b";") {
            let (name, value) = match memchr::memchr(b'=', parameter) {
                Some(equals) => parameter.split_at_checked(equals).unwrap_or_default(),
                None => (parameter, &b""[..]),
            };
            let value = value.strip_prefix(b"=").unwrap_or_default();
            match &name.to_ascii_uppercase()[..] {
                b"UID" => target.uid = Some(number(value, text, Phrase::UrlUidZero)?),
                b"SECTION" => target.section = unescaped(value),
                b"PARTIAL" => {
                    let mut numbers = value.splitn(2, |octet| *octet == b'.');
                    let from = plain(numbers.next().unwrap_or_default(), text)?;
                    let count = numbers.next().map(|count| plain(count, text)).transpose()?;
                    target.partial = Some((from, count));
                }
                _ => return Err(Fault::with(Phrase::UrlOfOddPath, [text, b"\0", segment].concat())),
            }
            continue;
        }
        let (name, validity) = match memchr::memchr(b';', segment) {
            Some(semicolon) => segment.split_at_checked(semicolon).unwrap_or_default(),
            None => (segment, &b""[..]),
        };
        if let Some(validity) = validity.get(b";UIDVALIDITY=".len()..) {
            target.uid_validity = Some(number(validity, text, Phrase::UrlValidityZero)?);
        }
        if !name.is_empty() {
            if !mailbox.is_empty() {
                mailbox.push(b'/');
            }
            mailbox.extend_from_slice(&unescaped(name));
        }
    }
    if !mailbox.is_empty() {
        let name = String::from_utf8_lossy(&mailbox).into_owned();
        target.mailbox = Some(if name.eq_ignore_ascii_case("INBOX") { "INBOX".to_owned() } else { name });
    }
    Ok(target)
}

fn plain(value: &[u8], whole: &[u8]) -> Result<u32, Fault> {
    let number = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| Fault::with(Phrase::UrlOfNoNumber, [whole, b"\0", value].concat()))
}

fn number(value: &[u8], whole: &[u8], zero: Phrase) -> Result<u32, Fault> {
    match plain(value, whole)? {
        0 => Err(Fault::with(zero, whole)),
        number => Ok(number),
    }
}

/// `%2E` and its like are octets.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, behind @ ..] = rest {
        let hex = behind.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match hex.and_then(|pair| u8::from_str_radix(pair, 16).ok()).filter(|_| *first == b'%') {
            Some(octet) => {
                octets.push(octet);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                octets.push(*first);
                rest = behind;
            }
        }
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let target = parse(b"/Wo%72k.2024;UIDVALIDITY=7/;uid=20/;SECTION=1.MIME/;PARTIAL=3.9");
        let expected = Target {
            mailbox: Some("Work.2024".to_owned()),
            uid_validity: Some(7),
            uid: Some(20),
            section: b"1.MIME".to_vec(),
            partial: Some((3, Some(9))),
        };
        assert_eq!(target.ok(), Some(expected));
        let refused = |text: &[u8]| parse(text).expect_err("malformed").phrase;
        assert_eq!(refused(b"imap://host/INBOX/;UID=1"), Phrase::UrlNotRelative);
        assert_eq!(refused(b"http://host/"), Phrase::UrlOfOtherScheme);
        assert_eq!(refused(b"/INBOX/;UID=0"), Phrase::UrlUidZero);
        assert_eq!(refused(b"/INBOX/;UID=x"), Phrase::UrlOfNoNumber);
        assert_eq!(refused(b"/INBOX/;BOGUS=1"), Phrase::UrlOfOddPath);
        assert_eq!(parse(b"").ok(), Some(Target::default()));
    }
}
