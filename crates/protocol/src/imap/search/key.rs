//! The search keys of RFC 3501 section 6.4.4, reduced to what a message can be asked.

use std::cmp::Ordering;
use std::ops::Range;

use bait::{Flags, Marks, Message};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::imap::fetch::guid;
use crate::imap::sequence::holds;

/// One key, or several put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// Every key must match; none at all is ALL.
    And(Vec<Key>),
    /// One of them must match.
    Or(Box<(Key, Key)>),
    /// It must not match.
    Not(Box<Key>),
    /// The message's position lies in one of these spans: a sequence set, or UID.
    Positions(Vec<Range<usize>>),
    /// The flag is set.
    Flag(Flags),
    /// KEYWORD, in any case.
    Keyword(String),
    /// MODSEQ: changed at this mod-sequence or later (RFC 7162).
    Modseq(u64),
    /// It arrived at this moment or later: YOUNGER (RFC 5032).
    ArrivedSince(Timestamp),
    /// The date compares like this with the message's.
    Date {
        /// The Date header instead of the arrival.
        sent: bool,
        /// How the message's date must compare with `date`: less for BEFORE, equal for ON.
        order: Ordering,
        /// The date asked for.
        date: Date,
    },
    /// X-GUID.
    Guid(String),
    /// LARGER.
    Larger(u64),
    /// SMALLER.
    Smaller(u64),
    /// A header field of this name (lower case) holds this text (case-folded); any, where the text is empty.
    Header(String, String),
    /// FROM, TO, CC, BCC or SUBJECT (lower case) holds this text (case-folded), as it is shown to people.
    Shown(String, String),
    /// The decoded text holds this (case-folded).
    Body(String),
    /// The header or the decoded text holds this (case-folded).
    Text(String),
}

impl Key {
    /// Whether a message must be there to be asked. Recursion is as deep as the parser lets keys nest.
    pub fn needs_message(&self) -> bool {
        match self {
            Self::And(keys) => keys.iter().any(Self::needs_message),
            Self::Or(either) => either.0.needs_message() || either.1.needs_message(),
            Self::Not(key) => key.needs_message(),
            Self::Positions(_) | Self::Flag(_) | Self::Keyword(_) | Self::Modseq(_) => false,
            _ => true,
        }
    }
}

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
    /// Octets of text looked through so far.
    pub read: usize,
}

impl Candidate<'_> {
    /// Whether the message matches. Recursion is as deep as the parser lets keys nest.
    pub fn matches(&mut self, key: &Key) -> bool {
        match key {
            Key::And(keys) => keys.iter().all(|key| self.matches(key)),
            Key::Or(either) => self.matches(&either.0) || self.matches(&either.1),
            Key::Not(key) => !self.matches(key),
            Key::Positions(spans) => holds(spans, self.position),
            Key::Flag(flag) => self.marks.flags.contains(*flag),
            Key::Keyword(name) => {
                let bit = self.keywords.iter().position(|known| known.eq_ignore_ascii_case(name));
                bit.is_some_and(|bit| self.marks.keywords >> bit & 1 == 1)
            }
            Key::Modseq(least) => self.marks.modseq >= *least,
            Key::ArrivedSince(moment) => self.message.internal_date.timestamp() >= *moment,
            Key::Date { sent, order, date } => {
                let own = if *sent { self.sent() } else { self.message.internal_date.date() };
                own.cmp(date) == *order
            }
            Key::Guid(name) => guid(self.message) == *name,
            Key::Larger(size) => self.message.size() as u64 > *size,
            Key::Smaller(size) => (self.message.size() as u64) < *size,
            Key::Header(name, text) => {
                let text_of_message = self.message.search_text();
                let mut values = text_of_message.headers.iter().filter(|(known, _)| known == name);
                values.any(|(_, value)| contains(&mut self.read, value, text))
            }
            Key::Shown(name, text) => {
                let all = self.message.search_text();
                let mut values = all.keys.iter().filter(|(known, _)| known == name);
                values.any(|(_, value)| contains(&mut self.read, value, text))
            }
            Key::Body(text) => contains(&mut self.read, &self.message.search_text().body, text),
            Key::Text(text) => {
                let all = self.message.search_text();
                contains(&mut self.read, &all.header, text) || contains(&mut self.read, &all.body, text)
            }
        }
    }

    /// A message without a Date counts as sent in 1970, as in Dovecot.
    fn sent(&self) -> Date {
        self.message.sent_date().unwrap_or(Date::constant(1970, 1, 1))
    }
}

fn contains(read: &mut usize, text: &str, wanted: &str) -> bool {
    *read = read.saturating_add(text.len());
    memchr::memmem::find(text.as_bytes(), wanted.as_bytes()).is_some()
}
