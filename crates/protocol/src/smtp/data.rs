//! DATA (RFC 5321 section 4.1.1.4). What comes behind it is read in `message.rs`.

use crate::session::{Action, Capture};
use crate::smtp::greeting::no_arguments;
use crate::smtp::state::{Data, Dialogue, Stage, State};
use crate::smtp::turn::{Fault, Turn};

/// RFC 5321 section 4.1.1.4: the envelope is complete, the message follows.
pub fn data(turn: &mut Turn<'_>, dialogue: &mut Dialogue) -> Result<(), Fault> {
    no_arguments(turn)?;
    if let State::Rcpt(transaction) = std::mem::take(&mut dialogue.state) {
        let envelope = Box::new(dialogue.envelope(&transaction));
        turn.out.push(Action::Capture(Capture::Begin(envelope)));
        turn.stage = Stage::Data(Data::default());
    }
    turn.complete(&[]);
    Ok(())
}
