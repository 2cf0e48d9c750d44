//! Every event's line, and that no text of an intruder's passes for ours.

use event::{CloseReason, Event, Text};

use super::*;
use crate::pipeline::tests::attribution;

fn shown(event: &Event, colours: bool) -> String {
    let mut attribution = attribution();
    attribution.session = "018bcfe5-687b-7000-8000-000000000001".parse().expect("an id");
    let header = Header {
        id: uuid::Uuid::nil(),
        time: "2026-11-23T18:04:05Z".parse().expect("a time"),
        event: event.name(),
        seq: 0,
        attribution: &attribution,
    };
    let fields = serde_json::to_string(event).expect("JSON");
    line(&header, &fields, &Style { zone: TimeZone::UTC, colours })
}

const START: &str = "2026-11-23 18:04:05+00:00  192.0.2.1        imap  000000000001  ";

#[test]
fn every_event_tells_its_story() {
    let text = |text: &'static str| Text::from(text);
    for (event, told) in [
        (Event::SessionOpened { personality: "decnet".into() }, "session.opened      decnet"),
        (
            Event::SessionClosed {
                reason: CloseReason::Peer,
                bytes_in: 3,
                bytes_out: 4,
                duration_ms: 1234,
                wire_cut: 0,
                wire_sha256: String::new(),
                chain_sha256: String::new(),
            },
            "session.closed      peer after 1.2 s, 3 octets in, 4 out",
        ),
        (
            Event::MailEnvelope {
                mail_from: text("a@b.example"),
                rcpt_to: vec![text("c@d.example"), text("x> to y")],
                accepted: false,
            },
            "mail.envelope       refused  <a@b.example> to c@d.example, \"x> to y\"",
        ),
        (
            Event::MailReceived {
                queue_id: "70B7B9CC052".into(),
                mail_from: text(""),
                rcpt_to: vec![text("admin@company.internal")],
                size: 239,
                sha256: "00".into(),
                subject: text("hi\x1b there"),
                path: "mail/x.eml".into(),
                attachments: Vec::new(),
                urls: vec!["http://example.net/".into()],
            },
            "mail.received       70B7B9CC052  <> to admin@company.internal  239 octets, 1 URLs: hi\\x1b there",
        ),
        (
            Event::AuthSucceeded { mechanism: "LOGIN", username: text("admin"), password: text("a b") },
            "auth.succeeded      admin / \"a b\" (LOGIN)",
        ),
        (
            Event::CommandReceived {
                verb: text("LOGIN"),
                line: text("A1 LOGIN {5}\r\nadmin x"),
                state: "NOT_AUTHENTICATED",
                status: "OK",
            },
            "command.received    OK   A1 LOGIN {5}\\r\\nadmin x",
        ),
        (
            Event::MailboxSelected { mailbox: "INBOX".into(), read_only: true },
            "mailbox.selected    INBOX (read-only)",
        ),
        (
            Event::MessageRead {
                mailbox: "INBOX".into(),
                uid: 5,
                section: text(""),
                bytes: 1234,
                bait: vec!["root-password".into()],
            },
            "message.read        INBOX uid 5 [] 1234 octets  bait: root-password",
        ),
        (
            Event::SearchRun { mailbox: "INBOX".into(), criteria: text("TEXT password"), matches: 2 },
            "search.run          INBOX for TEXT password: 2 found",
        ),
        (
            Event::ProtocolViolation { what: "unfinished", line: text("A1 LOG") },
            "protocol.violation  unfinished  A1 LOG",
        ),
    ] {
        assert_eq!(shown(&event, false), format!("{START}{told}"));
    }
}

#[test]
fn tls_tells_its_story() {
    let text = |text: &'static str| Text::from(text);
    for (event, told) in [
        (
            Event::TlsNegotiated {
                version: "TLSv1.3",
                cipher: "TLS_AES_256_GCM_SHA384".into(),
                resumed: false,
                client_certificate: false,
                sni: text("mail.test x"),
                alpn: Vec::new(),
                ja3: "771,".into(),
                ja3_hash: String::new(),
                ja4: "t13d_a_b".into(),
            },
            "tls.negotiated      TLSv1.3 TLS_AES_256_GCM_SHA384  for \"mail.test x\"  ja4 t13d_a_b",
        ),
        (
            Event::TlsFailed {
                reason: "alert",
                detail: "unknown_ca: tlsv1 alert unknown ca".into(),
                sni: text(""),
                alpn: Vec::new(),
                ja3: String::new(),
                ja3_hash: String::new(),
                ja4: String::new(),
            },
            "tls.failed          alert  unknown_ca: tlsv1 alert unknown ca",
        ),
    ] {
        assert_eq!(shown(&event, false), format!("{START}{told}"));
    }
}

#[test]
fn the_readme_shows_what_there_is() {
    let login = |line: &'static str, status| Event::CommandReceived {
        verb: "LOGIN".into(),
        line: line.into(),
        state: "NOT_AUTHENTICATED",
        status,
    };
    let (admin, mailbox) = (|| "admin".into(), || "INBOX".to_owned());
    let events = [
        (30, Event::SessionOpened { personality: "decnet".into() }),
        (31, login("A0 LOGIN admin 12345", "NO")),
        (31, Event::AuthFailed { mechanism: "LOGIN", username: admin(), password: "12345".into() }),
        (33, login("A1 LOGIN admin admin", "OK")),
        (33, Event::AuthSucceeded { mechanism: "LOGIN", username: admin(), password: admin() }),
        (35, Event::MailboxSelected { mailbox: mailbox(), read_only: false }),
        (41, Event::SearchRun { mailbox: mailbox(), criteria: "TEXT password".into(), matches: 10 }),
        (
            52,
            Event::MessageRead {
                mailbox: mailbox(),
                uid: 5,
                section: "TEXT".into(),
                bytes: 1938,
                bait: vec!["root-password".into(), "backup-conf".into()],
            },
        ),
    ];
    let mut attribution = attribution();
    attribution.session = "01a209c8-e625-7b11-9c44-5d2c1a90f3e7".parse().expect("an id");
    attribution.src = "203.0.113.9:50412".parse().expect("an address");
    let style = Style { zone: TimeZone::fixed(jiff::tz::offset(1)), colours: false };
    let mut lines = String::new();
    for (second, event) in &events {
        let time = format!("2026-11-23T18:01:{second}Z").parse().expect("a time");
        let header =
            Header { id: uuid::Uuid::nil(), time, event: event.name(), seq: 0, attribution: &attribution };
        let fields = serde_json::to_string(event).expect("JSON");
        writeln!(lines, "{}", line(&header, &fields, &style)).expect("writing to a string");
    }
    let readme = include_str!("../../../../../README.md");
    assert!(
        readme.contains(&format!("$ honeypost events\n{lines}```\n")),
        "README.md does not show\n{lines}"
    );
}

#[test]
fn an_intruder_cannot_write_to_the_terminal() {
    let hostile = "\x1b[2J\u{202e}\u{9b}1m\r\n";
    let event =
        Event::AuthFailed { mechanism: "PLAIN", username: hostile.into(), password: Text::copy(b"\x1b\xff") };
    let line = shown(&event, false);
    assert!(!line.chars().any(|character| character.is_control() || character == '\u{202e}'), "{line:?}");
    let shown = "\"\\x1b[2J\\u{202e}\\x9b1m\\r\\n\" / \"\\x1b\u{fffd}\" (PLAIN)";
    assert!(line.ends_with(shown), "{line}");
}

#[test]
fn an_intruder_cannot_write_our_words() {
    let told = |event: &Event| {
        let line = shown(event, false);
        line.strip_prefix(START).expect("the same beginning").to_owned()
    };
    let failed = |username: &'static str, password: &'static str| {
        let (username, password) = (username.into(), password.into());
        told(&Event::AuthFailed { mechanism: "PLAIN", username, password })
    };
    assert_eq!(failed("a/b", "c"), r#"auth.failed         "a/b" / c (PLAIN)"#);
    assert_eq!(failed("a\" / \"b", ""), r#"auth.failed         "a\" / \"b" / "" (PLAIN)"#);
    assert_eq!(failed(r"\x1b", "c\\"), r"auth.failed         \\x1b / c\\ (PLAIN)");
    let search = |criteria: &'static str| {
        told(&Event::SearchRun { mailbox: "INBOX".into(), criteria: criteria.into(), matches: 0 })
    };
    assert_eq!(
        search("SUBJECT a: 3 found"),
        r#"search.run          INBOX for "SUBJECT a: 3 found": 0 found"#
    );
    let section = "] 9 octets  bait: vpn [".into();
    let read = Event::MessageRead { mailbox: "a b".into(), uid: 1, section, bytes: 0, bait: Vec::new() };
    assert_eq!(told(&read), r#"message.read        "a b" uid 1 ["] 9 octets  bait: vpn ["] 0 octets"#);
    let envelope = Event::MailEnvelope {
        mail_from: "a accepted=true".into(),
        rcpt_to: vec!["".into()],
        accepted: false,
    };
    assert_eq!(told(&envelope), "mail.envelope       refused  <\"a accepted=true\"> to \"\"");
}

#[test]
fn a_long_text_is_cut() {
    let event =
        Event::ProtocolViolation { what: "line-too-long", line: Text::copy("é".repeat(4000).as_bytes()) };
    let line = shown(&event, false);
    assert!(line.ends_with("éé\\... (8000 octets)") && line.chars().count() < 520, "{line}");
}

#[test]
fn colours_surround_only_our_own_words() {
    let event = Event::AuthFailed { mechanism: "PLAIN", username: "a".into(), password: "b".into() };
    assert!(shown(&event, true).contains("\x1b[31mauth.failed       \x1b[0m  a / b (PLAIN)"));
}

#[test]
fn an_unknown_event_shows_what_it_has() {
    let attribution = attribution();
    let header = Header {
        id: uuid::Uuid::nil(),
        time: "2026-11-23T18:04:05Z".parse().expect("a time"),
        event: "later.thing",
        seq: 0,
        attribution: &attribution,
    };
    let shown =
        line(&header, r#"{"a":1,"b\u001b":"\u001bx"}"#, &Style { zone: TimeZone::UTC, colours: false });
    assert!(shown.ends_with("later.thing         a=1 b\\x1b=\\x1bx"), "{shown}");
}
