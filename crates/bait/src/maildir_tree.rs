//! Reading a Maildir++ tree, with Dovecot's `dovecot-uidlist` and `subscriptions` where it has them, into a corpus.
//!
//! INBOX is the tree's root, every other mailbox a folder `.Name` in it. What `maildir.rs` writes is read back as it was,
//! but for the secrets' places. Nothing in the tree is changed. Files that the list does not know get the next UIDs, in
//! the order of their names; what waits in `new` is `\Recent`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::corpus::{Corpus, Mailbox};
use crate::flags::Flags;
use crate::mailbox_name;
use crate::message::Message;

/// Messages of a whole tree.
pub const MAX_MESSAGES: usize = 100_000;
/// Octets of a whole tree.
pub const MAX_TOTAL: u64 = 1 << 30;

/// Why a tree cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The operating system refused.
    #[error("{}: cannot be read ({source}); check the owner of the Maildir", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's word.
        source: io::Error,
    },
    /// A list of UIDs that is none.
    #[error("{}:{line}: is no line of a dovecot-uidlist of version 3; remove the file to have UIDs made up", path.display())]
    Uidlist {
        /// The file.
        path: PathBuf,
        /// Its line.
        line: usize,
    },
    /// More than is held in memory.
    #[error("{}: holds more than {MAX_MESSAGES} messages or {MAX_TOTAL} octets; name a smaller Maildir", path.display())]
    TooMuch {
        /// The tree.
        path: PathBuf,
    },
}

/// Whether this folder is a Maildir.
pub fn is_tree(dir: &Path) -> bool {
    dir.join("cur").is_dir()
}

/// Reads a tree. Mailboxes without a list of UIDs have this UIDVALIDITY and the following ones.
pub fn read(dir: &Path, uid_validity: u32) -> Result<Corpus, TreeError> {
    let mut folders = vec![("INBOX".to_owned(), dir.to_owned())];
    for name in names(dir)? {
        let wire = name.strip_prefix('.').filter(|wire| !wire.is_empty());
        let folder = dir.join(&name);
        if let Some(name) = wire.and_then(|wire| mailbox_name::decode(wire.as_bytes()))
            && is_tree(&folder)
        {
            folders.push((name, folder));
        }
    }
    let mut room = Room { messages: MAX_MESSAGES, octets: MAX_TOTAL };
    let mut corpus = Corpus::default();
    for ((name, folder), own) in folders.into_iter().zip(uid_validity..) {
        let mailbox = mailbox(name, &folder, own, &mut room)?;
        corpus.mailboxes.push(Arc::new(mailbox.ok_or_else(|| TreeError::TooMuch { path: dir.to_owned() })?));
    }
    corpus.subscriptions = subscriptions(&dir.join("subscriptions"))?;
    Ok(corpus)
}

/// What may still be read.
struct Room {
    messages: usize,
    octets: u64,
}

/// One mailbox; `None` where there is no room for it.
fn mailbox(
    name: String,
    folder: &Path,
    own_validity: u32,
    room: &mut Room,
) -> Result<Option<Mailbox>, TreeError> {
    let mut list = Uidlist::read(&folder.join("dovecot-uidlist"))?;
    let mut messages = Vec::new();
    for (sub, recent) in [("cur", Flags::NONE), ("new", Flags::RECENT)] {
        for file in names(&folder.join(sub))? {
            let path = folder.join(sub).join(&file);
            let (base, letters) = file.split_once(":2,").unwrap_or((&file, ""));
            if base.starts_with('.') {
                continue;
            }
            let about = fs::metadata(&path).map_err(unreadable(&path))?;
            let (Some(left), Some(octets)) =
                (room.messages.checked_sub(1), room.octets.checked_sub(about.len()))
            else {
                return Ok(None);
            };
            *room = Room { messages: left, octets };
            let text = fs::read(&path).map_err(unreadable(&path))?;
            let arrived = about.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
            let arrived = arrived.unwrap_or_default().to_zoned_datetime(TimeZone::UTC);
            let uid = list.uid(base);
            let flags = flags(letters) | recent;
            let message = Message::new(uid, flags, arrived, with_line_ends(&text), Vec::new());
            messages.push(Arc::new(message.named(base)));
        }
    }
    messages.sort_by_key(|message| message.uid);
    messages.dedup_by_key(|message| message.uid);
    let uid_validity = list.uid_validity.unwrap_or(own_validity);
    Ok(Some(Mailbox { name, uid_validity, uid_next: list.uid_next, messages }))
}

/// `dovecot-uidlist`, version 3: `3 V<uidvalidity> N<uidnext> G<guid>`, then `<uid> [extensions] :<file>`.
struct Uidlist {
    uid_validity: Option<u32>,
    uid_next: u32,
    uids: BTreeMap<String, u32>,
}

impl Uidlist {
    fn read(path: &Path) -> Result<Self, TreeError> {
        let mut list = Self { uid_validity: None, uid_next: 1, uids: BTreeMap::new() };
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(list),
            Err(error) => return Err(unreadable(path)(error)),
        };
        let text = String::from_utf8_lossy(&text);
        for (place, line) in text.lines().enumerate() {
            let known = if place == 0 { list.heading(line) } else { list.line(line) };
            known.ok_or_else(|| TreeError::Uidlist { path: path.to_owned(), line: place + 1 })?;
        }
        Ok(list)
    }

    fn heading(&mut self, line: &str) -> Option<()> {
        let mut words = line.split(' ');
        words.next().filter(|version| *version == "3")?;
        for word in words {
            match word.split_at_checked(1)? {
                ("V", number) => self.uid_validity = Some(number.parse().ok().filter(|number| *number > 0)?),
                ("N", number) => self.uid_next = number.parse().ok().filter(|number| *number > 0)?,
                _ => {}
            }
        }
        Some(())
    }

    fn line(&mut self, line: &str) -> Option<()> {
        let (front, file) = line.split_once(" :").or_else(|| line.split_once(':'))?;
        let uid: u32 = front.split(' ').next()?.parse().ok().filter(|uid| (1..u32::MAX).contains(uid))?;
        self.uid_next = self.uid_next.max(uid + 1);
        let base = file.split_once(":2,").map_or(file, |(base, _)| base);
        self.uids.insert(base.to_owned(), uid);
        Some(())
    }

    /// The UID of a file; the next one for a file that is new.
    fn uid(&mut self, base: &str) -> u32 {
        if let Some(uid) = self.uids.get(base) {
            return *uid;
        }
        let uid = self.uid_next;
        self.uid_next = uid.saturating_add(1);
        uid
    }
}

/// The names in a folder, sorted; none where there is no such folder.
fn names(dir: &Path) -> Result<Vec<String>, TreeError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(dir)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(unreadable(dir))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// The names in `subscriptions`, one a line, behind a heading that newer versions write.
fn subscriptions(path: &Path) -> Result<Vec<String>, TreeError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(path)(error)),
    };
    let text = String::from_utf8_lossy(&text);
    let separated = text.starts_with("V\t2");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with("V\t"));
    let names = lines.map(|line| if separated { line.replace('\t', ".") } else { line.to_owned() });
    Ok(names.filter_map(|name| mailbox_name::decode(name.as_bytes())).collect())
}

/// The flags that a file's name has letters for.
fn flags(letters: &str) -> Flags {
    let known =
        Flags::ALL.iter().filter(|(.., letter)| letter.is_some_and(|letter| letters.contains(letter)));
    known.fold(Flags::NONE, |flags, (flag, ..)| flags | *flag)
}

/// LF made CRLF.
fn with_line_ends(text: &[u8]) -> Bytes {
    let mut wire = Vec::with_capacity(text.len() + text.len() / 32);
    for line in text.split_inclusive(|octet| *octet == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(content) => {
                wire.extend_from_slice(content.strip_suffix(b"\r").unwrap_or(content));
                wire.extend_from_slice(b"\r\n");
            }
            None => wire.extend_from_slice(line),
        }
    }
    wire.into()
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> TreeError + use<> {
    let path = path.to_owned();
    move |source| TreeError::Unreadable { path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maildir;

    #[test]
    fn what_is_written_is_read_back() {
        let arrived =
            Timestamp::from_second(1_709_539_862).expect("in range").to_zoned_datetime(TimeZone::UTC);
        let message = |uid, flags, text: &'static str| {
            Arc::new(Message::new(
                uid,
                flags,
                arrived.clone(),
                Bytes::from_static(text.as_bytes()),
                Vec::new(),
            ))
        };
        let mailbox = |name: &str, uid_validity, messages| {
            Arc::new(Mailbox { name: name.into(), uid_validity, uid_next: 30, messages })
        };
        let inbox = vec![message(3, Flags::SEEN, "a: b\r\n\r\nc\r\n"), message(26, Flags::NONE, "x")];
        let corpus = Corpus {
            mailboxes: vec![mailbox("INBOX", 7, inbox), mailbox("Entw\u{fc}rfe", 9, Vec::new())],
            subscriptions: vec!["INBOX".into(), "Entw\u{fc}rfe".into()],
        };
        let dir = tempfile::tempdir().expect("a folder");
        maildir::export(&corpus, dir.path(), "mail.example").expect("exported");
        let read = read(dir.path(), 1).expect("a tree");
        let shown = |corpus: &Corpus| -> Vec<String> {
            let line = |mailbox: &Arc<Mailbox>| {
                let messages = mailbox.messages.iter();
                let messages = messages
                    .map(|one| format!("{} {} {} {:?}", one.uid, one.flags, one.internal_date, one.bytes));
                format!(
                    "{} {} {} {:?}",
                    mailbox.name,
                    mailbox.uid_validity,
                    mailbox.uid_next,
                    messages.collect::<Vec<_>>()
                )
            };
            corpus.mailboxes.iter().map(line).collect()
        };
        assert_eq!(shown(&read), shown(&corpus));
        assert_eq!(read.subscriptions, corpus.subscriptions);
    }

    #[test]
    fn files_without_a_uid_get_the_next_ones() {
        let dir = tempfile::tempdir().expect("a folder");
        for sub in ["cur", "new"] {
            fs::create_dir(dir.path().join(sub)).expect("writable");
        }
        fs::write(dir.path().join("dovecot-uidlist"), "3 V77 N9 Gabc\n4 W12 :b.host\n").expect("writable");
        fs::write(dir.path().join("cur/b.host:2,FS"), "b\n").expect("writable");
        fs::write(dir.path().join("new/c.host"), "c\n").expect("writable");
        let corpus = read(dir.path(), 1).expect("a tree");
        let inbox = corpus.mailbox("INBOX").expect("always there");
        let found: Vec<_> = inbox.messages.iter().map(|message| (message.uid, message.flags)).collect();
        assert_eq!(found, [(4, Flags::SEEN | Flags::FLAGGED), (9, Flags::RECENT)]);
        assert_eq!((inbox.uid_validity, inbox.uid_next), (77, 10));
        fs::write(dir.path().join("dovecot-uidlist"), "3 V77 N9 Gabc\nb.host\n").expect("writable");
        let error = read(dir.path(), 1).unwrap_err().to_string();
        assert!(error.contains("dovecot-uidlist:2"), "{error}");
    }
}
