//! mbsync (Debian package isync): a mirror of everything, and a second run that finds nothing to do.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Scene, client};
use crate::imap::Client;

/// Each mailbox and how many messages the default persona has in it.
const MAILBOXES: &[(&str, usize)] = &[("INBOX", 12), ("Sent", 8), ("Drafts", 1), ("Archive", 3)];

/// Pulls into an empty folder twice and compares every file with what FETCH gives.
pub(super) fn run(scene: &Scene) -> Result<String> {
    let server = scene.serve(&[])?;
    let mirror = scene.folder().join("mirror");
    std::fs::create_dir(&mirror)?;
    let no_tls = if version()?.as_str() < "1.5" { "SSLType None" } else { "TLSType None" };
    let configuration = configure(scene, &mirror, server.address, no_tls)?;

    pull(&configuration)?;
    let first = files(&mirror)?;
    let mut reader = Client::connect(server.address)?;
    reader.command("LOGIN admin admin")?.ok()?;
    for (name, expected) in MAILBOXES {
        let mut near: Vec<Vec<u8>> = first
            .iter()
            .filter(|(path, _)| path.starts_with(name))
            .map(|(_, mail)| as_served(mail))
            .collect();
        ensure!(near.len() == *expected, "{name}: {} messages came, {expected} are there", near.len());
        reader.command(&format!("EXAMINE {name}"))?.ok()?;
        for number in 1..=*expected {
            let mail = reader.command(&format!("FETCH {number} BODY.PEEK[]"))?.ok()?;
            let mail = mail.literal().context("no message in the answer to FETCH")?;
            let here = near.iter().position(|pulled| pulled == mail);
            near.remove(here.with_context(|| format!("{name} {number} did not come whole"))?);
        }
    }
    pull(&configuration)?;
    ensure!(files(&mirror)? == first, "the second run changed something");
    server.stop()?;
    Ok(format!("{} messages, byte for byte, twice", first.len()))
}

/// Pulls once from a listener that begins with TLS, whose certificate is this: how many messages came.
pub(super) fn pull_over_tls(scene: &Scene, address: SocketAddr, certificate: &Path) -> Result<usize> {
    let mirror = scene.folder().join("mirror");
    std::fs::create_dir(&mirror)?;
    let tls = if version()?.as_str() < "1.5" { "SSLType" } else { "TLSType" };
    let tls = format!("{tls} IMAPS\nCertificateFile {}", certificate.display());
    let configuration = configure(scene, &mirror, address, &tls)?;
    pull(&configuration)?;
    Ok(files(&mirror)?.len())
}

/// Writes mbsync's configuration.
fn configure(scene: &Scene, mirror: &Path, address: SocketAddr, tls: &str) -> Result<PathBuf> {
    let configuration = scene.folder().join("mbsyncrc");
    std::fs::write(
        &configuration,
        format!(
            "IMAPAccount decoy\nHost {}\nPort {}\nUser admin\nPass admin\n{tls}\nTimeout 20\n\n\
             IMAPStore far\nAccount decoy\n\n\
             MaildirStore near\nPath {mirror}/\nInbox {mirror}/INBOX\nSubFolders Verbatim\n\n\
             Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Near\nSync Pull\nSyncState *\n",
            address.ip(),
            address.port(),
            mirror = mirror.display(),
        ),
    )?;
    Ok(configuration)
}

fn pull(configuration: &Path) -> Result<()> {
    let mut command = Command::new("mbsync");
    let output = client(command.arg("-c").arg(configuration).arg("-a"))?;
    ensure!(output.status.success(), "mbsync failed: {}{}", output.stdout, output.stderr);
    ensure!(!output.stderr.to_lowercase().contains("error"), "mbsync complains: {}", output.stderr);
    Ok(())
}

/// `1.4.4` of `isync 1.4.4`.
pub(super) fn version() -> Result<String> {
    let output = client(Command::new("mbsync").arg("--version"))?;
    let version = output.stdout.split_whitespace().find(|word| word.contains('.'));
    Ok(version.context("mbsync does not say its version")?.to_owned())
}

/// The mail files of the mirror, by path; mbsync's own state is none.
fn files(mirror: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    for mailbox in std::fs::read_dir(mirror)? {
        let mailbox = mailbox?.path();
        for folder in ["new", "cur"] {
            for file in std::fs::read_dir(mailbox.join(folder))? {
                let path = file?.path();
                let mail = std::fs::read(&path)?;
                found.insert(path.strip_prefix(mirror)?.to_path_buf(), mail);
            }
        }
    }
    Ok(found)
}

/// A mail as the server has it: mbsync drops carriage returns and adds a header of its own.
fn as_served(mail: &[u8]) -> Vec<u8> {
    let mut served = Vec::with_capacity(mail.len());
    for line in mail.split_inclusive(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"X-TUID: ")) {
        served.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
        if line.ends_with(b"\n") {
            served.extend_from_slice(b"\r\n");
        }
    }
    served
}
