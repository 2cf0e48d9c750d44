//! The open mailbox as the client knows it: what it was last told. What has changed in the world since is told by
//! [`Selected::sync`], in Dovecot's order: flags, then what is gone, then what is new.

mod sync;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bait::{Entry, Flags, Folder, Marks, World};

use crate::imap::Service;
use crate::imap::search::Question;
use crate::imap::state::State;
use crate::imap::texts::Phrase;
use crate::imap::turn::Turn;
use crate::imap::updates::Update;
use crate::session::Actions;
use crate::text::Slot;

/// Keywords that a session knows of in one mailbox.
const MOST_KEYWORDS: usize = 64;

/// The open mailbox.
#[derive(Debug, Clone)]
pub struct Selected {
    /// Its name.
    pub name: String,
    /// Its UIDVALIDITY, which tells it from another of the same name.
    pub uid_validity: u32,
    /// Opened with EXAMINE.
    pub read_only: bool,
    /// The messages; the one at position n has the number n + 1. Shared, where the client knows them as everybody does.
    pub entries: Arc<Vec<Entry>>,
    /// The keywords of the mailbox, by their bits.
    pub keywords: Vec<String>,
    /// The keywords that the session knows of, in the order in which it met them: also such as no message has.
    pub known_keywords: Vec<String>,
    /// How many of these the client has been told of.
    pub told_keywords: usize,
    /// The UIDs that `SEARCH RETURN (SAVE)` kept (RFC 5182).
    pub saved: Vec<u32>,
    /// The first UID of which NOTIFY has fetched nothing yet.
    pub fetch_from: u32,
    /// The searches that are kept up to date (RFC 5267).
    pub updates: Vec<Update>,
    /// What the last THREAD has asked for.
    pub threaded: Option<Box<Question>>,
    /// Whether Dovecot's process would not have survived the last look at the mailbox.
    pub fatal: bool,
    /// The mod-sequence up to which the client knows everything (RFC 7162).
    pub known_modseq: u64,
    /// The highest one that it was told of since.
    pub told_modseq: u64,
    /// The least one that a message has (see [`Folder::track`]).
    pub modseqs_from: u64,
    /// The session's own changes of which the client wants to hear nothing: UIDs, and the mod-sequences that they have made.
    pub silent: BTreeMap<u32, u64>,
    /// The UIDs of messages that the session has moved to the mailbox itself, until their end is told.
    pub moved_within: BTreeSet<u32>,
    /// Where the mailbox stood when everything had been told.
    pub told: Option<u64>,
}

/// What the client has enabled (RFC 5161), by ENABLE or by using it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is enabled or not, whatever the others are")]
pub struct Features {
    /// RFC 7162.
    pub condstore: bool,
    /// RFC 7162, which brings CONDSTORE with it.
    pub qresync: bool,
    /// NOTIFY (RFC 5465) without new and expunged messages of the open mailbox: nothing is said of them.
    pub mute_counts: bool,
    /// The same of its flags.
    pub mute_flags: bool,
    /// NOTIFY wants to hear of expunged messages at once, also after commands whose numbers would hold.
    pub immediate_expunges: bool,
}

/// How changes are told.
#[derive(Debug, Clone, Copy, Default)]
pub struct Telling {
    /// FETCH lines have the UID: after a UID command.
    pub uids: bool,
    /// Nothing is said of what is gone: after FETCH, STORE and SEARCH, whose numbers must hold.
    pub keep_expunged: bool,
}

impl Selected {
    /// A mailbox as it is when it is opened. Where no mod-sequences are told apart, none is known.
    pub fn of(folder: &Folder, read_only: bool) -> Self {
        Self {
            name: folder.name.clone(),
            uid_validity: folder.uid_validity,
            read_only,
            entries: Arc::clone(folder.list()),
            keywords: folder.keywords.clone(),
            known_keywords: folder.keywords.clone(),
            told_keywords: folder.keywords.len(),
            saved: Vec::new(),
            fetch_from: folder.uid_next,
            updates: Vec::new(),
            threaded: None,
            fatal: false,
            known_modseq: folder.modseqs_from.map_or(0, |_| folder.modseq_once_read()),
            told_modseq: 0,
            modseqs_from: folder.modseqs_from.unwrap_or_default(),
            silent: BTreeMap::new(),
            moved_within: BTreeSet::new(),
            told: None,
        }
    }

    /// Tells mod-sequences apart from now on. That all messages have got one is no change.
    pub fn track(&mut self, world: &mut World) {
        if let Some(folder) = self.folder_in(world) {
            let least = folder.modseqs_from;
            let least = least.or_else(|| self.folder(world).map(Folder::track));
            self.modseqs_from = least.unwrap_or_default().max(self.modseqs_from);
        }
    }

    /// Notes that it is open; says whether nobody had opened it before. Opened for writing, it takes `\Recent` away from those who
    /// come later.
    pub fn open(&mut self, world: &mut World, lasting_recent: bool) -> bool {
        let mut first = false;
        if !lasting_recent {
            first = world.look_at(&self.name);
            if !self.read_only {
                world.forget_recent(&self.name);
            }
        }
        self.told = self.folder_in(world).map(Folder::touched);
        first
    }

    /// How many are `\Recent`.
    pub fn recent(&self) -> usize {
        self.entries.iter().filter(|entry| entry.marks.flags.contains(Flags::RECENT)).count()
    }

    /// The number of the first message without `\Seen`.
    pub fn first_unseen(&self) -> Option<usize> {
        let unseen = |entry: &Entry| !entry.marks.flags.contains(Flags::SEEN);
        self.entries.iter().position(unseen).map(|position| position.saturating_add(1))
    }

    /// The UIDs, ascending.
    pub fn uids(&self) -> Vec<u32> {
        self.entries.iter().map(|entry| entry.message.uid).collect()
    }

    /// The world's mailbox of which this is the view, unless it is gone; to be changed.
    pub fn folder<'a>(&self, world: &'a mut World) -> Option<&'a mut Folder> {
        if self.is_lost(world) { None } else { world.folder_mut(&self.name) }
    }

    /// The same, to be looked at.
    pub fn folder_in<'a>(&self, world: &'a World) -> Option<&'a Folder> {
        world.folder(&self.name).filter(|folder| folder.uid_validity == self.uid_validity)
    }

    /// Whether the mailbox is gone: deleted, or known by another name.
    pub fn is_lost(&self, world: &World) -> bool {
        self.folder_in(world).is_none()
    }

    /// What is marked on a message by now, as FETCH tells it. Who has it as `\Recent` keeps it so.
    pub fn now(&self, world: &World, known: &Entry) -> Marks {
        let now = self.folder_in(world).map_or(known.marks, |folder| folder.now(&known.message));
        let flags = (now.flags & !Flags::RECENT) | (known.marks.flags & Flags::RECENT);
        Marks { flags, ..now }
    }

    /// Whether the message at this position is gone, which the client was not told yet.
    ///
    /// What the session has moved within the mailbox is still at hand until then.
    pub fn is_gone(&self, world: &World, position: usize) -> bool {
        let uid = self.entries.get(position).map(|entry| entry.message.uid);
        let uid = uid.filter(|uid| !self.moved_within.contains(uid));
        uid.is_some_and(|uid| self.folder_in(world).is_some_and(|folder| folder.is_gone(uid)))
    }

    /// The flags of a message as the wire has them.
    pub fn flags(&self, marks: &Marks) -> String {
        let mut text = marks.flags.to_string();
        for (bit, keyword) in self.keywords.iter().enumerate() {
            if marks.keywords >> bit & 1 == 1 {
                if !text.is_empty() {
                    text.push(' ');
                }
                text.push_str(keyword);
            }
        }
        text
    }

    /// The mod-sequence of a message with these marks.
    pub fn modseq_of(&self, marks: &Marks) -> u64 {
        marks.modseq.max(self.modseqs_from)
    }

    /// The marks, with the mod-sequence that is told.
    pub fn as_told(&self, marks: Marks) -> Marks {
        Marks { modseq: self.modseq_of(&marks), ..marks }
    }

    /// Notes that the session has changed a message and its client wants to hear nothing of it: at `modseq`, from the marks that
    /// it had `before`. A change that is still to be told is told all the same.
    pub fn change_silently(&mut self, known: &Entry, before: &Marks, modseq: u64) {
        let uid = known.message.uid;
        if known.marks.modseq == before.modseq || self.silent.get(&uid) == Some(&before.modseq) {
            self.silent.insert(uid, modseq);
        }
    }

    /// Notes keywords that were named: Dovecot makes the session know them, whether a message has them or not.
    /// The keywords as [`meet_keywords`] gives them back.
    pub fn name_keywords(&mut self, names: &[String]) -> Vec<String> {
        meet_keywords(&mut self.known_keywords, names)
    }
}

/// Adds keywords to those that were met, as far as there is room. What is returned is how they were written first, in the order
/// in which they were met.
pub fn meet_keywords(known: &mut Vec<String>, names: &[String]) -> Vec<String> {
    let mut met: Vec<(usize, String)> = Vec::with_capacity(names.len());
    for name in names {
        let place = known.iter().position(|known| known.eq_ignore_ascii_case(name)).unwrap_or(known.len());
        if place == known.len() && place < MOST_KEYWORDS {
            known.push(name.clone());
        }
        met.push((place, known.get(place).unwrap_or(name).clone()));
    }
    met.sort_by_key(|(place, _)| *place);
    met.into_iter().map(|(_, name)| name).collect()
}

/// Enables CONDSTORE, and tells the open mailbox's mod-sequence where that is new (RFC 7162 section 3.1).
pub fn enable_condstore(turn: &mut Turn<'_>, state: &mut State) {
    let Some(account) = state.account_mut() else { return };
    if std::mem::replace(&mut account.features.condstore, true) {
        return;
    }
    let State::Selected(account, selected) = state else { return };
    selected.track(&mut account.world);
    // Where the mailbox is gone, the session has not seen it yet.
    let last = || selected.entries.iter().map(|entry| entry.marks.modseq).max().unwrap_or(1);
    let highest = selected.folder_in(&account.world).map_or_else(last, |folder| folder.modseq);
    turn.untagged_with(Phrase::HighestModseq, highest.to_string().as_bytes());
}

/// All flags that messages may have, with these keywords.
pub fn all_flags(keywords: &[String]) -> String {
    let flags = Flags::ANSWERED | Flags::FLAGGED | Flags::DELETED | Flags::SEEN | Flags::DRAFT;
    keywords.iter().fold(flags.to_string(), |all, keyword| format!("{all} {keyword}"))
}

/// Sends an untagged phrase.
pub fn untagged(service: &Service, phrase: Phrase, detail: &[u8], out: &mut Actions) {
    out.send(b"* ");
    out.send(&service.texts.reply(phrase).fill(&[(Slot::Detail, detail)]));
    out.send(b"\r\n");
}
