//! STORE and UID STORE (RFC 3501 section 6.4.6; UNCHANGEDSINCE, RFC 7162 section 3.1.3).

use std::sync::Arc;

use bait::{Entry, Flags, Marks};

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
    let keywords = selected.name_keywords(&keywords);
    if selected.read_only {
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
    let (mut conflicts, mut wanted) = (Vec::new(), Vec::new());
    for position in positions {
        let Some(seen) = selected.entries.get(position) else { continue };
        let uid = seen.message.uid;
        let place = known.binary_search_by_key(&uid, |entry| entry.message.uid).ok();
        // What another session has expunged is marked too, as long as the client does not know.
        let gone = || Some(Entry { message: Arc::clone(&seen.message), marks: folder.last_marks(uid)? });
        let Some(entry) = place.and_then(|place| known.get(place)).cloned().or_else(gone) else { continue };
        if unchanged_since.is_some_and(|since| selected.modseq_of(&entry.marks) > since) {
            let number = u32::try_from(position.saturating_add(1)).unwrap_or(u32::MAX);
            conflicts.push(if by_uid { uid } else { number });
        } else {
            wanted.push((position, entry));
        }
    }
    let keywords = match how {
        How::Remove => folder.known_keyword_bits(&keywords),
        How::Add | How::Replace if wanted.is_empty() => 0,
        How::Add | How::Replace => folder.keyword_bits(&keywords),
    };
    let marks = |present: Marks| match how {
        How::Add => (present.flags | flags, present.keywords | keywords),
        How::Remove => (present.flags & !flags, present.keywords & !keywords),
        How::Replace => (flags | (present.flags & Flags::RECENT), keywords),
    };
    let count = changes(wanted.iter().map(|(_, entry)| (entry.marks, marks(entry.marks))));
    let mut changed = Vec::new();
    for (position, entry) in wanted {
        let (flags, keywords) = marks(entry.marks);
        if folder.mark_among(&entry, flags, keywords, count) {
            changed.push((position, entry.marks));
        }
    }
    folder.count_changes(count);
    let modseq = folder.modseq;
    for (position, before) in changed.iter().filter(|_| silent) {
        if let Some(seen) = selected.entries.get(*position).cloned() {
            selected.change_silently(&seen, before, modseq);
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

/// How many changes Dovecot makes of one STORE: one for the flags, and one for each keyword.
fn changes(all: impl Iterator<Item = (Marks, (Flags, u64))>) -> u64 {
    let differ = |(flags, keywords), (before, (new, words)): (Marks, (Flags, u64))| {
        let same = (before.flags | Flags::RECENT) == (new | Flags::RECENT);
        (flags || !same, keywords | (before.keywords ^ words))
    };
    let (flags, keywords) = all.fold((false, 0), differ);
    u64::from(flags).saturating_add(u64::from(keywords.count_ones()))
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
