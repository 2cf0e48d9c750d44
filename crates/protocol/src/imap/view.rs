//! The open mailbox as the client knows it: what it was last told. What has changed in the world since is told by
//! [`Selected::sync`], in Dovecot's order: flags, then what is gone, then what is new.

use std::collections::{BTreeMap, BTreeSet};

use bait::{Entry, Flags, Folder, Marks, World};

use crate::imap::Service;
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
    /// The messages; the one at position n has the number n + 1.
    pub entries: Vec<Entry>,
    /// The keywords that the client has been told of.
    pub keywords: Vec<String>,
    /// The UIDs that `SEARCH RETURN (SAVE)` kept (RFC 5182).
    pub saved: Vec<u32>,
    /// The searches that are kept up to date (RFC 5267).
    pub updates: Vec<Update>,
    /// The mod-sequence up to which the client knows everything (RFC 7162).
    pub known_modseq: u64,
    /// The highest one that it was told of since.
    pub told_modseq: u64,
    /// Its own client has given it another name, which Dovecot cannot follow.
    pub renamed: bool,
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
    /// The folder's changes from this mod-sequence on were the client's own, and silent.
    pub silent_from: Option<u64>,
}

impl Selected {
    /// A mailbox as it is when it is opened. Opened for writing, it takes `\Recent` away from those who come later.
    pub fn open(folder: &mut Folder, read_only: bool, lasting_recent: bool) -> Self {
        let selected = Self {
            name: folder.name.clone(),
            uid_validity: folder.uid_validity,
            read_only,
            entries: folder.entries().collect(),
            keywords: folder.keywords.clone(),
            saved: Vec::new(),
            updates: Vec::new(),
            known_modseq: folder.modseq,
            told_modseq: 0,
            renamed: false,
        };
        folder.look_at();
        if !read_only && !lasting_recent {
            folder.forget_recent();
        }
        selected
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

    /// The world's mailbox of which this is the view, unless it is gone.
    pub fn folder<'a>(&self, world: &'a mut World) -> Option<&'a mut Folder> {
        world.folder_mut(&self.name).filter(|folder| folder.uid_validity == self.uid_validity)
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

    /// Tells the client what has changed in the world. What is returned is the highest mod-sequence, where it has to be told
    /// too (RFC 7162 section 3.2.5.1).
    pub fn sync(
        &mut self,
        service: &Service,
        features: Features,
        world: &mut World,
        how: Telling,
        out: &mut Actions,
    ) -> Option<u64> {
        let folder = self.folder(world)?;
        if folder.keywords.len() != self.keywords.len() {
            self.keywords.clone_from(&folder.keywords);
            let flags = all_flags(&self.keywords);
            let permanent =
                if self.read_only { Phrase::PermanentFlagsReadOnly } else { Phrase::PermanentFlagsNow };
            for phrase in [Phrase::FlagsNow, permanent] {
                untagged(service, phrase, flags.as_bytes(), out);
            }
        }
        let mut present: BTreeMap<u32, Entry> =
            folder.entries().map(|entry| (entry.message.uid, entry)).collect();
        let (recent_before, before) = (self.recent(), self.entries.len());
        let mut gone: Vec<usize> = Vec::new();
        let mut lines: Vec<String> = Vec::new();
        let mut changed = BTreeSet::new();
        for position in 0..before {
            let Some(known) = self.entries.get_mut(position) else { continue };
            let Some(now) = present.remove(&known.message.uid) else {
                gone.push(position);
                continue;
            };
            let recent = known.marks.flags & Flags::RECENT;
            let marks = Marks { flags: (now.marks.flags & !Flags::RECENT) | recent, ..now.marks };
            if marks == known.marks {
                continue;
            }
            let same = (marks.flags, marks.keywords) == (known.marks.flags, known.marks.keywords);
            let quiet = same || how.silent_from.is_some_and(|first| marks.modseq >= first);
            known.marks = marks;
            changed.insert(known.message.uid);
            let number = position.saturating_add(1);
            let uid = (how.uids || features.qresync).then(|| format!("UID {}", now.message.uid));
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
        for line in &lines {
            out.send(line.as_bytes());
        }
        let keep_expunged = how.keep_expunged && !features.immediate_expunges;
        if !keep_expunged {
            self.update_gone(&gone, out);
            self.tell_gone(&gone, features, out);
        }
        // What is new comes behind everything that is known.
        let last = self.entries.last().map_or(0, |entry| entry.message.uid);
        let new: Vec<Entry> = present.into_values().filter(|entry| entry.message.uid > last).collect();
        let arrived = !new.is_empty();
        changed.extend(new.iter().map(|entry| entry.message.uid));
        self.entries.extend(new);
        if !self.read_only && service.texts.mail_process.is_dovecot() {
            folder.forget_recent();
        }
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
        self.update_changed(&changed, out);
        let delayed = keep_expunged && !gone.is_empty();
        features.qresync.then(|| self.modseq_to_tell(folder.modseq, delayed)).flatten()
    }

    /// A client that counts with the mod-sequences which it has seen must not miss what was expunged and is not told yet; and it
    /// need not ask again for what it knows.
    fn modseq_to_tell(&mut self, highest: u64, delayed: bool) -> Option<u64> {
        let told = std::mem::take(&mut self.told_modseq);
        let known = self.known_modseq;
        if delayed {
            return (told > known).then_some(known);
        }
        self.known_modseq = highest;
        (highest > known && highest > told).then_some(highest)
    }

    fn tell_gone(&mut self, gone: &[usize], features: Features, out: &mut Actions) {
        let mut vanished = Vec::new();
        for position in gone.iter().rev() {
            if *position < self.entries.len() {
                vanished.push(self.entries.remove(*position).message.uid);
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
}

/// Enables CONDSTORE, and tells the open mailbox's mod-sequence where that is new (RFC 7162 section 3.1).
pub fn enable_condstore(turn: &mut Turn<'_>, state: &mut State) {
    let Some(account) = state.account_mut() else { return };
    if std::mem::replace(&mut account.features.condstore, true) {
        return;
    }
    if let State::Selected(account, selected) = state
        && let Some(folder) = selected.folder(&mut account.world)
    {
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
