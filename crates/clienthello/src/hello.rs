//! What a ClientHello says (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2), in the client's own order.
//!
//! The frame of the message has to be sound. What is inside an extension need not be: a part that cannot be read is
//! left out, and the rest is still a fingerprint.

use crate::cursor::{Cursor, numbers};

const SERVER_NAME: u16 = 0;
const SUPPORTED_GROUPS: u16 = 10;
const EC_POINT_FORMATS: u16 = 11;
const SIGNATURE_ALGORITHMS: u16 = 13;
const ALPN: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;
const KEY_SHARE: u16 = 51;

/// One extension, unread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// Its number in IANA's list.
    pub kind: u16,
    /// Its content.
    pub data: Vec<u8>,
}

/// A ClientHello. Every list stands as the client sent it, GREASE included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientHello {
    /// The version in the hello itself: at most 0x0303, whatever is really offered.
    pub legacy_version: u16,
    /// The cipher suites, signalling values among them.
    pub ciphers: Vec<u16>,
    /// The compression methods.
    pub compressions: Vec<u8>,
    /// All extensions.
    pub extensions: Vec<Extension>,
    /// `supported_versions`: what is really offered.
    pub supported_versions: Vec<u16>,
    /// `server_name`: the first host name (RFC 6066 section 3), as octets, since nothing makes a client send a name.
    pub server_name: Option<Vec<u8>>,
    /// `application_layer_protocol_negotiation` (RFC 7301).
    pub alpn: Vec<Vec<u8>>,
    /// `supported_groups`, once called elliptic curves.
    pub groups: Vec<u16>,
    /// `ec_point_formats`.
    pub point_formats: Vec<u8>,
    /// `signature_algorithms`.
    pub signature_algorithms: Vec<u16>,
    /// `key_share`: the groups for which the client sent a share at once.
    pub key_shares: Vec<u16>,
}

impl ClientHello {
    /// Reads the body of the message, without its type and length. `None` where its frame is not sound.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        let mut body = Cursor(body);
        let legacy_version = body.u16()?;
        body.take(32)?; // the random
        body.vector8()?; // the session's id
        let ciphers = body.vector16().filter(|ciphers| ciphers.len().is_multiple_of(2))?;
        let mut hello = Self {
            legacy_version,
            ciphers: numbers(ciphers),
            compressions: body.vector8()?.to_vec(),
            ..Self::default()
        };
        // Before TLS 1.2 a hello may end here (RFC 5246 section 7.4.1.2).
        if body.is_empty() {
            return Some(hello);
        }
        let mut extensions = Cursor(body.vector16()?);
        if !body.is_empty() {
            return None;
        }
        while !extensions.is_empty() {
            let kind = extensions.u16()?;
            let data = extensions.vector16()?;
            let first = !hello.has(kind);
            hello.extensions.push(Extension { kind, data: data.to_vec() });
            if first {
                hello.take_in(kind, Cursor(data));
            }
        }
        Some(hello)
    }

    /// Whether the client sent this extension.
    pub fn has(&self, kind: u16) -> bool {
        self.extensions.iter().any(|extension| extension.kind == kind)
    }

    fn take_in(&mut self, kind: u16, mut data: Cursor) {
        match kind {
            SERVER_NAME => self.server_name = server_name(data),
            SUPPORTED_GROUPS => self.groups = numbers(data.vector16().unwrap_or_default()),
            EC_POINT_FORMATS => self.point_formats = data.vector8().unwrap_or_default().to_vec(),
            SIGNATURE_ALGORITHMS => {
                self.signature_algorithms = numbers(data.vector16().unwrap_or_default());
            }
            ALPN => self.alpn = protocols(data),
            SUPPORTED_VERSIONS => self.supported_versions = numbers(data.vector8().unwrap_or_default()),
            KEY_SHARE => self.key_shares = key_shares(data),
            _ => {}
        }
    }
}

fn server_name(mut data: Cursor) -> Option<Vec<u8>> {
    let mut names = Cursor(data.vector16()?);
    while let Some(kind) = names.u8() {
        let name = names.vector16()?;
        if kind == 0 {
            return Some(name.to_vec());
        }
    }
    None
}

fn protocols(mut data: Cursor) -> Vec<Vec<u8>> {
    let mut list = Cursor(data.vector16().unwrap_or_default());
    let mut protocols = Vec::new();
    while let Some(protocol) = list.vector8() {
        protocols.push(protocol.to_vec());
    }
    protocols
}

fn key_shares(mut data: Cursor) -> Vec<u16> {
    let mut list = Cursor(data.vector16().unwrap_or_default());
    let mut groups = Vec::new();
    while let (Some(group), Some(_)) = (list.u16(), list.vector16()) {
        groups.push(group);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Version 0x0303, a random of nulls, no session, suite 0x1301, no compression, then these extensions.
    fn body(extensions: &[u8]) -> Vec<u8> {
        let mut body = [&[3, 3][..], &[0; 32], &[0, 0, 2, 0x13, 1, 1, 0]].concat();
        body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend(extensions);
        body
    }

    #[test]
    fn a_hello_may_end_before_its_extensions() {
        let whole = body(&[]);
        let hello = ClientHello::parse(&whole[..whole.len() - 2]).unwrap();
        assert_eq!((hello.legacy_version, hello.ciphers), (0x0303, vec![0x1301]));
        for cut in 0..whole.len() - 2 {
            assert_eq!(ClientHello::parse(&whole[..cut]), None, "{cut}");
        }
        assert_eq!(ClientHello::parse(&whole[..whole.len() - 1]), None, "half a length");
        assert_eq!(ClientHello::parse(&[&whole[..], &[0]].concat()), None, "something behind the extensions");
    }

    #[test]
    fn what_an_extension_hides_is_left_out() {
        let hello = ClientHello::parse(&body(&[
            0, 0, 0, 4, 0, 9, 0, 0, // a server name that is cut off
            0, 16, 0, 6, 0, 4, 1, b'a', 9, b'b', // a protocol, and one that is cut off
            0, 10, 0, 5, 0, 3, 0, 29, 7, // a group and a half
            0, 10, 0, 4, 0, 2, 0, 23, // groups again: the first ones count
        ]))
        .unwrap();
        assert_eq!(hello.server_name, None);
        assert!(hello.has(SERVER_NAME));
        assert_eq!(hello.alpn, [b"a"]);
        assert_eq!(hello.groups, [29]);
        assert_eq!(hello.extensions.len(), 4);
    }

    #[test]
    fn the_first_host_name_is_the_server_name() {
        let hello = ClientHello::parse(&body(&[
            0, 0, 0, 15, 0, 13, 7, 0, 1, b'?', 0, 0, 1, b'a', 0, 0, 2, b'b', b'c',
        ]))
        .unwrap();
        assert_eq!(hello.server_name.as_deref(), Some(&b"a"[..]));
    }
}
