//! SMTP (RFC 5321) with AUTH (4954), SIZE (1870), PIPELINING (2920), DSN (3461), 8BITMIME (6152), SMTPUTF8 (6531) and
//! CHUNKING (3030), on the relay port and for submission (6409).
//!
//! Takes mail and logins in, and never sends anything anywhere. The engine behaves as Postfix does; which commands
//! exist and how they are worded is the personality's ([`SmtpTexts`]). Read `state.rs`, `command.rs` (the table),
//! `session.rs`, `message.rs`, then the command you came for: `greeting.rs`, `auth.rs`, `envelope.rs`, `data.rs`, `chunk.rs`,
//! `enquiry.rs`. Below them: `input.rs`, `token.rs`, `address.rs`, `address_literal.rs`, `parameter.rs`, `resolve.rs`,
//! `recipient.rs`, `body.rs`, `tally.rs`,
//! `hops.rs`.

mod address;
mod address_literal;
mod auth;
mod body;
mod chunk;
mod command;
mod data;
mod delivery;
mod enquiry;
mod envelope;
mod greeting;
mod hops;
mod input;
mod message;
mod parameter;
mod recipient;
mod resolve;
mod session;
mod state;
mod tally;
mod texts;
mod token;
mod turn;

use std::time::Duration;

pub use delivery::Delivery;
pub use session::Smtp;
pub use texts::{DeliveryTexts, Limits, Phrase, Sasl, SmtpTexts, Stranger, Times};

use crate::credentials::Credentials;
use crate::smtp::recipient::Directory;
use crate::text::{Slot, Text};

/// What becomes of logins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Auth {
    /// AUTH is offered, recorded and refused.
    #[default]
    Harvest,
    /// AUTH is offered, recorded and lets everybody in; who is in may relay.
    Accept,
    /// AUTH is not offered, as in a Postfix without SASL.
    Off,
}

/// What all SMTP sessions of a server share.
#[derive(Debug)]
pub struct Service {
    pub(crate) texts: SmtpTexts,
    pub(crate) node: String,
    pub(crate) greeting: Vec<u8>,
    extensions: Vec<Vec<u8>>,
    pub(crate) refuse_plaintext: bool,
    pub(crate) auth: Auth,
    pub(crate) auth_users: Vec<String>,
    pub(crate) drop_rate: f64,
    pub(crate) open_relay: bool,
    pub(crate) submission: bool,
    pub(crate) directory: Directory,
    pub(crate) origin: String,
    pub(crate) timeout: Duration,
}

/// What an operator may set; the rest is the personality's.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The imitated host's name (`NODE_NAME`).
    pub node: String,
    /// Replaces the greeting, a whole line such as `220 mail ESMTP Postfix (Debian/GNU)`.
    pub banner: Option<String>,
    /// What becomes of logins. `None`: an open relay accepts them, otherwise they are harvested.
    pub auth: Option<Auth>,
    /// Who is let in where logins are accepted; everybody when empty.
    pub auth_users: Vec<String>,
    /// The share of foreign recipients that are put off as by greylisting, from 0 to 1.
    pub drop_rate: f64,
    /// Replaces the personality's limit on a message, in octets.
    pub message_size: Option<u64>,
    /// Takes mail for every domain from everybody (`SMTP_OPEN_RELAY`).
    pub open_relay: bool,
    /// A submission port (RFC 6409): MAIL only after a login.
    pub submission: bool,
    /// The domains whose mail this host takes, the persona's own first. The host's own name and `localhost` always are.
    pub local_domains: Vec<String>,
    /// Who has a mailbox here, besides the users that may log in: local parts or addresses.
    pub local_users: Vec<String>,
    /// Takes no password that anybody on the way could read: AUTH needs TLS.
    pub refuse_plaintext: bool,
    /// Replaces the personality's patience with silence.
    pub timeout: Option<Duration>,
}

impl Service {
    /// Whether a submission port refuses strangers when they name this.
    pub(crate) fn refuses_submission(&self, named: Stranger) -> bool {
        self.submission && self.texts.submission_refuses == named
    }

    /// A server for these people, in these words.
    pub fn new(mut texts: SmtpTexts, credentials: &Credentials, options: Options) -> Self {
        let Options { node, banner, auth, auth_users, drop_rate, open_relay, submission, .. } = options;
        let Options { message_size, local_domains, local_users, timeout, refuse_plaintext, .. } = options;
        texts.limits.message = message_size.unwrap_or(texts.limits.message);
        let auth = auth.unwrap_or(if open_relay { Auth::Accept } else { Auth::Harvest });
        let limit = texts.limits.message.to_string();
        let fill =
            |text: &Text| text.fill(&[(Slot::Node, node.as_bytes()), (Slot::Octets, limit.as_bytes())]);
        let offered = |line: &Vec<u8>| auth != Auth::Off || !line.starts_with(b"AUTH");
        let domains = local_domains.iter().map(String::as_str);
        let users = local_users.iter().map(String::as_bytes);
        let refusing = texts.extensions_plaintext_refused.as_ref().filter(|_| refuse_plaintext);
        let extensions = refusing.unwrap_or(&texts.extensions);
        Self {
            greeting: banner.map_or_else(|| fill(&texts.greeting), String::into_bytes),
            extensions: extensions.iter().map(fill).filter(offered).collect(),
            directory: Directory::new(
                domains.chain([node.as_str(), "localhost", "localhost.localdomain"]),
                users.chain(credentials.users()),
            ),
            refuse_plaintext,
            origin: local_domains.first().unwrap_or(&node).clone(),
            timeout: timeout.unwrap_or(Duration::from_secs(texts.times.idle_s)),
            texts,
            node,
            auth,
            auth_users,
            drop_rate,
            open_relay,
            submission,
        }
    }

    /// What EHLO lists behind the host's name.
    pub(crate) fn extensions(&self, tls: bool) -> impl Iterator<Item = &[u8]> {
        let hidden: &[u8] = if self.refuse_plaintext && !tls { b"AUTH" } else { b"\0" };
        let lines = self.extensions.iter().map(Vec::as_slice);
        lines.filter(move |line| !(line.starts_with(hidden) || tls && *line == b"STARTTLS"))
    }
}
