//! A STIX 2.1 bundle (<https://docs.oasis-open.org/cti/stix/v2.1/os/stix-v2.1-os.html>), without extensions.
//!
//! Events are taken one by one; [`Collection`] keeps the objects that they come to, each once, and no more of them than it
//! may. `observable.rs` makes what was seen, `bundle.rs` what is concluded from it, `object.rs` the ids.

mod bundle;
mod object;
mod observable;
mod session;

use std::collections::HashMap;
use std::net::IpAddr;

use event::attack::Technique;
use serde_json::{Value, json};
use store::Stored;
use uuid::Uuid;

use self::object::{Object, domain, id_of, millis};
use self::session::Session;

/// A bundle would have more objects than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "--limit {limit}: there is more than that in these events; choose fewer with --since, --until, --protocol or \
     --session, or allow more with --limit N"
)]
pub(super) struct TooMuch {
    limit: usize,
}

/// References to observables, for each object that a bundle may have.
const REFERENCES: usize = 32;

/// Octets of JSON, for each object that a bundle may have, on average: an ordinary one has 300.
const OCTETS: usize = 4 * 1024;

/// A source, over all its sessions.
#[derive(Debug)]
struct Source {
    ip: IpAddr,
    /// Its sessions, by their numbers.
    sessions: Vec<usize>,
    techniques: Vec<&'static Technique>,
    /// Whether it did more than connect.
    acted: bool,
}

/// What the events have come to so far.
#[derive(Debug)]
pub(super) struct Collection {
    limit: usize,
    /// Objects that there are, or will be when all is put together.
    objects: usize,
    references: usize,
    /// Of finished ones.
    octets: usize,
    /// Finished ones, as JSON.
    finished: Vec<(String, String)>,
    numbers: HashMap<String, u32>,
    sessions: Vec<Session>,
    session_numbers: HashMap<Uuid, usize>,
    sources: Vec<Source>,
    source_numbers: HashMap<IpAddr, usize>,
    sensors: Vec<String>,
    techniques: Vec<&'static Technique>,
}

impl Collection {
    /// Room for this many objects.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            objects: 1, // Honeypost's identity
            references: 0,
            octets: 0,
            finished: Vec::new(),
            numbers: HashMap::new(),
            sessions: Vec::new(),
            session_numbers: HashMap::new(),
            sources: Vec::new(),
            source_numbers: HashMap::new(),
            sensors: Vec::new(),
            techniques: Vec::new(),
        }
    }

    /// Takes one event in. Events of a session come in their order.
    pub(super) fn take(&mut self, stored: &Stored) -> Result<(), TooMuch> {
        if stored.attribution.src.ip().is_unspecified() {
            return Ok(()); // What Honeypost did by itself was seen of nobody.
        }
        let number = self.session(stored)?;
        let fields: Value = serde_json::from_str(&stored.fields).unwrap_or_default();
        self.update(number, stored, &fields);
        match stored.name.as_str() {
            "auth.succeeded" | "auth.failed" => {
                self.observe(number, observable::account(&fields)).map(drop)?;
            }
            "message.read" => self.bait(number, &fields)?,
            "mail.received" => self.mail(number, stored, &fields)?,
            _ => {}
        }
        if let Some(technique) = Technique::of(&stored.name) {
            self.technique(number, technique)?;
        }
        Ok(())
    }

    fn spend(&mut self, objects: usize) -> Result<(), TooMuch> {
        self.objects = self.objects.saturating_add(objects);
        if self.objects > self.limit { Err(TooMuch { limit: self.limit }) } else { Ok(()) }
    }

    /// The number of the event's session; a new one has its connection, what was observed of it, and its addresses.
    fn session(&mut self, stored: &Stored) -> Result<usize, TooMuch> {
        let attribution = &stored.attribution;
        if let Some(number) = self.session_numbers.get(&attribution.session) {
            return Ok(*number);
        }
        self.spend(2)?;
        let source = self.source(attribution.src.ip().to_canonical())?;
        if !self.sensors.iter().any(|known| **known == *attribution.sensor) {
            self.spend(1)?;
            self.sensors.push(attribution.sensor.to_string());
        }
        let number = self.sessions.len();
        self.sessions.push(Session::new(stored, source));
        self.session_numbers.insert(attribution.session, number);
        if let Some(source) = self.sources.get_mut(source) {
            source.sessions.push(number);
        }
        for ip in [attribution.src.ip(), attribution.dst.ip()] {
            self.observe(number, observable::address(ip))?;
        }
        Ok(number)
    }

    /// The number of a source; a new one has its indicator and the sighting of that.
    fn source(&mut self, ip: IpAddr) -> Result<usize, TooMuch> {
        if let Some(number) = self.source_numbers.get(&ip) {
            return Ok(*number);
        }
        self.spend(2)?;
        let number = self.sources.len();
        self.sources.push(Source { ip, sessions: Vec::new(), techniques: Vec::new(), acted: false });
        self.source_numbers.insert(ip, number);
        Ok(number)
    }

    fn update(&mut self, number: usize, stored: &Stored, fields: &Value) {
        let Some(session) = self.sessions.get_mut(number) else { return };
        session.first = session.first.min(stored.time);
        session.last = session.last.max(stored.time);
        session.tls |= stored.attribution.tls;
        match stored.name.as_str() {
            "session.opened" => session.opened = Some(stored.time),
            "session.closed" => {
                session.closed = Some(stored.time);
                session.received = fields.get("bytes_in").and_then(Value::as_u64);
                session.sent = fields.get("bytes_out").and_then(Value::as_u64);
            }
            // More than to connect and to look who answers.
            "auth.succeeded" | "auth.failed" | "mail.envelope" | "mail.received" | "message.read" => {
                if let Some(source) = self.sources.get_mut(session.source) {
                    source.acted = true;
                }
            }
            _ => {}
        }
    }

    /// Adds an observable to what was observed of a session; gives its id.
    fn observe(&mut self, number: usize, object: Object) -> Result<String, TooMuch> {
        let (id, place) = self.keep(object)?;
        let fresh = self.sessions.get_mut(number).is_some_and(|session| session.observed.insert(place));
        self.references += usize::from(fresh);
        if self.references > self.limit.saturating_mul(REFERENCES) {
            return Err(TooMuch { limit: self.limit });
        }
        Ok(id)
    }

    /// Keeps a finished object, once; gives its id and its number.
    fn keep(&mut self, object: Object) -> Result<(String, u32), TooMuch> {
        let id = id_of(&object).to_owned();
        if let Some(number) = self.numbers.get(&id) {
            return Ok((id, *number));
        }
        self.spend(1)?;
        let number = u32::try_from(self.finished.len()).map_err(|_| TooMuch { limit: self.limit })?;
        let json = Value::Object(object).to_string();
        self.octets = self.octets.saturating_add(json.len());
        if self.octets > self.limit.saturating_mul(OCTETS) {
            return Err(TooMuch { limit: self.limit });
        }
        self.finished.push((id.clone(), json));
        self.numbers.insert(id.clone(), number);
        Ok((id, number))
    }

    /// The secrets that a session was shown; the first brings the note that names them.
    fn bait(&mut self, number: usize, fields: &Value) -> Result<(), TooMuch> {
        for id in fields.get("bait").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
        {
            let Some(session) = self.sessions.get_mut(number) else { return Ok(()) };
            let first = session.bait.is_empty();
            session.bait.insert(observable::cut(id));
            if first {
                self.spend(1)?;
            }
        }
        Ok(())
    }

    /// A technique that a session showed: its object once, and for each source what relates the two, and the sighting.
    fn technique(&mut self, number: usize, technique: &'static Technique) -> Result<(), TooMuch> {
        let Some(session) = self.sessions.get_mut(number) else { return Ok(()) };
        *session.techniques.entry(technique).or_default() += 1;
        let source = session.source;
        if !self.techniques.contains(&technique) {
            self.spend(1)?;
            self.techniques.push(technique);
        }
        if let Some(source) = self.sources.get_mut(source)
            && !source.techniques.contains(&technique)
        {
            source.techniques.push(technique);
            self.spend(2)?;
        }
        Ok(())
    }

    /// A captured mail: its addresses, files and URLs, the message, and that the message is that file.
    fn mail(&mut self, number: usize, stored: &Stored, fields: &Value) -> Result<(), TooMuch> {
        let texts = |name: &str| {
            fields.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
        };
        let text = |object: &Value, name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
        let size = |object: &Value| object.get("size").and_then(Value::as_u64);
        let from = match text(fields, "mail_from").as_deref().and_then(observable::email_address) {
            Some(address) => Some(self.observe(number, address)?),
            None => None,
        };
        let mut to = Vec::new();
        for address in texts("rcpt_to").filter_map(observable::email_address) {
            to.push(self.observe(number, address)?);
        }
        let mut parts = Vec::new();
        for part in fields.get("attachments").and_then(Value::as_array).into_iter().flatten() {
            let (sum, name) = (text(part, "sha256"), text(part, "name"));
            if let Some(file) = observable::file(sum.as_deref(), name.as_deref(), size(part), None) {
                let mut body = json!({"body_raw_ref": self.observe(number, file)?});
                if let Some(media_type) = text(part, "media_type").filter(|name| !name.is_empty()) {
                    body["content_type"] = observable::cut(&media_type).into();
                }
                parts.push(body);
            }
        }
        for url in texts("urls").filter_map(observable::url) {
            self.observe(number, url)?;
        }
        let Some(session) = self.sessions.get(number) else { return Ok(()) };
        let message =
            self.observe(number, observable::email(session, fields, from.as_deref(), &to, &parts))?;
        let sum = text(fields, "sha256");
        if let Some(file) = observable::file(sum.as_deref(), None, size(fields), Some("message/rfc822")) {
            let file = self.observe(number, file)?;
            let time = millis(stored.time);
            self.keep(domain(
                "relationship",
                &json!(["related-to", message, file]),
                [&time, &time],
                json!({
                    "relationship_type": "related-to",
                    "description": "The message as it was received",
                    "source_ref": message,
                    "target_ref": file,
                }),
            ))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
