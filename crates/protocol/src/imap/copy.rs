//! COPY, MOVE and their UID forms (RFC 3501 section 6.4.7; RFC 6851; COPYUID, RFC 4315), and what a message set names.

use bait::Entry;

use crate::imap::folders::account;
use crate::imap::name::{decoded, missing, separator, sound};
use crate::imap::sequence::{SequenceSet, push_numbers};
use crate::imap::state::{Selected, State};
use crate::imap::texts::Phrase;
use crate::imap::turn::{Fault, Turn};
use crate::imap::view::Telling;

/// RFC 3501 section 6.4.7.
pub fn copy(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    run(turn, state, false, false)
}

/// RFC 3501 section 6.4.8.
pub fn uid_copy(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    run(turn, state, true, false)
}

/// RFC 6851 section 3.1.
pub fn move_(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    run(turn, state, false, true)
}

/// RFC 6851 section 3.2.
pub fn uid_move(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    run(turn, state, true, true)
}

fn run(turn: &mut Turn<'_>, state: &mut State, by_uid: bool, moving: bool) -> Result<(), Fault> {
    let arguments = turn.parse()?;
    let [set, to, ..] = arguments.as_slice() else {
        return Err(Phrase::MissingArguments.into());
    };
    let set = set.string().ok_or(Phrase::InvalidArguments)?;
    if to.string().is_none() {
        return Err(Phrase::InvalidArguments.into());
    }
    let selected = state.selected().ok_or(Phrase::NoMailboxSelected)?;
    let positions = targets(set, selected, by_uid)?;
    let entries: Vec<Entry> =
        positions.iter().filter_map(|position| selected.entries.get(*position)).cloned().collect();
    let keywords = selected.keywords.clone();
    let here = selected.name.clone();
    if entries.is_empty() {
        turn.sync(state, Telling::default());
        turn.complete_as(Phrase::NoMessagesFound, &[]);
        return Ok(());
    }
    let to = decoded(Some(to))?;
    sound(&to, separator(turn))?;
    state.track(&to);
    let world = &mut account(state)?.world;
    if world.folder(&to).is_none() {
        return Err(missing(Phrase::TryCreate, &to));
    }
    let State::Selected(opener, selected) = state else { return Err(Phrase::NoMailboxSelected.into()) };
    if selected.is_lost(&opener.world) {
        if moving {
            return Err(missing(Phrase::NoSuchMailbox, &here));
        }
        turn.refuse_lost(state);
        return Ok(());
    }
    if positions.iter().any(|position| selected.is_gone(&opener.world, *position)) {
        turn.sync(state, Telling { uids: by_uid, ..Telling::default() });
        turn.complete_as(Phrase::CopyExpunged, &[]);
        return Ok(());
    }
    if opener.world.folder(&to).is_some_and(|folder| !folder.has_index()) {
        opener.forget_keywords_for(&to);
    }
    let world = &mut opener.world;
    let uids = world.copy(&entries, &keywords, &to).map_err(|_| Phrase::OverQuota)?;
    let mut pairs = world.folder(&to).map_or(0, |folder| folder.uid_validity).to_string().into_bytes();
    let from: Vec<u32> = entries.iter().map(|entry| entry.message.uid).collect();
    for list in [&from, &uids] {
        pairs.push(b' ');
        push_numbers(&mut pairs, list);
    }
    opener.complaint = Some(Phrase::NotCached.into());
    if to == here {
        let uid_validity = selected.uid_validity;
        for (from, to) in from.iter().zip(&uids) {
            opener.read.copy(uid_validity, *from, *to);
        }
        if moving {
            selected.moved_within.extend(&from);
        }
    }
    if moving {
        turn.untagged_with(Phrase::MovedUids, &pairs);
        if let Some(folder) = account(state)?.world.folder_mut(&here) {
            folder.expunge(from.iter().copied());
        }
    }
    turn.sync(state, Telling { uids: by_uid, ..Telling::default() });
    if moving {
        turn.complete();
    } else {
        turn.complete_as(Phrase::Copied, &pairs);
    }
    Ok(())
}

/// The positions that a message set names, `$` included (RFC 5182).
pub fn targets(set: &[u8], selected: &Selected, by_uid: bool) -> Result<Vec<usize>, Fault> {
    let uids = selected.uids();
    if set == b"$" {
        let place = |uid: &u32| uids.binary_search(uid).ok();
        return Ok(selected.saved.iter().filter_map(place).collect());
    }
    let malformed = if by_uid { Phrase::InvalidUidSet } else { Phrase::InvalidSequenceSet };
    let set = SequenceSet::parse_as_dovecot(set).ok_or(malformed)?;
    if !by_uid && !set.within(uids.len()) {
        return Err(Phrase::InvalidSequenceSet.into());
    }
    Ok(set.positions(&uids, by_uid).into_iter().flatten().collect())
}
