//! Where a session stands: RFC 3501 section 3, and what the next input means.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use crate::guest::{Held, Penalty};
use crate::imap::Service;
use crate::imap::fetch::Fetching;
use crate::imap::search::Searching;
use crate::imap::status::Counts;
pub use crate::imap::view::Selected;
use crate::imap::view::{Features, Telling};
use crate::sasl::Exchange;
use crate::session::{Actions, Moment};
use crate::visitor::{Lent, SharedWorld};

/// RFC 3501 section 3. Logout is [`Stage::Closed`].
#[derive(Debug, Default)]
pub enum State {
    /// Before a login.
    #[default]
    NotAuthenticated,
    /// Logged in, no mailbox.
    Authenticated(Account),
    /// A mailbox is open.
    Selected(Account, Selected),
}

/// Who is logged in.
#[derive(Debug)]
pub struct Account {
    /// The mail as the visitor sees it, lent for a turn.
    pub world: Lent,
    /// Where it is between turns.
    pub shared: Arc<SharedWorld>,
    /// What the client has enabled.
    pub features: Features,
    /// Messages whose preview has been made, by UIDVALIDITY and UID.
    pub previewed: BTreeSet<(u32, u32)>,
}

impl State {
    /// The word that events carry.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NotAuthenticated => "NOT_AUTHENTICATED",
            Self::Authenticated(_) => "AUTHENTICATED",
            Self::Selected(..) => "SELECTED",
        }
    }

    /// A login succeeded: this is the mail.
    pub fn log_in(&mut self, shared: Arc<SharedWorld>) {
        *self = Self::Authenticated(Account {
            world: Lent::default(),
            shared,
            features: Features::default(),
            previewed: BTreeSet::new(),
        });
    }

    /// Tells of what has changed in the open mailbox. What is returned is the highest mod-sequence, where it has to be told too.
    pub fn sync(&mut self, service: &Service, how: Telling, out: &mut Actions) -> Option<u64> {
        match self {
            Self::Selected(account, selected) => {
                selected.sync(service, account.features, &mut account.world, how, out)
            }
            _ => None,
        }
    }

    /// Whether the open mailbox is gone: another session has deleted it, or given it another name.
    pub fn is_lost(&self) -> bool {
        match self {
            Self::Selected(account, selected) => selected.is_lost(&account.world),
            _ => false,
        }
    }

    /// Whether the open mailbox has another name by now.
    pub fn is_renamed(&self) -> bool {
        match self {
            Self::Selected(account, selected) => {
                selected.is_lost(&account.world)
                    && account.world.folders().any(|folder| folder.uid_validity == selected.uid_validity)
            }
            _ => false,
        }
    }

    /// Opens a mailbox, or closes the present one.
    pub fn select(&mut self, selected: Option<Selected>) {
        *self = match (std::mem::take(self), selected) {
            (Self::NotAuthenticated, _) => Self::NotAuthenticated,
            (Self::Authenticated(account) | Self::Selected(account, _), None) => Self::Authenticated(account),
            (Self::Authenticated(account) | Self::Selected(account, _), Some(selected)) => {
                Self::Selected(account, selected)
            }
        };
    }

    /// The account, after login, to be changed.
    pub const fn account_mut(&mut self) -> Option<&mut Account> {
        match self {
            Self::NotAuthenticated => None,
            Self::Authenticated(account) | Self::Selected(account, _) => Some(account),
        }
    }

    /// What the client knows of a mailbox, if it is the one that is open.
    pub fn counts_in(&self, name: &str) -> Option<Counts> {
        match self {
            Self::Selected(account, open) if open.name == name && !self.is_lost() => {
                Some(Counts::of(open, &account.world))
            }
            _ => None,
        }
    }

    /// The open mailbox.
    pub const fn selected(&self) -> Option<&Selected> {
        match self {
            Self::Selected(_, selected) => Some(selected),
            _ => None,
        }
    }

    /// The account, after login.
    pub const fn account(&self) -> Option<&Account> {
        match self {
            Self::NotAuthenticated => None,
            Self::Authenticated(account) | Self::Selected(account, _) => Some(account),
        }
    }
}

/// What the next input means, or what is still being answered.
#[derive(Debug, Default)]
pub enum Stage {
    /// A command.
    #[default]
    Command,
    /// A SASL response (RFC 3501 section 6.2.2).
    Authenticating {
        /// The command's tag.
        tag: Bytes,
        /// How far it has come.
        exchange: Exchange,
        /// What it has waited before it began.
        penalty: Penalty,
    },
    /// Nothing: the answer to a login waits for its penalty.
    Held(Box<Held>),
    /// `DONE` (RFC 2177).
    Idling {
        /// The command's tag.
        tag: Bytes,
        /// When the next sign of life is due.
        still_here: Moment,
        /// When it began.
        since: Moment,
    },
    /// Nothing: a FETCH is being answered.
    Fetching(Box<Fetching>),
    /// Nothing: a SEARCH is being answered.
    Searching(Box<Searching>),
    /// Nothing: the driver does the handshake.
    Securing,
    /// Nothing any more.
    Closed,
}
