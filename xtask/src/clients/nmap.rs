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
