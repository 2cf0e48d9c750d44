//! CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 3501 sections 6.3.3 to 6.3.7) and NAMESPACE (RFC 2342).

use bait::World;
use event::CloseReason;

use crate::imap::name::{self, creatable, decoded, missing, separator, sound};
use crate::imap::state::{Account, State};
use crate::imap::texts::Phrase;
use crate::imap::turn::{Fault, Turn};

/// RFC 2342. Arguments are ignored, as Dovecot does.
pub fn namespace(turn: &mut Turn<'_>, _: &mut State) -> Result<(), Fault> {
    turn.untagged_phrase(Phrase::Namespace);
    turn.complete();
    Ok(())
}

/// RFC 3501 section 6.3.3. The separator at the end of a name is passed over.
pub fn create(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    let separator = separator(turn);
    let asked = decoded(turn.parse()?.first())?;
    let name = asked.strip_suffix(separator).filter(|name| !name.is_empty()).unwrap_or(&asked);
    creatable(name, separator)?;
    let world = &mut account(state)?.world;
    if world.folder(name).is_some() {
        return Err(Phrase::MailboxExists.into());
    }
    world.create(name).map_err(|_| Phrase::OverQuota)?;
    turn.complete();
    Ok(())
}

/// RFC 3501 section 6.3.4. Who deletes the open mailbox is sent away, as by Dovecot.
pub fn delete(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    let name = decoded(turn.parse()?.first())?;
    if name == "INBOX" {
        return Err(Phrase::DeleteInbox.into());
    }
    sound(&name, separator(turn))?;
    let open = state.selected().is_some_and(|selected| selected.name == name);
    let separator = separator(turn);
    if !account(state)?.world.delete(&name, separator) {
        return Err(missing(Phrase::Nonexistent, &name));
    }
    turn.complete();
    if open {
        state.select(None);
        turn.bye(Phrase::ByeMailboxDeleted, CloseReason::Logout);
    }
    Ok(())
}

/// RFC 3501 section 6.3.5. The mailboxes below go with it.
pub fn rename(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    let separator = separator(turn);
    let arguments = turn.parse()?;
    let (from, to) = (decoded(arguments.first())?, decoded(arguments.get(1))?);
    let inside = to.strip_prefix(&from).is_some_and(|rest| rest.starts_with(separator));
    if inside && !from.is_empty() {
        return Err(Phrase::RenameUnderChild.into());
    }
    name::sound(&from, separator)?;
    creatable(&to, separator)?;
    let world = &mut account(state)?.world;
    if from != "INBOX" && world.folder(&from).is_none() && !world.has_children(&from, separator) {
        return Err(missing(Phrase::Nonexistent, &from));
    }
    if from == "INBOX" {
        return Err(Phrase::RenameInbox.into());
    }
    if world.folder(&to).is_some() {
        return Err(Phrase::TargetExists.into());
    }
    world.rename(&from, &to, separator);
    if let State::Selected(_, selected) = state
        && selected.name == from
    {
        selected.name = to;
    }
    turn.complete();
    Ok(())
}

/// RFC 3501 section 6.3.6.
pub fn subscribe(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    let name = decoded(turn.parse()?.first())?;
    let world = &mut account(state)?.world;
    if !exists(world, &name, separator(turn)) {
        return Err(missing(Phrase::NoSuchMailbox, &name));
    }
    world.subscribe(&name, true).map_err(|_| Phrase::OverQuota)?;
    turn.complete();
    Ok(())
}

/// RFC 3501 section 6.3.7. Who was never subscribed is told the same, as by Dovecot.
pub fn unsubscribe(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    let name = decoded(turn.parse()?.first())?;
    let name = name.strip_suffix(separator(turn)).unwrap_or(&name);
    sound(name, separator(turn))?;
    account(state)?.world.subscribe(name, false).map_err(|_| Phrase::OverQuota)?;
    turn.complete();
    Ok(())
}

fn exists(world: &World, name: &str, separator: char) -> bool {
    world.folder(name).is_some() || world.has_children(name, separator)
}

/// The account of who is logged in; these commands exist for nobody else.
pub fn account(state: &mut State) -> Result<&mut Account, Fault> {
    state.account_mut().ok_or_else(|| Phrase::UnknownCommand.into())
}
