//! Real clients, and attackers, against a running release binary.
//!
//! A scenario is one file and one row in [`SCENARIOS`]. Each has a server and a folder of its own, and leaves nothing
//! behind.

mod bounds;
mod configuration;
mod crash;
mod curl;
mod imaplib;
mod mbsync;
mod nmap;
mod shutdown;
mod specification;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command::{self, Output};
use crate::programs::Program;
use crate::report::{Outcome, Report};
use crate::server::{self, Server};
use crate::workspace::Workspace;

const CURL: Program = Program { name: "curl", package: "curl" };
const MBSYNC: Program = Program { name: "mbsync", package: "isync" };
const NMAP: Program = Program { name: "nmap", package: "nmap" };
const PYTHON: Program = Program { name: "python3", package: "python3" };

/// One thing that must work.
struct Scenario {
    name: &'static str,
    needs: Option<Program>,
    /// What was seen, in a few words.
    run: fn(&Scene) -> Result<String>,
}

const SCENARIOS: &[Scenario] = &[
    Scenario { name: "specification: a good login reads bait", needs: None, run: specification::good_login },
    Scenario { name: "specification: a bad login is refused", needs: None, run: specification::bad_login },
    Scenario { name: "curl reads the root password", needs: Some(CURL), run: curl::reads },
    Scenario { name: "curl is refused", needs: Some(CURL), run: curl::refused },
    Scenario { name: "imaplib fetches everything", needs: Some(PYTHON), run: imaplib::run },
    Scenario { name: "mbsync pulls everything, once", needs: Some(MBSYNC), run: mbsync::run },
    Scenario { name: "nmap sees Dovecot", needs: Some(NMAP), run: nmap::run },
    Scenario { name: "bounds: an enormous message set", needs: None, run: bounds::message_set },
    Scenario { name: "bounds: a line of a gigabyte", needs: None, run: bounds::endless_line },
    Scenario { name: "bounds: 200 silent connections", needs: None, run: bounds::silence },
    Scenario { name: "configuration: IMAP_USERS=broken", needs: None, run: configuration::broken_users },
    Scenario { name: "configuration: a misspelt key", needs: None, run: configuration::misspelt_key },
    Scenario { name: "SIGTERM ends it cleanly", needs: None, run: shutdown::run },
    Scenario { name: "kill -9 loses nothing", needs: None, run: crash::run },
];

/// All programs that scenarios need.
pub(crate) fn programs() -> BTreeSet<Program> {
    SCENARIOS.iter().filter_map(|scenario| scenario.needs).collect()
}

/// Runs every scenario as a step.
pub(crate) fn run(workspace: &Workspace, built: bool, present: &BTreeSet<Program>, report: &mut Report) {
    for scenario in SCENARIOS {
        report.step(scenario.name, || {
            if !built {
                return Ok(Outcome::Skipped("there is no release build to run".into()));
            }
            if let Some(program) = scenario.needs.filter(|program| !present.contains(program)) {
                return Ok(Outcome::Skipped(format!(
                    "{} is missing (package {})",
                    program.name, program.package
                )));
            }
            (scenario.run)(&Scene::new(workspace.honeypost())?).map(Outcome::Passed)
        });
    }
}

/// What a scenario works with.
pub(crate) struct Scene {
    program: PathBuf,
    folder: tempfile::TempDir,
}

impl Scene {
    fn new(program: PathBuf) -> Result<Self> {
        Ok(Self { program, folder: tempfile::tempdir().context("a folder for the scenario")? })
    }

    /// A folder of its own, gone at the end.
    fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A running server with these environment variables.
    fn serve(&self, settings: &[(&str, &str)]) -> Result<Server> {
        Server::start(&self.program, self.folder(), settings)
    }

    /// All events so far.
    fn events(&self) -> Result<Vec<Value>> {
        server::events(&self.program, self.folder())
    }

    /// All events, as soon as they show what is waited for.
    fn events_until(&self, what: &str, enough: impl Fn(&[Value]) -> bool) -> Result<Vec<Value>> {
        server::events_until(&self.program, self.folder(), what, enough)
    }
}

/// The events of that name.
fn named<'a>(events: &'a [Value], name: &str) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| event["event"] == name)
}

/// Runs a client program; none takes long.
fn client(program: &mut Command) -> Result<Output> {
    command::output(program, Duration::from_mins(2))
}
