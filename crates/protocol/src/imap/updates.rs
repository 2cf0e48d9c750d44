//! Searches whose results are kept up to date (CONTEXT=SEARCH and CONTEXT=SORT, RFC 5267 section 4.3): `UPDATE` and
//! CANCELUPDATE.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::imap::arguments::Argument;
use crate::imap::search::{Candidate, Key};
use crate::imap::sequence::push_numbers;
use crate::imap::state::{Selected, State};
use crate::imap::string::push_string;
use crate::imap::texts::Phrase;
use crate::imap::turn::{Fault, Turn};
use crate::session::Actions;

/// Searches that are kept up to date at a time. More are answered once.
const MOST_UPDATES: usize = 8;

/// A search that is kept up to date.
#[derive(Debug, Clone)]
pub struct Update {
    /// The tag of its command.
    pub tag: Bytes,
    /// Whether it was a UID command.
    pub by_uid: bool,
    /// What is searched for.
    pub key: Key,
    /// The UIDs that the client knows as its result.
    pub uids: BTreeSet<u32>,
}

impl Update {
    /// `* ESEARCH (TAG "a") REMOVEFROM (0 1) ADDTO (0 2)`
    fn tell(&self, removed: &[u32], added: &[u32], out: &mut Actions) {
        if removed.is_empty() && added.is_empty() {
            return;
        }
        let mut line = b"* ESEARCH (TAG ".to_vec();
        push_string(&mut line, &self.tag);
        line.extend_from_slice(if self.by_uid { b") UID" } else { b")" });
        for (word, numbers) in [("REMOVEFROM", removed), ("ADDTO", added)] {
            if !numbers.is_empty() {
                line.extend_from_slice(format!(" {word} (0 ").as_bytes());
                push_numbers(&mut line, numbers);
                line.push(b')');
            }
        }
        line.extend_from_slice(b"\r\n");
        out.send(&line);
    }
}

impl Selected {
    /// Keeps a search up to date from now on.
    pub fn keep_updated(&mut self, update: Update) {
        if self.updates.len() < MOST_UPDATES {
            self.updates.push(update);
        }
    }

    /// Tells of results that are expunged, while they still have numbers. Positions are ascending.
    pub fn update_gone(&mut self, gone: &[usize], out: &mut Actions) {
        let mut updates = std::mem::take(&mut self.updates);
        for update in &mut updates {
            let mut removed = Vec::new();
            for position in gone {
                let Some(entry) = self.entries.get(*position) else { continue };
                if update.uids.remove(&entry.message.uid) {
                    removed.push(number(*position, entry.message.uid, update.by_uid));
                }
            }
            update.tell(&removed, &[], out);
        }
        self.updates = updates;
    }

    /// Tells what has become a result, or is none any more, among the messages that have changed or are new.
    pub fn update_changed(&mut self, changed: &BTreeSet<u32>, out: &mut Actions) {
        if self.updates.is_empty() || changed.is_empty() {
            return;
        }
        let mut updates = std::mem::take(&mut self.updates);
        for update in &mut updates {
            let (mut removed, mut added) = (Vec::new(), Vec::new());
            for (position, entry) in self.entries.iter().enumerate() {
                let uid = entry.message.uid;
                if !changed.contains(&uid) {
                    continue;
                }
                let (message, marks, keywords) = (&entry.message, self.as_told(entry.marks), &self.keywords);
                let mut candidate = Candidate { message, position, marks, keywords, read: 0 };
                let number = number(position, uid, update.by_uid);
                if candidate.matches(&update.key) {
                    if update.uids.insert(uid) {
                        added.push(number);
                    }
                } else if update.uids.remove(&uid) {
                    removed.push(number);
                }
            }
            update.tell(&removed, &added, out);
        }
        self.updates = updates;
    }
}

fn number(position: usize, uid: u32, by_uid: bool) -> u32 {
    if by_uid { uid } else { u32::try_from(position.saturating_add(1)).unwrap_or(u32::MAX) }
}

/// RFC 5267 section 4.3.4.
pub fn cancel_update(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    let arguments = turn.parse()?;
    let quoted = |argument: &Argument<'_>| matches!(argument, Argument::Quoted(_) | Argument::Literal(_));
    if arguments.is_empty() || !arguments.iter().all(quoted) {
        return Err(Phrase::InvalidParameters.into());
    }
    for tag in arguments.iter().filter_map(Argument::string) {
        let State::Selected(_, selected) = state else { return Err(Phrase::UnknownTag.into()) };
        let place = selected.updates.iter().position(|update| *update.tag == *tag);
        selected.updates.remove(place.ok_or(Phrase::UnknownTag)?);
    }
    turn.complete();
    Ok(())
}
