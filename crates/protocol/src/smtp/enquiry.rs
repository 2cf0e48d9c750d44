//! Questions that a relay answers badly or not at all: VRFY (RFC 5321 section 4.1.1.6), ETRN (1985), XCLIENT, XFORWARD.

use crate::smtp::address::Path;
use crate::smtp::envelope::recipient_verdict;
use crate::smtp::resolve::is_domain;
use crate::smtp::state::Dialogue;
use crate::smtp::texts::Phrase;
use crate::smtp::turn::{Fault, Turn};
use crate::text::Slot;

/// VRFY: as much as RCPT would say.
pub fn vrfy(turn: &mut Turn<'_>, dialogue: &mut Dialogue) -> Result<(), Fault> {
    let arguments = match turn.arguments() {
        [arguments @ .., last] if last.text.eq_ignore_ascii_case(b"SMTPUTF8") => arguments,
        arguments => arguments,
    };
    if arguments.is_empty() {
        return Err(Phrase::VrfySyntax.into());
    }
    let words: Vec<&[u8]> = arguments.iter().map(|token| token.text).collect();
    let address = words.join(&b' ');
    let utf8 = arguments.len() < turn.arguments().len();
    let path = Path::parse(&address).ok().filter(|path| !path.is_empty()).ok_or(Phrase::BadRecipient)?;
    recipient_verdict(turn, dialogue.authenticated, &path, utf8)?;
    turn.complete(&[(Slot::Detail, &address)]);
    Ok(())
}

/// ETRN: no domain has a queue of its own here.
pub fn etrn(turn: &mut Turn<'_>, dialogue: &mut Dialogue) -> Result<(), Fault> {
    if dialogue.transaction().is_some() {
        return Err(Phrase::EtrnInTransaction.into());
    }
    let [domain] = turn.arguments() else {
        return Err(Phrase::EtrnSyntax.into());
    };
    let name = domain.text.strip_prefix(b"@").or(domain.text.strip_prefix(b"#")).unwrap_or(domain.text);
    if !name.is_ascii() || !is_domain(name) {
        return Err(Phrase::EtrnParameter.into());
    }
    let name = name.to_vec();
    turn.complete(&[(Slot::Detail, &name)]);
    Ok(())
}

/// XCLIENT and XFORWARD: for hosts that are trusted, and no one is.
pub fn attributes(turn: &mut Turn<'_>, _: &mut Dialogue) -> Result<(), Fault> {
    if turn.arguments().is_empty() {
        return Err(Phrase::AttributeSyntax.into());
    }
    turn.complete(&[]);
    Ok(())
}
