//! IMAP4rev1 (RFC 3501) with LITERAL+ (7888), SASL-IR (4959), ID (2971), ENABLE (5161) and IDLE (2177).
//!
//! The engine is whole; which commands exist and how they are worded is the personality's ([`ImapTexts`]).
//! Read `state.rs`, `command.rs` (the table), `session.rs`, then the command you came for: `login.rs`, `mailbox.rs`,
//! `list.rs`, `status.rs`, `fetch/`, `search/`.

mod append;
mod arguments;
mod command;
mod copy;
mod disabled;
mod expunge;
mod fetch;
mod flags;
mod folders;
mod keep_alive;
mod kept;
mod list;
mod list_extended;
mod login;
mod mailbox;
mod metadata;
mod name;
mod notify;
mod phrase;
mod qresync;
mod reader;
mod search;
mod sequence;
mod session;
mod state;
mod status;
mod store;
mod string;
mod texts;
mod timing;
mod turn;
mod updates;
mod view;

use std::sync::Arc;
use std::time::Duration;

use bait::Corpus;
use jiff::Timestamp;

pub use crate::options::Options;
pub use session::Imap;
pub use texts::{Attributes, ImapTexts, Limits, Phrase, Times};

use crate::credentials::Credentials;
use crate::session::Moment;
use crate::text::Slot;

/// What all IMAP sessions of a server share.
#[derive(Debug)]
pub struct Service {
    pub(crate) texts: ImapTexts,
    pub(crate) corpus: Arc<Corpus>,
    pub(crate) credentials: Arc<Credentials>,
    /// Without TLS, and with it.
    offers: [Offer; 2],
    pub(crate) refuse_plaintext: bool,
    pub(crate) capabilities: Vec<u8>,
    pub(crate) login_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    /// The time of day at [`Moment`] zero.
    pub(crate) epoch: Timestamp,
}

/// What a client hears before a login.
#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) greeting: Vec<u8>,
    pub(crate) capabilities: Vec<u8>,
}

impl Service {
    /// A server of this mail to these people, in these words.
    pub fn new(
        texts: ImapTexts,
        corpus: Arc<Corpus>,
        credentials: Arc<Credentials>,
        options: Options,
    ) -> Self {
        let Options { node, banner, login_timeout, idle_timeout, refuse_plaintext, epoch } = options;
        let fill = |text: &crate::text::Text| text.fill(&[(Slot::Node, node.as_bytes())]);
        let plain = if refuse_plaintext { &texts.capabilities_plaintext_refused } else { &None };
        let offer = |list: &Option<crate::text::Text>| {
            let capabilities = fill(list.as_ref().unwrap_or(&texts.capabilities_before_login));
            let own = [(Slot::Node, node.as_bytes()), (Slot::Capabilities, &capabilities)];
            let greeting =
                banner.as_ref().map_or_else(|| texts.greeting.fill(&own), |it| it.as_bytes().to_vec());
            Offer { greeting, capabilities }
        };
        Self {
            offers: [offer(plain), offer(&texts.capabilities_tls)],
            refuse_plaintext,
            capabilities: fill(&texts.capabilities),
            login_timeout: login_timeout.unwrap_or(Duration::from_secs(texts.times.login_idle_s)),
            idle_timeout: idle_timeout.unwrap_or(Duration::from_secs(texts.times.idle_s)),
            texts,
            corpus,
            credentials,
            epoch,
        }
    }

    /// What a client hears before a login.
    pub(crate) fn offer(&self, tls: bool) -> &Offer {
        let [plain, secured] = &self.offers;
        if tls { secured } else { plain }
    }

    /// The time of day.
    pub(crate) fn wall_clock(&self, Moment(since): Moment) -> Timestamp {
        self.epoch.checked_add(since).unwrap_or(self.epoch)
    }
}
