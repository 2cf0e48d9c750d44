//! Long answers, piece by piece: FETCH, SEARCH and what is told behind them.

use std::sync::Arc;

use super::{Imap, waited};
use crate::imap::state::Stage;
use crate::imap::turn::Turn;
use crate::imap::view::Telling;
use crate::session::{Actions, Moment, Step};

impl Imap {
    /// Goes on with a long answer.
    pub(super) fn work(&mut self, now: Moment, out: &mut Actions) -> Step {
        let (tag, verb, finished) = match &mut self.stage {
            Stage::Fetching(run) => (run.tag.clone(), run.verb, run.step(&mut self.state, out)),
            Stage::Searching(run) => (run.tag.clone(), run.verb, run.step(&mut self.state, out)),
            _ => return Step::Done,
        };
        if !finished {
            return Step::Paused;
        }
        self.stage = Stage::Command;
        let (service, mail) = (Arc::clone(&self.service), Arc::clone(&self.mail));
        let (verb, stage, tls) = (verb.as_bytes(), Stage::Command, self.tls);
        let by_uid = verb.starts_with(b"UID ");
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
            guest: &self.guest,
            until: None,
            user: Vec::new(),
        };
        if service.texts.mail_process.is_dovecot() {
            let how = Telling { keep_expunged: !by_uid, ..Telling::default() };
            self.state.sync(&service, how, turn.out);
        }
        turn.complete();
        Step::Done
    }
}
