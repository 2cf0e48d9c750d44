//! What an operator gets wrong: one clear error, exit status 2, and nothing started.

use anyhow::{Result, ensure};

use super::Scene;
use crate::server::{data, honeypost};

/// An entry without a colon.
pub(super) fn broken_users(scene: &Scene) -> Result<String> {
    refused(scene, &[], &[("IMAP_USERS", "broken")], &["IMAP_USERS", "broken", "user:password"])
}

/// A key that does not exist, in a file.
pub(super) fn misspelt_key(scene: &Scene) -> Result<String> {
    let file = scene.folder().join("misspelt.toml");
    std::fs::write(&file, "[limits]\nlogin-timeuot = \"2s\"\n")?;
    let path = file.to_string_lossy();
    refused(scene, &["--config", &path], &[], &["misspelt.toml:2", "login-timeuot", "limits.login-timeout"])
}

/// Runs `serve`, which must end with status 2 and one line that has all of `words`.
fn refused(scene: &Scene, flags: &[&str], settings: &[(&str, &str)], words: &[&str]) -> Result<String> {
    let mut command = honeypost(&scene.program);
    command.args(["serve", "--imap", "127.0.0.1:0", "--data-dir"]).arg(data(scene.folder()));
    let output = command.args(flags).envs(settings.iter().copied()).output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(2), "{}: {complaint}", output.status);
    ensure!(output.stdout.is_empty(), "it printed something else as well");
    ensure!(complaint.trim_end().lines().count() == 1, "not one error: {complaint}");
    for word in words {
        ensure!(complaint.contains(word), "no {word:?} in: {complaint}");
    }
    ensure!(!data(scene.folder()).exists(), "the data directory was made all the same");
    Ok(complaint.trim().replace(&*scene.folder().to_string_lossy(), "..."))
}
