//! Programs that guess passwords: hydra, and nmap's scripts.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};

use super::{Scene, client, named};
use crate::server::Service;

/// The right one is the second: a wrong one is waited for.
const PASSWORDS: &str = "letmein\nadmin\n";

/// hydra finds the password over IMAP, POP3 and SMTP.
pub(super) fn hydra(scene: &Scene) -> Result<String> {
    let host = scene.host()?;
    let list = passwords(scene)?;
    for (module, port) in [("imap", host.imap.port()), ("pop3", host.pop3.port())] {
        let mut hydra = Command::new("hydra");
        hydra.args(["-I", "-t", "1", "-l", "admin", "-P"]).arg(&list).current_dir(scene.folder());
        hydra.args(["-s", &port.to_string(), "127.0.0.1", module]);
        let output = client(&mut hydra)?;
        let found = output.stdout.contains("login: admin   password: admin");
        ensure!(found, "{module}: {}{}", output.stdout, output.stderr);
    }
    host.finish()
}

/// SMTP with AUTH: nothing is right there, and both guesses are kept.
pub(super) fn hydra_smtp(scene: &Scene) -> Result<String> {
    let server = scene.serve_with(&[("HONEYPOST_PERSONALITY", "dovecot-2.3")], &[Service::Smtp])?;
    let mut hydra = Command::new("hydra");
    hydra.args(["-I", "-t", "1", "-l", "admin", "-P"]).arg(passwords(scene)?).current_dir(scene.folder());
    hydra.args(["-s", &server.at(Service::Smtp).port().to_string(), "127.0.0.1", "smtp"]);
    let output = client(&mut hydra)?;
    ensure!(output.stdout.contains("0 valid password"), "{}{}", output.stdout, output.stderr);
    let events = scene.events_until("two guesses", |events| named(events, "auth.failed").count() == 2)?;
    let mut guessed: Vec<&str> =
        named(&events, "auth.failed").filter_map(|event| event["password"].as_str()).collect();
    guessed.sort_unstable();
    ensure!(guessed == ["admin", "letmein"], "guessed: {guessed:?}");
    server.stop()?;
    Ok("2 guesses".into())
}

/// `imap-brute` and `pop3-brute`.
pub(super) fn nmap(scene: &Scene) -> Result<String> {
    let host = scene.host()?;
    let users = scene.folder().join("users");
    std::fs::write(&users, "admin\n")?;
    let script =
        format!("userdb={},passdb={},brute.firstonly=true", users.display(), passwords(scene)?.display());
    for (name, port) in [("+imap-brute", host.imap.port()), ("+pop3-brute", host.pop3.port())] {
        let mut nmap = Command::new("nmap");
        nmap.args([
            "-Pn",
            "-n",
            "-sT",
            "-p",
            &port.to_string(),
            "--script",
            name,
            "--script-args",
            &script,
            "127.0.0.1",
        ]);
        let output = client(&mut nmap)?;
        ensure!(output.stdout.contains("admin:admin - Valid credentials"), "{name}: {}", output.stdout);
    }
    host.finish()
}

fn passwords(scene: &Scene) -> Result<PathBuf> {
    let path = scene.folder().join("passwords");
    std::fs::write(&path, PASSWORDS)?;
    Ok(path)
}
