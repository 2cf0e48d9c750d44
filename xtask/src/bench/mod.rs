//! `cargo xtask bench`: what a session costs the server, beside a floor that does nothing but accept, read lines and
//! write the same bytes. Both run in one go and in turns (A B A B ...), because only such numbers can be compared.
//!
//! Read `conversation.rs` (what is played), `floor.rs` (what it is held against), `load.rs` (who plays it), `process.rs`
//! (what is measured), `table.rs` (how it is told).

mod bystanders;
mod conversation;
pub(crate) mod floor;
mod idle;
mod load;
mod process;
mod table;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use self::bystanders::Bystanders;
use self::conversation::Conversation;
use self::floor::Floor;
use self::load::Round;
use self::process::Process;
use self::table::Numbers;
use crate::server::{self, Server, Service};
use crate::workspace::Workspace;

/// Open files that the idle connections need, in the server and here.
const OPEN_FILES: u64 = 20_000;
/// Room for all connections from one machine.
const SETTINGS: &[(&str, &str)] =
    &[("HONEYPOST_LIMITS_CONNECTIONS_PER_SOURCE", "100000"), ("HONEYPOST_LIMITS_CONNECTIONS", "100000")];
/// How many sessions at a time, one series each.
const CONCURRENCY: &[usize] = &[16, 1];

/// How much to measure.
#[derive(Debug, Clone, Copy)]
struct Plan {
    /// Sessions in a round.
    sessions: usize,
    /// Rounds for each server in a series.
    rounds: usize,
    /// Idle connections.
    idle: usize,
}

impl Plan {
    fn read(options: &[&str]) -> Result<Self> {
        let mut plan = Self { sessions: 2000, rounds: 8, idle: 2000 };
        for pair in options.chunks(2) {
            let [name, value] = pair else { bail!("{} needs a number", pair[0]) };
            let number = value.parse().with_context(|| format!("{name} {value}"))?;
            ensure!(number > 0, "{name} must be more than 0");
            match *name {
                "--sessions" => plan.sessions = number,
                "--rounds" => plan.rounds = number,
                "--idle" => plan.idle = number,
                _ => bail!("unknown option {name}"),
            }
        }
        Ok(plan)
    }
}

/// Builds everything as it is shipped, then measures in a process of its own with room for many connections.
pub(crate) fn build_and_run(options: &[&str]) -> Result<bool> {
    Plan::read(options)?;
    let workspace = Workspace::load()?;
    for package in ["honeypost", "xtask"] {
        println!("-- release build of {package}");
        let status =
            workspace.cargo(&["build", "--quiet", "--release", "--locked", "--package", package]).status()?;
        ensure!(status.success(), "the release build of {package} failed");
    }
    // The shell raises the limit (ours to raise up to the hard one), then becomes the measuring process.
    let raise = format!("ulimit -S -n {OPEN_FILES} 2>/dev/null || ulimit -S -n $(ulimit -H -n); exec \"$@\"");
    let status = Command::new("sh")
        .args(["-c", &raise, "sh"])
        .arg(workspace.target.join("release/xtask"))
        .arg("bench-run")
        .args(options)
        .stdin(Stdio::null())
        .status()?;
    Ok(status.success())
}

/// Measures. This is the release build of xtask.
pub(crate) fn run(options: &[&str]) -> Result<bool> {
    let plan = Plan::read(options)?;
    let program = Workspace::load()?.honeypost();
    let folder = tempfile::tempdir()?;
    let command =
        ["cargo xtask bench"].into_iter().chain(options.iter().copied()).collect::<Vec<_>>().join(" ");
    table::heading(&command);

    let ours = Server::start(&program, folder.path(), SETTINGS)?;
    let conversation = Conversation::record(ours.address)?;
    let floor = Floor::start(&conversation, folder.path())?;
    println!(
        "session: connect, {}; {} octets received by the client, the same from both, each compared",
        Conversation::names().collect::<Vec<_>>().join(", "),
        conversation.octets()
    );
    let bystanders = Bystanders::watch(&[ours.id(), floor.id()])?;
    let played = Conversation::RECORDED + play(&plan, &ours, &floor, &conversation)?;
    println!("\n{}", bystanders.verdict()?);

    let recorded = count_sessions(&program, folder.path(), played)?;
    println!(
        "evidence: {recorded} of {played} sessions recorded whole, from session.opened to session.closed"
    );
    ours.stop()?;
    drop(floor);
    idle_memory(&program, plan.idle)?;
    Ok(recorded == played)
}

/// Plays all series against both servers, in turns. Gives how many sessions each has had.
fn play(plan: &Plan, ours: &Server, floor: &Floor, conversation: &Conversation) -> Result<usize> {
    let mut contestants = [
        ("honeypost", Process::of(ours.id())?, ours.address),
        ("floor", Process::of(floor.id())?, floor.address),
    ];
    let mut played = 0;
    for concurrency in CONCURRENCY {
        let mut numbers = [Numbers::default(), Numbers::default()];
        // The first round of each only warms them up.
        for counts in [false].into_iter().chain(std::iter::repeat_n(true, plan.rounds)) {
            for (numbers, (name, process, address)) in numbers.iter_mut().zip(&mut contestants) {
                let before = process.cpu()?;
                let round = Round::play(*address, conversation, plan.sessions, *concurrency)
                    .with_context(|| format!("against {name}"))?;
                // What was put off until after the last answer belongs to the sessions too.
                let cpu = process.cpu_when_quiet()?.saturating_sub(before);
                if counts {
                    numbers.add(cpu, &round);
                }
            }
            played += plan.sessions;
        }
        table::series(*concurrency, plan.sessions, &numbers[0], &numbers[1]);
    }
    for (name, process, _) in &mut contestants {
        process.check().with_context(|| format!("the CPU time of {name}"))?;
    }
    Ok(played)
}

/// Measures idle connections. Both servers are new: what many sessions left in their memory is not an idle one's.
fn idle_memory(program: &Path, connections: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let ours = Server::start(program, folder.path(), SETTINGS)?;
    let conversation = Conversation::record(ours.address)?;
    let our_memory = idle::measure(ours.address, ours.id(), &conversation, connections)?;
    ours.stop()?;
    let floor = Floor::start(&conversation, folder.path())?;
    let floor_memory = idle::measure(floor.address, floor.id(), &conversation, connections)?;
    table::memory(connections, &our_memory, &floor_memory);
    let ours = Server::start_with(program, folder.path(), SETTINGS, &[Service::Imaps])?;
    let over_tls = idle::measure_tls(ours.at(Service::Imaps), ours.id(), connections)?;
    table::memory_tls(connections, over_tls.as_ref());
    ours.stop()?;
    Ok(())
}

/// How many sessions the evidence has from their first event to their last, without a hole.
fn count_sessions(program: &Path, folder: &Path, expected: usize) -> Result<usize> {
    let mut whole = 0;
    for _ in 0..50 {
        whole = process::whole_sessions(program, &server::data(folder))?;
        if whole >= expected {
            break;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(whole)
}
