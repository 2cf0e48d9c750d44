//! Documents of every event against the published list of ECS's fields: each name is one of them (or ours, under
//! `honeypost.*`), each value has the type that the list says.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use event::catalogue::CATALOGUE;
use event::{Attachment, Attribution, Event, Header, Protocol, Record, Text, ecs};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// A field of the list: its type, and whether its value must be a list.
struct Published {
    kind: String,
    list: bool,
}

/// The list beside this file, or the `generated/csv/fields.csv` that the variable names.
fn published() -> BTreeMap<String, Published> {
    let Ok(path) = std::env::var("ECS_FIELDS_CSV") else {
        return include_str!("ecs/fields.csv").lines().skip(1).map(|row| field(row, [0, 1, 2])).collect();
    };
    let text = std::fs::read_to_string(&path).expect("ECS_FIELDS_CSV names a file");
    // Of ECS_Version,Indexed,Field_Set,Field,Type,Level,Normalization,Example,Description the quoted ones come last.
    text.lines().skip(1).filter(|row| row.split(',').count() > 6).map(|row| field(row, [3, 4, 6])).collect()
}

fn field(row: &str, [name, kind, normalize]: [usize; 3]) -> (String, Published) {
    let columns: Vec<&str> = row.split(',').collect();
    let column = |at: usize| columns.get(at).copied().unwrap_or_default();
    let list = column(normalize).split(' ').any(|word| word == "array");
    (column(name).to_owned(), Published { kind: column(kind).to_owned(), list })
}

fn attribution() -> Attribution {
    Attribution {
        sensor: Arc::from("s1"),
        session: Uuid::from_u128(2),
        protocol: Protocol::Imap,
        tls: true,
        src: "192.0.2.1:4000".parse().expect("an address"),
        dst: "[2001:db8::1]:143".parse().expect("an address"),
    }
}

fn document(event: &str, fields: &Value) -> Value {
    let header = Header {
        id: Uuid::from_u128(1),
        time: Timestamp::from_microsecond(1_700_000_000_000_005).expect("in range"),
        event,
        seq: 7,
        attribution: &attribution(),
    };
    ecs::document(&header, &serde_json::to_vec(fields).expect("JSON"))
}

/// What stands against the list in a document, and the published fields that it has.
fn complaints(document: &Value, list: &BTreeMap<String, Published>) -> (Vec<String>, BTreeSet<String>) {
    let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
    walk("", document, list, &mut wrong, &mut seen);
    (wrong, seen)
}

fn walk(
    name: &str,
    value: &Value,
    list: &BTreeMap<String, Published>,
    wrong: &mut Vec<String>,
    seen: &mut BTreeSet<String>,
) {
    if name == "honeypost" {
        return;
    }
    if let Some(field) = list.get(name) {
        seen.insert(name.to_owned());
        let values = match (value, field.list) {
            (Value::Array(values), true) => values.as_slice(),
            (value, false) => std::slice::from_ref(value),
            _ => return wrong.push(format!("{name} is not a list")),
        };
        for value in values {
            if !fits(value, &field.kind) {
                wrong.push(format!("{name} is no {}: {value}", field.kind));
            }
            if field.kind == "nested" {
                inside(name, value, list, wrong, seen);
            }
        }
    } else if value.is_object() {
        inside(name, value, list, wrong, seen);
    } else {
        wrong.push(format!("{name} is no field of ECS"));
    }
}

fn inside(
    name: &str,
    value: &Value,
    list: &BTreeMap<String, Published>,
    wrong: &mut Vec<String>,
    seen: &mut BTreeSet<String>,
) {
    for (key, value) in value.as_object().into_iter().flatten() {
        let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
        walk(&name, value, list, wrong, seen);
    }
}

fn fits(value: &Value, kind: &str) -> bool {
    let text = value.as_str();
    match kind {
        "keyword" | "wildcard" | "match_only_text" => text.is_some_and(|text| !text.is_empty()),
        "date" => text.is_some_and(|text| text.parse::<Timestamp>().is_ok()),
        "ip" => text.is_some_and(|text| text.parse::<IpAddr>().is_ok()),
        "long" => value.is_i64(),
        "boolean" => value.is_boolean(),
        // `labels`: one level of keywords.
        "object" => value.as_object().is_some_and(|labels| labels.values().all(Value::is_string)),
        "nested" => value.is_object(),
        other => panic!("say in this test what a {other} is"),
    }
}

/// A value for every field of an event, with the exact bytes beside each text.
fn sample(fields: &[event::catalogue::FieldEntry]) -> Value {
    let mut own = Map::new();
    for field in fields {
        let value = match field.shape {
            "text" => {
                own.insert(format!("{}_b64", field.name), json!("/w=="));
                json!("\u{fffd}")
            }
            "word" => json!("word"),
            "number" => json!(u32::MAX),
            "true or false" => json!(true),
            "list of text" => json!(["one", "two"]),
            "list of {name, media_type, size, sha256}" => {
                json!([{"name": "loot.tar.gz", "media_type": "application/gzip", "size": 3, "sha256": "ab"}])
            }
            other => panic!("say in this test what a {other} is"),
        };
        own.insert(field.name.to_owned(), value);
    }
    Value::Object(own)
}

/// As other sensors may write it: one protocol that was agreed on.
fn tls_negotiated() -> Value {
    json!({"version": "TLSv1.3", "cipher": "TLS_AES_128_GCM_SHA256", "sni": "mail.test", "alpn": "imap",
        "ja3": "771,4865,0,,", "ja3_hash": "0cc175b9c0f1b6a831c399e269772661", "ja4": "t13d1516h2_8daaf6152771_b186095e22b6"})
}

#[test]
fn every_field_of_every_event_is_published_or_ours() {
    let list = published();
    assert!(list.len() > 1500, "{} fields", list.len());
    let samples: Vec<(&str, Value)> = CATALOGUE
        .iter()
        .map(|entry| (entry.name, sample(entry.fields)))
        .chain([("tls.negotiated", tls_negotiated())])
        .collect();
    let mut all = BTreeSet::new();
    for (name, own) in samples {
        let document = document(name, &own);
        let (wrong, seen) = complaints(&document, &list);
        assert!(wrong.is_empty(), "{name}: {wrong:?}\n{document:#}");
        for base in ["@timestamp", "ecs.version", "event.kind", "event.category", "event.type", "source.ip"] {
            assert!(seen.contains(base), "{name} has no {base}");
        }
        // Nothing is lost: every value of ours is somewhere.
        let text = document.to_string();
        for (field, value) in own.as_object().expect("an object") {
            let there = match value {
                Value::Bool(_) | Value::Array(_) => true,
                Value::Number(_) if field == "duration_ms" => text.contains("4294967295000000"),
                Value::String(version) if field == "version" => {
                    text.contains(version.trim_start_matches("TLSv"))
                }
                value => text.contains(&value.to_string()),
            };
            assert!(there, "{name}: {field} is lost: {document:#}");
        }
        all.extend(seen);
    }
    for field in [
        "email.attachments.file.hash.sha256",
        "email.to.address",
        "event.duration",
        "event.original",
        "event.outcome",
        "event.reason",
        "file.hash.sha256",
        "related.hash",
        "related.user",
        "rule.name",
        "source.bytes",
        "threat.technique.id",
        "tls.client.ja3",
        "tls.client.server_name",
        "tls.version",
        "url.full",
        "user.name",
    ] {
        assert!(all.contains(field), "{field} is never there");
    }
}

/// The check itself finds what is wrong.
#[test]
fn what_is_not_published_is_found() {
    let list = published();
    let document = json!({"source": {"ip": "mail.test", "mood": "bad", "port": "25"}, "related": {"ip": "192.0.2.1"},
        "honeypost": {"anything": 1}});
    let (wrong, _) = complaints(&document, &list);
    assert_eq!(
        wrong,
        [
            "related.ip is not a list",
            "source.ip is no ip: \"mail.test\"",
            "source.mood is no field of ECS",
            "source.port is no long: \"25\""
        ]
    );
}

#[test]
fn classes_are_of_the_allowed_values() {
    let categories = ["authentication", "email", "file", "network"];
    let types = ["connection", "deletion", "end", "info", "protocol", "start"];
    for entry in CATALOGUE {
        let event = &document(entry.name, &sample(entry.fields))["event"];
        for (field, allowed) in [("category", &categories[..]), ("type", &types)] {
            for value in event[field].as_array().expect("a list") {
                assert!(allowed.contains(&value.as_str().expect("text")), "{}: {value}", entry.name);
            }
        }
        assert!(["event", "alert"].contains(&event["kind"].as_str().expect("text")));
    }
}

fn record(event: Event) -> Value {
    let record = Record {
        id: Uuid::from_u128(1),
        time: Timestamp::UNIX_EPOCH,
        seq: 0,
        attribution: attribution(),
        event,
    };
    let mut line = Vec::new();
    ecs::write_record(&record, &mut line);
    assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1), "one line");
    serde_json::from_slice(&line).expect("JSON")
}

#[test]
fn hostile_bytes_are_kept_exactly() {
    let mut password = vec![b'a'; 1 << 20];
    password.extend_from_slice(b"\xff\0\n\"\\");
    let document = record(Event::AuthFailed {
        mechanism: "PLAIN",
        username: Text::copy(b"ad\xffmin"),
        password: Text::from(password.clone()),
    });
    assert_eq!(document["user"]["name"], "ad\u{fffd}min");
    assert_eq!(document["honeypost"]["username_b64"], "YWT/bWlu");
    assert_eq!(document["honeypost"]["password"], String::from_utf8_lossy(&password).into_owned());
    assert!(document["honeypost"]["password_b64"].as_str().is_some_and(|exact| exact.len() > 1 << 20));
    assert_eq!(document["threat"]["technique"]["id"], json!(["T1110"]));
    assert_eq!(document["event"]["outcome"], "failure");

    let empty = record(Event::AuthFailed { mechanism: "PLAIN", username: "".into(), password: "".into() });
    assert_eq!((&empty["honeypost"]["password"], &empty["user"]), (&json!(""), &Value::Null));
}

#[test]
fn mail_is_spread_over_its_fields() {
    let document = record(Event::MailReceived {
        queue_id: "4ABC".into(),
        mail_from: "a@sender.test".into(),
        rcpt_to: vec!["b@elsewhere.test".into()],
        size: 12,
        sha256: "aa".into(),
        subject: "hi".into(),
        path: "mail/x.eml".into(),
        attachments: vec![Attachment {
            name: "a.exe".into(),
            media_type: "application/octet-stream".into(),
            size: 3,
            sha256: "bb".into(),
        }],
        urls: vec!["http://x.test/1".into(), "http://x.test/2".into()],
    });
    let email = &document["email"];
    assert_eq!(email["attachments"][0]["file"]["extension"], "exe");
    assert_eq!(email["from"]["address"], json!(["a@sender.test"]));
    assert_eq!((&email["subject"], &email["local_id"]), (&json!("hi"), &json!("4ABC")));
    assert_eq!(document["related"]["hash"], json!(["aa", "bb"]));
    assert_eq!(document["url"]["full"], "http://x.test/1");
    assert_eq!(document["honeypost"]["urls"][1], "http://x.test/2");
}

#[test]
fn what_honeypost_does_by_itself_has_no_source() {
    let nobody = Attribution { src: "0.0.0.0:0".parse().expect("an address"), ..attribution() };
    let header = Header {
        id: Uuid::nil(),
        time: Timestamp::UNIX_EPOCH,
        event: "mail.expired",
        seq: 0,
        attribution: &nobody,
    };
    let document = ecs::document(&header, br#"{"reason":"age","messages":2,"size":8192}"#);
    assert_eq!((&document["source"], &document["related"]), (&Value::Null, &Value::Null));
    assert_eq!(document["honeypost"], json!({"messages": 2, "size": 8192}));
    // What is not JSON is kept.
    assert_eq!(ecs::document(&header, b"\xff{")["honeypost"]["fields"], "\u{fffd}{");
}
