//! `honeypost verify`: whether the evidence is as it was recorded. `docs/evidence.md` describes the chains.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use jiff::tz::TimeZone;
use serde::Deserialize;
use store::{Filter, Finding, Reader, Verdict};
use uuid::Uuid;

use super::progress::Progress;
use super::reading::{self, Which};
use crate::cli::Settings;

/// The longest line of a file that is compared: no event is longer.
const LONGEST_LINE: u64 = 128 << 20;

/// `honeypost verify`
#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Only sessions that began since: 2026-11-23, 2026-11-23T18:00:00Z, or 45m, 2h, 3d ago
    #[arg(long, value_name = "T")]
    pub(crate) since: Option<String>,
    /// Only sessions that began until then: as --since
    #[arg(long, value_name = "T")]
    pub(crate) until: Option<String>,
    /// Only this session: its id, or the part of it that `honeypost events` shows
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// Compare with what another machine was sent: a file of JSON lines, whose session.closed events are looked up
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Verifies, and tells; exit 1 where something does not fit.
pub(crate) fn run(wanted: &Verify) -> anyhow::Result<ExitCode> {
    let Verify { since, until, session, .. } = wanted;
    let which =
        Which { since: since.clone(), until: until.clone(), session: session.clone(), ..Which::default() };
    let filter = which.filter(&TimeZone::system())?;
    let (_, reader) = reading::open(&wanted.settings)?;
    let mut progress = Progress::new("verifying");
    let verdict = reader.verify(&filter, |share| progress.share(share))?;
    drop(progress);
    let compared = wanted.against.as_deref().map(|file| compare(&reader, &filter, file)).transpose()?;
    let whole = verdict.is_whole() && compared.as_ref().is_none_or(Compared::is_whole);
    let mut out = io::stdout().lock();
    if wanted.json {
        writeln!(out, "{}", json(&verdict, compared.as_ref()))?;
    } else {
        tell(&verdict, compared.as_ref(), &mut out)?;
    }
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What came of comparing with another machine's copy.
#[derive(Debug, Default)]
struct Compared {
    /// Sessions that agree.
    agree: u64,
    /// Sessions whose ends differ, or that have none here.
    differ: Vec<Uuid>,
    /// Sessions that are not here: deleted by retention, or taken away.
    missing: Vec<Uuid>,
    /// Lines of the other copy that are no events, such as one that a crash has torn.
    unreadable: u64,
}

impl Compared {
    /// Retention deletes sessions, so that a missing one proves nothing.
    fn is_whole(&self) -> bool {
        self.differ.is_empty()
    }
}

/// The fields of a `session.closed` that vouch for what was before it.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct End {
    chain_sha256: String,
    wire_sha256: String,
}

/// The part of an event's line that is looked at.
#[derive(Deserialize)]
struct Line {
    event: String,
    session: Uuid,
    #[serde(flatten)]
    end: Option<End>,
}

fn compare(reader: &Reader, filter: &Filter, file: &Path) -> anyhow::Result<Compared> {
    let open = || format!("--against {}: cannot be read", file.display());
    let mut lines = BufReader::new(File::open(file).with_context(open)?);
    let only = reading::one_session(reader, filter)?;
    let mut compared = Compared::default();
    let mut ends: BTreeMap<Uuid, End> = BTreeMap::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).with_context(open)? == 0 {
            break;
        }
        let Ok(parsed) = serde_json::from_slice::<Line>(&line) else {
            compared.unreadable += 1;
            continue;
        };
        if parsed.event == "session.closed"
            && only.is_none_or(|only| only == parsed.session)
            && let Some(end) = parsed.end
        {
            ends.insert(parsed.session, end);
        }
    }
    if ends.is_empty() {
        bail!(
            "--against {}: holds no session.closed event; expected the lines of `honeypost events --json`",
            file.display()
        );
    }
    for (session, end) in ends {
        let filter = Filter {
            session: Some(session.into()),
            name: Some("session.closed".to_owned()),
            ..Filter::default()
        };
        let held = match reader.events(&filter) {
            Ok(mut events) => events.next().transpose()?,
            Err(store::StoreError::NoSession { .. }) => {
                compared.missing.push(session);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let held = held.and_then(|held| serde_json::from_str::<End>(&held.fields).ok());
        match held {
            Some(held) if held == end => compared.agree += 1,
            _ => compared.differ.push(session),
        }
    }
    Ok(compared)
}

fn tell(verdict: &Verdict, compared: Option<&Compared>, out: &mut impl Write) -> io::Result<()> {
    let Verdict { sessions, events, chunks, unclosed, unlinked, lost, deleted, findings, further } = verdict;
    writeln!(out, "{sessions} sessions, {events} events, {chunks} stretches of the wire record")?;
    for (count, what) in [
        (unclosed, "sessions without an end: they go on, or the server was killed"),
        (unlinked, "events of a version that did not link them: nothing vouches for those"),
        (lost, "events that were never recorded, because the store took none (store.when-full)"),
        (deleted, "parts of wire records deleted by retention (wire.keep-size)"),
    ] {
        if *count > 0 {
            writeln!(out, "  {count} {what}")?;
        }
    }
    for finding in findings {
        writeln!(out, "  {}", words(finding))?;
    }
    if *further > 0 {
        writeln!(out, "  and {further} more")?;
    }
    if let Some(Compared { agree, differ, missing, unreadable }) = compared {
        writeln!(out, "{agree} sessions end here as in the other copy")?;
        for session in differ {
            writeln!(out, "  session {session} ends otherwise than in the other copy")?;
        }
        for session in missing {
            let why = "not in the database yet, deleted by retention, or taken away";
            writeln!(out, "  session {session} is in the other copy only: {why}")?;
        }
        if *unreadable > 0 {
            writeln!(out, "  {unreadable} lines of the other copy are no events: torn by a crash?")?;
        }
    }
    let whole = verdict.is_whole() && compared.is_none_or(Compared::is_whole);
    writeln!(out, "{}", if whole { "whole: everything is as it was recorded" } else { "NOT whole" })
}

/// A finding in words.
fn words(finding: &Finding) -> String {
    match finding {
        Finding::Altered { session, seq } => {
            format!("session {session}: event {seq} is not what was recorded")
        }
        Finding::Missing { session, seq, events } => {
            format!("session {session}: {events} events are missing from event {seq} on")
        }
        Finding::Ending { session } => format!("session {session}: it does not end where it ended"),
        Finding::Wire { session, block } => {
            format!("session {session}: its wire record in block {block} is not what was recorded")
        }
        Finding::WireEnding { session } => {
            format!("session {session}: its wire record does not end as session.closed says")
        }
        Finding::Session { key } => format!("the row of session number {key} is not what was recorded"),
        Finding::Orphans { events } => format!("{events} events belong to sessions that are not there"),
    }
}

fn json(verdict: &Verdict, compared: Option<&Compared>) -> serde_json::Value {
    let finding = |finding: &Finding| {
        let (what, session) = match finding {
            Finding::Altered { session, .. } => ("event-altered", Some(session)),
            Finding::Missing { session, .. } => ("events-missing", Some(session)),
            Finding::Ending { session } => ("ending-altered", Some(session)),
            Finding::Wire { session, .. } => ("wire-altered", Some(session)),
            Finding::WireEnding { session } => ("wire-ending-altered", Some(session)),
            Finding::Session { .. } => ("session-altered", None),
            Finding::Orphans { .. } => ("events-without-session", None),
        };
        serde_json::json!({ "what": what, "session": session, "text": words(finding) })
    };
    let whole = verdict.is_whole() && compared.is_none_or(Compared::is_whole);
    let compared = compared.map(|compared| {
        serde_json::json!({
            "agree": compared.agree,
            "differ": compared.differ,
            "missing": compared.missing,
            "unreadable_lines": compared.unreadable,
        })
    });
    serde_json::json!({
        "whole": whole,
        "sessions": verdict.sessions,
        "events": verdict.events,
        "wire_stretches": verdict.chunks,
        "sessions_without_end": verdict.unclosed,
        "events_unlinked": verdict.unlinked,
        "events_lost": verdict.lost,
        "wire_parts_deleted": verdict.deleted,
        "findings": verdict.findings.iter().map(finding).collect::<Vec<_>>(),
        "further_findings": verdict.further,
        "against": compared,
    })
}
