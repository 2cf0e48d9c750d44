//! One command's turn: what its handler knows, and how it answers.

use event::CloseReason;

use crate::guest::Guest;
use crate::session::{Action, Actions, Moment};
use crate::smtp::Service;
use crate::smtp::state::Stage;
use crate::smtp::texts::{Phrase, code};
use crate::smtp::token::Token;
use crate::text::{Slot, Values};

/// Why a command is refused: the reply's meaning, and the item or number that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub phrase: Phrase,
    /// The offending item, where there is one.
    pub detail: Vec<u8>,
    /// The number of octets concerned, where there is one.
    pub octets: u64,
}

impl Fault {
    /// A fault that names an item.
    pub fn with(phrase: Phrase, detail: impl Into<Vec<u8>>) -> Self {
        Self { phrase, detail: detail.into(), octets: 0 }
    }
}

impl From<Phrase> for Fault {
    fn from(phrase: Phrase) -> Self {
        Self::with(phrase, Vec::new())
    }
}

/// A command being carried out.
///
/// The first reply decides the command's `status`; the session records `command.received` in front of whatever the
/// turn has put out.
#[derive(Debug)]
pub struct Turn<'a> {
    /// What all sessions share.
    pub service: &'a Service,
    /// The verb, in upper case where we know it.
    pub verb: &'a [u8],
    /// The line as received.
    pub line: &'a bytes::Bytes,
    /// Its tokens, the verb first.
    pub tokens: &'a [Token<'a>],
    /// What is sent and recorded.
    pub out: &'a mut Actions,
    /// What the next input means, once the turn is over.
    pub stage: Stage,
    /// The reply code, once there is one.
    pub status: &'static str,
    /// Whether so many errors have been made that every reply is delayed.
    pub slow: bool,
    /// Whether the reply does not count as an error although its code says so.
    pub excused: bool,
    /// The time of the turn.
    pub now: Moment,
    /// The peer.
    pub guest: &'a Guest,
}

impl Turn<'_> {
    /// The tokens behind the verb.
    pub fn arguments(&self) -> &[Token<'_>] {
        self.tokens.get(1..).unwrap_or_default()
    }

    /// Sends a line of a reply.
    pub fn send(&mut self, line: &[u8]) {
        if self.slow {
            // Postfix sends nothing while there is something to read: the answers before this one wait, too.
            self.out.hold_back(self.service.texts.times.error_delay());
        }
        if self.status.is_empty() {
            self.status = code(line);
        }
        self.out.send(line);
        self.out.send(b"\r\n");
    }

    /// Replies with a phrase.
    pub fn reply(&mut self, phrase: Phrase, values: Values<'_>) {
        let own: [(Slot, &[u8]); 2] = [(Slot::Node, self.service.node.as_bytes()), (Slot::Verb, self.verb)];
        let text = self.service.texts.replies.of(phrase).fill(&[values, &own].concat());
        self.send(&text);
    }

    /// The command is in order: its own words.
    pub fn complete(&mut self, values: Values<'_>) {
        let texts = &self.service.texts;
        let words = std::str::from_utf8(self.verb).ok().and_then(|verb| texts.completed.get(verb));
        let node: [(Slot, &[u8]); 1] = [(Slot::Node, self.service.node.as_bytes())];
        let text = words.map(|words| words.fill(&[values, &node].concat()));
        self.send(text.as_deref().unwrap_or_default());
    }

    /// The command is refused.
    pub fn refuse(&mut self, fault: &Fault) {
        let octets = fault.octets.to_string();
        self.reply(fault.phrase, &[(Slot::Detail, &fault.detail), (Slot::Octets, octets.as_bytes())]);
    }

    /// Closes the connection.
    pub fn close(&mut self, reason: CloseReason) {
        self.out.push(Action::Close(reason));
        self.stage = Stage::Closed;
    }

    /// Whether the reply counts as an error (RFC 5321 section 4.2.1).
    pub fn failed(&self) -> bool {
        !self.excused && (self.status.starts_with('4') || self.status.starts_with('5'))
    }
}
