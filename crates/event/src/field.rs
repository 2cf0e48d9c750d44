//! What an event's field may hold, and how each shape is written as JSON.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Serialize;
use serde::ser::SerializeMap;

/// Bytes that came from a peer.
///
/// Written as JSON text with every invalid UTF-8 sequence replaced by U+FFFD; where that lost something, the field
/// `NAME_b64` beside it carries the exact bytes in base64 (RFC 4648 section 4).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Text(pub Bytes);

impl Text {
    /// The bytes, copied.
    pub fn copy(bytes: &[u8]) -> Self {
        Self(Bytes::copy_from_slice(bytes))
    }

    /// As it is shown: lossy where the bytes are not UTF-8.
    pub fn lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

/// A file attached to a captured message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attachment {
    /// Its name as the sender wrote it, decoded; empty where it has none.
    pub name: String,
    /// Its media type, such as `application/pdf`.
    pub media_type: String,
    /// Octets, decoded.
    pub size: u64,
    /// SHA-256 of the decoded octets, in hexadecimal.
    pub sha256: String,
}

/// Why a session ended, the `reason` of `session.closed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The peer said LOGOUT or QUIT.
    Logout,
    /// The peer closed the connection.
    Peer,
    /// The peer was silent for longer than the imitated server waits.
    Timeout,
    /// The peer did what the imitated server hangs up on: too many bad commands, a line over the limit.
    Violation,
    /// A limit of ours on connections was reached.
    Limit,
    /// Honeypost was stopped.
    Shutdown,
    /// Reading or writing failed (connection reset and its like).
    Error,
}

impl CloseReason {
    /// The word that events carry.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Peer => "peer",
            Self::Timeout => "timeout",
            Self::Violation => "violation",
            Self::Limit => "limit",
            Self::Shutdown => "shutdown",
            Self::Error => "error",
        }
    }
}

/// A type that an event's field may have.
pub trait Field {
    /// How the documentation calls it.
    const SHAPE: &'static str;

    /// Adds the field to the JSON object of its event.
    fn put<M: SerializeMap>(&self, name: &'static str, map: &mut M) -> Result<(), M::Error>;

    /// Octets that it holds beside its own, about.
    fn weight(&self) -> usize {
        0
    }
}

impl Field for Text {
    const SHAPE: &'static str = "text";

    fn put<M: SerializeMap>(&self, name: &'static str, map: &mut M) -> Result<(), M::Error> {
        let shown = self.lossy();
        map.serialize_entry(name, &shown)?;
        if let Cow::Owned(_) = shown {
            map.serialize_entry(&format!("{name}_b64"), &STANDARD.encode(&self.0))?;
        }
        Ok(())
    }

    fn weight(&self) -> usize {
        self.0.len()
    }
}

impl Field for Vec<Text> {
    const SHAPE: &'static str = "list of text";

    fn put<M: SerializeMap>(&self, name: &'static str, map: &mut M) -> Result<(), M::Error> {
        let shown: Vec<Cow<'_, str>> = self.iter().map(Text::lossy).collect();
        map.serialize_entry(name, &shown)?;
        if shown.iter().any(|text| matches!(text, Cow::Owned(_))) {
            let exact: Vec<String> = self.iter().map(|text| STANDARD.encode(&text.0)).collect();
            map.serialize_entry(&format!("{name}_b64"), &exact)?;
        }
        Ok(())
    }

    fn weight(&self) -> usize {
        self.iter().map(|text| size_of::<Text>() + text.0.len()).sum()
    }
}

impl Field for CloseReason {
    const SHAPE: &'static str = "word";

    fn put<M: SerializeMap>(&self, name: &'static str, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry(name, self.name())
    }
}

macro_rules! plain_field {
    ($($ty:ty = $shape:literal $(, $value:ident weighs $weight:expr)?;)+) => { $(
        impl Field for $ty {
            const SHAPE: &'static str = $shape;

            fn put<M: SerializeMap>(&self, name: &'static str, map: &mut M) -> Result<(), M::Error> {
                map.serialize_entry(name, self)
            }

            $(fn weight(&self) -> usize {
                let $value = self;
                $weight
            })?
        }
    )+ };
}

plain_field! {
    bool = "true or false";
    u64 = "number";
    &'static str = "word";
    String = "text", text weighs text.len();
    Vec<String> = "list of text", texts weighs texts.iter().map(|text| size_of::<String>() + text.len()).sum();
    Vec<Attachment> = "list of {name, media_type, size, sha256}",
        files weighs files.iter().map(|file| size_of::<Attachment>() + file.name.len() + file.media_type.len() + 64).sum();
}
