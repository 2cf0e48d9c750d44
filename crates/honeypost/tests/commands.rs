//! The commands that look: their output, their exit status, and that they change nothing.

mod common;

use std::fs;
use std::path::Path;
use std::process::Output;

use common::{failed, honeypost};

fn run(folder: &Path, arguments: &[&str]) -> Output {
    honeypost().args(arguments).current_dir(folder).output().expect("runs")
}

fn shown(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {:?}", failed(&output));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn refused(folder: &Path, arguments: &[&str], expected: &str) {
    let (complaint, status) = failed(&run(folder, arguments));
    assert_eq!(status, Some(2), "{arguments:?}: {complaint}");
    assert!(complaint.contains(expected), "expected {expected:?} in {complaint:?}");
}

#[test]
fn bait_is_listed_and_shown_without_a_trace() {
    let folder = tempfile::tempdir().expect("a folder");
    let list = shown(folder.path(), &["bait", "list"]);
    let of = |mailbox: &str| list.lines().filter(|line| line.starts_with(mailbox)).count();
    assert_eq!(
        (of("INBOX"), of("Sent"), of("Drafts"), of("Archive"), list.lines().count()),
        (12, 8, 1, 3, 1 + 24)
    );
    assert!(list.starts_with("MAILBOX "), "{list}");
    let fifth = list.lines().nth(5).expect("a fifth");
    assert!(fifth.contains("Root password  [root-password (password)"), "{fifth}");
    let heading = list.lines().next().expect("a heading");
    for (title, value) in [("DATE", "20"), ("FROM", "sysadmin@"), ("SUBJECT", "Root password")] {
        assert_eq!(heading.find(title), fifth.find(value), "{title}");
    }
    let told = |arguments: &[&str]| failed(&run(folder.path(), arguments)).0;
    for arguments in [&["bait", "list"][..], &["bait", "show", "INBOX", "1"]] {
        assert!(told(arguments).contains("nothing has been served from honeypost-data yet"), "{arguments:?}");
    }

    let message = shown(folder.path(), &["bait", "show", "inbox", "5"]);
    assert!(
        message.contains("\r\nSubject: Root password\r\n") && message.contains("r00tM3T00!"),
        "{message}"
    );
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "looking wrote something");
}

#[test]
fn what_is_not_there_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    for (arguments, expected) in [
        (
            &["bait", "show", "Trash", "1"][..],
            "there is no mailbox \"Trash\"; there are INBOX, Sent, Drafts, Archive",
        ),
        (&["bait", "show", "INBOX", "13"], "INBOX has no message 13; it has 12"),
        (&["bait", "show", "INBOX", "0"], "INBOX has no message 0; it has 12"),
        (&["bait", "list", "--corpus", "/nonexistent"], "corpus /nonexistent (flag --corpus): "),
        (&["events"], "events.db"),
        (&["events", "--since", "yesterday"], "--since \"yesterday\" is no time; expected 45m, 2h, 3d"),
        (&["events", "--protocol", "ftp"], "--protocol \"ftp\" is none; expected imap, pop3 or smtp"),
        (&["events", "--session", "xyz"], "--session"),
        (
            &["events", "--event", "auth"],
            "--event \"auth\" is no event; there are session.opened, session.closed",
        ),
    ] {
        refused(folder.path(), arguments, expected);
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "looking wrote something");
}

#[test]
fn bait_is_exported_as_a_maildir() {
    let folder = tempfile::tempdir().expect("a folder");
    shown(folder.path(), &["bait", "export", "Maildir"]);
    let count = |path: &str| fs::read_dir(folder.path().join(path)).map_or(0, Iterator::count);
    assert_eq!(count("Maildir/cur") + count("Maildir/new"), 12);
    assert_eq!(count("Maildir/.Sent/cur") + count("Maildir/.Sent/new"), 8);
    refused(folder.path(), &["bait", "export", "Maildir"], "is not empty");
}

#[test]
fn a_persona_is_checked() {
    let builtin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../personas/company-internal");
    let folder = tempfile::tempdir().expect("a folder");
    let report = shown(folder.path(), &["bait", "check", builtin.to_str().expect("UTF-8")]);
    assert!(
        report.lines().next().is_some_and(|line| line.starts_with("INBOX ") && line.contains("12 messages")),
        "{report}"
    );

    fs::create_dir_all(folder.path().join("mine/mailboxes/INBOX")).expect("writable");
    fs::write(folder.path().join("mine/persona.toml"), "name = \"mine\"\n").expect("writable");
    let (complaint, status) = failed(&run(folder.path(), &["bait", "check", "mine"]));
    assert_eq!(status, Some(1));
    assert!(complaint.starts_with("error: ") && complaint.contains("persona.toml"), "{complaint}");
}
