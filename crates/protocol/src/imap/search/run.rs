//! A search that is being answered, some messages at a time.

use std::collections::BTreeSet;

use bytes::Bytes;
use event::{Event, Text};

use super::ask::Cost;
use super::question::{Question, Seen};
use super::result::{self, Order, Wanted};
use super::thread::Algorithm;
use crate::imap::state::{Account, Selected, State};
use crate::imap::texts::Phrase;
use crate::imap::updates::Update;
use crate::session::Actions;

/// A SEARCH, SORT or THREAD that is being answered.
#[derive(Debug, Default)]
pub struct Searching {
    /// The command's tag.
    pub tag: Bytes,
    /// The command's verb.
    pub verb: &'static str,
    pub(super) criteria: Text,
    pub(super) question: Question,
    pub(super) wanted: Wanted,
    pub(super) order: Order,
    pub(super) by_uid: bool,
    /// Whether the result tells the highest mod-sequence in it.
    pub(super) modseq: bool,
    /// The INTHREAD key whose messages are looked for; behind the last one the search itself.
    pub(super) in_thread: usize,
    /// The position to look at next.
    pub(super) next: usize,
    /// Positions.
    pub(super) found: Vec<usize>,
    /// Parts of messages that may still be asked, and whether Dovecot's process dies of it.
    pub(super) cost: Cost,
}

/// Octets of text looked through before others have their turn.
const SLICE: usize = 4 * 1024 * 1024;

impl Searching {
    /// Looks at some messages. `true` when all were looked at and the result is sent.
    pub fn step(&mut self, state: &mut State, out: &mut Actions) -> bool {
        let State::Selected(account, selected) = state else { return true };
        let seen = Seen::now(selected, account);
        self.cost.read = 0;
        loop {
            let in_thread = Some(self.in_thread).filter(|place| *place < self.question.in_threads());
            let asked = self.question.asked(in_thread, &seen);
            self.next = self.next.max(asked.start);
            while self.next < asked.end && !self.cost.fatal {
                if self.cost.read >= SLICE {
                    return false;
                }
                if self.question.matches(in_thread, self.next, &seen, &mut self.cost) {
                    self.found.push(self.next);
                }
                self.next = self.next.saturating_add(1);
            }
            let Some(place) = in_thread.filter(|_| !self.cost.fatal) else { break };
            let found = std::mem::take(&mut self.found);
            self.cost.fatal |= self.question.found_in_threads(place, &found, &seen).is_err();
            self.in_thread = place.saturating_add(1);
            self.next = 0;
        }
        out.record(Event::SearchRun {
            mailbox: selected.name.clone(),
            criteria: std::mem::take(&mut self.criteria),
            matches: self.found.len() as u64,
        });
        let modseqs = self.modseq.then(|| seen.marks.iter().map(|marks| marks.modseq).collect::<Vec<u64>>());
        let misplaced = seen.misplaced;
        let found = !self.found.is_empty();
        self.note(account, selected);
        // What sorts and threads has to be read as well.
        let threads = matches!(self.order, Order::Threads(_));
        let unread = self.cost.misplaced || (threads && misplaced && found);
        self.cost.misplaced = unread || (misplaced && found && self.order.reads().next().is_some());
        if !self.cost.fatal && !unread {
            self.tell(selected, modseqs.as_deref(), out);
        }
        true
    }

    /// Notes what it has read of the messages.
    fn note(&self, account: &mut Account, selected: &Selected) {
        if self.cost.looked {
            account.complaint = Some(Phrase::NotCached.into());
        }
        let below = selected.entries.last().map_or(0, |entry| entry.message.uid.saturating_add(1));
        let mut names = if self.cost.looked { self.question.reads() } else { BTreeSet::new() };
        names.extend(self.order.reads().filter(|_| !self.found.is_empty()).map(str::to_owned));
        account.kept.keep(selected.uid_validity, below, names.iter().map(String::as_str));
    }

    /// Whether it had to look at messages of a mailbox that is gone.
    pub const fn is_misplaced(&self) -> bool {
        self.cost.misplaced
    }

    /// Whether it had to look at what another session has expunged.
    pub const fn has_lost(&self) -> bool {
        self.cost.lost
    }

    /// Whether the result is kept: RETURN (SAVE).
    pub const fn saves(&self) -> bool {
        self.wanted.save
    }

    /// Whether the numbers that were named must hold until the answer is whole, also after a UID command.
    pub fn holds_numbers(&self) -> bool {
        !self.by_uid || (self.question.has_numbers() && !matches!(self.order, Order::Threads(_)))
    }

    /// Whether Dovecot's process would not have survived the search.
    pub const fn is_fatal(&self) -> bool {
        self.cost.fatal
    }

    fn tell(&mut self, selected: &mut Selected, modseqs: Option<&[u64]>, out: &mut Actions) {
        let found = std::mem::take(&mut self.found);
        let uid = |position: &usize| selected.entries.get(*position).map(|entry| entry.message.uid);
        let uids = found.iter().filter_map(uid).collect();
        if self.wanted.save {
            selected.saved = self.wanted.saved(&found, selected);
        }
        let line = result::line(&self.wanted, &self.order, &self.tag, self.by_uid, found, modseqs, selected);
        out.send(&line);
        let mut question = std::mem::take(&mut self.question);
        if question.in_threads() > 0 {
            selected.threaded = None;
        }
        question.settle(selected);
        question.wear(self.cost.named);
        if matches!(self.order, Order::Threads(Algorithm::References | Algorithm::Refs)) {
            // Dovecot keeps the last threads up to date.
            selected.threaded = Some(Box::new(question));
        } else if self.wanted.update {
            let (tag, by_uid) = (self.tag.clone(), self.by_uid);
            selected.keep_updated(Update { tag, by_uid, question, uids });
        }
    }
}
