//! What is appended comes back as the very bytes that its JSON was, and a filter lets through what it says.

mod common;

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use common::{append, line, read, record, session, small};
use event::{Attachment, CloseReason, Event, Protocol, Record, Text};
use jiff::Timestamp;
use proptest::prelude::*;
use store::{Filter, Options, Reader, StoreError, Writer};
use tempfile::TempDir;

/// One of each kind, with what intruders send.
fn every_event() -> Vec<Event> {
    let hostile = || Text::copy(b"nul \0 quote \" invalid \xff\xfe\xc3 \x1b[2J \xe2\x80\xae line\r\nend");
    let mailbox = || "B\u{fc}ro & \u{1f4e7} \0 \"x\"".to_owned();
    vec![
        Event::SessionOpened { personality: "decnet".to_owned() },
        Event::TlsNegotiated {
            version: "TLSv1.3",
            cipher: "TLS_AES_128_GCM_SHA256".to_owned(),
            resumed: true,
            client_certificate: false,
            sni: hostile(),
            alpn: vec![hostile(), "imap".into()],
            ja3: "771,".to_owned(),
            ja3_hash: String::new(),
            ja4: mailbox(),
        },
        Event::TlsFailed {
            reason: "alert",
            detail: "unknown_ca".to_owned(),
            sni: "".into(),
            alpn: Vec::new(),
            ja3: String::new(),
            ja3_hash: String::new(),
            ja4: String::new(),
        },
        Event::AuthFailed { mechanism: "PLAIN", username: hostile(), password: hostile() },
        Event::AuthSucceeded { mechanism: "LOGIN", username: "".into(), password: hostile() },
        Event::CommandReceived { verb: hostile(), line: hostile(), state: "NOT_AUTHENTICATED", status: "+" },
        Event::MailboxSelected { mailbox: mailbox(), read_only: true },
        Event::MailboxAppended {
            mailbox: mailbox(),
            uid: 27,
            flags: hostile(),
            bytes: 5,
            sha256: String::new(),
            subject: hostile(),
            path: mailbox(),
            attachments: Vec::new(),
            urls: vec![mailbox()],
        },
        Event::MessageRead {
            mailbox: mailbox(),
            uid: u64::MAX,
            section: "1.2.HEADER".into(),
            bytes: 0,
            bait: vec![mailbox(), String::new()],
        },
        Event::SearchRun { mailbox: mailbox(), criteria: hostile(), matches: 3 },
        Event::MailEnvelope { mail_from: hostile(), rcpt_to: vec![hostile(), "".into()], accepted: true },
        Event::MailReceived {
            queue_id: "4f2a".to_owned(),
            mail_from: hostile(),
            rcpt_to: vec![hostile()],
            size: 0,
            sha256: String::new(),
            subject: hostile(),
            path: mailbox(),
            attachments: vec![Attachment {
                name: mailbox(),
                media_type: mailbox(),
                size: 1,
                sha256: String::new(),
            }],
            urls: vec![mailbox()],
        },
        Event::MailRefused {
            reason: "disk",
            mail_from: "".into(),
            rcpt_to: Vec::new(),
            size: 5,
            queue_id: String::new(),
            path: String::new(),
        },
        Event::MailExpired { reason: "age", messages: 1, size: 4096 },
        Event::EvidenceLost { events: 3, wire: 4000 },
        Event::ProtocolViolation { what: "line-too-long", line: Text::from(vec![0xff; 70_000]) },
        Event::SessionClosed {
            reason: CloseReason::Violation,
            bytes_in: 1,
            bytes_out: u64::MAX,
            duration_ms: 3,
            wire_cut: 0,
            wire_sha256: String::new(),
            chain_sha256: String::new(),
        },
    ]
}

fn json(write: impl Fn(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).expect("JSON is UTF-8")
}

/// Stores the records in a new data directory.
fn stored(records: &[Record]) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let writer = Writer::open(directory.path(), &small()).expect("opens");
    for batch in records.chunks(3) {
        append(&writer.spool(), batch);
    }
    writer.close().expect("closes");
    directory
}

#[test]
fn every_event_comes_back_as_the_same_bytes() {
    let events = every_event();
    assert_eq!(events.len(), event::catalogue::CATALOGUE.len(), "an event is missing here");
    let mut records: Vec<_> = (0..).zip(events).map(|(seq, event)| record(session(1), seq, event)).collect();
    for (number, record) in (0..).zip(&mut records) {
        record.time = Timestamp::new(1_700_000_000, 999_999_999 - number).expect("in range");
        record.attribution.tls = number % 2 == 1;
    }
    let directory = stored(&records);
    let back = read(directory.path(), &Filter::default());
    assert_eq!(back.len(), records.len());
    for (sent, back) in records.iter().zip(&back) {
        assert_eq!(json(|out| sent.write_json(out)), json(|out| back.write_json(out)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn any_bytes_come_back(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 1..20)) {
        let records: Vec<_> = (0..).zip(&lines).map(|(seq, text)| record(session(1), seq, line(text))).collect();
        let directory = stored(&records);
        let back = read(directory.path(), &Filter::default());
        prop_assert_eq!(back.len(), records.len());
        for (sent, back) in records.iter().zip(&back) {
            prop_assert_eq!(json(|out| sent.write_json(out)), json(|out| back.write_json(out)));
        }
    }
}

#[test]
fn filters_let_through_what_they_say() {
    let at = |second| Timestamp::from_second(1_700_000_000 + second).expect("in range");
    let mut records = Vec::new();
    for number in 0..4_u64 {
        for seq in 0..300 {
            let event = if seq == 0 { every_event().remove(0) } else { line(b"a") };
            let mut record = record(session(u128::from(number) << 60), seq, event);
            record.time = at(i64::try_from(seq).expect("small"));
            if number == 3 {
                record.attribution.protocol = Protocol::Smtp;
            }
            records.push(record);
        }
    }
    let directory = stored(&records);
    let count = |filter: Filter| {
        let found = read(directory.path(), &filter);
        assert!(found.is_sorted_by_key(|event| event.key));
        found.len()
    };
    assert_eq!(count(Filter::default()), 1200);
    assert_eq!(count(Filter { since: Some(at(290)), ..Filter::default() }), 40);
    assert_eq!(count(Filter { until: Some(at(9)), ..Filter::default() }), 40);
    assert_eq!(count(Filter { since: Some(at(290)), until: Some(at(290)), ..Filter::default() }), 4);
    assert_eq!(count(Filter { protocol: Some(Protocol::Smtp), ..Filter::default() }), 300);
    assert_eq!(count(Filter { protocol: Some(Protocol::Pop3), ..Filter::default() }), 0);
    assert_eq!(count(Filter { name: Some("session.opened".to_owned()), ..Filter::default() }), 4);
    assert_eq!(count(Filter { name: Some("no.such".to_owned()), ..Filter::default() }), 0);
    let second =
        Filter { session: Some("018bcfe5-6000-7000-9".parse().expect("a prefix")), ..Filter::default() };
    assert_eq!(count(second.clone()), 300);
    assert_eq!(count(Filter { since: Some(at(100)), until: Some(at(109)), ..second }), 10);
    let all = read(directory.path(), &Filter::default());
    assert_eq!(count(Filter { after_key: Some(all[1000].key), ..Filter::default() }), 199);

    let reader = Reader::open(directory.path()).expect("opens");
    let error = |prefix: &str| {
        let filter = Filter { session: Some(prefix.parse().expect("a prefix")), ..Filter::default() };
        reader.events(&filter).expect_err("no one session").to_string()
    };
    assert_eq!(error("77"), "no session's id begins or ends with 77");
    let several = error("018b");
    assert!(several.contains("018bcfe5-6000-7000-9000-000000000000, 018bcfe5-"), "{several}");
    assert!(several.ends_with("; give one of them whole"), "{several}");
    // All of them end so, and none begins so.
    assert_eq!(error("000000000000").matches("000000000000").count(), 1 + 4);
}

#[test]
fn a_session_is_found_by_the_end_of_its_id() {
    let records: Vec<_> = (0..20).map(|number| record(session(number), 0, line(b"a"))).collect();
    let directory = stored(&records);
    let of = |typed: &str| {
        let session = Some(typed.parse().expect("a part"));
        let found = read(directory.path(), &Filter { session, ..Filter::default() });
        found.iter().map(|event| event.attribution.session).collect::<Vec<_>>()
    };
    assert_eq!(of("000000000007"), [session(7)]);
    assert_eq!(of("018bcfe5-6000-7000-8000-000000000013"), [session(0x13)]);
    let reader = Reader::open(directory.path()).expect("opens");
    let session = Some("018bcfe5-6000".parse().expect("a part"));
    let several = reader.events(&Filter { session, ..Filter::default() }).expect_err("twenty").to_string();
    assert!(
        several.matches("018bcfe5-6000-7000-8000-").count() == 5 && several.contains(" and more; "),
        "{several}"
    );
}

#[test]
fn a_session_longer_than_a_page_is_read_whole() {
    let records: Vec<_> = (0..1500).map(|seq| record(session(1), seq, line(b"a"))).collect();
    let directory = stored(&records);
    let filter = Filter { session: Some(session(1).into()), ..Filter::default() };
    assert_eq!(common::check_whole(&read(directory.path(), &filter))[&session(1)], 1500);
}

#[test]
fn a_clock_that_goes_back_does_not_change_the_order() {
    let mut records: Vec<_> = (0..50).map(|seq| record(session(1), seq, line(b"a"))).collect();
    for record in &mut records {
        record.time = Timestamp::from_second(2_000_000_000 - i64::try_from(record.seq).expect("small"))
            .expect("in range");
    }
    let directory = stored(&records);
    let back = read(directory.path(), &Filter::default());
    assert_eq!(common::check_whole(&back)[&session(1)], 50);
    let since = Some(records[9].time);
    assert_eq!(read(directory.path(), &Filter { since, ..Filter::default() }).len(), 10);
}

#[test]
fn followers_see_what_is_committed_while_the_server_runs() {
    let directory = tempfile::tempdir().expect("a directory");
    let writer = Writer::open(directory.path(), &Options::default()).expect("opens");
    let reader = Reader::open(directory.path()).expect("opens");
    let mut filter = Filter::default();
    for seq in 0..3 {
        append(&writer.spool(), &[record(session(1), seq, line(b"a"))]);
        writer.flush(Duration::from_secs(10)).expect("the database can be written");
        let news: Vec<_> =
            reader.events(&filter).expect("a filter").collect::<Result<_, _>>().expect("readable");
        assert_eq!(news.iter().map(|event| event.seq).collect::<Vec<_>>(), [seq]);
        filter.after_key = Some(news[0].key);
    }
}

#[test]
fn only_the_owner_may_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("new/data");
    let writer = Writer::open(&data, &Options::default()).expect("opens");
    append(&writer.spool(), &[record(session(1), 0, line(b"a"))]);
    writer.flush(Duration::from_secs(10)).expect("the database can be written");
    let mut seen = 0;
    for folder in [&data, &data.join("spool")] {
        assert_eq!(folder.metadata().expect("a folder").permissions().mode() & 0o777, 0o700);
        for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path())
        {
            if entry.is_file() {
                assert_eq!(
                    entry.metadata().expect("a file").permissions().mode() & 0o777,
                    0o600,
                    "{entry:?}"
                );
                seen += 1;
            }
        }
    }
    assert!(seen >= 4, "database, log, lock and segment: {seen}");
}

#[test]
fn one_process_writes() {
    let directory = tempfile::tempdir().expect("a directory");
    let _first = Writer::open(directory.path(), &Options::default()).expect("opens");
    assert!(matches!(Writer::open(directory.path(), &Options::default()), Err(StoreError::InUse { .. })));
}
