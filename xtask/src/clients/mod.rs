//! Real clients, and attackers, against a running release binary.
//!
//! A scenario is one file and one row in [`SCENARIOS`]. Each has a server and a folder of its own, and leaves nothing
//! behind.

mod arrival;
mod audit;
mod bounds;
mod configuration;
mod crash;
mod curl;
mod decnet;
mod disk;
mod fetchers;
mod guessers;
mod host;
mod hostile;
mod imaplib;
mod imapsync;
mod maildir;
mod mbsync;
mod mutt;
mod nmap;
mod packages;
mod pop3;
mod recorder;
mod shutdown;
mod smtp;
mod specification;
mod stix;
mod tls;
mod twoway;
mod urls;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command::{self, Output};
use crate::programs::Program;
use crate::report::{Outcome, Report};
use crate::server::{self, Server, Service};
use crate::workspace::Workspace;

const CURL: Program = Program { name: "curl", package: "curl" };
const FETCHMAIL: Program = Program { name: "fetchmail", package: "fetchmail" };
const GETMAIL: Program = Program { name: "getmail", package: "getmail6" };
const HYDRA: Program = Program { name: "hydra", package: "hydra" };
const MBSYNC: Program = Program { name: "mbsync", package: "isync" };
const MPOP: Program = Program { name: "mpop", package: "mpop" };
const MUTT: Program = Program { name: "mutt", package: "mutt" };
const NEOMUTT: Program = Program { name: "neomutt", package: "neomutt" };
const NMAP: Program = Program { name: "nmap", package: "nmap" };
const OFFLINEIMAP: Program = Program { name: "offlineimap", package: "offlineimap3" };
const OPENSSL: Program = Program { name: "openssl", package: "openssl" };
const PYTHON: Program = Program { name: "python3", package: "python3" };
const SWAKS: Program = Program { name: "swaks", package: "swaks" };

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
    Scenario { name: "nmap sees Dovecot and Postfix", needs: Some(NMAP), run: nmap::run },
    Scenario { name: "poplib goes through the list", needs: Some(PYTHON), run: pop3::list },
    Scenario { name: "mpop fetches everything, once", needs: Some(MPOP), run: pop3::mpop },
    Scenario { name: "swaks is refused", needs: Some(SWAKS), run: smtp::harvest },
    Scenario { name: "swaks relays", needs: Some(SWAKS), run: smtp::relay },
    Scenario { name: "SMTP: octets as they were sent", needs: None, run: smtp::octets },
    Scenario { name: "mail arrives for its sender only", needs: Some(PYTHON), run: arrival::run },
    Scenario { name: "TLS: curl, both ways", needs: Some(CURL), run: tls::curl },
    Scenario { name: "TLS: Python, both ways", needs: Some(PYTHON), run: tls::python },
    Scenario { name: "TLS: openssl s_client, old ones too", needs: Some(OPENSSL), run: tls::s_client },
    Scenario { name: "TLS: mbsync pulls everything", needs: Some(MBSYNC), run: tls::mbsync },
    Scenario { name: "TLS: the JARM of Dovecot and Postfix", needs: None, run: tls::jarm },
    Scenario { name: "audit: a careless honeypot is told", needs: None, run: audit::careless },
    Scenario { name: "audit: nothing tells ours", needs: None, run: audit::ours },
    Scenario { name: "audit: nothing tells Dovecot and Postfix", needs: None, run: audit::real },
    Scenario { name: "mbsync in both directions", needs: Some(MBSYNC), run: twoway::mbsync },
    Scenario { name: "offlineimap in both directions", needs: Some(OFFLINEIMAP), run: twoway::offlineimap },
    Scenario { name: "terminal: mutt reads, flags, deletes, files", needs: Some(MUTT), run: mutt::mutt },
    Scenario {
        name: "terminal: neomutt reads, flags, deletes, files",
        needs: Some(NEOMUTT),
        run: mutt::neomutt,
    },
    Scenario {
        name: "fetchmail over IMAP leaves, then takes",
        needs: Some(FETCHMAIL),
        run: fetchers::fetchmail_imap,
    },
    Scenario {
        name: "fetchmail over POP3 leaves, then takes",
        needs: Some(FETCHMAIL),
        run: fetchers::fetchmail_pop3,
    },
    Scenario { name: "fetchmail waits in IDLE", needs: Some(FETCHMAIL), run: fetchers::fetchmail_idle },
    Scenario {
        name: "getmail over IMAP leaves, then takes",
        needs: Some(GETMAIL),
        run: fetchers::getmail_imap,
    },
    Scenario {
        name: "getmail over POP3 leaves, then takes",
        needs: Some(GETMAIL),
        run: fetchers::getmail_pop3,
    },
    Scenario { name: "imapsync from account to account", needs: None, run: imapsync::run },
    Scenario { name: "IMAPClient reads, changes, waits", needs: Some(PYTHON), run: packages::imapclient },
    Scenario { name: "aioimaplib on three connections", needs: Some(PYTHON), run: packages::aioimaplib },
    Scenario { name: "hydra finds the password", needs: Some(HYDRA), run: guessers::hydra },
    Scenario { name: "hydra guesses over SMTP", needs: Some(HYDRA), run: guessers::hydra_smtp },
    Scenario { name: "nmap finds the password", needs: Some(NMAP), run: guessers::nmap },
    Scenario { name: "nmap with every probe and script", needs: Some(NMAP), run: nmap::scripts },
    Scenario { name: "curl with every kind of URL", needs: Some(CURL), run: urls::run },
    Scenario { name: "mpop leaves, then takes", needs: Some(MPOP), run: fetchers::mpop },
    Scenario { name: "DECNET: lines of each protocol", needs: None, run: decnet::run },
    Scenario { name: "export: a STIX bundle is valid", needs: Some(SWAKS), run: stix::run },
    Scenario { name: "hostile passwords, read in every way", needs: None, run: hostile::run },
    Scenario { name: "bounds: an enormous message set", needs: None, run: bounds::message_set },
    Scenario { name: "bounds: a line of a gigabyte", needs: None, run: bounds::endless_line },
    Scenario { name: "bounds: 200 silent connections", needs: None, run: bounds::silence },
    Scenario { name: "configuration: IMAP_USERS=broken", needs: None, run: configuration::broken_users },
    Scenario { name: "configuration: a misspelt key", needs: None, run: configuration::misspelt_key },
    Scenario { name: "SIGTERM ends it cleanly", needs: None, run: shutdown::run },
    Scenario { name: "kill -9 loses nothing", needs: None, run: crash::run },
    Scenario { name: "a full disk under load", needs: None, run: disk::run },
    Scenario { name: "kill -9 after a 250 loses no mail", needs: None, run: arrival::killed },
];

/// All programs that scenarios need.
pub(crate) fn programs() -> BTreeSet<Program> {
    SCENARIOS.iter().filter_map(|scenario| scenario.needs).collect()
}

/// Runs every scenario whose name has this in it, as a step each.
pub(crate) fn run(
    workspace: &Workspace,
    only: &str,
    built: bool,
    present: &BTreeSet<Program>,
    report: &mut Report,
) {
    for scenario in SCENARIOS.iter().filter(|scenario| scenario.name.contains(only)) {
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
            match (scenario.run)(&Scene::new(scenario.name, workspace)?) {
                Err(error) if error.is::<Missing>() => Ok(Outcome::Skipped(error.to_string())),
                result => result.map(Outcome::Passed),
            }
        });
    }
}

/// Something that a scenario needs and that no package of Debian has cannot be had here: it is skipped, and says why.
#[derive(Debug)]
struct Missing(String);

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Missing {}

/// What a scenario works with.
pub(crate) struct Scene {
    name: &'static str,
    program: PathBuf,
    /// The project's.
    root: PathBuf,
    folder: tempfile::TempDir,
}

impl Scene {
    fn new(name: &'static str, workspace: &Workspace) -> Result<Self> {
        let folder = tempfile::tempdir().context("a folder for the scenario")?;
        Ok(Self { name, program: workspace.honeypost(), root: workspace.root.clone(), folder })
    }

    /// A folder of its own, gone at the end.
    fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A running server with these environment variables.
    fn serve(&self, settings: &[(&str, &str)]) -> Result<Server> {
        Server::start(&self.program, self.folder(), settings)
    }

    /// The same, with these services beside IMAP.
    fn serve_with(&self, settings: &[(&str, &str)], services: &[Service]) -> Result<Server> {
        Server::start_with(&self.program, self.folder(), settings, services)
    }

    /// A running server in the place of DECNET's container of this protocol.
    fn serve_decnet(&self, protocol: &str) -> Result<Server> {
        Server::start_decnet(&self.program, self.folder(), protocol)
    }

    /// All events so far.
    fn events(&self) -> Result<Vec<Value>> {
        server::events(&self.program, self.folder())
    }

    /// Everything that is recorded is as it was recorded.
    fn verify(&self) -> Result<()> {
        let mut command = server::honeypost(&self.program);
        command.arg("verify").arg("--data-dir").arg(server::data(self.folder()));
        let Output { status, stdout, stderr } = command::output(&mut command, Duration::from_mins(1))?;
        anyhow::ensure!(status.success(), "honeypost verify: {stdout}{stderr}");
        Ok(())
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
