//! The hash chain over a session's evidence: what was altered, inserted or taken away afterwards no longer fits.
//!
//! Two chains a session, one over its events and one over the stretches of its wire record:
//!
//! ```text
//! link 0 = SHA-256(32 zeros | payload 0)        link n = SHA-256(link n-1 | payload n)
//! ```
//!
//! A payload is what `payload.rs` describes. `session.closed` carries both chains' links up to it, so that whoever got that
//! event elsewhere (a SIEM) holds what vouches for all before it.

use std::fmt;

use sha2::{Digest, Sha256};

/// A place in a chain: SHA-256 over everything up to there.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Link([u8; 32]);

impl Link {
    /// The link behind this one.
    pub(crate) fn next(self, payload: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(payload);
        Self(hash.finalize().into())
    }

    /// Its octets.
    pub fn octets(&self) -> &[u8; 32] {
        &self.0
    }

    /// A link of these octets, where there are as many as it takes.
    pub(crate) fn of(octets: &[u8]) -> Option<Self> {
        octets.try_into().ok().map(Self)
    }
}

/// In lower-case hexadecimal.
impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
        let text: String = self.0.iter().flat_map(|octet| [digit(octet >> 4), digit(octet & 15)]).collect();
        f.write_str(&text)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How far a session's chains have come. Whoever appends for a session keeps it, see [`crate::Spool::append`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trail {
    pub(crate) events: Link,
    pub(crate) wire: Link,
    /// Stretches of the wire record so far.
    pub(crate) chunks: u32,
}

impl Trail {
    /// The link of the last event.
    pub fn events(&self) -> Link {
        self.events
    }

    /// The link of the last stretch of the wire record.
    pub fn wire(&self) -> Link {
        self.wire
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_covers_the_one_before() {
        let first = Link::default().next(b"a");
        // (head -c 32 /dev/zero; printf a) | sha256sum
        assert_eq!(first.to_string(), "41a0370c3d9f42773a59e8e01651911cf43b1e3f66944cbb690029debc4eb647");
        assert_ne!(first.next(b"b"), Link::default().next(b"b"));
        assert_eq!(Link::of(first.octets()), Some(first));
        assert_eq!(Link::of(&[0; 31]), None);
    }
}
