//! Python's imaplib: every message of every mailbox in every form, and the ways to log in.

use std::process::Command;

use anyhow::{Result, ensure};

use super::{Scene, client, named};

const SCRIPT: &str = include_str!("imaplib.py");

/// Runs `imaplib.py`, which checks the answers, and then looks whether the evidence has all it read.
pub(super) fn run(scene: &Scene) -> Result<String> {
    let server = scene.serve(&[])?;
    let script = scene.folder().join("everything.py");
    std::fs::write(&script, SCRIPT)?;
    let mut python = Command::new("python3");
    python.arg("-I").arg(&script).arg(server.address.ip().to_string()).arg(server.address.port().to_string());
    let output = client(&mut python)?;
    ensure!(output.status.success(), "{}{}", output.stdout, output.stderr);
    let events = scene.events_until("24 whole messages read", |events| {
        named(events, "message.read").filter(|event| event["section"] == "RFC822").count() == 24
    })?;
    let mechanisms: Vec<&str> =
        named(&events, "auth.succeeded").filter_map(|event| event["mechanism"].as_str()).collect();
    ensure!(mechanisms == ["LOGIN", "PLAIN", "LOGIN"], "the ways of logging in: {mechanisms:?}");
    ensure!(named(&events, "search.run").count() >= 3, "the searches are not in the evidence");
    server.stop()?;
    Ok(output.stdout.trim().to_owned())
}
