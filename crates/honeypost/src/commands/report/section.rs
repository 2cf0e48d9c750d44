//! A report as data: totals, and sections of rows. Every form of it (terminal, CSV, HTML, JSON) is made from these alone.

use crate::commands::evidence::Evidence;

/// A whole report.
#[derive(Debug)]
pub(super) struct Report {
    /// When it was made, and of which events: moments as events carry them.
    pub(super) made: String,
    pub(super) since: Option<String>,
    pub(super) until: Option<String>,
    /// The zone of days and hours.
    pub(super) zone: String,
    pub(super) protocol: Option<&'static str>,
    pub(super) source: Option<String>,
    pub(super) totals: Vec<Total>,
    pub(super) sections: Vec<Section>,
}

/// One number over all of it.
#[derive(Debug)]
pub(super) struct Total {
    pub(super) name: &'static str,
    pub(super) value: u64,
    /// Whether it may be more.
    pub(super) at_least: bool,
}

/// One table.
#[derive(Debug)]
pub(super) struct Section {
    /// As JSON and CSV name it.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// The names of the columns that say what is counted.
    pub(super) keys: &'static [&'static str],
    /// The names of the columns behind them. The first number among them is drawn as a bar.
    pub(super) measures: &'static [&'static str],
    pub(super) rows: Vec<Row>,
    /// Different keys there are, shown or not.
    pub(super) distinct: usize,
    /// By how much a count may be too low; 0: none is.
    pub(super) missed: u64,
    /// Whether some measure other than the first may be too low.
    pub(super) at_least: bool,
}

/// One line of a section: a value for each of its keys and measures.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) keys: Vec<Evidence>,
    pub(super) values: Vec<Value>,
}

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Count(u64),
    /// Words of ours.
    Word(&'static str),
    /// A moment as events carry it.
    Moment(String),
}

impl Value {
    /// For a machine: the bare value.
    pub(super) fn plain(&self) -> String {
        match self {
            Self::Count(count) => count.to_string(),
            Self::Word(word) => (*word).to_owned(),
            Self::Moment(moment) => moment.clone(),
        }
    }

    /// For people.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Count(count) => grouped(*count),
            Self::Word(word) => (*word).to_owned(),
            // To the second.
            Self::Moment(moment) => moment.get(..19).unwrap_or(moment).replace('T', " "),
        }
    }

    pub(super) fn count(&self) -> Option<u64> {
        if let Self::Count(count) = self { Some(*count) } else { None }
    }
}

impl Section {
    /// What must be known about its numbers, in words.
    pub(super) fn note(&self) -> Option<String> {
        let shown = self.rows.len();
        let more = (self.distinct > shown && self.missed == 0)
            .then(|| format!("the first {shown} of {}", grouped(self.distinct as u64)));
        let rare = (self.missed > 0).then(|| {
            format!(
                "the first {shown} of more than {}; too many to count each exactly: a count may be too low by up to {}, and rare \
                 entries are missing",
                grouped(self.distinct as u64),
                grouped(self.missed)
            )
        });
        let least = self.at_least.then(|| "too many sources to count each: there may be more".to_owned());
        let notes: Vec<String> = [more, rare, least].into_iter().flatten().collect();
        (!notes.is_empty()).then(|| notes.join("; "))
    }

    /// The largest of the values that bars are drawn of.
    pub(super) fn most(&self) -> u64 {
        self.rows.iter().filter_map(|row| row.values.first()?.count()).max().unwrap_or_default()
    }
}

/// A number with its thousands apart (a thin gap would not survive a terminal).
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// A name as people read it.
pub(super) fn words(name: &str) -> String {
    name.replace('_', " ")
}
