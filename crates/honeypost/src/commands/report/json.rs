//! A report as one JSON document.

use std::io::Write;

use serde_json::{Map, Value as Json, json};

use super::section::{Report, Section, Value};
use crate::terminal;

/// Writes it; to a terminal with everything deceiving escaped.
pub(super) fn write(report: &Report, is_terminal: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let json = serde_json::to_string_pretty(&document(report))?;
    // The line ends of the form itself are no part of any text.
    for line in json.lines() {
        let line = if is_terminal { terminal::escape_json(line) } else { line.into() };
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn document(report: &Report) -> Json {
    let totals = report.totals.iter();
    let totals: Map<String, Json> = totals.map(|total| (total.name.to_owned(), total.value.into())).collect();
    let at_least: Vec<&str> =
        report.totals.iter().filter(|total| total.at_least).map(|total| total.name).collect();
    let sections: Map<String, Json> =
        report.sections.iter().map(|section| (section.name.to_owned(), table(section))).collect();
    json!({
        "made": report.made, "since": report.since, "until": report.until, "zone": report.zone,
        "protocol": report.protocol, "source": report.source,
        "totals": totals, "totals_at_least": at_least, "sections": sections,
    })
}

fn table(section: &Section) -> Json {
    let rows = section.rows.iter().map(|row| {
        let mut object = Map::new();
        for (name, key) in section.keys.iter().zip(&row.keys) {
            key.put(name, &mut object);
        }
        for (name, value) in section.measures.iter().zip(&row.values) {
            let value = match value {
                Value::Count(count) => Json::from(*count),
                Value::Word(word) => Json::from(*word),
                Value::Moment(moment) => Json::from(moment.as_str()),
            };
            object.insert((*name).to_owned(), value);
        }
        Json::Object(object)
    });
    json!({
        "rows": rows.collect::<Vec<_>>(),
        "distinct": section.distinct,
        "distinct_at_least": section.missed > 0,
        "counts_too_low_by_up_to": section.missed,
        "sources_at_least": section.at_least,
    })
}
