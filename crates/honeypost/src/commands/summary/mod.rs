//! What came of a session: the fold from its events to a [`Summary`]. Bounded, however long a session is.

mod client;
pub(crate) mod fields;
mod window;

use std::collections::HashSet;
use std::hash::BuildHasher;

use event::Attribution;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use store::{Row, Stored};
use uuid::Uuid;

pub(crate) use client::named;
pub(crate) use window::{load, summaries};

use self::fields::{Closed, Command, Login, Mail, Opened, Read, Tls};
use super::evidence::Evidence;

/// Messages that are told apart in one session.
const MOST_MESSAGES: usize = 1 << 16;
/// Ids of bait that are kept of one session.
const MOST_BAIT: usize = 1000;
/// Characters of a session's id that are shown, its last: 48 random bits.
const SHOWN: usize = 12;

/// One event, as far as summaries look at it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step<'a> {
    /// Microseconds since 1970.
    pub(crate) time: i64,
    pub(crate) name: &'a str,
    pub(crate) tls: bool,
    pub(crate) fields: &'a str,
}

impl<'a> From<&Row<'a>> for Step<'a> {
    fn from(row: &Row<'a>) -> Self {
        Self { time: row.time, name: row.name, tls: row.tls, fields: row.fields }
    }
}

impl<'a> From<&'a Stored> for Step<'a> {
    fn from(stored: &'a Stored) -> Self {
        Self {
            time: stored.time.as_microsecond(),
            name: &stored.name,
            tls: stored.attribution.tls,
            fields: &stored.fields,
        }
    }
}

/// A login that was tried.
#[derive(Debug, Clone)]
pub(crate) struct Credential {
    pub(crate) username: Evidence,
    pub(crate) password: Evidence,
    pub(crate) succeeded: bool,
}

/// A session in a few words.
#[derive(Debug)]
pub(crate) struct Summary {
    /// Who and where; `tls` tells whether it was on at any time.
    pub(crate) who: Attribution,
    pub(crate) personality: String,
    /// The version of TLS that was agreed on, in OpenSSL's words.
    pub(crate) tls_version: Option<String>,
    /// Of the first and the last event, in microseconds since 1970.
    pub(crate) begin: i64,
    pub(crate) last: i64,
    pub(crate) events: u64,
    pub(crate) commands: u64,
    pub(crate) client: Option<Evidence>,
    pub(crate) tried: u64,
    pub(crate) won: u64,
    /// That let the peer in first, or the last one tried.
    pub(crate) credential: Option<Credential>,
    /// Different messages that were read, whole or in part.
    pub(crate) messages: usize,
    pub(crate) reads: u64,
    pub(crate) octets_read: u64,
    /// The ids of what was shown, each once.
    pub(crate) bait: Vec<String>,
    /// When the first of it was shown.
    pub(crate) first_bait: Option<i64>,
    pub(crate) searches: u64,
    pub(crate) mails: u64,
    pub(crate) mail_octets: u64,
    pub(crate) violations: u64,
    /// None while it lasts, or where its server was killed.
    pub(crate) closed: Option<Closed>,
    seen: HashSet<u64>,
}

impl Summary {
    /// Of a session that has done nothing yet.
    pub(crate) fn new(who: Attribution) -> Self {
        Self {
            who,
            personality: String::new(),
            tls_version: None,
            begin: i64::MAX,
            last: i64::MIN,
            events: 0,
            commands: 0,
            client: None,
            tried: 0,
            won: 0,
            credential: None,
            messages: 0,
            reads: 0,
            octets_read: 0,
            bait: Vec::new(),
            first_bait: None,
            searches: 0,
            mails: 0,
            mail_octets: 0,
            violations: 0,
            closed: None,
            seen: HashSet::new(),
        }
    }

    /// Takes its next event in.
    pub(crate) fn add(&mut self, step: &Step<'_>) {
        self.begin = self.begin.min(step.time);
        self.last = self.last.max(step.time);
        self.events += 1;
        self.who.tls |= step.tls;
        match step.name {
            "session.opened" => {
                self.personality = fields::of::<Opened<'_>>(step.fields).personality.into_owned();
            }
            "session.closed" => {
                self.closed = Some(fields::of(step.fields));
                self.seen = HashSet::new();
            }
            "tls.negotiated" => {
                self.tls_version = Some(fields::of::<Tls<'_>>(step.fields).version.into_owned());
            }
            "auth.succeeded" | "auth.failed" => self.login(step),
            "command.received" => {
                self.commands += 1;
                let command: Command<'_> = fields::of(step.fields);
                if let Some(client) = named(self.who.protocol, &command) {
                    self.client = Some(client);
                }
            }
            "message.read" => self.read(step),
            "search.run" => self.searches += 1,
            "mail.received" => {
                self.mails += 1;
                self.mail_octets += fields::of::<Mail<'_>>(step.fields).size;
            }
            "protocol.violation" => self.violations += 1,
            _ => {}
        }
    }

    fn login(&mut self, step: &Step<'_>) {
        let succeeded = step.name == "auth.succeeded";
        self.tried += 1;
        self.won += u64::from(succeeded);
        if self.credential.as_ref().is_none_or(|known| !known.succeeded) {
            let login: Login<'_> = fields::of(step.fields);
            self.credential = Some(Credential {
                username: Evidence::field(&login.username, login.username_b64.as_deref()),
                password: Evidence::field(&login.password, login.password_b64.as_deref()),
                succeeded,
            });
        }
    }

    fn read(&mut self, step: &Step<'_>) {
        let read: Read<'_> = fields::of(step.fields);
        self.reads += 1;
        self.octets_read += read.bytes;
        if self.seen.len() < MOST_MESSAGES {
            let message = self.seen.hasher().hash_one((&read.mailbox, read.uid));
            self.messages += usize::from(self.seen.insert(message));
        }
        for id in read.bait {
            self.first_bait.get_or_insert(step.time);
            if self.bait.len() < MOST_BAIT && !self.bait.contains(&id) {
                self.bait.push(id);
            }
        }
    }

    /// How long it was, or has been, in milliseconds.
    pub(crate) fn duration_ms(&self) -> u64 {
        let until_last = || u64::try_from(self.last.saturating_sub(self.begin) / 1000).unwrap_or_default();
        self.closed.as_ref().map_or_else(until_last, |closed| closed.duration_ms)
    }

    /// From the beginning to the first bait, in milliseconds.
    pub(crate) fn first_bait_ms(&self) -> Option<u64> {
        self.first_bait.map(|time| u64::try_from(time.saturating_sub(self.begin) / 1000).unwrap_or_default())
    }

    /// The object of `sessions --json` (docs/reading.md).
    pub(crate) fn json(&self) -> Map<String, Value> {
        let Attribution { sensor, session, protocol, tls, src, dst } = &self.who;
        let closed = self.closed.as_ref();
        let mut object = match json!({
            "session": session,
            "begin": moment(self.begin),
            "sensor": sensor.as_ref(),
            "protocol": protocol.name(),
            "tls": tls,
            "tls_version": self.tls_version,
            "src_ip": src.ip(), "src_port": src.port(),
            "dst_ip": dst.ip(), "dst_port": dst.port(),
            "personality": self.personality,
            "logins_tried": self.tried,
            "logins_succeeded": self.won,
            "commands": self.commands,
            "messages": self.messages,
            "message_reads": self.reads,
            "octets_read": self.octets_read,
            "bait": self.bait,
            "first_bait_ms": self.first_bait_ms(),
            "searches": self.searches,
            "mails": self.mails,
            "mail_octets": self.mail_octets,
            "violations": self.violations,
            "events": self.events,
            "duration_ms": self.duration_ms(),
            "reason": closed.map(|closed| closed.reason.as_str()),
            "bytes_in": closed.map(|closed| closed.bytes_in),
            "bytes_out": closed.map(|closed| closed.bytes_out),
        }) {
            Value::Object(object) => object,
            _ => Map::new(),
        };
        if let Some(client) = &self.client {
            client.put("client", &mut object);
        }
        if let Some(credential) = &self.credential {
            credential.username.put("username", &mut object);
            credential.password.put("password", &mut object);
        }
        object
    }
}

/// Whether it is no connection at all, but what Honeypost does by itself (`mail.expired`).
pub(crate) fn is_our_own(who: &Attribution) -> bool {
    who.src.ip().is_unspecified()
}

/// A moment as events carry it.
pub(crate) fn moment(micros: i64) -> String {
    format!("{:.6}", Timestamp::from_microsecond(micros).unwrap_or_default())
}

/// What is shown of a session's id: enough for `session` and `--session`.
pub(crate) fn short(session: &Uuid) -> String {
    let id = session.to_string();
    id.get(id.len().saturating_sub(SHOWN)..).unwrap_or_default().to_owned()
}

/// A length of time for people.
pub(crate) fn duration(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0..10 => format!("{seconds}.{} s", millis % 1000 / 100),
        10..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::tests::attribution;

    #[test]
    fn a_session_is_summed_up() {
        let mut summary = Summary::new(attribution());
        let steps = [
            (0, "session.opened", r#"{"personality":"decnet"}"#),
            (1, "command.received", r#"{"verb":"ID","line":"a ID (\"name\" \"x\u001b\")","status":"OK"}"#),
            (2, "tls.negotiated", r#"{"version":"TLSv1.2","cipher":"x"}"#),
            (2, "auth.failed", r#"{"username":"root","password":"a"}"#),
            (3, "auth.succeeded", r#"{"username":"admin","password":"p\ufffd","password_b64":"cP8="}"#),
            (4, "auth.failed", r#"{"username":"late","password":"b"}"#),
            (5000, "message.read", r#"{"mailbox":"INBOX","uid":5,"bytes":7,"bait":["root-password"]}"#),
            (6000, "message.read", r#"{"mailbox":"INBOX","uid":5,"bytes":8,"bait":["root-password"]}"#),
            (7000, "message.read", "not JSON"),
            (
                9000,
                "session.closed",
                r#"{"reason":"logout","bytes_in":1,"bytes_out":2,"duration_ms":9,"wire_cut":0}"#,
            ),
        ];
        for (millis, name, fields) in steps {
            summary.add(&Step { time: millis * 1000, name, tls: millis == 3, fields });
        }
        let mut json = Value::Object(summary.json());
        for gone in ["session", "sensor", "src_ip", "src_port", "dst_ip", "dst_port"] {
            json.as_object_mut().expect("an object").remove(gone);
        }
        let expected = json!({
            "begin": "1970-01-01T00:00:00.000000Z", "protocol": "imap", "tls": true, "tls_version": "TLSv1.2", "personality": "decnet",
            "client": "x\u{1b}", "logins_tried": 3, "logins_succeeded": 1, "username": "admin",
            "password": "p\u{fffd}", "password_b64": "cP8=", "commands": 1, "messages": 2, "message_reads": 3,
            "octets_read": 15, "bait": ["root-password"], "first_bait_ms": 5000, "searches": 0, "mails": 0,
            "mail_octets": 0, "violations": 0, "events": 10, "duration_ms": 9, "reason": "logout", "bytes_in": 1,
            "bytes_out": 2,
        });
        assert_eq!(json, expected);
    }
}
