//! `honeypost events`: what was recorded, as lines for people or as JSON, now and as it comes.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use event::Protocol;
use event::catalogue::CATALOGUE;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use store::{Filter, Reader};

use super::line::{Style, line};
use super::since;
use crate::cli::{Events, Serve, Settings};
use crate::{start, terminal};

/// How often `--follow` looks for more.
const POLL: Duration = Duration::from_millis(200);

/// Prints the events asked for.
pub(crate) fn run(wanted: &Events) -> anyhow::Result<ExitCode> {
    let Settings { config, data_dir } = &wanted.settings;
    let settings = Settings { config: config.clone(), data_dir: data_dir.clone() };
    let config = start::configure(&Serve { settings, ..Serve::default() })?;
    start::log(config.log());
    let zone = TimeZone::system();
    let mut filter = filter(wanted, &zone)?;
    let reader = Reader::open(config.data_dir())?;
    let stdout = io::stdout();
    let style = Style { zone, colours: terminal::colours(&stdout) };
    let mut out = BufWriter::new(stdout.lock());
    loop {
        let mut any = false;
        for stored in reader.events(&filter)? {
            let stored = stored?;
            any = true;
            filter.after_key = filter.after_key.max(Some(stored.key));
            if wanted.json {
                let mut json = Vec::new();
                stored.write_json(&mut json);
                json.push(b'\n');
                out.write_all(&json)?;
            } else {
                writeln!(out, "{}", line(&stored.header(), &stored.fields, &style))?;
            }
        }
        out.flush()?;
        if !wanted.follow {
            return Ok(ExitCode::SUCCESS);
        }
        if !any {
            thread::sleep(POLL);
        }
    }
}

fn filter(wanted: &Events, zone: &TimeZone) -> anyhow::Result<Filter> {
    let mut filter = Filter::default();
    if let Some(text) = &wanted.since {
        let moment = since::parse(text, Timestamp::now(), zone);
        filter.since = Some(moment.with_context(|| {
            format!("--since {text:?} is no time; expected 45m, 2h, 3d, 2026-11-23 or 2026-11-23T18:00:00Z")
        })?);
    }
    if let Some(name) = &wanted.protocol {
        let known = Protocol::from_name(&name.to_ascii_lowercase());
        filter.protocol =
            Some(known.ok_or_else(|| anyhow!("--protocol {name:?} is none; expected imap, pop3 or smtp"))?);
    }
    if let Some(id) = &wanted.session {
        filter.session = Some(id.parse().map_err(|error| anyhow!("--session: {error}"))?);
    }
    if let Some(name) = &wanted.event {
        if !CATALOGUE.iter().any(|entry| entry.name == name) {
            let known: Vec<&str> = CATALOGUE.iter().map(|entry| entry.name).collect();
            bail!("--event {name:?} is no event; there are {}", known.join(", "));
        }
        filter.name = Some(name.clone());
    }
    Ok(filter)
}
