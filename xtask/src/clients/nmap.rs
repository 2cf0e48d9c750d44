//! nmap's service detection, which is how most intruders look first.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Scene, client};
use crate::server::Service;

/// `nmap -sV` names the servers.
pub(super) fn run(scene: &Scene) -> Result<String> {
    let server = scene.serve_with(&[], &[Service::Pop3, Service::Smtp])?;
    let expected = [
        (server.address.port(), "Dovecot imapd"),
        (server.at(Service::Pop3).port(), "Dovecot pop3d"),
        (server.at(Service::Smtp).port(), "Postfix smtpd"),
    ];
    let ports = expected.map(|(port, _)| port.to_string()).join(",");
    let output = client(Command::new("nmap").args(["-Pn", "-n", "-sT", "-sV", "-p", &ports, "127.0.0.1"]))?;
    ensure!(output.status.success(), "nmap failed: {}", output.stderr);
    let said = output.stdout;
    for (port, name) in expected {
        let line = said.lines().find(|line| line.starts_with(&format!("{port}/tcp")));
        let line = line.with_context(|| format!("nmap does not list port {port}: {said}"))?;
        ensure!(line.contains(name), "nmap says: {line}");
    }
    server.stop()?;
    Ok(expected.map(|(_, name)| name).join(", "))
}

/// What the scripts print of Debian's Dovecot and Postfix.
const TOLD: [&str; 5] = [
    "banner: * OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE ID | |_LE LITERAL+ STARTTLS AUTH=PLAIN] Dovecot \
     (Debian) ready.",
    "banner: +OK Dovecot (Debian) ready.",
    "banner: 220 mail.example.com ESMTP Postfix (Debian/GNU)",
    "smtp-commands: mail.example.com, PIPELINING, SIZE 10240000, VRFY, ETRN, STARTTLS, ENHANCEDSTATUSCODES, 8BITMIME, DSN, \
     SMTPUTF8, CHUNKING",
    "Service Info: Host: mail.example.com",
];

/// The same of the scripts that print words in no order.
const TOLD_IN_ANY_ORDER: [(&str, &str); 2] = [
    ("pop3-capabilities:", "AUTH-RESP-CODE CAPA PIPELINING RESP-CODES SASL(PLAIN) STLS TOP UIDL USER"),
    (
        "imap-capabilities:",
        "AUTH=PLAINA0001 ENABLE ID IDLE IMAP4rev1 LITERAL+ LOGIN-REFERRALS OK Pre-login SASL-IR STARTTLS \
         capabilities have listed more post-login",
    ),
];

/// Every probe and every script that looks.
pub(super) fn scripts(scene: &Scene) -> Result<String> {
    let host = scene.host()?;
    let ports = [host.imap, host.pop3, host.smtp].map(|at| at.port().to_string()).join(",");
    let mut nmap = Command::new("nmap");
    nmap.args(["-Pn", "-n", "-sT", "-sV", "--version-all", "-p", &ports, "--script"]);
    nmap.args(["banner,imap-capabilities,pop3-capabilities,smtp-commands", "127.0.0.1"]);
    let said = client(&mut nmap)?.stdout;
    let words: Vec<&str> = said.split_whitespace().collect();
    let flat = words.join(" ").replace("| |_", "").replace("|_", "");
    for told in TOLD {
        ensure!(flat.contains(&told.replace("| |_", "")), "nmap does not print {told:?}: {said}");
    }
    for (name, told) in TOLD_IN_ANY_ORDER {
        let line = said
            .lines()
            .find_map(|line| line.split_once(name))
            .with_context(|| format!("no {name}: {said}"))?;
        let mut found: Vec<&str> = line.1.split_whitespace().collect();
        found.sort_unstable();
        ensure!(found.join(" ") == told, "{name} {found:?}");
    }
    host.finish()
}
