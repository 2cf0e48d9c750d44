//! BDAT (RFC 3030): the message in chunks of announced size. The octets behind it are read in `message.rs`; those of a
//! refused chunk are thrown away before the refusal is answered, so that both sides agree on what is a command.

use event::CloseReason;

use crate::session::{Abandoned, Action, Capture};
use crate::smtp::state::{Chunk, Dialogue, Stage, State};
use crate::smtp::tally::Tally;
use crate::smtp::texts::Phrase;
use crate::smtp::token::Token;
use crate::smtp::turn::{Fault, Turn};

/// RFC 3030 section 2.
pub fn bdat(turn: &mut Turn<'_>, dialogue: &mut Dialogue) -> Result<(), Fault> {
    let Some((size, last)) = arguments(turn.arguments()) else {
        dialogue.abandon(Abandoned::Unfinished, turn.out);
        turn.refuse(&Phrase::BdatSyntax.into());
        turn.close(CloseReason::Violation);
        return Ok(());
    };
    let state = dialogue.name();
    let fault = accept(turn, dialogue, size, last).err();
    if let Some(fault) = &fault {
        let too_large = fault.phrase == Phrase::ChunkTooBig;
        let why = if too_large { Abandoned::TooLarge } else { Abandoned::Withdrawn };
        refuse(turn, dialogue, why, last);
    }
    turn.stage = Stage::Chunk(Chunk { line: turn.line.clone(), state, size, left: size, last, fault });
    Ok(())
}

/// `BDAT size [LAST]`
fn arguments(tokens: &[Token<'_>]) -> Option<(u64, bool)> {
    let (size, last) = match tokens {
        [size] => (size, false),
        [size, last] if last.text.eq_ignore_ascii_case(b"LAST") => (size, true),
        _ => return None,
    };
    if !size.text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: i64 = std::str::from_utf8(size.text).ok()?.parse().ok()?;
    Some((u64::try_from(number).ok()?, last))
}

fn accept(turn: &mut Turn<'_>, dialogue: &mut Dialogue, size: u64, last: bool) -> Result<(), Fault> {
    if size == 0 && !last {
        return Err(Phrase::NullBdat.into());
    }
    let before = match &dialogue.state {
        State::Refusing(_) => return Err(Fault { octets: size, ..Phrase::Discarded.into() }),
        State::Idle(_) => return Err(Phrase::NeedRcpt.into()),
        State::Mail(_) => return Err(Phrase::NoValidRecipients.into()),
        State::Rcpt(_) => 0,
        State::Chunks(_, before) => before.octets(false),
    };
    if before.saturating_add(size) > turn.service.texts.limits.message {
        return Err(Phrase::ChunkTooBig.into());
    }
    if let State::Rcpt(transaction) = &mut dialogue.state {
        let transaction = std::mem::take(transaction);
        let envelope = Box::new(dialogue.envelope(&transaction));
        turn.out.push(Action::Capture(Capture::Begin(envelope)));
        dialogue.state = State::Chunks(transaction, Tally::of_chunks());
    }
    Ok(())
}

/// After a refused chunk others are refused too, until the last of them or RSET.
fn refuse(turn: &mut Turn<'_>, dialogue: &mut Dialogue, why: Abandoned, last: bool) {
    dialogue.state = match std::mem::take(&mut dialogue.state) {
        State::Chunks(transaction, _) => {
            turn.out.push(Action::Capture(Capture::Abort(why)));
            State::Refusing(Some(transaction))
        }
        State::Mail(transaction) | State::Rcpt(transaction) => State::Refusing(Some(transaction)),
        State::Idle(_) => State::Refusing(None),
        refusing @ State::Refusing(_) => refusing,
    };
    if last {
        dialogue.state = State::default();
    }
}
