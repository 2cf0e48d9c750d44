//! JA4, the TLS client fingerprint, as `FoxIO` publishes it
//! (<https://github.com/FoxIO-LLC/ja4/blob/main/technical_details/JA4.md>). JA4 alone is free to use (BSD 3-Clause);
//! nothing of the other fingerprints of that family is here.

use sha2::{Digest, Sha256};

use crate::hello::ClientHello;
use crate::{hexadecimal, is_grease};

const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
/// The hash of an empty list.
const NOTHING: &str = "000000000000";

impl ClientHello {
    /// The JA4, such as `t13d1516h2_8daaf6152771_e5627efa2ab1`.
    pub fn ja4(&self) -> String {
        let Parts { head, ciphers, extensions, signatures } = self.parts();
        let tail =
            if extensions.is_empty() { NOTHING.into() } else { hash(&joined(&extensions, &signatures)) };
        let ciphers = if ciphers.is_empty() { NOTHING.into() } else { hash(&ciphers) };
        format!("{head}_{ciphers}_{tail}")
    }

    /// The same before hashing (`JA4_r`): it says what the client offers to whoever reads it.
    pub fn ja4_raw(&self) -> String {
        let Parts { head, ciphers, extensions, signatures } = self.parts();
        format!("{head}_{ciphers}_{}", joined(&extensions, &signatures))
    }

    fn parts(&self) -> Parts {
        let mut ciphers = meant(self.ciphers.iter().copied());
        let mut extensions = meant(self.extensions.iter().map(|extension| extension.kind));
        let name = if self.has(SERVER_NAME) { 'd' } else { 'i' };
        let head = format!(
            "t{}{name}{:02}{:02}{}",
            self.version_word(),
            ciphers.len().min(99),
            extensions.len().min(99),
            ends(self.alpn.first().map(Vec::as_slice).unwrap_or_default()),
        );
        extensions.retain(|kind| ![SERVER_NAME, ALPN].contains(kind));
        ciphers.sort_unstable();
        extensions.sort_unstable();
        Parts {
            head,
            ciphers: listed(&ciphers),
            extensions: listed(&extensions),
            signatures: listed(&meant(self.signature_algorithms.iter().copied())),
        }
    }

    /// The highest version offered.
    fn version_word(&self) -> &'static str {
        let offered = meant(self.supported_versions.iter().copied()).into_iter().max();
        match offered.unwrap_or(self.legacy_version) {
            0x0304 => "13",
            0x0303 => "12",
            0x0302 => "11",
            0x0301 => "10",
            0x0300 => "s3",
            0x0002 => "s2",
            _ => "00",
        }
    }
}

struct Parts {
    head: String,
    ciphers: String,
    extensions: String,
    signatures: String,
}

fn meant(values: impl Iterator<Item = u16>) -> Vec<u16> {
    values.filter(|value| !is_grease(*value)).collect()
}

fn listed(values: &[u16]) -> String {
    let words: Vec<String> = values.iter().map(|value| format!("{value:04x}")).collect();
    words.join(",")
}

fn joined(extensions: &str, signatures: &str) -> String {
    if signatures.is_empty() { extensions.to_owned() } else { format!("{extensions}_{signatures}") }
}

/// The first twelve digits of the SHA-256.
fn hash(text: &str) -> String {
    let mut digits = hexadecimal(&Sha256::digest(text));
    digits.truncate(12);
    digits
}

/// The first and the last character of a protocol's name, or of its hexadecimal digits where one of the two is neither
/// letter nor digit.
fn ends(name: &[u8]) -> String {
    let (Some(first), Some(last)) = (name.first(), name.last()) else { return "00".into() };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [*first, *last].map(char::from).iter().collect();
    }
    format!("{:x}{:x}", first >> 4, last & 0x0f)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Extension;

    /// The example of the definition, with GREASE as Chrome sends it.
    fn example() -> ClientHello {
        let kinds = [
            0x5a5a, 0x001b, 0, 0x33, 0x10, 0x4469, 0x17, 0x2d, 0x0d, 5, 0x23, 0x12, 0x2b, 0xff01, 0x0b, 0x0a,
            0x15,
        ];
        ClientHello {
            legacy_version: 0x0303,
            supported_versions: vec![0x9a9a, 0x0304, 0x0303],
            ciphers: vec![
                0x0a0a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013,
                0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
            ],
            extensions: kinds.map(|kind| Extension { kind, data: Vec::new() }).to_vec(),
            alpn: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            signature_algorithms: vec![0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601],
            ..ClientHello::default()
        }
    }

    #[test]
    fn the_published_example() {
        assert_eq!(example().ja4(), "t13d1516h2_8daaf6152771_e5627efa2ab1");
        assert_eq!(
            example().ja4_raw(),
            "t13d1516h2_002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9_\
             0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_\
             0403,0804,0401,0503,0805,0501,0806,0601"
        );
    }

    #[test]
    fn without_signature_algorithms_there_is_no_underscore() {
        let hello = ClientHello { signature_algorithms: Vec::new(), ..example() };
        assert_eq!(hello.ja4(), "t13d1516h2_8daaf6152771_6d807ffa2a79");
    }

    #[test]
    fn empty_lists_are_noughts() {
        let hello = ClientHello { legacy_version: 0x0300, ..ClientHello::default() };
        assert_eq!(hello.ja4(), "ts3i000000_000000000000_000000000000");
        assert_eq!(
            ClientHello { legacy_version: 0x7f1c, ..hello }.ja4(),
            "t00i000000_000000000000_000000000000"
        );
    }

    #[test]
    fn counts_end_at_99() {
        let hello =
            ClientHello { legacy_version: 0x0303, ciphers: (1..300).collect(), ..ClientHello::default() };
        assert!(hello.ja4().starts_with("t12i990000_"), "{}", hello.ja4());
    }

    /// The examples of the definition for names that are not text.
    #[test]
    fn the_ends_of_a_protocols_name() {
        for (name, expected) in [
            (&b"h2"[..], "h2"),
            (b"http/1.1", "h1"),
            (b"h", "hh"),
            (b"", "00"),
            (b"\xab", "ab"),
            (b"\xab\xcd", "ad"),
            (b"0\xab", "3b"),
            (b"01\xab\xcd", "3d"),
            (b"0\xab\xcd1", "01"),
        ] {
            assert_eq!(ends(name), expected, "{name:?}");
        }
    }
}
