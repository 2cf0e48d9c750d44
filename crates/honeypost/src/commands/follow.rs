//! `honeypost follow`: what happens, as it happens, a line each.

use std::collections::VecDeque;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;
use std::thread;

use clap::Args;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use store::{Filter, Reader, Stored};

use super::events::Form;
use super::line::Style;
use super::reading::{self, POLL, Which};
use super::scope::Sources;
use crate::cli::Settings;
use crate::terminal;

/// How far back the last lines are looked for, step by step; then everywhere.
const HOURS: [i64; 4] = [1, 24, 24 * 7, 24 * 60];
/// The most lines to begin with.
const MOST: usize = 100_000;

/// `honeypost follow`
#[derive(Debug, Args)]
pub(crate) struct Follow {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Begin with the last N of them (at most 100000)
    #[arg(short = 'n', long = "lines", value_name = "N", default_value_t = 10)]
    pub(crate) lines: usize,
    /// Print JSON, one object a line (docs/events.md)
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) sources: Sources,
}

/// Prints the last events asked for, then the next ones, until it is stopped or `--until` has passed.
pub(crate) fn run(wanted: &Follow) -> anyhow::Result<ExitCode> {
    let zone = TimeZone::system();
    let mut filter = wanted.which.filter(&zone)?;
    let (_, reader) = reading::open(&wanted.settings)?;
    if let Some(session) = reading::one_session(&reader, &filter)? {
        filter.session = Some(session.into());
    }
    let stdout = io::stdout();
    let style = Style { zone, colours: terminal::colours(&stdout) };
    let form = Form::new(wanted.json, stdout.is_terminal(), style);
    let mut out = BufWriter::new(stdout.lock());
    let Last { events, behind, since } = last(&reader, &filter, &wanted.sources, wanted.lines.min(MOST))?;
    for stored in &events {
        form.write(stored, &mut out)?;
    }
    drop(events);
    // Nothing from before the place that was looked at.
    (filter.after_key, filter.since) = (behind, since);
    loop {
        out.flush()?;
        // Asked before reading, so that what comes until then is seen.
        let over = filter.until.is_some_and(|until| Timestamp::now() > until);
        let mut any = false;
        for stored in reader.events(&filter)? {
            let stored = stored?;
            any = true;
            filter.after_key = filter.after_key.max(Some(stored.key));
            if wanted.sources.has(stored.attribution.src.ip()) {
                form.write(&stored, &mut out)?;
            }
        }
        out.flush()?;
        if over {
            return Ok(ExitCode::SUCCESS);
        }
        if !any {
            thread::sleep(POLL);
        }
    }
}

/// The last events of those asked for.
struct Last {
    events: VecDeque<Stored>,
    /// The key behind which the next ones come; none where nothing has come since.
    behind: Option<i64>,
    since: Option<Timestamp>,
}

fn last(reader: &Reader, filter: &Filter, sources: &Sources, most: usize) -> anyhow::Result<Last> {
    let end = filter.until.map_or_else(Timestamp::now, |until| until.min(Timestamp::now()));
    let ago = |hours| end.checked_sub(SignedDuration::from_hours(hours)).ok();
    let begins = HOURS.iter().filter_map(|hours| ago(*hours).map(Some)).chain([None]);
    for begin in begins {
        let since = begin.max(filter.since);
        let mut found = VecDeque::new();
        let mut behind = None;
        for stored in reader.events(&Filter { since, ..filter.clone() })? {
            let stored = stored?;
            behind = behind.max(Some(stored.key));
            if sources.has(stored.attribution.src.ip()) {
                found.push_back(stored);
                if found.len() > most {
                    found.pop_front();
                }
            }
        }
        if found.len() >= most || since == filter.since {
            return Ok(Last { events: found, behind, since });
        }
    }
    Ok(Last { events: VecDeque::new(), behind: None, since: filter.since })
}
