//! The session: from lines to turns, from turns to actions.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use event::{CloseReason, Event, Text};

use crate::framing::{Framing, Unit, trim_line_end};
use crate::guest::{Ending, Guest};
use crate::pop3::Service;
use crate::pop3::arguments::before_nul;
use crate::pop3::command::Request;
use crate::pop3::login;
use crate::pop3::state::{Stage, State};
use crate::pop3::texts::{Limits, Phrase};
use crate::pop3::turn::{Fault, Turn};
use crate::reply::{hand_to_tls, received, unfinished, unheard};
use crate::session::{Action, Actions, Mark, Moment, Session, Step};
use crate::visitor::{Alone, Worlds};

/// One POP3 connection.
#[derive(Debug)]
pub struct Pop3 {
    service: Arc<Service>,
    /// Where the mail is that the next login opens.
    mail: Arc<dyn Worlds>,
    framing: Framing,
    state: State,
    stage: Stage,
    tls: bool,
    last_input: Moment,
    /// Bad commands, one behind the other.
    bad_commands: u32,
    pending: bool,
    /// Whether Dovecot's auth process has just refused a login.
    refused: bool,
    guest: Guest,
    /// When the connection began.
    began: Moment,
}

impl Pop3 {
    /// A connection that has just been accepted.
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
            bad_commands: 0,
            pending: false,
            refused: false,
            guest: Guest::default(),
            began: Moment::default(),
        }
    }

    /// Of this peer.
    #[must_use]
    pub fn of(self, guest: Guest) -> Self {
        Self { guest, ..self }
    }

    /// Does what can be done, until more input is needed or the driver has enough to carry out.
    fn advance(&mut self, now: Moment, out: &mut Actions) {
        if !matches!(self.stage, Stage::Held(_)) {
            self.refused = false;
        }
        let mut step = Step::Done;
        while step == Step::Done && !out.full() && !self.reads_first() {
            step = self.step(now, out);
        }
        self.pending = step != Step::Starved && !matches!(self.stage, Stage::Closed);
    }

    /// Answers one line, or goes on with an answer.
    fn step(&mut self, now: Moment, out: &mut Actions) -> Step {
        let finished = match (&mut self.stage, &self.state) {
            (Stage::Securing | Stage::Closed, _) => return Step::Starved,
            (Stage::Held(_), _) => return self.settle(now, out),
            (Stage::Listing(listing), State::Transaction(maildrop)) => listing.step(maildrop, out),
            (Stage::Sending(sending), _) => sending.step(out),
            _ => {
                match self.framing.next_line(&Limits::caps(self.line_limit(), self.dovecot())) {
                    Some(Unit::Command(line)) => self.line(&line, now, out),
                    Some(Unit::TooLong(kept)) => self.too_long(&kept, out),
                    // Lines announce no literals.
                    None | Some(Unit::Literal(_)) => return Step::Starved,
                }
                return Step::Done;
            }
        };
        if !finished {
            return Step::Paused;
        }
        self.stage = Stage::Command;
        Step::Done
    }

    /// Whether what is imitated is Dovecot.
    fn dovecot(&self) -> bool {
        self.service.texts.mail_process.is_dovecot()
    }

    /// Octets that the next line may have.
    fn line_limit(&self) -> usize {
        let limits = &self.service.texts.limits;
        match (&self.stage, &self.state) {
            (Stage::Authenticating(..), _) => limits.response,
            // Dovecot's login process takes the command away before it reads the line.
            (_, State::Authorization { .. }) if self.dovecot() => {
                let rest = self.framing.rest();
                match self.response_begins(rest) {
                    Some(begin) => limits.response.saturating_add(begin),
                    None => limits.login_line.saturating_add(Request::length_at_login(rest)),
                }
            }
            (_, State::Authorization { .. }) => limits.login_line,
            (_, State::Transaction(_)) => limits.line,
        }
    }

    /// Where the initial response of AUTH begins in what comes before login, if its mechanism is no longer than a line may be.
    fn response_begins(&self, line: &[u8]) -> Option<usize> {
        let most = self.service.texts.limits.login_line.saturating_add(Request::length_at_login(line));
        Request::response_at_login(line.get(..most).unwrap_or(line))
    }

    fn line(&mut self, line: &Bytes, now: Moment, out: &mut Actions) {
        let content = trim_line_end(line);
        match std::mem::take(&mut self.stage) {
            Stage::Authenticating(exchange, penalty) => {
                let request = Request { verb: b"AUTH"[..].into(), arguments: &[] };
                self.turn(content, &request, now, out, |turn, state| {
                    login::respond(turn, state, exchange, content, penalty)
                });
            }
            _ => {
                let request = match &self.state {
                    _ if !self.dovecot() => Request::parse(content),
                    State::Authorization { .. } => Request::at_login(content),
                    State::Transaction(_) => Request::parse(before_nul(content)),
                };
                self.turn(content, &request, now, out, |turn, state| request.run(turn, state));
            }
        }
    }

    /// One turn: runs it, refuses it where it fails, records the command in front of its answer, counts bad ones.
    fn turn(
        &mut self,
        line: &[u8],
        request: &Request<'_>,
        now: Moment,
        out: &mut Actions,
        run: impl FnOnce(&mut Turn<'_>, &mut State) -> Result<(), Fault>,
    ) {
        let place = out.mark();
        let state = self.state.name();
        let logged_in = matches!(self.state, State::Transaction(_));
        let (service, mail) = (Arc::clone(&self.service), Arc::clone(&self.mail));
        let mut turn = Turn {
            service: &service,
            mail: &*mail,
            tls: self.tls,
            verb: &request.verb,
            arguments: request.arguments,
            out,
            stage: Stage::Command,
            status: "",
            now,
            guest: &self.guest,
            until: self.until(),
        };
        let fault = run(&mut turn, &mut self.state).err();
        if let Some(fault) = &fault {
            turn.refuse(fault);
        }
        self.refused =
            self.dovecot() && !logged_in && turn.asks_auth(fault.as_ref()) && turn.status == "-ERR";
        // As Dovecot counts: its login process only what it does not know, its mail process all that it refuses.
        let unknown = fault.is_some_and(|fault| fault.phrase == Phrase::UnknownCommandBeforeLogin);
        let limits = &service.texts.limits;
        let (bad, limit, farewell) = if logged_in {
            (turn.status == "-ERR", limits.bad_commands, Phrase::ByeTooManyBad)
        } else {
            (unknown, limits.login_bad_commands, Phrase::ByeTooManyBadBeforeLogin)
        };
        // Its login process leaves AUTH out of the count, however it ends.
        let left_out = !logged_in && self.dovecot() && &*request.verb == b"AUTH";
        self.bad_commands = match bad {
            true => self.bad_commands.saturating_add(1),
            false if left_out => self.bad_commands,
            false => 0,
        };
        if bad && self.bad_commands >= limit {
            let what = "too-many-bad-commands";
            turn.record(Event::ProtocolViolation { what, line: Text::default() });
            turn.reply(farewell, &[]);
            turn.close(CloseReason::Violation);
        }
        let status = turn.status;
        self.stage = turn.stage;
        if matches!(self.stage, Stage::Securing) {
            self.secure(place, out);
        }
        if let Some(luck) = self.guest.draw() {
            let unfinished = matches!(self.stage, Stage::Listing(_) | Stage::Sending(_));
            out.take_time(place, service.texts.pace.answer(&request.verb, luck), unfinished);
        }
        out.record_at(place, received(&request.verb, line, state, status));
    }

    /// STLS is answered. What came behind it in the same piece is TLS's, as Dovecot has it: the hello, or what makes the
    /// handshake fail at once. In the clear it is evidence.
    fn secure(&mut self, place: Mark, out: &mut Actions) {
        if !hand_to_tls(self.framing.discard(), place, out) {
            self.stage = Stage::Closed;
        }
    }

    /// A line passed its cap.
    fn too_long(&mut self, kept: &Bytes, out: &mut Actions) {
        out.record(Event::ProtocolViolation { what: "line-too-long", line: Text(kept.clone()) });
        let phrase = match (&self.stage, &self.state) {
            (Stage::Authenticating(..), _) => None,
            (_, State::Authorization { .. }) if self.dovecot() && self.response_begins(kept).is_some() => {
                None
            }
            (_, State::Authorization { .. }) => Some(Phrase::ByeLineTooLongBeforeLogin),
            (_, State::Transaction(_)) => Some(Phrase::ByeLineTooLong),
        };
        self.farewell(phrase, CloseReason::Violation, out);
    }

    fn farewell(&mut self, phrase: Option<Phrase>, reason: CloseReason, out: &mut Actions) {
        if let Some(phrase) = phrase {
            out.send(&self.service.texts.reply(phrase).fill(&[]));
            out.send(b"\r\n");
        }
        out.push(Action::Close(reason));
        self.stage = Stage::Closed;
    }

    /// A login has waited for its penalty: it is answered, unless the time to log in is over.
    fn settle(&mut self, now: Moment, out: &mut Actions) -> Step {
        let Stage::Held(held) = std::mem::take(&mut self.stage) else { return Step::Done };
        let closes = held.closes();
        if matches!(held.settle(&self.guest, now, out), Ending::TooLate) {
            self.farewell(Some(Phrase::ByeInactiveAuthenticating), CloseReason::Timeout, out);
        } else if closes {
            self.stage = Stage::Closed;
        }
        Step::Done
    }

    /// When the connection is given up: before login after a time in all where it is Dovecot, after silence otherwise.
    fn patience(&self) -> Moment {
        match self.state {
            State::Authorization { .. } => {
                self.until().unwrap_or_else(|| self.last_input.after(self.service.login_timeout))
            }
            State::Transaction(_) => self.last_input.after(self.service.idle_timeout),
        }
    }

    /// When a login must have come to its end.
    fn until(&self) -> Option<Moment> {
        self.service.texts.mail_process.is_dovecot().then(|| self.began.after(self.service.login_timeout))
    }
}

impl Session for Pop3 {
    fn open(&mut self, now: Moment, out: &mut Actions) {
        self.last_input = now;
        self.began = now;
        let place = out.mark();
        out.send(&self.service.greeting);
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

    fn reads_first(&self) -> bool {
        // Dovecot's login process does so once the auth process has answered.
        self.refused && !matches!(self.stage, Stage::Held(_))
    }

    fn resume(&mut self, now: Moment, out: &mut Actions) {
        self.last_input = now;
        self.advance(now, out);
    }

    fn deadline(&self) -> Option<Moment> {
        (!matches!(self.stage, Stage::Securing | Stage::Closed)).then(|| self.patience())
    }

    fn expire(&mut self, now: Moment, out: &mut Actions) {
        if now >= self.patience() {
            let phrase = match self.stage {
                Stage::Authenticating(..) => Phrase::ByeInactiveAuthenticating,
                _ => Phrase::ByeInactive,
            };
            self.farewell(Some(phrase), CloseReason::Timeout, out);
        }
    }

    fn acknowledges_at_once(&self) -> bool {
        // Whenever Dovecot has written its answers (o_stream_uncork()).
        self.service.texts.mail_process.is_dovecot()
    }

    fn answers_parting(&self) -> bool {
        self.dovecot()
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

    fn finish(&mut self, out: &mut Actions) {
        // Who is gone is not counted any more.
        self.guest = Guest::default();
        // Logins that wait behind one whose answer was not due yet are tried all the same.
        let mut done = Actions::default();
        while matches!(self.state, State::Authorization { .. })
            && self.step(self.last_input, &mut done) == Step::Done
        {
            unheard(&mut done, out);
        }
        unfinished(self.framing.rest(), out);
        self.stage = Stage::Closed;
    }
}
