//! `cargo xtask test`: every check there is, in order, and a table of them.
//!
//! A failed check does not stop the ones after it, but what cannot run without it is skipped and says so.

use std::time::Duration;

use anyhow::Result;

use crate::report::{Outcome, Report};
use crate::workspace::Workspace;
use crate::{architecture, clients, command, fidelity, links, programs, rooms, suite};

/// The longest that cargo may compile: far more than a slow machine needs, but not for ever.
const COMPILING: Duration = Duration::from_mins(40);

/// What to run.
#[derive(Clone, Copy)]
pub(crate) enum Part<'a> {
    /// What CI runs.
    All,
    /// All but the release build and the clients: for the inner loop.
    Fast,
    /// What the source shows without being run.
    Lints,
    /// The release build and the clients alone, those whose name has this in it.
    Clients(&'a str),
}

/// Runs the checks; `false` if one failed.
pub(crate) fn run(part: Part<'_>) -> Result<bool> {
    let workspace = Workspace::load()?;
    let mut report = Report::default();
    if matches!(part, Part::All | Part::Fast | Part::Lints) {
        source(&workspace, &mut report);
    }
    if matches!(part, Part::All | Part::Fast) {
        // What is still missing then, the test that needs it says.
        programs::provide(programs::OF_TESTS.into());
        suite::run(&workspace, &mut report);
    }
    if matches!(part, Part::All | Part::Clients(_)) {
        let built = report.step("release build", || {
            cargo(&workspace, "build --quiet --release --locked --package honeypost")
        });
        let present = programs::provide(clients::programs());
        let only = if let Part::Clients(only) = part { only } else { "" };
        clients::run(&workspace, only, built, &present, &mut report);
        if only.is_empty() {
            fidelity::steps(&workspace, built, &mut report);
        }
    }
    Ok(report.finish())
}

/// A check that lists what it finds.
type Look = fn(&Workspace) -> Result<Vec<String>>;

/// What can be told by looking at the files.
fn source(workspace: &Workspace, report: &mut Report) {
    report.step("formatting", || cargo(workspace, "fmt --all --check"));
    report.step("lints", || {
        cargo(workspace, "clippy --quiet --workspace --all-targets --locked -- -D warnings")
    });
    let checks: [(&str, Look); 5] = [
        ("architecture: who depends on whom", architecture::check),
        ("architecture: no I/O and no clock below the driver", rooms::no_io),
        ("architecture: wire texts are data", rooms::wire_texts),
        ("architecture: one subject a file", rooms::sizes),
        ("documents: links", links::check),
    ];
    for (name, check) in checks {
        report.step(name, || Ok(findings(&check(workspace)?)));
    }
}

/// A cargo command as a step: what it printed is shown when it fails.
fn cargo(workspace: &Workspace, line: &str) -> Result<Outcome> {
    let words: Vec<&str> = line.split(' ').collect();
    let (status, text) = command::lines(&mut workspace.cargo(&words), COMPILING, |_| {})?;
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
