//! TLS with real clients, as listeners that begin with it and by STARTTLS and STLS.
//!
//! The personality `decnet` names STARTTLS only where it takes no login without: clients that look for it get that.

use std::net::SocketAddr;
use std::process::Command;

use ::jarm::StartTls;
use anyhow::{Result, ensure};
use serde_json::Value;

use super::{Scene, client, mbsync, named};
use crate::imap::Client;
use crate::server::{Server, Service, data};

const ALL: [Service; 5] =
    [Service::Pop3, Service::Smtp, Service::Imaps, Service::Pop3s, Service::Submissions];
const STRICT: &[(&str, &str)] = &[("HONEYPOST_TLS_PLAINTEXT_AUTH", "refuse")];

/// What scanners know the two servers by.
const DOVECOT: &str = "07d3fd1ad21d21d00042d43d0000005aa9877b7a5d6a671d1e56af48dc9ce6";
const POSTFIX: &str = "07d19d1ad21d21d07c42d43d000000f50d155305214cf247147c43c0f1a823";

/// `imaps://` and `pop3s://`, and the plain ones with `--ssl-reqd`.
pub(super) fn curl(scene: &Scene) -> Result<String> {
    let server = scene.serve_with(STRICT, &ALL)?;
    let urls = [
        format!("imaps://{}/INBOX;MAILINDEX=5", server.at(Service::Imaps)),
        format!("pop3s://{}/5", server.at(Service::Pop3s)),
        format!("imap://{}/INBOX;MAILINDEX=5", server.address),
        format!("pop3://{}/5", server.at(Service::Pop3)),
    ];
    for url in &urls {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--insecure", "--ssl-reqd", "--max-time", "20"]);
        curl.args(["--noproxy", "*", "--user", "admin:admin", url]);
        let output = client(&mut curl)?;
        ensure!(output.status.success(), "{url}: {}", output.stderr);
        ensure!(output.stdout.contains("r00tM3T00!"), "{url}: not the mail: {}", output.stdout);
    }
    let events = negotiated(scene, urls.len())?;
    ensure!(
        named(&events, "auth.succeeded").all(|event| event["tls"] == true),
        "a login is told to have come in the clear"
    );
    server.stop()?;
    Ok(format!("{} mails", urls.len()))
}

/// `tls.py`: imaplib, poplib and smtplib.
pub(super) fn python(scene: &Scene) -> Result<String> {
    let server = scene.serve_with(STRICT, &ALL)?;
    let script = scene.folder().join("tls.py");
    std::fs::write(&script, include_str!("tls.py"))?;
    let mut python = Command::new("python3");
    python.arg("-I").arg(&script).arg(server.address.port().to_string());
    python.args(ALL.map(|service| server.at(service).port().to_string()));
    let output = client(&mut python)?;
    ensure!(output.status.success(), "{}{}", output.stdout, output.stderr);
    let events = negotiated(scene, 6)?;
    let sent = named(&events, "mail.received").find(|event| event["tls"] == true);
    ensure!(sent.is_some(), "no mail over TLS in the evidence");
    server.stop()?;
    Ok(output.stdout.trim().to_owned())
}

/// `openssl s_client`, without names of STARTTLS, and TLS 1.0, which Postfix takes and Dovecot does not.
pub(super) fn s_client(scene: &Scene) -> Result<String> {
    let server = scene.serve_with(&[], &ALL)?;
    let old = ["-tls1", "-cipher", "DEFAULT@SECLEVEL=0"];
    let takes = |address: SocketAddr, more: &[&str]| -> Result<bool> {
        let mut openssl = Command::new("openssl");
        openssl.args(["s_client", "-connect", &address.to_string()]).args(more);
        let output = client(&mut openssl)?;
        // It ends with 0 whatever happens after the handshake.
        Ok(output.status.success() && !output.stdout.contains("(NONE)"))
    };
    let (pop3, smtp) = (server.at(Service::Pop3), server.at(Service::Smtp));
    for (address, more) in [
        (server.at(Service::Imaps), &[][..]),
        (server.at(Service::Pop3s), &[]),
        (server.at(Service::Submissions), &[]),
        (server.address, &["-starttls", "imap"]),
        (pop3, &["-starttls", "pop3"]),
        (smtp, &["-starttls", "smtp"]),
    ] {
        ensure!(takes(address, more)?, "no TLS at {address} {more:?}");
    }
    ensure!(takes(server.at(Service::Submissions), &old)?, "TLS 1.0 is not taken by Postfix");
    ensure!(takes(smtp, &[&["-starttls", "smtp"], &old[..]].concat())?, "TLS 1.0 after STARTTLS is not");
    ensure!(!takes(server.at(Service::Imaps), &old)?, "TLS 1.0 is taken by Dovecot");
    let events = negotiated(scene, 8)?;
    let first = named(&events, "tls.negotiated").filter(|event| event["version"] == "TLSv1").count();
    ensure!(first == 2, "{first} handshakes of TLS 1.0 in the evidence");
    let failed = named(&events, "tls.failed").any(|event| event["reason"] == "unknown-version");
    ensure!(failed, "the refusal is not in the evidence");
    server.stop()?;
    Ok("8 handshakes, 1 refused".into())
}

/// mbsync with the certificate pinned.
pub(super) fn mbsync(scene: &Scene) -> Result<String> {
    let server = scene.serve_with(&[], &[Service::Imaps])?;
    // Listeners are bound before there is a certificate; who is greeted has waited for it.
    Client::connect(server.address)?;
    let certificate = data(scene.folder()).join("tls/cert.pem");
    let pulled = mbsync::pull_over_tls(scene, server.at(Service::Imaps), &certificate)?;
    ensure!(pulled == 24, "{pulled} messages came");
    negotiated(scene, 1)?;
    server.stop()?;
    Ok(format!("{pulled} messages"))
}

/// The JARM of every way in.
pub(super) fn jarm(scene: &Scene) -> Result<String> {
    let server = scene.serve_with(&[], &ALL)?;
    let ways = ways(&server);
    for (address, start, expected) in &ways {
        let found = ::jarm::take(&address.to_string(), *start)?;
        ensure!(found == *expected, "{address} {start:?}: {found}");
    }
    server.stop()?;
    Ok(format!("{} ways in", ways.len()))
}

fn ways(server: &Server) -> [(SocketAddr, Option<StartTls>, &'static str); 6] {
    [
        (server.at(Service::Imaps), None, DOVECOT),
        (server.at(Service::Pop3s), None, DOVECOT),
        (server.at(Service::Submissions), None, POSTFIX),
        (server.address, Some(StartTls::Imap), DOVECOT),
        (server.at(Service::Pop3), Some(StartTls::Pop3), DOVECOT),
        (server.at(Service::Smtp), Some(StartTls::Smtp), POSTFIX),
    ]
}

/// The events, once there are so many handshakes and their sessions have ended.
fn negotiated(scene: &Scene, count: usize) -> Result<Vec<Value>> {
    scene.events_until("the handshakes", |events| {
        named(events, "tls.negotiated").count() == count
            && named(events, "session.opened").count() == named(events, "session.closed").count()
    })
}
