//! SEARCH (RFC 3501 section 6.4.4), SORT and THREAD (RFC 5256) and their UID forms: what an intruder looks for. `parse.rs`
//! reads the keys, `key.rs` asks a message, `result.rs` tells what was found, `sort.rs` and `thread.rs` put it in order.

mod argument;
mod ask;
mod charset;
mod common;
mod key;
mod limit;
mod merge;
mod mime_key;
mod mime_match;
mod parse;
mod question;
mod references;
mod result;
mod run;
mod set;
mod simplify;
mod sort;
mod thread;

use event::{CloseReason, Text};

pub use ask::Cost;
pub use question::{Question, Seen};
pub use run::Searching;

use crate::imap::arguments::Argument;
use crate::imap::state::{Selected, Stage, State};
use crate::imap::string::push_string;
use crate::imap::texts::Phrase;
use crate::imap::turn::{Fault, Turn};
use crate::imap::view::enable_condstore;
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
    let context = Context { uids: &uids, saved: &selected.saved, mailbox: &selected.name, now, dovecot };
    let (mut wanted, rest) = if dovecot && !verb.ends_with("THREAD") {
        result::wanted(&arguments, selected.is_updated(&turn.tag))?
    } else {
        (Wanted::default(), &arguments[..])
    };
    let (order, rest) = order(verb, rest)?;
    let keys = match order {
        Order::Number => parse::parse(rest, &context)?,
        _ => {
            let (charset, keys) = rest.split_first().ok_or(Phrase::InvalidCharset)?;
            parse::parse_in(charset.string().ok_or(Phrase::InvalidCharset)?, keys, &context)?
        }
    };
    let Ok(question) = Question::of(keys, now, dovecot) else {
        turn.out.forget_text();
        turn.close(CloseReason::Violation);
        return Ok(());
    };
    if dovecot
        && question.names_modseq()
        && let State::Selected(account, selected) = state
    {
        selected.track(&mut account.world);
    }
    let modseq = question.has_modseq() && !matches!(order, Order::Threads(_));
    if modseq {
        enable_condstore(turn, state);
    }
    let keywords = question.keywords();
    if dovecot && !keywords.is_empty() {
        // Dovecot makes the mailbox know a keyword by asking for it.
        if let State::Selected(_, selected) = state {
            selected.name_keywords(&keywords);
        }
    }
    if wanted.update && state.selected().is_some_and(Selected::has_all_updates) {
        wanted.update = false;
        let mut tag = Vec::new();
        push_string(&mut tag, &turn.tag);
        turn.untagged_with(Phrase::NoUpdate, &tag);
    }
    turn.status = "OK";
    let criteria = Text::copy(turn.arguments);
    let searching = Searching {
        tag: turn.tag.clone(),
        verb,
        criteria,
        question,
        wanted,
        order,
        by_uid,
        modseq,
        ..Searching::default()
    };
    turn.stage = Stage::Searching(Box::new(searching));
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
