//! Clients for Python that are no packages of Debian: `IMAPClient` and `aioimaplib`, of `PyPI`.

use std::process::Command;

use anyhow::{Result, ensure};

use super::{Scene, client, stix};

/// `IMAPClient`: every message of every mailbox, changes, and IDLE.
pub(super) fn imapclient(scene: &Scene) -> Result<String> {
    run(scene, "imapclient==3.0.1", include_str!("imapclient.py"))
}

/// `aioimaplib`: the same at once on several connections.
pub(super) fn aioimaplib(scene: &Scene) -> Result<String> {
    run(scene, "aioimaplib==2.0.1", include_str!("aioimaplib.py"))
}

fn run(scene: &Scene, package: &str, script: &str) -> Result<String> {
    let python = stix::environment(scene.folder(), package)?.join("bin/python");
    let host = scene.host()?;
    let path = scene.folder().join("run.py");
    std::fs::write(&path, script)?;
    let mut python = Command::new(python);
    python.arg("-I").arg(&path).arg(host.imap.port().to_string());
    let mails = host.corpus()?.values().map(Vec::len).sum::<usize>();
    let output = client(python.arg(mails.to_string()))?;
    ensure!(output.status.success(), "{}{}", output.stdout, output.stderr);
    Ok(format!("{}, {}", output.stdout.trim(), host.finish()?))
}
