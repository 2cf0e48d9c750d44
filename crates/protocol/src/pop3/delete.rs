//! DELE, RSET and NOOP (RFC 1939 section 5). Deletions take effect at QUIT.

use crate::pop3::arguments::message_number;
use crate::pop3::maildrop::Maildrop;
use crate::pop3::turn::{Fault, Turn};

/// RFC 1939 section 5.
pub fn dele(turn: &mut Turn<'_>, maildrop: &mut Maildrop) -> Result<(), Fault> {
    maildrop.delete(message_number(turn.arguments)?)?;
    turn.complete(&[]);
    Ok(())
}

/// RFC 1939 section 5. Arguments are ignored, as Dovecot does.
pub fn rset(turn: &mut Turn<'_>, maildrop: &mut Maildrop) -> Result<(), Fault> {
    maildrop.reset();
    turn.complete(&[]);
    Ok(())
}

/// RFC 1939 section 5. Arguments are ignored, as Dovecot does.
pub fn noop(turn: &mut Turn<'_>, _: &mut Maildrop) -> Result<(), Fault> {
    turn.complete(&[]);
    Ok(())
}
