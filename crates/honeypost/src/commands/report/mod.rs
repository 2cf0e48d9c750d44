//! `honeypost report`: a span summed up, for the terminal, as JSON, CSV, or a page of HTML.
//!
//! Read `tally.rs` (the count over the events), `counts.rs` (why it stays bounded), `build.rs` and `section.rs` (the report as
//! data), then the forms: `terminal.rs`, `json.rs`, `csv.rs`, `html.rs`.

mod build;
mod counts;
mod csv;
mod html;
mod json;
mod section;
mod tally;
mod terminal;

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{ArgGroup, Args};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use store::{Filter, Reader};

use self::section::Report as Data;
use self::tally::Tally;
use super::look::Look;
use super::progress::Progress;
use super::reading;
use super::scope::{Sources, Span};
use super::summary::{Step, is_our_own, moment};
use crate::cli::Settings;

/// The most entries of a section that can be asked for.
const MOST: usize = 10_000;

/// `honeypost report`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("form").multiple(false))]
pub(crate) struct Report {
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(flatten)]
    pub(crate) span: Span,
    /// Entries of each ranking
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) top: usize,
    /// Draw with ASCII characters alone (as is done where the locale is not UTF-8)
    #[arg(long)]
    pub(crate) ascii: bool,
    /// Print JSON, one document (docs/reading.md)
    #[arg(long, group = "form")]
    pub(crate) json: bool,
    /// Print CSV, one value a line (docs/reading.md)
    #[arg(long, group = "form")]
    pub(crate) csv: bool,
    /// Write a page of HTML that needs nothing else; - is standard output
    #[arg(long, value_name = "FILE", group = "form")]
    pub(crate) html: Option<PathBuf>,
}

/// Sums up what was asked for.
pub(crate) fn run(wanted: &Report) -> anyhow::Result<ExitCode> {
    if !(1..=MOST).contains(&wanted.top) {
        bail!("--top {}: expected 1 to {MOST}", wanted.top);
    }
    let zone = TimeZone::system();
    let filter = wanted.span.which().filter(&zone)?;
    let (_, reader) = reading::open(&wanted.settings)?;
    let tally = count(&reader, &filter, &wanted.span.sources, zone.clone())?;
    let zone = zone.iana_name().map_or_else(
        || Timestamp::now().to_zoned_datetime(zone.clone()).strftime("%:z").to_string(),
        str::to_owned,
    );
    let data = Data {
        made: moment(Timestamp::now().as_microsecond()),
        since: filter.since.map(|since| moment(since.as_microsecond())),
        until: filter.until.map(|until| moment(until.as_microsecond())),
        zone,
        protocol: filter.protocol.map(event::Protocol::name),
        source: wanted.span.sources.source.map(|network| network.to_string()),
        totals: build::totals(&tally),
        sections: build::sections(&tally, wanted.top),
    };
    let stdout = io::stdout();
    let is_terminal = stdout.is_terminal();
    let mut out = BufWriter::new(stdout.lock());
    match &wanted.html {
        Some(file) if file.as_os_str() != "-" => write_private(file, html::page(&data)?.as_bytes())?,
        Some(_) => out.write_all(html::page(&data)?.as_bytes())?,
        None if wanted.json => json::write(&data, is_terminal, &mut out)?,
        None if wanted.csv => csv::write(&data, is_terminal, &mut out)?,
        None => terminal::write(&data, &Look::of_stdout(wanted.ascii), &mut out)?,
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn count(reader: &Reader, filter: &Filter, sources: &Sources, zone: TimeZone) -> anyhow::Result<Tally> {
    let mut tally = Tally::new(zone);
    let mut failed = None;
    let mut progress = Progress::new("reading events");
    // Sessions of other protocols and sources are looked up once and passed over.
    let mut others = std::collections::HashSet::new();
    reader.scan(
        filter,
        |share| progress.share(share),
        |row| {
            if failed.is_some() {
                return;
            }
            if others.contains(&row.session) {
                if row.name == "session.closed" {
                    others.remove(&row.session);
                }
                return;
            }
            if !tally.knows(row.session) {
                match reader.session(row.session) {
                    Ok(Some(who))
                        if !is_our_own(&who)
                            && filter.protocol.is_none_or(|protocol| protocol == who.protocol)
                            && sources.has(who.src.ip()) =>
                    {
                        tally.begin(row.session, &who, row.time);
                    }
                    Ok(_) => {
                        others.insert(row.session);
                        return;
                    }
                    Err(error) => {
                        failed = Some(error);
                        return;
                    }
                }
            }
            tally.add(row.session, &Step::from(row));
        },
    )?;
    failed.map_or(Ok(()), Err)?;
    tally.finish();
    Ok(tally)
}

/// Writes a file that nobody else may read (there are passwords in it), whole or not at all.
fn write_private(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> io::Result<()> {
        // Mode 0600 from the start.
        let mut unfinished = tempfile::Builder::new().prefix(".honeypost-report-").tempfile_in(folder)?;
        unfinished.write_all(bytes)?;
        unfinished.as_file().sync_all()?;
        unfinished.persist(file)?;
        Ok(())
    };
    write().with_context(|| {
        format!(
            "--html {}: cannot write it; name a file in a folder that this user may write to",
            file.display()
        )
    })
}

#[cfg(test)]
mod tests;
