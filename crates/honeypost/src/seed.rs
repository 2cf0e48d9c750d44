//! Further bait: messages of an operator's own, put into INBOX behind the persona's.
//!
//! A folder (with its subfolders) of `.eml` files, each a message, and `.json` files, each a list of messages in the form
//! of DECNET's seeds (`json.rs`); or one such file. Read once, in the order of the files' times, so that a file added
//! later is a message further down and no UID changes. A file that is no message is passed over with a warning.

mod json;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bait::mime::{Envelope, date, header_end};
use bait::persona::{MAX_FILE, MAX_MESSAGES, MAX_TOTAL};
use bait::{Corpus, Flags, Message};
use bytes::Bytes;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Why there are no further messages.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SeedError {
    /// The operating system refused.
    #[error("{}: cannot be read: {cause}; name a folder with .eml and .json files, or one such file", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Its word.
        cause: io::Error,
    },
    /// Another kind of file.
    #[error("is neither a folder nor a file that ends in .eml or .json")]
    Kind,
    /// More than a mailbox is meant for.
    #[error("holds more than {MAX_MESSAGES} messages or {MAX_TOTAL} octets; use fewer")]
    TooMuch,
}

/// A message before it has a place in a mailbox.
#[derive(Debug)]
struct Seed {
    flags: Flags,
    bytes: Vec<u8>,
}

/// Reads the messages and appends them to INBOX.
pub(crate) fn append(path: &Path, corpus: &mut Corpus) -> Result<(), SeedError> {
    let mut files = Vec::new();
    let whole = look(path)?;
    if whole.is_dir() {
        walk(path, &mut files)?;
        files.sort();
    } else if kind(path).is_some() {
        files.push((modified(&whole), path.to_owned()));
    } else {
        return Err(SeedError::Kind);
    }
    let inbox = corpus.mailboxes.first_mut().and_then(Arc::get_mut);
    let inbox = inbox.expect("a corpus begins with INBOX, and nobody else has it yet");
    let (mut messages, mut octets) = (0, 0);
    for (modified, file) in files {
        for seed in read(&file, modified) {
            messages += 1;
            octets += seed.bytes.len();
            if messages > MAX_MESSAGES || octets as u64 > MAX_TOTAL {
                return Err(SeedError::TooMuch);
            }
            let bytes = Bytes::from(seed.bytes);
            let arrived = arrival(&bytes, modified).to_zoned_datetime(TimeZone::UTC);
            let message = Message::new(inbox.uid_next, seed.flags, arrived, bytes, Vec::new());
            inbox.uid_next += 1;
            inbox.messages.push(Arc::new(message));
        }
    }
    Ok(())
}

fn look(path: &Path) -> Result<fs::Metadata, SeedError> {
    fs::metadata(path).map_err(|cause| SeedError::Unreadable { path: path.to_owned(), cause })
}

fn modified(metadata: &fs::Metadata) -> SystemTime {
    metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// What a file holds, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Message,
    List,
}

fn kind(path: &Path) -> Option<Kind> {
    let extension = path.extension()?;
    if extension.eq_ignore_ascii_case("eml") {
        Some(Kind::Message)
    } else if extension.eq_ignore_ascii_case("json") {
        Some(Kind::List)
    } else {
        None
    }
}

/// Every file of ours below a folder, with its time. No link to a folder is followed, hidden names are passed over.
fn walk(folder: &Path, files: &mut Vec<(SystemTime, PathBuf)>) -> Result<(), SeedError> {
    let unreadable = |cause| SeedError::Unreadable { path: folder.to_owned(), cause };
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if entry.file_type().map_err(unreadable)?.is_dir() {
            walk(&path, files)?;
        } else if kind(&path).is_some() && fs::metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
            files.push((modified(&look(&path)?), path));
        }
        if files.len() > MAX_MESSAGES {
            return Err(SeedError::TooMuch);
        }
    }
    Ok(())
}

/// The messages of one file; none where it holds none, which is said.
fn read(file: &Path, modified: SystemTime) -> Vec<Seed> {
    let pass_over = |what: String| {
        tracing::warn!("seed-mail: {}: {what}", file.display());
        Vec::new()
    };
    match fs::metadata(file).map(|metadata| metadata.len()) {
        Ok(octets) if octets > MAX_FILE => {
            return pass_over(format!("is larger than {MAX_FILE} octets; left out"));
        }
        Ok(_) => {}
        Err(error) => return pass_over(format!("cannot be read ({error}); left out")),
    }
    let octets = match fs::read(file) {
        Ok(octets) => octets,
        Err(error) => return pass_over(format!("cannot be read ({error}); left out")),
    };
    match kind(file) {
        Some(Kind::List) => match json::read(&octets, modified) {
            Ok((seeds, faults)) => {
                for fault in faults {
                    pass_over(fault);
                }
                seeds
            }
            Err(fault) => pass_over(fault),
        },
        _ if is_message(&octets) => vec![Seed { flags: Flags::NONE, bytes: with_crlf(&octets) }],
        _ => pass_over("does not begin with a header field; left out".to_owned()),
    }
}

/// Whether it begins like a message: with header fields up to an empty line or the end.
fn is_message(octets: &[u8]) -> bool {
    let header = octets.get(..header_end(octets)).unwrap_or_default();
    let mut fields = bait::mime::header::fields(header).peekable();
    let named = |name: &[u8]| !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    fields.peek().is_some() && fields.all(|field| named(field.name))
}

/// Line ends as on the wire, and one at the end.
fn with_crlf(octets: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(octets.len() + octets.len() / 32 + 2);
    for line in octets.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        text.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        text.extend_from_slice(b"\r\n");
    }
    text
}

/// When a message came: two seconds after its Date, or with its file where that is no date or one in the future.
fn arrival(message: &Bytes, modified: SystemTime) -> Timestamp {
    let now = Timestamp::now();
    let envelope = Envelope::parse(&message.slice(..header_end(message)));
    let sent = envelope.date.and_then(|date| date::sent_timestamp(&date.bytes));
    let arrived = sent.and_then(|sent| sent.checked_add(SignedDuration::from_secs(2)).ok());
    let filed = Timestamp::try_from(modified).unwrap_or(now);
    let filed = Timestamp::from_second(filed.as_second()).unwrap_or(filed);
    arrived.filter(|arrived| *arrived <= now).unwrap_or(filed)
}

#[cfg(test)]
mod tests;
