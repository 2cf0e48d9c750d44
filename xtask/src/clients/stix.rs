//! What `honeypost export --format stix` writes, judged by OASIS's own validator for Python.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Missing, Scene, client, named};
use crate::command::{self, Output};
use crate::imap::Client;
use crate::server::{Service, data, honeypost};

/// What is asked of `PyPI`. It brings its schemas along, and asks the network for nothing when it runs.
const VALIDATOR: &str = "stix2-validator==3.3.2";

/// The longest that its installation may take.
const LIMIT: Duration = Duration::from_mins(5);

/// A password that would end a literal of a pattern, a cell of a table and a string of JSON.
const PASSWORD: &str = "=cmd|'\\\"] OR [";

/// A guess, a login that reads bait, and a mail with an attachment and a link: as a bundle that is valid, and twice the same.
pub(super) fn run(scene: &Scene) -> Result<String> {
    let validator = environment(scene.folder(), VALIDATOR)?.join("bin/stix2_validator");
    let server = scene.serve_with(&[("SMTP_OPEN_RELAY", "1")], &[Service::Smtp])?;
    Client::connect(server.address)?.command(&format!("LOGIN admin {}", quoted(PASSWORD)))?;
    Client::selected(server.address)?.command("FETCH 1:* BODY[]")?.ok()?;
    let attachment = scene.folder().join("='loot\".bin");
    std::fs::write(&attachment, b"\0\xff loot")?;
    let port = server.at(Service::Smtp).port().to_string();
    let mut swaks = Command::new("swaks");
    swaks.args(["--server", "127.0.0.1", "--port", &port, "--ehlo", "client.test", "--timeout", "20"]);
    swaks.args([
        "--from",
        "x@sender.test",
        "--to",
        "a@one.test,b@two.test",
        "--auth",
        "PLAIN",
        "-au",
        "admin",
    ]);
    swaks.args(["-ap", PASSWORD, "--body", "see http://evil.test/it's"]);
    let output = client(swaks.arg("--attach").arg(format!("@{}", attachment.display())))?;
    ensure!(output.status.success(), "swaks: {}", output.stdout);
    scene.events_until("three closed sessions", |events| named(events, "session.closed").count() == 3)?;
    server.stop()?;

    let bundle = export(scene, "bundle.json")?;
    let text = std::fs::read_to_string(&bundle)?;
    let again = std::fs::read_to_string(export(scene, "again.json")?)?;
    ensure!(text == again, "the same evidence gave two bundles");
    let judged = judge(&validator, &bundle)?;
    ensure!(judged.status.success(), "{}{}", judged.stdout, judged.stderr);
    let objects = serde_json::from_str::<Value>(&text)?["objects"].as_array().context("no objects")?.clone();
    for kind in [
        "attack-pattern",
        "email-message",
        "file",
        "indicator",
        "network-traffic",
        "note",
        "observed-data",
        "sighting",
        "url",
        "user-account",
    ] {
        ensure!(objects.iter().any(|object| object["type"] == kind), "no {kind} in the bundle");
    }
    ensure!(objects.iter().any(|object| object["credential"] == PASSWORD), "the password is another");

    // That it finds something at all.
    let broken = scene.folder().join("broken.json");
    std::fs::write(&broken, text.replacen("\"pattern_type\":\"stix\"", "\"pattern_type\":7", 1))?;
    ensure!(!judge(&validator, &broken)?.status.success(), "the validator takes anything");
    Ok(format!("{} objects, valid", objects.len()))
}

/// An environment of Python's with this package in it, gone with the scenario.
pub(super) fn environment(folder: &Path, package: &str) -> Result<PathBuf> {
    let place = folder.join("python");
    let mut make = Command::new("python3");
    make.args(["-m", "venv"]).arg(&place);
    let mut fill = Command::new(place.join("bin/pip"));
    fill.args(["install", "--quiet", "--disable-pip-version-check", package]);
    for (name, mut step) in [("python3 -m venv", make), ("pip install", fill)] {
        let complaint = match command::output(&mut step, LIMIT) {
            Ok(output) if output.status.success() => continue,
            Ok(output) => output.stderr.trim().lines().next_back().unwrap_or_default().to_owned(),
            Err(error) => format!("{error:#}"),
        };
        return Err(Missing(format!("{package} cannot be had ({name}: {complaint})")).into());
    }
    Ok(place)
}

/// Strictly: every recommendation is a rule, but for one. 103 asks for random ids of domain objects; STIX 2.1 section 2.9 lets
/// a producer make them from a namespace of its own, which is what makes an export the same twice.
fn judge(validator: &Path, bundle: &Path) -> Result<Output> {
    let mut command = Command::new(validator);
    command.args([
        "--version",
        "2.1",
        "--strict",
        "--strict-properties",
        "--enforce-refs",
        "--disable",
        "103",
    ]);
    client(command.arg(bundle))
}

fn export(scene: &Scene, name: &str) -> Result<PathBuf> {
    let path = scene.folder().join(name);
    let mut command = honeypost(&scene.program);
    command.args(["export", "--format", "stix", "--data-dir"]).arg(data(scene.folder()));
    let output = client(command.arg("--output").arg(&path))?;
    ensure!(output.status.success(), "honeypost export: {}", output.stderr);
    Ok(path)
}

/// A quoted string (RFC 3501 section 4.3).
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
