//! Two-way synchronisation: what is changed on either side between two runs is on both afterwards, and the run after that
//! does nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::host::Host;
use super::maildir::{self, Keeps, Mail};
use super::{Scene, mbsync};
use crate::imap::Client;

/// What a run that has nothing to do does not say: it opens mailboxes and asks for flags.
const CHANGES: [&str; 8] =
    [" STORE ", " APPEND ", " EXPUNGE", " CREATE ", " COPY ", " MOVE ", " DELETE ", " BODY.PEEK[]"];

const NEW_HERE: &[u8] = b"From: here@client.test\nSubject: written here\n\nOne line, and one without an end";
const NEW_THERE: &[u8] = b"From: there@client.test\r\nSubject: came there\r\n\r\nOne line.\r\n";

/// mbsync (Debian package isync), with everything in both directions.
pub(super) fn mbsync(scene: &Scene) -> Result<String> {
    let host = scene.host()?;
    let near = scene.folder().join("near");
    fs::create_dir(&near)?;
    let configuration = scene.folder().join("mbsyncrc");
    let no_tls = if mbsync::version()?.as_str() < "1.5" { "SSLType None" } else { "TLSType None" };
    fs::write(
        &configuration,
        format!(
            "IMAPAccount host\nHost {}\nPort {}\nUser admin\nPass admin\n{no_tls}\nTimeout 20\n\n\
             IMAPStore far\nAccount host\n\n\
             MaildirStore near\nPath {near}/\nInbox {near}/INBOX\nSubFolders Verbatim\n\n\
             Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\nSync All\nSyncState *\n",
            host.imap.ip(),
            host.imap.port(),
            near = near.display(),
        ),
    )?;
    exercise(host, &near, Keeps::Octets, || {
        let mut command = Command::new("mbsync");
        command.arg("-c").arg(&configuration).arg("-a");
        command
    })
}

/// offlineimap (Debian package offlineimap3).
pub(super) fn offlineimap(scene: &Scene) -> Result<String> {
    let host = scene.host()?;
    let near = scene.folder().join("near");
    let configuration = scene.folder().join("offlineimaprc");
    fs::write(
        &configuration,
        format!(
            "[general]\naccounts = all\nmetadata = {}\nmaxsyncaccounts = 1\nsocktimeout = 20\n\n\
             [Account all]\nlocalrepository = near\nremoterepository = far\n\n\
             [Repository near]\ntype = Maildir\nlocalfolders = {}\nsync_deletes = yes\n\n\
             [Repository far]\ntype = IMAP\nremotehost = {}\nremoteport = {}\nremoteuser = admin\n\
             remotepass = admin\nssl = no\nstarttls = no\nauth_mechanisms = PLAIN\nmaxconnections = 1\nexpunge = yes\n",
            scene.folder().join("metadata").display(),
            near.display(),
            host.imap.ip(),
            host.imap.port(),
        ),
    )?;
    exercise(host, &near, Keeps::Words, || {
        let mut command = Command::new("offlineimap");
        command.arg("-o").arg("-c").arg(&configuration).args(["-u", "basic"]).env("HOME", scene.folder());
        command
    })
}

/// Four runs: everything comes; nothing happens; changes of both sides; nothing happens.
fn exercise(host: Host<'_>, near: &Path, keeps: Keeps, sync: impl Fn() -> Command) -> Result<String> {
    host.watch(&mut sync())?;
    let begun = host.corpus()?;
    let pulled = maildir::read_folders(near)?;
    let messages = begun.values().map(Vec::len).sum::<usize>();
    same(&begun, &pulled, keeps).context("the first run")?;
    idle(&host, near, &sync).context("the second run")?;

    change_here(near, keeps)?;
    change_there(&host)?;
    host.watch(&mut sync())?;
    let here = maildir::read_folders(near)?;
    let there = maildir::far(&mut login(&host)?)?;
    agree(&here, &there, keeps).context("the third run")?;
    let mut expected: BTreeMap<&str, usize> =
        begun.iter().map(|(name, mails)| (&**name, mails.len())).collect();
    // Two new, one of each side deleted, one moved by each.
    *expected.entry("INBOX").or_default() -= 2;
    *expected.entry("Archive").or_default() += 1;
    *expected.entry("Sent").or_default() += 1;
    expected.extend([("Projects", 1), ("Notes", 1)]);
    for (name, expected) in expected {
        let found = there.get(name).map_or(0, Vec::len);
        ensure!(found == expected, "{name} has {found} messages after the third run, not {expected}");
    }
    let flagged = |mail: &&Mail| mail.flags.contains('F') || mail.flags.contains('R');
    let (before, after) = (begun["INBOX"].iter().filter(flagged), there["INBOX"].iter().filter(flagged));
    ensure!(after.count() > before.count(), "no flag that was set is there");
    idle(&host, near, &sync).context("the fourth run")?;
    Ok(format!("{messages} messages, four runs, {}", host.finish()?))
}

fn login(host: &Host<'_>) -> Result<Client> {
    let mut client = Client::connect(host.direct)?;
    client.command("LOGIN admin admin")?.ok()?;
    Ok(client)
}

/// A run that changes nothing on either side, nor fetches anything.
fn idle(host: &Host<'_>, near: &Path, sync: impl Fn() -> Command) -> Result<()> {
    let before = maildir::read_folders(near)?;
    let given = host.watch(&mut sync())?;
    let changing =
        given.iter().find(|line| CHANGES.iter().any(|change| line.to_uppercase().contains(change)));
    ensure!(changing.is_none(), "it had something to do: {changing:?}");
    ensure!(maildir::read_folders(near)? == before, "it changed something here");
    Ok(())
}

/// A new mail, a flag, a deletion, a move, and a new mailbox.
fn change_here(near: &Path, keeps: Keeps) -> Result<()> {
    let inbox = near.join("INBOX");
    fs::write(inbox.join("new/1700000001.1.here"), NEW_HERE)?;
    let [flagged, deleted, moved, ..] = &files(&inbox)?[..] else { anyhow::bail!("INBOX is too small") };
    let with = |path: &Path, flag: char| -> PathBuf {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (base, flags) = name.split_once(":2,").unwrap_or((&name, ""));
        let mut letters: Vec<char> = flags.chars().filter(|letter| *letter != flag).chain([flag]).collect();
        letters.sort_unstable();
        inbox.join("cur").join(format!("{base}:2,{}", letters.into_iter().collect::<String>()))
    };
    fs::rename(flagged, with(flagged, 'F'))?;
    match keeps {
        Keeps::Octets => fs::rename(deleted, with(deleted, 'T'))?,
        // offlineimap takes a T for a flag; what is deleted is gone.
        Keeps::Words | Keeps::Body => fs::remove_file(deleted)?,
    }
    // Both clients know a mail by its name, where they keep its UID: a move gives it another.
    fs::rename(moved, near.join("Archive/cur/1700000002.1.here:2,S"))?;
    for folder in ["cur", "new", "tmp"] {
        fs::create_dir_all(near.join("Projects").join(folder))?;
    }
    fs::write(near.join("Projects/cur/1700000003.1.here:2,FS"), NEW_HERE)?;
    Ok(())
}

/// The same on the server: the messages are the last ones, which nobody touched here.
fn change_there(host: &Host<'_>) -> Result<()> {
    let mut client = login(host)?;
    let size = NEW_THERE.len();
    let append = |mailbox: &str| {
        format!("APPEND {mailbox} (\\Flagged) {{{size}+}}\r\n{}", String::from_utf8_lossy(NEW_THERE))
    };
    client.command(&append("INBOX"))?.ok()?;
    for command in [
        "SELECT INBOX",
        "STORE 12 +FLAGS (\\Answered)",
        "STORE 11 +FLAGS (\\Deleted)",
        "EXPUNGE",
        "MOVE 10 Sent",
        "CREATE Notes",
    ] {
        client.command(command)?.ok().context(command)?;
    }
    client.command(&append("Notes"))?.ok()?;
    client.command("LOGOUT")?.ok()?;
    Ok(())
}

/// The files of a Maildir that stand for its first messages, by their place in the order of arrival.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for part in ["new", "cur"] {
        for file in fs::read_dir(folder.join(part))? {
            let path = file?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let uid = name.split_once(",U=").map_or("", |(_, rest)| rest);
            let digits: String = uid.chars().take_while(char::is_ascii_digit).collect();
            if let Ok(uid) = digits.parse() {
                found.push((uid, path));
            }
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

type Mailboxes = BTreeMap<String, Vec<Mail>>;

fn same(one: &Mailboxes, other: &Mailboxes, keeps: Keeps) -> Result<()> {
    ensure!(one.keys().eq(other.keys()), "mailboxes {:?} and {:?}", one.keys(), other.keys());
    for (name, mails) in one {
        let (one, other) = (maildir::texts(mails, keeps), maildir::texts(&other[name], keeps));
        ensure!(one.len() == other.len(), "{name}: {} messages and {}", one.len(), other.len());
        ensure!(one == other, "{name}: the messages are not the same");
    }
    Ok(())
}

/// The same messages with the same flags on both sides.
fn agree(here: &Mailboxes, there: &Mailboxes, keeps: Keeps) -> Result<()> {
    same(here, there, keeps)?;
    for (name, mails) in here {
        let flags = |mails: &[Mail]| {
            let mut all: Vec<_> = mails
                .iter()
                .map(|mail| (maildir::texts(std::slice::from_ref(mail), keeps), &mail.flags))
                .map(|(text, flags)| (text, flags.clone()))
                .collect();
            all.sort();
            all.into_iter().map(|(_, flags)| flags).collect::<Vec<_>>()
        };
        let (here, there) = (flags(mails), flags(&there[name]));
        ensure!(here == there, "{name}: flags here {here:?}, there {there:?}");
    }
    Ok(())
}
