//! Where a session stands: the mail transaction (RFC 5321 section 3.3), and what the next input means.

use std::collections::VecDeque;

use bytes::Bytes;
use event::Text;

use crate::guest::{Held, Penalty};
use crate::sasl::Exchange;
use crate::session::{Abandoned, Action, Actions, Capture, Envelope};
use crate::smtp::body::DotStuffed;
use crate::smtp::command::Phase;
use crate::smtp::tally::Tally;
use crate::smtp::turn::Fault;

/// Who talks to us, and how far the mail has come.
#[derive(Debug, Default)]
pub struct Dialogue {
    /// What the client called itself, once it did.
    pub helo: Option<Helo>,
    /// A number that differs between sessions: whom greylisting puts off.
    pub luck: u64,
    /// Whether TLS is on.
    pub tls: bool,
    /// Whether it has logged in.
    pub authenticated: bool,
    /// The mail transaction.
    pub state: State,
}

/// The name in HELO or EHLO.
#[derive(Debug, Clone)]
pub struct Helo {
    /// As the client wrote it.
    pub name: Text,
    /// Whether it said EHLO.
    pub extended: bool,
}

/// The mail transaction.
#[derive(Debug)]
pub enum State {
    /// There is none.
    Idle(Remembered),
    /// MAIL was accepted.
    Mail(Box<Transaction>),
    /// At least one RCPT was accepted.
    Rcpt(Box<Transaction>),
    /// Chunks are coming in (RFC 3030).
    Chunks(Box<Transaction>, Tally),
    /// A chunk was refused: others are thrown away until the last, whether or not there was a MAIL.
    Refusing(Option<Box<Transaction>>),
}

impl Default for State {
    fn default() -> Self {
        Self::Idle(Remembered::default())
    }
}

/// What a refused MAIL leaves behind until RSET, as in Postfix.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Remembered {
    /// The size that it declared.
    pub declared: Option<u64>,
    /// Whether it named a submitter: `AUTH=user@host` (RFC 4954 section 5).
    pub submitter: bool,
}

/// The envelope so far.
#[derive(Debug, Default)]
pub struct Transaction {
    /// MAIL FROM, without the angle brackets.
    pub sender: Text,
    /// Whether MAIL had SMTPUTF8.
    pub utf8: bool,
    /// The last recipients named, accepted or not: at most [`NAMED`].
    pub named: VecDeque<Text>,
    /// Every accepted recipient.
    pub accepted: Vec<Text>,
    /// Those of them that have a mailbox here.
    pub local: Vec<Text>,
}

/// How many recipients an event of one RCPT shows, lest a long list be written once for each of its entries.
const NAMED: usize = 32;

impl Transaction {
    /// A recipient was named.
    pub fn name(&mut self, recipient: Text) {
        if self.named.len() >= NAMED {
            self.named.pop_front();
        }
        self.named.push_back(recipient);
    }
}

impl Dialogue {
    /// The word that events carry.
    pub const fn name(&self) -> &'static str {
        match (&self.state, &self.helo) {
            (State::Idle(_), None) => "CONNECTED",
            (State::Idle(_), Some(_)) => "GREETED",
            (State::Mail(_), _) => "MAIL",
            (State::Rcpt(_), _) => "RCPT",
            (State::Chunks(..) | State::Refusing(_), _) => "BDAT",
        }
    }

    /// A command of this phase was refused. A MAIL in the middle of a transaction takes SMTPUTF8 back all the same.
    pub fn refused(&mut self, phase: Phase) {
        if let (Phase::Begin, State::Mail(transaction) | State::Rcpt(transaction)) = (phase, &mut self.state)
        {
            transaction.utf8 = false;
        }
    }

    /// The present transaction, in whatever stage.
    pub const fn transaction(&self) -> Option<&Transaction> {
        match &self.state {
            State::Idle(_) | State::Refusing(None) => None,
            State::Mail(transaction)
            | State::Rcpt(transaction)
            | State::Chunks(transaction, _)
            | State::Refusing(Some(transaction)) => Some(transaction),
        }
    }

    /// Ends the transaction; what has come of its message will never be whole.
    pub fn abandon(&mut self, why: Abandoned, out: &mut Actions) {
        if let State::Chunks(..) = std::mem::take(&mut self.state) {
            out.push(Action::Capture(Capture::Abort(why)));
        }
    }

    /// The envelope of the message that now begins.
    pub fn envelope(&self, transaction: &Transaction) -> Envelope {
        let Transaction { sender, utf8, accepted, local, .. } = transaction;
        Envelope {
            helo: self.helo.as_ref().map_or_else(Text::default, |helo| helo.name.clone()),
            extended: self.helo.as_ref().is_some_and(|helo| helo.extended),
            authenticated: self.authenticated,
            utf8: *utf8,
            mail_from: sender.clone(),
            rcpt_to: accepted.clone(),
            local: local.clone(),
        }
    }
}

/// What the next input means.
#[derive(Debug, Default)]
pub enum Stage {
    /// A command.
    #[default]
    Command,
    /// A SASL response (RFC 4954 section 4).
    /// With what it has waited before it began.
    Authenticating(Exchange, Penalty),
    /// Nothing: the answer to a login waits for its penalty.
    Held(Box<Held>),
    /// The message, up to its lone dot.
    Data(Data),
    /// A chunk of the message.
    Chunk(Chunk),
    /// Nothing: the driver does the handshake.
    Securing,
    /// Nothing: the driver makes the message durable.
    Committing(Committing),
    /// Nothing any more.
    Closed,
}

/// A message under way.
#[derive(Debug)]
pub struct Data {
    /// How far it is read.
    pub body: DotStuffed,
    /// Octets so far.
    pub octets: u64,
    /// What Postfix counts of it.
    pub tally: Tally,
    /// Whether it is over the limit; what follows is thrown away.
    pub over: bool,
}

impl Default for Data {
    fn default() -> Self {
        Self { body: DotStuffed::default(), octets: 0, tally: Tally::of_data(), over: false }
    }
}

/// A chunk under way.
#[derive(Debug)]
pub struct Chunk {
    /// The command; it is recorded when it is answered, behind the chunk.
    pub line: Bytes,
    /// The state in which it came.
    pub state: &'static str,
    /// Octets of the chunk.
    pub size: u64,
    /// Octets still to come.
    pub left: u64,
    /// Whether it is the last.
    pub last: bool,
    /// Why it is refused, if it is.
    pub fault: Option<Fault>,
}

/// A message on its way to the disk.
#[derive(Debug)]
pub struct Committing {
    /// What ended it: `.`, or the last BDAT.
    pub line: Bytes,
    /// DATA or BDAT.
    pub verb: &'static str,
    /// The state in which its end came.
    pub state: &'static str,
    /// Its size as Postfix counts it, for the answer to BDAT.
    pub size: Option<u64>,
}
