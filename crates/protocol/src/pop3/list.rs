//! STAT, LIST and UIDL (RFC 1939 sections 5 and 7). Long lists are answered in pieces.

use crate::pop3::arguments::optional_message_number;
use crate::pop3::maildrop::Maildrop;
use crate::pop3::state::Stage;
use crate::pop3::texts::Phrase;
use crate::pop3::turn::{Fault, Turn};
use crate::session::Actions;
use crate::text::Slot;

/// RFC 1939 section 5. Arguments are ignored, as Dovecot does.
pub fn stat(turn: &mut Turn<'_>, maildrop: &mut Maildrop) -> Result<(), Fault> {
    complete(turn, maildrop);
    Ok(())
}

/// RFC 1939 section 5.
pub fn list(turn: &mut Turn<'_>, maildrop: &mut Maildrop) -> Result<(), Fault> {
    if let Some(number) = optional_message_number(turn.arguments)? {
        let size = maildrop.message(number)?.size().to_string();
        let number = number.to_string();
        let values = [(Slot::Number, number.as_bytes()), (Slot::Size, size.as_bytes())];
        turn.reply(Phrase::ListOne, &values);
        return Ok(());
    }
    complete(turn, maildrop);
    turn.stage = Stage::Listing(Listing { what: What::Sizes, next: 0 });
    Ok(())
}

/// RFC 1939 section 7.
pub fn uidl(turn: &mut Turn<'_>, maildrop: &mut Maildrop) -> Result<(), Fault> {
    if let Some(number) = optional_message_number(turn.arguments)? {
        let unique_id = maildrop.unique_id(maildrop.message(number)?);
        let number = number.to_string();
        let values = [(Slot::Number, number.as_bytes()), (Slot::UniqueId, unique_id.as_bytes())];
        turn.reply(Phrase::UniqueIdOfOne, &values);
        return Ok(());
    }
    complete(turn, maildrop);
    turn.stage = Stage::Listing(Listing { what: What::UniqueIds, next: 0 });
    Ok(())
}

fn complete(turn: &mut Turn<'_>, maildrop: &Maildrop) {
    let counts = maildrop.counts();
    let values: Vec<(Slot, &[u8])> = counts.iter().map(|(slot, text)| (*slot, text.as_bytes())).collect();
    turn.complete(&values);
}

/// A LIST or UIDL that is being answered.
#[derive(Debug)]
pub struct Listing {
    what: What,
    /// The position, from 0, of the next message.
    next: usize,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Sizes,
    UniqueIds,
}

impl Listing {
    /// Answers until the driver has enough. `true` when everything is answered.
    pub fn step(&mut self, maildrop: &Maildrop, out: &mut Actions) -> bool {
        while !out.full() {
            let Some((position, message)) = maildrop.next_from(self.next) else {
                out.send(b".\r\n");
                return true;
            };
            self.next = position.saturating_add(1);
            let number = self.next;
            let line = match self.what {
                What::Sizes => format!("{number} {}\r\n", message.size()),
                What::UniqueIds => format!("{number} {}\r\n", maildrop.unique_id(message)),
            };
            out.send(line.as_bytes());
        }
        false
    }
}
