//! `cargo xtask fidelity`: how far our servers are from the real ones. Plays written sessions against ours, compares every
//! answer with what the real server was recorded to say (or says now), and prints the score and each difference.
//!
//! The sessions are in `crates/protocol/tests/fidelity/`, a folder a service. docs/fidelity.md tells how to use this. Read
//! `script.rs` (the form of a session), `session.rs` (how one is played), `normal.rs` (what may differ), `differences.rs`.

mod complete;
mod differences;
mod normal;
mod ours;
mod script;
mod session;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::fidelity::differences::Differences;
use crate::fidelity::script::{Answer, Script};
use crate::report::{Outcome, Report};
use crate::workspace::Workspace;

/// Where the sessions are, and the accepted differences.
const SESSIONS: &str = "crates/protocol/tests/fidelity";
/// Sessions under way at a time: most of their time is waiting.
const AT_A_TIME: usize = 12;
/// Answers that come so much later or earlier are told of.
const LATE: Duration = Duration::from_millis(500);

/// What is compared: a service that a server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// RFC 3501.
    Imap,
    /// RFC 1939.
    Pop3,
    /// RFC 5321, the relay port, without AUTH.
    Smtp,
    /// RFC 6409, with AUTH.
    Submission,
}

impl Service {
    const ALL: [Self; 4] = [Self::Imap, Self::Pop3, Self::Smtp, Self::Submission];

    /// Its folder, and what it is called on the command line.
    const fn name(self) -> &'static str {
        match self {
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Smtp => "smtp",
            Self::Submission => "submission",
        }
    }

    /// The personality of ours that is to be like the recorded server.
    const fn personality(self) -> &'static str {
        match self {
            Self::Imap | Self::Pop3 => "dovecot-2.3",
            Self::Smtp | Self::Submission => "postfix-3.7",
        }
    }

    fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.name() == name)
    }
}

/// What the command line asks for.
#[derive(Default)]
struct Wanted {
    services: Vec<Service>,
    /// The real server to take the expected answers from.
    real: Option<SocketAddr>,
    /// The real server whose answers are written into the sessions.
    record: Option<SocketAddr>,
    /// A server of ours that runs already.
    ours: Option<SocketAddr>,
    /// Only sessions whose file names hold this.
    only: Option<String>,
}

/// `cargo xtask fidelity`: `false` if there is a difference that nobody accepted.
pub(crate) fn run(arguments: &[&str]) -> Result<bool> {
    let workspace = Workspace::load()?;
    let wanted = parse(arguments)?;
    if let Some(real) = wanted.record {
        let [service] = wanted.services.as_slice() else { bail!("--record takes exactly one service") };
        return record(&workspace, *service, real, wanted.only.as_deref()).map(|()| true);
    }
    let whole = wanted.only.is_none();
    let program = match wanted.ours {
        Some(_) => PathBuf::new(),
        None => ours::build(&workspace)?,
    };
    let services = if wanted.services.is_empty() { Service::ALL.to_vec() } else { wanted.services.clone() };
    ensure!(
        services.len() == 1 || (wanted.real.is_none() && wanted.ours.is_none()),
        "--real and --ours take exactly one service"
    );
    let mut report = Report::default();
    for service in services {
        report.step(&format!("fidelity: {}", service.name()), || {
            let scripts = scripts(&workspace, service, wanted.only.as_deref())?;
            if let Some(reason) = unplayable(&workspace, service, &scripts) {
                return Ok(Outcome::Skipped(reason));
            }
            compare(&workspace, service, &scripts, &program, wanted.ours, wanted.real, whole)
        });
    }
    Ok(report.finish())
}

/// The comparison with the recorded answers as steps of `cargo xtask test`.
pub(crate) fn steps(workspace: &Workspace, built: bool, report: &mut Report) {
    for service in Service::ALL {
        report.step(&format!("fidelity: {}", service.name()), || {
            if !built {
                return Ok(Outcome::Skipped("there is no release build to run".into()));
            }
            let scripts = scripts(workspace, service, None)?;
            if let Some(reason) = unplayable(workspace, service, &scripts) {
                return Ok(Outcome::Skipped(reason));
            }
            compare(workspace, service, &scripts, &workspace.honeypost(), None, None, true)
        });
    }
}

fn parse(arguments: &[&str]) -> Result<Wanted> {
    let mut wanted = Wanted::default();
    let mut words = arguments.iter().copied();
    while let Some(word) = words.next() {
        let mut address = || -> Result<SocketAddr> {
            let text = words.next().with_context(|| format!("{word} needs HOST:PORT"))?;
            text.parse().with_context(|| format!("{word} {text}: not an address and a port"))
        };
        match word {
            "--real" => wanted.real = Some(address()?),
            "--record" => wanted.record = Some(address()?),
            "--ours" => wanted.ours = Some(address()?),
            "--only" => wanted.only = Some(words.next().context("--only needs a part of a name")?.to_owned()),
            name => match Service::of(name) {
                Some(service) => wanted.services.push(service),
                None => bail!("`{name}` is neither a service (imap, pop3, smtp, submission) nor an option"),
            },
        }
    }
    Ok(wanted)
}

/// Why a service cannot be compared at all.
fn unplayable(workspace: &Workspace, service: Service, scripts: &[(PathBuf, Script)]) -> Option<String> {
    let file = format!("personalities/{}.toml", service.personality());
    if !workspace.root.join(&file).exists() {
        return Some(format!("there is no {file}"));
    }
    scripts.is_empty().then(|| format!("there are no sessions in {SESSIONS}/{}", service.name()))
}

fn scripts(workspace: &Workspace, service: Service, only: Option<&str>) -> Result<Vec<(PathBuf, Script)>> {
    let paths = workspace.files(&format!("{SESSIONS}/{}", service.name()), ".txt")?;
    let chosen = paths.into_iter().filter(|path| only.is_none_or(|only| name(path).contains(only)));
    chosen
        .map(|path| {
            let text = fs::read_to_string(workspace.root.join(&path))?;
            let script = Script::parse(&text).with_context(|| path.display().to_string())?;
            Ok((path, script))
        })
        .collect()
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Plays the sessions against a real server and writes its answers into them.
fn record(workspace: &Workspace, service: Service, real: SocketAddr, only: Option<&str>) -> Result<()> {
    let mut scripts = scripts(workspace, service, only)?;
    let answers = play_all(service, real, &scripts)?;
    let mut exchanges = 0;
    for ((path, script), answers) in scripts.iter_mut().zip(answers) {
        for (exchange, answer) in script.exchanges.iter_mut().zip(&answers) {
            let bytes = normal::volatile(service, &answer.bytes);
            exchange.answer = Some(Answer { bytes, ..answer.clone() });
        }
        script.exchanges.truncate(answers.len());
        exchanges += answers.len();
        fs::write(workspace.root.join(&path), script.to_text())?;
    }
    println!("{}: {} sessions, {exchanges} exchanges recorded from {real}", service.name(), scripts.len());
    Ok(())
}

/// Compares ours with the recorded answers, or with a real server's.
fn compare(
    workspace: &Workspace,
    service: Service,
    scripts: &[(PathBuf, Script)],
    program: &Path,
    running: Option<SocketAddr>,
    real: Option<SocketAddr>,
    whole: bool,
) -> Result<Outcome> {
    let expected = match real {
        Some(real) => play_all(service, real, scripts)?,
        None => scripts.iter().map(|(path, script)| recorded(path, script)).collect::<Result<_>>()?,
    };
    let given = match running {
        Some(address) => play_all(service, address, scripts)?,
        None => {
            let server = ours::Ours::start(program, service)?;
            let given = play_all(service, server.address, scripts)?;
            server.stop()?;
            given
        }
    };
    let mut accepted = Differences::read(&workspace.root.join(SESSIONS).join("differences.toml"), service)?;
    let (mut same, mut all, mut late) = (0, 0, 0);
    let mut failures = 0;
    for (((path, script), expected), given) in scripts.iter().zip(&expected).zip(&given) {
        let names = (normal::own_name(service, expected), normal::own_name(service, given));
        for (index, (exchange, expected)) in script.exchanges.iter().zip(expected).enumerate() {
            all += 1;
            let nothing = Answer::default();
            let given = given.get(index).unwrap_or(&nothing);
            if expected.after.abs_diff(given.after) > LATE {
                late += 1;
                let (real, ours) = (expected.after.as_secs_f64(), given.after.as_secs_f64());
                println!("   time {}: {}: real {real:.1} s, ours {ours:.1} s", name(path), exchange.said());
            }
            let equal = normal::answer(service, &expected.bytes, names.0.as_deref())
                == normal::answer(service, &given.bytes, names.1.as_deref());
            if equal && expected.closed == given.closed {
                same += 1;
                continue;
            }
            let reason = accepted.reason(&name(path), exchange.said());
            failures += usize::from(reason.is_none());
            println!("   {} {}", if reason.is_some() { "known" } else { "DIFFERENT" }, path.display());
            println!("{}", script::difference(exchange, expected, given, reason.as_deref()));
        }
    }
    let score = format!("{same} of {all} exchanges equal, {late} at another time");
    if whole && let Some(stale) = accepted.unused() {
        return Ok(Outcome::Failed(format!("{score}; differences.toml lists what is equal: {stale}")));
    }
    match failures {
        0 => Ok(Outcome::Passed(score)),
        _ => Ok(Outcome::Failed(format!("{score}; {failures} differences that nobody accepted"))),
    }
}

fn recorded(path: &Path, script: &Script) -> Result<Vec<Answer>> {
    let answers: Option<Vec<Answer>> =
        script.exchanges.iter().map(|exchange| exchange.answer.clone()).collect();
    answers.with_context(|| format!("{}: not recorded yet; use --record", path.display()))
}

/// Plays all sessions, several at a time; each from a source address of its own.
fn play_all(service: Service, server: SocketAddr, scripts: &[(PathBuf, Script)]) -> Result<Vec<Vec<Answer>>> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some((path, script)) = scripts.get(number) else { return };
                    let played = session::play(service, server, number, script)
                        .with_context(|| format!("{} against {server}", path.display()));
                    results.lock().expect("no player panics").push((number, played));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("no player panics");
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, played)| played).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines() {
        let wanted = parse(&["smtp", "--real", "127.0.0.1:25", "--only", "bdat"]).unwrap();
        assert_eq!((wanted.services, wanted.real.map(|real| real.port())), (vec![Service::Smtp], Some(25)));
        assert!(parse(&["--record"]).is_err() && parse(&["nntp"]).is_err());
    }
}
