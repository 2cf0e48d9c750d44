//! `docs/metrics.md` and the dashboard against the real page.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::metrics;

/// The generated part of the documentation stands behind this.
const MARK: &str = "<!-- Generated from crates/honeypost/src/metrics: `BLESS=1 cargo test -p honeypost` writes it anew. -->\n";
/// Labels whose values belong to an installation.
const OWN: [&str; 4] = ["le", "personality", "sink", "version"];

/// A family of the page.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    help: String,
    /// The names of its samples.
    samples: BTreeSet<String>,
    labels: BTreeMap<String, BTreeSet<String>>,
}

impl Family {
    /// What to ask for.
    fn query(&self, name: &str) -> String {
        match self.kind.as_str() {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        }
    }
}

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn families() -> BTreeMap<String, Family> {
    let (_folder, _writer, metrics) = metrics();
    let text = metrics.text();
    assert!(text.ends_with("# EOF\n"));
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut last = String::new();
    for line in text.lines().filter(|line| *line != "# EOF") {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (what, name, rest) = (words.next(), words.next().expect("a name"), words.next());
            let family = families.entry(name.to_owned()).or_default();
            match (what, rest.expect("a text")) {
                (Some("HELP"), help) => help.clone_into(&mut family.help),
                (Some("TYPE"), kind) => kind.clone_into(&mut family.kind),
                (Some("UNIT"), unit) => assert!(name.ends_with(unit), "{line}"),
                _ => panic!("{line}"),
            }
            name.clone_into(&mut last);
            continue;
        }
        let (series, _) = line.rsplit_once(' ').expect("a value");
        let (sample, labels) = series.split_once('{').unwrap_or((series, ""));
        assert!(sample.starts_with(&last), "{line} stands below {last}");
        let family = families.get_mut(&last).expect("described before");
        family.samples.insert(sample.to_owned());
        for label in labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty()) {
            let (label, value) = label.split_once('=').expect("a value");
            let values = family.labels.entry(label.to_owned()).or_default();
            values.insert(value.trim_matches('"').to_owned());
        }
    }
    families
}

fn table(families: &BTreeMap<String, Family>) -> String {
    let mut page = format!("{MARK}\n| metric | type | labels | what |\n|---|---|---|---|\n");
    let mut values: BTreeMap<(&str, String), Vec<String>> = BTreeMap::new();
    let code = |words: &mut dyn Iterator<Item = &String>| -> String {
        words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
    };
    for (name, family) in families {
        let query = family.query(name);
        let labels = code(&mut family.labels.keys().filter(|label| *label != "le"));
        writeln!(page, "| `{query}` | {} | {labels} | {} |", family.kind, family.help)
            .expect("writing to a string");
        for (label, known) in family.labels.iter().filter(|(label, _)| !OWN.contains(&label.as_str())) {
            values.entry((label, code(&mut known.iter()))).or_default().push(query.clone());
        }
    }
    page.push_str("\n| label | values | of |\n|---|---|---|\n");
    for ((label, values), metrics) in values {
        let of = code(&mut metrics.iter());
        writeln!(page, "| `{label}` | {values} | {of} |").expect("writing to a string");
    }
    page
}

#[test]
fn the_documentation_has_every_metric() {
    let path = file("docs/metrics.md");
    let found = fs::read_to_string(&path).expect("the page");
    let before = found.split(MARK).next().unwrap_or_default();
    let page = format!("{before}{}", table(&families()));
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &page).expect("the repository is writable");
        return;
    }
    assert!(
        found == page,
        "docs/metrics.md is out of date: `BLESS=1 cargo test -p honeypost` writes it anew"
    );
}

#[test]
fn names_are_those_that_the_format_and_the_documentation_promise() {
    let mut families = families();
    for (name, family) in &families {
        assert!(name.starts_with("honeypost_") && !family.help.is_empty(), "{name}");
        assert!(!name.ends_with("_total") && !name.ends_with("_info"), "{name}");
        assert!(!family.samples.is_empty(), "{name} has no samples");
    }
    let text = fs::read_to_string(file("docs/metrics.md")).expect("the page");
    for name in names(text.split(MARK).next().unwrap_or_default()) {
        assert!(families.values().any(|family| family.samples.contains(&name)), "{name} is documented");
    }
    let appended = families.remove("honeypost_store_append_seconds").expect("a histogram");
    assert_eq!((appended.kind.as_str(), appended.samples.len()), ("histogram", 3));
}

/// The metrics named in a text.
fn names(text: &str) -> Vec<String> {
    text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
        .filter(|word| word.starts_with("honeypost_"))
        .map(str::to_owned)
        .collect()
}

/// Every text under that key.
fn under<'a>(key: &str, value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == key => found.push(text),
                    other => under(key, other, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| under(key, value, found)),
        _ => {}
    }
}

#[test]
fn the_dashboard_asks_for_what_there_is_and_for_all_of_it() {
    let families = families();
    let text = fs::read_to_string(file("packaging/grafana/honeypost.json")).expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let (mut queries, mut definitions) = (Vec::new(), Vec::new());
    under("expr", &dashboard["panels"], &mut queries);
    under("query", &dashboard["templating"], &mut definitions);
    assert!(queries.len() > 30, "{}", queries.len());
    let mut shown = BTreeSet::new();
    for query in queries.iter().chain(&definitions) {
        let mut labels: BTreeSet<&str> = ["instance"].into();
        for name in names(query) {
            let found = families.iter().find(|(_, family)| family.samples.contains(&name));
            let (family, found) = found.unwrap_or_else(|| panic!("there is no {name}: {query}"));
            labels.extend(found.labels.keys().map(String::as_str));
            shown.insert(family.as_str());
        }
        let grouped = query.split("by (").skip(1).filter_map(|rest| rest.split(')').next());
        let chosen = query.split('{').skip(1).filter_map(|rest| rest.split('}').next());
        let chosen = chosen.flat_map(|inside| inside.split(',').filter_map(|part| part.split('=').next()));
        for label in grouped.flat_map(|list| list.split(',')).chain(chosen) {
            assert!(labels.contains(label.trim()), "there is no label {label:?} in {query}");
        }
    }
    let missing: Vec<_> = families.keys().filter(|name| !shown.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "the dashboard lacks {missing:?}");

    // It can be imported anywhere: the data source is asked for, and no two panels are one.
    assert_eq!(dashboard["templating"]["list"][0]["type"], "datasource");
    let mut sources = Vec::new();
    under("uid", &dashboard["panels"], &mut sources);
    assert!(!sources.is_empty() && sources.iter().all(|source| *source == "${datasource}"));
    let panels = dashboard["panels"].as_array().expect("panels");
    let ids: BTreeSet<_> = panels.iter().filter_map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), panels.len());
}
