//! Mailbox names as Dovecot takes them: what may be one, and what each fault is called.

use bait::mailbox_name;

use crate::imap::arguments::Argument;
use crate::imap::texts::Phrase;
use crate::imap::turn::{Fault, Turn};

/// Octets of a name, and of a part of it, that can be created.
const LONGEST: usize = 255;

/// A name from an argument, in UTF-8, not judged yet.
pub fn decoded(argument: Option<&Argument<'_>>) -> Result<String, Fault> {
    let argument = argument.ok_or(Phrase::MissingArguments)?;
    decoded_text(argument.string().ok_or(Phrase::InvalidArguments)?)
}

/// The same, from the octets of one. `INBOX`, also at the head of a name below it, may be written in any case.
pub fn decoded_text(wire: &[u8]) -> Result<String, Fault> {
    let name = mailbox_name::decode(wire).ok_or_else(|| Fault::with(Phrase::InvalidMailboxName, wire))?;
    let head = name.get(..5).filter(|head| head.eq_ignore_ascii_case("INBOX"));
    let behind = name.get(5..).unwrap_or_default();
    let below = behind.is_empty() || behind.starts_with(['.', '/']);
    Ok(if head.is_some() && below { format!("INBOX{behind}") } else { name })
}

/// Whether there can be a mailbox of that name at all.
pub fn sound(name: &str, separator: char) -> Result<(), Fault> {
    let doubled = [separator, separator].iter().collect::<String>();
    let phrase = if name.is_empty() {
        Phrase::NameEmpty
    } else if name.starts_with(separator) {
        Phrase::NameBegins
    } else if name.ends_with(separator) {
        Phrase::NameEnds
    } else if name.contains('/') && separator != '/' {
        Phrase::NameSlash
    } else if name.contains(&doubled) {
        Phrase::NameAdjacent
    } else if name.starts_with('~') {
        Phrase::NameTilde
    } else {
        return Ok(());
    };
    Err(phrase.into())
}

/// Whether a mailbox of that name may be made.
pub fn creatable(name: &str, separator: char) -> Result<(), Fault> {
    sound(name, separator)?;
    if name.chars().any(char::is_control) {
        return Err(Phrase::NameControl.into());
    }
    if name.split(separator).any(|part| part.len() > LONGEST) {
        return Err(Phrase::NameTooLong.into());
    }
    Ok(())
}

/// A fault that names a mailbox, in UTF-8 as Dovecot has it.
pub fn missing(phrase: Phrase, name: &str) -> Fault {
    Fault::with(phrase, name)
}

/// The personality's separator.
pub const fn separator(turn: &Turn<'_>) -> char {
    turn.service.texts.separator
}
