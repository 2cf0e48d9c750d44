//! The workspace as cargo sees it, and commands run in its root.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// The project's root and what `cargo metadata` says of it.
pub(crate) struct Workspace {
    /// The folder of the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds.
    pub(crate) target: PathBuf,
    /// The whole of `cargo metadata --format-version 1`.
    pub(crate) metadata: Value,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn load() -> Result<Self> {
        let here = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").into());
        // Without a filter cargo downloads what other operating systems would need.
        let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let output = Command::new(cargo())
            .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", &platform])
            .current_dir(&here)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .context("running cargo metadata")?;
        ensure!(output.status.success(), "cargo metadata failed");
        let metadata: Value = serde_json::from_slice(&output.stdout).context("reading cargo metadata")?;
        let path = |key: &str| match metadata[key].as_str() {
            Some(path) => Ok(PathBuf::from(path)),
            None => bail!("cargo metadata has no {key}"),
        };
        Ok(Self { root: path("workspace_root")?, target: path("target_directory")?, metadata })
    }

    /// The shipped program as `cargo build --release` leaves it.
    pub(crate) fn honeypost(&self) -> PathBuf {
        self.target.join("release/honeypost")
    }

    /// Cargo in the root, without standard input.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(cargo());
        command.args(arguments).current_dir(&self.root).stdin(Stdio::null());
        command
    }

    /// Every file below `folder` whose name ends in `suffix`, sorted, as paths from the root.
    pub(crate) fn files(&self, folder: &str, suffix: &str) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        let start = self.root.join(folder);
        if start.exists() {
            collect(&start, suffix, &mut found)?;
        }
        found.sort();
        found.iter().map(|path| Ok(path.strip_prefix(&self.root)?.to_path_buf())).collect()
    }
}

fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".into())
}

fn collect(folder: &Path, suffix: &str, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || name == "target" {
            continue;
        }
        if path.is_dir() {
            collect(&path, suffix, found)?;
        } else if name.ends_with(suffix) {
            found.push(path);
        }
    }
    Ok(())
}
