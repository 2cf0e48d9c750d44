//! `cargo xtask fidelity walk`: sessions made by chance, played against the real server and ours at once, the answers
//! compared as those of written sessions. What differs is shrunk and written down.
//!
//! Read `grammar.rs` (how commands are made), `made.rs` (sessions), `shrink.rs` (the least that still differs),
//! `found.rs` (what is told of it).

mod found;
mod grammar;
mod made;
mod shrink;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::fidelity::oracle::Oracle;
use crate::fidelity::ours::{self, Ours};
use crate::fidelity::script::{Answer, Script};
use crate::fidelity::session::{self, Pace};
use crate::fidelity::walk::found::{Found, Shape};
use crate::fidelity::{Service, normal};
use crate::report::{Outcome, Report};
use crate::workspace::Workspace;

/// Sessions under way at a time.
const AT_A_TIME: usize = 10;
/// Where the differences are written, below cargo's target folder.
const FOLDER: &str = "fidelity-walk";
/// Delays of Postfix are one second a command.
const PACE: Pace = Pace { patience: Duration::from_secs(5), more: Duration::from_millis(40), loose: true };
/// The login of every session here.
const USER: &str = "admin";

struct Wanted {
    services: Vec<Service>,
    time: Duration,
    seed: u64,
    from: u64,
}

/// Walks; `false` if something differed.
pub(super) fn run(workspace: &Workspace, arguments: &[&str]) -> Result<bool> {
    let wanted = parse(arguments)?;
    let program = ours::build(workspace)?;
    let mut report = Report::default();
    for service in wanted.services.iter().copied() {
        report.step(&format!("fidelity walk: {}", service.name()), || {
            let real = match Oracle::start(workspace, service)? {
                Ok(real) => real,
                Err(reason) => return Ok(Outcome::Skipped(reason)),
            };
            let ours = Ours::start(workspace, &program, service)?;
            let folder = workspace.target.join(FOLDER);
            let outcome = walk(service, &real, ours.address, &wanted, folder)?;
            ours.stop()?;
            Ok(outcome)
        });
    }
    Ok(report.finish())
}

fn parse(arguments: &[&str]) -> Result<Wanted> {
    let mut wanted = Wanted { services: Vec::new(), time: Duration::from_mins(10), seed: 1, from: 0 };
    let mut words = arguments.iter().copied();
    while let Some(word) = words.next() {
        let mut number = || words.next().with_context(|| format!("{word} needs a number"));
        match word {
            "--minutes" => wanted.time = Duration::from_secs_f64(number()?.parse::<f64>()? * 60.0),
            "--seed" => wanted.seed = number()?.parse()?,
            "--from" => wanted.from = number()?.parse()?,
            name => match Service::of(name) {
                Some(service) => wanted.services.push(service),
                None => bail!("`{name}` is neither a service (imap, pop3, smtp, submission) nor an option"),
            },
        }
    }
    if wanted.services.is_empty() {
        wanted.services = vec![Service::Imap, Service::Pop3, Service::Smtp];
    }
    Ok(wanted)
}

/// Both servers, and what is known of them so far.
struct Walk<'a> {
    service: Service,
    real: &'a Oracle,
    ours: SocketAddr,
    /// Each playing has a source address of its own.
    played: AtomicUsize,
    found: Mutex<Found>,
}

/// What both answered.
struct Both {
    real: Vec<Answer>,
    ours: Vec<Answer>,
}

fn walk(
    service: Service,
    real: &Oracle,
    ours: SocketAddr,
    wanted: &Wanted,
    folder: PathBuf,
) -> Result<Outcome> {
    let grammar = made::grammar(service)?;
    let found = Mutex::new(Found::new(service, folder, &real.name)?);
    let walk = Walk { service, real, ours, played: AtomicUsize::new(0), found };
    let next = AtomicU64::new(wanted.from);
    let end = Instant::now() + wanted.time;
    let work = || -> Result<()> {
        while Instant::now() < end {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let script = made::session(service, &grammar, wanted.seed, number)?;
            walk.session(&script, wanted.seed, number).with_context(|| format!("session {number}"))?;
        }
        Ok(())
    };
    let results: Vec<Result<()>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_A_TIME).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("no worker panics")).collect()
    });
    results.into_iter().collect::<Result<()>>()?;
    Ok(walk.found.into_inner().expect("no worker panics").told())
}

impl Walk<'_> {
    /// Plays a session, and makes the least of a difference if it is the first of its shape.
    fn session(&self, script: &Script, seed: u64, number: u64) -> Result<()> {
        let both = self.play(script)?;
        let first = self.first_difference(&both);
        let shape = first.map(|index| Shape::of(self.service, script, index, &both));
        let new = {
            let mut found = self.found.lock().expect("no worker panics");
            found.count(both.real.len(), shape.as_ref())
        };
        let (Some(index), Some(shape), true) = (first, shape, new) else { return Ok(()) };
        let shrunk = shrink::shrink(script, index, |script| {
            let both = self.play(script)?;
            let index = self.first_difference(&both);
            let same = index.is_some_and(|index| {
                index + 1 == script.exchanges.len() && Shape::of(self.service, script, index, &both) == shape
            });
            Ok(same.then_some(both))
        })?;
        let mut found = self.found.lock().expect("no worker panics");
        match shrunk {
            Some((script, both)) => {
                found.keep(&shape, script, &both, &format!("seed {seed}, session {number}"))
            }
            None => {
                found.was_chance(&shape);
                Ok(())
            }
        }
    }

    /// Plays a session against both, each time with untouched mail.
    fn play(&self, script: &Script) -> Result<Both> {
        let number = self.played.fetch_add(1, Ordering::Relaxed);
        let source = session::source(self.service, number)?;
        if self.service.has_mail() {
            self.real.fresh(source, USER)?;
        }
        let play = |server| session::play(self.service, server, number, script, PACE);
        let (real, ours) = std::thread::scope(|scope| {
            let real = scope.spawn(|| play(self.real.address));
            let ours = play(self.ours);
            (real.join().expect("no player panics"), ours)
        });
        if self.service.has_mail() {
            self.real.forget(source);
        }
        Ok(Both { real: real.context("the real server")?, ours: ours.context("ours")? })
    }

    /// Where the answers are different for the first time.
    fn first_difference(&self, both: &Both) -> Option<usize> {
        let names = (normal::own_name(self.service, &both.real), normal::own_name(self.service, &both.ours));
        let normal = |answer: &Answer, name: &Option<Vec<u8>>| {
            (normal::answer(self.service, &answer.bytes, name.as_deref()), answer.closed)
        };
        let length = both.real.len().max(both.ours.len());
        (0..length).find(|index| match (both.real.get(*index), both.ours.get(*index)) {
            (Some(real), Some(ours)) => normal(real, &names.0) != normal(ours, &names.1),
            _ => true,
        })
    }
}
