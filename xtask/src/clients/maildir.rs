//! Mail in Maildirs: what a server began with, and what a client made of it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

use crate::imap::Client;

/// A message, with CRLF, and its flags as Maildir's letters in order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mail {
    pub(super) octets: Vec<u8>,
    pub(super) flags: String,
}

/// Maildir's letters for what IMAP calls them.
const FLAGS: [(char, &str); 5] =
    [('D', "\\Draft"), ('F', "\\Flagged"), ('R', "\\Answered"), ('S', "\\Seen"), ('T', "\\Deleted")];

/// A Maildir++ tree: INBOX is the folder itself, the others begin with a dot. Sorted.
pub(super) fn read_tree(folder: &Path) -> Result<BTreeMap<String, Vec<Mail>>> {
    let mut found = BTreeMap::from([("INBOX".to_owned(), read(folder)?)]);
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(name) = name.strip_prefix('.').filter(|_| entry.path().join("cur").is_dir()) {
            found.insert(name.to_owned(), read(&entry.path())?);
        }
    }
    Ok(found)
}

/// A folder of Maildirs, each named as its mailbox: those below one are in its folder, or have a dot in their name. Sorted.
pub(super) fn read_folders(folder: &Path) -> Result<BTreeMap<String, Vec<Mail>>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path().join("cur").is_dir() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let below = read_folders(&entry.path())?;
            found.extend(below.into_iter().map(|(under, mails)| (format!("{name}.{under}"), mails)));
            found.insert(name, read(&entry.path())?);
        }
    }
    Ok(found)
}

/// The messages of one Maildir. Sorted.
pub(super) fn read(folder: &Path) -> Result<Vec<Mail>> {
    let mut found = Vec::new();
    for part in ["new", "cur"] {
        for file in std::fs::read_dir(folder.join(part)).with_context(|| folder.display().to_string())? {
            let file = file?;
            let name = file.file_name().to_string_lossy().into_owned();
            let flags = name.rsplit_once(":2,").map_or("", |(_, flags)| flags);
            let flags = flags.chars().filter(char::is_ascii_uppercase).collect();
            found.push(Mail { octets: as_served(&std::fs::read(file.path())?), flags });
        }
    }
    found.sort();
    Ok(found)
}

/// All mail as the server has it for whom is logged in, by mailbox. Sorted.
pub(super) fn far(client: &mut Client) -> Result<BTreeMap<String, Vec<Mail>>> {
    let mut found = BTreeMap::new();
    let list = client.command("LIST \"\" *")?.ok()?.text();
    for line in list.lines().filter(|line| line.starts_with("* LIST")) {
        let name = line.rsplit(' ').next().unwrap_or_default().trim_matches('"');
        let selected = client.command(&format!("EXAMINE {name}"))?.ok()?.text();
        let count = selected.lines().find_map(|line| line.strip_prefix("* ")?.strip_suffix(" EXISTS"));
        let count: usize = count.context("no EXISTS")?.parse()?;
        let mut mails = Vec::new();
        for number in 1..=count {
            let reply = client.command(&format!("FETCH {number} (FLAGS BODY.PEEK[])"))?.ok()?;
            let octets = reply.literal().with_context(|| format!("{name} {number}: no message"))?;
            let octets = as_served(octets);
            let text = reply.text();
            let flags = text.split_once("FLAGS (").and_then(|(_, rest)| rest.split_once(')'));
            let flags: Vec<&str> = flags.context("no FLAGS")?.0.split(' ').collect();
            let letters = FLAGS.iter().filter(|(_, flag)| flags.contains(flag));
            mails.push(Mail { octets, flags: letters.map(|(letter, _)| letter).collect() });
        }
        mails.sort();
        found.insert(name.to_owned(), mails);
    }
    Ok(found)
}

/// How a client keeps what it got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeps {
    /// Octet for octet. Some add the line end that a last line lacks.
    Octets,
    /// As Python's `email` writes it: folded in another way, with a line more between parts.
    Words,
    /// The same, with another header: octets that are not ASCII are encoded in it.
    Body,
}

/// The messages alone, as far as such a client keeps them. Sorted.
pub(super) fn texts(mails: &[Mail], keeps: Keeps) -> Vec<Vec<u8>> {
    let text = |mail: &Mail| match keeps {
        Keeps::Octets => mail.octets.trim_ascii_end().to_vec(),
        Keeps::Words => words(&mail.octets),
        Keeps::Body => {
            let end = mail.octets.windows(4).position(|octets| octets == b"\r\n\r\n");
            words(&mail.octets[end.unwrap_or(0)..])
        }
    };
    let mut texts: Vec<Vec<u8>> = mails.iter().map(text).collect();
    texts.sort_unstable();
    texts
}

fn words(octets: &[u8]) -> Vec<u8> {
    octets.iter().copied().filter(|octet| !octet.is_ascii_whitespace()).collect()
}

/// What clients write into a header of their own.
const ADDED: [&[u8]; 2] = [b"X-TUID: ", b"X-getmail-retrieved-from-mailbox: "];

/// A mail as a server has it: with CRLF, and without what the client added.
fn as_served(mail: &[u8]) -> Vec<u8> {
    let mut served = Vec::with_capacity(mail.len() + mail.len() / 32);
    for line in mail.split_inclusive(|octet| *octet == b'\n') {
        if ADDED.iter().any(|added| line.starts_with(added)) {
            continue;
        }
        match line.strip_suffix(b"\n") {
            Some(text) => {
                served.extend_from_slice(text.strip_suffix(b"\r").unwrap_or(text));
                served.extend_from_slice(b"\r\n");
            }
            None => served.extend_from_slice(line),
        }
    }
    served
}
