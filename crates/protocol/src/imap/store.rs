//! STORE and UID STORE (RFC 3501 section 6.4.6; UNCHANGEDSINCE, RFC 7162 section 3.1.3).

use std::sync::Arc;

use bait::{Entry, Flags};

use crate::imap::arguments::Argument;
use crate::imap::copy::targets;
use crate::imap::flags;
use crate::imap::sequence::push_numbers;
use crate::imap::state::State;
use crate::imap::texts::Phrase;
use crate::imap::turn::{Fault, Turn};
use crate::imap::view::{Telling, enable_condstore};

/// RFC 3501 section 6.4.6.
pub fn store(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    run(turn, state, false)
}

/// RFC 3501 section 6.4.8.
pub fn uid_store(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    run(turn, state, true)
}

/// What is done with the flags named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Add,
    Remove,
    Replace,
}

fn run(turn: &mut Turn<'_>, state: &mut State, by_uid: bool) -> Result<(), Fault> {
    let arguments = turn.parse()?;
    let selected = state.selected().ok_or(Phrase::NoMailboxSelected)?;
    let (set, mut rest) = arguments.split_first().ok_or(Phrase::InvalidArguments)?;
    let set = set.atom().ok_or(Phrase::InvalidArguments)?;
    let positions = targets(set, selected, by_uid)?;
    let mut unchanged_since = None;
    if let Some((Argument::List(modifiers), behind)) = rest.split_first() {
        unchanged_since = modifier(modifiers, turn, state)?;
        rest = behind;
    }
    let State::Selected(account, selected) = state else {
        return Err(Phrase::NoMailboxSelected.into());
    };
    let (kind, rest) = rest.split_first().ok_or(Phrase::InvalidArguments)?;
    let (how, silent) = kind.string().and_then(how).ok_or(Phrase::InvalidArguments)?;
    let named = match rest.first() {
        Some(Argument::List(members)) => members,
        _ => rest,
    };
    let (flags, keywords) = flags::parse(named)?;
    flags::check(&keywords)?;
    let telling = Telling { uids: by_uid && (!silent || account.features.condstore), keep_expunged: !by_uid };
    if selected.read_only {
        // Dovecot makes the mailbox know a keyword by naming it.
        if let Some(folder) = selected.folder(&mut account.world) {
            folder.keyword_bits(&keywords);
        }
        turn.sync(state, telling);
        if unchanged_since.is_some() {
            turn.complete_as(Phrase::ConditionalReadOnly, &[]);
            return Ok(());
        }
        turn.complete_as(Phrase::StoreReadOnly, &[]);
        return Ok(());
    }
    if selected.is_lost(&account.world) {
        turn.complete_as(Phrase::DeletedUnderUs, &[]);
        turn.sync(state, Telling::default());
        return Ok(());
    }
    let Some(folder) = selected.folder(&mut account.world) else {
        turn.refuse_lost(state);
        return Ok(());
    };
    let known = Arc::clone(folder.list());
    let keywords = folder.keyword_bits(&keywords);
    let first = folder.modseq.saturating_add(1);
    let (mut conflicts, mut marked) = (Vec::new(), Vec::new());
    let mut differs = (false, 0_u64);
    for position in positions {
        let Some(seen) = selected.entries.get(position) else { continue };
        let uid = seen.message.uid;
        let place = known.binary_search_by_key(&uid, |entry| entry.message.uid).ok();
        // What another session has expunged is marked too, as long as the client does not know.
        let gone = || Some(Entry { message: Arc::clone(&seen.message), marks: folder.last_marks(uid)? });
        let Some(entry) = place.and_then(|place| known.get(place)).cloned().or_else(gone) else { continue };
        if unchanged_since.is_some_and(|since| entry.marks.modseq > since) {
            let number = u32::try_from(position.saturating_add(1)).unwrap_or(u32::MAX);
            conflicts.push(if by_uid { uid } else { number });
            continue;
        }
        let present = entry.marks;
        let (flags, keywords) = match how {
            How::Add => (present.flags | flags, present.keywords | keywords),
            How::Remove => (present.flags & !flags, present.keywords & !keywords),
            How::Replace => (flags | (present.flags & Flags::RECENT), keywords),
        };
        let flags = (flags & !Flags::RECENT) | (present.flags & Flags::RECENT);
        differs.0 |= flags != present.flags;
        differs.1 |= keywords ^ present.keywords;
        marked.push((entry, flags, keywords));
    }
    // The flags are one change, and each keyword is one; what is marked has the last one's mod-sequence.
    let changes = differs.1.count_ones().saturating_add(u32::from(differs.0));
    if changes > 0 {
        (1..changes).for_each(|_| folder.count_change());
        for (entry, flags, keywords) in marked {
            folder.mark(&entry, flags, keywords);
        }
        folder.count_change();
        if silent {
            let last = folder.modseq;
            selected.silent.push(first..=last);
        }
    }
    turn.sync(state, telling);
    if conflicts.is_empty() {
        turn.complete();
    } else {
        let mut list = Vec::new();
        push_numbers(&mut list, &conflicts);
        turn.complete_as(Phrase::StoreConflict, &list);
    }
    Ok(())
}

/// `(UNCHANGEDSINCE 5)`. The last of several counts.
fn modifier(members: &[Argument<'_>], turn: &mut Turn<'_>, state: &mut State) -> Result<Option<u64>, Fault> {
    let mut since = None;
    for pair in members.chunks(2) {
        let [Argument::Atom(name), Argument::Atom(value)] = pair else {
            return Err(Phrase::InvalidStoreModifiers.into());
        };
        if !name.eq_ignore_ascii_case(b"UNCHANGEDSINCE") {
            return Err(Phrase::UnknownStoreModifier.into());
        }
        let value = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
        since = Some(value.ok_or(Phrase::InvalidModseq)?);
        enable_condstore(turn, state);
    }
    // The largest number of all is as good as none.
    Ok(since.filter(|since| *since < u64::MAX))
}

/// `+FLAGS.SILENT`, and whether it is silent.
fn how(text: &[u8]) -> Option<(How, bool)> {
    let (how, rest) = match text {
        [b'+', rest @ ..] => (How::Add, rest),
        [b'-', rest @ ..] => (How::Remove, rest),
        rest => (How::Replace, rest),
    };
    match &rest.to_ascii_uppercase()[..] {
        b"FLAGS" => Some((how, false)),
        b"FLAGS.SILENT" => Some((how, true)),
        _ => None,
    }
}
