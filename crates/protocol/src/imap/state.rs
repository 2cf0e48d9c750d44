//! Where a session stands: RFC 3501 section 3, and what the next input means.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::guest::{Held, Penalty};
use crate::imap::Service;
use crate::imap::fetch::{self, Fetching, Known};
use crate::imap::kept::Kept;
use crate::imap::notify::{self, Notify};
use crate::imap::search::Searching;
use crate::imap::status::Counts;
use crate::imap::texts::Phrase;
use crate::imap::turn::Fault;
pub use crate::imap::view::Selected;
use crate::imap::view::{Features, Telling, meet_keywords};
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
    Selected(Account, Box<Selected>),
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
    /// What its last NOTIFY has set.
    pub notify: Option<Box<Notify>>,
    /// What was read from messages and is known from then on.
    pub read: Known,
    /// The same of whole mailboxes.
    pub kept: Kept,
    /// What the storage has complained of last: Dovecot says it again where it has no words of its own.
    pub complaint: Option<Fault>,
    /// The keywords that the session knows of in mailboxes that are not open, by UIDVALIDITY.
    pub known_keywords: BTreeMap<u32, Vec<String>>,
}

impl Account {
    /// Forgets the keywords of mailboxes that are not open: with each mailbox that is made or deleted Dovecot closes the indexes that
    /// it does not use.
    pub fn forget_keywords(&mut self) {
        self.known_keywords.clear();
    }

    /// The same where a mailbox gets its first index: recorded with up to three messages in it, and not with five or more.
    pub fn forget_keywords_for(&mut self, mailbox: &str) {
        if self.world.folder(mailbox).is_some_and(|folder| folder.list().len() < 4) {
            self.forget_keywords();
        }
    }
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
            notify: None,
            read: Known::default(),
            kept: Kept::default(),
            complaint: None,
            known_keywords: BTreeMap::new(),
        });
    }

    /// Tells of what has changed in the open mailbox. What is returned is the highest mod-sequence, where it has to be told too.
    pub fn sync(&mut self, service: &Service, how: Telling, out: &mut Actions) -> Option<u64> {
        match self {
            Self::Selected(account, selected) => {
                let changes = selected.sync(service, account.features, &mut account.world, how, out)?;
                if changes.arrived && !account.features.mute_counts {
                    fetch::tell_news(service, account, selected, out);
                    notify::tell_behind_news(service, account, &selected.name, out);
                }
                selected.update_changed(&changes.changed, changes.first_new, changes.highest, out);
                let tells_modseq = account.features.qresync;
                tells_modseq.then(|| selected.modseq_to_tell(changes.highest, changes.delayed)).flatten()
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
        if let Self::Selected(account, open) = self {
            let known = std::mem::take(&mut open.known_keywords);
            account.known_keywords.insert(open.uid_validity, known);
        }
        *self = match (std::mem::take(self), selected) {
            (Self::NotAuthenticated, _) => Self::NotAuthenticated,
            (Self::Authenticated(account) | Self::Selected(account, _), None) => Self::Authenticated(account),
            (Self::Authenticated(account) | Self::Selected(account, _), Some(selected)) => {
                Self::Selected(account, Box::new(selected))
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

    /// Notes keywords that were named for a mailbox: Dovecot makes the session know them, whether a message has them or not.
    /// The keywords as [`meet_keywords`] gives them back.
    pub fn name_keywords(&mut self, mailbox: &str, names: &[String]) -> Vec<String> {
        match self {
            Self::Selected(_, open) if open.name == mailbox => return open.name_keywords(names),
            Self::Selected(account, _) | Self::Authenticated(account) if !names.is_empty() => {
                if let Some(folder) = account.world.folder(mailbox) {
                    let known = account.known_keywords.entry(folder.uid_validity).or_default();
                    if known.is_empty() {
                        known.clone_from(&folder.keywords);
                    }
                    return meet_keywords(known, names);
                }
            }
            _ => {}
        }
        names.to_vec()
    }

    /// Notes what the storage has complained of, when a command was refused. SUBSCRIBE has looked for itself.
    pub fn note_complaint(&mut self, verb: &[u8], fault: &Fault) {
        use Phrase::{
            BadUrl, KeywordCharacters, KeywordTooLong, MailboxExists, MetadataDisabled, NameAdjacent,
            NameBegins, NameControl, NameEmpty, NameEnds, NameSlash, NameTilde, NameTooLong, NoSuchMailbox,
            Nonexistent, RenameInbox, RenameItself, TargetExists, TryCreate,
        };
        let complaint = match fault.phrase {
            // It was no fault of a storage that there is no such mailbox.
            _ if verb == b"SUBSCRIBE" => return,
            TryCreate | Nonexistent => Fault { phrase: NoSuchMailbox, ..fault.clone() },
            BadUrl => Phrase::UrlExpunged.into(),
            NoSuchMailbox | MailboxExists | TargetExists | RenameInbox | RenameItself | NameEmpty
            | NameBegins | NameEnds | NameSlash | NameAdjacent | NameTilde | NameControl | NameTooLong
            | KeywordCharacters | KeywordTooLong | MetadataDisabled => fault.clone(),
            _ => return,
        };
        if let Some(account) = self.account_mut() {
            account.complaint = Some(complaint);
        }
    }

    /// Notes that a mailbox is opened: its mod-sequences are told apart from now on, if the client has enabled CONDSTORE.
    pub fn track(&mut self, name: &str) {
        if let Some(account) = self.account_mut().filter(|account| account.features.condstore) {
            account.world.track(name);
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
        /// When changes of the open mailbox are told.
        tell: Option<Moment>,
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
