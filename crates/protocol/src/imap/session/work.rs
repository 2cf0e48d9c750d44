//! Long answers, piece by piece: FETCH, SEARCH and what is told behind them; and the visitor's world at hand for them.

use std::sync::Arc;

use bait::mime::Undecodable;
use event::CloseReason;

use super::{Imap, Waiting, waited};
use crate::imap::state::Stage;
use crate::imap::texts::Phrase;
use crate::imap::turn::Turn;
use crate::imap::view::Telling;
use crate::session::{Action, Actions, Moment, Step};

impl Imap {
    /// Does something with the visitor's world at hand, where there is one.
    pub(super) fn in_world<R>(&mut self, what: impl FnOnce(&mut Self) -> R) -> R {
        let Some(shared) = self.state.account().map(|account| Arc::clone(&account.shared)) else {
            return what(self);
        };
        shared.lend(|world| {
            if let Some(account) = self.state.account_mut() {
                account.world = std::mem::take(world);
            }
            let result = what(self);
            if let Some(account) = self.state.account_mut() {
                *world = std::mem::take(&mut account.world);
            }
            result
        })
    }

    /// Ends the session where Dovecot's process would not have survived the last look at the mailbox.
    pub(super) fn die(&mut self, out: &mut Actions) {
        if self.state.selected().is_some_and(|selected| selected.fatal)
            && !matches!(self.stage, Stage::Closed)
        {
            self.vanish(out);
        }
    }

    /// Ends it without a word; what was not sent yet is lost.
    fn vanish(&mut self, out: &mut Actions) {
        self.held.clear();
        out.forget_text();
        out.push(Action::Close(CloseReason::Violation));
        self.stage = Stage::Closed;
    }

    /// Goes on with a long answer.
    pub(super) fn work(&mut self, now: Moment, out: &mut Actions) -> Step {
        let (mut saves, mut misplaced) = (false, false);
        let (tag, verb, finished, failure, expunged, by_uid) = match &mut self.stage {
            Stage::Fetching(run) => {
                let finished = run.step(&self.service, &mut self.state, out);
                let expunged = run.expunged.then_some(Phrase::FetchedExpunged);
                let by_uid = run.verb.starts_with("UID ");
                (run.tag.clone(), run.verb, finished, run.failure, expunged, by_uid)
            }
            Stage::Searching(run) => {
                let holds = run.holds_numbers();
                saves = run.saves();
                let finished = run.step(&mut self.state, out);
                if run.is_fatal() {
                    self.vanish(out);
                    return Step::Done;
                }
                misplaced = run.is_misplaced();
                let lost = run.has_lost() && !run.verb.ends_with("THREAD");
                let expunged = lost.then_some(Phrase::SearchedExpunged);
                (run.tag.clone(), run.verb, finished, None, expunged, !holds)
            }
            _ => return Step::Done,
        };
        if !finished {
            return Step::Paused;
        }
        self.stage = Stage::Command;
        let (service, mail) = (Arc::clone(&self.service), Arc::clone(&self.mail));
        let (verb, stage, tls) = (verb.as_bytes(), Stage::Command, self.tls);
        let may_wait = self.may_wait(verb);
        let mut turn = Turn {
            service: &service,
            mail: &*mail,
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
            guest: &self.guest,
            until: None,
            user: Vec::new(),
        };
        if failure == Some(Undecodable::Short) {
            // Dovecot takes an encoding that ends too early for an error in reading.
            let at = service.wall_clock(now).strftime("%Y-%m-%d %H:%M:%S").to_string();
            turn.untagged_with(Phrase::ByeFetchFailed, at.as_bytes());
            turn.close(CloseReason::Violation);
            self.stage = Stage::Closed;
            return Step::Done;
        }
        if misplaced {
            turn.complete_as(Phrase::DeletedUnderUs, &[]);
        }
        if service.texts.mail_process.is_dovecot() {
            let how = Telling { keep_expunged: !by_uid, ..Telling::default() };
            turn.sync(&mut self.state, how);
        }
        match (failure, expunged) {
            (Some(Undecodable::Unknown), _) => turn.complete_as(Phrase::UnknownCte, &[]),
            (Some(_), _) => turn.complete_as(Phrase::BrokenPart, &[]),
            (None, Some(phrase)) => turn.complete_as(phrase, title(verb).as_bytes()),
            (None, None) => turn.complete(),
        }
        self.held.extend(turn.held.map(|held| Waiting { saves, ..held }));
        self.stage = turn.stage;
        Step::Done
    }
}

/// `UID SEARCH` as `Search`.
fn title(verb: &[u8]) -> String {
    let verb = verb.strip_prefix(b"UID ").unwrap_or(verb);
    let (first, rest) = verb.split_at_checked(1).unwrap_or_default();
    String::from_utf8_lossy(&[first, &rest.to_ascii_lowercase()].concat()).into_owned()
}
