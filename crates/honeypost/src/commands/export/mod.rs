//! `honeypost export`: what was recorded, for other programs. `docs/export.md` describes each format.
//!
//! Events are read page by page and written one by one, so that memory does not grow with them; STIX alone is put together
//! before it is written, within `--limit`. A file appears whole or not at all (`output.rs`).
//!
//! Not here: how an event looks in JSON (`event`), as a document of ECS (`event::ecs`).

mod csv;
mod output;
mod stix;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use store::{Filter, Reader, Stored};

use self::output::{Kind, Output};
use super::progress::Progress;
use super::reading::{self, Which};
use crate::cli::Settings;

/// `honeypost export`
#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    settings: Settings,
    /// As what
    #[arg(long, value_name = "FORMAT")]
    format: Format,
    /// Where to: a file that appears when it is whole; else to standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How many objects a STIX bundle may have; more is an error [default: 100000]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[command(flatten)]
    which: Which,
}

/// The formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// JSON, one event a line (docs/events.md)
    Jsonl,
    /// Elastic Common Schema, one document a line
    Ecs,
    /// A table, one event a row (RFC 4180)
    Csv,
    /// A STIX 2.1 bundle
    Stix,
}

/// Objects of a bundle, where nothing else is said.
const LIMIT: usize = 100_000;

/// Writes the events asked for.
pub(crate) fn run(wanted: &Export) -> anyhow::Result<ExitCode> {
    if let (Some(limit), true) = (wanted.limit, wanted.format != Format::Stix) {
        bail!("--limit {limit} is for --format stix alone; leave it out");
    }
    let filter = wanted.which.filter(&TimeZone::system())?;
    let (_, reader) = reading::open(&wanted.settings)?;
    let kind = if wanted.format == Format::Csv { Kind::Text } else { Kind::Json };
    let mut output = Output::open(wanted.output.as_deref(), kind)?;
    let mut progress = Progress::new("exporting");
    write(&reader, &filter, wanted, &mut |share| progress.share(share), &mut output)?;
    drop(progress);
    output.finish()?;
    Ok(ExitCode::SUCCESS)
}

fn write(
    reader: &Reader,
    filter: &Filter,
    wanted: &Export,
    progress: &mut dyn FnMut(f64),
    output: &mut Output,
) -> anyhow::Result<()> {
    let mut line = Vec::new();
    match wanted.format {
        Format::Jsonl => each(reader, filter, progress, |stored| {
            line.clear();
            stored.write_json(&mut line);
            line.push(b'\n');
            output.write(&line)
        }),
        Format::Ecs => each(reader, filter, progress, |stored| {
            line.clear();
            event::ecs::write_line(&stored.header(), stored.fields.as_bytes(), &mut line);
            output.write(&line)
        }),
        Format::Csv => {
            output.write(&csv::heading()?)?;
            each(reader, filter, progress, |stored| output.write(&csv::row(stored)?))
        }
        Format::Stix => {
            let mut collection = stix::Collection::new(wanted.limit.unwrap_or(LIMIT));
            each(reader, filter, progress, |stored| Ok(collection.take(stored)?))?;
            collection.write(|octets| output.write(octets))
        }
    }
}

/// Hands over every event that the filter lets through, in the order of arrival.
fn each(
    reader: &Reader,
    filter: &Filter,
    progress: &mut dyn FnMut(f64),
    mut take: impl FnMut(&Stored) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let now = Timestamp::now();
    let end = filter.until.map_or(now, |until| until.min(now)).as_microsecond();
    let mut first = None;
    for (number, stored) in reader.events(filter)?.enumerate() {
        let stored = stored?;
        let first = *first.get_or_insert(stored.key);
        if number.is_multiple_of(STRIDE) {
            progress(share(stored.key, first, end));
        }
        take(&stored)?;
    }
    progress(1.0);
    Ok(())
}

/// Events between two calls of the closure that tells how far it is.
const STRIDE: usize = 1024;

/// Keys are microseconds, about: how much of the time is behind.
#[expect(clippy::cast_precision_loss, reason = "a share, for a progress bar")]
fn share(key: i64, first: i64, end: i64) -> f64 {
    let width = end.saturating_sub(first).max(1) as f64;
    (key.saturating_sub(first) as f64 / width).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests;
