//! Events as a table (RFC 4180): one row each, the same columns always.
//!
//! Spreadsheets run what looks like a formula. So a cell that begins with a sign that makes one gets an apostrophe in front;
//! so does one that begins with an apostrophe, so that taking one away always gives what was there.

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use store::Stored;

use crate::commands::cell;

/// What every event has.
const FIXED: [&str; 12] = [
    "id", "time", "event", "sensor", "session", "seq", "protocol", "tls", "src_ip", "src_port", "dst_ip",
    "dst_port",
];

/// What many events have, in the order in which a session has them. New ones are added at the end only.
const COMMON: [&str; 38] = [
    "personality",
    "mechanism",
    "username",
    "username_b64",
    "password",
    "password_b64",
    "verb",
    "verb_b64",
    "line",
    "line_b64",
    "state",
    "status",
    "mailbox",
    "read_only",
    "uid",
    "section",
    "section_b64",
    "bytes",
    "bait",
    "criteria",
    "criteria_b64",
    "matches",
    "mail_from",
    "mail_from_b64",
    "rcpt_to",
    "rcpt_to_b64",
    "accepted",
    "queue_id",
    "subject",
    "subject_b64",
    "size",
    "sha256",
    "path",
    "reason",
    "what",
    "bytes_in",
    "bytes_out",
    "duration_ms",
];

/// All other fields of the event, as one JSON object.
const MORE: &str = "more";

/// The first row.
pub(super) fn heading() -> anyhow::Result<Vec<u8>> {
    line(FIXED.iter().chain(&COMMON).chain([&MORE]).map(|name| (*name).to_owned()))
}

/// One event.
pub(super) fn row(stored: &Stored) -> anyhow::Result<Vec<u8>> {
    let mut json = Vec::new();
    stored.write_json(&mut json);
    let mut fields: Map<String, Value> = serde_json::from_slice(&json).with_context(|| {
        format!("event {} is not JSON; `honeypost export --format jsonl` gives it as it is", stored.id)
    })?;
    keep_nul(&mut fields);
    let mut cells: Vec<String> =
        FIXED.iter().chain(&COMMON).map(|name| cell(fields.remove(*name).unwrap_or_default())).collect();
    cells.push(if fields.is_empty() { String::new() } else { Value::Object(fields).to_string() });
    line(cells.into_iter())
}

/// Many readers of CSV stop at a NUL. Where one is in a text, the exact bytes go beside it.
fn keep_nul(fields: &mut Map<String, Value>) {
    let hurt: Vec<(String, String)> = fields
        .iter()
        .filter(|(name, _)| COMMON.contains(&format!("{name}_b64").as_str()))
        .filter_map(|(name, value)| {
            Some((format!("{name}_b64"), STANDARD.encode(value.as_str().filter(|text| text.contains('\0'))?)))
        })
        .collect();
    for (name, exact) in hurt {
        fields.entry(name).or_insert(exact.into());
    }
}

/// Lists are JSON, everything else is as it is.
fn cell(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if text.contains('\0') => text.replace('\0', "\u{fffd}"),
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn line(cells: impl Iterator<Item = String>) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for cell in cells {
        writer.write_field(&*cell::text(&cell))?;
    }
    writer.write_record(None::<&[u8]>)?;
    Ok(writer.into_inner()?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use event::catalogue::CATALOGUE;
    use event::{Attribution, Event, Protocol, Text};

    use super::*;

    fn stored(event: &Event) -> Stored {
        Stored {
            key: 1,
            id: uuid::Uuid::from_u128(1),
            time: jiff::Timestamp::UNIX_EPOCH,
            seq: 0,
            name: event.name().to_owned(),
            attribution: Attribution {
                sensor: Arc::from("=s,1"),
                session: uuid::Uuid::from_u128(2),
                protocol: Protocol::Imap,
                tls: false,
                src: "192.0.2.1:4000".parse().expect("an address"),
                dst: "[::1]:143".parse().expect("an address"),
            },
            fields: serde_json::to_string(event).expect("JSON"),
        }
    }

    /// By another reader than the writer: the whole table, taken apart again.
    fn read(event: &Event) -> Map<String, Value> {
        let table = [heading().expect("a heading"), row(&stored(event)).expect("a row")].concat();
        assert!(table.ends_with(b"\r\n"));
        let mut reader = csv::ReaderBuilder::new().from_reader(table.as_slice());
        let names = reader.headers().expect("names").clone();
        let mut rows: Vec<_> = reader.records().map(|row| row.expect("as many cells as names")).collect();
        let row = rows.pop().expect("a row");
        assert!(rows.is_empty(), "one row an event");
        names.iter().zip(&row).map(|(name, cell)| (name.to_owned(), cell.into())).collect()
    }

    fn tried(password: &[u8]) -> Map<String, Value> {
        read(&Event::AuthFailed { mechanism: "PLAIN", username: "x".into(), password: Text::copy(password) })
    }

    #[test]
    fn no_cell_is_a_formula() {
        for password in ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "'=1", "＝1"] {
            let cell = &tried(password.as_bytes())["password"];
            assert_eq!(cell.as_str(), Some(format!("'{password}").as_str()));
        }
        let row = tried(b"a=1");
        assert_eq!((&row["password"], &row["sensor"]), (&"a=1".into(), &"'=s,1".into()));
    }

    #[test]
    fn hostile_bytes_stay_in_their_cell() {
        let row = tried(b"a\",\"b\r\nc,d");
        assert_eq!(row["password"], "a\",\"b\r\nc,d");
        assert_eq!(row["more"], "");
        let row = tried(b"\xff\xfe");
        assert_eq!((&row["password"], &row["password_b64"]), (&"\u{fffd}\u{fffd}".into(), &"//4=".into()));
        let row = tried(b"a\0b");
        assert_eq!((&row["password"], &row["password_b64"]), (&"a\u{fffd}b".into(), &"YQBi".into()));
        let row = tried(&vec![b'"'; 1 << 20]);
        assert_eq!(row["password"].as_str().map(str::len), Some(1 << 20));
    }

    #[test]
    fn what_has_no_column_is_in_the_last() {
        let row = read(&Event::MailReceived {
            queue_id: "4A".into(),
            mail_from: "a@b.test".into(),
            rcpt_to: vec!["c@d.test".into()],
            size: 1,
            sha256: "aa".into(),
            subject: "hi".into(),
            path: "mail/x".into(),
            attachments: Vec::new(),
            urls: vec!["http://x.test/".into()],
        });
        assert_eq!(row["rcpt_to"], r#"["c@d.test"]"#);
        assert_eq!(row["more"], r#"{"attachments":[],"urls":["http://x.test/"]}"#);
    }

    #[test]
    fn the_documentation_names_the_columns() {
        let page = include_str!("../../../../../docs/export.md");
        let list = page.split("\n\n").find(|part| part.starts_with("`id`, ")).expect("the list");
        let columns: Vec<&str> = FIXED.iter().chain(&COMMON).chain([&MORE]).copied().collect();
        let documented: Vec<&str> = list.split(',').map(|name| name.trim().trim_matches('`')).collect();
        assert_eq!(documented, columns);
    }

    #[test]
    fn every_text_of_a_peer_has_a_column_for_its_bytes() {
        for field in
            CATALOGUE.iter().flat_map(|entry| entry.fields).filter(|field| COMMON.contains(&field.name))
        {
            let exact = COMMON.contains(&format!("{}_b64", field.name).as_str());
            let ours = ["personality", "mailbox", "queue_id", "sha256", "path", "bait"].contains(&field.name);
            assert_eq!(exact, field.shape.ends_with("text") && !ours, "{}", field.name);
        }
    }
}
