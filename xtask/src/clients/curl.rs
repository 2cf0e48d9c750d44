//! curl, as a one-line mail reader.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Result, ensure};

use super::{Scene, client, named};

/// Message 5 of INBOX, whole.
pub(super) fn reads(scene: &Scene) -> Result<String> {
    let server = scene.serve(&[])?;
    let output = client(&mut curl("admin:admin", server.address))?;
    ensure!(output.status.success(), "curl failed: {}", output.stderr);
    let mail = output.stdout;
    ensure!(mail.contains("Subject: Root password"), "not the root-password mail: {mail}");
    ensure!(mail.contains("r00tM3T00!"), "the root password is not in the mail: {mail}");
    server.stop()?;
    Ok(format!("{} octets", mail.len()))
}

/// A wrong password: curl gives up with its error 67, and the password is evidence.
pub(super) fn refused(scene: &Scene) -> Result<String> {
    let server = scene.serve(&[])?;
    let output = client(&mut curl("admin:wr\u{f6}ng", server.address))?;
    ensure!(output.stdout.is_empty(), "curl was let in: {}", output.stdout);
    ensure!(output.status.code() == Some(67), "curl failed for another reason: {}", output.stderr);
    scene.events_until("the failed login", |events| {
        named(events, "auth.failed").any(|event| event["password"] == "wr\u{f6}ng")
    })?;
    server.stop()?;
    Ok("login denied".into())
}

fn curl(user: &str, address: SocketAddr) -> Command {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "20", "--noproxy", "*", "--user", user]);
    command.arg(format!("imap://{address}/INBOX;MAILINDEX=5"));
    command
}
