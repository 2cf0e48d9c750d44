//! The session: from units of input to turns, from turns to actions. Commands, literals and long answers are
//! in `session/`.

mod bad;
mod command;
mod literal;
mod settle;
mod unasked;
mod waiting;
mod work;

pub use waiting::Waiting;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use event::{CloseReason, Event, Text};

use bad::BadCommands;

use crate::framing::{Framing, Unit, trim_line_end};
use crate::guest::Guest;
use crate::imap::Service;
use crate::imap::command::Request;
use crate::imap::keep_alive::keep_alive;
use crate::imap::login;
use crate::imap::state::{Stage, State};
use crate::imap::texts::Phrase;
use crate::imap::turn::{Fault, Turn};
use crate::imap::view::Telling;
use crate::reply::{hand_to_tls, received, unfinished, unheard};
use crate::session::{Action, Actions, Mark, Moment, Session, Step};
use crate::visitor::{Alone, Worlds};

/// One IMAP connection.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
pub struct Imap {
    service: Arc<Service>,
    mail: Arc<dyn Worlds>,
    framing: Framing,
    state: State,
    stage: Stage,
    tls: bool,
    last_input: Moment,
    bad_commands: BadCommands,
    pending: bool,
    asked_capabilities: bool,
    /// When the command that is being read, or answered, first waited for the client.
    waiting: Option<Moment>,
    /// Closing words that wait for the end of what the client has sent.
    held: Vec<Waiting>,
    /// The literal that is being read is more than we keep.
    overflowing: bool,
    /// The APPEND that is being read has failed, and its client was told.
    answered: bool,
    guest: Guest,
    /// When the connection began.
    began: Moment,
    /// Who has tried to log in last.
    user: Vec<u8>,
}

/// What a turn answers to.
struct Input<'a> {
    /// As received; what the event carries.
    line: &'a Bytes,
    /// The tag of the answer.
    tag: Bytes,
    verb: &'a [u8],
    arguments: &'a [u8],
}

impl<'a> Input<'a> {
    fn command(line: &'a Bytes, request: &'a Request<'a>) -> Self {
        let tag = request.tag.map_or(Bytes::from_static(b"*"), |tag| line.slice_ref(tag));
        Self { line, tag, verb: &request.verb, arguments: request.arguments }
    }

    /// A line that goes on with a command.
    fn more(line: &'a Bytes, tag: Bytes, verb: &'a [u8]) -> Self {
        Self { line, tag, verb, arguments: &[] }
    }
}

impl Imap {
    /// A connection that has just been accepted, of a peer that sees the common mail.
    pub fn new(service: Arc<Service>) -> Self {
        let mail = Alone::new(&service.corpus);
        Self::with_mail(service, mail)
    }

    /// A connection that has just been accepted, of a peer that sees this mail.
    pub fn with_mail(service: Arc<Service>, mail: Arc<dyn Worlds>) -> Self {
        Self {
            mail,
            service,
            framing: Framing::default(),
            state: State::default(),
            stage: Stage::default(),
            tls: false,
            last_input: Moment::default(),
            bad_commands: BadCommands::default(),
            pending: false,
            asked_capabilities: false,
            waiting: None,
            held: Vec::new(),
            overflowing: false,
            answered: false,
            guest: Guest::default(),
            began: Moment::default(),
            user: Vec::new(),
        }
    }

    /// Of this peer.
    #[must_use]
    pub fn of(self, guest: Guest) -> Self {
        Self { guest, ..self }
    }

    /// Does what can be done, until more input is needed or the driver has enough to carry out.
    fn advance(&mut self, now: Moment, out: &mut Actions) {
        self.set_clock(now);
        let mut step = Step::Done;
        while step == Step::Done && !out.full() {
            step = self.in_world(|session| session.step(now, out));
            self.die(out);
        }
        self.pending = step != Step::Starved && !matches!(self.stage, Stage::Closed);
        self.note_input(now);
    }

    /// Answers one unit of input, or goes on with an answer.
    fn step(&mut self, now: Moment, out: &mut Actions) -> Step {
        let limits = &self.service.texts.limits;
        let caps = match self.state {
            State::NotAuthenticated => limits.before_login(),
            _ => limits.after_login(),
        };
        let unit = match &mut self.stage {
            Stage::Securing | Stage::Closed => return Step::Starved,
            Stage::Fetching(_) | Stage::Searching(_) => return self.work(now, out),
            Stage::Held(_) => return self.settle(now, out),
            Stage::Command => self.framing.next(&caps),
            Stage::Authenticating { .. } | Stage::Idling { .. } => self.framing.next_line(&caps),
        };
        match unit {
            None if self.hopeless() => {
                let kept = self.framing.give_up_line();
                self.command(&kept, now, out);
            }
            None if self.carry_out_early(now, out) => {}
            None if matches!(self.state, State::NotAuthenticated) && self.too_wordy(self.framing.rest()) => {
                return self.overflow(out);
            }
            None => {
                self.finish_at_rest(out);
                return Step::Starved;
            }
            Some(Unit::Literal(literal)) => self.literal(literal, caps.literal, now, out),
            Some(Unit::TooLong(kept)) => self.too_long(&kept, now, out),
            Some(Unit::Command(line)) => match std::mem::take(&mut self.stage) {
                Stage::Authenticating { tag, exchange, penalty } => {
                    self.turn(&Input::more(&line, tag, b"AUTHENTICATE"), now, out, |turn, state| {
                        login::respond(turn, state, exchange, trim_line_end(&line), penalty)
                    });
                }
                Stage::Idling { tag, since, .. } => {
                    self.waiting = Some(since);
                    self.turn(&Input::more(&line, tag, b"IDLE"), now, out, |turn, state| {
                        // Dovecot sees only later that the mailbox has another name.
                        if !state.is_renamed() {
                            turn.sync(state, Telling::default());
                        }
                        if !trim_line_end(&line).eq_ignore_ascii_case(b"DONE") {
                            return Err(Phrase::ExpectedDone.into());
                        }
                        turn.complete();
                        Ok(())
                    });
                }
                _ => self.command(&line, now, out),
            },
        }
        Step::Done
    }

    /// One turn: runs it, refuses it where it fails, records the command in front of its answer, counts bad ones.
    fn turn(
        &mut self,
        input: &Input<'_>,
        now: Moment,
        out: &mut Actions,
        run: impl FnOnce(&mut Turn<'_>, &mut State) -> Result<(), Fault>,
    ) {
        self.finish_before(input.verb, input.line, out);
        let place = out.mark();
        let state = self.state.name();
        let may_wait = self.may_wait(input.verb);
        let (service, mail) = (Arc::clone(&self.service), Arc::clone(&self.mail));
        let mut turn = Turn {
            service: &service,
            mail: &*mail,
            now,
            tls: self.tls,
            tag: input.tag.clone(),
            verb: input.verb,
            arguments: input.arguments,
            out,
            stage: Stage::Command,
            status: "",
            logged_in: self.state.account().is_some(),
            asked_capabilities: self.asked_capabilities,
            waited: waited(self.waiting, now),
            modseq: None,
            may_wait,
            waits: None,
            held: None,
            guest: &self.guest,
            until: self.until(),
            user: std::mem::take(&mut self.user),
        };
        let limits = &service.texts.limits;
        let refused = run(&mut turn, &mut self.state).err();
        if let Some(fault) = &refused {
            self.state.note_complaint(input.verb, fault);
            // The last bad command that Dovecot's login process bears gets no answer of its own.
            let last = self.bad_commands.0.saturating_add(1) >= limits.login_bad_commands;
            let silent = last
                && fault.phrase.is_counted_before_login()
                && !turn.logged_in
                && service.texts.mail_process.is_dovecot();
            if silent && turn.is_bad(fault) {
                turn.status = "BAD";
            } else {
                turn.refuse(fault);
            }
        }
        if self.bad_commands.count(&turn, refused.as_ref(), &self.state)
            && !matches!(turn.stage, Stage::Closed)
        {
            let what = "too-many-bad-commands";
            turn.record(Event::ProtocolViolation { what, line: Text::default() });
            turn.bye(Phrase::ByeTooManyBad, CloseReason::Violation);
        }
        let status = turn.status;
        self.held.extend(turn.held);
        self.user = turn.user;
        self.asked_capabilities = turn.asked_capabilities;
        self.stage = turn.stage;
        if matches!(self.stage, Stage::Securing) {
            self.secure(place, out);
        }
        if !matches!(self.stage, Stage::Fetching(_) | Stage::Searching(_)) {
            self.waiting = None;
        }
        if let Some(luck) = self.guest.draw() {
            let unfinished = matches!(self.stage, Stage::Fetching(_) | Stage::Searching(_));
            out.take_time(place, service.texts.pace.answer(input.verb, luck), unfinished);
        }
        out.record_at(place, received(input.verb, trim_line_end(input.line), state, status));
    }

    /// STARTTLS is answered. What came behind it in the same piece is TLS's, as Dovecot has it: the hello, or what makes the
    /// handshake fail at once. In the clear it is evidence.
    fn secure(&mut self, place: Mark, out: &mut Actions) {
        if !hand_to_tls(self.framing.discard(), place, out) {
            self.stage = Stage::Closed;
        }
    }

    fn farewell(&mut self, phrase: Phrase, reason: CloseReason, out: &mut Actions) {
        out.send(b"* ");
        out.send(&self.service.texts.reply(phrase).fill(&[]));
        out.send(b"\r\n");
        out.push(Action::Close(reason));
        self.stage = Stage::Closed;
    }
}

/// How long a command has waited for the client.
fn waited(since: Option<Moment>, now: Moment) -> Duration {
    since.map_or(Duration::ZERO, |since| now.0.saturating_sub(since.0))
}

impl Session for Imap {
    fn open(&mut self, now: Moment, out: &mut Actions) {
        self.last_input = now;
        self.began = now;
        let place = out.mark();
        out.send(&self.service.offer(self.tls).greeting);
        out.send(b"\r\n");
        // Over TLS the handshake came first.
        if let Some(luck) = self.guest.draw().filter(|_| !self.tls) {
            out.take_time(place, self.service.texts.pace.greeting(luck), false);
        }
    }

    fn receive(&mut self, now: Moment, input: &[u8], out: &mut Actions) {
        self.last_input = now;
        self.framing.push(input);
        self.advance(now, out);
    }

    fn pending(&self) -> bool {
        self.pending
    }

    fn resume(&mut self, now: Moment, out: &mut Actions) {
        self.last_input = now;
        self.advance(now, out);
    }

    fn deadline(&self) -> Option<Moment> {
        let patience = self.unasked_deadline().into_iter().chain([self.patience()]).min()?;
        match self.stage {
            Stage::Securing | Stage::Closed => None,
            Stage::Idling { still_here, .. } => Some(still_here.min(patience)),
            _ => Some(patience),
        }
    }

    fn expire(&mut self, now: Moment, out: &mut Actions) {
        if now >= self.patience() {
            let phrase = match self.stage {
                Stage::Authenticating { .. } => Phrase::ByeInactiveAuthenticating,
                _ => Phrase::ByeInactive,
            };
            return self.farewell(phrase, CloseReason::Timeout, out);
        }
        self.tell_unasked(now, out);
        if let Stage::Idling { still_here, .. } = &mut self.stage
            && now >= *still_here
        {
            *still_here = keep_alive(&self.service, &self.guest, &self.user, now);
            if self.service.texts.mail_process.is_dovecot() {
                // Who idles may do so for ever.
                self.last_input = now;
            }
            out.send(b"* ");
            out.send(&self.service.texts.reply(Phrase::StillHere).fill(&[]));
            out.send(b"\r\n");
        }
    }

    fn acknowledges_at_once(&self) -> bool {
        // Whenever Dovecot has written its answers (o_stream_uncork()).
        self.service.texts.mail_process.is_dovecot()
    }

    fn before_handshake(&mut self, begins: bool) -> Duration {
        let luck = self.guest.draw();
        luck.map(|luck| self.service.texts.pace.handshake(luck, begins)).unwrap_or_default()
    }

    fn secured(&mut self, now: Moment) {
        self.last_input = now;
        self.tls = true;
        self.stage = Stage::Command;
    }

    fn mail_changed(&mut self, now: Moment, out: &mut Actions) {
        self.hear(now, out);
    }

    fn finish(&mut self, out: &mut Actions) {
        // Who is gone is not counted any more.
        self.guest = Guest::default();
        // Logins that wait behind one whose answer was not due yet are tried all the same.
        let mut done = Actions::default();
        while matches!(self.state, State::NotAuthenticated)
            && self.in_world(|session| session.step(session.last_input, &mut done)) == Step::Done
        {
            unheard(&mut done, out);
        }
        unfinished(self.framing.rest(), out);
        self.stage = Stage::Closed;
    }
}
