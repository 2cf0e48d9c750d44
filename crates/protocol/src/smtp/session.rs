//! The session: from lines to turns, from turns to actions. The message in between is taken in by `message.rs`.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use event::{CloseReason, Event, Text};

use crate::guest::Guest;
use crate::reply::{injected, received, unfinished, unheard};
use crate::session::{Abandoned, Action, Actions, Captured, Moment, Session, Step};
use crate::smtp::Service;
use crate::smtp::auth;
use crate::smtp::command::{breaks_rules, row};
use crate::smtp::input::Input;
use crate::smtp::state::{Dialogue, Stage};
use crate::smtp::texts::Phrase;
use crate::smtp::token::{self, Token};
use crate::smtp::turn::{Fault, Turn};
use crate::text::Slot;

/// One SMTP connection.
#[derive(Debug)]
pub struct Smtp {
    pub(super) service: Arc<Service>,
    pub(super) input: Input,
    pub(super) dialogue: Dialogue,
    pub(super) stage: Stage,
    pub(super) last_input: Moment,
    /// Errors since the last message.
    errors: u32,
    /// Commands since the last message that did nothing for one.
    junk: u32,
    pending: bool,
    guest: Guest,
}

/// What a turn answers to.
pub(super) struct Said<'a> {
    pub(super) verb: &'a [u8],
    pub(super) line: &'a Bytes,
    pub(super) tokens: &'a [Token<'a>],
    /// The state in which it came.
    pub(super) state: &'static str,
}

impl Smtp {
    /// A connection that has just been accepted.
    ///
    /// `luck` is a random number; with it, the same recipients are put off by greylisting.
    pub fn new(service: Arc<Service>, luck: u64) -> Self {
        Self {
            service,
            input: Input::default(),
            dialogue: Dialogue { luck, ..Dialogue::default() },
            stage: Stage::default(),
            last_input: Moment::default(),
            errors: 0,
            junk: 0,
            pending: false,
            guest: Guest::default(),
        }
    }

    /// Of this peer.
    #[must_use]
    pub fn of(self, guest: Guest) -> Self {
        Self { guest, ..self }
    }

    /// A login has waited for its penalty: it is answered.
    fn settle(&mut self, now: Moment, out: &mut Actions) -> bool {
        if let Stage::Held(held) = std::mem::take(&mut self.stage) {
            held.settle(&self.guest, now, out);
        }
        self.check_errors(out);
        true
    }

    /// Does what can be done, until more input is needed or the driver has enough to carry out.
    fn advance(&mut self, now: Moment, out: &mut Actions) {
        let mut step = Step::Done;
        while step == Step::Done && !out.full() {
            step = self.step(now, out);
        }
        self.pending = step != Step::Starved && !matches!(self.stage, Stage::Committing(_) | Stage::Closed);
    }

    /// Answers one line, or takes in more of a message.
    fn step(&mut self, now: Moment, out: &mut Actions) -> Step {
        let moved = match &self.stage {
            Stage::Committing(_) | Stage::Securing | Stage::Closed => false,
            Stage::Held(_) => self.settle(now, out),
            Stage::Command => self.command(now, out),
            Stage::Authenticating(..) => self.response(now, out),
            Stage::Data(_) => self.data(out),
            Stage::Chunk(_) => self.chunk(out),
        };
        if moved { Step::Done } else { Step::Starved }
    }

    /// A command line. `false` where none has come.
    fn command(&mut self, now: Moment, out: &mut Actions) -> bool {
        let Some(line) = self.input.line(self.service.texts.limits.line) else { return false };
        if line.cut {
            out.record(Event::ProtocolViolation { what: "line-too-long", line: Text(line.text.clone()) });
        }
        // Postfix writes a line that it could not read whole into its log, and goes on with what it wrote.
        let long = line.text.len() >= self.service.texts.limits.line;
        let text =
            if long { Cow::Owned(token::printable(&line.text)) } else { Cow::Borrowed(&line.text[..]) };
        let tokens = token::split(&text);
        let service = Arc::clone(&self.service);
        let row = tokens.first().and_then(|verb| row(verb, &service.texts));
        let upper = tokens.first().map(|verb| verb.text.to_ascii_uppercase()).unwrap_or_default();
        let said = Said {
            verb: row.map_or(&upper, |row| row.verb.as_bytes()),
            line: &line.text,
            tokens: &tokens,
            state: self.dialogue.name(),
        };
        self.turn(&said, now, out, |turn, dialogue| {
            if std::str::from_utf8(&text).is_err() {
                return Err(Phrase::BadUtf8.into());
            }
            match (row, turn.tokens.first()) {
                (_, None) => Err(Phrase::BadSyntax.into()),
                (None, Some(verb)) if breaks_rules(verb) => {
                    turn.refuse(&Phrase::BreakRules.into());
                    dialogue.abandon(Abandoned::Unfinished, turn.out);
                    turn.close(CloseReason::Violation);
                    Ok(())
                }
                (None, Some(_)) => Err(Phrase::UnknownCommand.into()),
                (Some(row), Some(_)) => match row.phase.refusal(dialogue) {
                    Some(phrase) => {
                        dialogue.refused(row.phase);
                        Err(phrase.into())
                    }
                    None => (row.run)(turn, dialogue),
                },
            }
        });
        if row.is_some_and(|row| row.junk) {
            if self.junk > self.service.texts.limits.junk_commands {
                self.errors = self.errors.saturating_add(1);
            }
            self.junk = self.junk.saturating_add(1);
        }
        self.check_errors(out);
        true
    }

    /// A SASL response. `false` where none has come.
    fn response(&mut self, now: Moment, out: &mut Actions) -> bool {
        let Some(line) = self.input.line(self.service.texts.limits.response) else { return false };
        if line.cut {
            out.record(Event::ProtocolViolation { what: "line-too-long", line: Text(line.text.clone()) });
        }
        let Stage::Authenticating(exchange, penalty) = std::mem::take(&mut self.stage) else { return true };
        let said = Said { verb: b"AUTH", line: &line.text, tokens: &[], state: self.dialogue.name() };
        let service = Arc::clone(&self.service);
        self.turn(&said, now, out, |turn, dialogue| {
            if line.cut {
                return Err(Phrase::ResponseTooLong.into());
            }
            let strings = service.texts.sasl.needs_padding;
            let response = if strings { token::before_nul(&line.text) } else { &line.text };
            auth::respond(turn, dialogue, exchange, response, penalty)
        });
        self.check_errors(out);
        true
    }

    /// One turn: runs it, refuses it where it fails, records the command in front of its answer.
    pub(super) fn turn(
        &mut self,
        said: &Said<'_>,
        now: Moment,
        out: &mut Actions,
        run: impl FnOnce(&mut Turn<'_>, &mut Dialogue) -> Result<(), Fault>,
    ) {
        let place = out.mark();
        let service = Arc::clone(&self.service);
        let mut turn = Turn {
            service: &service,
            verb: said.verb,
            line: said.line,
            tokens: said.tokens,
            out,
            stage: Stage::Command,
            status: "",
            slow: self.errors >= service.texts.limits.soft_errors,
            excused: false,
            now,
            guest: &self.guest,
        };
        if let Err(fault) = run(&mut turn, &mut self.dialogue) {
            turn.refuse(&fault);
        }
        if turn.failed() {
            self.errors = self.errors.saturating_add(1);
        }
        let status = turn.status;
        self.stage = turn.stage;
        if matches!(self.stage, Stage::Securing) {
            // What came behind it in the same piece is evidence; Postfix throws it away and goes on.
            let behind = self.input.discard();
            if !behind.is_empty() {
                out.record_at(place, injected(behind));
            }
            out.push(Action::StartTls(Bytes::new()));
        }
        if let Some(luck) = self.guest.draw() {
            out.take_time(place, service.texts.pace.answer(said.verb, luck), false);
        }
        if !matches!(self.stage, Stage::Chunk(_)) {
            out.record_at(place, received(said.verb, said.line, said.state, status));
        }
    }

    /// Hangs up after too many errors.
    pub(super) fn check_errors(&mut self, out: &mut Actions) {
        let over = self.errors >= self.service.texts.limits.hard_errors;
        // A chunk is read and answered first.
        if over
            && !matches!(
                self.stage,
                Stage::Closed | Stage::Chunk(_) | Stage::Committing(_) | Stage::Securing | Stage::Held(_)
            )
        {
            let what = "too-many-bad-commands";
            out.record(Event::ProtocolViolation { what, line: Text::default() });
            self.farewell(Phrase::TooManyErrors, CloseReason::Violation, out);
        }
    }

    fn farewell(&mut self, phrase: Phrase, reason: CloseReason, out: &mut Actions) {
        self.cut_short(out);
        if self.errors >= self.service.texts.limits.soft_errors {
            out.hold_back(self.service.texts.times.error_delay());
        }
        out.send(&self.service.texts.replies.of(phrase).fill(&[
            (Slot::Node, self.service.node.as_bytes()),
            (Slot::Address, self.guest.address.map_or_else(String::new, |it| it.to_string()).as_bytes()),
        ]));
        out.send(b"\r\n");
        out.push(Action::Close(reason));
        self.stage = Stage::Closed;
    }
}

impl Session for Smtp {
    fn open(&mut self, now: Moment, out: &mut Actions) {
        self.last_input = now;
        let limit = self.service.texts.limits.connections;
        if limit.is_some_and(|limit| self.guest.doorman.connections() > limit) {
            return self.farewell(Phrase::TooManyConnections, CloseReason::Limit, out);
        }
        let place = out.mark();
        out.send(&self.service.greeting);
        out.send(b"\r\n");
        // Over TLS the handshake came first.
        if let Some(luck) = self.guest.draw().filter(|_| !self.dialogue.tls) {
            out.take_time(place, self.service.texts.pace.greeting(luck), false);
        }
    }

    fn receive(&mut self, now: Moment, input: &[u8], out: &mut Actions) {
        self.last_input = now;
        self.input.push(input);
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
        match self.stage {
            Stage::Committing(_) | Stage::Securing | Stage::Closed => None,
            _ => Some(self.last_input.after(self.service.timeout)),
        }
    }

    fn expire(&mut self, now: Moment, out: &mut Actions) {
        if self.deadline().is_some_and(|deadline| now >= deadline) {
            self.farewell(Phrase::Timeout, CloseReason::Timeout, out);
        }
    }

    fn before_handshake(&mut self, begins: bool) -> Duration {
        let luck = self.guest.draw();
        luck.map(|luck| self.service.texts.pace.handshake(luck, begins)).unwrap_or_default()
    }

    fn secured(&mut self, now: Moment) {
        self.last_input = now;
        self.dialogue.tls = true;
        self.stage = Stage::Command;
    }

    fn captured(&mut self, now: Moment, captured: Captured, out: &mut Actions) {
        self.last_input = now;
        let Stage::Committing(end) = std::mem::take(&mut self.stage) else { return };
        if matches!(captured, Captured::Kept { .. }) {
            self.errors = 0;
            self.junk = 0;
        }
        self.turn(&end.said(), now, out, |turn, _| {
            let Captured::Kept { queue_id } = captured else { return Err(Phrase::StorageFull.into()) };
            let octets = end.size.map(|size| size.to_string());
            let phrase = if octets.is_some() { Phrase::QueuedChunks } else { Phrase::Queued };
            let octets = octets.unwrap_or_default();
            turn.reply(phrase, &[(Slot::Queue, queue_id.as_bytes()), (Slot::Octets, octets.as_bytes())]);
            Ok(())
        });
        self.check_errors(out);
        self.pending = !matches!(self.stage, Stage::Closed);
    }

    fn finish(&mut self, out: &mut Actions) {
        // Who is gone is not counted any more.
        self.guest = Guest::default();
        // What waits behind an answer that was not due yet is carried out all the same, as Postfix does it.
        let mut done = Actions::default();
        while self.step(self.last_input, &mut done) == Step::Done {
            self.commit_unheard(&mut done);
            unheard(&mut done, out);
        }
        unfinished(self.input.rest(), out);
        self.cut_short(out);
    }
}
