//! Long answers, piece by piece: FETCH, SEARCH and what is told behind them.

use std::sync::Arc;

use bait::mime::Undecodable;
use event::CloseReason;

use super::{Imap, waited};
use crate::imap::state::Stage;
use crate::imap::texts::Phrase;
use crate::imap::turn::Turn;
use crate::imap::view::Telling;
use crate::session::{Actions, Moment, Step};

impl Imap {
    /// Goes on with a long answer.
    pub(super) fn work(&mut self, now: Moment, out: &mut Actions) -> Step {
        let (tag, verb, finished, failure) = match &mut self.stage {
            Stage::Fetching(run) => {
                let finished = run.step(&mut self.state, out);
                (run.tag.clone(), run.verb, finished, run.failure)
            }
            Stage::Searching(run) => (run.tag.clone(), run.verb, run.step(&mut self.state, out), None),
            _ => return Step::Done,
        };
        if !finished {
            return Step::Paused;
        }
        self.stage = Stage::Command;
        let (service, mail) = (Arc::clone(&self.service), Arc::clone(&self.mail));
        let (verb, stage, tls) = (verb.as_bytes(), Stage::Command, self.tls);
        let by_uid = verb.starts_with(b"UID ");
        let may_wait = self.may_wait(verb);
        let mut turn = Turn {
            service: &service,
            mail: &mail,
            now,
            tls,
            tag,
            verb,
            arguments: &[],
            out,
            stage,
            status: "",
            logged_in: true,
            asked_capabilities: true,
            waited: waited(self.waiting.take(), now),
            modseq: None,
            may_wait,
            waits: None,
            held: None,
        };
        if failure == Some(Undecodable::Short) {
            // Dovecot takes an encoding that ends too early for an error in reading.
            let at = service.wall_clock(now).strftime("%Y-%m-%d %H:%M:%S").to_string();
            turn.untagged_with(Phrase::ByeFetchFailed, at.as_bytes());
            turn.close(CloseReason::Violation);
            self.stage = Stage::Closed;
            return Step::Done;
        }
        if service.texts.mail_process.is_dovecot() {
            let how = Telling { keep_expunged: !by_uid, ..Telling::default() };
            turn.sync(&mut self.state, how);
        }
        match failure {
            Some(Undecodable::Unknown) => turn.refuse(&Phrase::UnknownCte.into()),
            Some(_) => turn.refuse(&Phrase::BrokenPart.into()),
            None => turn.complete(),
        }
        self.held.extend(turn.held);
        Step::Done
    }
}
