//! `honeypost bait`: the mail that intruders see, as this installation has it.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use ::bait::mime::{Address, decode_words};
use ::bait::persona::{Persona, Source, check};
use ::bait::{Corpus, Mailbox, Message, maildir};
use anyhow::Context;

use crate::cli::{Bait, Corpus as Which, Serve};
use crate::config::Config;
use crate::terminal::{escape, escape_lines};
use crate::{corpus, data_dir, start};

/// Does what is asked of the bait.
pub(crate) fn run(wanted: &Bait) -> anyhow::Result<ExitCode> {
    match wanted {
        Bait::List(which) => list(&load(which)?.1),
        Bait::Show { corpus, mailbox, number } => show(&load(corpus)?.1, mailbox, *number),
        Bait::Check { dir } => examine(dir),
        Bait::Export { corpus, dir } => {
            let (config, corpus) = load(corpus)?;
            export(&config, &corpus, dir)
        }
    }
}

fn load(which: &Which) -> anyhow::Result<(Config, Corpus)> {
    let settings = crate::cli::Settings {
        config: which.settings.config.clone(),
        data_dir: which.settings.data_dir.clone(),
    };
    let config = start::configure(&Serve { settings, corpus: which.corpus.clone(), ..Serve::default() })?;
    start::log(config.log());
    if data_dir::installation(config.data_dir())?.is_none() {
        // Not on standard output, which may go on to another program.
        let _ = writeln!(
            io::stderr(),
            "honeypost: nothing has been served from {} yet: dates, UIDs and message ids are made up for this time; `honeypost \
             serve` fixes them at its first start",
            config.data_dir().display()
        );
    }
    let installation = corpus::installation(&config)?;
    let corpus = corpus::render(&config, &start::personality(&config)?, &installation)?.corpus;
    Ok((config, corpus))
}

/// A heading, and one aligned line a message.
fn list(corpus: &Corpus) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    let heading = ["MAILBOX", "N", "UID", "FLAGS", "DATE", "OCTETS", "FROM", "SUBJECT", "[SECRET (KIND)]"];
    writeln!(out, "{}", aligned(&heading.map(str::to_owned)))?;
    for mailbox in &corpus.mailboxes {
        for (position, message) in mailbox.messages.iter().enumerate() {
            writeln!(out, "{}", aligned(&row(mailbox, position + 1, message)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn aligned([mailbox, number, uid, flags, date, octets, from, subject, bait]: &[String; 9]) -> String {
    let row = format!(
        "{mailbox:8} {number:>3}  {uid:>3}  {flags:17}  {date:16}  {octets:>6}  {from:33}  {subject}  {bait}"
    );
    row.trim_end().to_owned()
}

fn row(mailbox: &Mailbox, number: usize, message: &Message) -> [String; 9] {
    let envelope = message.envelope();
    let from = envelope.from.first().map(address).unwrap_or_default();
    let subject = envelope.subject.as_ref().map(|subject| decode_words(&subject.bytes)).unwrap_or_default();
    let mut bait: Vec<String> = Vec::new();
    for slot in &message.slots {
        let secret = format!("{} ({})", slot.bait.id, slot.bait.kind);
        if !bait.contains(&secret) {
            bait.push(secret);
        }
    }
    let bait = if bait.is_empty() { String::new() } else { format!("[{}]", bait.join(", ")) };
    [
        escape(&mailbox.name).into_owned(),
        number.to_string(),
        message.uid.to_string(),
        message.flags.to_string(),
        message.internal_date.strftime("%Y-%m-%d %H:%M").to_string(),
        message.size().to_string(),
        escape(&from).into_owned(),
        escape(&subject).into_owned(),
        escape(&bait).into_owned(),
    ]
}

/// The bare address: names deceive.
fn address(address: &Address) -> String {
    match address {
        Address::Mailbox { mailbox, host, .. } => {
            let part = |part: &Option<bytes::Bytes>| {
                String::from_utf8_lossy(part.as_deref().unwrap_or_default()).into_owned()
            };
            format!("{}@{}", part(mailbox), part(host))
        }
        Address::GroupStart(_) | Address::GroupEnd => String::new(),
    }
}

/// The message as it is sent; on a terminal, what would obey or deceive is made visible.
fn show(corpus: &Corpus, mailbox: &str, number: usize) -> anyhow::Result<ExitCode> {
    let found = corpus.mailbox(mailbox).with_context(|| {
        let names: Vec<&str> = corpus.mailboxes.iter().map(|mailbox| mailbox.name.as_str()).collect();
        format!("there is no mailbox {mailbox:?}; there are {}", names.join(", "))
    })?;
    let message =
        number.checked_sub(1).and_then(|position| found.messages.get(position)).with_context(|| {
            format!("{} has no message {number}; it has {}", found.name, found.messages.len())
        })?;
    let mut out = io::stdout().lock();
    if out.is_terminal() {
        out.write_all(escape_lines(&message.bytes).as_bytes())?;
    } else {
        out.write_all(&message.bytes)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// What is wrong with a persona, and what it holds.
fn examine(folder: &Path) -> anyhow::Result<ExitCode> {
    let report = match Persona::load(&Source::Directory(folder.to_owned())) {
        Ok(persona) => check(&persona),
        Err(error) => {
            writeln!(io::stderr(), "error: {}", escape(&error.to_string()))?;
            return Ok(ExitCode::FAILURE);
        }
    };
    for problem in &report.problems {
        writeln!(io::stderr(), "{}", escape(&problem.to_string()))?;
    }
    let mut out = io::stdout().lock();
    for mailbox in &report.mailboxes {
        let name = escape(&mailbox.name);
        writeln!(
            out,
            "{name:12} {:4} messages  {:8} octets  {:3} secrets",
            mailbox.messages, mailbox.octets, mailbox.secrets
        )?;
    }
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn export(config: &Config, corpus: &Corpus, folder: &Path) -> anyhow::Result<ExitCode> {
    let exported = maildir::export(corpus, folder, config.node_name())?;
    let maildir::Exported { mailboxes, messages, .. } = exported;
    writeln!(io::stdout(), "{messages} messages in {mailboxes} mailboxes: {}", folder.display())?;
    Ok(ExitCode::SUCCESS)
}
