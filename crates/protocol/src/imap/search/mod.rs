//! SEARCH and UID SEARCH (RFC 3501 sections 6.4.4, 6.4.8): what an intruder looks for. `parse.rs` reads the keys,
//! `key.rs` asks a message.

mod key;
mod parse;

use std::sync::Arc;

use bait::{Mailbox, Overlay};
use bytes::Bytes;
use event::{Event, Text};

use crate::imap::state::{Stage, State};
use crate::imap::texts::Phrase;
use crate::imap::turn::{Fault, Turn};
use crate::session::Actions;
use key::{Candidate, Key};

/// RFC 3501 section 6.4.4.
pub fn search(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    start(turn, state, false)
}

/// RFC 3501 section 6.4.8.
pub fn uid_search(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    start(turn, state, true)
}

fn start(turn: &mut Turn<'_>, state: &mut State, by_uid: bool) -> Result<(), Fault> {
    let State::Selected(_, selected) = state else {
        return Err(Phrase::NoMailboxSelected.into());
    };
    let arguments = turn.parse()?;
    let key = parse::parse(&arguments, &selected.mailbox)?;
    turn.status = "OK";
    turn.stage = Stage::Searching(Box::new(Searching {
        tag: turn.tag.clone(),
        verb: if by_uid { "UID SEARCH" } else { "SEARCH" },
        mailbox: Arc::clone(&selected.mailbox),
        criteria: Text::copy(turn.arguments),
        key,
        by_uid,
        next: 0,
        found: Vec::new(),
    }));
    Ok(())
}

/// A SEARCH that is being answered.
#[derive(Debug)]
pub struct Searching {
    /// The command's tag.
    pub tag: Bytes,
    /// The command's verb.
    pub verb: &'static str,
    mailbox: Arc<Mailbox>,
    criteria: Text,
    key: Key,
    by_uid: bool,
    /// The position to look at next.
    next: usize,
    found: Vec<u32>,
}

/// Octets of text looked through before others have their turn.
const SLICE: usize = 4 * 1024 * 1024;

impl Searching {
    /// Looks at some messages. `true` when all were looked at and the result is sent.
    pub fn step(&mut self, state: &State, out: &mut Actions) -> bool {
        let untouched = Overlay::default();
        let overlay = state.account().map_or(&untouched, |account| &account.overlay);
        let mut read = 0;
        while let Some(message) = self.mailbox.messages.get(self.next) {
            if read >= SLICE {
                return false;
            }
            let flags = overlay.flags(&self.mailbox, message);
            let mut candidate = Candidate { message, position: self.next, flags, read: 0 };
            let number = u32::try_from(self.next.saturating_add(1)).unwrap_or(u32::MAX);
            if candidate.matches(&self.key) {
                self.found.push(if self.by_uid { message.uid } else { number });
            }
            read = read.saturating_add(candidate.read);
            self.next = self.next.saturating_add(1);
        }
        out.record(Event::SearchRun {
            mailbox: self.mailbox.name.clone(),
            criteria: std::mem::take(&mut self.criteria),
            matches: self.found.len() as u64,
        });
        out.send(b"* SEARCH");
        for number in &self.found {
            out.send(format!(" {number}").as_bytes());
        }
        out.send(b"\r\n");
        true
    }
}
