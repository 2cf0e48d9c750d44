//! The file beside a captured message: its envelope and who sent it, as JSON. Made when the message begins, so that what a
//! crash leaves behind can be attributed, and made anew when it is whole.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::{Attribution, Text};
use jiff::Timestamp;
use protocol::Envelope;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools)] // each is a key of the file
pub(super) struct Sidecar {
    /// Whether the message is.
    pub(super) whole: bool,
    /// When its first octet was due.
    pub(super) began: String,
    /// When its last octet had come; for a message that is not whole, when it was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) received: Option<String>,
    /// Its name in the queue, as the peer was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) queue_id: Option<String>,
    /// Octets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) size: Option<u64>,
    /// SHA-256 of these octets, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sha256: Option<String>,
    sensor: String,
    session: Uuid,
    protocol: String,
    tls: bool,
    /// The peer.
    pub(super) src: SocketAddr,
    dst: SocketAddr,
    helo: Octets,
    extended: bool,
    authenticated: bool,
    utf8: bool,
    mail_from: Octets,
    rcpt_to: Vec<Octets>,
    local: Vec<Octets>,
    /// The mailbox that its sender put it into, where it was not sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) mailbox: Option<String>,
}

/// What a peer wrote: text, or in base64 where it is not UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Octets {
    Text(String),
    Base64 { base64: String },
}

impl From<&Text> for Octets {
    fn from(text: &Text) -> Self {
        match str::from_utf8(&text.0) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64 { base64: STANDARD.encode(&text.0) },
        }
    }
}

impl From<&Octets> for Text {
    fn from(octets: &Octets) -> Self {
        match octets {
            Octets::Text(text) => text.clone().into_bytes().into(),
            Octets::Base64 { base64 } => STANDARD.decode(base64).unwrap_or_default().into(),
        }
    }
}

impl Sidecar {
    /// That of a message which begins.
    pub(super) fn new(attribution: &Attribution, envelope: &Envelope, began: Timestamp) -> Self {
        let Attribution { sensor, session, protocol, tls, src, dst } = attribution;
        let all = |texts: &[Text]| texts.iter().map(Octets::from).collect();
        Self {
            whole: false,
            began: began.to_string(),
            received: None,
            queue_id: None,
            size: None,
            sha256: None,
            sensor: sensor.to_string(),
            session: *session,
            protocol: protocol.name().to_owned(),
            tls: *tls,
            src: *src,
            dst: *dst,
            helo: Octets::from(&envelope.helo),
            extended: envelope.extended,
            authenticated: envelope.authenticated,
            utf8: envelope.utf8,
            mail_from: Octets::from(&envelope.mail_from),
            rcpt_to: all(&envelope.rcpt_to),
            local: all(&envelope.local),
            mailbox: None,
        }
    }

    /// Reads the file's content.
    pub(super) fn parse(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// The file's content.
    pub(super) fn json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).expect("plain JSON");
        json.push(b'\n');
        json
    }

    /// The envelope.
    pub(super) fn envelope(&self) -> Envelope {
        Envelope {
            helo: Text::from(&self.helo),
            extended: self.extended,
            authenticated: self.authenticated,
            utf8: self.utf8,
            mail_from: Text::from(&self.mail_from),
            rcpt_to: self.rcpt_to.iter().map(Text::from).collect(),
            local: self.local.iter().map(Text::from).collect(),
        }
    }

    /// Whether the message is one that its sender is shown.
    pub(super) fn is_shown(&self) -> bool {
        self.whole && !self.local.is_empty()
    }

    /// Whether the connection had TLS.
    pub(super) fn tls(&self) -> bool {
        self.tls
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::tests::attribution;

    #[test]
    fn an_envelope_is_read_back_octet_by_octet() {
        let envelope = Envelope {
            helo: Text::copy(b"h\xff\x00\""),
            extended: true,
            authenticated: true,
            utf8: false,
            mail_from: Text::default(),
            rcpt_to: vec!["root@example.com".into(), Text::copy(b"\xfe")],
            local: vec!["root@example.com".into()],
        };
        let sidecar = Sidecar::new(&attribution(), &envelope, Timestamp::UNIX_EPOCH);
        let read = Sidecar::parse(&sidecar.json()).expect("JSON of ours");
        assert_eq!((read.envelope(), &read), (envelope, &sidecar));
        assert!(!read.is_shown(), "it is not whole");
        assert_eq!(Sidecar::parse(b"{}"), None);
    }
}
