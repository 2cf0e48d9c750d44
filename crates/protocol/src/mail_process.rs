//! Where words are not enough: whose ways the engine follows.

use serde::Deserialize;

use crate::sasl::Base64;

/// Whose ways. What differs is said where it does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailProcess {
    /// A mailbox that is looked at and not changed.
    #[default]
    Plain,
    /// Dovecot's login process and its mail process: the whole of IMAP, on mail that the visitor may change.
    Dovecot,
}

impl MailProcess {
    /// Whether it is Dovecot's.
    pub const fn is_dovecot(self) -> bool {
        matches!(self, Self::Dovecot)
    }

    /// How it reads base64.
    pub const fn base64(self) -> Base64 {
        if self.is_dovecot() { Base64::Dovecot } else { Base64::Lenient }
    }

    /// A user name as it is looked up: Dovecot makes it lower case.
    pub fn user_name(self, name: &[u8]) -> Vec<u8> {
        if self.is_dovecot() { name.to_ascii_lowercase() } else { name.to_vec() }
    }
}
