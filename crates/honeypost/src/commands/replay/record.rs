//! A session as it is on record: the wire record, and what the events tell beside it or in its place.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use store::{Filter, Reader, SessionPart, StoreError};

use super::{Closed, Command, Conversation};

/// The session that this means.
pub(super) fn read(reader: &Reader, session: &SessionPart) -> Result<Conversation, StoreError> {
    let filter = Filter { session: Some(session.clone()), ..Filter::default() };
    let mut events = reader.events(&filter)?;
    let Some(first) = events.next().transpose()? else {
        return Err(StoreError::NoSession { typed: session.to_string() });
    };
    let mut conversation = Conversation {
        opened: first.time,
        closed: None,
        wire: reader.wire(first.attribution.session)?,
        commands: Vec::new(),
        attribution: first.attribution,
    };
    for stored in events {
        let stored = stored?;
        match stored.name.as_str() {
            "session.closed" => {
                let fields = fields(&stored.fields);
                let cut = fields.get("wire_cut").and_then(Value::as_u64).unwrap_or_default();
                let reason = text(&fields, "reason").to_owned();
                conversation.closed = Some(Closed { time: stored.time, reason, cut });
            }
            "command.received" if !conversation.has_wire() => {
                let fields = fields(&stored.fields);
                let exact = STANDARD.decode(text(&fields, "line_b64")).ok().filter(|line| !line.is_empty());
                let line = exact.unwrap_or_else(|| text(&fields, "line").as_bytes().to_vec());
                let status = text(&fields, "status").to_owned();
                conversation.commands.push(Command { time: stored.time, line, status });
            }
            _ => {}
        }
    }
    Ok(conversation)
}

fn fields(json: &str) -> Map<String, Value> {
    serde_json::from_str(json).unwrap_or_default()
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}
