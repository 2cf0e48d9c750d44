//! Bad commands, of which there may not be too many in a row.

use crate::imap::state::State;
use crate::imap::texts::Phrase;
use crate::imap::turn::{Fault, Turn};

/// How many came in a row.
#[derive(Debug, Default)]
pub(super) struct BadCommands(pub(super) u32);

impl BadCommands {
    /// Counts a command that has had its turn, if it was a bad one. `true` when there were too many.
    pub(super) fn count(&mut self, turn: &Turn<'_>, refused: Option<&Fault>, state: &State) -> bool {
        let texts = &turn.service.texts;
        let dovecot = texts.mail_process.is_dovecot();
        // Dovecot's login process counts only what it knows nothing else to say of.
        let particular = refused.is_some_and(|fault| !fault.phrase.is_counted_before_login());
        // Its mail process takes a command that needs an open mailbox for a good one.
        let unopened = refused.is_some_and(|fault| fault.phrase == Phrase::NoMailboxSelected);
        let uncounted = dovecot && !turn.logged_in && particular;
        if turn.status == "BAD" && !uncounted && !(dovecot && turn.logged_in && unopened) {
            self.0 = self.0.saturating_add(1);
        } else if !uncounted && state.account().is_some() {
            self.0 = 0;
        }
        let limit = match state {
            State::NotAuthenticated => texts.limits.login_bad_commands,
            _ => texts.limits.bad_commands,
        };
        self.0 >= limit
    }
}
