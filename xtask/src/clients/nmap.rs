//! nmap's service detection, which is how most intruders look first.

use std::process::Command;

use anyhow::{Result, ensure};

use super::{Scene, client};

/// `nmap -sV` names the server.
pub(super) fn run(scene: &Scene) -> Result<String> {
    let server = scene.serve(&[])?;
    let port = server.address.port().to_string();
    let output = client(Command::new("nmap").args(["-Pn", "-n", "-sT", "-sV", "-p", &port, "127.0.0.1"]))?;
    ensure!(output.status.success(), "nmap failed: {}", output.stderr);
    let said = output.stdout;
    let line = said.lines().find(|line| line.starts_with(&format!("{port}/tcp"))).unwrap_or(&said);
    ensure!(line.contains("Dovecot imapd"), "nmap says: {line}");
    server.stop()?;
    Ok(line.split_whitespace().collect::<Vec<_>>().join(" "))
}
