//! The search keys of RFC 3501 section 6.4.4 and those of Dovecot, reduced to what a message can be asked.

use bait::Flags;

use super::mime_key::MimeKey;
use super::set::Set;
use super::thread::Algorithm;
use crate::imap::kept;

/// One key, or several put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Whether it must not match.
    pub not: bool,
    /// FUZZY (RFC 6203), which changes nothing but what it is the same as.
    pub fuzzy: bool,
    /// What is asked.
    pub key: Key,
    /// Its place among all keys of the search, once they are numbered.
    pub id: usize,
}

/// What is asked of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// Nothing.
    All,
    /// Every one must match; there is one at least, unless Dovecot is not imitated.
    And(Vec<Node>),
    /// One of them must match; there is one at least.
    Or(Vec<Node>),
    /// Its thread has a message that matches all of these.
    InThread(Algorithm, Vec<Node>),
    /// Its number is one of these, as the mailbox was when the search began.
    Numbers(Set),
    /// Its UID is one of these: `$` (RFC 5182), and numbers of a search that is kept up to date.
    Uids(Set),
    /// X-REAL-UID: the same in a set of its own.
    RealUids(Set),
    /// All of these flags are set.
    Flags(Flags),
    /// KEYWORD, in any case.
    Keyword(String),
    /// MODSEQ: changed at this mod-sequence or later (RFC 7162).
    Modseq {
        /// The mod-sequence.
        least: u64,
        /// Whose flags: 0 for all, 1 for one's own, 2 for shared ones.
        kind: u8,
        /// The keyword whose changes are asked for.
        keyword: Option<String>,
    },
    /// A date.
    Time(Time),
    /// LARGER and SMALLER.
    Size {
        /// LARGER.
        larger: bool,
        /// Octets.
        octets: u64,
    },
    /// X-GUID.
    Guid(String),
    /// X-MAILBOX: the pattern, and whether the mailbox is meant by it.
    Mailbox(String, bool),
    /// SAVEDATESUPPORTED.
    SaveDateSupported,
    /// A header field of this name (lower case) holds this text; any, where the text is empty.
    Header(String, Sought),
    /// FROM, TO, CC, BCC or SUBJECT (lower case) holds this text, as it is shown to people.
    Shown(String, Sought),
    /// The decoded text holds this.
    Body(Sought),
    /// The header or the decoded text holds this.
    Text(Sought),
    /// MIMEPART: a part of it is such.
    Mime(Vec<MimeKey>),
}

/// A text that is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    /// As it was written.
    pub written: String,
    /// Case-folded.
    pub folded: String,
}

/// A date that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    /// Which date.
    pub of: DateOf,
    /// How it must compare.
    pub order: Compare,
    /// Seconds since 1970: of the day's beginning, disregarding zones, or of the moment.
    pub seconds: i64,
    /// A moment, not a day: YOUNGER and OLDER (RFC 5032).
    pub exact: bool,
}

/// The dates that a message has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateOf {
    /// INTERNALDATE.
    Arrival,
    /// The Date header.
    Sending,
    /// When it came into the mailbox.
    Saving,
}

/// How a date must compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// BEFORE.
    Before,
    /// ON.
    On,
    /// SINCE.
    Since,
}

impl Key {
    /// The key on its own.
    pub const fn node(self) -> Node {
        Node { not: false, fuzzy: false, key: self, id: 0 }
    }

    /// What of a message is read to answer it and kept from then on, as [`kept`] calls it.
    pub fn reads(&self) -> Option<&str> {
        match self {
            Self::Time(time) => Some(match time.of {
                DateOf::Arrival => kept::ARRIVAL,
                DateOf::Sending => "date",
                DateOf::Saving => kept::SAVING,
            }),
            Self::Size { .. } => Some(kept::SIZE),
            Self::Header(name, _) | Self::Shown(name, _) => Some(name),
            _ => None,
        }
    }

    /// The keys below it in the same search.
    pub fn below(&self) -> &[Node] {
        match self {
            Self::And(keys) | Self::Or(keys) => keys,
            _ => &[],
        }
    }

    /// Whether it holds the same as another, as Dovecot sees it. Numbers never do.
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, Self::All) | (Self::SaveDateSupported, Self::SaveDateSupported) => true,
            (Self::And(one), Self::And(two)) | (Self::Or(one), Self::Or(two)) => all_same(one, two),
            (Self::InThread(how, one), Self::InThread(as_well, two)) => how == as_well && all_same(one, two),
            (Self::Uids(one), Self::Uids(two)) | (Self::RealUids(one), Self::RealUids(two)) => one == two,
            (Self::Flags(one), Self::Flags(two)) => one == two,
            (Self::Keyword(one), Self::Keyword(two)) => one.eq_ignore_ascii_case(two),
            (Self::Modseq { least: one, kind, .. }, Self::Modseq { least: two, kind: other_kind, .. }) => {
                one == two && kind == other_kind
            }
            (Self::Time(one), Self::Time(two)) => one == two,
            (Self::Size { larger, octets }, Self::Size { larger: other, octets: as_many }) => {
                larger == other && octets == as_many
            }
            (Self::Guid(one), Self::Guid(two)) | (Self::Mailbox(one, _), Self::Mailbox(two, _)) => one == two,
            (Self::Header(field, one), Self::Header(other, two))
            | (Self::Shown(field, one), Self::Shown(other, two)) => {
                field == other && one.written == two.written
            }
            (Self::Body(one), Self::Body(two)) | (Self::Text(one), Self::Text(two)) => {
                one.written == two.written
            }
            (Self::Mime(one), Self::Mime(two)) => one == two,
            _ => false,
        }
    }
}

impl Node {
    /// Whether it is the same as another.
    pub fn same(&self, other: &Self) -> bool {
        self.not == other.not && self.fuzzy == other.fuzzy && self.key.same(&other.key)
    }
}

fn all_same(one: &[Node], two: &[Node]) -> bool {
    one.len() == two.len() && one.iter().zip(two).all(|(one, two)| one.same(two))
}

/// Gives every key its place, and says how many there are.
pub fn number(keys: &mut [Node], mut next: usize) -> usize {
    for node in keys {
        node.id = next;
        next = next.saturating_add(1);
        if let Key::And(below) | Key::Or(below) | Key::InThread(_, below) = &mut node.key {
            next = number(below, next);
        }
    }
    next
}
