//! The command table, and how a command is taken apart: verb, arguments.

use std::borrow::Cow;

use crate::pop3::arguments::{before_nul, length_of_mechanism};
use crate::pop3::maildrop::Maildrop;
use crate::pop3::state::State;
use crate::pop3::texts::Phrase;
use crate::pop3::turn::{Fault, Turn};
use crate::pop3::{delete, list, login, retrieve};
use crate::words::{upper_case, word};

/// What a command does, by the state that allows it (RFC 1939 section 3).
#[derive(Debug, Clone, Copy)]
pub enum Run {
    /// In every state.
    Any(fn(&mut Turn<'_>, &mut State) -> Result<(), Fault>),
    /// Only before login.
    Authorization(fn(&mut Turn<'_>, &mut State) -> Result<(), Fault>),
    /// Only after login.
    Transaction(fn(&mut Turn<'_>, &mut Maildrop) -> Result<(), Fault>),
}

/// One verb: name, when it is allowed, what it does.
#[derive(Debug)]
pub struct Row {
    /// In upper case.
    pub verb: &'static str,
    /// When it is allowed, and what it does.
    pub run: Run,
}

/// Every command that the engine has. A personality takes part in those that it has words for.
pub static TABLE: &[Row] = &[
    Row { verb: "CAPA", run: Run::Any(login::capa) },
    Row { verb: "QUIT", run: Run::Any(login::quit) },
    Row { verb: "STLS", run: Run::Authorization(login::stls) },
    Row { verb: "USER", run: Run::Authorization(login::user) },
    Row { verb: "PASS", run: Run::Authorization(login::pass) },
    Row { verb: "AUTH", run: Run::Authorization(login::auth) },
    Row { verb: "STAT", run: Run::Transaction(list::stat) },
    Row { verb: "LIST", run: Run::Transaction(list::list) },
    Row { verb: "UIDL", run: Run::Transaction(list::uidl) },
    Row { verb: "RETR", run: Run::Transaction(retrieve::retr) },
    Row { verb: "TOP", run: Run::Transaction(retrieve::top) },
    Row { verb: "DELE", run: Run::Transaction(delete::dele) },
    Row { verb: "RSET", run: Run::Transaction(delete::rset) },
    Row { verb: "NOOP", run: Run::Transaction(delete::noop) },
];

/// Octets of a command for Dovecot's login process (`CLIENT_MAX_CMD_LEN`).
const LONGEST_AT_LOGIN: usize = 8;

/// The command whose line Dovecot's login process reads in another way than all others.
const AUTH: &[u8] = b"AUTH";

fn verb_at_login(line: &[u8]) -> (Vec<u8>, &[u8]) {
    let (first, rest) = line.split_at_checked(Request::length_at_login(line)).unwrap_or((line, &[]));
    let first = first.strip_suffix(b" ").unwrap_or(first);
    (first.iter().filter(|byte| **byte != b'\r').map(u8::to_ascii_uppercase).collect(), rest)
}

/// A command taken apart. Nothing is judged yet.
#[derive(Debug)]
pub struct Request<'a> {
    /// The verb in upper case; may be anything.
    pub verb: Cow<'a, [u8]>,
    /// What stands behind the first space.
    pub arguments: &'a [u8],
}

impl<'a> Request<'a> {
    /// Takes a line without its end apart.
    pub fn parse(line: &'a [u8]) -> Self {
        let (first, arguments) = word(line);
        Self { verb: upper_case(first), arguments }
    }

    /// The same as Dovecot's login process does: a command has eight octets at most, and a CR in it is none.
    pub fn at_login(line: &'a [u8]) -> Self {
        let (verb, rest) = verb_at_login(line);
        let arguments = if verb == AUTH { rest } else { before_nul(rest) };
        Self { verb: verb.into(), arguments }
    }

    /// How many octets of a line are the command then, with the space behind it.
    pub fn length_at_login(line: &[u8]) -> usize {
        let name = line.get(..LONGEST_AT_LOGIN).unwrap_or(line);
        match line.iter().take(LONGEST_AT_LOGIN + 1).position(|byte| matches!(byte, b' ' | b'\n' | 0)) {
            Some(end) if line.get(end) == Some(&b' ') => end.saturating_add(1),
            Some(end) => end,
            None => name.len(),
        }
    }

    /// Where the initial response begins in a line that is AUTH then, and has come as far as that.
    pub fn response_at_login(line: &[u8]) -> Option<usize> {
        let (verb, rest) = verb_at_login(line);
        let name = length_of_mechanism(rest);
        let behind = rest.get(name).filter(|_| verb == AUTH && name > 0)?;
        let before = line.len().saturating_sub(rest.len()).saturating_add(name);
        Some(before.saturating_add(usize::from(*behind == b' ')))
    }

    /// Carries it out, if the personality knows it and the state allows it.
    pub fn run(&self, turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
        let texts = &turn.service.texts;
        let known = |row: &&Row| row.verb.as_bytes() == &*self.verb && texts.completed.contains_key(row.verb);
        match (TABLE.iter().find(known).map(|row| row.run), state) {
            (Some(Run::Any(run)), state) => run(turn, state),
            (Some(Run::Authorization(run)), state @ State::Authorization { .. }) => run(turn, state),
            (Some(Run::Transaction(run)), State::Transaction(maildrop)) => run(turn, maildrop),
            (_, State::Authorization { .. }) => {
                let verb = std::str::from_utf8(&self.verb).ok();
                let refused = verb.and_then(|verb| texts.refused.get(verb));
                turn.answer(refused.ok_or(Phrase::UnknownCommandBeforeLogin)?, &[]);
                Ok(())
            }
            _ if self.verb.is_empty() => Err(Phrase::MissingCommand.into()),
            _ => Err(Phrase::UnknownCommand.into()),
        }
    }
}
