//! Commands of the session itself: HELO, EHLO, NOOP, RSET, QUIT, STARTTLS.

use event::{CloseReason, Text};

use crate::session::Abandoned;
use crate::smtp::state::{Dialogue, Helo};
use crate::smtp::texts::Phrase;
use crate::smtp::turn::{Fault, Turn};

/// RFC 5321 section 4.1.1.1. Ends the transaction.
pub fn helo(turn: &mut Turn<'_>, dialogue: &mut Dialogue) -> Result<(), Fault> {
    greet(turn, dialogue, false)?;
    turn.complete(&[]);
    Ok(())
}

/// RFC 5321 section 4.1.1.1. Ends the transaction.
pub fn ehlo(turn: &mut Turn<'_>, dialogue: &mut Dialogue) -> Result<(), Fault> {
    greet(turn, dialogue, true)?;
    let service = turn.service;
    let node = [service.node.as_bytes()];
    let offered = |line: &&[u8]| !(dialogue.tls && line.starts_with(b"STARTTLS"));
    let extensions = service.extensions.iter().map(Vec::as_slice).filter(offered);
    let mut lines = node.into_iter().chain(extensions).peekable();
    while let Some(line) = lines.next() {
        // The reply's code, and whether more lines follow (RFC 5321 section 4.2.1).
        let more: &[u8] = if lines.peek().is_some() { b"-" } else { b" " };
        turn.send(&[b"250", more, line].concat());
    }
    Ok(())
}

/// Any name will do, also several words.
fn greet(turn: &mut Turn<'_>, dialogue: &mut Dialogue, extended: bool) -> Result<(), Fault> {
    let words: Vec<&[u8]> = turn.arguments().iter().map(|token| token.text).collect();
    if words.is_empty() {
        return Err(Phrase::HeloSyntax.into());
    }
    let name = Text::from(words.join(&b' '));
    dialogue.abandon(Abandoned::Withdrawn, turn.out);
    dialogue.helo = Some(Helo { name, extended });
    Ok(())
}

/// RFC 5321 section 4.1.1.9.
pub fn noop(turn: &mut Turn<'_>, _: &mut Dialogue) -> Result<(), Fault> {
    turn.complete(&[]);
    Ok(())
}

/// RFC 5321 section 4.1.1.5.
pub fn rset(turn: &mut Turn<'_>, dialogue: &mut Dialogue) -> Result<(), Fault> {
    no_arguments(turn)?;
    dialogue.abandon(Abandoned::Withdrawn, turn.out);
    turn.complete(&[]);
    Ok(())
}

/// RFC 5321 section 4.1.1.10. Arguments are ignored, as Postfix does.
pub fn quit(turn: &mut Turn<'_>, dialogue: &mut Dialogue) -> Result<(), Fault> {
    dialogue.abandon(Abandoned::Withdrawn, turn.out);
    turn.complete(&[]);
    turn.close(CloseReason::Logout);
    Ok(())
}

/// RFC 3207.
pub fn starttls(turn: &mut Turn<'_>, dialogue: &mut Dialogue) -> Result<(), Fault> {
    no_arguments(turn)?;
    if dialogue.tls {
        return Err(Phrase::TlsAlreadyActive.into());
    }
    turn.complete(&[]);
    Ok(())
}

/// Refuses arguments.
pub fn no_arguments(turn: &Turn<'_>) -> Result<(), Fault> {
    if turn.arguments().is_empty() { Ok(()) } else { Err(Phrase::NoArguments.into()) }
}
