//! curl, as a one-line mail reader.

use std::process::Command;

use anyhow::{Result, ensure};

use super::{Scene, named, output};

/// Message 5 of INBOX, whole.
pub(super) fn reads(scene: &Scene) -> Result<String> {
    let server = scene.serve(&[])?;
    let url = format!("imap://{}/INBOX;MAILINDEX=5", server.address);
    let (success, mail, complaint) = output(&mut curl("admin:admin", &url))?;
    ensure!(success, "curl failed: {complaint}");
    ensure!(
        mail.contains("Subject: Root password") && mail.contains("r00tM3T00!"),
        "not the root-password mail: {mail}"
    );
    server.stop()?;
    Ok(format!("{} octets", mail.len()))
}

/// A wrong password: curl gives up with its error 67, and the password is evidence.
pub(super) fn refused(scene: &Scene) -> Result<String> {
    let server = scene.serve(&[])?;
    let url = format!("imap://{}/INBOX;MAILINDEX=5", server.address);
    let (success, mail, complaint) = output(&mut curl("admin:wr\u{f6}ng", &url))?;
    ensure!(!success && mail.is_empty(), "curl was let in: {mail}");
    ensure!(
        complaint.contains("(67)"),
        "curl failed for another reason: {complaint}"
    );
    scene.events_until("the failed login", |events| {
        named(events, "auth.failed").any(|event| event["password"] == "wr\u{f6}ng")
    })?;
    server.stop()?;
    Ok("login denied".into())
}

fn curl(user: &str, url: &str) -> Command {
    let mut command = Command::new("curl");
    command.args([
        "--silent",
        "--show-error",
        "--max-time",
        "20",
        "--noproxy",
        "*",
        "--user",
        user,
        url,
    ]);
    command
}
