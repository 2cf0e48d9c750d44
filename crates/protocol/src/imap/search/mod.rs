//! SEARCH (RFC 3501 section 6.4.4), SORT and THREAD (RFC 5256) and their UID forms: what an intruder looks for. `parse.rs`
//! reads the keys, `key.rs` asks a message, `result.rs` tells what was found, `sort.rs` and `thread.rs` put it in order.

mod argument;
mod charset;
mod key;
mod parse;
mod references;
mod result;
mod sort;
mod thread;

use bytes::Bytes;
use event::{Event, Text};

use crate::imap::arguments::Argument;
use crate::imap::state::{Stage, State};
use crate::imap::texts::Phrase;
use crate::imap::turn::{Fault, Turn};
use crate::imap::updates::Update;
use crate::imap::view::enable_condstore;
use crate::session::Actions;
pub use key::{Candidate, Key};
use parse::Context;
use result::{Order, Wanted};

/// RFC 3501 section 6.4.4.
pub fn search(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    start(turn, state, "SEARCH", false)
}

/// RFC 3501 section 6.4.8.
pub fn uid_search(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    start(turn, state, "UID SEARCH", true)
}

/// RFC 5256 section 3.
pub fn sort(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    start(turn, state, "SORT", false)
}

/// RFC 5256 section 3.
pub fn uid_sort(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    start(turn, state, "UID SORT", true)
}

/// RFC 5256 section 3.
pub fn thread(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    start(turn, state, "THREAD", false)
}

/// RFC 5256 section 3.
pub fn uid_thread(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    start(turn, state, "UID THREAD", true)
}

fn start(turn: &mut Turn<'_>, state: &mut State, verb: &'static str, by_uid: bool) -> Result<(), Fault> {
    let dovecot = turn.service.texts.mail_process.is_dovecot();
    let arguments = turn.parse()?;
    let selected = state.selected().ok_or(Phrase::NoMailboxSelected)?;
    let uids = selected.uids();
    let now = turn.service.wall_clock(turn.now);
    let mut context = Context {
        uids: &uids,
        saved: &selected.saved,
        mailbox: &selected.name,
        now,
        dovecot,
        keywords: Vec::new(),
        modseq: false,
    };
    let (wanted, rest) = if dovecot && !verb.ends_with("THREAD") {
        result::wanted(&arguments)?
    } else {
        (Wanted::default(), &arguments[..])
    };
    let (order, rest) = order(verb, rest)?;
    let key = match order {
        Order::Number => parse::parse(rest, &mut context)?,
        _ => {
            let (charset, keys) = rest.split_first().ok_or(Phrase::InvalidCharset)?;
            parse::parse_in(charset.string().ok_or(Phrase::InvalidCharset)?, keys, &mut context)?
        }
    };
    let (keywords, modseq) = (context.keywords, context.modseq);
    if modseq {
        enable_condstore(turn, state);
    }
    if dovecot && !keywords.is_empty() {
        // Dovecot makes the mailbox know a keyword by asking for it.
        if let State::Selected(_, selected) = state {
            selected.name_keywords(&keywords);
        }
    }
    turn.status = "OK";
    turn.stage = Stage::Searching(Box::new(Searching {
        tag: turn.tag.clone(),
        verb,
        criteria: Text::copy(turn.arguments),
        key,
        wanted,
        order,
        by_uid,
        modseq,
        next: 0,
        found: Vec::new(),
        expunged: false,
    }));
    Ok(())
}

/// What stands between the verb and the keys, and says in which order the messages come.
fn order<'a, 'b>(verb: &str, rest: &'a [Argument<'b>]) -> Result<(Order, &'a [Argument<'b>]), Fault> {
    match (verb.trim_start_matches("UID "), rest) {
        ("SORT", [Argument::List(program), rest @ ..]) => Ok((Order::Sorted(sort::program(program)?), rest)),
        ("SORT", _) => Err(Phrase::InvalidSort.into()),
        ("THREAD", [algorithm, rest @ ..]) if rest.first().is_some_and(|next| next.string().is_some()) => {
            let name = algorithm.string().ok_or(Phrase::InvalidArguments)?;
            let algorithm = thread::Algorithm::of(name).ok_or(Phrase::UnknownThreadAlgorithm)?;
            Ok((Order::Threads(algorithm), rest))
        }
        ("THREAD", _) => Err(Phrase::InvalidArguments.into()),
        _ => Ok((Order::Number, rest)),
    }
}

/// A SEARCH that is being answered.
#[derive(Debug)]
pub struct Searching {
    /// The command's tag.
    pub tag: Bytes,
    /// The command's verb.
    pub verb: &'static str,
    criteria: Text,
    key: Key,
    wanted: Wanted,
    order: Order,
    by_uid: bool,
    /// Whether the result tells the highest mod-sequence in it.
    modseq: bool,
    /// The position to look at next.
    next: usize,
    /// Positions.
    found: Vec<usize>,
    /// Whether it had to look at what another session has expunged.
    pub expunged: bool,
}

/// Octets of text looked through before others have their turn.
const SLICE: usize = 4 * 1024 * 1024;

impl Searching {
    /// Looks at some messages. `true` when all were looked at and the result is sent.
    pub fn step(&mut self, state: &mut State, out: &mut Actions) -> bool {
        let State::Selected(account, selected) = state else { return true };
        let needs_message = self.key.needs_message();
        let mut read = 0;
        while let Some(entry) = selected.entries.get(self.next) {
            if read >= SLICE {
                return false;
            }
            if needs_message && selected.is_gone(&account.world, self.next) {
                self.expunged = true;
                self.next = self.next.saturating_add(1);
                continue;
            }
            let (message, keywords) = (&entry.message, &selected.keywords);
            let marks = selected.as_told(entry.marks);
            let mut candidate = Candidate { message, position: self.next, marks, keywords, read: 0 };
            if candidate.matches(&self.key) {
                self.found.push(self.next);
            }
            read = read.saturating_add(candidate.read);
            self.next = self.next.saturating_add(1);
        }
        if needs_message && !selected.entries.is_empty() {
            account.complaint = Some(Phrase::NotCached.into());
        }
        out.record(Event::SearchRun {
            mailbox: selected.name.clone(),
            criteria: std::mem::take(&mut self.criteria),
            matches: self.found.len() as u64,
        });
        let found = std::mem::take(&mut self.found);
        let uid = |position: &usize| selected.entries.get(*position).map(|entry| entry.message.uid);
        let uids = found.iter().filter_map(uid).collect();
        if self.wanted.save {
            selected.saved = self.wanted.saved(&found, selected);
        }
        let line =
            result::line(&self.wanted, &self.order, &self.tag, self.by_uid, found, self.modseq, selected);
        out.send(&line);
        if self.wanted.update {
            let (tag, by_uid) = (self.tag.clone(), self.by_uid);
            let key = std::mem::replace(&mut self.key, Key::And(Vec::new()));
            selected.keep_updated(Update { tag, by_uid, key, uids });
        }
        true
    }
}
