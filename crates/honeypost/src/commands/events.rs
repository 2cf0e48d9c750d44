//! `honeypost events`: what was recorded, as lines for people or as JSON, now and as it comes.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;
use std::thread;

use jiff::tz::TimeZone;
use store::Stored;

use super::line::{Style, line};
use super::reading::{self, POLL};
use crate::cli::Events;
use crate::terminal;

/// Prints the events asked for.
pub(crate) fn run(wanted: &Events) -> anyhow::Result<ExitCode> {
    let zone = TimeZone::system();
    let mut filter = wanted.which.filter(&zone)?;
    let (_, reader) = reading::open(&wanted.settings)?;
    let stdout = io::stdout();
    let style = Style { zone, colours: terminal::colours(&stdout) };
    let form = Form::new(wanted.json, stdout.is_terminal(), style);
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
            if wanted.sources.has(stored.attribution.src.ip()) {
                form.write(&stored, &mut out)?;
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

/// How events are printed.
pub(super) enum Form {
    /// For people.
    Lines(Style),
    /// For programs; for the eyes as well where it goes to a terminal.
    Json { terminal: bool },
}

impl Form {
    pub(super) fn new(json: bool, terminal: bool, style: Style) -> Self {
        if json { Self::Json { terminal } } else { Self::Lines(style) }
    }

    pub(super) fn write(&self, stored: &Stored, out: &mut impl Write) -> io::Result<()> {
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
