//! Where a client is sent: to a server of ours with a mailbox of its own, or to the real servers.
//!
//! The mail is that of the recorded sessions (`crates/protocol/tests/fidelity/mail`), the domain `example.com`.
//! `XTASK_REAL="IMAP POP3 SMTP"` (three addresses) sends the clients to real servers instead, so that a scenario can be seen to
//! hold there: whoever starts them gives each scenario this mail afresh. `XTASK_DIALOGUES=FOLDER` writes what was said on each
//! connection into a file for each scenario.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::maildir::{self, Mail};
use super::recorder::{Dialogue, Recorder, Side};
use super::{Scene, client, named};
use crate::fidelity::{mail, oracle};
use crate::server::{PATIENCE, Server, Service};

/// Those of the recorded servers that are used here.
const USERS: &str = "admin:admin,test:test123";

/// A mail server, behind a relay that remembers.
pub(super) struct Host<'a> {
    scene: &'a Scene,
    server: Option<Server>,
    recorder: Recorder,
    /// Where IMAP is, through the relay.
    pub(super) imap: SocketAddr,
    /// The same for POP3.
    pub(super) pop3: SocketAddr,
    /// The same for SMTP.
    pub(super) smtp: SocketAddr,
    /// IMAP without the relay, for looking what a client left.
    pub(super) direct: SocketAddr,
    corpus: PathBuf,
}

impl Scene {
    /// A server as an operator would expose it.
    pub(super) fn host(&self) -> Result<Host<'_>> {
        let real = std::env::var("XTASK_REAL").unwrap_or_default();
        let corpus = self.folder().join("corpus");
        mail::copy(&self.root.join(oracle::MAIL), &corpus, None)?;
        // No client takes messages without a line, or with NUL in them; the recorded sessions do.
        std::fs::remove_dir_all(corpus.join(".Awkward"))?;
        let (server, [imap, pop3, smtp]) = match real.split(' ').collect::<Vec<_>>()[..] {
            [imap, pop3, smtp] => (None, [imap.parse()?, pop3.parse()?, smtp.parse()?]),
            _ => {
                let server = self.serve_mail(&corpus)?;
                let at = [server.address, server.at(Service::Pop3), server.at(Service::Smtp)];
                (Some(server), at)
            }
        };
        let recorder = Recorder::default();
        Ok(Host {
            imap: recorder.open("imap", imap)?,
            pop3: recorder.open("pop3", pop3)?,
            smtp: recorder.open("smtp", smtp)?,
            direct: imap,
            scene: self,
            server,
            recorder,
            corpus,
        })
    }

    fn serve_mail(&self, corpus: &std::path::Path) -> Result<Server> {
        let corpus = corpus.to_str().context("the folder's name")?;
        self.serve_with(
            &[
                ("HONEYPOST_PERSONALITY", "dovecot-2.3"),
                ("HONEYPOST_CORPUS", corpus),
                ("HONEYPOST_SMTP_AUTH", "off"),
                ("IMAP_USERS", USERS),
                ("NODE_NAME", oracle::NODE),
            ],
            &[Service::Pop3, Service::Smtp],
        )
    }
}

impl Host<'_> {
    /// The mail that it began with, by mailbox.
    pub(super) fn corpus(&self) -> Result<BTreeMap<String, Vec<Mail>>> {
        maildir::read_tree(&self.corpus)
    }

    /// What was said on each connection from number `from` on, counted from 0, once all of them are over.
    pub(super) fn dialogues(&self, from: usize) -> Result<Vec<Dialogue>> {
        let start = Instant::now();
        loop {
            let all = self.recorder.dialogues();
            if all.iter().all(Dialogue::is_over) {
                return Ok(all.into_iter().skip(from).collect());
            }
            ensure!(start.elapsed() < PATIENCE, "a client has ended, and its connection has not");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether a client has said this by now.
    pub(super) fn has_said(&self, words: &[u8]) -> bool {
        let found = |said: Vec<u8>| said.windows(words.len()).any(|octets| octets == words);
        self.recorder.dialogues().iter().any(|dialogue| found(dialogue.of(Side::Client)))
    }

    /// Waits until something is so.
    pub(super) fn until(what: &str, so: impl Fn() -> Result<bool>) -> Result<()> {
        let start = Instant::now();
        while !so()? {
            ensure!(start.elapsed() < PATIENCE, "waited in vain: {what}");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Runs one client to its end: the commands that it gave.
    pub(super) fn watch(&self, command: &mut Command) -> Result<Vec<String>> {
        self.watch_ending(command, 0)
    }

    /// The same for a client that ends with this code.
    pub(super) fn watch_ending(&self, command: &mut Command, code: i32) -> Result<Vec<String>> {
        let before = self.recorder.dialogues().len();
        let output = client(command)?;
        let said = || format!("{}{}", output.stdout, output.stderr);
        ensure!(output.status.code() == Some(code), "{command:?} ({}): {}", output.status, said());
        let given = self.dialogues(before)?;
        let lines = given.iter().flat_map(Dialogue::commands);
        Ok(lines.map(|line| String::from_utf8_lossy(&line).into_owned()).collect())
    }

    /// Sees that every command of every client is in the evidence, and ends the server; how many there were.
    pub(super) fn finish(mut self) -> Result<String> {
        let dialogues = self.dialogues(0)?;
        let total = dialogues.iter().map(|dialogue| dialogue.commands().len()).sum::<usize>();
        let Some(server) = self.server.take() else { return Ok(format!("{total} commands")) };
        let mut given: Vec<(String, String)> = Vec::new();
        for dialogue in &dialogues {
            let lines = dialogue.commands().into_iter();
            given.extend(
                lines.map(|line| (dialogue.protocol.to_owned(), plain(&String::from_utf8_lossy(&line)))),
            );
        }
        given.sort();
        server.stop()?;
        let events = self.scene.events()?;
        let mut kept: Vec<(String, String)> = named(&events, "command.received")
            .map(|event| [&event["protocol"], &event["line"]].map(|text| text.as_str().unwrap_or_default()))
            .map(|[protocol, line]| (protocol.to_owned(), plain(line)))
            .collect();
        kept.sort();
        for command in &given {
            match kept.binary_search(command) {
                Ok(found) => drop(kept.remove(found)),
                Err(_) => anyhow::bail!("not in the evidence: {command:?}"),
            }
        }
        Ok(format!("{total} commands, all in the evidence"))
    }
}

impl Drop for Host<'_> {
    /// Writes what was said where somebody wants to read it, after a failure too.
    fn drop(&mut self) {
        if let Some(folder) = std::env::var_os("XTASK_DIALOGUES") {
            let text: String = self.recorder.dialogues().iter().map(Dialogue::text).collect();
            // It is for people: a scenario does not fail for it.
            let _ = std::fs::write(PathBuf::from(folder).join(format!("{}.txt", self.scene.name)), text);
        }
    }
}

/// A command's text without what evidence writes in another way: octets that are not UTF-8, and white space at the end.
fn plain(line: &str) -> String {
    line.trim_ascii_end().chars().filter(char::is_ascii).collect()
}
