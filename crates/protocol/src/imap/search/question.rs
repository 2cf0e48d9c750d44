//! A search as it is carried out: its keys, and what had to be found before a message could be asked.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use bait::{Entry, Folder, Marks, Message, World};
use jiff::Timestamp;

use super::ask::{Candidate, Cost};
use super::key::{Key, Node, number};
use super::limit::asked;
use super::mime_key::{MimeKey, MimeWhat};
use super::references;
use super::set::Set;
use super::simplify::{Fatal, simplified};
use super::thread::Algorithm;
use crate::imap::kept::Kept;
use crate::imap::state::{Account, Selected};

/// The open mailbox as a search sees it: the messages that the client knows, marked as they are now.
#[derive(Debug)]
pub struct Seen<'a> {
    /// The messages.
    pub entries: &'a [Entry],
    /// What is marked on them.
    pub marks: Vec<Marks>,
    /// The names of the keywords.
    pub keywords: &'a [String],
    /// The mailbox' mod-sequence.
    pub highest: u64,
    /// What is gone from it and can be read all the same.
    pub readable: Option<&'a BTreeSet<u32>>,
    /// What is known of its messages, whether they are gone or not.
    pub kept: Option<(u32, &'a Kept)>,
    /// The mailbox, to see what is gone from it.
    pub folder: Option<&'a Folder>,
    /// Whether the mailbox is gone, or has another name.
    pub misplaced: bool,
    /// Dovecot looks at new messages for a search that it keeps up to date, without the keywords and patterns at hand.
    pub unprepared: bool,
}

impl<'a> Seen<'a> {
    /// As it is now.
    pub fn now(selected: &'a Selected, account: &'a Account) -> Self {
        let world: &World = &account.world;
        let Some(folder) = selected.folder_in(world) else {
            return Self { misplaced: true, ..Self::known(selected, 0) };
        };
        Self {
            entries: &selected.entries,
            marks: selected
                .entries
                .iter()
                .map(|entry| selected.as_told(selected.now(world, entry)))
                .collect(),
            keywords: &folder.keywords,
            highest: folder.modseq,
            readable: Some(&selected.moved_within),
            kept: Some((selected.uid_validity, &account.kept)),
            folder: Some(folder),
            misplaced: false,
            unprepared: false,
        }
    }

    /// As the client knows it.
    pub fn known(selected: &'a Selected, highest: u64) -> Self {
        Self {
            entries: &selected.entries,
            marks: selected.entries.iter().map(|entry| selected.as_told(entry.marks)).collect(),
            keywords: &selected.keywords,
            highest,
            readable: None,
            kept: None,
            folder: None,
            misplaced: false,
            unprepared: false,
        }
    }
}

/// Octets of text that are looked through without a break, where there can be none.
const AT_ONCE: usize = 16 * 1024 * 1024;

/// What is asked of every message.
#[derive(Debug, Clone, Default)]
pub struct Question {
    keys: Vec<Node>,
    /// How many keys there are in all.
    count: usize,
    /// The INTHREAD keys: their places, how threads are found, and what their messages are asked.
    in_threads: Vec<(usize, Algorithm, Vec<Node>)>,
    /// What they have found, as UIDs.
    threads: BTreeMap<usize, Set>,
    /// Whether Dovecot has given back the name of a file that it looks for, and would do so again.
    worn: bool,
    /// When messages were saved: now, in seconds since 1970.
    saved: i64,
}

impl Question {
    /// A question of these keys; as Dovecot simplifies them, where it is imitated.
    pub fn of(keys: Vec<Node>, now: Timestamp, dovecot: bool) -> Result<Self, Fatal> {
        let mut keys = if dovecot { simplified(keys)? } else { keys };
        let count = number(&mut keys, 0);
        let mut in_threads = Vec::new();
        gather(&keys, &mut in_threads);
        Ok(Self { keys, count, in_threads, threads: BTreeMap::new(), worn: false, saved: now.as_second() })
    }

    /// Whether a mod-sequence is asked for. INTHREAD hides it.
    pub fn has_modseq(&self) -> bool {
        any(&self.keys, false, &mut |key| matches!(key, Key::Modseq { .. }))
    }

    /// Whether a mod-sequence is asked for anywhere.
    pub fn names_modseq(&self) -> bool {
        any(&self.keys, true, &mut |key| matches!(key, Key::Modseq { .. }))
    }

    /// Whether message numbers are asked for, also as UIDs. INTHREAD hides them.
    pub fn has_numbers(&self) -> bool {
        any(&self.keys, false, &mut |key| matches!(key, Key::Numbers(_)))
    }

    /// Notes that the search is over, and whether it has compared a file's name. One below PARENT or CHILD does not count.
    pub fn wear(&mut self, named: bool) {
        self.worn =
            named && any(&self.keys, false, &mut |key| matches!(key, Key::Mime(keys) if has_file_name(keys)));
    }

    /// Whether Dovecot's process does not survive looking for it among new messages.
    pub const fn is_worn(&self) -> bool {
        self.worn
    }

    /// Whether what is marked on a message is asked for. INTHREAD hides that too.
    pub fn has_marks(&self) -> bool {
        let marks = |key: &Key| matches!(key, Key::Flags(_) | Key::Keyword(_) | Key::Modseq { .. });
        any(&self.keys, false, &mut { marks })
    }

    /// The keywords that are named, valid ones only.
    pub fn keywords(&self) -> Vec<String> {
        let mut names = Vec::new();
        any(&self.keys, true, &mut |key| {
            if let Key::Keyword(name) | Key::Modseq { keyword: Some(name), .. } = key {
                names.push(name.clone());
            }
            false
        });
        let sound = |octet: u8| octet.is_ascii_graphic() && !b"(){%*\"\\]".contains(&octet);
        names.retain(|name| !name.is_empty() && name.bytes().all(sound));
        names
    }

    /// What of messages is read to answer it, as [`Kept`] calls it.
    pub fn reads(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        any(&self.keys, false, &mut |key| {
            names.extend(key.reads().map(str::to_owned));
            false
        });
        names
    }

    /// How many INTHREAD keys there are, whose messages must be found first.
    pub const fn in_threads(&self) -> usize {
        self.in_threads.len()
    }

    /// The positions of the messages to ask: for an INTHREAD key, or for the search itself.
    pub fn asked(&self, in_thread: Option<usize>, seen: &Seen<'_>) -> Range<usize> {
        asked(self.keys(in_thread), &seen.marks, seen.highest)
    }

    /// Whether the message at this position matches what an INTHREAD key asks, or the search itself.
    pub fn matches(
        &self,
        in_thread: Option<usize>,
        position: usize,
        seen: &Seen<'_>,
        cost: &mut Cost,
    ) -> bool {
        let (Some(entry), Some(marks)) = (seen.entries.get(position), seen.marks.get(position)) else {
            return false;
        };
        let message = &entry.message;
        let candidate = Candidate {
            message,
            position,
            marks: *marks,
            keywords: seen.keywords,
            threads: &self.threads,
            saved: self.saved,
            gone: seen.folder.is_some_and(|folder| folder.is_gone(message.uid))
                && !seen.readable.is_some_and(|readable| readable.contains(&message.uid)),
            kept: seen.kept,
            misplaced: seen.misplaced,
            unprepared: seen.unprepared,
        };
        candidate.matches(self.keys(in_thread), self.count, cost)
    }

    /// Takes what an INTHREAD key has found, and finds the threads that belong to it.
    pub fn found_in_threads(
        &mut self,
        in_thread: usize,
        found: &[usize],
        seen: &Seen<'_>,
    ) -> Result<(), Fatal> {
        let Some((id, algorithm, _)) = self.in_threads.get(in_thread) else { return Ok(()) };
        let mut uids = Vec::new();
        if !found.is_empty() {
            let messages: Vec<(usize, &Message)> =
                seen.entries.iter().map(|entry| &*entry.message).enumerate().collect();
            let by_subject = match algorithm {
                // Dovecot has no such threads here.
                Algorithm::OrderedSubject => return Err(Fatal),
                Algorithm::References => true,
                Algorithm::Refs => false,
            };
            for thread in references::threads(&messages, by_subject) {
                let mut members = Vec::new();
                thread.positions(&mut members);
                if members.iter().any(|member| found.binary_search(member).is_ok()) {
                    let entries = members.iter().filter_map(|member| seen.entries.get(*member));
                    uids.extend(entries.map(|entry| (entry.message.uid, entry.message.uid)));
                }
            }
        }
        self.threads.insert(*id, Set::of(uids));
        Ok(())
    }

    /// Finds the messages of INTHREAD keys anew, as far as one may at once.
    pub fn refresh(&mut self, seen: &Seen<'_>, cost: &mut Cost) {
        for in_thread in 0..self.in_threads.len() {
            let mut found = Vec::new();
            for position in self.asked(Some(in_thread), seen) {
                if cost.read > AT_ONCE {
                    return;
                }
                if self.matches(Some(in_thread), position, seen, cost) {
                    found.push(position);
                }
            }
            cost.fatal |= self.found_in_threads(in_thread, &found, seen).is_err();
        }
    }

    /// Makes message numbers mean what they mean now, whatever becomes of the mailbox.
    pub fn settle(&mut self, selected: &Selected) {
        settle(&mut self.keys, selected);
        for (_, _, keys) in &mut self.in_threads {
            settle(keys, selected);
        }
    }

    fn keys(&self, in_thread: Option<usize>) -> &[Node] {
        match in_thread {
            None => &self.keys,
            Some(place) => self.in_threads.get(place).map_or(&[], |(_, _, keys)| keys),
        }
    }
}

fn has_file_name(keys: &[MimeKey]) -> bool {
    keys.iter().any(|key| match &key.what {
        MimeWhat::FileName(..) => true,
        MimeWhat::And(below) | MimeWhat::Or(below) => has_file_name(below),
        _ => false,
    })
}

fn gather(keys: &[Node], found: &mut Vec<(usize, Algorithm, Vec<Node>)>) {
    for node in keys {
        match &node.key {
            Key::InThread(algorithm, below) => found.push((node.id, *algorithm, below.clone())),
            key => gather(key.below(), found),
        }
    }
}

/// Whether one of the keys is such; `deep` looks into INTHREAD too.
fn any(keys: &[Node], deep: bool, such: &mut impl FnMut(&Key) -> bool) -> bool {
    keys.iter().any(|node| match &node.key {
        Key::InThread(_, below) => deep && any(below, deep, such),
        Key::And(below) | Key::Or(below) => any(below, deep, such),
        key => such(key),
    })
}

fn settle(keys: &mut [Node], selected: &Selected) {
    for node in keys {
        match &mut node.key {
            Key::And(below) | Key::Or(below) | Key::InThread(_, below) => settle(below, selected),
            Key::Numbers(set) => {
                let entries = selected.entries.iter().zip(1_u32..);
                let named = entries.filter(|(_, number)| set.holds(*number));
                let uids = Set::of(named.map(|(entry, _)| (entry.message.uid, entry.message.uid)));
                node.key = Key::Uids(uids);
            }
            _ => {}
        }
    }
}
