//! The answer to a login that had to wait, and how long a peer may take for its own.

use event::CloseReason;

use super::Imap;
use crate::guest::Ending;
use crate::imap::state::{Stage, State};
use crate::imap::texts::Phrase;
use crate::session::{Actions, Moment, Step};

impl Imap {
    /// A login has waited for its penalty: it is answered, unless the time to log in is over.
    pub(super) fn settle(&mut self, now: Moment, out: &mut Actions) -> Step {
        let Stage::Held(held) = std::mem::take(&mut self.stage) else { return Step::Done };
        let closes = held.closes();
        if matches!(held.settle(&self.guest, now, out), Ending::TooLate) {
            self.farewell(Phrase::ByeInactiveAuthenticating, CloseReason::Timeout, out);
        } else if closes {
            self.stage = Stage::Closed;
        }
        Step::Done
    }

    /// When the connection is given up: before login after a time in all where it is Dovecot, after silence otherwise.
    pub(super) fn patience(&self) -> Moment {
        match self.state {
            State::NotAuthenticated => {
                self.until().unwrap_or_else(|| self.last_input.after(self.service.login_timeout))
            }
            _ => self.last_input.after(self.service.idle_timeout),
        }
    }

    /// When a login must have come to its end.
    pub(super) fn until(&self) -> Option<Moment> {
        self.service.texts.mail_process.is_dovecot().then(|| self.began.after(self.service.login_timeout))
    }
}
