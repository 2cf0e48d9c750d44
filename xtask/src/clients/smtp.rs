//! SMTP by swaks in each mode, and a message of awkward bytes: what is stored is what was sent.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rand::Rng as _;
use serde_json::Value;

use super::{Scene, client, named};
use crate::command::Output;
use crate::server::{Server, Service, data};
use crate::smtp::Client;

/// A password that is hard on every reader of it.
const PASSWORD: &str = "p]\"\\w\u{f6}rd";

/// The default, a credential harvester: AUTH is refused and recorded, foreign recipients are denied.
pub(super) fn harvest(scene: &Scene) -> Result<String> {
    let server = scene.serve_with(&[], &[Service::Smtp])?;
    for mechanism in ["PLAIN", "LOGIN"] {
        let output = swaks(
            &server,
            &["--to", "b@elsewhere.test", "--auth", mechanism, "-au", "admin", "-ap", PASSWORD],
        )?;
        ensure!(output.stdout.contains("<** 535 5.7.8"), "AUTH {mechanism}: {}", output.stdout);
        ensure!(output.stdout.contains("<-  221 "), "no QUIT after AUTH {mechanism}: {}", output.stdout);
    }
    let output = swaks(&server, &["--from", "a@sender.test", "--to", "b@elsewhere.test"])?;
    let denied = "<** 554 5.7.1 <b@elsewhere.test>: Relay access denied";
    ensure!(output.stdout.contains(denied), "the refusal: {}", output.stdout);
    let events = scene.events_until("two refused logins and a denied recipient", |events| {
        let envelope = |event: &Value| {
            event["accepted"] == false
                && event["mail_from"] == "a@sender.test"
                && event["rcpt_to"]
                    .as_array()
                    .is_some_and(|all| all.iter().any(|to| to == "b@elsewhere.test"))
        };
        named(events, "auth.failed").count() == 2 && named(events, "mail.envelope").any(envelope)
    })?;
    for (event, mechanism) in named(&events, "auth.failed").zip(["PLAIN", "LOGIN"]) {
        let same = event["username"] == "admin" && event["password"] == PASSWORD;
        ensure!(same && event["mechanism"] == mechanism, "the evidence: {event}");
    }
    ensure!(named(&events, "mail.received").count() == 0, "mail was taken in");
    server.stop()?;
    Ok("535 twice, 554, all recorded".into())
}

/// An open relay: three foreign recipients and an attachment of five million octets.
pub(super) fn relay(scene: &Scene) -> Result<String> {
    let server = scene.serve_with(&[("SMTP_OPEN_RELAY", "1")], &[Service::Smtp])?;
    let attachment = scene.folder().join("loot.bin");
    let mut bytes = vec![0; 5_000_000];
    rand::rng().fill_bytes(&mut bytes);
    std::fs::write(&attachment, &bytes)?;
    let recipients = ["a@one.test", "b@two.test", "c@three.test"];
    for mechanism in ["PLAIN", "LOGIN"] {
        let mut arguments = vec!["--auth", mechanism, "-au", "admin", "-ap", PASSWORD];
        let (to, file) = (recipients.join(","), format!("@{}", attachment.display()));
        arguments.extend(["--from", "x@sender.test", "--to", &to, "--attach", &file, "--suppress-data"]);
        let output = swaks(&server, &arguments)?;
        ensure!(output.status.success(), "swaks: {}", output.stdout);
        ensure!(output.stdout.contains("<-  235 2.7.0"), "AUTH {mechanism}: {}", output.stdout);
        ensure!(output.stdout.contains("250 2.0.0 Ok: queued as "), "DATA: {}", output.stdout);
    }
    let events = scene.events_until("two mails", |events| named(events, "mail.received").count() == 2)?;
    let sum = sha256(&attachment)?;
    for event in named(&events, "mail.received") {
        let to: Vec<&str> =
            event["rcpt_to"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        ensure!(to == recipients && event["mail_from"] == "x@sender.test", "the envelope: {event}");
        let part =
            event["attachments"].as_array().into_iter().flatten().find(|part| part["size"] == 5_000_000);
        ensure!(part.is_some_and(|part| part["sha256"] == *sum), "the attachment: {event}");
        check_sum(scene, event)?;
    }
    ensure!(named(&events, "auth.succeeded").all(|event| event["password"] == PASSWORD), "the passwords");
    server.stop()?;
    Ok("2 mails, 3 recipients, 5000000 octets attached".into())
}

/// Bare dots, 8-bit and NUL octets, bare CR and LF, a long line, and every octet there is.
pub(super) fn octets(scene: &Scene) -> Result<String> {
    let mut mail =
        b"Subject: octets\r\n\r\n.\r\n..\r\n.dot\r\n...\r\na\0b \xe9\xff\r\nbare\rCR, bare\nLF\r\n".to_vec();
    mail.extend([b'x'; 5000]);
    mail.extend_from_slice(b"\r\n");
    mail.extend(0..=255_u8);
    mail.extend_from_slice(b"\r\n.\r\n");
    let server = scene.serve_with(&[("SMTP_OPEN_RELAY", "1")], &[Service::Smtp])?;
    let id = Client::connect(server.at(Service::Smtp))?.mail(&["b@elsewhere.test"], &mail)?;
    let events = scene.events_until("the mail", |events| named(events, "mail.received").count() == 1)?;
    let event = named(&events, "mail.received").next().context("no mail")?;
    ensure!(event["queue_id"] == id.as_str() && event["size"] == mail.len(), "the event: {event}");
    ensure!(check_sum(scene, event)? == mail, "what is stored is not what was sent");
    server.stop()?;
    Ok(format!("{} octets as they were sent", mail.len()))
}

/// The stored mail of a `mail.received`, found to be what the event says.
pub(super) fn check_sum(scene: &Scene, event: &Value) -> Result<Vec<u8>> {
    let path = data(scene.folder()).join(event["path"].as_str().context("no path")?);
    let stored = std::fs::read(&path).with_context(|| path.display().to_string())?;
    ensure!(event["size"] == stored.len(), "{} octets are stored: {event}", stored.len());
    ensure!(event["sha256"] == sha256(&path)?.as_str(), "another sum: {event}");
    Ok(stored)
}

/// By another program than ours.
fn sha256(path: &Path) -> Result<String> {
    let output = client(Command::new("sha256sum").arg("-b").arg(path))?;
    Ok(output.stdout.split(' ').next().context("sha256sum says nothing")?.to_owned())
}

fn swaks(server: &Server, arguments: &[&str]) -> Result<Output> {
    let port = server.at(Service::Smtp).port().to_string();
    let fixed = ["--server", "127.0.0.1", "--port", &port, "--ehlo", "client.test", "--timeout", "20"];
    client(Command::new("swaks").args(fixed).args(arguments))
}
