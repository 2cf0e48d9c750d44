//! `honeypost sessions`: one line a session, the earliest first.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::look::{self, Look};
use super::reading::{self, Which};
use super::scope::Sources;
use super::summary::{self, Summary, duration, short};
use crate::cli::Settings;
use crate::terminal;

/// Lines that decide how wide the columns are.
const SAMPLE: usize = 2000;
/// Columns of what intruders wrote, unless a terminal leaves less.
const WIDE: usize = 40;
/// The narrowest that these become.
const NARROW: usize = 12;

/// `honeypost sessions`
#[derive(Debug, Args)]
pub(crate) struct Sessions {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Print JSON, one object a line (docs/reading.md)
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) sources: Sources,
}

/// Prints the sessions asked for.
pub(crate) fn run(wanted: &Sessions) -> anyhow::Result<ExitCode> {
    let zone = TimeZone::system();
    let filter = wanted.which.filter(&zone)?;
    let (_, reader) = reading::open(&wanted.settings)?;
    let stdout = io::stdout();
    let terminal = stdout.is_terminal();
    let mut out = BufWriter::new(stdout.lock());
    if wanted.json {
        summary::summaries(&reader, &filter, &wanted.sources, |summary| {
            let json = serde_json::to_string(&summary.json())?;
            let json = if terminal { terminal::escape_json(&json) } else { json.into() };
            Ok(writeln!(out, "{json}")?)
        })?;
    } else {
        let mut table = Table { look: Look::of_stdout(false), widths: None, waiting: Vec::new() };
        summary::summaries(&reader, &filter, &wanted.sources, |summary| {
            Ok(table.line(cells(summary, &zone), &mut out)?)
        })?;
        table.end(&mut out)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

const COLUMNS: usize = 11;
const HEADER: [&str; COLUMNS] = [
    "BEGIN",
    "SOURCE",
    "PROTOCOL",
    "SESSION",
    "CLIENT",
    "LOGINS",
    "CREDENTIAL",
    "READ",
    "BAIT",
    "LENGTH",
    "END",
];
const CLIENT: usize = 4;
const CREDENTIAL: usize = 6;
/// Columns that a narrow terminal does without, the least of them first: length, end, client, logins, protocol, messages.
const EXPENDABLE: [usize; 6] = [9, 10, CLIENT, 5, 2, 7];

/// Behind the protocol: whether there was TLS, and which.
fn tls(summary: &Summary) -> String {
    match &summary.tls_version {
        Some(version) => format!("+tls{}", terminal::escape(version.trim_start_matches("TLSv"))),
        None if summary.who.tls => "+tls".to_owned(),
        None => String::new(),
    }
}

fn cells(summary: &Summary, zone: &TimeZone) -> [String; COLUMNS] {
    let who = &summary.who;
    let begin = Timestamp::from_microsecond(summary.begin).unwrap_or_default();
    let credential = summary.credential.as_ref().map(|credential| {
        let mark = if credential.succeeded { "" } else { "not " };
        format!("{mark}{} / {}", credential.username.word(&[' ', '/']), credential.password.word(&[' ', '/']))
    });
    let bait = match summary.first_bait_ms() {
        Some(first) => format!("{} after {}", summary.bait.len(), duration(first)),
        None => String::new(),
    };
    [
        begin.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        who.src.ip().to_canonical().to_string(),
        format!("{}{}", who.protocol.name(), tls(summary)),
        short(&who.session),
        summary.client.as_ref().map(super::evidence::Evidence::shown).unwrap_or_default(),
        if summary.tried == 0 { String::new() } else { format!("{} of {}", summary.won, summary.tried) },
        credential.unwrap_or_default(),
        if summary.messages == 0 { String::new() } else { summary.messages.to_string() },
        bait,
        duration(summary.duration_ms()),
        summary
            .closed
            .as_ref()
            .map_or("open".to_owned(), |closed| terminal::escape(&closed.reason).into_owned()),
    ]
}

/// Lines of aligned columns. The first ones wait until enough are there to tell the widths.
struct Table {
    look: Look,
    widths: Option<[usize; COLUMNS]>,
    waiting: Vec<[String; COLUMNS]>,
}

impl Table {
    fn line(&mut self, cells: [String; COLUMNS], out: &mut impl Write) -> io::Result<()> {
        match &self.widths {
            Some(widths) => write_line(&self.look, widths, &cells, out),
            None => {
                self.waiting.push(cells);
                if self.waiting.len() < SAMPLE { Ok(()) } else { self.settle(out) }
            }
        }
    }

    fn end(&mut self, out: &mut impl Write) -> io::Result<()> {
        if self.widths.is_none() { self.settle(out) } else { Ok(()) }
    }

    fn settle(&mut self, out: &mut impl Write) -> io::Result<()> {
        let widths = widths(&self.look, &self.waiting);
        write_line(&self.look, &widths, &HEADER.map(str::to_owned), out)?;
        for cells in self.waiting.drain(..) {
            write_line(&self.look, &widths, &cells, out)?;
        }
        self.widths = Some(widths);
        Ok(())
    }
}

fn widths(look: &Look, lines: &[[String; COLUMNS]]) -> [usize; COLUMNS] {
    let mut widths = HEADER.map(str::len);
    for cells in lines {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = (*width).max(look::width(&look.drawn(cell)));
        }
    }
    for column in [CLIENT, CREDENTIAL] {
        if let Some(width) = widths.get_mut(column) {
            *width = (*width).min(WIDE);
        }
    }
    let wanted = widths;
    if let Some(terminal) = look.width {
        // What intruders wrote gives way, the wider of the two columns first; then whole columns.
        while total(&widths) > terminal {
            let [.., client, _, credential, _, _, _, _] = &mut widths;
            let wider = if *client >= *credential { client } else { credential };
            if *wider <= NARROW {
                break;
            }
            *wider -= 1;
        }
        for column in EXPENDABLE {
            if total(&widths) > terminal
                && let Some(width) = widths.get_mut(column)
            {
                *width = 0;
            }
        }
        let ([.., credential, _, _, _, _], [.., wanted, _, _, _, _]) = (widths, wanted);
        let left = terminal.saturating_sub(total(&widths));
        if let Some(width) = widths.get_mut(CREDENTIAL) {
            *width = wanted.min(credential + left);
        }
    }
    widths
}

/// Columns of a line. One of no width is left out.
fn total(widths: &[usize; COLUMNS]) -> usize {
    widths.iter().filter(|width| **width > 0).map(|width| width + 2).sum::<usize>().saturating_sub(2)
}

fn write_line(
    look: &Look,
    widths: &[usize; COLUMNS],
    cells: &[String; COLUMNS],
    out: &mut impl Write,
) -> io::Result<()> {
    let mut line = String::new();
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate().filter(|(_, (_, width))| **width > 0)
    {
        let cut = look.width.is_some() || column == CLIENT || column == CREDENTIAL;
        let width = if cut { *width } else { (*width).max(look::width(cell)) };
        line.push_str(&look.cell(cell, width, false));
        line.push_str("  ");
    }
    let line = line.trim_end();
    let line = look.width.map_or_else(|| line.to_owned(), |width| look.fit(line, width));
    writeln!(out, "{line}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_fit_the_terminal() {
        let cells: [String; COLUMNS] = std::array::from_fn(|column| {
            if column == CLIENT || column == CREDENTIAL { "密".repeat(300) } else { "x".repeat(10) }
        });
        for width in [60, 120, 150, 200] {
            let look = Look { width: Some(width), ascii: false, colours: false };
            let mut table = Table { look, widths: None, waiting: Vec::new() };
            let mut out = Vec::new();
            table.line(cells.clone(), &mut out).expect("written");
            table.end(&mut out).expect("written");
            let text = String::from_utf8(out).expect("UTF-8");
            assert_eq!(text.lines().count(), 2);
            for line in text.lines() {
                assert!(look::width(line) <= width, "{width}: {line}");
            }
        }
    }
}
