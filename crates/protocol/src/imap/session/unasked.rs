//! What is told unasked, and when: changes of the open mailbox in IDLE, and what NOTIFY wants to hear. Dovecot waits a little
//! after a change; with NOTIFY it looks at the open mailbox only when no command has come for a while, and what changes
//! before that is told with the next change or command.

use event::CloseReason;

use super::Imap;
use crate::imap::notify::{self, BUNDLING, LOOK_AFTER, Look, Notify};
use crate::imap::state::{Stage, State};
use crate::imap::texts::Phrase;
use crate::imap::view::{Telling, untagged};
use crate::session::{Actions, Moment};

impl Imap {
    fn notify(&mut self) -> Option<&mut Notify> {
        self.state.account_mut()?.notify.as_deref_mut()
    }

    /// When something is to be told, or looked at.
    pub(super) fn unasked_deadline(&self) -> Option<Moment> {
        let notify = self.state.account().and_then(|account| account.notify.as_ref());
        let idle = match &self.stage {
            Stage::Idling { tell, .. } => *tell,
            _ => None,
        };
        [notify.and_then(|notify| notify.deadline()), idle].into_iter().flatten().min()
    }

    /// What NOTIFY fetches is fetched now.
    pub(super) fn set_clock(&mut self, now: Moment) {
        if let Some(notify) = self.notify() {
            notify.now = now;
        }
    }

    /// The client has said something: what it has changed itself is noted, and the open mailbox is left alone for a while.
    pub(super) fn note_input(&mut self, now: Moment) {
        let under_way = !matches!(self.stage, Stage::Command)
            || self.pending
            || !self.framing.rest().is_empty()
            || !self.framing.command_so_far().is_empty();
        let open = self.state.selected().is_some();
        let Some(notify) = self.notify() else { return };
        let looks = notify.selected && open && !under_way;
        notify.look = if looks { Look::From(now.after(LOOK_AFTER)) } else { Look::No };
        self.in_world(|session| notify::note(&mut session.state, now));
    }

    /// Somebody else has changed something.
    pub(super) fn hear(&mut self, now: Moment, out: &mut Actions) {
        if !self.service.texts.mail_process.is_dovecot() {
            if matches!(self.stage, Stage::Idling { .. }) {
                self.in_world(|session| session.tell_open(Telling::default(), out));
            }
            return;
        }
        let idles = matches!(self.stage, Stage::Idling { .. });
        if idles || self.notify().is_some() {
            self.in_world(|session| {
                notify::note(&mut session.state, now);
                session.hear_open(now);
            });
        }
    }

    /// Notes that the open mailbox has changed.
    fn hear_open(&mut self, now: Moment) {
        let State::Selected(account, selected) = &mut self.state else { return };
        let touched = selected.folder_in(&account.world).map(bait::Folder::touched);
        let due = now.after(BUNDLING);
        if let Stage::Idling { tell, .. } = &mut self.stage {
            if touched.is_none() || touched != selected.told {
                tell.get_or_insert(due);
            }
        } else if let Some(notify) = account.notify.as_deref_mut()
            && let Look::Since(before) = notify.look
            && before != touched
        {
            notify.look = Look::Due(due);
        }
    }

    /// Tells what is due.
    pub(super) fn tell_unasked(&mut self, now: Moment, out: &mut Actions) {
        if self.unasked_deadline().is_none_or(|due| due > now) {
            return;
        }
        self.set_clock(now);
        self.in_world(|session| {
            if let Stage::Idling { tell, .. } = &mut session.stage
                && tell.take_if(|due| *due <= now).is_some()
            {
                session.tell_open(Telling::default(), out);
            }
            session.look_at_open(now, out);
            if !matches!(session.stage, Stage::Closed) {
                notify::tell(&session.service, &mut session.state, now, out);
            }
        });
    }

    /// Begins to look at the open mailbox, or tells what has become of it.
    fn look_at_open(&mut self, now: Moment, out: &mut Actions) {
        let (account, selected) = match &mut self.state {
            State::Selected(account, selected) => (account, selected),
            state => {
                if let Some(notify) = state.account_mut().and_then(|account| account.notify.as_deref_mut()) {
                    notify.look = Look::No;
                }
                return;
            }
        };
        let Some(notify) = account.notify.as_deref_mut() else { return };
        match notify.look {
            Look::From(begin) if begin <= now => {
                notify.look = Look::Since(selected.folder_in(&account.world).map(bait::Folder::touched));
            }
            Look::Due(due) if due <= now => {
                notify.look = Look::From(now.after(LOOK_AFTER));
                // Unless NOTIFY wants to hear of it at once.
                self.tell_open(Telling { keep_expunged: true, ..Telling::default() }, out);
            }
            _ => {}
        }
    }

    /// Tells what has changed in the open mailbox. Dovecot sees that it was deleted, and not that it has another name.
    fn tell_open(&mut self, how: Telling, out: &mut Actions) {
        if !self.state.is_lost() {
            let modseq = self.state.sync(&self.service, how, out);
            if let Some(modseq) = modseq {
                untagged(&self.service, Phrase::HighestModseq, modseq.to_string().as_bytes(), out);
            }
        } else if !self.state.is_renamed() {
            self.farewell(Phrase::ByeInconsistent, CloseReason::Violation, out);
        }
        self.die(out);
    }
}
