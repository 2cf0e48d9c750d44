//! A real Dovecot serves an exported tree as the very corpus it came from, and changes nothing in it.
//!
//! Dovecot's `imap` speaks on its standard input and output, already logged in: no daemon, no port, no account. Where
//! it is not installed (Debian: `dovecot-imapd`) the tests say so and pass.
#![cfg(unix)]

mod support;

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bait::{Corpus, Mailbox, Persona, maildir};
use support::{Files, installation};

/// The account that Dovecot serves the mail as when the tests run as root, which it refuses to.
const NOBODY: u32 = 65_534;

/// Dovecot's `imap`, where it is installed.
fn imap() -> Option<PathBuf> {
    let places = ["/usr/lib/dovecot/imap", "/usr/libexec/dovecot/imap", "/usr/local/libexec/dovecot/imap"];
    let found = places.map(PathBuf::from).into_iter().find(|place| place.is_file());
    if found.is_none() {
        // Past the test harness, which would swallow it.
        let _ =
            writeln!(io::stderr(), "SKIPPED: tests/dovecot.rs needs Dovecot's imap (Debian: dovecot-imapd)");
    }
    found
}

/// Runs a session over the tree in `root/Maildir`; gives what Dovecot sent and what it logged.
fn session(imap: &Path, root: &Path, commands: &str) -> (Vec<u8>, String) {
    let is_root = fs::metadata(root).unwrap().uid() == 0;
    let mut config = format!(
        "base_dir = {0}/run\nstate_dir = {0}/run\nlog_path = /dev/stderr\nssl = no\nprotocols = imap\n\
         mail_location = maildir:{0}/Maildir\nnamespace inbox {{\n  inbox = yes\n}}\n",
        root.display()
    );
    if is_root {
        config.push_str("mail_uid = 65534\nmail_gid = 65534\n");
        give_away(root);
    }
    fs::write(root.join("dovecot.conf"), config).unwrap();
    let mut child = Command::new(imap)
        .arg("-c")
        .arg(root.join("dovecot.conf"))
        .env_clear()
        .envs([("USER", "admin"), ("TZ", "UTC"), ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")])
        .env("HOME", root)
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(commands.as_bytes()).unwrap();
    // Kept open until LOGOUT has ended the session: at end of file Dovecot leaves without sending the rest.
    let mut answer = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut answer).unwrap();
    drop(input);
    let log = child.wait_with_output().unwrap().stderr;
    (answer, String::from_utf8_lossy(&log).into_owned())
}

/// Makes `NOBODY` the owner of a folder and of all in it.
fn give_away(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give_away(&entry.unwrap().path());
        }
    }
}

/// Every file of a tree that the export made, with its content.
fn exported_files(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(exported_files(&path));
        } else if name.contains(":2,") || name == "subscriptions" {
            found.push((path.clone(), fs::read(&path).unwrap()));
        } else if name == "dovecot-uidlist" {
            // Dovecot may write the list anew; UIDVALIDITY, UIDNEXT and GUID stand in its first line.
            let list = fs::read(&path).unwrap();
            found.push((path, list.split(|byte| *byte == b'\n').next().unwrap().to_vec()));
        }
    }
    found.sort();
    found
}

/// What Dovecot must answer to `FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])`, to the octet.
fn fetched(mailbox: &Mailbox) -> Vec<u8> {
    let mut expected = Vec::new();
    for (number, message) in mailbox.messages.iter().enumerate() {
        let (uid, flags, size) = (message.uid, message.flags, message.size());
        let date = message.internal_date.strftime("%d-%b-%Y %H:%M:%S %z");
        let head = format!("* {} FETCH (UID {uid} FLAGS ({flags}) INTERNALDATE \"{date}\" ", number + 1);
        expected.extend_from_slice(head.as_bytes());
        expected.extend_from_slice(format!("RFC822.SIZE {size} BODY[] {{{size}}}\r\n").as_bytes());
        expected.extend_from_slice(&message.bytes);
        expected.extend_from_slice(b")\r\n");
    }
    expected
}

/// Exports a corpus and compares everything that Dovecot says of it. `names` are the mailboxes' names on the wire.
fn serve_and_compare(corpus: &Corpus, names: &[&str]) {
    let Some(imap) = imap() else { return };
    let root = tempfile::tempdir().unwrap();
    let exported = maildir::export(corpus, &root.path().join("Maildir"), "mail.acme.example").unwrap();
    assert_eq!(exported.mailboxes, corpus.mailboxes.len());
    let before = exported_files(root.path());

    let mut commands = "l LSUB \"\" *\r\n".to_owned();
    for (name, mailbox) in names.iter().zip(&corpus.mailboxes) {
        commands.extend(["s SELECT \"", name, "\"\r\n"]);
        if !mailbox.messages.is_empty() {
            commands.push_str("f FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])\r\n");
        }
    }
    commands.push_str("o LOGOUT\r\n");
    let (answer, log) = session(&imap, root.path(), &commands);
    let text = String::from_utf8_lossy(&answer);
    let has = |expected: &str| assert!(text.contains(expected), "no {expected:?} in:\n{text}\n{log}");
    for word in ["Error", "Warning", "Fatal", "Panic"] {
        assert!(!log.contains(word), "{log}");
    }
    for (name, mailbox) in names.iter().zip(&corpus.mailboxes) {
        has(&format!(") \".\" {name}\r\n"));
        has(&format!("* {} EXISTS\r\n* 0 RECENT\r\n", mailbox.messages.len()));
        has(&format!("* OK [UIDVALIDITY {}] UIDs valid\r\n", mailbox.uid_validity));
        has(&format!("* OK [UIDNEXT {}] Predicted next UID\r\n", mailbox.uid_next));
        let expected = fetched(mailbox);
        let same = expected.is_empty() || answer.windows(expected.len()).any(|window| window == expected);
        assert!(same, "{name} differs:\n{}\n---\n{text}", String::from_utf8_lossy(&expected));
    }
    assert_eq!(exported_files(root.path()), before, "Dovecot put something right");
}

#[test]
fn every_flag_and_any_name() {
    let corpus = Files::small().load().unwrap().render(&installation("2026-11-02T20:00:00Z")).unwrap();
    serve_and_compare(&corpus, &["INBOX", "Entw&APw-rfe", "R&-D"]);
}

#[test]
fn company_internal() {
    let persona = Persona::builtin().unwrap_or_else(|error| panic!("{error}"));
    let corpus = persona.render(&installation("2026-11-23T18:00:00Z")).unwrap();
    serve_and_compare(&corpus, &["INBOX", "Sent", "Drafts", "Archive"]);
}
