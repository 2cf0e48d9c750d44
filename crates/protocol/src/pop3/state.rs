//! Where a session stands: RFC 1939 section 3, and what the next input means.

use event::Text;

use crate::guest::{Held, Penalty};
use crate::pop3::list::Listing;
use crate::pop3::maildrop::Maildrop;
use crate::pop3::retrieve::Sending;
use crate::sasl::Exchange;

/// RFC 1939 section 3. UPDATE is done at once ([`Maildrop::update`]), then comes [`Stage::Closed`].
#[derive(Debug)]
pub enum State {
    /// Before a login.
    Authorization {
        /// Whom USER named, until PASS.
        user_name: Option<Text>,
    },
    /// Logged in, on the mail as it stood then.
    Transaction(Maildrop),
}

impl Default for State {
    fn default() -> Self {
        Self::Authorization { user_name: None }
    }
}

impl State {
    /// The word that events carry.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Authorization { .. } => "AUTHORIZATION",
            Self::Transaction(_) => "TRANSACTION",
        }
    }
}

/// What the next input means, or what is still being answered.
#[derive(Debug, Default)]
pub enum Stage {
    /// A command.
    #[default]
    Command,
    /// A SASL response (RFC 5034 section 4).
    /// With what it has waited before it began.
    Authenticating(Exchange, Penalty),
    /// Nothing: the answer to a login waits for its penalty.
    Held(Box<Held>),
    /// Nothing: LIST or UIDL is being answered.
    Listing(Listing),
    /// Nothing: RETR or TOP is being answered.
    Sending(Sending),
    /// Nothing: the driver does the handshake.
    Securing,
    /// Nothing any more.
    Closed,
}
