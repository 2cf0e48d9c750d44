//! What JARM reads from a ServerHello, and the hash over ten of them.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// Where in a record the ServerHello's fields stand: the length of the session's id, and what follows it.
const VERSION: usize = 9;
const SESSION: usize = 43;

/// Nothing that counts as an answer.
const NOTHING: &str = "|||";

/// Ciphers by their place in JARM's own list; the place is what is in the hash.
const PLACES: &[u16] = &[
    0x0004, 0x0005, 0x0007, 0x000a, 0x0016, 0x002f, 0x0033, 0x0035, 0x0039, 0x003c, 0x003d, 0x0041, 0x0045,
    0x0067, 0x006b, 0x0084, 0x0088, 0x009a, 0x009c, 0x009d, 0x009e, 0x009f, 0x00ba, 0x00be, 0x00c0, 0x00c4,
    0xc007, 0xc008, 0xc009, 0xc00a, 0xc011, 0xc012, 0xc013, 0xc014, 0xc023, 0xc024, 0xc027, 0xc028, 0xc02b,
    0xc02c, 0xc02f, 0xc030, 0xc060, 0xc061, 0xc072, 0xc073, 0xc076, 0xc077, 0xc09c, 0xc09d, 0xc09e, 0xc09f,
    0xc0a0, 0xc0a1, 0xc0a2, 0xc0a3, 0xc0ac, 0xc0ad, 0xc0ae, 0xc0af, 0xcc13, 0xcc14, 0xcca8, 0xcca9, 0x1301,
    0x1302, 0x1303, 0x1304, 0x1305,
];

/// `cipher|version|protocol|extensions` of a ServerHello.
pub(crate) fn read(record: &[u8]) -> String {
    server_hello(record).unwrap_or_else(|| NOTHING.into())
}

fn server_hello(record: &[u8]) -> Option<String> {
    if record.first() != Some(&22) || record.get(5) != Some(&2) {
        return None;
    }
    let after = SESSION + 1 + usize::from(*record.get(SESSION)?);
    let (cipher, version) = (number(record, after)?, number(record, VERSION)?);
    let extensions = extensions(record, after).unwrap_or_else(|| "|".into());
    Some(format!("{cipher:04x}|{version:04x}|{extensions}"))
}

/// `protocol|extensions`. The marks of a hello without extensions are JARM's own.
fn extensions(record: &[u8], after: usize) -> Option<String> {
    if record.get(after + 3) == Some(&11)
        || record.get(after + 6..after + 9) == Some(b"\x0e\xac\x0b")
        || record.get(82..85) == Some(b"\x0f\xf0\x0b")
    {
        return None;
    }
    let mut at = after + 5;
    let end = at + usize::from(number(record, after + 3)?);
    let (mut protocol, mut kinds) = (String::new(), Vec::new());
    while at + 1 < end {
        let (kind, length) = (number(record, at)?, usize::from(number(record, at + 2)?));
        kinds.push(format!("{kind:04x}"));
        if kind == 16 {
            let name = record.get(at + 4..at + 4 + length)?.get(3..).unwrap_or_default();
            protocol = String::from_utf8_lossy(name).into_owned();
        }
        at += 4 + length;
    }
    Some(format!("{protocol}|{}", kinds.join("-")))
}

fn number(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..)?.first_chunk().map(|pair| u16::from_be_bytes(*pair))
}

/// Three characters an answer for cipher and version, then half of a SHA-256 over the rest.
pub(crate) fn hash(answers: &[String]) -> String {
    if answers.iter().all(|answer| answer == NOTHING) {
        return "0".repeat(62);
    }
    let (mut places, mut rest) = (String::new(), String::new());
    for answer in answers {
        let mut parts = answer.split('|');
        let mut part = || parts.next().unwrap_or_default();
        places.push_str(&place(part()));
        places.push(version(part()));
        rest.push_str(part());
        rest.push_str(part());
    }
    for octet in Sha256::digest(rest).iter().take(16) {
        write!(places, "{octet:02x}").expect("writing to a string");
    }
    places
}

fn place(cipher: &str) -> String {
    let Ok(cipher) = u16::from_str_radix(cipher, 16) else { return "00".into() };
    let place = PLACES.iter().position(|known| *known == cipher).unwrap_or(PLACES.len());
    format!("{:02x}", place + 1)
}

fn version(version: &str) -> char {
    match version.as_bytes() {
        [_, _, _, minor @ b'0'..=b'5'] => char::from(b'a' + (minor - b'0')),
        _ => '0',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ServerHello of TLS 1.2 without a session's id, with these extensions.
    fn record(extensions: &[u8]) -> Vec<u8> {
        let length = u8::try_from(extensions.len()).expect("short");
        [&[22, 3, 3, 0, 0, 2, 0, 0, 0, 3, 3][..], &[1; 32], &[0, 0xc0, 0x2f, 0, 0, length], extensions]
            .concat()
    }

    #[test]
    fn a_hello_is_read() {
        let extensions =
            [&[0xff, 1, 0, 1, 0][..], &[0, 16, 0, 5, 0, 3, 2, b'h', b'2'], &[0, 23, 0, 0]].concat();
        assert_eq!(read(&record(&extensions)), "c02f|0303|h2|ff01-0010-0017");
        assert_eq!(read(&record(&extensions)[..30]), NOTHING);
        assert_eq!(read(b"\x15\x03\x03\x00\x02\x02\x28"), NOTHING);
        assert_eq!(read(&[]), NOTHING);
    }

    #[test]
    fn the_hash_is_that_of_the_definition() {
        assert_eq!(hash(&vec![NOTHING.into(); 10]), "0".repeat(62));
        let mut answers = vec![NOTHING.to_owned(); 10];
        answers[0] = "c02f|0303|h2|ff01-0010".into();
        answers[9] = "1301|0303||002b-0033".into();
        // The SHA-256 of `h2ff01-0010002b-0033`, halved.
        assert_eq!(
            hash(&answers),
            format!("29d{}41d{}", "000".repeat(8), "423162c8102643532d3c2dc7b58e0858")
        );
    }
}
