//! What the commands that read evidence have in common: which data directory, which events, and that all of it is seen.
//!
//! They show what was recorded before they were called, all of it: what a running server has not put into the database yet
//! is waited for, what a killed one has left in the spool is put in.

use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use clap::Args;
use event::Protocol;
use event::catalogue::CATALOGUE;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use store::{Filter, Options, Reader, StoreError, Writer};
use uuid::Uuid;

use super::since;
use crate::cli::{Serve, Settings};
use crate::config::Config;
use crate::start;

/// How often it is looked for more.
pub(super) const POLL: Duration = Duration::from_millis(200);
/// How long a running server may take to put into the database what it has recorded.
const PATIENCE: Duration = Duration::from_secs(2);

/// Which events.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Which {
    /// Only what happened since: 2026-11-23, 2026-11-23T18:00:00Z, or 45m, 2h, 3d ago
    #[arg(long, value_name = "T")]
    pub(crate) since: Option<String>,
    /// Only what happened until then: as --since
    #[arg(long, value_name = "T")]
    pub(crate) until: Option<String>,
    /// Only this protocol: imap, pop3, smtp
    #[arg(long, value_name = "P")]
    pub(crate) protocol: Option<String>,
    /// Only this session: its id, or the part of it that `honeypost events` shows
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// Only events of this name, such as auth.succeeded (docs/events.md)
    #[arg(long, value_name = "NAME")]
    pub(crate) event: Option<String>,
}

/// The configuration, as a command that reads needs it, and the data directory's database with all that was recorded.
pub(super) fn open(settings: &Settings) -> anyhow::Result<(Config, Reader)> {
    let config = configure(settings)?;
    let reader = Reader::open(config.data_dir())?;
    catch_up(&reader, config.data_dir())?;
    Ok((config, reader))
}

fn configure(settings: &Settings) -> anyhow::Result<Config> {
    let Settings { config, data_dir } = settings;
    let settings = Settings { config: config.clone(), data_dir: data_dir.clone() };
    let config = start::configure(&Serve { settings, ..Serve::default() })?;
    start::log(config.log());
    Ok(config)
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

/// The id of the one session that the filter asks for, where it does.
pub(super) fn one_session(reader: &Reader, filter: &Filter) -> anyhow::Result<Option<Uuid>> {
    Ok(filter.session.as_ref().map(|part| reader.session_id(part)).transpose()?)
}

/// The times that commands take.
fn moment(flag: &str, text: &str, zone: &TimeZone) -> anyhow::Result<Timestamp> {
    since::parse(text, Timestamp::now(), zone).ok_or_else(|| {
        anyhow!("{flag} {text:?} is no time; expected 45m, 2h, 3d, 2026-11-23 or 2026-11-23T18:00:00Z")
    })
}

impl Which {
    /// The store's filter for it; times without a zone are of this one.
    pub(super) fn filter(&self, zone: &TimeZone) -> anyhow::Result<Filter> {
        let mut filter = Filter::default();
        if let Some(text) = &self.since {
            filter.since = Some(moment("--since", text, zone)?);
        }
        if let Some(text) = &self.until {
            filter.until = Some(moment("--until", text, zone)?);
        }
        if let (Some(since), Some(until)) = (filter.since, filter.until)
            && since > until
        {
            bail!("--since {since} is later than --until {until}; exchange them");
        }
        if let Some(name) = &self.protocol {
            let known = Protocol::from_name(&name.to_ascii_lowercase());
            filter.protocol = Some(
                known.ok_or_else(|| anyhow!("--protocol {name:?} is none; expected imap, pop3 or smtp"))?,
            );
        }
        if let Some(id) = &self.session {
            filter.session = Some(id.parse().map_err(|error| anyhow!("--session: {error}"))?);
        }
        if let Some(name) = &self.event {
            let name = &name.to_ascii_lowercase();
            if !CATALOGUE.iter().any(|entry| entry.name == name) {
                let known: Vec<&str> = CATALOGUE.iter().map(|entry| entry.name).collect();
                bail!("--event {name:?} is no event; there are {}", known.join(", "));
            }
            filter.name = Some(name.clone());
        }
        Ok(filter)
    }
}
