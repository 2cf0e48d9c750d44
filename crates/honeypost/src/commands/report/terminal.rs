//! A report for the terminal: tables with bars, as wide as it is.

use std::io::Write;

use super::section::{Report, Section, Value, words};
use crate::commands::bars::bar;
use crate::commands::look::{self, Look};

/// Columns of the longest bar, and of the shortest that is worth drawing.
const BAR: usize = 30;
const SHORTEST_BAR: usize = 8;
/// Columns that keys have at least.
const NARROW: usize = 12;
/// Measures of sources that a terminal has room for; the others have all of them.
const SOURCES: &[&str] =
    &["sessions", "achieved", "logins_succeeded", "message_reads", "bait_reads", "mails_received"];

/// Writes it.
pub(super) fn write(report: &Report, look: &Look, out: &mut impl Write) -> anyhow::Result<()> {
    let (bold, dim, off) = if look.colours { ("\x1b[1m", "\x1b[2m", "\x1b[0m") } else { ("", "", "") };
    writeln!(out, "{bold}Honeypost report{off}")?;
    writeln!(out, "{dim}{}{off}", look.fit(&scope(report), look.columns()))?;
    writeln!(out)?;
    let name = report.totals.iter().map(|total| total.name.len()).max().unwrap_or_default();
    for total in &report.totals {
        let more = if total.at_least { " at least" } else { "" };
        writeln!(out, "{:name$}  {:>15}{more}", words(total.name), Value::Count(total.value).shown())?;
    }
    for section in report.sections.iter().filter(|section| !section.rows.is_empty()) {
        writeln!(out, "\n{bold}{}{off}", section.title)?;
        if let Some(note) = section.note() {
            for line in folded(&note, look.columns()) {
                writeln!(out, "{dim}{line}{off}")?;
            }
        }
        table(section, look, out)?;
    }
    Ok(())
}

/// What it is about, in a line.
pub(super) fn scope(report: &Report) -> String {
    let moment = |text: &str| Value::Moment(text.to_owned()).shown() + " UTC";
    let span = match (&report.since, &report.until) {
        (None, None) => "everything recorded".to_owned(),
        (Some(since), None) => format!("since {}", moment(since)),
        (None, Some(until)) => format!("until {}", moment(until)),
        (Some(since), Some(until)) => format!("{} to {}", moment(since), moment(until)),
    };
    let protocol = report.protocol.map(|protocol| format!(", {protocol} only")).unwrap_or_default();
    let source = report.source.as_ref().map(|source| format!(", from {source} only")).unwrap_or_default();
    format!("{span}{protocol}{source}; made {}; days and hours of {}", moment(&report.made), report.zone)
}

fn folded(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() || line.len() + 1 + word.len() <= width => {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn table(section: &Section, look: &Look, out: &mut impl Write) -> anyhow::Result<()> {
    let mut shown: Vec<usize> = (0..section.measures.len())
        .filter(|place| {
            section.name != "sources"
                || section.measures.get(*place).is_some_and(|name| SOURCES.contains(name))
        })
        .collect();
    let head: Vec<String> = section.keys.iter().map(|name| words(name)).collect();
    let keys: Vec<Vec<String>> = section
        .rows
        .iter()
        .map(|row| row.keys.iter().map(|key| look.drawn(&key.shown())).collect())
        .collect();
    let mut key_widths = widths(&head, &keys);
    let keys_need: usize = key_widths.iter().map(|width| (*width).min(NARROW) + 2).sum();
    // A narrow terminal does without the last measures.
    let (titles, measures, measure_widths) = loop {
        let titles: Vec<String> =
            shown.iter().filter_map(|place| Some(words(section.measures.get(*place)?))).collect();
        let measures: Vec<Vec<String>> = section
            .rows
            .iter()
            .map(|row| shown.iter().filter_map(|place| Some(row.values.get(*place)?.shown())).collect())
            .collect();
        let widths = widths(&titles, &measures);
        let needed = keys_need + widths.iter().map(|width| width + 2).sum::<usize>();
        if needed <= look.columns() || shown.len() <= 1 {
            break (titles, measures, widths);
        }
        shown.pop();
    };
    // What is left beside the numbers is for the keys, and then for the bars.
    let numbers: usize = measure_widths.iter().map(|width| width + 2).sum();
    let room = look.columns().saturating_sub(numbers);
    while key_widths.iter().sum::<usize>() + 2 * key_widths.len() > room {
        match key_widths.iter_mut().max() {
            Some(widest) if *widest > NARROW => *widest -= 1,
            _ => break,
        }
    }
    let keys_take: usize = key_widths.iter().sum::<usize>() + 2 * key_widths.len().saturating_sub(1);
    let cells = room.saturating_sub(keys_take + 2).min(BAR);
    let write = |keys: &[String], measures: &[String], bar: &str, out: &mut dyn Write| {
        let keys = keys.iter().zip(&key_widths).map(|(key, width)| look.cell(key, *width, false));
        let measures = measures.iter().zip(&measure_widths).map(|(it, width)| look.cell(it, *width, true));
        let line: Vec<String> = keys.chain(measures).chain([bar.to_owned()]).collect();
        let line = line.join("  ");
        writeln!(out, "{}", line.trim_end())
    };
    let (dim, off) = if look.colours { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
    write!(out, "{dim}")?;
    write(&head, &titles, off, out)?;
    let most = section.most();
    for ((row, keys), measures) in section.rows.iter().zip(&keys).zip(&measures) {
        let value = row.values.first().and_then(Value::count).unwrap_or_default();
        let bar = if cells < SHORTEST_BAR { String::new() } else { bar(value, most, cells, look.ascii) };
        write(keys, measures, &bar, out)?;
    }
    Ok(())
}

fn widths(head: &[String], rows: &[Vec<String>]) -> Vec<usize> {
    let mut widths: Vec<usize> = head.iter().map(|cell| look::width(cell)).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(look::width(cell));
        }
    }
    widths
}
