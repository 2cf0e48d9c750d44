//! The wire record: the octets of a connection, both directions, each stretch with its time.

use bytes::Bytes;
use jiff::Timestamp;

/// What a stretch of the wire record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flow {
    /// From the peer, as one read gave it.
    Received,
    /// To the peer, in one go. With TLS: what was encrypted.
    Sent,
    /// No octets of a conversation: the last octets of what was `Sent` that the peer did not take, when the connection broke.
    Unsent,
    /// The raw TLS handshake record(s) of the client's hello; what follows is what TLS carried.
    ClientHello,
}

impl Flow {
    const ALL: [Self; 4] = [Self::Received, Self::Sent, Self::Unsent, Self::ClientHello];

    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Received => 1,
            Self::Sent => 2,
            Self::Unsent => 3,
            Self::ClientHello => 4,
        }
    }

    pub(crate) fn of(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|flow| flow.code() == code)
    }
}

/// One stretch of the wire record, on its way into the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// When it was read, or handed to the system.
    pub time: Timestamp,
    /// Which way it went.
    pub flow: Flow,
    /// The octets.
    pub octets: Bytes,
}

/// One stretch of the wire record, read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// When it was read, or handed to the system.
    pub time: Timestamp,
    /// Which way it went.
    pub flow: Flow,
    /// The octets. Hostile wherever they are shown.
    pub octets: Vec<u8>,
}

/// What is kept of a session's wire record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wire {
    /// In the order in which it happened.
    pub chunks: Vec<Chunk>,
    /// Whether stretches were deleted by retention. What was never kept because of the limit a session is told by
    /// `session.closed` (`wire_cut`).
    pub deleted: bool,
}
