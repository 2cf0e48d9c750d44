//! What a message answers to the keys of a search.

use std::collections::BTreeMap;

use bait::{Marks, Message};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::key::{Compare, DateOf, Key, Node, Time};
use super::mime_match::Parts;
use super::set::Set;
use crate::imap::fetch::guid;
use crate::imap::kept::Kept;

/// How many parts of messages one search asks; no mail of honest people comes near it.
pub const MOST_PARTS: usize = 2_000_000;

/// A message that is being asked.
#[derive(Debug)]
pub struct Candidate<'a> {
    /// The message.
    pub message: &'a Message,
    /// Its position in the mailbox, from 0.
    pub position: usize,
    /// What is marked on it, as the session sees it.
    pub marks: Marks,
    /// The names of the keywords.
    pub keywords: &'a [String],
    /// The UIDs that INTHREAD has found, by the key's place.
    pub threads: &'a BTreeMap<usize, Set>,
    /// When messages were saved, in seconds since 1970.
    pub saved: i64,
    /// Whether another session has expunged it.
    pub gone: bool,
    /// What is known of messages all the same, and the mailbox' UIDVALIDITY.
    pub kept: Option<(u32, &'a Kept)>,
    /// Whether its mailbox is gone, or has another name.
    pub misplaced: bool,
    /// Whether Dovecot does not survive the question for a keyword or a mailbox.
    pub unprepared: bool,
}

/// What asking has cost, and what came of it.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
pub struct Cost {
    /// Octets of text looked through so far.
    pub read: usize,
    /// Parts that may still be asked.
    pub parts: usize,
    /// Whether a file's name was compared.
    pub named: bool,
    /// Whether a message had to be looked at that another session has expunged.
    pub lost: bool,
    /// Whether a message had to be looked at whose mailbox is gone.
    pub misplaced: bool,
    /// Whether a message had to be looked at itself.
    pub looked: bool,
    /// Whether Dovecot's process would not have survived.
    pub fatal: bool,
}

impl Default for Cost {
    fn default() -> Self {
        Self {
            read: 0,
            parts: MOST_PARTS,
            named: false,
            lost: false,
            misplaced: false,
            looked: false,
            fatal: false,
        }
    }
}

/// Keys are asked in this order: first what costs little.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Round {
    Marks,
    Data,
    Header,
    Body,
}

impl Key {
    /// Whether the message must be there to be asked this in that round.
    const fn is_read_in(&self, round: Round) -> bool {
        match self {
            Self::Time(_) | Self::Size { .. } | Self::SaveDateSupported => matches!(round, Round::Data),
            Self::Header(..) | Self::Shown(..) => matches!(round, Round::Header),
            Self::Body(_) | Self::Text(_) => matches!(round, Round::Body),
            _ => false,
        }
    }
}

impl Candidate<'_> {
    /// Whether the message matches all keys, which are numbered, and `count` in all.
    pub fn matches(&self, keys: &[Node], count: usize, cost: &mut Cost) -> bool {
        let mut inquiry = Inquiry { candidate: self, answers: vec![None; count], cost };
        for round in [Round::Marks, Round::Data, Round::Header, Round::Body] {
            let leaf = |inquiry: &mut Inquiry<'_>, node: &Node| inquiry.answer(node, round);
            if let Some(found) = inquiry.all(keys, &mut { leaf }) {
                return found;
            }
        }
        // Of the parts of a message that is gone nothing is known, and nothing is said of that.
        !self.gone && !self.misplaced && inquiry.parts(keys).unwrap_or_default()
    }

    fn has_kept(&self, key: &Key) -> bool {
        let Some((uid_validity, kept)) = self.kept else { return false };
        key.reads().is_some_and(|name| kept.has((uid_validity, self.message.uid), name))
    }

    fn compares(&self, time: &Time) -> bool {
        let civil = |date| TimeZone::UTC.to_timestamp(date).map_or(0, Timestamp::as_second);
        let own = match time.of {
            DateOf::Arrival if time.exact => self.message.internal_date.timestamp().as_second(),
            DateOf::Arrival => civil(self.message.internal_date.datetime()),
            // A message without a date counts as sent in 1970.
            DateOf::Sending => self.message.sent_seconds().unwrap_or_default(),
            DateOf::Saving => self.saved,
        };
        match time.order {
            Compare::Before => own < time.seconds,
            Compare::On => (time.seconds..time.seconds.saturating_add(24 * 3600)).contains(&own),
            Compare::Since => own >= time.seconds,
        }
    }
}

/// One message's answers.
struct Inquiry<'a> {
    candidate: &'a Candidate<'a>,
    answers: Vec<Option<bool>>,
    cost: &'a mut Cost,
}

impl Inquiry<'_> {
    /// Whether all keys match, as far as that is known. Recursion is as deep as the parser lets keys nest.
    fn all(
        &mut self,
        keys: &[Node],
        leaf: &mut impl FnMut(&mut Self, &Node) -> Option<bool>,
    ) -> Option<bool> {
        let mut found = Some(true);
        for node in keys {
            match self.one(node, leaf) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => found = None,
            }
        }
        found
    }

    fn one(&mut self, node: &Node, leaf: &mut impl FnMut(&mut Self, &Node) -> Option<bool>) -> Option<bool> {
        if let Some(known) = self.answers.get(node.id).copied().flatten() {
            return Some(known);
        }
        let found = match &node.key {
            Key::And(below) => self.all(below, leaf),
            Key::Or(below) => {
                let mut found = Some(false);
                for node in below {
                    match self.one(node, leaf) {
                        Some(true) => {
                            found = Some(true);
                            break;
                        }
                        Some(false) => {}
                        None => found = None,
                    }
                }
                found
            }
            _ => leaf(self, node),
        };
        let found = found.map(|found| found != node.not);
        if let Some(answer) = self.answers.get_mut(node.id) {
            *answer = found;
        }
        found
    }

    /// What the message answers to a key in this round; `None` where the key has its answer in another one.
    fn answer(&mut self, node: &Node, round: Round) -> Option<bool> {
        let asked = self.candidate;
        let message = asked.message;
        let number = u32::try_from(asked.position.saturating_add(1)).unwrap_or(u32::MAX);
        match (&node.key, round) {
            (Key::All, _) => Some(true),
            (Key::Numbers(set), _) => Some(set.holds(number)),
            (Key::Uids(set), _) | (Key::RealUids(set), Round::Data) => Some(set.holds(message.uid)),
            (Key::InThread(..), _) => {
                let set = asked.threads.get(&node.id);
                // INTHREAD within INTHREAD has no result.
                self.cost.fatal |= set.is_none();
                Some(set.is_some_and(|set| set.holds(message.uid)))
            }
            (Key::Flags(flags), _) => Some(asked.marks.flags.contains(*flags)),
            (Key::Keyword(_) | Key::Mailbox(..), _) if asked.unprepared => {
                self.cost.fatal = true;
                Some(false)
            }
            (Key::Keyword(name), _) => {
                let bit = asked.keywords.iter().position(|known| known.eq_ignore_ascii_case(name));
                Some(bit.is_some_and(|bit| asked.marks.keywords >> bit & 1 == 1))
            }
            (Key::Modseq { least, .. }, _) => Some(asked.marks.modseq >= *least),
            (Key::Mailbox(_, here), _) => Some(*here),
            (Key::Guid(name), Round::Data) => Some(guid(message) == *name),
            (key, round) if asked.gone && key.is_read_in(round) && !asked.has_kept(key) => {
                self.cost.lost = true;
                None
            }
            (key, round) if asked.misplaced && key.is_read_in(round) => {
                self.cost.misplaced = true;
                None
            }
            (key, round) if !self.cost.looked && key.is_read_in(round) => {
                self.cost.looked = true;
                self.answer(node, round)
            }
            (Key::SaveDateSupported, Round::Data) => Some(true),
            (Key::Time(time), Round::Data) => Some(asked.compares(time)),
            (Key::Size { larger, octets }, Round::Data) => {
                let size = message.size() as u64;
                Some(if *larger { size > *octets } else { size < *octets })
            }
            (Key::Header(name, text), Round::Header) => {
                let all = message.search_text();
                let mut values = all.headers.iter().filter(|(known, _)| known == name);
                Some(values.any(|(_, value)| self.holds(value, &text.folded)))
            }
            (Key::Shown(name, text), Round::Header) => {
                let all = message.search_text();
                let mut values = all.keys.iter().filter(|(known, _)| known == name);
                Some(values.any(|(_, value)| self.holds(value, &text.folded)))
            }
            (Key::Body(text), Round::Body) => Some(self.holds(&message.search_text().body, &text.folded)),
            (Key::Text(text), Round::Body) => {
                let all = message.search_text();
                Some(self.holds(&all.header, &text.folded) || self.holds(&all.body, &text.folded))
            }
            _ => None,
        }
    }

    fn holds(&mut self, text: &str, wanted: &str) -> bool {
        self.cost.read = self.cost.read.saturating_add(text.len());
        memchr::memmem::find(text.as_bytes(), wanted.as_bytes()).is_some()
    }

    /// The last round: what only the parts can answer.
    fn parts(&mut self, keys: &[Node]) -> Option<bool> {
        self.cost.looked = true;
        let mut left = self.cost.parts;
        let mut parts = Parts::of(self.candidate.message.structure(), &mut left);
        let found = self.all(keys, &mut |_: &mut Self, node: &Node| match &node.key {
            Key::Mime(keys) => parts.matches(keys),
            _ => None,
        });
        let (fatal, named) = (parts.fatal, parts.named);
        self.cost.named |= named;
        self.cost.read =
            self.cost.read.saturating_add((self.cost.parts.saturating_sub(left)).saturating_mul(64));
        self.cost.parts = left;
        self.cost.fatal |= fatal;
        found
    }
}
