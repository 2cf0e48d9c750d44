//! Commands that Debian's Dovecot knows and has nothing behind: URLAUTH (RFC 4467), and two of its own.

use crate::imap::state::State;
use crate::imap::texts::Phrase;
use crate::imap::turn::{Fault, Turn};

/// GENURLAUTH, RESETKEY, URLFETCH.
pub fn urlauth(_: &mut Turn<'_>, _: &mut State) -> Result<(), Fault> {
    Err(Phrase::UrlauthDisabled.into())
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
