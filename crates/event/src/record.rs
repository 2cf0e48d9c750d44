//! An event with its identity, and the JSON line of the contract.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::attribution::Attribution;
use crate::catalogue::Event;

/// An event as it is kept: what happened, to whom, when, and as which of its session's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// A `UUIDv7`.
    pub id: Uuid,
    /// When, in microseconds at least.
    pub time: Timestamp,
    /// From 0 in each session, without holes.
    pub seq: u64,
    /// Who and where.
    pub attribution: Attribution,
    /// What happened.
    pub event: Event,
}

impl Record {
    /// Writes the record as one JSON object without a line end.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let fields = serde_json::to_vec(&self.event).expect("an event's fields are plain JSON");
        write_line(&self.header(), &fields, out);
    }

    /// What its JSON begins with.
    pub fn header(&self) -> Header<'_> {
        Header {
            id: self.id,
            time: self.time,
            event: self.event.name(),
            seq: self.seq,
            attribution: &self.attribution,
        }
    }
}

/// What every event's JSON begins with.
#[derive(Debug, Clone, Copy)]
pub struct Header<'a> {
    /// The event's id.
    pub id: Uuid,
    /// When.
    pub time: Timestamp,
    /// The event's name.
    pub event: &'a str,
    /// Its number within the session.
    pub seq: u64,
    /// Who and where.
    pub attribution: &'a Attribution,
}

/// Writes one event as one JSON object: the header's fields, then the event's own.
///
/// `fields` is the JSON object of the event's own fields (`{...}`), as [`Event`] serialises it.
pub fn write_line(header: &Header<'_>, fields: &[u8], out: &mut Vec<u8>) {
    #[derive(Serialize)]
    struct Line<'a> {
        id: Uuid,
        time: String,
        event: &'a str,
        sensor: &'a str,
        session: Uuid,
        seq: u64,
        protocol: &'static str,
        tls: bool,
        src_ip: std::net::IpAddr,
        src_port: u16,
        dst_ip: std::net::IpAddr,
        dst_port: u16,
    }
    let Attribution { sensor, session, protocol, tls, src, dst } = header.attribution;
    let line = Line {
        id: header.id,
        time: format!("{:.6}", header.time),
        event: header.event,
        sensor,
        session: *session,
        seq: header.seq,
        protocol: protocol.name(),
        tls: *tls,
        src_ip: src.ip(),
        src_port: src.port(),
        dst_ip: dst.ip(),
        dst_port: dst.port(),
    };
    serde_json::to_writer(&mut *out, &line).expect("a header is plain JSON");
    let own = fields.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}")).unwrap_or_default();
    if !own.is_empty() {
        out.pop();
        out.push(b',');
        out.extend_from_slice(own);
        out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Protocol, Text};

    fn record(event: Event) -> Record {
        Record {
            id: Uuid::from_u128(1),
            time: Timestamp::from_microsecond(1_700_000_000_000_005).expect("in range"),
            seq: 7,
            attribution: Attribution {
                sensor: Arc::from("s1"),
                session: Uuid::from_u128(2),
                protocol: Protocol::Imap,
                tls: false,
                src: "192.0.2.1:4000".parse().expect("an address"),
                dst: "[::1]:143".parse().expect("an address"),
            },
            event,
        }
    }

    #[test]
    fn a_line_is_the_contract() {
        let event = Event::AuthFailed {
            mechanism: "PLAIN",
            username: "admin".into(),
            password: Text::copy(b"p\xffss\"\n"),
        };
        let mut line = Vec::new();
        record(event).write_json(&mut line);
        assert_eq!(
            String::from_utf8(line).expect("JSON is UTF-8"),
            concat!(
                r#"{"id":"00000000-0000-0000-0000-000000000001","time":"2023-11-14T22:13:20.000005Z","#,
                r#""event":"auth.failed","sensor":"s1","session":"00000000-0000-0000-0000-000000000002","seq":7,"#,
                r#""protocol":"imap","tls":false,"src_ip":"192.0.2.1","src_port":4000,"dst_ip":"::1","dst_port":143,"#,
                r#""mechanism":"PLAIN","username":"admin","password":"p"#,
                "\u{fffd}",
                r#"ss\"\n","password_b64":"cP9zcyIK"}"#
            )
        );
    }
}
