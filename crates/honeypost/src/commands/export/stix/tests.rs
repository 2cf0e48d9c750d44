//! Bundles of hostile sessions: every reference leads somewhere, ids are unique, and the same evidence gives the same octets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use event::{Attachment, Attribution, CloseReason, Event, Protocol, Text};
use jiff::Timestamp;

use super::*;

fn stored(session: u128, source: &str, seq: u64, event: &Event) -> Stored {
    let micros = 1_700_000_000_000_000 + i64::try_from(seq).expect("few") * 1_500_000;
    Stored {
        key: micros,
        id: Uuid::from_u128(u128::from(seq)),
        time: Timestamp::from_microsecond(micros).expect("in range"),
        seq,
        name: event.name().to_owned(),
        attribution: Attribution {
            sensor: Arc::from("s\"1'\\"),
            session: Uuid::from_u128(0x018b_cfe5_6800_7000_8000_0000_0000_0000 + session),
            protocol: Protocol::Smtp,
            tls: true,
            src: source.parse().expect("an address"),
            dst: "[2001:db8::1]:25".parse().expect("an address"),
        },
        fields: serde_json::to_string(event).expect("JSON"),
    }
}

fn failed(username: &[u8], password: &[u8]) -> Event {
    Event::AuthFailed { mechanism: "PLAIN", username: Text::copy(username), password: Text::copy(password) }
}

fn mail() -> Event {
    let attachment = |name: &str, sum: &str| Attachment {
        name: name.into(),
        media_type: "application/x-\u{0}evil".into(),
        size: 3,
        sha256: sum.repeat(32),
    };
    Event::MailReceived {
        queue_id: "4A".into(),
        mail_from: "a@sender.test".into(),
        rcpt_to: vec!["b@elsewhere.test".into(), Text::copy(b"\xff'] OR [x"), "b@elsewhere.test".into()],
        size: 10,
        sha256: "ab".repeat(32),
        subject: Text::copy(b"\xff\0\"'\\"),
        path: "mail/x.eml".into(),
        attachments: vec![attachment("=cmd|'.exe", "cd"), attachment("", "ef"), attachment("broken", "x")],
        urls: vec!["http://x.test/'\"".into(), "no url".into()],
    }
}

fn read(bait: &[&str]) -> Event {
    let bait = bait.iter().map(|id| (*id).to_owned()).collect();
    Event::MessageRead { mailbox: "INBOX".into(), uid: 1, section: "".into(), bytes: 5, bait }
}

fn closed() -> Event {
    Event::SessionClosed {
        reason: CloseReason::Peer,
        bytes_in: 1,
        bytes_out: 2,
        duration_ms: 3,
        wire_cut: 0,
        wire_sha256: String::new(),
        chain_sha256: String::new(),
    }
}

/// Three sessions: two of one source, one that only connects.
fn evidence() -> Vec<Stored> {
    let opened = Event::SessionOpened { personality: "decnet".into() };
    let closed = closed();
    let (one, other) = ("192.0.2.1:4000", "[2001:db8::bad]:4001");
    vec![
        stored(1, one, 0, &opened),
        stored(1, one, 1, &failed(b"admin", b"\xff\0'\"\\")),
        stored(1, one, 2, &failed(b"admin", &vec![b'x'; 1 << 20])),
        stored(2, other, 0, &opened),
        stored(1, one, 3, &mail()),
        stored(1, one, 4, &closed),
        stored(3, "[::ffff:192.0.2.1]:4002", 5, &read(&["vpn", "root"])),
        stored(3, "[::ffff:192.0.2.1]:4002", 6, &failed(b"admin", b"\xff\0'\"\\")),
        stored(2, other, 7, &closed),
        stored(4, "0.0.0.0:0", 8, &Event::MailExpired { reason: "age", messages: 1, size: 1 }),
    ]
}

fn collected(events: &[Stored], limit: usize) -> Result<Collection, TooMuch> {
    let mut collection = Collection::new(limit);
    events.iter().try_for_each(|stored| collection.take(stored))?;
    Ok(collection)
}

fn bundle(collection: &Collection) -> (String, Vec<Object>) {
    let mut octets = Vec::new();
    collection
        .write(|piece| {
            octets.extend_from_slice(piece);
            Ok(())
        })
        .expect("written");
    let text = String::from_utf8(octets).expect("UTF-8");
    let mut bundle: Object = serde_json::from_str(&text).expect("JSON");
    let Some(Value::Array(objects)) = bundle.remove("objects") else { panic!("no objects") };
    let objects = objects.into_iter().map(|object| match object {
        Value::Object(object) => object,
        other => panic!("no object: {other}"),
    });
    (text, objects.collect())
}

/// Every text that looks like an id, anywhere in a value of `*_ref` or `*_refs`.
fn references(name: &str, value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if name.ends_with("_ref") || name.ends_with("_refs") => {
            found.insert(text.clone());
        }
        Value::Array(list) => list.iter().for_each(|value| references(name, value, found)),
        Value::Object(map) => map.iter().for_each(|(name, value)| references(name, value, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let collection = collected(&evidence(), 1000).expect("few");
    let (_, objects) = bundle(&collection);
    let ids: BTreeSet<&str> = objects.iter().map(id_of).collect();
    assert_eq!(ids.len(), objects.len(), "ids are unique");
    assert_eq!(objects.len(), collection.objects, "what was counted is what there is");
    let mut found = BTreeSet::new();
    for (name, value) in objects.iter().flatten() {
        references(name, value, &mut found);
    }
    for reference in &found {
        assert!(ids.contains(reference.as_str()), "{reference} leads nowhere");
    }
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for object in &objects {
        *kinds.entry(object["type"].as_str().expect("a type")).or_default() += 1;
    }
    let expected = [
        ("attack-pattern", 2),
        ("email-addr", 2),
        ("email-message", 1),
        ("file", 3),
        ("identity", 2),
        ("indicator", 2),
        ("ipv4-addr", 1),
        ("ipv6-addr", 2),
        ("network-traffic", 3),
        ("note", 1),
        ("observed-data", 3),
        ("relationship", 3),
        ("sighting", 4),
        ("url", 1),
        ("user-account", 2),
    ];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn the_same_evidence_gives_the_same_octets() {
    let text = || bundle(&collected(&evidence(), 1000).expect("few")).0;
    assert_eq!(text(), text());
    // A session that went on in the meantime keeps its id and its date.
    let observed = |events: &[Stored]| {
        let (_, objects) = bundle(&collected(events, 1000).expect("few"));
        let found = objects.into_iter().find(|object| object["type"] == "observed-data").expect("a session");
        (found["id"].clone(), found["created"].clone(), found["modified"].to_string())
    };
    let (all, part) = (observed(&evidence()), observed(&evidence()[1..3]));
    assert_eq!((&all.0, &all.1), (&part.0, &part.1));
    assert!(all.2 > part.2);
}

#[test]
fn sources_are_judged_by_what_they_did() {
    let (_, objects) = bundle(&collected(&evidence(), 1000).expect("few"));
    let of = |kind: &str| objects.iter().filter(|object| object["type"] == kind).collect::<Vec<_>>();
    let said: Vec<_> =
        of("indicator").iter().map(|it| (it["pattern"].clone(), it["indicator_types"].clone())).collect();
    assert_eq!(
        said,
        [
            (json!("[ipv4-addr:value = '192.0.2.1']"), json!(["malicious-activity"])),
            (json!("[ipv6-addr:value = '2001:db8::bad']"), json!(["anomalous-activity"])),
        ]
    );
    let brute_force =
        of("sighting").into_iter().find(|sighting| sighting["count"] == 3).expect("three guesses");
    assert_eq!(brute_force["observed_data_refs"].as_array().map(Vec::len), Some(2));
    assert!(of("note")[0]["content"].as_str().is_some_and(|text| text.ends_with(": root, vpn")));
    let traffic = of("network-traffic");
    assert_eq!(traffic[0]["protocols"], json!(["ipv4", "tcp", "tls", "smtp"]));
    assert_eq!((&traffic[0]["src_byte_count"], &traffic[0]["dst_byte_count"]), (&json!(1), &json!(2)));
    assert!(traffic[2].get("end").is_none(), "nobody saw it end");
}

#[test]
fn a_bundle_has_its_limit() {
    let events = evidence();
    let whole = collected(&events, 1000).expect("few").objects;
    assert!(collected(&events, whole).is_ok());
    let error = collected(&events, whole - 1).expect_err("one too many").to_string();
    assert!(error.starts_with(&format!("--limit {}: ", whole - 1)) && error.contains("--since"), "{error}");
}

#[test]
fn passwords_without_end_come_to_an_end() {
    let guess = |number: u64| {
        let password = format!("{number}{}", "\u{0}".repeat(1 << 16));
        stored(1, "192.0.2.1:4000", number, &failed(b"admin", password.as_bytes()))
    };
    let mut collection = Collection::new(100);
    let taken = (0..100).map_while(|number| collection.take(&guess(number)).ok()).count();
    assert!((10..90).contains(&taken), "{taken} of them, {} octets", collection.octets);
}
