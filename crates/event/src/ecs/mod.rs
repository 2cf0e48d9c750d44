//! Events as documents of the Elastic Common Schema (<https://www.elastic.co/docs/reference/ecs>), one each.
//!
//! The input is what the contract's line is made of: a [`Header`] and the JSON of the event's own fields, so that an event
//! gives the same document when it happens and when it is read back. What ECS has no field for stands under `honeypost.*`
//! by its own name, exact bytes (`NAME_b64`) among it: nothing of an event is lost. `tests/ecs.rs` holds every field
//! against the published list.
//!
//! `document.rs` builds the nested object, `own.rs` says which field of ours goes where.

mod document;
mod own;

use jiff::Timestamp;
use serde_json::{Map, Value};

use self::document::Document;
use crate::attack::Technique;
use crate::attribution::Attribution;
use crate::record::{Header, Record};

/// The version of ECS that documents say they follow.
pub const VERSION: &str = "8.17.0";

/// The document of one event. `fields` is the JSON object of its own fields, as [`crate::Event`] serialises it.
pub fn document(header: &Header<'_>, fields: &[u8]) -> Value {
    let mut document = Document::default();
    let own = match serde_json::from_slice(fields) {
        Ok(Value::Object(own)) => own,
        // Not what this program writes; kept all the same.
        _ => Map::from_iter([("fields".to_owned(), String::from_utf8_lossy(fields).into())]),
    };
    event(header, &mut document);
    whereabouts(header.attribution, &mut document);
    own::put(header.event, own, &mut document);
    if let Some(technique) = Technique::of(header.event) {
        threat(technique, &mut document);
    }
    document.into_value()
}

/// Writes the document of one event as one line of NDJSON, with its line end.
pub fn write_line(header: &Header<'_>, fields: &[u8], out: &mut Vec<u8>) {
    serde_json::to_writer(&mut *out, &document(header, fields)).expect("a document is plain JSON");
    out.push(b'\n');
}

/// The same of an event that is happening.
pub fn write_record(record: &Record, out: &mut Vec<u8>) {
    let fields = serde_json::to_vec(&record.event).expect("an event's fields are plain JSON");
    write_line(&record.header(), &fields, out);
}

/// What is true of every event.
fn event(header: &Header<'_>, document: &mut Document) {
    let (category, kinds) = classes(header.event);
    document.set("@timestamp", time(header.time));
    document.set("ecs.version", VERSION);
    document.set("event.id", header.id.to_string());
    document.set("event.kind", "event");
    document.set("event.module", "honeypost");
    document.set("event.dataset", "honeypost.events");
    document.set("event.action", header.event);
    document.set("event.category", vec![category]);
    document.set("event.type", kinds.to_vec());
    document.set("event.sequence", header.seq);
}

/// `event.category` and `event.type`, of ECS's own lists.
fn classes(event: &str) -> (&'static str, &'static [&'static str]) {
    match event {
        "session.opened" => ("network", &["connection", "start"]),
        "session.closed" => ("network", &["connection", "end"]),
        "auth.succeeded" => ("authentication", &["start"]),
        "auth.failed" => ("authentication", &["info"]),
        "mailbox.selected" | "mailbox.appended" | "message.read" | "search.run" | "mail.envelope"
        | "mail.received" | "mail.refused" => ("email", &["info"]),
        "mail.expired" => ("file", &["deletion"]),
        "command.received" | "protocol.violation" | "tls.negotiated" | "tls.failed" => {
            ("network", &["protocol"])
        }
        _ => ("network", &["info"]),
    }
}

/// Who, where, and what saw it.
fn whereabouts(attribution: &Attribution, document: &mut Document) {
    let Attribution { sensor, session, protocol, tls, src, dst } = attribution;
    document.set("observer.vendor", "Honeypost");
    document.set("observer.product", "Honeypost");
    document.set("observer.type", "honeypot");
    document.set("observer.name", &**sensor);
    document.set("labels.session", session.to_string());
    document.set("network.protocol", protocol.name());
    document.set("tls.established", *tls);
    if src.ip().is_unspecified() {
        // Nobody's session: Honeypost did it by itself.
        return;
    }
    document.set("network.transport", "tcp");
    document.set("network.type", if src.ip().to_canonical().is_ipv4() { "ipv4" } else { "ipv6" });
    document.set("network.direction", "inbound");
    document.set("source.ip", src.ip().to_string());
    document.set("source.port", src.port());
    document.set("destination.ip", dst.ip().to_string());
    document.set("destination.port", dst.port());
    document.add("related.ip", src.ip().to_string());
    document.add("related.ip", dst.ip().to_string());
}

fn threat(technique: &Technique, document: &mut Document) {
    const SITE: &str = "https://attack.mitre.org";
    let Technique { id, name, tactic_id, tactic, .. } = technique;
    document.set("threat.framework", "MITRE ATT&CK");
    document.add("threat.technique.id", *id);
    document.add("threat.technique.name", *name);
    document.add("threat.technique.reference", format!("{SITE}/techniques/{id}/"));
    document.add("threat.tactic.id", *tactic_id);
    document.add("threat.tactic.name", *tactic);
    document.add("threat.tactic.reference", format!("{SITE}/tactics/{tactic_id}/"));
}

/// RFC 3339, in microseconds, as the contract's `time`.
fn time(time: Timestamp) -> String {
    format!("{time:.6}")
}

/// Whether an answer says yes, in each of the protocols: the `status` of `command.received`.
fn outcome(status: &str) -> &'static str {
    match status.as_bytes() {
        [] => "unknown",
        b"OK" | b"+OK" | b"+" | [b'2' | b'3', _, _] => "success",
        _ => "failure",
    }
}
