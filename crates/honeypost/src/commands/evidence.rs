//! A text of an intruder's as it is counted and shown: its bytes, the beginning of a long one alone.

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::terminal;

/// Of the digests: other ones in each process, so that nobody can prepare two texts of the same.
static KEYS: OnceLock<RandomState> = OnceLock::new();

/// Octets that are kept of a text.
const MOST: usize = 256;

/// The bytes of a text; of a long one its beginning, its length and a digest, so that two are told apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Evidence {
    kept: Box<[u8]>,
    octets: usize,
    digest: u64,
}

impl Evidence {
    /// Of these bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let octets = bytes.len();
        let Some(mut kept) = bytes.get(..MOST).filter(|_| octets > MOST) else {
            return Self { kept: bytes.into(), octets, digest: 0 };
        };
        // Not in the middle of a character.
        for _ in 0..3 {
            if bytes.get(kept.len()).is_some_and(|next| next & 0xc0 == 0x80) {
                kept = kept.get(..kept.len() - 1).unwrap_or_default();
            }
        }
        Self { kept: kept.into(), octets, digest: KEYS.get_or_init(RandomState::new).hash_one(bytes) }
    }

    /// Of an event's text field and the exact bytes beside it, where the text is not exact.
    pub(crate) fn field(text: &str, exact: Option<&str>) -> Self {
        Self::of(&bytes(text, exact))
    }

    /// What is kept, with U+FFFD for what is not UTF-8. Not harmless.
    pub(crate) fn lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.kept)
    }

    /// Harmless, on one line, and with its length where it is cut.
    pub(crate) fn shown(&self) -> String {
        self.with_length(terminal::escape(&self.lossy()).into_owned())
    }

    /// As [`shown`](Self::shown), in quotes where one of these is in it: a word among others.
    pub(crate) fn word(&self, breaks: &[char]) -> String {
        self.with_length(terminal::quoted(&self.lossy(), breaks).into_owned())
    }

    fn with_length(&self, text: String) -> String {
        if self.is_cut() { format!("{text}\\... ({} octets)", self.octets) } else { text }
    }

    fn is_cut(&self) -> bool {
        self.octets > self.kept.len()
    }

    /// Octets of memory that it takes, about.
    pub(crate) fn weight(&self) -> usize {
        self.kept.len() + size_of::<Self>()
    }

    /// Adds it to an object: `NAME`, `NAME_b64` where that is not exact, `NAME_octets` where it is cut.
    pub(crate) fn put(&self, name: &str, object: &mut Map<String, Value>) {
        let text = self.lossy();
        if matches!(text, Cow::Owned(_)) {
            object.insert(format!("{name}_b64"), STANDARD.encode(&self.kept).into());
        }
        object.insert(name.to_owned(), text.into());
        if self.is_cut() {
            object.insert(format!("{name}_octets"), self.octets.into());
        }
    }
}

impl From<&str> for Evidence {
    fn from(text: &str) -> Self {
        Self::of(text.as_bytes())
    }
}

/// The bytes of an event's text field (docs/events.md).
pub(crate) fn bytes<'a>(text: &'a str, exact: Option<&str>) -> Cow<'a, [u8]> {
    match exact.and_then(|exact| STANDARD.decode(exact).ok()) {
        Some(bytes) => Cow::Owned(bytes),
        None => Cow::Borrowed(text.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_and_told_apart() {
        let long = |last: &str| Evidence::of(format!("{}{last}", "é".repeat(500_000)).as_bytes());
        let (one, other) = (long("a"), long("b"));
        assert_ne!(one, other);
        assert_eq!(one, long("a"));
        assert!(one.shown().ends_with("é\\... (1000001 octets)") && one.weight() < 400, "{}", one.shown());
        assert!(!one.shown().contains('\u{fffd}'));
        let odd = Evidence::of(format!("a{}", "é".repeat(500)).as_bytes());
        assert!(!odd.shown().contains('\u{fffd}'), "cut within a character");
    }

    #[test]
    fn what_is_no_utf8_keeps_its_bytes() {
        let one = Evidence::field("p\u{fffd}", Some("cP8="));
        assert_ne!(one, Evidence::field("p\u{fffd}", Some("cP4=")));
        let mut object = Map::new();
        one.put("password", &mut object);
        assert_eq!(
            Value::Object(object),
            serde_json::json!({ "password": "p\u{fffd}", "password_b64": "cP8=" })
        );
        assert_eq!(Evidence::of(b"a\x1b[2J\xe2\x80\xae").shown(), "a\\x1b[2J\\u{202e}");
    }
}
