//! The envelope of a message (RFC 3501 section 7.4.2), from its header's raw bytes.

use bytes::Bytes;

/// A header value: unfolded, trimmed, otherwise as it stands there (encoded words stay encoded).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The bytes.
    pub bytes: Bytes,
    /// Whether it stood on more than one line (Dovecot sends such a value as a literal).
    pub folded: bool,
}

/// One entry of an address list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `Name <mailbox@host>`
    Mailbox {
        /// The display name, or the comment that stands for it.
        name: Option<Bytes>,
        /// The source route of RFC 822, `@a,@b`.
        route: Option<Bytes>,
        /// The local part.
        mailbox: Option<Bytes>,
        /// The domain.
        host: Option<Bytes>,
    },
    /// `Name:` of a group.
    GroupStart(Bytes),
    /// `;` of a group.
    GroupEnd,
}

/// The fields of ENVELOPE. `sender` and `reply_to` default to `from` as RFC 3501 says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // RFC 3501's own names
pub struct Envelope {
    pub date: Option<Value>,
    pub subject: Option<Value>,
    pub from: Vec<Address>,
    pub sender: Vec<Address>,
    pub reply_to: Vec<Address>,
    pub to: Vec<Address>,
    pub cc: Vec<Address>,
    pub bcc: Vec<Address>,
    pub in_reply_to: Option<Value>,
    pub message_id: Option<Value>,
}

impl Envelope {
    /// Reads the envelope from a header's bytes.
    pub fn parse(header: &Bytes) -> Self {
        let _ = header;
        todo!()
    }
}
