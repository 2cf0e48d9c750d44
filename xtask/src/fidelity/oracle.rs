//! The real servers, started here: Dovecot and Postfix of Debian, on ports of their own, with Debian's configuration but for
//! what `oracle_dovecot.rs` and `oracle_postfix.rs` name. Needs root, since both change their user.
//!
//! All that they write is in a temporary folder. They end with this process, however it ends.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::command;
use crate::fidelity::script::Script;
use crate::fidelity::{Service, mail, oracle_dovecot, oracle_postfix, session};
use crate::programs::{self, Program};
use crate::server::{PATIENCE, free_address, listening};
use crate::workspace::Workspace;

/// The name that both servers have, and their domain.
pub(crate) const NODE: &str = "mail.example.com";
/// Who can log in, with which password.
pub(super) const USERS: [(&str, &str); 6] = [
    ("admin", "admin"),
    ("root", "root"),
    ("test", "test123"),
    ("info", "info"),
    ("postmaster", "password"),
    ("user", "user"),
];
/// The user and group of the mailboxes. Dovecot serves nothing that belongs to root; the number needs no name.
pub(super) const OWNER: u32 = 5000;
/// Where the sessions' mail is, from the project's root.
pub(crate) const MAIL: &str = "crates/protocol/tests/fidelity/mail";

const DOVECOT: [Program; 3] = [
    Program { name: "/usr/sbin/dovecot", package: "dovecot-core" },
    Program { name: "/usr/lib/dovecot/imap", package: "dovecot-imapd" },
    Program { name: "/usr/lib/dovecot/pop3", package: "dovecot-pop3d" },
];
const POSTFIX: [Program; 1] = [Program { name: "/usr/sbin/postfix", package: "postfix" }];
const BOTH: [Program; 2] =
    [Program { name: "openssl", package: "openssl" }, Program { name: "setpriv", package: "util-linux" }];
/// The longest that a key, or Postfix' own checks, may take.
const LIMIT: Duration = Duration::from_mins(1);

/// A running server.
pub(crate) struct Oracle {
    /// Where it serves what was asked for.
    pub(crate) address: SocketAddr,
    /// What it is, with its version.
    pub(crate) name: String,
    masters: Vec<Child>,
    folder: TempDir,
    tree: PathBuf,
}

impl Oracle {
    /// Starts what serves this; the reason if this machine cannot.
    pub(crate) fn start(workspace: &Workspace, service: Service) -> Result<Result<Self, String>> {
        if let Some(missing) = missing(service) {
            return Ok(Err(missing));
        }
        let folder = tempfile::Builder::new().prefix("fidelity-").tempdir()?;
        // The servers' processes run as users of their own.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        certificate(folder.path())?;
        let mut oracle = Self {
            address: free_address()?,
            name: String::new(),
            masters: Vec::new(),
            folder,
            tree: workspace.root.join(MAIL),
        };
        let place = oracle.folder.path().to_owned();
        let mut commands = Vec::new();
        if service.has_mail() {
            commands.push(oracle_dovecot::mail(&place, service, oracle.address)?);
            oracle.name = format!("Dovecot {}", first_word("dovecot", &["--version"])?);
        } else {
            let postfix = oracle_postfix::server(&place, service, oracle.address)?;
            if service == Service::Submission {
                commands.push(oracle_dovecot::passwords(&place, &oracle_postfix::password_socket(&place))?);
            }
            commands.push(postfix);
            oracle.name = format!("Postfix {}", first_word("postconf", &["-dh", "mail_version"])?);
        }
        for mut command in commands {
            let output = || File::create(place.join(format!("{}.out", command_name(&command))));
            let (out, error) = (output()?, output()?);
            let child = command.stdin(Stdio::null()).stdout(out).stderr(error).spawn();
            oracle.masters.push(child.with_context(|| format!("starting {}", command_name(&command)))?);
        }
        oracle.wait_until_listening()?;
        Ok(Ok(oracle))
    }

    /// Puts fresh mail where the sessions that log in will look: a home for each source address and user.
    pub(super) fn prepare(&self, service: Service, scripts: &[&Script]) -> Result<()> {
        for (number, script) in scripts.iter().enumerate().filter(|_| service.has_mail()) {
            let source = session::source(service, number)?;
            for user in users(script) {
                self.fresh(source, user)?;
            }
        }
        Ok(())
    }

    /// The mail of a user, seen from an address, as it was in the beginning.
    pub(crate) fn fresh(&self, source: IpAddr, user: &str) -> Result<()> {
        let home = homes(self.folder.path()).join(source.to_string()).join(user);
        if home.exists() {
            fs::remove_dir_all(&home)?;
        }
        fs::create_dir_all(&home)?;
        std::os::unix::fs::chown(&home, Some(OWNER), Some(OWNER))?;
        mail::copy(&self.tree, &home.join("Maildir"), Some(OWNER))
    }

    /// Removes the mail seen from an address.
    pub(super) fn forget(&self, source: IpAddr) {
        // The whole folder goes in the end.
        let _ = fs::remove_dir_all(homes(self.folder.path()).join(source.to_string()));
    }

    fn wait_until_listening(&mut self) -> Result<()> {
        let start = Instant::now();
        while !listening(self.address)? {
            for master in &mut self.masters {
                if let Some(status) = master.try_wait()? {
                    bail!("{} ended at once ({status}): {}", self.name, said(self.folder.path()));
                }
            }
            ensure!(
                start.elapsed() < PATIENCE,
                "{} does not listen: {}",
                self.name,
                said(self.folder.path())
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        for master in &mut self.masters {
            // It tells its own processes to end; what does not is ended by the wait.
            let _ = Command::new("sh").args(["-c", &format!("kill -TERM {}", master.id())]).status();
            let _ = command::wait(master, PATIENCE);
        }
    }
}

/// Why this machine cannot run the real server.
fn missing(service: Service) -> Option<String> {
    let dovecot = service.has_mail() || service == Service::Submission;
    let postfix = !service.has_mail();
    let mut wanted: BTreeSet<Program> = BOTH.into();
    wanted.extend(DOVECOT.iter().filter(|_| dovecot));
    wanted.extend(POSTFIX.iter().filter(|_| postfix));
    if !programs::is_root() {
        return Some(
            "the real servers can be started by root only; name one that runs: --real HOST:PORT".into(),
        );
    }
    let there = programs::provide(wanted.clone());
    let missing: Vec<&str> = wanted.difference(&there).map(|program| program.package).collect();
    (!missing.is_empty()).then(|| format!("missing: {}", missing.join(" ")))
}

/// Where the homes of the users are, a folder for each source address.
pub(super) fn homes(place: &Path) -> PathBuf {
    place.join("mail")
}

/// The users that a session may log in as. In base64 the names cannot be seen, so then it is any.
fn users(script: &Script) -> impl Iterator<Item = &'static str> {
    let said: Vec<u8> = script.exchanges.iter().flat_map(|one| one.payload.to_ascii_lowercase()).collect();
    let said = String::from_utf8_lossy(&said).into_owned();
    let hidden = said.contains("auth");
    USERS.iter().map(|(user, _)| *user).filter(move |user| *user == "admin" || hidden || said.contains(user))
}

/// A key and a certificate as Debian's packages make them.
fn certificate(place: &Path) -> Result<()> {
    let subject = format!("/CN={NODE}");
    let name = format!("subjectAltName=DNS:{NODE}");
    let (key, certificate) = (place.join("key.pem"), place.join("cert.pem"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-sha256", "-days", "3650", "-nodes"]);
    openssl.args(["-subj", &subject, "-addext", &name]).arg("-keyout").arg(key).arg("-out").arg(certificate);
    let output = command::output(&mut openssl, LIMIT)?;
    ensure!(output.status.success(), "openssl req: {}", output.stderr);
    Ok(())
}

/// A command that ends with this process, and does not fork away.
pub(super) fn kept(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--", program]);
    command
}

/// The user's number, by `/etc/passwd`.
pub(super) fn user_id(name: &str) -> Result<u32> {
    let table = fs::read_to_string("/etc/passwd")?;
    let line = table.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":"));
    let id =
        line.and_then(|line| line.split(':').nth(1)).with_context(|| format!("there is no user {name}"))?;
    Ok(id.parse()?)
}

fn command_name(command: &Command) -> String {
    let name = command.get_args().nth(3).map(Path::new).and_then(Path::file_name).unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn first_word(program: &str, arguments: &[&str]) -> Result<String> {
    let output = command::output(Command::new(program).args(arguments), LIMIT)?;
    Ok(output.stdout.split_whitespace().next().unwrap_or_default().to_owned())
}

/// What the servers wrote.
fn said(place: &Path) -> String {
    let names = ["dovecot.out", "dovecot.log", "master.out", "postfix.log"];
    names.iter().filter_map(|name| fs::read_to_string(place.join(name)).ok()).collect()
}
