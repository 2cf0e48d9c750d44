//! Tells the client what has changed: flags, then what was changed in silence, then what is gone, then what is new.

use std::collections::BTreeSet;
use std::sync::Arc;

use bait::{Entry, Flags, Folder, Marks, World};

use super::{Features, Selected, Telling, all_flags, meet_keywords, untagged};
use crate::imap::Service;
use crate::imap::sequence::push_numbers;
use crate::imap::texts::Phrase;
use crate::session::Actions;
use crate::text::Slot;

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
        self.tell_keywords(service, world, out);
        let folder = self.folder_in(world)?;
        let highest = folder.modseq;
        if self.told == Some(folder.touched()) {
            return Some(Changes { highest, ..Changes::default() });
        }
        self.modseqs_from = folder.modseqs_from.unwrap_or_default();
        let present = Arc::clone(folder.list());
        let recent_before = self.recent();
        let mut gone: Vec<usize> = Vec::new();
        let (mut lines, mut silent): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
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
            // What was marked and unmarked again is told.
            let quiet = self.silent.get(&uid) == Some(&marks.modseq);
            changed.insert(known.message.uid);
            let number = position.saturating_add(1);
            let uid = (how.uids || features.qresync).then(|| format!("UID {uid}"));
            let told = self.modseq_of(&marks);
            let modseq = features.condstore.then(|| format!("MODSEQ ({told})"));
            let flags = (!quiet).then(|| format!("FLAGS ({})", self.flags(&marks)));
            if (quiet && modseq.is_none()) || features.mute_flags {
                continue;
            }
            if features.condstore {
                self.told_modseq = self.told_modseq.max(told);
            }
            let items: Vec<String> = [uid, modseq, flags].into_iter().flatten().collect();
            let lines = if quiet { &mut silent } else { &mut lines };
            lines.push(format!("* {number} FETCH ({})\r\n", items.join(" ")));
        }
        self.silent.clear();
        for line in lines.iter().chain(&silent) {
            out.send(line.as_bytes());
        }
        if tells_gone {
            self.moved_within.clear();
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

    /// Tells which flags there are, where that has changed.
    pub fn tell_keywords(&mut self, service: &Service, world: &World, out: &mut Actions) {
        if let Some(folder) = self.folder_in(world).filter(|it| it.keywords.len() != self.keywords.len()) {
            self.keywords.clone_from(&folder.keywords);
            meet_keywords(&mut self.known_keywords, &folder.keywords);
        }
        if self.known_keywords.len() == self.told_keywords {
            return;
        }
        self.told_keywords = self.known_keywords.len();
        let flags = all_flags(&self.known_keywords);
        let permanent =
            if self.read_only { Phrase::PermanentFlagsReadOnly } else { Phrase::PermanentFlagsNow };
        for phrase in [Phrase::FlagsNow, permanent] {
            untagged(service, phrase, flags.as_bytes(), out);
        }
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
