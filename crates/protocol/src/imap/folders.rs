//! CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 3501 sections 6.3.3 to 6.3.7) and NAMESPACE (RFC 2342).

use bait::mailbox_name;
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
    let name = asked.strip_suffix(separator).unwrap_or(&asked);
    creatable(name, separator)?;
    let account = account(state)?;
    if account.world.folder(name).is_some() {
        return Err(Phrase::MailboxExists.into());
    }
    if too_long(name) {
        return Err(Phrase::NotFound.into());
    }
    account.world.create(name).map_err(|_| Phrase::OverQuota)?;
    account.forget_keywords();
    turn.complete();
    Ok(())
}

/// RFC 3501 section 6.3.4. Who deletes the open mailbox is sent away, as by Dovecot.
pub fn delete(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    let name = decoded(turn.parse()?.first())?;
    if name == "INBOX" {
        return Err(Phrase::DeleteInbox.into());
    }
    if name.is_empty() {
        return Err(Phrase::DeleteRoot.into());
    }
    sound(&name, separator(turn))?;
    if too_long(&name) {
        return Err(internal_error(turn));
    }
    let open = state.selected().is_some_and(|selected| selected.name == name);
    let separator = separator(turn);
    let account = account(state)?;
    if !account.world.delete(&name, separator) {
        return Err(missing(Phrase::Nonexistent, &name));
    }
    account.forget_keywords();
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
    let (Some(old), Some(new)) = (arguments.first(), arguments.get(1)) else {
        return Err(Phrase::MissingArguments.into());
    };
    let (Some(old_text), Some(new_text)) = (old.string(), new.string()) else {
        return Err(Phrase::InvalidArguments.into());
    };
    let (from, to) = (decoded(Some(old))?, decoded(Some(new))?);
    // INBOX is not known yet where it is written otherwise.
    let raw = (mailbox_name::decode(old_text), mailbox_name::decode(new_text));
    if let (Some(from), Some(to)) = raw
        && !from.is_empty()
        && to.strip_prefix(&from).is_some_and(|rest| rest.starts_with(separator))
    {
        return Err(Phrase::RenameUnderChild.into());
    }
    name::sound(&from, separator)?;
    creatable(&to, separator)?;
    if from == to {
        return Err(Phrase::RenameItself.into());
    }
    let world = &mut account(state)?.world;
    if too_long(&from) {
        return Err(internal_error(turn));
    }
    if from != "INBOX" && world.folder(&from).is_none() && !world.has_children(&from, separator) {
        return Err(missing(Phrase::Nonexistent, &from));
    }
    if from == "INBOX" {
        return Err(Phrase::RenameInbox.into());
    }
    if world.folder(&to).is_some() {
        return Err(Phrase::TargetExists.into());
    }
    if too_long(&to) {
        return Err(internal_error(turn));
    }
    world.rename(&from, &to, separator);
    turn.complete();
    Ok(())
}

/// RFC 3501 section 6.3.6.
pub fn subscribe(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    let separator = separator(turn);
    let name = decoded(turn.parse()?.first())?;
    let world = &mut account(state)?.world;
    if world.folder(&name).is_none() && !world.is_left_behind(&name) {
        return Err(missing(Phrase::NoSuchMailbox, name.strip_suffix(separator).unwrap_or(&name)));
    }
    world.subscribe(&name, true).map_err(|_| Phrase::OverQuota)?;
    turn.complete();
    Ok(())
}

/// RFC 3501 section 6.3.7. Who was never subscribed is told the same, as by Dovecot.
pub fn unsubscribe(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    let name = decoded(turn.parse()?.first())?;
    sound(&name, separator(turn))?;
    account(state)?.world.subscribe(&name, false).map_err(|_| Phrase::OverQuota)?;
    turn.complete();
    Ok(())
}

/// Octets that the disk holds of a name: a Maildir's folder is one directory.
const LONGEST_ON_DISK: usize = 254;

fn too_long(name: &str) -> bool {
    mailbox_name::encode(name).len() > LONGEST_ON_DISK
}

/// What Dovecot says of what it did not expect, with the time for the log.
fn internal_error(turn: &Turn<'_>) -> Fault {
    let now = turn.service.wall_clock(turn.now).strftime("%Y-%m-%d %H:%M:%S").to_string();
    Fault::with(Phrase::InternalError, now)
}

/// The account of who is logged in; these commands exist for nobody else.
pub fn account(state: &mut State) -> Result<&mut Account, Fault> {
    state.account_mut().ok_or_else(|| Phrase::UnknownCommand.into())
}
