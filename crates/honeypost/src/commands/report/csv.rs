//! A report as CSV (RFC 4180): one value a line, so that all sections have the same columns.
//!
//! A cell that a spreadsheet would take for a formula begins with an apostrophe: one that begins with `=`, `+`, `-`, `@`, a tab
//! or CR, also behind spaces, and one that begins with an apostrophe already, so that the first one can always be taken away.

use std::io::Write;

use ::csv::{Terminator, WriterBuilder};

use super::section::Report;
use crate::commands::cell;
use crate::terminal;

const HEADER: [&str; 6] = ["section", "rank", "key", "second_key", "measure", "value"];

/// Writes it; to a terminal with everything deceiving escaped.
pub(super) fn write(report: &Report, is_terminal: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let mut csv = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(out);
    csv.write_record(HEADER)?;
    for total in &report.totals {
        csv.write_record(["totals", "", "", "", total.name, &total.value.to_string()])?;
    }
    for section in &report.sections {
        for (row, rank) in section.rows.iter().zip(1_u64..) {
            let mut keys = row.keys.iter().map(|key| {
                let text = key.lossy();
                if is_terminal { terminal::escape(&text).into_owned() } else { text.into_owned() }
            });
            let (first, second) = (keys.next().unwrap_or_default(), keys.next().unwrap_or_default());
            for (measure, value) in section.measures.iter().zip(&row.values) {
                csv.write_record([
                    section.name,
                    &rank.to_string(),
                    &cell::text(&first),
                    &cell::text(&second),
                    measure,
                    &value.plain(),
                ])?;
            }
        }
        // A section's own numbers, so that a reader of the file knows how far to trust it.
        for (measure, value) in
            [("distinct", section.distinct as u64), ("counts_too_low_by_up_to", section.missed)]
        {
            csv.write_record([section.name, "", "", "", measure, &value.to_string()])?;
        }
    }
    csv.flush()?;
    Ok(())
}
