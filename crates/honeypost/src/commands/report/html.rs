//! A report as one page of HTML that needs nothing else: no script, no font, no request.
//!
//! Its policy (Content Security Policy Level 3) forbids everything but its own style sheet, which it names by digest. Texts of
//! intruders' go through [`Evidence::shown`](crate::commands::evidence::Evidence::shown) and then through the template's
//! escaping: characters that deceive the eye are visible, those that mean something to HTML mean nothing.

use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::section::{Report, Section, Value, words};
use super::terminal::scope;

const STYLE: &str = include_str!("../../../templates/report.css");
/// The shortest bar, in thousandths of the longest: what is not nothing is seen.
const SHORTEST: u64 = 4;
/// Totals that stand on top of the page.
const CARDS: [&str; 6] =
    ["sessions", "sources", "logins_succeeded", "message_reads", "bait_reads", "mails_received"];

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    policy: String,
    style: &'static str,
    scope: String,
    cards: Vec<Number>,
    others: Vec<Number>,
    tables: Vec<Table>,
}

struct Number {
    name: String,
    value: String,
}

struct Table {
    id: &'static str,
    title: &'static str,
    note: Option<String>,
    keys: Vec<String>,
    measures: Vec<String>,
    rows: Vec<Line>,
}

struct Line {
    keys: Vec<String>,
    /// Per cent of the longest.
    bar: String,
    values: Vec<Cell>,
}

struct Cell {
    text: String,
    is_number: bool,
}

/// The page.
pub(super) fn page(report: &Report) -> anyhow::Result<String> {
    let number = |total: &super::section::Total| Number {
        name: words(total.name),
        value: format!("{}{}", Value::Count(total.value).shown(), if total.at_least { "+" } else { "" }),
    };
    let digest = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    let (cards, others): (Vec<_>, Vec<_>) =
        report.totals.iter().partition(|total| CARDS.contains(&total.name));
    let tables = report.sections.iter().filter(|section| !section.rows.is_empty()).map(table);
    let page = Page {
        policy: format!(
            "default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
        ),
        style: STYLE,
        scope: scope(report),
        cards: cards.into_iter().map(number).collect(),
        others: others.into_iter().map(number).collect(),
        tables: tables.collect(),
    };
    Ok(page.render()?)
}

fn table(section: &Section) -> Table {
    let most = section.most().max(1);
    let rows = section.rows.iter().map(|row| {
        let value = row.values.first().and_then(Value::count).unwrap_or_default();
        let thousandths = u64::try_from(u128::from(value) * 1000 / u128::from(most)).unwrap_or(1000);
        let thousandths = if value == 0 { 0 } else { thousandths.max(SHORTEST) };
        Line {
            keys: row.keys.iter().map(super::super::evidence::Evidence::shown).collect(),
            bar: format!("{}.{}", thousandths / 10, thousandths % 10),
            values: row
                .values
                .iter()
                .map(|value| Cell { text: value.shown(), is_number: value.count().is_some() })
                .collect(),
        }
    });
    Table {
        id: section.name,
        title: section.title,
        note: section.note(),
        keys: section.keys.iter().map(|name| words(name)).collect(),
        measures: section.measures.iter().map(|name| words(name)).collect(),
        rows: rows.collect(),
    }
}
