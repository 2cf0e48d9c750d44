//! `cargo xtask test`: every check there is, in order, and a table of them.
//!
//! A failed check does not stop the ones after it, but what cannot run without it is skipped and says so.

use anyhow::Result;

use crate::report::{Outcome, Report};
use crate::workspace::{self, Workspace};
use crate::{architecture, clients, links, programs, rooms, suite};

/// How far to go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Without the release build and the clients: for the inner loop.
    Fast,
    /// What CI runs.
    Full,
}

/// Runs the checks; `false` if one failed.
pub(crate) fn run(depth: Depth) -> Result<bool> {
    let workspace = Workspace::load()?;
    let mut report = Report::default();

    report.step("formatting", || cargo(&workspace, "fmt --all --check"));
    report.step("lints", || {
        cargo(
            &workspace,
            "clippy --quiet --workspace --all-targets --locked -- -D warnings",
        )
    });
    report.step("architecture: who depends on whom", || {
        Ok(findings(&architecture::check(&workspace)?))
    });
    report.step("architecture: no I/O and no clock below the driver", || {
        Ok(findings(&rooms::no_io(&workspace)?))
    });
    report.step("architecture: wire texts are data", || {
        Ok(findings(&rooms::wire_texts(&workspace)?))
    });
    report.step("architecture: one subject a file", || {
        Ok(findings(&rooms::sizes(&workspace)?))
    });
    report.step("documents: links", || Ok(findings(&links::check(&workspace)?)));
    suite::run(&workspace, &mut report);

    if depth == Depth::Full {
        let built = report.step("release build", || {
            cargo(&workspace, "build --quiet --release --locked --package honeypost")
        });
        let present = programs::provide(clients::programs());
        clients::run(&workspace, built, &present, &mut report);
    }
    Ok(report.finish())
}

/// A cargo command as a step: what it printed is shown when it fails.
fn cargo(workspace: &Workspace, command: &str) -> Result<Outcome> {
    let words: Vec<&str> = command.split(' ').collect();
    let (status, text) = workspace::run(&mut workspace.cargo(&words))?;
    if status.success() {
        return Ok(Outcome::Passed(String::new()));
    }
    println!("{}", text.trim_end());
    Ok(Outcome::Failed(format!("cargo {} ({status})", words[0])))
}

/// A list of complaints as a step.
fn findings(complaints: &[String]) -> Outcome {
    if complaints.is_empty() {
        return Outcome::Passed(String::new());
    }
    for complaint in complaints {
        println!("   {complaint}");
    }
    Outcome::Failed(format!("{} findings", complaints.len()))
}
