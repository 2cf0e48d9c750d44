//! One command's turn: what its handler knows, and how it answers.

use event::{CloseReason, Event};

use crate::guest::{Ending, Guest, Held, Penalty, Verdict};
use crate::pop3::Service;
use crate::pop3::maildrop::Maildrop;
use crate::pop3::state::{Stage, State};
use crate::pop3::texts::{Phrase, STATUSES};
use crate::reply::status_of;
use crate::sasl::Attempt;
use crate::session::{Action, Actions, Moment};
use crate::text::{Slot, Text, Values};
use crate::visitor::Worlds;

/// Why a command is refused.
pub type Fault = crate::reply::Fault<Phrase>;

/// A command being carried out.
///
/// The first line of the answer decides the command's `status`; the session records `command.received` in front of
/// whatever the turn has put out.
#[derive(Debug)]
pub struct Turn<'a> {
    /// What all sessions share.
    pub service: &'a Service,
    /// Where the mail is that this peer sees.
    pub mail: &'a dyn Worlds,
    /// The verb in upper case.
    pub verb: &'a [u8],
    /// What stands behind the verb.
    pub arguments: &'a [u8],
    /// Whether TLS is on.
    pub tls: bool,
    /// What is sent and recorded.
    pub out: &'a mut Actions,
    /// What the next input means, once the turn is over.
    pub stage: Stage,
    /// How it was answered, once it was.
    pub status: &'static str,
    /// The time of the turn.
    pub now: Moment,
    /// The peer.
    pub guest: &'a Guest,
    /// When a login must have come to its end.
    pub until: Option<Moment>,
}

impl Turn<'_> {
    /// Records an event of the command.
    pub fn record(&mut self, event: Event) {
        self.out.record(event);
    }

    /// A line of these words.
    pub fn answer(&mut self, text: &Text, more: Values<'_>) {
        let verb = [(Slot::Verb, self.verb)];
        let filled = text.fill(&[&verb, more].concat());
        if self.status.is_empty() {
            self.status = status_of(&filled, &STATUSES);
        }
        self.out.send(&filled);
        self.out.send(b"\r\n");
    }

    /// A phrase.
    pub fn reply(&mut self, phrase: Phrase, values: Values<'_>) {
        self.answer(self.service.texts.reply(phrase), values);
    }

    /// The command went well: its own words.
    pub fn complete(&mut self, values: Values<'_>) {
        let verb = std::str::from_utf8(self.verb).ok();
        if let Some(text) = verb.and_then(|verb| self.service.texts.completed.get(verb)) {
            self.answer(text, values);
        }
    }

    /// The command is refused.
    pub fn refuse(&mut self, fault: &Fault) {
        self.reply(fault.phrase, &[(Slot::Detail, &fault.detail)]);
    }

    /// `+ ` and a SASL challenge in base64.
    pub fn challenge(&mut self, challenge: &str) {
        self.out.send(b"+ ");
        self.out.send(challenge.as_bytes());
        self.out.send(b"\r\n");
        self.status = "+";
    }

    /// Whether a login in the clear is refused.
    pub const fn needs_tls(&self) -> bool {
        self.service.refuse_plaintext && !self.tls
    }

    /// Whether a command that got as far as this fault, or had none, was for Dovecot's auth process to answer.
    pub fn asks_auth(&self, fault: Option<&Fault>) -> bool {
        let by_itself = [Phrase::UnsupportedMechanism, Phrase::PlaintextRefused, Phrase::NoUserName];
        matches!(self.verb, b"AUTH" | b"PASS") && fault.is_none_or(|fault| !by_itself.contains(&fault.phrase))
    }

    /// Closes the connection.
    pub fn close(&mut self, reason: CloseReason) {
        self.out.push(Action::Close(reason));
        self.stage = Stage::Closed;
    }

    /// Records a login, and answers it when its penalty and the delay of a failure are over. `penalty` is what it has waited
    /// already.
    pub fn log_in(&mut self, attempt: Attempt, state: &mut State, penalty: Option<Penalty>) {
        let process = self.service.texts.mail_process;
        let (login, user) = (attempt.login(process), process.user_name(&attempt.username.0));
        let (accepted, event) = attempt.judge(&self.service.credentials, process);
        self.record(event);
        let before = std::mem::take(self.out);
        if !accepted {
            self.refuse(&Phrase::AuthenticationFailed.into());
        } else if self.guest.doorman.admit(&user) {
            self.complete(&[]);
            let account = process.is_dovecot().then_some(&user[..]);
            *state = State::Transaction(Maildrop::open(self.mail.enter(account), process.is_dovecot()));
        } else {
            self.refuse(&Phrase::TooManyConnections.into());
            self.close(CloseReason::Limit);
        }
        let answer = std::mem::replace(self.out, before);
        let delay = self.service.texts.times.failure_delay();
        let verdict = if accepted { Verdict::Passed } else { Verdict::Failed(login) };
        let held = Held { answer, penalty, verdict, delay, until: self.until };
        match held.begin(self.guest, self.now, self.out) {
            Ending::Answered => {}
            Ending::Held(held) => self.stage = Stage::Held(held),
            Ending::TooLate => {
                self.reply(Phrase::ByeInactiveAuthenticating, &[]);
                self.close(CloseReason::Timeout);
            }
        }
    }
}
