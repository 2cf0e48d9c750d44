//! Commands that Debian's Dovecot knows and has nothing behind: URLAUTH (RFC 4467), METADATA (RFC 5464), NOTIFY
//! (RFC 5465) of nothing, CANCELUPDATE (RFC 5267).

use crate::imap::arguments::Argument;
use crate::imap::state::State;
use crate::imap::texts::Phrase;
use crate::imap::turn::{Fault, Turn};

/// GENURLAUTH, RESETKEY, URLFETCH.
pub fn urlauth(_: &mut Turn<'_>, _: &mut State) -> Result<(), Fault> {
    Err(Phrase::UrlauthDisabled.into())
}

/// GETMETADATA, SETMETADATA.
pub fn metadata(turn: &mut Turn<'_>, _: &mut State) -> Result<(), Fault> {
    if turn.parse()?.is_empty() {
        return Err(Phrase::InvalidArguments.into());
    }
    Err(Phrase::MetadataDisabled.into())
}

/// `NOTIFY NONE` and `NOTIFY SET`: what changes is told in the usual way.
pub fn notify(turn: &mut Turn<'_>, _: &mut State) -> Result<(), Fault> {
    let arguments = turn.parse()?;
    let sound = match arguments.as_slice() {
        [word] => word.is_atom("NONE"),
        [word, groups @ ..] => word.is_atom("SET") && !groups.is_empty(),
        [] => false,
    };
    if !sound {
        return Err(Phrase::InvalidArguments.into());
    }
    turn.complete();
    Ok(())
}

/// RFC 5267 section 4.3.4: there is never an update to be cancelled.
pub fn cancel_update(turn: &mut Turn<'_>, _: &mut State) -> Result<(), Fault> {
    let arguments = turn.parse()?;
    let quoted = |argument: &Argument<'_>| matches!(argument, Argument::Quoted(_) | Argument::Literal(_));
    let sound = !arguments.is_empty() && arguments.iter().all(quoted);
    Err(if sound { Phrase::UnknownTag } else { Phrase::InvalidParameters }.into())
}

/// X-STATE, which Dovecot has for itself.
pub fn state(turn: &mut Turn<'_>, _: &mut State) -> Result<(), Fault> {
    turn.parse()?;
    Err(Phrase::CommandDisabled.into())
}

/// X-CANCEL: no command is ever still running.
pub fn cancel(turn: &mut Turn<'_>, _: &mut State) -> Result<(), Fault> {
    let arguments = turn.parse()?;
    let tag = arguments.first().ok_or(Phrase::MissingArguments)?;
    tag.string().ok_or(Phrase::InvalidArguments)?;
    Err(Phrase::CommandTagUnknown.into())
}
