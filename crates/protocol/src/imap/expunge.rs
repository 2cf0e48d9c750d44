//! EXPUNGE (RFC 3501 section 6.4.3) and UID EXPUNGE (RFC 4315).

use std::collections::BTreeSet;

use bait::{Entry, Flags};

use crate::imap::copy::targets;
use crate::imap::state::State;
use crate::imap::texts::Phrase;
use crate::imap::turn::{Fault, Turn};
use crate::imap::view::Telling;

/// RFC 3501 section 6.4.3.
pub fn expunge(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    run(turn, state, None)
}

/// RFC 4315 section 2.1: only those of these UIDs.
pub fn uid_expunge(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    let arguments = turn.parse()?;
    let set = arguments.first().ok_or(Phrase::MissingArguments)?;
    if state.selected().is_none() {
        return Err(Phrase::NoMailboxSelected.into());
    }
    let set = set.string().ok_or(Phrase::InvalidArguments)?;
    let selected = state.selected().ok_or(Phrase::NoMailboxSelected)?;
    let named = targets(set, selected, true)?;
    let uids = named.iter().filter_map(|position| selected.entries.get(*position));
    let uids = uids.map(|entry| entry.message.uid).collect();
    run(turn, state, Some(&uids))
}

fn run(turn: &mut Turn<'_>, state: &mut State, only: Option<&BTreeSet<u32>>) -> Result<(), Fault> {
    let State::Selected(account, selected) = state else {
        return Err(Phrase::NoMailboxSelected.into());
    };
    if selected.is_lost(&account.world) {
        turn.refuse_lost(state);
        return Ok(());
    }
    let deleted = |entry: &Entry| entry.marks.flags.contains(Flags::DELETED);
    let wanted = |uid: &u32| only.is_none_or(|only| only.contains(uid));
    if let Some(folder) = selected.folder(&mut account.world).filter(|_| !selected.read_only) {
        let deleted: Vec<u32> =
            folder.entries().filter(deleted).map(|entry| entry.message.uid).filter(wanted).collect();
        folder.expunge(deleted);
    }
    turn.sync(state, Telling::default());
    turn.complete();
    Ok(())
}
