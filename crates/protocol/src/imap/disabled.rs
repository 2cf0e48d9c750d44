//! Commands that Debian's Dovecot knows and has nothing behind: URLAUTH (RFC 4467), METADATA (RFC 5464), and two of
//! its own.

use crate::imap::arguments::Argument;
use crate::imap::folders::account;
use crate::imap::name::{decoded_text, missing, separator, sound};
use crate::imap::state::State;
use crate::imap::texts::Phrase;
use crate::imap::turn::{Fault, Turn};

/// GENURLAUTH, RESETKEY, URLFETCH.
pub fn urlauth(_: &mut Turn<'_>, _: &mut State) -> Result<(), Fault> {
    Err(Phrase::UrlauthDisabled.into())
}

/// RFC 5464 section 4.2: `[(options)] mailbox entries`.
pub fn get_metadata(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    let arguments = turn.parse()?;
    let mut rest = arguments.as_slice();
    let mut deep = false;
    if let [Argument::List(options), behind @ ..] = rest {
        deep = depth(options)?;
        rest = behind;
    }
    let [mailbox, entries @ ..] = rest else { return Err(Phrase::InvalidArguments.into()) };
    let mailbox = mailbox.string().ok_or(Phrase::InvalidArguments)?;
    let names = match entries {
        [Argument::List(names), ..] => names,
        [name] if name.string().is_some() => entries,
        _ => return Err(Phrase::InvalidArguments.into()),
    };
    for name in names {
        let name = name.string().ok_or(Phrase::InvalidArguments)?;
        if !name.starts_with(b"/") {
            return Err(Phrase::EntryWithoutSlash.into());
        }
    }
    exists(mailbox, turn, state)?;
    if deep {
        turn.complete();
        return Ok(());
    }
    Err(Phrase::MetadataDisabled.into())
}

/// Whether what lies below an entry is wanted too.
fn depth(options: &[Argument<'_>]) -> Result<bool, Fault> {
    let mut deep = false;
    for pair in options.chunks(2) {
        match pair {
            [name, value] if name.is_atom("DEPTH") => match value.string() {
                Some(b"0") => deep = false,
                Some(b"1" | b"infinity") => deep = true,
                _ => return Err(Phrase::InvalidDepth.into()),
            },
            [name, value] if name.is_atom("MAXSIZE") => {
                let number =
                    value.atom().and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u32>().ok());
                number.ok_or(Phrase::InvalidMaxSize)?;
            }
            _ => return Err(Phrase::UnknownOption.into()),
        }
    }
    Ok(deep)
}

/// RFC 5464 section 4.3: `mailbox (entry value ...)`.
pub fn set_metadata(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    let arguments = turn.parse()?;
    let [mailbox, Argument::List(_), ..] = arguments.as_slice() else {
        return Err(Phrase::InvalidArguments.into());
    };
    exists(mailbox.string().ok_or(Phrase::InvalidArguments)?, turn, state)?;
    Err(Phrase::MetadataDisabled.into())
}

/// The mailbox must be there; an empty name is the server itself.
fn exists(wire: &[u8], turn: &Turn<'_>, state: &mut State) -> Result<(), Fault> {
    if wire.is_empty() {
        return Ok(());
    }
    let name = decoded_text(wire)?;
    sound(&name, separator(turn))?;
    match account(state)?.world.folder(&name) {
        Some(_) => Ok(()),
        None => Err(missing(Phrase::NoSuchMailbox, &name)),
    }
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
