//! What an operator may set of a protocol; the rest is the personality's.

use std::time::Duration;

use jiff::Timestamp;

/// The operator's part in how a protocol is served.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The imitated host's name (`NODE_NAME`).
    pub node: String,
    /// The time of day at [`crate::Moment`] zero.
    pub epoch: Timestamp,
    /// Replaces the greeting, a whole line such as `* OK Dovecot ready.`
    pub banner: Option<String>,
    /// Replaces the personality's silence before login.
    pub login_timeout: Option<Duration>,
    /// Replaces the personality's silence after login.
    pub idle_timeout: Option<Duration>,
    /// Takes no password that anybody on the way could read: logins need TLS.
    pub refuse_plaintext: bool,
}
