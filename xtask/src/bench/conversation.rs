//! The session that is played, and every byte of its answers, recorded from the server that is measured.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context, Result, ensure};

use crate::imap::Client;

/// The commands of the first target, with the tags that are used.
const COMMANDS: &[(&str, &str)] = &[
    ("LOGIN", "a1 LOGIN admin admin\r\n"),
    ("SELECT", "a2 SELECT INBOX\r\n"),
    ("FETCH 1:* (FLAGS ENVELOPE)", "a3 FETCH 1:* (FLAGS ENVELOPE)\r\n"),
    ("FETCH 5 BODY[]", "a4 FETCH 5 BODY[]\r\n"),
    ("LOGOUT", "a5 LOGOUT\r\n"),
];

/// How many of the commands lead to a mailbox being open.
const UNTIL_SELECTED: usize = 2;

/// A recorded session.
#[derive(Debug, Clone)]
pub(super) struct Conversation {
    /// What the server says first, and then to each command.
    pub(super) answers: Vec<Vec<u8>>,
}

impl Conversation {
    /// Plays the session once and keeps the answers.
    pub(super) fn record(address: SocketAddr) -> Result<Self> {
        // A client that understands replies says that these are good ones ...
        let mut client = Client::connect(address)?;
        for (name, command) in COMMANDS {
            let words = command.split_once(' ').map_or("", |(_, words)| words).trim_end();
            client.command(words)?.ok().with_context(|| (*name).to_owned())?;
        }
        client.rest()?;
        // ... and one that only reads lines keeps their bytes, up to the tagged line.
        let mut stream = BufReader::new(TcpStream::connect(address)?);
        let mut greeting = Vec::new();
        stream.read_until(b'\n', &mut greeting)?;
        let mut answers = vec![greeting];
        for (name, command) in COMMANDS {
            let tag = &command.as_bytes()[..3];
            stream.get_mut().write_all(command.as_bytes())?;
            let mut answer = Vec::new();
            loop {
                let start = answer.len();
                ensure!(stream.read_until(b'\n', &mut answer)? > 0, "{name}: the connection ended");
                if answer[start..].starts_with(tag) {
                    break;
                }
            }
            answers.push(answer);
        }
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest)?;
        ensure!(rest.is_empty(), "something came after the last answer");
        Ok(Self { answers })
    }

    /// How many sessions [`record`](Self::record) plays.
    pub(super) const RECORDED: usize = 2;

    /// The commands' names, in order.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        COMMANDS.iter().map(|(name, _)| *name)
    }

    /// All octets that the server sends.
    pub(super) fn octets(&self) -> usize {
        self.answers.iter().map(Vec::len).sum()
    }

    /// The greeting.
    pub(super) fn greeting(&self) -> &[u8] {
        &self.answers[0]
    }

    /// Each command with its answer.
    pub(super) fn exchanges(&self) -> impl Iterator<Item = (&'static [u8], &[u8])> {
        COMMANDS
            .iter()
            .zip(&self.answers[1..])
            .map(|((_, command), answer)| (command.as_bytes(), answer.as_slice()))
    }

    /// The exchanges up to a selected mailbox.
    pub(super) fn exchanges_until_selected(&self) -> impl Iterator<Item = (&'static [u8], &[u8])> {
        self.exchanges().take(UNTIL_SELECTED)
    }
}
