//! Writing a corpus as a Maildir++ tree that a real Dovecot serves unchanged.
//!
//! INBOX is the tree's root, every other mailbox a folder `.Name` in it. File names carry what Dovecot would have put
//! there: the delivery's second, both sizes, the flags. `dovecot-uidlist` (version 3) keeps UIDs and UIDVALIDITY, the
//! file's time is INTERNALDATE, `subscriptions` lists every mailbox. The same corpus always gives the same tree.
//!
//! No reading back; `tests/dovecot.rs` compares a tree with what the real server makes of it.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, FileTimes, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::corpus::{Corpus, Mailbox};
use crate::flags::Flags;
use crate::mailbox_name;
use crate::message::Message;
use crate::persona::random::{Alphabet, characters};

/// Why a tree cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Something is in the way.
    #[error("{}: is not empty; name a folder that is empty or does not exist yet", dir.display())]
    NotEmpty {
        /// The folder.
        dir: PathBuf,
    },
    /// The name is one that cannot stand in a file's name.
    #[error("host `{host}` cannot stand in a file's name; use letters, digits, `.` and `-`")]
    Host {
        /// The host's name.
        host: String,
    },
    /// The operating system refused.
    #[error("{}: cannot be written ({source}); check the folder's owner and the free space", path.display())]
    Unwritable {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's word.
        source: io::Error,
    },
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    /// Mailboxes.
    pub mailboxes: usize,
    /// Messages in all of them.
    pub messages: usize,
}

/// Writes a tree into a folder that is empty or does not exist. `host` is the mail server's name, as the file names of a
/// Maildir carry it.
pub fn export(corpus: &Corpus, dir: &Path, host: &str) -> Result<Exported, ExportError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    if host.is_empty() || host.len() > 64 || !host.bytes().all(plain) {
        return Err(ExportError::Host { host: host.to_owned() });
    }
    empty_folder(dir)?;
    let mut exported = Exported::default();
    let mut subscriptions = "V\t2\n\n".to_owned();
    for mailbox in &corpus.mailboxes {
        let inbox = mailbox.name == "INBOX";
        let name = mailbox_name::encode(&mailbox.name);
        let folder = if inbox { dir.to_owned() } else { dir.join(format!(".{name}")) };
        if !inbox {
            make_folder(&folder)?;
            write_file(&folder.join("maildirfolder"), b"", None)?;
        }
        write_mailbox(mailbox, &folder, host)?;
        subscriptions.push_str(&name);
        subscriptions.push('\n');
        exported.mailboxes += 1;
        exported.messages += mailbox.messages.len();
    }
    write_file(&dir.join("subscriptions"), subscriptions.as_bytes(), None)?;
    Ok(exported)
}

/// Makes the folder; one that is there must be empty.
fn empty_folder(dir: &Path) -> Result<(), ExportError> {
    let unwritable = |source| ExportError::Unwritable { path: dir.to_owned(), source };
    match fs::read_dir(dir) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(ExportError::NotEmpty { dir: dir.to_owned() }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(unwritable)
        }
        Err(error) => Err(unwritable(error)),
    }
}

fn write_mailbox(mailbox: &Mailbox, folder: &Path, host: &str) -> Result<(), ExportError> {
    for sub in ["cur", "new", "tmp"] {
        make_folder(&folder.join(sub))?;
    }
    // What a server would have drawn: derived from the mailbox, so that the same corpus gives the same tree.
    let mut seed = [0; 32];
    seed[..4].copy_from_slice(&mailbox.uid_validity.to_be_bytes());
    let guid = characters(&seed, "guid", Alphabet::LowerHex, 32);
    let mut uidlist = format!("3 V{} N{} G{guid}\n", mailbox.uid_validity, mailbox.uid_next);
    for message in &mailbox.messages {
        let base = base_name(message, &seed, host);
        let path = folder.join("cur").join(format!("{base}:2,{}", letters(message.flags)));
        let arrived = SystemTime::try_from(message.internal_date.timestamp()).map_err(|error| {
            ExportError::Unwritable { path: path.clone(), source: io::Error::other(error) }
        })?;
        write_file(&path, &with_line_feeds(&message.bytes), Some(arrived))?;
        let _ = writeln!(uidlist, "{} :{base}", message.uid);
    }
    write_file(&folder.join("dovecot-uidlist"), uidlist.as_bytes(), None)
}

/// `SECONDS.MmicrosecondsPprocess.HOST,S=size,W=size`: S counts the octets of the file, W those on the wire.
fn base_name(message: &Message, seed: &[u8; 32], host: &str) -> String {
    let seconds = message.internal_date.timestamp().as_second();
    let microseconds = characters(seed, &format!("microseconds-{}", message.uid), Alphabet::Digits, 6);
    let process: u32 =
        characters(seed, &format!("process-{}", message.uid), Alphabet::Digits, 4).parse().unwrap_or(0);
    let file_size = message.size() - memchr::memmem::find_iter(&message.bytes, b"\r\n").count();
    let wire_size = message.size();
    format!("{seconds}.M{microseconds}P{}.{host},S={file_size},W={wire_size}", process + 1000)
}

/// The flags' letters, in the order of the alphabet as Maildir wants them.
fn letters(flags: Flags) -> String {
    let mut letters: Vec<char> = Flags::ALL
        .iter()
        .filter(|(flag, ..)| flags.contains(*flag))
        .filter_map(|(.., letter)| *letter)
        .collect();
    letters.sort_unstable();
    letters.into_iter().collect()
}

/// CRLF made LF, as Dovecot keeps mail on Unix.
fn with_line_feeds(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len());
    let mut copied = 0;
    for end in memchr::memmem::find_iter(bytes, b"\r\n") {
        text.extend_from_slice(&bytes[copied..end]);
        copied = end + 1;
    }
    text.extend_from_slice(&bytes[copied..]);
    text
}

fn make_folder(path: &Path) -> Result<(), ExportError> {
    let unwritable = |source| ExportError::Unwritable { path: path.to_owned(), source };
    DirBuilder::new().mode(0o700).create(path).map_err(unwritable)
}

/// Writes a new file, readable by its owner only.
fn write_file(path: &Path, content: &[u8], modified: Option<SystemTime>) -> Result<(), ExportError> {
    let write = || -> io::Result<()> {
        let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(content)?;
        match modified {
            Some(time) => file.set_times(FileTimes::new().set_accessed(time).set_modified(time)),
            None => Ok(()),
        }
    };
    write().map_err(|source| ExportError::Unwritable { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_ascend() {
        assert_eq!(
            letters(Flags::SEEN | Flags::ANSWERED | Flags::DRAFT | Flags::FLAGGED | Flags::DELETED),
            "DFRST"
        );
        assert_eq!(letters(Flags::NONE | Flags::RECENT), "");
    }

    #[test]
    fn line_ends_are_line_feeds() {
        assert_eq!(with_line_feeds(b"a\r\n\r\nb\rc\r\n"), b"a\n\nb\rc\n");
        assert_eq!(with_line_feeds(b""), b"");
    }

    #[test]
    fn only_an_empty_place_is_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let corpus = Corpus::default();
        assert_eq!(export(&corpus, &dir.path().join("a/b"), "mail.example").unwrap(), Exported::default());
        assert!(matches!(
            export(&corpus, &dir.path().join("a/b"), "mail.example"),
            Err(ExportError::NotEmpty { .. })
        ));
        assert!(matches!(export(&corpus, dir.path(), "mail/example"), Err(ExportError::Host { .. })));
        let file = dir.path().join("file");
        fs::write(&file, "x").unwrap();
        assert!(matches!(export(&corpus, &file, "mail.example"), Err(ExportError::Unwritable { .. })));
    }
}
