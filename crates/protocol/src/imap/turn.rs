//! One command's turn: what its handler knows, and how it answers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use event::{CloseReason, Event};

use crate::guest::{Ending, Guest, Held, Penalty, Verdict};
use crate::imap::Service;
use crate::imap::arguments::{self, Argument};
use crate::imap::command::Request;
use crate::imap::reader::{self, Reading, Stop};
use crate::imap::session::Waiting;
use crate::imap::state::{Stage, State};
use crate::imap::texts::Phrase;
use crate::imap::timing::{Work, noise, times};
use crate::imap::view::Telling;
use crate::reply::status_of;
use crate::sasl::Attempt;
use crate::session::{Action, Actions, Moment};
use crate::text::{Slot, Values};
use crate::visitor::{SharedWorld, Worlds};

/// Why a command is refused.
pub type Fault = crate::reply::Fault<Phrase>;

/// A command being carried out.
///
/// The first tagged answer decides the command's `status`; the session records `command.received` in front of
/// whatever the turn has put out.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is so or not, whatever the others are")]
pub struct Turn<'a> {
    /// What all sessions share.
    pub service: &'a Service,
    /// Where the mail is that this peer sees.
    pub mail: &'a dyn Worlds,
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
    /// Whether the closing words may wait until the client has no further command ready.
    pub may_wait: bool,
    /// How the mailbox is to be looked at before they are sent, where they wait.
    pub waits: Option<Telling>,
    /// The closing words that wait.
    pub held: Option<Waiting>,
    /// The highest mod-sequence, where the answer has to tell it (RFC 7162 section 3.2.5.1).
    pub modseq: Option<u64>,
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
        self.read(self.arguments)
    }

    /// Arguments of the command, parsed.
    pub fn read<'b>(&self, arguments: &'b [u8]) -> Result<Vec<Argument<'b>>, Fault> {
        let texts = &self.service.texts;
        let arguments = if texts.mail_process.is_dovecot() {
            let verb = self.verb.into();
            let request = Request { tag: Some(&self.tag), verb, arguments, behind_word: arguments };
            let Reading { arguments, stop, .. } =
                reader::read(arguments, request.rules(texts, self.logged_in));
            match stop {
                Stop::Fault(phrase, asked) => {
                    return Err(Fault::with(phrase, if asked { &b"+"[..] } else { b"" }));
                }
                Stop::Literal(_) | Stop::LiteralTooBig => return Err(Phrase::InvalidLiteral.into()),
                _ => arguments,
            }
        } else {
            let arguments = arguments::parse(arguments).map_err(Fault::from)?;
            if arguments::longest(&arguments) > texts.limits.longest_word(self.logged_in) {
                return Err(Phrase::ArgumentTooLong.into());
            }
            arguments
        };
        Ok(arguments)
    }

    /// Tells of what has changed in the open mailbox.
    ///
    /// Where the mailbox is no more what it was, this is the end, and what is answered later is not sent.
    pub fn sync(&mut self, state: &mut State, how: Telling) {
        if state.is_lost() && self.service.texts.mail_process.is_dovecot() {
            let fetching = matches!(self.verb, b"FETCH" | b"UID FETCH");
            let phrase = if fetching { Phrase::ByeDeletedUnderUs } else { Phrase::ByeInconsistent };
            state.select(None);
            return self.bye(phrase, CloseReason::Violation);
        }
        if self.may_wait {
            self.waits = Some(how);
        } else {
            self.modseq = state.sync(self.service, how, self.out);
        }
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
    ///
    /// A detail may name two things, with a NUL between them.
    pub fn refuse(&mut self, fault: &Fault) {
        self.waits = None;
        if fault.phrase == Phrase::MissingLineFeed && !fault.detail.is_empty() {
            self.go_on(Phrase::Continue);
        }
        let (detail, item) = match memchr::memchr(0, &fault.detail) {
            Some(end) => fault.detail.split_at_checked(end).unwrap_or_default(),
            None => (&fault.detail[..], &b""[..]),
        };
        let item = item.strip_prefix(b"\0").unwrap_or(item);
        let text = self.fill(fault.phrase, &[(Slot::Detail, detail), (Slot::Item, item)]);
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
        if matches!(self.stage, Stage::Closed) {
            return;
        }
        let modseq = self.modseq.take().map(|modseq| modseq.to_string());
        let mut within = None;
        if let Some(modseq) = &modseq {
            match text.strip_prefix(b"OK ").filter(|words| !words.starts_with(b"[")) {
                Some(words) => {
                    let values = [(Slot::Modseq, modseq.as_bytes()), (Slot::Detail, words)];
                    within = Some(self.fill(Phrase::CompletedAtModseq, &values));
                }
                None => self.untagged_with(Phrase::HighestModseq, modseq.as_bytes()),
            }
        }
        let text = within.as_deref().unwrap_or(text);
        self.status = status_of(text, &["OK", "NO", "BAD"]);
        let mut line = [&self.tag, &b" "[..], text].concat();
        if let Some(ending) = self.service.texts.timing.as_ref().filter(|_| self.logged_in) {
            // A line without a tag may have been given up before it came whole: only what is sure counts.
            let known = if *self.tag == *b"*" { (&b""[..], &b""[..]) } else { (self.verb, self.arguments) };
            let milliseconds = self.now.0.as_millis().to_le_bytes();
            let noise = noise(&[&self.tag, known.0, known.1, &milliseconds]);
            let times = times(Work::of(known.0), self.waited, noise);
            line.extend_from_slice(&ending.fill(&[(Slot::Timing, times.as_bytes())]));
        }
        line.extend_from_slice(b"\r\n");
        match self.waits.take() {
            Some(telling) => self.held = Some(Waiting { line: line.into(), telling, saves: false }),
            None => self.out.send(&line),
        }
    }

    fn fill(&self, phrase: Phrase, more: Values<'_>) -> Vec<u8> {
        let verb = [(Slot::Verb, self.verb)];
        let texts = &self.service.texts;
        let text = if self.logged_in { texts.reply(phrase) } else { texts.login_reply(phrase) };
        text.fill(&[&verb, more].concat())
    }

    /// Refuses to change a mailbox that is gone, and says goodbye.
    pub fn refuse_lost(&mut self, state: &mut State) {
        self.complete_as(Phrase::DeletedUnderUs, &[]);
        self.sync(state, Telling::default());
    }

    /// Records a login, and answers it when its penalty and the delay of a failure are over. What is returned is the world of who
    /// was let in; one that only looks has its own. `penalty` is what it has waited already.
    pub fn judge(&mut self, attempt: Attempt, penalty: Option<Penalty>) -> Option<Arc<SharedWorld>> {
        let process = self.service.texts.mail_process;
        let (login, user) = (attempt.login(process), process.user_name(&attempt.username.0));
        let (accepted, event) = attempt.judge(&self.service.credentials, process);
        self.record(event);
        let before = std::mem::take(self.out);
        let admitted = self.answer_login(accepted, &user);
        let answer = std::mem::replace(self.out, before);
        let world = admitted.then(|| self.mail.enter(process.is_dovecot().then_some(&user[..])));
        self.user = user;
        let verdict = if accepted { Verdict::Passed } else { Verdict::Failed(login) };
        let delay = self.service.texts.times.failure_delay();
        let held = Held { answer, penalty, verdict, delay, until: self.until };
        match held.begin(self.guest, self.now, self.out) {
            Ending::Answered => {}
            Ending::Held(held) => self.stage = Stage::Held(held),
            Ending::TooLate => {
                self.bye(Phrase::ByeInactiveAuthenticating, CloseReason::Timeout);
                return None;
            }
        }
        world
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
