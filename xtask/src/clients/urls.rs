//! curl with every kind of URL that it knows for mail.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::host::Host;
use super::{Scene, client, maildir};

const MAIL: &str =
    "From: curl@client.test\r\nTo: admin@example.com\r\nSubject: uploaded\r\n\r\n.dot first\r\nend\r\n";

const TO: &str = "admin@example.com";

/// What is asked of IMAP: the rest of the URL, the command of `-X`, and what the answer has in it.
const IMAP: [(&str, &str, &str); 24] = [
    ("", "", "* LIST (\\HasNoChildren) \".\" INBOX"),
    ("INBOX", "", ""),
    ("", "CAPABILITY", "* CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT"),
    ("", "NAMESPACE", "* NAMESPACE ((\"\" \".\")) NIL NIL"),
    ("", "LSUB \"\" *", "* LSUB "),
    ("", "STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY UNSEEN RECENT)", "* STATUS INBOX (MESSAGES 12 "),
    ("", "EXAMINE INBOX", "* 12 EXISTS"),
    ("INBOX", "NOOP", ""),
    ("INBOX?ALL", "", "* SEARCH 1 2 3 4 5 6 7 8 9 10 11 12"),
    ("INBOX?FROM%20example", "", "* SEARCH"),
    ("INBOX", "FETCH 1:3 (FLAGS UID RFC822.SIZE)", "* 3 FETCH (FLAGS ("),
    ("INBOX", "FETCH 1:* (UID ENVELOPE)", "* 12 FETCH (UID "),
    ("INBOX", "FETCH 1:* BODYSTRUCTURE", "* 12 FETCH (BODYSTRUCTURE ("),
    ("INBOX;MAILINDEX=2;SECTION=HEADER", "", "Subject: "),
    ("INBOX/;MAILINDEX=2/;SECTION=HEADER.FIELDS%20(DATE%20SUBJECT)", "", "Date: "),
    ("INBOX/;MAILINDEX=2/;SECTION=TEXT", "", ""),
    ("INBOX/;MAILINDEX=2/;SECTION=1", "", ""),
    ("INBOX/;MAILINDEX=2/;SECTION=/;PARTIAL=0.40", "", ""),
    ("INBOX", "STORE 1 +FLAGS (\\Deleted)", "\\Deleted"),
    ("INBOX", "EXPUNGE", "* 1 EXPUNGE"),
    ("INBOX", "COPY 1 Sent", ""),
    ("INBOX", "UID SEARCH NOT DELETED", "* SEARCH "),
    ("", "CREATE Loot", ""),
    ("", "LIST \"\" Loot", "* LIST (\\HasNoChildren) \".\" Loot"),
];

/// The same for POP3, where `-I` says that the answer has one line.
const POP3: [(&str, &str, bool, &str); 10] = [
    ("", "", false, "11 "),
    ("3", "LIST", true, ""),
    ("", "UIDL", false, "11 "),
    ("2", "UIDL", true, ""),
    ("", "STAT", true, ""),
    ("", "TOP 2 3", false, "Subject: "),
    ("", "CAPA", false, "UIDL"),
    ("", "NOOP", true, ""),
    ("1", "DELE", true, ""),
    ("1", "", false, "Subject: "),
];

pub(super) fn run(scene: &Scene) -> Result<String> {
    let host = scene.host()?;
    let begun = host.corpus()?;
    let upload = scene.folder().join("upload");
    std::fs::write(&upload, MAIL)?;
    let upload = upload.to_str().context("the folder's name")?;

    let imap = |rest: &str, more: &[&str]| {
        get(&[&["--user", "admin:admin", &format!("imap://{}/{rest}", host.imap)], more].concat())
    };
    for number in 1..=12 {
        let mail = imap(&format!("INBOX;MAILINDEX={number}"), &[])?;
        ensure!(same(&begun["INBOX"], &mail), "message {number} is not one of the mails");
    }
    for (rest, request, expected) in IMAP {
        let more = if request.is_empty() { &[][..] } else { &["-X", request] };
        let said = imap(rest, more).with_context(|| format!("{rest} {request}"))?;
        ensure!(said.contains(expected), "{rest} {request}: {said}");
    }
    for mechanism in ["AUTH=PLAIN", "AUTH=*"] {
        imap("", &["--login-options", mechanism]).with_context(|| mechanism.to_owned())?;
    }
    imap("Drafts", &["-T", upload])?;
    let found = imap("Drafts;MAILINDEX=2", &[])?;
    ensure!(found == MAIL, "the upload came back as {found}");
    pop3_and_smtp(&host, &begun["INBOX"], upload)?;
    host.finish()
}

fn pop3_and_smtp(host: &Host<'_>, begun: &[maildir::Mail], upload: &str) -> Result<()> {
    let pop3 = |rest: &str, more: &[&str]| {
        get(&[&["--user", "admin:admin", &format!("pop3://{}/{rest}", host.pop3)], more].concat())
    };
    for number in 1..=11 {
        let mail = pop3(&number.to_string(), &[])?;
        ensure!(same(begun, &mail), "message {number} over POP3");
    }
    for (rest, request, single, expected) in POP3 {
        let mut more = if request.is_empty() { Vec::new() } else { vec!["-X", request] };
        more.extend(single.then_some("-I"));
        let said = pop3(rest, &more).with_context(|| format!("{rest} {request}"))?;
        ensure!(said.contains(expected), "{rest} {request}: {said}");
    }
    let smtp = |more: &[&str]| get(&[&[&*format!("smtp://{}/client.test", host.smtp)], more].concat());
    smtp(&["--mail-from", "x@sender.test", "--mail-rcpt", TO, "-T", upload])?;
    smtp(&["--mail-from", "", "--mail-rcpt", TO, "--mail-rcpt", "postmaster", "-T", upload])?;
    smtp(&["--mail-rcpt", "admin"])?;
    smtp(&["-X", "NOOP"])?;
    // 55: the recipient is denied.
    ensure!(
        smtp(&["--mail-from", "x@sender.test", "--mail-rcpt", "a@elsewhere.test", "-T", upload]).is_err()
    );
    Ok(())
}

/// Whether it is one of these, as far as text shows it.
fn same(mails: &[maildir::Mail], mail: &str) -> bool {
    mails.iter().any(|old| String::from_utf8_lossy(&old.octets).trim_ascii_end() == mail.trim_ascii_end())
}

/// What curl prints.
fn get(arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "20", "--noproxy", "*"]).args(arguments);
    let output = client(&mut command)?;
    ensure!(output.status.success(), "curl ({}): {}", output.status, output.stderr);
    Ok(output.stdout)
}
