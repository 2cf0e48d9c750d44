//! One command's turn: what its handler knows, and how it answers.

use std::time::Duration;

use bait::Corpus;
use bytes::Bytes;
use event::{CloseReason, Event};

use crate::guest::{Guest, Held, Penalty, Verdict, wait_for};
use crate::imap::Service;
use crate::imap::arguments::{self, Argument};
use crate::imap::state::Stage;
use crate::imap::texts::Phrase;
use crate::imap::timing::{Work, noise, times};
use crate::reply::status_of;
use crate::sasl::Attempt;
use crate::session::{Action, Actions, Moment};
use crate::text::{Slot, Values};

/// Why a command is refused.
pub type Fault = crate::reply::Fault<Phrase>;

/// A command being carried out.
///
/// The first tagged answer decides the command's `status`; the session records `command.received` in front of
/// whatever the turn has put out.
#[derive(Debug)]
pub struct Turn<'a> {
    /// What all sessions share.
    pub service: &'a Service,
    /// The mail that this peer sees.
    pub mail: &'a Corpus,
    /// The time of the turn.
    pub now: Moment,
    /// The command's tag, `*` where it has none.
    pub tag: Bytes,
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
    /// Whether the command came after login.
    pub logged_in: bool,
    /// Whether the client has asked for the capabilities before login.
    pub asked_capabilities: bool,
    /// How long the command has waited for the client.
    pub waited: Duration,
    /// The peer.
    pub guest: &'a Guest,
    /// When a login must have come to its end.
    pub until: Option<Moment>,
    /// Who has tried to log in, as it is looked up.
    pub user: Vec<u8>,
}

impl<'a> Turn<'a> {
    /// The arguments, parsed.
    pub fn parse(&self) -> Result<Vec<Argument<'a>>, Fault> {
        let dovecot = self.service.texts.mail_process.is_dovecot();
        let parse = if dovecot { arguments::parse_as_dovecot } else { arguments::parse };
        let arguments = parse(self.arguments).map_err(Fault::from)?;
        let limit = self.service.texts.limits.argument.filter(|_| self.logged_in);
        if limit.is_some_and(|limit| arguments::longest(&arguments) > limit) {
            return Err(Phrase::ArgumentTooLong.into());
        }
        Ok(arguments)
    }

    /// Records an event of the command.
    pub fn record(&mut self, event: Event) {
        self.out.record(event);
    }

    /// `* text`
    pub fn untagged(&mut self, text: &[u8]) {
        self.out.send(b"* ");
        self.out.send(text);
        self.out.send(b"\r\n");
    }

    /// `* ` and a phrase.
    pub fn untagged_phrase(&mut self, phrase: Phrase) {
        let text = self.fill(phrase, &[]);
        self.untagged(&text);
    }

    /// A phrase as it stands: a continuation request.
    pub fn go_on(&mut self, phrase: Phrase) {
        let text = self.fill(phrase, &[]);
        self.out.send(&text);
        self.out.send(b"\r\n");
        self.status = "+";
    }

    /// `+ ` and a SASL challenge in base64.
    pub fn challenge(&mut self, challenge: &str) {
        self.out.send(b"+ ");
        self.out.send(challenge.as_bytes());
        self.out.send(b"\r\n");
        self.status = "+";
    }

    /// The command went well: its own closing words.
    pub fn complete(&mut self) {
        let service = self.service;
        let verb = std::str::from_utf8(self.verb).unwrap_or_default();
        let own = (!self.logged_in).then(|| service.texts.completed_before_login.get(verb)).flatten();
        let text = own.or_else(|| service.texts.completed.get(verb));
        let filled = text.map(|text| text.fill(&[(Slot::Capabilities, &service.capabilities)]));
        self.tagged(filled.as_deref().unwrap_or_default());
    }

    /// Whether this fault is answered BAD.
    pub fn is_bad(&self, fault: &Fault) -> bool {
        status_of(&self.fill(fault.phrase, &[]), &["BAD"]) == "BAD"
    }

    /// The command is refused.
    pub fn refuse(&mut self, fault: &Fault) {
        let text = self.fill(fault.phrase, &[(Slot::Detail, &fault.detail)]);
        self.tagged(&text);
    }

    /// The command went well in a way that has words of its own.
    pub fn complete_as(&mut self, phrase: Phrase, detail: &[u8]) {
        let text = self.fill(phrase, &[(Slot::Detail, detail)]);
        self.tagged(&text);
    }

    /// `* ` and a phrase that names something.
    pub fn untagged_with(&mut self, phrase: Phrase, detail: &[u8]) {
        let text = self.fill(phrase, &[(Slot::Detail, detail)]);
        self.untagged(&text);
    }

    /// Says goodbye and closes.
    pub fn bye(&mut self, phrase: Phrase, reason: CloseReason) {
        self.untagged_phrase(phrase);
        if self.status.is_empty() {
            self.status = "BYE";
        }
        self.close(reason);
    }

    /// Whether a login in the clear is refused (RFC 3501 section 6.2.3).
    pub const fn needs_tls(&self) -> bool {
        self.service.refuse_plaintext && !self.tls
    }

    /// Closes the connection.
    pub fn close(&mut self, reason: CloseReason) {
        self.out.push(Action::Close(reason));
        self.stage = Stage::Closed;
    }

    fn tagged(&mut self, text: &[u8]) {
        self.status = status_of(text, &["OK", "NO", "BAD"]);
        self.out.send(&self.tag);
        self.out.send(b" ");
        self.out.send(text);
        if let Some(ending) = self.service.texts.timing.as_ref().filter(|_| self.logged_in) {
            // A line without a tag may have been given up before it came whole: only what is sure counts.
            let known = if *self.tag == *b"*" { (&b""[..], &b""[..]) } else { (self.verb, self.arguments) };
            let milliseconds = self.now.0.as_millis().to_le_bytes();
            let noise = noise(&[&self.tag, known.0, known.1, &milliseconds]);
            let times = times(Work::of(known.0), self.waited, noise);
            self.out.send(&ending.fill(&[(Slot::Timing, times.as_bytes())]));
        }
        self.out.send(b"\r\n");
    }

    fn fill(&self, phrase: Phrase, more: Values<'_>) -> Vec<u8> {
        let verb = [(Slot::Verb, self.verb)];
        let texts = &self.service.texts;
        let text = if self.logged_in { texts.reply(phrase) } else { texts.login_reply(phrase) };
        text.fill(&[&verb, more].concat())
    }

    /// Records a login, and answers it when its penalty and the delay of a failure are over. `true` when it was let in.
    /// `penalty` is what it has waited already.
    pub fn judge(&mut self, attempt: Attempt, penalty: Option<Penalty>) -> bool {
        let process = self.service.texts.mail_process;
        let (login, user) = (attempt.login(process), process.user_name(&attempt.username.0));
        let (accepted, event) = attempt.judge(&self.service.credentials, process);
        self.record(event);
        let before = std::mem::take(self.out);
        let admitted = self.answer_login(accepted, &user);
        let answer = std::mem::replace(self.out, before);
        let wait = penalty.is_none();
        let penalty = penalty.unwrap_or_else(|| self.guest.doorman.penalty(self.now));
        let delay = self.service.texts.times.failure_delay();
        self.user = user;
        let verdict = if accepted { Verdict::Passed } else { Verdict::Failed(login) };
        let held = Held { answer, penalty, verdict, delay };
        if wait && !penalty.wait.is_zero() {
            let left = self.until.map_or(Duration::MAX, |until| until.0.saturating_sub(self.now.0));
            wait_for(penalty.wait.min(left), self.out);
            self.stage = Stage::Held(Box::new(held));
        } else if !held.settle(self.guest, self.now, self.until, self.out) {
            self.bye(Phrase::ByeInactiveAuthenticating, CloseReason::Timeout);
            return false;
        }
        admitted
    }

    /// The answer to a login. Whether it opens the mail.
    fn answer_login(&mut self, accepted: bool, user: &[u8]) -> bool {
        if accepted && !self.guest.doorman.admit(user) {
            self.refuse(&Phrase::TooManyConnections.into());
            self.close(CloseReason::Limit);
            return false;
        }
        if let Some(brief) =
            self.service.texts.logged_in_briefly.as_ref().filter(|_| accepted && self.asked_capabilities)
        {
            self.untagged(&[b"CAPABILITY ", &self.service.capabilities[..]].concat());
            self.tagged(&brief.fill(&[]));
        } else if accepted {
            self.complete();
        } else {
            self.refuse(&Phrase::AuthenticationFailed.into());
        }
        accepted
    }
}
