//! A small report, counted and in every form, and that no text of an intruder's gets out of its place.

use base64::Engine;
use event::Protocol;
use serde_json::{Value as Json, json};
use sha2::Digest;

use super::*;
use crate::commands::report::section::Report as Data;
use crate::pipeline::tests::attribution;

const HOSTILE: &str = "<script>alert(1)</script>\u{1b}[2J\r\n\u{202e}=cmd|' /C calc'!A0\"";

/// Two sessions of one source and one of another, told by their events.
fn tally(events: &[(i64, &str, Json)]) -> Tally {
    let mut tally = Tally::new(TimeZone::UTC);
    for (time, (session, name, fields)) in (1_700_000_000..).zip(events) {
        let micros = time * 1_000_000;
        if !tally.knows(*session) {
            let mut who = attribution();
            who.src = format!("192.0.2.{}:4000", 1 + session / 2).parse().expect("an address");
            if *session == 9 {
                who.protocol = Protocol::Smtp;
            }
            tally.begin(*session, &who, micros);
        }
        let fields = fields.to_string();
        tally.add(*session, &Step { time: micros, name, tls: *session == 1, fields: &fields });
    }
    tally.finish();
    tally
}

fn report(tally: &Tally, top: usize) -> Data {
    Data {
        made: "2026-11-23T18:00:00.000000Z".into(),
        since: None,
        until: None,
        zone: "UTC".into(),
        protocol: None,
        source: None,
        totals: build::totals(tally),
        sections: build::sections(tally, top),
    }
}

fn login(username: &str, password: &str) -> Json {
    json!({ "mechanism": "LOGIN", "username": username, "password": password })
}

fn story() -> Vec<(i64, &'static str, Json)> {
    let read = json!({ "mailbox": "INBOX", "uid": 5, "section": "", "bytes": 10, "bait": ["root-password"] });
    let mail = json!({
        "mail_from": "a@B.example", "rcpt_to": ["x@y"], "size": 300,
        "attachments": [{ "name": "x.zip", "media_type": "a/b", "size": 7, "sha256": "abc" }],
    });
    let command = |verb: &str, line: &str| json!({ "verb": verb, "line": line, "status": "OK" });
    vec![
        (0, "session.opened", json!({ "personality": "decnet" })),
        (0, "auth.failed", login("root", "toor")),
        (0, "auth.succeeded", login("admin", "admin")),
        (0, "command.received", command("LIST", "a LIST \"\" *")),
        (1, "session.opened", json!({ "personality": "decnet" })),
        (1, "auth.succeeded", login("admin", "admin")),
        (1, "message.read", read.clone()),
        (1, "message.read", read),
        (0, "search.run", json!({ "mailbox": "INBOX", "criteria": "TEXT vpn", "matches": 2 })),
        (1, "session.closed", json!({ "reason": "peer" })),
        (2, "session.opened", json!({ "personality": "decnet" })),
        (9, "session.opened", json!({ "personality": "decnet" })),
        (9, "command.received", command("EHLO", "EHLO mx.example")),
        (9, "mail.received", mail),
        (9, "protocol.violation", json!({ "what": "bare-newline", "line": "x" })),
    ]
}

fn json_of(data: &Data) -> Json {
    let mut out = Vec::new();
    json::write(data, true, &mut out).expect("written");
    serde_json::from_slice(&out).expect("JSON")
}

#[test]
fn a_small_report_is_counted() {
    let json = json_of(&report(&tally(&story()), 10));
    let totals = &json["totals"];
    for (name, count) in [
        ("sessions", 4),
        ("sources", 3),
        ("logins_tried", 3),
        ("logins_succeeded", 2),
        ("message_reads", 2),
        ("bait_reads", 2),
        ("searches", 1),
        ("mails_received", 1),
        ("mail_octets", 300),
        ("violations", 1),
        ("events", 15),
    ] {
        assert_eq!(totals[name], count, "{name}");
    }
    let rows = |section: &str| json["sections"][section]["rows"].clone();
    assert_eq!(
        rows("credentials"),
        json!([
            { "username": "admin", "password": "admin", "tries": 2, "succeeded": 2 },
            { "username": "root", "password": "toor", "tries": 1, "succeeded": 0 },
        ])
    );
    assert_eq!(
        rows("funnel"),
        json!([
            { "stage": "connected", "sessions": 3, "sources": 2 },
            { "stage": "logged in", "sessions": 2, "sources": 1 },
            { "stage": "listed", "sessions": 2, "sources": 1 },
            { "stage": "read", "sessions": 1, "sources": 1 },
            { "stage": "read bait", "sessions": 1, "sources": 1 },
        ])
    );
    assert_eq!(rows("bait"), json!([{ "bait": "root-password", "reads": 2, "sources": 1 }]));
    assert_eq!(rows("searches"), json!([{ "criteria": "TEXT vpn", "runs": 1, "found": 2 }]));
    assert_eq!(rows("sender_domains"), json!([{ "domain": "b.example", "mails": 1, "octets": 300 }]));
    assert_eq!(rows("attachments"), json!([{ "sha256": "abc", "name": "x.zip", "mails": 1, "size": 7 }]));
    assert_eq!(rows("clients"), json!([{ "protocol": "smtp", "client": "mx.example", "times": 1 }]));
    assert_eq!(
        rows("days"),
        json!([{ "day": "2023-11-14", "sessions": 4, "logins_tried": 3, "logins_succeeded": 2, "bait_reads": 2 }])
    );
    assert_eq!(rows("hours")[22], json!({ "hour": "22", "sessions": 4 }));
    let source = &rows("sources")[0];
    assert_eq!(
        (&source["source"], &source["sessions"], &source["achieved"], &source["first"]),
        (&json!("192.0.2.1"), &json!(2), &json!("read bait"), &json!("2023-11-14T22:13:20.000000Z"))
    );
}

fn hostile() -> Data {
    let long = "A".repeat(1 << 20);
    let mail = json!({
        "mail_from": format!("{HOSTILE}@{HOSTILE}"), "rcpt_to": [HOSTILE], "size": 1, "subject": HOSTILE,
        "attachments": [{ "name": HOSTILE, "media_type": HOSTILE, "size": 1, "sha256": HOSTILE }],
    });
    let ehlo = json!({ "verb": "EHLO", "line": format!("EHLO {HOSTILE}"), "status": "250" });
    let invalid = json!({ "username": "p\u{fffd}", "username_b64": "cP8=", "password": long });
    report(
        &tally(&[
            (0, "auth.failed", login(HOSTILE, HOSTILE)),
            (0, "auth.failed", login("=1+1", "@x")),
            (0, "auth.failed", invalid),
            (0, "search.run", json!({ "criteria": HOSTILE })),
            (0, "message.read", json!({ "mailbox": HOSTILE, "bait": [HOSTILE] })),
            (0, "protocol.violation", json!({ "what": HOSTILE })),
            (9, "command.received", ehlo),
            (9, "mail.received", mail),
        ]),
        100,
    )
}

#[test]
fn the_terminal_is_safe() {
    for (width, ascii) in [(40, false), (60, false), (200, true)] {
        let look = Look { width: Some(width), ascii, colours: false };
        let mut out = Vec::new();
        terminal::write(&hostile(), &look, &mut out).expect("written");
        let text = String::from_utf8(out).expect("UTF-8");
        assert!(text.contains("<script>") && !text.contains(['\u{1b}', '\r', '\u{202e}']), "{text}");
        assert!(text.is_ascii() == ascii && text.len() < 100_000);
        for line in text.lines() {
            assert!(
                !line.starts_with("=cmd") && crate::commands::look::width(line) <= width,
                "{width}: {line}"
            );
        }
    }
}

#[test]
fn csv_is_read_back() {
    let mut out = Vec::new();
    csv::write(&hostile(), false, &mut out).expect("written");
    let mut reader = ::csv::Reader::from_reader(out.as_slice());
    let records: Vec<::csv::StringRecord> =
        reader.records().map(|record| record.expect("a record")).collect();
    let tried: Vec<(&str, &str)> = records
        .iter()
        .filter(|it| it.get(0) == Some("credentials") && it.get(4) == Some("tries"))
        .map(|it| (it.get(2).expect("a key"), it.get(3).expect("a key")))
        .collect();
    assert!(tried.contains(&(HOSTILE, HOSTILE)) && tried.contains(&("'=1+1", "'@x")), "{tried:.300?}");
    for cell in records.iter().flatten() {
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell:?}");
    }
    let mut out = Vec::new();
    csv::write(&hostile(), true, &mut out).expect("written");
    assert!(!String::from_utf8(out).expect("UTF-8").contains(['\u{1b}', '\u{202e}']));
}

#[test]
fn html_holds_no_markup_of_theirs() {
    let page = html::page(&hostile()).expect("a page");
    assert!(!page.contains("<script") && page.contains("&#60;script&#62;"), "not escaped");
    assert!(!page.contains(['\u{1b}', '\u{202e}', '\r']) && page.contains("\\u{202e}"));
    assert!(page.len() < 200_000, "a text is not cut");
    for forbidden in ["http://", "https://", "src=", "url(", "style=\"", "onload", "@import"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    // The policy names the very style sheet that is there.
    let (_, style) = page.split_once("<style>").expect("a style sheet");
    let (style, _) = style.split_once("</style>").expect("an end");
    let digest = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(style.as_bytes()));
    let policy =
        page.split_once("Content-Security-Policy").expect("a policy").1.split_once('>').expect("an end").0;
    assert!(policy.contains("default-src &#39;none&#39;") && policy.contains(&digest), "{policy}");
}

#[test]
fn exact_bytes_are_kept_in_json() {
    let json = json_of(&hostile());
    let names = json["sections"]["usernames"]["rows"].as_array().expect("rows");
    assert!(names.iter().any(|row| row["username_b64"] == "cP8="), "{names:?}");
    assert!(names.iter().any(|row| row["username"] == HOSTILE), "{names:?}");
    let passwords = json["sections"]["passwords"]["rows"].as_array().expect("rows");
    assert!(passwords.iter().any(|row| row["password_octets"] == 1 << 20), "a long one is cut and measured");
}

#[test]
fn a_report_of_nothing_is_a_report() {
    let data = report(&tally(&[]), 10);
    assert_eq!(json_of(&data)["totals"]["sessions"], 0);
    assert!(html::page(&data).expect("a page").contains("Nothing was recorded"));
    assert_eq!(json_of(&data)["sections"]["hours"]["rows"], json!([]));
}

#[test]
fn inventions_are_bounded_and_told() {
    let mut events: Vec<(i64, &str, Json)> = Vec::new();
    for number in 0..=counts::MOST_KEYS {
        events.push((0, "auth.failed", login("admin", &number.to_string())));
    }
    let data = report(&tally(&events), 3);
    let json = json_of(&data);
    assert_eq!(json["totals"]["logins_tried"], counts::MOST_KEYS + 1);
    assert_eq!(json["sections"]["usernames"]["rows"][0]["tries"], counts::MOST_KEYS + 1);
    let passwords = &json["sections"]["passwords"];
    assert_eq!(
        (&passwords["distinct_at_least"], &passwords["counts_too_low_by_up_to"]),
        (&json!(true), &json!(1))
    );
    let note =
        data.sections.iter().find(|section| section.name == "passwords").and_then(section::Section::note);
    assert!(note.expect("a note").contains("too low by up to 1"));
}

#[test]
fn a_page_is_written_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("report.html");
    std::fs::write(&file, "an older one, readable to all").expect("writable");
    write_private(&file, b"new").expect("written");
    assert_eq!(std::fs::read(&file).expect("readable"), b"new");
    assert_eq!(std::fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "something is left behind");
    let missing = folder.path().join("missing/report.html");
    assert!(write_private(&missing, b"new").expect_err("no folder").to_string().contains("--html"));
}
