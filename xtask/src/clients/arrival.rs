//! Mail to the persona's own domain arrives, for the source address that sent it and for no other.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{Scene, client, named, smtp};
use crate::imap;
use crate::server::Service;
use crate::smtp::Client;

const MAIL: &[u8] =
    b"From: visitor@client.test\r\nTo: admin@company.internal\r\nSubject: Is it real?\r\n\r\nprobe-7391\r\n";

/// How long after the 250 a client in IDLE may wait.
const SOON: Duration = Duration::from_secs(1);

/// Connects from the address in its first argument; prints STAT of POP3 and EXISTS of IMAP.
const FROM: &str = "
import imaplib, poplib, socket, sys
source = sys.argv[1]
connect = socket.create_connection
socket.create_connection = lambda to, timeout=20, *_: connect(to, 20, (source, 0))
pop3 = poplib.POP3('127.0.0.1', int(sys.argv[2]))
pop3.user('admin'), pop3.pass_('admin')
imap = imaplib.IMAP4('127.0.0.1', int(sys.argv[3]))
imap.login('admin', 'admin')
count = pop3.stat()[0]
print(count, int(imap.select()[1][0]), b'probe-7391' in b''.join(pop3.retr(count)[1]))
";

/// A mail from 127.0.0.1, and who sees it.
pub(super) fn run(scene: &Scene) -> Result<String> {
    let server = scene.serve_with(&[], &[Service::Pop3, Service::Smtp])?;
    let look = |source: &str| -> Result<String> {
        let mut python = Command::new("python3");
        python.args(["-I", "-c", FROM, source]);
        python.arg(server.at(Service::Pop3).port().to_string()).arg(server.address.port().to_string());
        let output = client(&mut python)?;
        ensure!(output.status.success(), "{}{}", output.stdout, output.stderr);
        Ok(output.stdout.trim().to_owned())
    };
    let mut same = imap::Client::selected(server.address)?;
    let tag = same.send("IDLE")?;
    let mut heard = BufReader::new(same.socket().try_clone()?);
    let mut line = String::new();
    heard.read_line(&mut line)?;
    ensure!(line.starts_with("+ "), "IDLE: {line:?}");
    ensure!(look("127.0.0.1")? == "12 12 False", "before there was any mail");

    Client::connect(server.at(Service::Smtp))?.mail(&["admin@company.internal"], MAIL)?;
    let taken = Instant::now();
    line.clear();
    heard.read_line(&mut line).context("waiting for EXISTS")?;
    let waited = taken.elapsed();
    ensure!(line == "* 13 EXISTS\r\n", "IDLE heard {line:?}");
    ensure!(waited < SOON, "EXISTS came after {waited:?}");
    drop(heard);
    same.socket().write_all(b"DONE\r\n")?;
    same.reply(&tag)?.ok()?;
    let reply = same.command("FETCH 13 BODY.PEEK[]")?.ok()?;
    let mail = reply.literal().context("no message 13")?;
    ensure!(mail.ends_with(MAIL), "not the mail that was sent: {}", reply.text());

    for (source, expected) in [("127.0.0.1", "13 13 True"), ("127.0.0.2", "12 12 False")] {
        let seen = look(source)?;
        ensure!(seen == expected, "{source}: POP3, IMAP and the mail itself: {seen}, not {expected}");
    }
    let events = scene.events_until("the mail", |events| named(events, "mail.received").count() == 1)?;
    let event = named(&events, "mail.received").next().context("no mail")?;
    ensure!(smtp::check_sum(scene, event)? == MAIL, "the evidence is not what was sent");
    server.stop()?;
    Ok(format!("EXISTS after {} ms, for its sender only", waited.as_millis()))
}

const ROUNDS: usize = 5;

/// kill -9 at the moment of the 250: the mail is on disk, and after the restart in the store.
pub(super) fn killed(scene: &Scene) -> Result<String> {
    let mut taken = Vec::new();
    for round in 1..=ROUNDS {
        let server = scene.serve_with(&[("SMTP_OPEN_RELAY", "1")], &[Service::Smtp])?;
        let to = server.at(Service::Smtp);
        let mut mail = format!("Subject: round {round}\r\n\r\n").into_bytes();
        for _ in 0..round * 2000 {
            mail.extend_from_slice(b"Evidence that must not be lost.\r\n");
        }
        let mut sender = Client::connect(to)?;
        let id = sender.mail(&["b@elsewhere.test"], &mail)?;
        server.kill()?;
        taken.push((id, mail));
        scene.serve(&[])?.stop()?;
        let events = scene.events()?;
        ensure!(named(&events, "mail.received").count() == round, "round {round}: not every mail, once");
        for (id, mail) in &taken {
            let event = named(&events, "mail.received").find(|event| event["queue_id"] == id.as_str());
            let event = event.with_context(|| format!("round {round}: {id} is not in the store"))?;
            ensure!(smtp::check_sum(scene, event)? == *mail, "round {round}: {id} is not what was sent");
        }
    }
    Ok(format!("{ROUNDS} kills, {} mails", taken.len()))
}
