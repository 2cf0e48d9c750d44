//! `cargo xtask fidelity`: how far our servers are from the real ones. Plays written sessions against ours, compares every
//! answer with what the real server was recorded to say (or says now), and prints the score and each difference.
//!
//! The sessions are in `crates/protocol/tests/fidelity/`, a folder a service. docs/fidelity.md tells how to use this. Read
//! the crate `fidelity` (the form of a session, how one is played, what may differ), `differences.rs`, `oracle.rs` (the real
//! servers) and `mail.rs` (what is in their mailboxes and in ours).

mod differences;
mod latency;
pub(crate) mod mail;
mod options;
pub(crate) mod oracle;
mod oracle_dovecot;
mod oracle_postfix;
mod ours;
mod walk;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ::fidelity::{normal, script, session};
use anyhow::{Context, Result, ensure};

pub(crate) use ::fidelity::Service;
pub(crate) use oracle::Oracle;

use crate::fidelity::differences::Differences;
use crate::fidelity::options::{Real, Wanted};
use crate::fidelity::script::{Answer, Script};
use crate::report::{Outcome, Report};
use crate::workspace::Workspace;

/// Where the sessions are, and the accepted differences.
const SESSIONS: &str = "crates/protocol/tests/fidelity";
/// Sessions under way at a time: most of their time is waiting.
const AT_A_TIME: usize = 12;
/// Answers that come so much later or earlier are told of.
const LATE: Duration = Duration::from_millis(500);

/// A server to play against: one that runs somewhere, or one that is started for it.
enum Target {
    At(SocketAddr),
    Started(Box<Oracle>),
}

impl Target {
    /// The real server that is asked for; the reason if there can be none here.
    fn real(workspace: &Workspace, service: Service, real: Real) -> Result<Result<Self, String>> {
        match real {
            Real::At(address) => Ok(Ok(Self::At(address))),
            Real::Started => {
                Ok(Oracle::start(workspace, service)?.map(|oracle| Self::Started(Box::new(oracle))))
            }
        }
    }

    fn play(&self, service: Service, scripts: &[(PathBuf, Script)]) -> Result<Vec<Vec<Answer>>> {
        match self {
            Self::At(address) => play_all(service, *address, scripts),
            Self::Started(oracle) => {
                let sessions: Vec<&Script> = scripts.iter().map(|(_, script)| script).collect();
                oracle.prepare(service, &sessions)?;
                play_all(service, oracle.address, scripts)
            }
        }
    }
}

/// `cargo xtask fidelity`: `false` if there is a difference that nobody accepted.
pub(crate) fn run(arguments: &[&str]) -> Result<bool> {
    let workspace = Workspace::load()?;
    match arguments {
        ["walk", options @ ..] => return walk::run(&workspace, options),
        ["latency", options @ ..] => return latency::run(&workspace, options),
        _ => {}
    }
    let wanted = Wanted::parse(arguments)?;
    let services = if wanted.services.is_empty() { Service::ALL.to_vec() } else { wanted.services.clone() };
    let elsewhere = [wanted.real, wanted.record].iter().any(|real| matches!(real, Some(Real::At(_))));
    ensure!(
        services.len() == 1 || !(elsewhere || wanted.ours.is_some()),
        "an address of one server takes exactly one service"
    );
    let whole = wanted.only.is_none();
    let program = match (wanted.ours, wanted.record) {
        (None, None) => ours::build(&workspace)?,
        _ => PathBuf::new(),
    };
    let mut report = Report::default();
    for service in services {
        report.step(&format!("fidelity: {}", service.name()), || {
            let scripts = scripts(&workspace, service, wanted.only.as_deref())?;
            if let Some(reason) = unplayable(&workspace, service, &scripts) {
                return Ok(Outcome::Skipped(reason));
            }
            let real = match wanted.record.or(wanted.real) {
                Some(real) => match Target::real(&workspace, service, real)? {
                    Ok(target) => Some(target),
                    Err(reason) => return Ok(Outcome::Skipped(reason)),
                },
                None => None,
            };
            match (wanted.record, &real) {
                (Some(_), Some(real)) => record(&workspace, service, real, scripts),
                _ => compare(&workspace, service, &scripts, &program, wanted.ours, real.as_ref(), whole),
            }
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
fn record(
    workspace: &Workspace,
    service: Service,
    real: &Target,
    mut scripts: Vec<(PathBuf, Script)>,
) -> Result<Outcome> {
    let answers = real.play(service, &scripts)?;
    let mut exchanges = 0;
    for ((path, script), answers) in scripts.iter_mut().zip(answers) {
        for (exchange, answer) in script.exchanges.iter_mut().zip(&answers) {
            let bytes = normal::volatile(service, &answer.bytes);
            exchange.answer = Some(Answer { bytes, ..answer.clone() });
        }
        if let Target::Started(oracle) = real {
            script.recorded_from(&oracle.name);
        }
        script.exchanges.truncate(answers.len());
        exchanges += answers.len();
        fs::write(workspace.root.join(&path), script.to_text())?;
    }
    Ok(Outcome::Passed(format!("{} sessions, {exchanges} exchanges recorded", scripts.len())))
}

/// Compares ours with the recorded answers, or with a real server's.
fn compare(
    workspace: &Workspace,
    service: Service,
    scripts: &[(PathBuf, Script)],
    program: &Path,
    running: Option<SocketAddr>,
    real: Option<&Target>,
    whole: bool,
) -> Result<Outcome> {
    let expected = match real {
        Some(real) => real.play(service, scripts)?,
        None => scripts.iter().map(|(path, script)| recorded(path, script)).collect::<Result<_>>()?,
    };
    let given = match running {
        Some(address) => play_all(service, address, scripts)?,
        None => {
            let server = ours::Ours::start(workspace, program, service)?;
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
                    let played = session::play(service, server, number, script, session::Pace::WRITTEN)
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
