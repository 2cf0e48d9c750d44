//! One mailbox of a visitor's world: the corpus's mailbox, and what the visitor has marked, added and removed.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::corpus::Mailbox;
use crate::flags::Flags;
use crate::message::Message;
use crate::world::Full;

/// Keywords of one mailbox.
const MOST_KEYWORDS: usize = 64;
/// Octets of one keyword.
const LONGEST_KEYWORD: usize = 100;
/// The mod-sequence of what has never been changed.
const FIRST_MODSEQ: u64 = 2;

/// What is marked on a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// System flags.
    pub flags: Flags,
    /// Keywords: bit n is the mailbox's keyword n.
    pub keywords: u64,
    /// When they last changed (RFC 7162).
    pub modseq: u64,
}

/// A message in its mailbox.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The message. Its own flags are those that it came with.
    pub message: Arc<Message>,
    /// What is marked on it now.
    pub marks: Marks,
}

/// One mailbox of a world.
#[derive(Debug)]
pub struct Folder {
    /// Its name in UTF-8.
    pub name: String,
    /// UIDVALIDITY.
    pub uid_validity: u32,
    /// UIDNEXT.
    pub uid_next: u32,
    /// The keywords that it has seen.
    pub keywords: Vec<String>,
    /// The highest mod-sequence.
    pub modseq: u64,
    base: Arc<Mailbox>,
    /// The first UID of the corpus that is not in `base` or among the added.
    base_next: u32,
    added: Vec<Arc<Message>>,
    changes: BTreeMap<u32, Marks>,
    /// What was removed, and at which mod-sequence.
    gone: BTreeMap<u32, u64>,
    /// Messages below this UID are `\Recent` no more.
    seen_below: u32,
    looked_at: bool,
    /// Whether the visitor has made it.
    made: bool,
}

impl Folder {
    pub(crate) fn of(mailbox: &Arc<Mailbox>) -> Self {
        Self {
            name: mailbox.name.clone(),
            uid_validity: mailbox.uid_validity,
            uid_next: mailbox.uid_next,
            keywords: Vec::new(),
            modseq: FIRST_MODSEQ,
            base: Arc::clone(mailbox),
            base_next: mailbox.uid_next,
            added: Vec::new(),
            changes: BTreeMap::new(),
            gone: BTreeMap::new(),
            seen_below: 0,
            looked_at: false,
            made: false,
        }
    }

    /// A new, empty mailbox.
    pub(crate) fn made(mailbox: &Arc<Mailbox>) -> Self {
        Self { made: true, ..Self::of(mailbox) }
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        self.name == name || (self.name == "INBOX" && name.eq_ignore_ascii_case("INBOX"))
    }

    /// The messages, by ascending UID.
    pub fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let known = self.base.messages.iter().filter(|message| message.uid < self.base_next);
        let present = known.chain(&self.added).filter(|message| !self.gone.contains_key(&message.uid));
        present.map(|message| Entry { message: Arc::clone(message), marks: self.marks(message) })
    }

    fn marks(&self, message: &Message) -> Marks {
        let unchanged = Marks { flags: message.flags, keywords: 0, modseq: FIRST_MODSEQ };
        let mut marks = self.changes.get(&message.uid).copied().unwrap_or(unchanged);
        if message.uid < self.seen_below {
            marks.flags = marks.flags & !Flags::RECENT;
        }
        marks
    }

    /// Notes that its index was read.
    pub fn look_at(&mut self) {
        self.looked_at = true;
    }

    /// Whether it is known, from its index, that nothing in it is new (`\Unmarked`, RFC 3501 section 7.2.2). Dovecot never
    /// says so of INBOX, nor at first of a mailbox that was just made.
    pub fn is_unmarked(&self) -> bool {
        let recent = |entry: Entry| entry.marks.flags.contains(Flags::RECENT);
        self.looked_at && !self.made && self.name != "INBOX" && !self.entries().any(recent)
    }

    /// From now on nothing that is there is `\Recent`.
    pub fn forget_recent(&mut self) {
        self.seen_below = self.uid_next;
    }

    /// Marks a message; says whether that changed anything. `\Recent` stays as it is.
    pub fn mark(&mut self, entry: &Entry, flags: Flags, keywords: u64) -> bool {
        let present = self.marks(&entry.message);
        let flags = (flags & !Flags::RECENT) | (present.flags & Flags::RECENT);
        if (flags, keywords) == (present.flags, present.keywords)
            || self.gone.contains_key(&entry.message.uid)
        {
            return false;
        }
        self.changes.insert(entry.message.uid, Marks { flags, keywords, modseq: self.modseq + 1 });
        true
    }

    /// Counts a change: what [`Self::mark`] has marked since the last one has this mod-sequence.
    pub fn count_change(&mut self) {
        self.modseq += 1;
    }

    /// Removes messages; how many there were.
    pub fn expunge(&mut self, uids: impl IntoIterator<Item = u32>) -> usize {
        let before = self.gone.len();
        for uid in uids {
            self.gone.entry(uid).or_insert(self.modseq + 1);
        }
        let gone = &self.gone;
        self.changes.retain(|uid, _| !gone.contains_key(uid));
        if gone.len() > before {
            self.modseq += 1;
        }
        gone.len() - before
    }

    /// The UIDs of what was removed after this mod-sequence, ascending (RFC 7162 section 3.2).
    pub fn expunged_since(&self, modseq: u64) -> impl Iterator<Item = u32> + '_ {
        self.gone.iter().filter(move |(_, at)| **at > modseq).map(|(uid, _)| *uid)
    }

    /// The bits of keywords, which become known to the mailbox. There is no bit for one too many.
    pub fn keyword_bits(&mut self, names: &[String]) -> u64 {
        let mut bits = 0;
        for name in names {
            let known = self.keywords.iter().position(|known| known.eq_ignore_ascii_case(name));
            let room = self.keywords.len() < MOST_KEYWORDS && name.len() <= LONGEST_KEYWORD;
            let bit = known.or_else(|| {
                room.then(|| {
                    self.keywords.push(name.clone());
                    self.keywords.len() - 1
                })
            });
            bits |= bit.map_or(0, |bit| 1_u64 << bit);
        }
        bits
    }

    pub(crate) fn add(&mut self, message: impl FnOnce(u32) -> Message, keywords: u64) -> Result<u32, Full> {
        let uid = self.uid_next;
        self.uid_next = uid.checked_add(1).ok_or(Full)?;
        // Who adds takes in what was waiting: only what is added is \\Recent.
        self.seen_below = self.seen_below.max(self.base_next.min(uid));
        let message = message(uid);
        self.modseq += 1;
        let marks = Marks { flags: message.flags, keywords, modseq: self.modseq };
        self.changes.insert(uid, marks);
        self.added.push(Arc::new(message));
        Ok(uid)
    }

    /// What the corpus has got since goes behind what the visitor has added.
    pub(crate) fn arrive(&mut self, mailbox: &Mailbox) {
        for message in mailbox.messages.iter().filter(|message| message.uid >= self.base_next) {
            let again = if message.uid < self.uid_next {
                let (date, bytes) = (message.internal_date.clone(), message.bytes.clone());
                let slots = message.slots.clone();
                Arc::new(Message::new(self.uid_next, message.flags, date, bytes, slots))
            } else {
                Arc::clone(message)
            };
            self.uid_next = again.uid.saturating_add(1);
            self.added.push(again);
        }
        self.base_next = self.base_next.max(mailbox.uid_next);
        self.uid_next = self.uid_next.max(mailbox.uid_next);
    }
}
