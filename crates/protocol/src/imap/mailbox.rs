//! SELECT, EXAMINE, CLOSE, CHECK (RFC 3501 sections 6.3.1, 6.3.2, 6.4.1, 6.4.2), UNSELECT (RFC 3691) and IDLE (RFC 2177).

use bait::Flags;
use event::Event;

use crate::imap::arguments::Argument;
use crate::imap::keep_alive::keep_alive;
use crate::imap::name;
use crate::imap::qresync::Qresync;
use crate::imap::state::{Selected, Stage, State};
use crate::imap::texts::Phrase;
use crate::imap::turn::{Fault, Turn};
use crate::imap::view::{Telling, all_flags, meet_keywords};
use crate::text::{Slot, Text};

/// RFC 3501 section 6.3.1.
pub fn select(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    open(turn, state, false)
}

/// RFC 3501 section 6.3.2.
pub fn examine(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    open(turn, state, true)
}

/// RFC 3501 section 6.4.2. Removes what is marked `\Deleted` without a word.
pub fn close(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    if state.is_lost() && turn.service.texts.mail_process.is_dovecot() {
        turn.untagged_phrase(Phrase::DeletedUnderUs);
        turn.sync(state, Telling::default());
        return Ok(());
    }
    if let State::Selected(account, selected) = state
        && !selected.read_only
        && turn.service.texts.mail_process.is_dovecot()
        && let Some(folder) = selected.folder(&mut account.world)
    {
        let deleted = folder.entries().filter(|entry| entry.marks.flags.contains(Flags::DELETED));
        let deleted: Vec<u32> = deleted.map(|entry| entry.message.uid).collect();
        folder.expunge(deleted);
    }
    state.select(None);
    turn.complete();
    Ok(())
}

/// RFC 3691.
pub fn unselect(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    state.select(None);
    turn.complete();
    Ok(())
}

/// RFC 3501 section 6.4.1. Arguments are ignored, as Dovecot does.
pub fn check(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    turn.sync(state, Telling::default());
    turn.complete();
    Ok(())
}

/// RFC 2177. Arguments are ignored, as Dovecot does.
pub fn idle(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    turn.go_on(Phrase::Idling);
    // Whatever the client has sent already, the mailbox is looked at now.
    turn.may_wait = false;
    turn.sync(state, Telling::default());
    if let Some(modseq) = turn.modseq.take() {
        turn.untagged_with(Phrase::HighestModseq, modseq.to_string().as_bytes());
    }
    let still_here = keep_alive(turn.service, turn.guest, &turn.user, turn.now);
    turn.stage = Stage::Idling { tag: turn.tag.clone(), still_here, since: turn.now, tell: None };
    Ok(())
}

/// A SELECT that fails closes the mailbox that was open (RFC 3501 section 6.3.1).
fn open(turn: &mut Turn<'_>, state: &mut State, read_only: bool) -> Result<(), Fault> {
    let dovecot = turn.service.texts.mail_process.is_dovecot();
    let arguments = turn.parse()?;
    if !dovecot && arguments.first().and_then(Argument::string).is_none() {
        return Err(Phrase::InvalidArguments.into());
    }
    let wanted = wanted(turn, state, &arguments);
    if dovecot && state.selected().is_some() {
        turn.untagged_phrase(Phrase::ClosedPrevious);
    }
    state.select(None);
    let (name, Wanted { condstore, qresync }) = wanted?;
    let Some(account) = state.account_mut() else {
        return Err(Phrase::UnknownCommand.into());
    };
    account.features.condstore |= condstore;
    if dovecot {
        name::sound(&name, name::separator(turn))?;
    }
    state.track(&name);
    let Some(account) = state.account_mut() else {
        return Err(Phrase::UnknownCommand.into());
    };
    let Some(folder) = account.world.folder(&name) else {
        let wire = arguments.first().and_then(Argument::string).unwrap_or_default();
        let wire = if dovecot { name.into_bytes() } else { wire.to_vec() };
        return Err(Fault::with(Phrase::NoSuchMailbox, wire));
    };
    // Once somebody has used CONDSTORE with a mailbox, everybody is told its mod-sequence.
    let (uid_next, modseq) = (folder.uid_next, folder.modseqs_from.map(|_| folder.modseq_once_read()));
    let mut selected = Selected::of(folder, read_only);
    if let Some(mut known) = account.known_keywords.remove(&selected.uid_validity) {
        meet_keywords(&mut known, &selected.keywords);
        (selected.told_keywords, selected.known_keywords) = (known.len(), known);
    }
    if selected.open(&mut account.world, !dovecot) {
        account.forget_keywords_for(&name);
    }
    turn.record(Event::MailboxSelected { mailbox: selected.name.clone(), read_only });
    let lines = if read_only { &turn.service.texts.examine } else { &turn.service.texts.select };
    describe(turn, lines, &selected, uid_next, modseq);
    if let Some(known) = qresync
        && let Some(folder) = selected.folder_in(&account.world).cloned()
    {
        known.answer(turn, &mut selected, &folder);
    }
    state.select(Some(selected));
    turn.complete();
    Ok(())
}

/// What a client wants with the mailbox.
#[derive(Debug, Default)]
struct Wanted {
    /// RFC 7162 section 3.1.8.
    condstore: bool,
    /// RFC 7162 section 3.2.5.
    qresync: Option<Qresync>,
}

/// The name, and what is wanted besides.
fn wanted(turn: &Turn<'_>, state: &State, arguments: &[Argument<'_>]) -> Result<(String, Wanted), Fault> {
    let name = arguments.first().filter(|name| name.string().is_some()).ok_or(Phrase::InvalidArguments)?;
    let name = name::decoded(Some(name))?;
    let mut wanted = Wanted::default();
    let options = arguments.get(1).and_then(Argument::list).unwrap_or_default();
    let mut options = options.iter();
    if turn.service.texts.mail_process.is_dovecot() {
        while let Some(option) = options.next() {
            if option.atom().is_none() {
                return Err(Phrase::SelectNoAtoms.into());
            } else if option.is_atom("CONDSTORE") {
                wanted.condstore = true;
            } else if option.is_atom("QRESYNC") {
                if !state.account().is_some_and(|account| account.features.qresync) {
                    return Err(Phrase::QresyncDisabled.into());
                }
                wanted.qresync = Some(Qresync::parse(options.next())?);
            } else {
                return Err(Phrase::UnknownFetchModifier.into());
            }
        }
    }
    Ok((name, wanted))
}

fn describe(turn: &mut Turn<'_>, lines: &[Text], selected: &Selected, uid_next: u32, modseq: Option<u64>) {
    let unseen = selected.first_unseen();
    let numbers = [
        (Slot::Exists, selected.entries.len().to_string()),
        (Slot::Recent, selected.recent().to_string()),
        (Slot::Unseen, unseen.unwrap_or_default().to_string()),
        (Slot::UidValidity, selected.uid_validity.to_string()),
        (Slot::UidNext, uid_next.to_string()),
        (Slot::Modseq, modseq.unwrap_or_default().to_string()),
        (Slot::Flags, all_flags(&selected.known_keywords)),
    ];
    let values: Vec<(Slot, &[u8])> = numbers.iter().map(|(slot, text)| (*slot, text.as_bytes())).collect();
    for line in lines {
        let untrue = unseen.is_none() && line.mentions(Slot::Unseen);
        let untracked = modseq.is_none() && line.mentions(Slot::Modseq);
        if !untrue && !untracked {
            turn.untagged(&line.fill(&values));
        }
    }
}
