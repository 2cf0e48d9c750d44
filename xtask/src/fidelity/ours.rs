//! A server of ours like the recorded one: its name, its domain, its people, in the personality that imitates it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::command;
use crate::fidelity::{Service, mail, oracle};
use crate::server::{self, Server};
use crate::workspace::Workspace;

/// The domain of the recorded Postfix, and the least mail that a persona may have.
const PERSONA: &str = "name = \"recorded\"\ndomain = \"example.com\"\nsummary = \"The people of the recorded server\"\n\
    mailboxes = [\"INBOX\"]\n";
const MAIL: &str = "+++\nsent = \"-1 09:12:44 UTC\"\n+++\nFrom: ops@example.com\nTo: admin@example.com\nSubject: hello\n\
    Date: {{date}}\n\nhello\n";

/// The longest that cargo may compile.
const COMPILING: Duration = Duration::from_mins(40);

/// A running server, with its data in a folder of its own.
pub(super) struct Ours {
    server: Server,
    /// Where it serves what was asked for.
    pub(super) address: SocketAddr,
    _folder: TempDir,
}

/// Builds the program, not as a release: this measures no speed.
pub(super) fn build(workspace: &Workspace) -> Result<PathBuf> {
    let mut cargo = workspace.cargo(&["build", "--quiet", "--locked", "--package", "honeypost"]);
    let output = command::output(&mut cargo, COMPILING)?;
    ensure!(output.status.success(), "cargo build: {}", output.stderr);
    Ok(workspace.target.join("debug/honeypost"))
}

impl Ours {
    /// Starts it.
    pub(super) fn start(workspace: &Workspace, program: &Path, service: Service) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let corpus = folder.path().join("corpus");
        if service.has_mail() {
            mail::copy(&workspace.root.join(oracle::MAIL), &corpus, None)?;
        } else {
            persona(&corpus)?;
        }
        let corpus = corpus.to_str().context("a temporary folder whose name is no text")?;
        let users: Vec<String> =
            oracle::USERS.iter().map(|(user, password)| format!("{user}:{password}")).collect();
        let users = users.join(",");
        let auth = if service == Service::Submission { "accept" } else { "off" };
        let settings = [
            ("NODE_NAME", oracle::NODE),
            ("IMAP_USERS", users.as_str()),
            ("HONEYPOST_PERSONALITY", service.personality()),
            ("HONEYPOST_CORPUS", corpus),
            ("HONEYPOST_SMTP_AUTH", auth),
            ("SMTP_AUTH_WHITELIST", "admin"),
        ];
        let beside = match service {
            Service::Imap => None,
            Service::Pop3 => Some(server::Service::Pop3),
            Service::Smtp => Some(server::Service::Smtp),
            Service::Submission => Some(server::Service::Submission),
        };
        let server = Server::start_with(program, folder.path(), &settings, beside.as_slice())?;
        let address = beside.map_or(server.address, |service| server.at(service));
        Ok(Self { server, address, _folder: folder })
    }

    /// Ends it, and sees that it ended well.
    pub(super) fn stop(self) -> Result<()> {
        self.server.stop()
    }
}

/// Whoever takes mail needs a persona for its domain.
fn persona(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder.join("mailboxes/INBOX"))?;
    fs::write(folder.join("persona.toml"), PERSONA)?;
    fs::write(folder.join("mailboxes/INBOX/01-hello.eml"), MAIL)?;
    Ok(())
}
