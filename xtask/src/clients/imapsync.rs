//! imapsync, where somebody has put it on the path: no package of Debian 12 has it.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Missing, Scene, client, maildir};
use crate::imap::Client;
use crate::programs;

const MAIL: &str =
    "From: a@client.test\r\nMessage-ID: <NUMBER@client.test>\r\nSubject: number NUMBER\r\n\r\nText.\r\n";

/// From one account to another: what is new arrives, and the second run transfers nothing.
pub(super) fn run(scene: &Scene) -> Result<String> {
    if !programs::on_path("imapsync") {
        return Err(
            Missing("imapsync is missing (https://imapsync.lamiral.info; no package has it)".into()).into()
        );
    }
    let host = scene.host()?;
    let mut one = Client::connect(host.direct)?;
    one.command("LOGIN admin admin")?.ok()?;
    one.command("CREATE Projects")?.ok()?;
    for (number, mailbox) in ["INBOX", "INBOX", "Projects"].into_iter().enumerate() {
        let mail = MAIL.replace("NUMBER", &number.to_string());
        one.command(&format!("APPEND {mailbox} (\\Flagged) {{{}+}}\r\n{mail}", mail.len()))?.ok()?;
    }
    let run = |expected: usize| -> Result<()> {
        let port = host.imap.port().to_string();
        let mut command = Command::new("imapsync");
        command.args(["--host1", "127.0.0.1", "--port1", &port, "--user1", "admin", "--password1", "admin"]);
        command.args(["--host2", "127.0.0.1", "--port2", &port, "--user2", "test", "--password2", "test123"]);
        command.args([
            "--noreleasecheck",
            "--nolog",
            "--notls1",
            "--notls2",
            "--nossl1",
            "--nossl2",
            "--tmpdir",
        ]);
        let output = client(command.arg(scene.folder()).current_dir(scene.folder()))?;
        let told = output.stdout.lines().find(|line| line.starts_with("Messages transferred"));
        let told = told.with_context(|| format!("imapsync ({}): {}", output.status, output.stdout))?;
        ensure!(output.status.success(), "imapsync ({}): {}", output.status, output.stdout);
        ensure!(told.trim_end().ends_with(&format!(": {expected}")), "{told}, not {expected}");
        Ok(())
    };
    run(3)?;
    run(0)?;
    let mut other = Client::connect(host.direct)?;
    other.command("LOGIN test test123")?.ok()?;
    let (far, there) = (maildir::far(&mut one)?, maildir::far(&mut other)?);
    for (name, mails) in &far {
        ensure!(there.get(name) == Some(mails), "{name} is not the same on both sides");
    }
    host.finish()
}
