//! The open mailbox as the client knows it: what it was last told. What has changed in the world since is told by
//! [`Selected::sync`], in Dovecot's order: flags, then what is gone, then what is new.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use bait::{Entry, Flags, Folder, Marks, World};

use crate::imap::Service;
use crate::imap::search::Question;
use crate::imap::sequence::push_numbers;
use crate::imap::state::State;
use crate::imap::texts::Phrase;
use crate::imap::turn::Turn;
use crate::imap::updates::Update;
use crate::session::Actions;
use crate::text::Slot;

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
    /// The keywords that the client has been told of.
    pub keywords: Vec<String>,
    /// The UIDs that `SEARCH RETURN (SAVE)` kept (RFC 5182).
    pub saved: Vec<u32>,
    /// The first UID of which NOTIFY has fetched nothing yet.
    pub fetch_from: u32,
    /// The searches that are kept up to date (RFC 5267).
    pub updates: Vec<Update>,
    /// What the client itself has expunged since the last look at the mailbox: until then it can be read.
    pub expunged: Vec<u32>,
    /// What the last THREAD has asked for.
    pub threaded: Option<Box<Question>>,
    /// Whether Dovecot's process would not have survived the last look at the mailbox.
    pub fatal: bool,
    /// The mod-sequence up to which the client knows everything (RFC 7162).
    pub known_modseq: u64,
    /// The highest one that it was told of since.
    pub told_modseq: u64,
    /// Where the mailbox stood when everything had been told.
    pub told: Option<u64>,
    /// The mod-sequences of the client's own silent changes that it was not told of yet.
    pub silent: Vec<RangeInclusive<u64>>,
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

/// What [`Selected::sync`] has found.
#[derive(Debug, Default)]
pub struct Changes {
    /// Whether there are new messages.
    pub arrived: bool,
    /// The UIDs of what is new or marked otherwise.
    pub changed: BTreeSet<u32>,
    /// The first UID that is new, if any is.
    pub first_new: u32,
    /// The highest mod-sequence.
    pub highest: u64,
    /// Whether it is left for later to tell what is gone.
    pub delayed: bool,
}

impl Selected {
    /// A mailbox as it is when it is opened. Who is not told its mod-sequence knows none.
    pub fn of(folder: &Folder, read_only: bool, tells_modseq: bool) -> Self {
        Self {
            name: folder.name.clone(),
            uid_validity: folder.uid_validity,
            read_only,
            entries: Arc::clone(folder.list()),
            keywords: folder.keywords.clone(),
            saved: Vec::new(),
            fetch_from: folder.uid_next,
            updates: Vec::new(),
            known_modseq: if tells_modseq { folder.modseq_once_read() } else { 0 },
            expunged: Vec::new(),
            threaded: None,
            fatal: false,
            told_modseq: 0,
            told: None,
            silent: Vec::new(),
        }
    }

    /// Tells mod-sequences apart from now on. That all messages have got one is no change.
    pub fn track(&mut self, world: &mut World) {
        let Some(folder) = self.folder(world).filter(|folder| !folder.is_tracked()) else { return };
        folder.track();
        let now = |entry: &Entry| {
            let now = folder.now(&entry.message);
            let same = (now.flags & !Flags::RECENT, now.keywords)
                == (entry.marks.flags & !Flags::RECENT, entry.marks.keywords);
            let modseq = if same { now.modseq } else { entry.marks.modseq };
            Entry { marks: Marks { modseq, ..entry.marks }, ..entry.clone() }
        };
        self.entries = Arc::new(self.entries.iter().map(now).collect());
    }

    /// Notes that it is open. Opened for writing, it takes `\Recent` away from those who come later.
    pub fn open(&mut self, world: &mut World, lasting_recent: bool) {
        if !lasting_recent {
            world.look_at(&self.name);
            if !self.read_only {
                world.forget_recent(&self.name);
            }
        }
        self.told = self.folder_in(world).map(Folder::touched);
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
    pub fn is_gone(&self, world: &World, position: usize) -> bool {
        let uid = self.entries.get(position).map(|entry| entry.message.uid);
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

    /// Tells the client what has changed in the world, if the mailbox is still there. What NOTIFY fetches of new messages comes
    /// behind it, then searches that are kept up to date, then the mod-sequence.
    pub fn sync(
        &mut self,
        service: &Service,
        features: Features,
        world: &mut World,
        how: Telling,
        out: &mut Actions,
    ) -> Option<Changes> {
        world.refresh_list();
        let folder = self.folder_in(world)?;
        let highest = folder.modseq;
        if self.told == Some(folder.touched()) {
            return Some(Changes { highest, ..Changes::default() });
        }
        if folder.keywords.len() != self.keywords.len() {
            self.keywords.clone_from(&folder.keywords);
            let flags = all_flags(&self.keywords);
            let permanent =
                if self.read_only { Phrase::PermanentFlagsReadOnly } else { Phrase::PermanentFlagsNow };
            for phrase in [Phrase::FlagsNow, permanent] {
                untagged(service, phrase, flags.as_bytes(), out);
            }
        }
        let present = Arc::clone(folder.list());
        let recent_before = self.recent();
        let mut gone: Vec<usize> = Vec::new();
        let mut lines: Vec<String> = Vec::new();
        let mut changed = BTreeSet::new();
        let tells_gone = !how.keep_expunged || features.immediate_expunges;
        let mut entries = Vec::with_capacity(present.len());
        for (position, known) in self.entries.iter().enumerate() {
            let uid = known.message.uid;
            let now = present.binary_search_by_key(&uid, |entry| entry.message.uid).ok();
            let now = now.and_then(|place| present.get(place)).map(|entry| entry.marks);
            if now.is_none() {
                gone.push(position);
            }
            let now = now.or_else(|| folder.last_marks(uid)).unwrap_or(known.marks);
            let recent = known.marks.flags & Flags::RECENT;
            let marks = Marks { flags: (now.flags & !Flags::RECENT) | recent, ..now };
            entries.push(Entry { message: Arc::clone(&known.message), marks });
            // What is told to be gone in a moment is not told to be marked.
            if marks == known.marks || (gone.last() == Some(&position) && tells_gone) {
                continue;
            }
            let same = (marks.flags, marks.keywords) == (known.marks.flags, known.marks.keywords);
            // What was marked and unmarked again is told; what is new of it may be only the mod-sequence.
            let quiet = (same && features.condstore)
                || self.silent.iter().any(|silent| silent.contains(&marks.modseq));
            changed.insert(known.message.uid);
            let number = position.saturating_add(1);
            let uid = (how.uids || features.qresync).then(|| format!("UID {uid}"));
            let modseq = features.condstore.then(|| format!("MODSEQ ({})", marks.modseq));
            let flags = (!quiet).then(|| format!("FLAGS ({})", self.flags(&marks)));
            if (quiet && modseq.is_none()) || features.mute_flags {
                continue;
            }
            if features.condstore {
                self.told_modseq = self.told_modseq.max(marks.modseq);
            }
            let items: Vec<String> = [uid, modseq, flags].into_iter().flatten().collect();
            lines.push(format!("* {number} FETCH ({})\r\n", items.join(" ")));
        }
        self.silent.clear();
        self.expunged.clear();
        for line in &lines {
            out.send(line.as_bytes());
        }
        if tells_gone {
            self.update_gone(&gone, out);
            tell_gone(&mut entries, &gone, features, out);
        }
        // What is new comes behind everything that is known.
        let last = self.entries.last().map_or(0, |entry| entry.message.uid);
        let new = present.partition_point(|entry| entry.message.uid <= last);
        entries.extend(present.get(new..).unwrap_or_default().iter().cloned());
        changed.extend(present.get(new..).unwrap_or_default().iter().map(|entry| entry.message.uid));
        let arrived = new < present.len();
        let same =
            |(one, other): (&Entry, &Entry)| (one.message.uid, one.marks) == (other.message.uid, other.marks);
        let shared = entries.len() == present.len() && entries.iter().zip(&*present).all(same);
        self.entries = if shared { present } else { Arc::new(entries) };
        if !self.read_only && service.texts.mail_process.is_dovecot() {
            world.forget_recent(&self.name);
        }
        let all_told = gone.is_empty() || tells_gone;
        self.told = self.folder_in(world).map(Folder::touched).filter(|_| all_told);
        let recent = self.recent();
        let numbers = [(Slot::Exists, self.entries.len().to_string()), (Slot::Recent, recent.to_string())];
        let values: Vec<(Slot, &[u8])> =
            numbers.iter().map(|(slot, text)| (*slot, text.as_bytes())).collect();
        for line in &service.texts.arrived {
            let counts_all = line.mentions(Slot::Exists) && arrived;
            let counts_recent = line.mentions(Slot::Recent) && (recent != recent_before);
            if (counts_all || counts_recent) && !features.mute_counts {
                out.send(b"* ");
                out.send(&line.fill(&values));
                out.send(b"\r\n");
            }
        }
        let first_new = last.saturating_add(1);
        Some(Changes { arrived, changed, first_new, highest, delayed: !all_told })
    }

    /// A client that counts with the mod-sequences which it has seen must not miss what was expunged and is not told yet; and it
    /// need not ask again for what it knows (RFC 7162 section 3.2.5.1).
    pub fn modseq_to_tell(&mut self, highest: u64, delayed: bool) -> Option<u64> {
        let told = std::mem::take(&mut self.told_modseq);
        let known = self.known_modseq;
        if delayed {
            return (told > known).then_some(known);
        }
        self.known_modseq = highest;
        (highest > known && highest > told).then_some(highest)
    }
}

/// Tells what is gone, and takes it out of the list. Positions are ascending.
fn tell_gone(entries: &mut Vec<Entry>, gone: &[usize], features: Features, out: &mut Actions) {
    let mut vanished = Vec::new();
    for position in gone.iter().rev() {
        if *position < entries.len() {
            vanished.push(entries.remove(*position).message.uid);
        }
        if !features.qresync && !features.mute_counts {
            out.send(format!("* {} EXPUNGE\r\n", position.saturating_add(1)).as_bytes());
        }
    }
    if features.qresync && !features.mute_counts && !vanished.is_empty() {
        vanished.sort_unstable();
        let mut line = b"* VANISHED ".to_vec();
        push_numbers(&mut line, &vanished);
        line.extend_from_slice(b"\r\n");
        out.send(&line);
    }
}

/// Enables CONDSTORE, and tells the open mailbox's mod-sequence where that is new (RFC 7162 section 3.1).
pub fn enable_condstore(turn: &mut Turn<'_>, state: &mut State) {
    let Some(account) = state.account_mut() else { return };
    if std::mem::replace(&mut account.features.condstore, true) {
        return;
    }
    if let State::Selected(account, selected) = state {
        selected.track(&mut account.world);
        let Some(folder) = selected.folder_in(&account.world) else { return };
        turn.untagged_with(Phrase::HighestModseq, folder.modseq.to_string().as_bytes());
    }
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
