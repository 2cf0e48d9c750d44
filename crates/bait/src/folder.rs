//! One mailbox of a visitor's world: the corpus's mailbox, and what the visitor has marked, added and removed.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use crate::corpus::Mailbox;
use crate::flags::Flags;
use crate::listing::Numbers;
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

/// A message that was removed.
#[derive(Debug, Clone, Copy)]
struct Gone {
    /// What was marked on it last.
    marks: Marks,
    /// The mod-sequence of its removal.
    at: u64,
}

/// What the index of mailboxes knows of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Record {
    /// Nothing.
    None,
    /// Everything but which messages are seen: something was added to a mailbox that nobody had looked at.
    Flagless,
    Whole,
}

/// One mailbox of a world. A copy shares the messages, and the list of them for as long as it is not changed.
#[derive(Debug, Clone)]
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
    /// The least mod-sequence that a message has, since somebody wanted to know them: until then none is kept.
    pub modseqs_from: Option<u64>,
    base: Arc<Mailbox>,
    /// The first UID of the corpus that is not in `base` or among the added.
    base_next: u32,
    added: Vec<Arc<Message>>,
    changes: BTreeMap<u32, Marks>,
    gone: BTreeMap<u32, Gone>,
    /// Messages below this UID are `\Recent` no more.
    seen_below: u32,
    looked_at: bool,
    record: Record,
    /// Whether the visitor has made it.
    made: bool,
    /// Counts what sessions may have to tell.
    touched: u64,
    list: OnceLock<Arc<Vec<Entry>>>,
}

impl Folder {
    pub(crate) fn of(mailbox: &Arc<Mailbox>) -> Self {
        Self {
            name: mailbox.name.clone(),
            uid_validity: mailbox.uid_validity,
            uid_next: mailbox.uid_next,
            keywords: Vec::new(),
            modseq: FIRST_MODSEQ,
            modseqs_from: None,
            base: Arc::clone(mailbox),
            base_next: mailbox.uid_next,
            added: Vec::new(),
            changes: BTreeMap::new(),
            gone: BTreeMap::new(),
            seen_below: 0,
            looked_at: false,
            record: Record::None,
            made: false,
            touched: 0,
            list: OnceLock::new(),
        }
    }

    /// A new, empty mailbox.
    pub(crate) fn made(mailbox: &Arc<Mailbox>) -> Self {
        Self { made: true, modseq: FIRST_MODSEQ - 1, ..Self::of(mailbox) }
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        self.name == name || (self.name == "INBOX" && name.eq_ignore_ascii_case("INBOX"))
    }

    /// The messages, by ascending UID. The list is made once, and shared until something changes.
    pub fn list(&self) -> &Arc<Vec<Entry>> {
        self.list.get_or_init(|| {
            let known = self.base.messages.iter().filter(|message| message.uid < self.base_next);
            let present = known.chain(&self.added).filter(|message| !self.gone.contains_key(&message.uid));
            let entry =
                |message: &Arc<Message>| Entry { message: Arc::clone(message), marks: self.marks(message) };
            Arc::new(present.map(entry).collect())
        })
    }

    /// The messages, by ascending UID.
    pub fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        self.list().iter().cloned()
    }

    /// What is marked on a message now, or was last.
    pub fn now(&self, message: &Message) -> Marks {
        self.last_marks(message.uid).unwrap_or_else(|| self.marks(message))
    }

    /// Whether the message of that UID was there and is removed.
    pub fn is_gone(&self, uid: u32) -> bool {
        self.gone.contains_key(&uid)
    }

    /// What was marked last on a message that is removed.
    pub fn last_marks(&self, uid: u32) -> Option<Marks> {
        self.gone.get(&uid).map(|gone| gone.marks)
    }

    /// The UIDs of what was removed after this mod-sequence, ascending (RFC 7162 section 3.2).
    pub fn expunged_since(&self, modseq: u64) -> impl Iterator<Item = u32> + '_ {
        self.gone.iter().filter(move |(_, gone)| gone.at > modseq).map(|(uid, _)| *uid)
    }

    /// Whether its mod-sequences are told apart.
    pub const fn is_tracked(&self) -> bool {
        self.modseqs_from.is_some()
    }

    /// Tells mod-sequences apart from now on: as in Dovecot, once somebody has asked for one. What has changed before has changed
    /// now. The least one.
    pub fn track(&mut self) -> u64 {
        *self.modseqs_from.get_or_insert(self.modseq)
    }

    /// Grows with everything that a session that has it open may have to tell.
    pub const fn touched(&self) -> u64 {
        self.touched
    }

    fn touch(&mut self) {
        self.touched += 1;
        self.list = OnceLock::new();
    }

    fn marks(&self, message: &Message) -> Marks {
        let unchanged = Marks { flags: message.flags, keywords: 0, modseq: FIRST_MODSEQ };
        let mut marks = self.changes.get(&message.uid).copied().unwrap_or(unchanged);
        if message.uid < self.seen_below {
            marks.flags = marks.flags & !Flags::RECENT;
        }
        marks
    }

    /// Whether its index was ever read.
    pub(crate) const fn is_looked_at(&self) -> bool {
        self.looked_at && matches!(self.record, Record::Whole)
    }

    /// Whether its index was ever read, or something was put into it, which makes one.
    pub fn has_index(&self) -> bool {
        self.looked_at || self.made || !self.added.is_empty()
    }

    /// Whether anything in it is `\Recent`.
    pub(crate) fn has_recent(&self) -> bool {
        self.list().iter().any(|entry| entry.marks.flags.contains(Flags::RECENT))
    }

    /// Notes that its index was read.
    pub(crate) fn look_at(&mut self) {
        self.modseq = self.modseq_once_read();
        self.looked_at = true;
        self.record = Record::Whole;
        self.touched += 1;
    }

    /// Whether the visitor has made it.
    pub(crate) const fn is_made(&self) -> bool {
        self.made
    }

    /// From now on it has this name, under which nobody has looked at it.
    pub(crate) fn rename(&mut self, name: String) {
        self.name = name;
        self.record = Record::None;
    }

    /// The highest mod-sequence, once the mailbox was read: flags that its index does not know yet are a change.
    pub const fn modseq_once_read(&self) -> u64 {
        match self.record {
            Record::Flagless => self.modseq.saturating_add(1),
            _ => self.modseq,
        }
    }

    /// What the index of mailboxes knows of it. Counts its messages.
    pub fn numbers(&self) -> Numbers {
        if self.record == Record::None {
            return Numbers::default();
        }
        let list = self.list();
        let count = |wanted: fn(Flags) -> bool| list.iter().filter(|entry| wanted(entry.marks.flags)).count();
        let (unseen, modseq) = match self.record {
            Record::Flagless if self.name != "INBOX" => (list.len(), self.modseq),
            _ => (count(|flags| !flags.contains(Flags::SEEN)), self.modseq_once_read()),
        };
        Numbers {
            uid_validity: self.uid_validity,
            uid_next: self.uid_next,
            messages: list.len(),
            unseen,
            recent: count(|flags| flags.contains(Flags::RECENT)),
            modseq,
        }
    }

    /// Whether it is known, from its index, that nothing in it is new (`\Unmarked`, RFC 3501 section 7.2.2). Dovecot never
    /// says so of INBOX, nor at first of a mailbox that was just made.
    pub fn is_unmarked(&self) -> bool {
        self.is_looked_at() && !self.made && self.name != "INBOX" && !self.has_recent()
    }

    /// From now on nothing that is there is `\Recent`.
    pub(crate) fn forget_recent(&mut self) {
        if self.has_recent() {
            self.touch();
        }
        self.seen_below = self.uid_next;
    }

    /// Marks a message; says whether that changed anything. `\Recent` stays as it is. A session that does not know yet that
    /// the message is gone marks it all the same.
    pub fn mark(&mut self, entry: &Entry, flags: Flags, keywords: u64) -> bool {
        self.mark_among(entry, flags, keywords, 1)
    }

    /// The same as one of so many changes, of which the last has its mod-sequence.
    pub fn mark_among(&mut self, entry: &Entry, flags: Flags, keywords: u64, changes: u64) -> bool {
        let uid = entry.message.uid;
        let present = self.now(&entry.message);
        let flags = (flags & !Flags::RECENT) | (present.flags & Flags::RECENT);
        if (flags, keywords) == (present.flags, present.keywords) {
            return false;
        }
        let marks = Marks { flags, keywords, modseq: self.modseq + changes };
        match self.gone.get_mut(&uid) {
            Some(last) => last.marks = marks,
            None => drop(self.changes.insert(uid, marks)),
        }
        self.record = Record::Whole;
        self.touch();
        true
    }

    /// Counts a change: what [`Self::mark`] has marked since the last one has this mod-sequence.
    pub const fn count_change(&mut self) {
        self.count_changes(1);
    }

    /// Counts changes: what [`Self::mark_among`] has marked among so many has this mod-sequence.
    pub const fn count_changes(&mut self, changes: u64) {
        self.modseq += changes;
    }

    /// Removes messages; how many there were.
    pub fn expunge(&mut self, uids: impl IntoIterator<Item = u32>) -> usize {
        let list = Arc::clone(self.list());
        let before = self.gone.len();
        for uid in uids {
            let known = list.binary_search_by_key(&uid, |entry| entry.message.uid);
            if let Some(entry) = known.ok().and_then(|place| list.get(place)) {
                self.gone.insert(uid, Gone { marks: entry.marks, at: self.modseq + 1 });
                self.changes.remove(&uid);
            }
        }
        let removed = self.gone.len() - before;
        if removed > 0 {
            self.modseq += 1;
            self.record = Record::Whole;
            self.touch();
        }
        removed
    }

    /// The bits of those keywords that the mailbox knows.
    pub fn known_keyword_bits(&self, names: &[String]) -> u64 {
        let bit = |name: &String| self.keywords.iter().position(|known| known.eq_ignore_ascii_case(name));
        names.iter().filter_map(bit).fold(0, |bits, bit| bits | 1 << bit)
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
                    self.touched += 1;
                    self.keywords.len() - 1
                })
            });
            bits |= bit.map_or(0, |bit| 1_u64 << bit);
        }
        bits
    }

    /// Adds a message, with its mod-sequence.
    pub(crate) fn add(
        &mut self,
        message: impl FnOnce(u32) -> Message,
        keywords: u64,
        modseq: u64,
    ) -> Result<u32, Full> {
        let uid = self.uid_next;
        self.uid_next = uid.checked_add(1).ok_or(Full)?;
        let known = self.made || self.looked_at || self.record != Record::None;
        if !known {
            // Who adds to what nobody has looked at takes in what was waiting: only what is added is \Recent.
            self.seen_below = self.seen_below.max(self.base_next.min(uid));
        }
        let message = message(uid);
        self.modseq = self.modseq.max(modseq);
        let marks = Marks { flags: message.flags, keywords, modseq };
        self.changes.insert(uid, marks);
        self.added.push(Arc::new(message));
        if self.record == Record::None {
            self.record = if known { Record::Whole } else { Record::Flagless };
        }
        self.touch();
        Ok(uid)
    }

    /// Whether the corpus has got something since.
    pub(crate) fn is_behind(&self, mailbox: &Mailbox) -> bool {
        mailbox.uid_next > self.base_next
            || mailbox.messages.iter().any(|message| message.uid >= self.base_next)
    }

    /// What the corpus has got since goes behind what the visitor has added, as far as there is `room` for it.
    pub(crate) fn arrive(&mut self, mailbox: &Mailbox, mut room: impl FnMut(&Message) -> bool) {
        let next = self.base_next;
        for message in mailbox.messages.iter().filter(|message| message.uid >= next) {
            if !room(message) {
                continue;
            }
            let again = if message.uid < self.uid_next {
                Arc::new(message.again(self.uid_next, message.flags))
            } else {
                Arc::clone(message)
            };
            self.uid_next = again.uid.saturating_add(1);
            self.added.push(again);
            self.touch();
        }
        self.base_next = self.base_next.max(mailbox.uid_next);
        self.uid_next = self.uid_next.max(mailbox.uid_next);
    }
}
