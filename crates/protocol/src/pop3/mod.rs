//! POP3 (RFC 1939) with CAPA and response codes (2449, 3206) and AUTH (1734, 5034).
//!
//! The engine is whole; which commands exist and how they are worded is the personality's ([`Pop3Texts`]). What
//! is deleted is removed from the visitor's world at QUIT, where the personality changes mail at all.
//! Read `state.rs`, `command.rs` (the table), `session.rs`, then the command you came for: `login.rs`, `list.rs`,
//! `retrieve.rs`, `delete.rs`.

mod arguments;
mod command;
mod delete;
mod list;
mod login;
mod maildrop;
mod retrieve;
mod session;
mod state;
mod texts;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use bait::Corpus;

pub use crate::options::Options;
pub use session::Pop3;
pub use texts::{Limits, Phrase, Pop3Texts, Times};

use crate::credentials::Credentials;
use crate::text::{Slot, Text};

/// What all POP3 sessions of a server share.
#[derive(Debug)]
pub struct Service {
    pub(crate) texts: Pop3Texts,
    pub(crate) corpus: Arc<Corpus>,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) greeting: Vec<u8>,
    /// The lines of CAPA, with their ends.
    pub(crate) capabilities_before_login: Vec<u8>,
    pub(crate) capabilities_tls: Vec<u8>,
    pub(crate) capabilities: Vec<u8>,
    pub(crate) refuse_plaintext: bool,
    pub(crate) login_timeout: Duration,
    pub(crate) idle_timeout: Duration,
}

impl Service {
    /// A server of this mail (its INBOX) to these people, in these words.
    pub fn new(
        texts: Pop3Texts,
        corpus: Arc<Corpus>,
        credentials: Arc<Credentials>,
        options: Options,
    ) -> Self {
        let Options { node, banner, login_timeout, idle_timeout, refuse_plaintext, .. } = options;
        let fill = |text: &Text| text.fill(&[(Slot::Node, node.as_bytes())]);
        let lines = |list: &[Text]| -> Vec<u8> {
            list.iter().flat_map(|line| [&fill(line)[..], b"\r\n"].concat()).collect()
        };
        let plain = if refuse_plaintext { &texts.capabilities_plaintext_refused } else { &None };
        let before_login =
            |list: &Option<Vec<Text>>| lines(list.as_ref().unwrap_or(&texts.capabilities_before_login));
        Self {
            greeting: banner.map_or_else(|| fill(&texts.greeting), String::into_bytes),
            capabilities_before_login: before_login(plain),
            capabilities_tls: before_login(&texts.capabilities_tls),
            refuse_plaintext,
            capabilities: lines(&texts.capabilities),
            login_timeout: login_timeout.unwrap_or(Duration::from_secs(texts.times.login_idle_s)),
            idle_timeout: idle_timeout.unwrap_or(Duration::from_secs(texts.times.idle_s)),
            texts,
            corpus,
            credentials,
        }
    }
}
