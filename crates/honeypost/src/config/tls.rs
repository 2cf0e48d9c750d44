//! The settings of TLS. The fields are documented by their rows in `settings.rs`.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::Config;
use super::choice::choice;
use super::error::ConfigError;
use super::raw::{Meaning, Raw, quoted};
use super::value::{Count, Folder, Listen};

choice! {
    /// What becomes of a login in the clear.
    PlaintextAuth, "\"allow\" or \"refuse\"":
    /// It is tried as any other.
    #[default]
    Allow = "allow",
    /// It is recorded and refused.
    Refuse = "refuse",
}

/// The certificate, and what bounds handshakes.
#[derive(Debug, Default)]
pub(super) struct Tls {
    pub(super) cert: Option<Folder>,
    pub(super) key: Option<Folder>,
    pub(super) handshake_timeout: Duration,
    pub(super) handshakes: Count,
    pub(super) plaintext_auth: PlaintextAuth,
}

/// Where a protocol begins with TLS.
#[derive(Debug, Default)]
pub(super) struct Implicit {
    pub(super) imap: Listen,
    pub(super) pop3: Listen,
    pub(super) submission: Listen,
}

impl Config {
    /// The operator's own certificate and key.
    pub(crate) fn tls_files(&self) -> Result<Option<(&Path, &Path)>, ConfigError> {
        match (&self.tls.cert, &self.tls.key) {
            (Some(cert), Some(key)) => Ok(Some((&cert.0, &key.0))),
            (None, None) => Ok(None),
            (Some(_), None) => Err(self.refuse("tls.cert", "is set without tls.key", "both or neither")),
            (None, Some(_)) => Err(self.refuse("tls.key", "is set without tls.cert", "both or neither")),
        }
    }

    /// How long a handshake may take.
    pub(crate) fn handshake_timeout(&self) -> Duration {
        self.tls.handshake_timeout
    }

    /// How many handshakes may be under way.
    pub(crate) fn handshakes(&self) -> usize {
        self.tls.handshakes.0
    }

    /// Whether a login in the clear is refused.
    pub(crate) fn refuses_plaintext(&self) -> bool {
        self.tls.plaintext_auth == PlaintextAuth::Refuse
    }

    /// Where IMAP begins with TLS; empty for nowhere.
    pub(crate) fn imaps_listen(&self) -> &[SocketAddr] {
        &self.implicit.imap.0
    }

    /// Where POP3 begins with TLS; empty for nowhere.
    pub(crate) fn pop3s_listen(&self) -> &[SocketAddr] {
        &self.implicit.pop3.0
    }

    /// Where submission begins with TLS; empty for nowhere.
    pub(crate) fn submissions_listen(&self) -> &[SocketAddr] {
        &self.implicit.submission.0
    }
}
