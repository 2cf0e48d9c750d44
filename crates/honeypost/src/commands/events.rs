//! `honeypost events`: what was recorded, as lines for people or as JSON, now and as it comes.
//!
//! It shows what was recorded before it was called, all of it: what a running server has not put into the database yet is
//! waited for, what a killed one has left in the spool is put in.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use event::Protocol;
use event::catalogue::CATALOGUE;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use store::{Filter, Options, Reader, StoreError, Stored, Writer};

use super::line::{Style, line};
use super::since;
use crate::cli::{Events, Serve, Settings};
use crate::{start, terminal};

/// How often `--follow` looks for more.
const POLL: Duration = Duration::from_millis(200);
/// How long a running server may take to put into the database what it has recorded.
const PATIENCE: Duration = Duration::from_secs(2);

/// Prints the events asked for.
pub(crate) fn run(wanted: &Events) -> anyhow::Result<ExitCode> {
    let Settings { config, data_dir } = &wanted.settings;
    let settings = Settings { config: config.clone(), data_dir: data_dir.clone() };
    let config = start::configure(&Serve { settings, ..Serve::default() })?;
    start::log(config.log());
    let zone = TimeZone::system();
    let mut filter = filter(wanted, &zone)?;
    let reader = Reader::open(config.data_dir())?;
    catch_up(&reader, config.data_dir())?;
    let stdout = io::stdout();
    let form = if wanted.json {
        Form::Json { terminal: stdout.is_terminal() }
    } else {
        Form::Lines(Style { zone, colours: terminal::colours(&stdout) })
    };
    let mut out = BufWriter::new(stdout.lock());
    loop {
        let mut any = false;
        for stored in reader.events(&filter)? {
            let stored = stored?;
            any = true;
            filter.after_key = filter.after_key.max(Some(stored.key));
            if filter.session.is_some() {
                // There is one such session, and it is found faster by its whole id.
                filter.session = Some(stored.attribution.session.into());
            }
            form.write(&stored, &mut out)?;
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

/// How events are printed.
enum Form {
    /// For people.
    Lines(Style),
    /// For programs; for the eyes as well where it goes to a terminal.
    Json { terminal: bool },
}

impl Form {
    fn write(&self, stored: &Stored, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Lines(style) => writeln!(out, "{}", line(&stored.header(), &stored.fields, style)),
            Self::Json { terminal } => {
                let mut json = Vec::new();
                stored.write_json(&mut json);
                if *terminal {
                    json = terminal::escape_json(&String::from_utf8_lossy(&json)).into_owned().into_bytes();
                }
                json.push(b'\n');
                out.write_all(&json)
            }
        }
    }
}

/// Sees to it that what is in the spool gets into the database, and says so where it does not.
fn catch_up(reader: &Reader, directory: &Path) -> anyhow::Result<()> {
    let backlog = reader.backlog()?;
    if reader.has(&backlog)? {
        return Ok(());
    }
    let reason = match Writer::open(directory, &Options::default()).and_then(Writer::close) {
        Ok(()) => return Ok(()),
        Err(StoreError::InUse { .. }) => {
            let start = Instant::now();
            while start.elapsed() < PATIENCE {
                thread::sleep(POLL / 10);
                if reader.has(&backlog)? {
                    return Ok(());
                }
            }
            "the running server is behind with putting them into the database".to_owned()
        }
        Err(error) => error.to_string(),
    };
    // What is shown is shown all the same.
    let octets = backlog.octets;
    let _ =
        writeln!(io::stderr(), "honeypost: {octets} octets of further events wait in the spool: {reason}");
    Ok(())
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
        let name = &name.to_ascii_lowercase();
        if !CATALOGUE.iter().any(|entry| entry.name == name) {
            let known: Vec<&str> = CATALOGUE.iter().map(|entry| entry.name).collect();
            bail!("--event {name:?} is no event; there are {}", known.join(", "));
        }
        filter.name = Some(name.clone());
    }
    Ok(filter)
}
