//! Who and where: what is true of a whole session, fixed by the driver when it accepts the connection.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::Serialize;
use uuid::Uuid;

/// Which of the three mail protocols a session speaks. Submission is SMTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// IMAP4rev1 (RFC 3501).
    Imap,
    /// POP3 (RFC 1939).
    Pop3,
    /// SMTP (RFC 5321), also as submission (RFC 6409).
    Smtp,
}

impl Protocol {
    /// Every protocol, in the order of the command line.
    pub const ALL: [Self; 3] = [Self::Imap, Self::Pop3, Self::Smtp];

    /// The lower-case name, as events and the command line write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Smtp => "smtp",
        }
    }

    /// The protocol of this lower-case name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == name)
    }
}

/// Who and where. Nothing that a peer sends can change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribution {
    /// The name of this Honeypost among its operator's.
    pub sensor: Arc<str>,
    /// The session's id, a `UUIDv7` made at accept.
    pub session: Uuid,
    /// What is spoken.
    pub protocol: Protocol,
    /// Whether TLS is on, at the time of the event.
    pub tls: bool,
    /// The peer.
    pub src: SocketAddr,
    /// Our own end.
    pub dst: SocketAddr,
}
