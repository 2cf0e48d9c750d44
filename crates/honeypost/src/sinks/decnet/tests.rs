//! Sessions as records, their lines as DECNET's collector reads them.

mod credentials;
mod message;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use event::{Attribution, CloseReason, Text};
use uuid::Uuid;

use super::collector::{Read, read};
use super::*;
use crate::config::Sources;

fn names(variables: &[(&str, &str)]) -> Names {
    let environment = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
    Names::of(&Config::load(&Sources { environment, ..Sources::default() }).expect("valid"))
}

fn record(protocol: Protocol, event: Event) -> Record {
    Record {
        id: Uuid::from_u128(1),
        time: Timestamp::from_microsecond(1_700_000_000_000_005).expect("in range"),
        seq: 0,
        attribution: Attribution {
            sensor: Arc::from("s1"),
            session: Uuid::from_u128(2),
            protocol,
            tls: false,
            src: "192.0.2.1:4000".parse().expect("an address"),
            dst: "192.0.2.2:143".parse().expect("an address"),
        },
        event,
    }
}

fn command(verb: &'static str, line: &'static str, state: &'static str, status: &'static str) -> Event {
    Event::CommandReceived { verb: verb.into(), line: line.into(), state, status }
}

fn opened() -> Event {
    Event::SessionOpened { personality: "decnet".into() }
}

fn closed() -> Event {
    Event::SessionClosed {
        reason: CloseReason::Logout,
        bytes_in: 1,
        bytes_out: 2,
        duration_ms: 3,
        wire_cut: 0,
        wire_sha256: String::new(),
        chain_sha256: String::new(),
    }
}

/// Where the outlet of a test writes to.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the sink writes of a session, the startup line first.
fn lines(names: Names, shelf: Shelf, protocol: Protocol, events: Vec<Event>) -> Vec<String> {
    let paper = Paper::default();
    let (sink, ending) = to(names, shelf, &[protocol], paper.clone()).expect("a thread");
    let records: Vec<Record> = events.into_iter().map(|event| record(protocol, event)).collect();
    sink.offer(&records).expect("there is room");
    drop(sink);
    assert!(ending.wait(Duration::from_secs(20)));
    let text = String::from_utf8(paper.0.lock().expect("no panic").clone()).expect("UTF-8");
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(str::to_owned).collect()
}

fn nowhere() -> Shelf {
    Shelf { data_dir: "/nonexistent".into(), quarantine: None, complaint: outlet::Complaint::default() }
}

/// The same, as one text a line: priority, service, event, and the fields as the collector has them.
fn story(variables: &[(&str, &str)], protocol: Protocol, events: Vec<Event>) -> Vec<String> {
    let tell = |line: &String| {
        let Read { priority, service, event, fields, message, .. } = read(line).expect(line);
        let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{priority} {service} {event} {}{message}", fields.join(" "))
    };
    lines(names(variables), nowhere(), protocol, events).iter().map(tell).collect()
}

#[test]
fn a_line_is_written_as_decnet_writes_it() {
    let events = vec![Event::AuthFailed {
        mechanism: "LOGIN",
        username: "CORP\\joe".into(),
        password: "a\\\"b".into(),
    }];
    let written = lines(names(&[("NODE_NAME", "decky-01")]), nowhere(), Protocol::Imap, events);
    assert!(
        written[0].ends_with("+00:00 decky-01 imap - startup - IMAP server starting as decky-01"),
        "{written:?}"
    );
    assert_eq!(
        written[1],
        "<132>1 2023-11-14T22:13:20.000005+00:00 decky-01 imap - auth [relay@55555 src=\"192.0.2.1\" \
         secret_b64=\"YVwiYg==\" username=\"CORP\\\\joe\" principal=\"CORP\\\\joe\" outcome=\"failure\" \
         secret_printable=\"a\\\\\\\"b\"]"
    );
}

#[test]
fn an_imap_session() {
    let told = story(
        &[],
        Protocol::Imap,
        vec![
            opened(),
            command("LOGIN", "A1 LOGIN admin x", "NOT_AUTHENTICATED", "NO"),
            Event::AuthFailed { mechanism: "LOGIN", username: "admin".into(), password: "x".into() },
            command("LOGIN", "A2 LOGIN admin admin", "NOT_AUTHENTICATED", "OK"),
            Event::AuthSucceeded { mechanism: "LOGIN", username: "admin".into(), password: "admin".into() },
            command("SELECT", "A3 SELECT INBOX", "AUTHENTICATED", "OK"),
            Event::MailboxSelected { mailbox: "INBOX".into(), read_only: false },
            command("UID FETCH", "A4 UID FETCH 5 BODY[]", "SELECTED", "OK"),
            closed(),
        ],
    );
    assert_eq!(
        told,
        [
            "134 imap startup IMAP server starting as mailserver",
            "134 imap connect src=192.0.2.1 src_port=4000",
            "134 imap command cmd=LOGIN src=192.0.2.1 state=NOT_AUTHENTICATED",
            "132 imap auth outcome=failure principal=admin secret_b64=eA== secret_printable=x src=192.0.2.1 username=admin",
            "134 imap command cmd=LOGIN src=192.0.2.1 state=NOT_AUTHENTICATED",
            "134 imap auth outcome=success principal=admin secret_b64=YWRtaW4= secret_printable=admin src=192.0.2.1 \
             username=admin",
            "134 imap command cmd=SELECT src=192.0.2.1 state=AUTHENTICATED",
            "134 imap command cmd=UID src=192.0.2.1 state=SELECTED",
            "134 imap disconnect src=192.0.2.1",
        ]
    );
}

#[test]
fn a_pop3_session() {
    let told = story(
        &[],
        Protocol::Pop3,
        vec![
            opened(),
            command("PASS", "PASS admin", "AUTHORIZATION", "+OK"),
            Event::AuthSucceeded { mechanism: "LOGIN", username: "admin".into(), password: "admin".into() },
            command("RETR", "retr  05 ", "TRANSACTION", "+OK"),
            command("RETR", "RETR 99", "TRANSACTION", "-ERR"),
            command("TOP", "TOP 1 0", "TRANSACTION", "+OK"),
            command("DELE", "DELE 2", "TRANSACTION", "+OK"),
            closed(),
        ],
    );
    assert_eq!(
        told,
        [
            "134 pop3 startup POP3 server starting as mailserver",
            "134 pop3 connect src=192.0.2.1 src_port=4000",
            "134 pop3 command cmd=PASS src=192.0.2.1 state=AUTHORIZATION",
            "134 pop3 auth outcome=success principal=admin secret_b64=YWRtaW4= secret_printable=admin src=192.0.2.1 \
             username=admin",
            "134 pop3 command cmd=RETR src=192.0.2.1 state=TRANSACTION",
            "134 pop3 retr message_num=5 src=192.0.2.1",
            "134 pop3 command cmd=RETR src=192.0.2.1 state=TRANSACTION",
            "134 pop3 command cmd=TOP src=192.0.2.1 state=TRANSACTION",
            "134 pop3 command cmd=DELE src=192.0.2.1 state=TRANSACTION",
            "134 pop3 delete message_num=2 src=192.0.2.1",
            "134 pop3 disconnect src=192.0.2.1",
        ]
    );
}

fn envelope(mail_from: &'static str, rcpt_to: &[&'static str], accepted: bool) -> Event {
    let rcpt_to = rcpt_to.iter().map(|recipient| Text::from(*recipient)).collect();
    Event::MailEnvelope { mail_from: mail_from.into(), rcpt_to, accepted }
}

#[test]
fn an_smtp_session() {
    let told = story(
        &[("SMTP_OPEN_RELAY", "1"), ("SMTP_SERVICE_NAME", "smtp_relay")],
        Protocol::Smtp,
        vec![
            opened(),
            command("EHLO", "EHLO  there.example ", "", "250"),
            command("HELO", "HELO", "", "501"),
            command("AUTH", "AUTH PLAIN AGEAYg==", "", "235"),
            Event::AuthSucceeded { mechanism: "PLAIN", username: "a".into(), password: "b".into() },
            command("MAIL", "MAIL FROM:<x@y.example> SIZE=5", "", "250"),
            envelope("x@y.example", &[], true),
            command("MAIL", "MAIL FROM:<>", "", "250"),
            envelope("", &[], true),
            command("RCPT", "RCPT TO:<a@b.example>", "", "250"),
            envelope("", &["a@b.example"], true),
            command("RCPT", "RCPT TO:<c@d.example>", "", "554"),
            envelope("", &["a@b.example", "c@d.example"], false),
            command("RCPT", "RCPT TO:<e@f.example>", "", "451"),
            envelope("", &["a@b.example", "e@f.example"], false),
            command("RCPT", "RCPT TO: <@>", "", "501"),
            command("RCPT", "RCPT", "", "501"),
            command("VRFY", "VRFY root", "", "252"),
            command("BREW", "brew\ta pot", "", "502"),
            closed(),
        ],
    );
    assert_eq!(
        told,
        [
            "134 smtp_relay startup SMTP server starting as mailserver (open-relay)",
            "134 smtp_relay connect src=192.0.2.1 src_port=4000",
            "134 smtp_relay ehlo domain=there.example src=192.0.2.1",
            "132 smtp_relay auth_attempt principal=a secret_b64=Yg== secret_printable=b src=192.0.2.1 username=a",
            "134 smtp_relay mail_from domain=y.example mail_from=x@y.example src=192.0.2.1 value=<x@y.example>",
            "134 smtp_relay mail_from domain= mail_from= src=192.0.2.1 value=<>",
            "134 smtp_relay rcpt_to src=192.0.2.1 value=<a@b.example>",
            "132 smtp_relay rcpt_denied src=192.0.2.1 value=<c@d.example>",
            "134 smtp_relay rcpt_greylisted src=192.0.2.1 value=<e@f.example>",
            "132 smtp_relay rcpt_rejected_syntax src=192.0.2.1 value=<@>",
            "132 smtp_relay rcpt_rejected_syntax src=192.0.2.1 value=",
            "134 smtp_relay vrfy src=192.0.2.1 value=root",
            "134 smtp_relay unknown_command command=brew\\ta pot src=192.0.2.1",
            "134 smtp_relay disconnect src=192.0.2.1",
        ]
    );
    assert!(story(&[], Protocol::Smtp, vec![])[0].ends_with("as mailserver (credential-harvester)"));
}
