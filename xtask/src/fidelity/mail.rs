//! The mail of the sessions behind a login: a Maildir++ tree that is kept with them, copied as both servers want it.
//!
//! The tree is `crates/protocol/tests/fidelity/mail`. Git keeps neither the times of files, which are the messages'
//! INTERNALDATE, nor empty folders: a copy has the time that a file's name begins with, and all folders of a Maildir.
//! A message is added by a file in `cur` or `new` of its mailbox, and a line of `dovecot-uidlist` for its UID.

use std::fs::{self, File};
use std::os::unix::fs::chown;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

/// The folders that make a Maildir, and the file that marks one below another.
const FOLDERS: [&str; 3] = ["cur", "new", "tmp"];
const BELOW: &str = "maildirfolder";

/// Copies the tree to a folder that does not exist yet; all of it belongs to this user and group, if one is named.
pub(crate) fn copy(tree: &Path, to: &Path, owner: Option<u32>) -> Result<()> {
    maildir(tree, to, owner)?;
    for entry in fs::read_dir(tree).with_context(|| tree.display().to_string())? {
        let entry = entry?;
        let below = entry.file_name().to_string_lossy().starts_with('.') && entry.path().is_dir();
        if below {
            let folder = to.join(entry.file_name());
            maildir(&entry.path(), &folder, owner)?;
            put(&folder.join(BELOW), b"", None, owner)?;
        }
    }
    Ok(())
}

/// One Maildir: its lists and its messages.
fn maildir(from: &Path, to: &Path, owner: Option<u32>) -> Result<()> {
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    give(to, owner)?;
    files(from, to, owner, |_| None)?;
    for folder in FOLDERS {
        fs::create_dir(to.join(folder))?;
        give(&to.join(folder), owner)?;
        if from.join(folder).is_dir() {
            files(&from.join(folder), &to.join(folder), owner, arrival)?;
        }
    }
    Ok(())
}

/// The files of a folder, without what lies deeper.
fn files(from: &Path, to: &Path, owner: Option<u32>, time: fn(&str) -> Option<SystemTime>) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let name = entry.file_name();
            put(&to.join(&name), &fs::read(entry.path())?, time(&name.to_string_lossy()), owner)?;
        }
    }
    Ok(())
}

fn put(path: &Path, octets: &[u8], time: Option<SystemTime>, owner: Option<u32>) -> Result<()> {
    fs::write(path, octets).with_context(|| path.display().to_string())?;
    if let Some(time) = time {
        File::options().write(true).open(path)?.set_modified(time)?;
    }
    give(path, owner)
}

fn give(path: &Path, owner: Option<u32>) -> Result<()> {
    match owner {
        Some(_) => chown(path, owner, owner).with_context(|| path.display().to_string()),
        None => Ok(()),
    }
}

/// When a message arrived: the seconds that its file's name begins with.
fn arrival(name: &str) -> Option<SystemTime> {
    let seconds = name.split('.').next()?.parse().ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_a_whole_maildir() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("cur")).unwrap();
        fs::create_dir_all(from.join(".Sent")).unwrap();
        fs::write(from.join("cur/1699255812.M1P1.mail:2,S"), "a: b\n").unwrap();
        fs::write(from.join(".Sent/dovecot-uidlist"), "3 V1 N1\n").unwrap();
        copy(&from, &to, None).unwrap();
        let message = fs::metadata(to.join("cur/1699255812.M1P1.mail:2,S")).unwrap();
        let arrived = message.modified().unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(arrived.as_secs(), 1_699_255_812);
        for there in ["new", "tmp", ".Sent/cur", ".Sent/tmp", ".Sent/maildirfolder", ".Sent/dovecot-uidlist"]
        {
            assert!(to.join(there).exists(), "{there}");
        }
    }
}
