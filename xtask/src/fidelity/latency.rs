//! `cargo xtask fidelity latency`: how long the real server takes for its greeting and for the usual commands, and how long
//! ours does, in turns, on one machine, in one run. Prints tables.
//!
//! Each source address says a session once before it is counted: what a server makes only once, as Dovecot its indexes,
//! is made then. A login that fails comes from an address that was never seen, since penalties grow.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::command;
use crate::fidelity::oracle::Oracle;
use crate::fidelity::ours::{self, Ours};
use crate::fidelity::script::{Exchange, Script};
use crate::fidelity::session::{self, Pace};
use crate::fidelity::{Service, oracle};
use crate::report::{Outcome, Report};
use crate::workspace::Workspace;

/// The pause between an answer and the next command is a client's.
const PACE: Pace = Pace { patience: Duration::from_secs(25), more: Duration::from_millis(15), loose: true };
/// Source addresses that take turns.
const SOURCES: usize = 5;
/// Failed logins take seconds: so many fewer of them.
const FEWER: usize = 10;
const COMPILING: Duration = Duration::from_mins(40);

/// What is said, and where a login fails, that before the last line: `?` and `!` would add their own silence, so there are none. Nothing is left behind that makes the next
/// round another one, but for a draft.
const IMAP: &str = "> a CAPABILITY\n> a LOGIN admin admin\n> a LIST \"\" *\n> a SELECT INBOX\n> a FETCH 1:* (UID FLAGS)\n\
    > a FETCH 1:* (ENVELOPE BODYSTRUCTURE)\n> a FETCH 5 BODY.PEEK[]\n> a SEARCH SUBJECT plan\n> a STORE 1 +FLAGS (\\\\Seen)\n\
    > a STATUS Sent (MESSAGES UNSEEN)\n> a APPEND Drafts {5+}\\r\\nhello\n> a NOOP\n> a IDLE\n> DONE\n> a XYZ\n> a LOGOUT\n";
const IMAP_WRONG: &str = "> a LOGIN admin wrong\n> a LOGOUT\n";
const POP3: &str = "> CAPA\n> USER admin\n> PASS admin\n> STAT\n> LIST\n> UIDL\n> RETR 5\n> TOP 1 5\n> DELE 1\n> RSET\n> NOOP\n\
    > XYZ\n> QUIT\n";
const POP3_WRONG: &str = "> USER admin\n> PASS wrong\n> QUIT\n";
const SMTP: &str = "> EHLO client.example\n> MAIL FROM:<a@example.net>\n> RCPT TO:<admin@example.com>\n\
    > RCPT TO:<nobody@example.com>\n> RCPT TO:<a@example.org>\n> DATA\n| Subject: x\\r\\n\\r\\nhello\\r\\n\n> .\n\
    > VRFY admin\n> RSET\n> NOOP\n> XYZ\n> QUIT\n";
const SUBMISSION: &str = "> EHLO client.example\n> AUTH PLAIN AGFkbWluAGFkbWlu\n> MAIL FROM:<admin@example.com>\n\
    > RCPT TO:<a@example.org>\n> DATA\n| Subject: x\\r\\n\\r\\nhello\\r\\n\n> .\n> QUIT\n";
const SUBMISSION_WRONG: &str = "> EHLO client.example\n> AUTH PLAIN AG5vYm9keQB3cm9uZw==\n> QUIT\n";

const fn sessions(service: Service) -> (&'static str, Option<&'static str>) {
    match service {
        Service::Imap => (IMAP, Some(IMAP_WRONG)),
        Service::Pop3 => (POP3, Some(POP3_WRONG)),
        Service::Smtp => (SMTP, None),
        Service::Submission => (SUBMISSION, Some(SUBMISSION_WRONG)),
    }
}

struct Wanted {
    services: Vec<Service>,
    rounds: usize,
    debug: bool,
}

/// Measures and prints.
pub(super) fn run(workspace: &Workspace, arguments: &[&str]) -> Result<bool> {
    let wanted = parse(arguments)?;
    let program = program(workspace, wanted.debug)?;
    let mut report = Report::default();
    for service in wanted.services.iter().copied() {
        report.step(&format!("fidelity latency: {}", service.name()), || {
            let real = match Oracle::start(workspace, service)? {
                Ok(real) => real,
                Err(reason) => return Ok(Outcome::Skipped(reason)),
            };
            let ours = Ours::start(workspace, &program, service)?;
            for number in (0..SOURCES).filter(|_| service.has_mail()) {
                real.fresh(session::source(service, number)?, oracle::USERS[0].0)?;
            }
            let (right, wrong) = sessions(service);
            let servers = [real.address, ours.address];
            let mut times = measure(service, servers, right, wanted.rounds, Sources::TakeTurns)?;
            if let Some(wrong) = wrong {
                let rounds = wanted.rounds.div_ceil(FEWER);
                let failed = measure(service, servers, wrong, rounds, Sources::New)?;
                times.extend(failed.into_iter().rev().nth(1));
            }
            print!("{}", table(&real.name, &times));
            ours.stop()?;
            Ok(Outcome::Passed(format!("{} rounds", wanted.rounds)))
        });
    }
    Ok(report.finish())
}

fn parse(arguments: &[&str]) -> Result<Wanted> {
    let mut wanted = Wanted { services: Vec::new(), rounds: 30, debug: false };
    let mut words = arguments.iter().copied();
    while let Some(word) = words.next() {
        match word {
            "--rounds" => wanted.rounds = words.next().context("--rounds needs a number")?.parse()?,
            "--debug" => wanted.debug = true,
            name => match Service::of(name) {
                Some(service) => wanted.services.push(service),
                None => bail!("`{name}` is neither a service (imap, pop3, smtp, submission) nor an option"),
            },
        }
    }
    if wanted.services.is_empty() {
        wanted.services = Service::ALL.to_vec();
    }
    ensure!(wanted.rounds > 0, "--rounds must be 1 at least");
    Ok(wanted)
}

/// What is shipped, or what is quickly built.
fn program(workspace: &Workspace, debug: bool) -> Result<PathBuf> {
    if debug {
        return ours::build(workspace);
    }
    let mut cargo = workspace.cargo(&["build", "--quiet", "--release", "--locked", "--package", "honeypost"]);
    let output = command::output(&mut cargo, COMPILING)?;
    ensure!(output.status.success(), "cargo build: {}", output.stderr);
    Ok(workspace.honeypost())
}

/// An exchange and how long each of its answers took: the real server's, and ours.
struct Row {
    said: String,
    times: [Vec<Duration>; 2],
}

/// Where sessions come from.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Sources {
    /// From one of a few addresses after the other, which have been there before.
    TakeTurns,
    /// Each from a new one.
    New,
}

/// Plays a session in turns against both.
fn measure(
    service: Service,
    servers: [SocketAddr; 2],
    text: &str,
    rounds: usize,
    sources: Sources,
) -> Result<Vec<Row>> {
    let script = Script::parse(text)?;
    let label = |one: &Exchange| one.said().trim_start_matches("> ").to_owned();
    let mut rows: Vec<Row> =
        script.exchanges.iter().map(|one| Row { said: label(one), times: Default::default() }).collect();
    let known = if sources == Sources::New { 0 } else { SOURCES };
    for round in 0..rounds + known {
        let number = if sources == Sources::New { SOURCES + round } else { round % SOURCES };
        for (at, server) in servers.into_iter().enumerate() {
            let answers = session::play(service, server, number, &script, PACE)?;
            ensure!(answers.len() == rows.len(), "{server} closed after {} answers", answers.len());
            for (row, answer) in rows.iter_mut().zip(&answers).filter(|_| round >= known) {
                row.times[at].push(answer.after);
            }
        }
    }
    Ok(rows)
}

/// A table for people and for documents, in milliseconds.
fn table(real: &str, rows: &[Row]) -> String {
    let mut text = format!(
        "\n| ms | {real}: min | median | p90 | max | ours: min | median | p90 | max |\n|---|---|---|---|---|---|---|---|---|\n"
    );
    for row in rows {
        let _ = write!(text, "| `{}`", row.said.replace('|', "\\|"));
        for times in &row.times {
            for share in [0.0, 0.5, 0.9, 1.0] {
                let _ = write!(text, " | {:.2}", 1000.0 * quantile(times, share).as_secs_f64());
            }
        }
        text.push_str(" |\n");
    }
    text
}

/// The time that this share of all is not above.
fn quantile(times: &[Duration], share: f64) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts of rounds"
    )]
    let at = (share * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(at).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_sessions() {
        for service in Service::ALL {
            let (right, wrong) = sessions(service);
            for text in [Some(right), wrong].into_iter().flatten() {
                assert!(Script::parse(text).unwrap().exchanges.len() > 2, "{text}");
            }
        }
    }

    #[test]
    fn a_table_of_times() {
        let times: Vec<Duration> = (1..=11).rev().map(Duration::from_millis).collect();
        let row = Row { said: "NOOP".into(), times: [times, vec![Duration::from_micros(1500)]] };
        let text = table("Postfix 3.7.11", &[row]);
        let last = text.lines().last().unwrap();
        assert_eq!(last, "| `NOOP` | 1.00 | 6.00 | 10.00 | 11.00 | 1.50 | 1.50 | 1.50 | 1.50 |");
    }
}
