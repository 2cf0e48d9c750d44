//! POP3 by Python's poplib, line by line, and by mpop, which fetches everything.

use std::os::unix::fs::OpenOptionsExt as _;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Scene, client, named};
use crate::imap::Client;
use crate::server::Service;

const SCRIPT: &str = include_str!("pop3.py");

/// Runs `pop3.py`, which checks the answers, and then looks for the deletions in the evidence.
pub(super) fn list(scene: &Scene) -> Result<String> {
    let server = scene.serve_with(&[], &[Service::Pop3])?;
    let script = scene.folder().join("list.py");
    std::fs::write(&script, SCRIPT)?;
    let mut python = Command::new("python3");
    python.arg("-I").arg(&script).arg("127.0.0.1");
    python.arg(server.at(Service::Pop3).port().to_string()).arg(server.address.port().to_string());
    let output = client(&mut python)?;
    ensure!(output.status.success(), "{}{}", output.stdout, output.stderr);
    let events = scene.events_until("twelve messages read and three deleted over POP3", |events| {
        let pop3 = |name| named(events, name).filter(|event| event["protocol"] == "pop3");
        let deleted = |line: &&str| {
            pop3("command.received").any(|event| event["line"] == **line && event["status"] == "+OK")
        };
        pop3("message.read").filter(|event| event["section"] == "").count() == 12
            && ["DELE 2", "DELE 1", "DELE 12"].iter().all(deleted)
    })?;
    let failed = named(&events, "auth.failed").next().context("no auth.failed")?;
    ensure!(failed["password"] == "wrongpass" && failed["protocol"] == "pop3", "the evidence: {failed}");
    server.stop()?;
    Ok(output.stdout.trim().to_owned())
}

/// mpop delivers all twelve, whole, and finds nothing new the second time.
pub(super) fn mpop(scene: &Scene) -> Result<String> {
    let server = scene.serve_with(&[], &[Service::Pop3])?;
    let maildir = scene.folder().join("maildir");
    for folder in ["new", "cur", "tmp"] {
        std::fs::create_dir_all(maildir.join(folder))?;
    }
    let configuration = scene.folder().join("mpoprc");
    // It holds a password: mpop takes it only if nobody else can read it.
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&configuration)?;
    std::fs::write(
        &configuration,
        format!(
            "account decoy\nhost 127.0.0.1\nport {}\nuser admin\npassword admin\nauth user\ntls off\n\
             keep on\nreceived_header off\nuidls_file {}\ndelivery maildir {}\n",
            server.at(Service::Pop3).port(),
            scene.folder().join("uidls").display(),
            maildir.display(),
        ),
    )?;
    let fetch = || -> Result<Vec<Vec<u8>>> {
        let output = client(Command::new("mpop").arg("-C").arg(&configuration).arg("decoy"))?;
        ensure!(output.status.success(), "mpop failed: {}{}", output.stdout, output.stderr);
        std::fs::read_dir(maildir.join("new"))?.map(|file| Ok(std::fs::read(file?.path())?)).collect()
    };
    let mut near = fetch()?;
    ensure!(near.len() == 12, "{} of 12 messages came", near.len());
    let mut reader = Client::selected(server.address)?;
    for number in 1..=12 {
        let reply = reader.command(&format!("FETCH {number} BODY.PEEK[]"))?.ok()?;
        let far = String::from_utf8_lossy(reply.literal().context("no message")?).replace("\r\n", "\n");
        let here = near.iter().position(|mail| *mail == far.as_bytes());
        near.remove(here.with_context(|| format!("message {number} did not come whole"))?);
    }
    ensure!(fetch()?.len() == 12, "the second run fetched something again");
    server.stop()?;
    Ok("12 messages, once".into())
}
