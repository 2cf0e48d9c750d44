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
use crate::{corpus, start};

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
    let installation = corpus::installation(&config)?;
    let corpus = corpus::render(&config, &start::personality(&config)?, &installation)?;
    Ok((config, corpus))
}

/// One aligned line a message.
fn list(corpus: &Corpus) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    for mailbox in &corpus.mailboxes {
        for (position, message) in mailbox.messages.iter().enumerate() {
            writeln!(out, "{}", row(mailbox, position + 1, message).trim_end())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row(mailbox: &Mailbox, number: usize, message: &Message) -> String {
    let envelope = message.envelope();
    let from = envelope.from.first().map(address).unwrap_or_default();
    let subject = envelope.subject.as_ref().map(|subject| decode_words(&subject.bytes)).unwrap_or_default();
    let mut bait: Vec<&str> = Vec::new();
    for slot in &message.slots {
        if !bait.contains(&slot.bait.id.as_str()) {
            bait.push(&slot.bait.id);
        }
    }
    let bait = if bait.is_empty() { String::new() } else { format!("  [{}]", bait.join(" ")) };
    format!(
        "{:8} {number:3}  uid {:3}  {:17}  {}  {:6}  {from:32}  {subject}{bait}",
        escape(&mailbox.name),
        message.uid,
        message.flags.to_string(),
        message.internal_date.strftime("%Y-%m-%d %H:%M"),
        message.size(),
        from = escape(&from),
        subject = escape(&subject),
        bait = escape(&bait),
    )
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
