//! What is concluded from a session's observables, and the bundle itself.
//!
//! - `observed-data`, one a session: all its observables, seen once.
//! - `note`, where a session was shown decoy secrets: which.
//! - `indicator`, one a source: what it did here has no honest reason. `sighting` of it: in which sessions, by which sensors.
//! - `attack-pattern`, one a technique; `relationship` from the indicator of a source that showed it; `sighting`, how often.

use event::attack::Technique;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::object::{ALWAYS, Object, domain, exact, honeypost, id, id_of, literal, millis};
use super::session::Session;
use super::{Collection, Source, observable};

/// The largest count that STIX has.
const MOST_COUNTED: u64 = 999_999_999;

impl Collection {
    /// Writes the bundle. Its id is that of its contents.
    pub(in super::super) fn write(
        &self,
        mut out: impl FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut digest = Sha256::new();
        self.each(|json| {
            digest.update(json);
            digest.update(b"\n");
            Ok(())
        })?;
        let sum: Vec<u8> = digest.finalize().to_vec();
        let id = id("bundle", &json!([sum]));
        out(format!("{{\"type\":\"bundle\",\"id\":\"{id}\",\"objects\":[\n").as_bytes())?;
        let mut line = Vec::new();
        let mut first = true;
        self.each(|json| {
            line.clear();
            line.extend_from_slice(if std::mem::take(&mut first) { b"" } else { b",\n" });
            line.extend_from_slice(json);
            out(&line)
        })?;
        out(b"\n]}\n")
    }

    /// Every object, as JSON, in the same order always.
    fn each(&self, mut out: impl FnMut(&[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let mut give = |object: Object| out(Value::Object(object).to_string().as_bytes());
        give(domain(
            "identity",
            &honeypost(),
            [ALWAYS; 2],
            json!({"name": "Honeypost", "identity_class": "system", "description": "A decoy mail server"}),
        ))?;
        for sensor in &self.sensors {
            let is =
                json!({"name": sensor, "identity_class": "system", "description": "A sensor of Honeypost"});
            give(domain("identity", &json!([sensor, "sensor"]), [ALWAYS; 2], is))?;
        }
        for technique in &self.techniques {
            give(pattern(technique))?;
        }
        for (_, json) in &self.finished {
            out(json.as_bytes())?;
        }
        let mut give = |object: Object| out(Value::Object(object).to_string().as_bytes());
        for session in &self.sessions {
            let traffic = observable::traffic(session);
            give(self.observed(session, id_of(&traffic)))?;
            give(traffic)?;
            if !session.bait.is_empty() {
                give(note(session))?;
            }
        }
        for source in &self.sources {
            self.concluded(source, &mut give)?;
        }
        Ok(())
    }

    fn observed(&self, session: &Session, traffic: &str) -> Object {
        let finished = |number: &u32| Some(self.finished.get(usize::try_from(*number).ok()?)?.0.as_str());
        let mut objects: Vec<&str> = session.observed.iter().filter_map(finished).collect();
        objects.push(traffic);
        domain(
            "observed-data",
            &known_by(session),
            [&millis(session.accepted()), &millis(session.modified())],
            json!({
                "first_observed": exact(session.first),
                "last_observed": exact(session.last),
                "number_observed": 1,
                "object_refs": objects,
            }),
        )
    }

    /// The indicator of a source, and all that hangs on it.
    fn concluded(
        &self,
        source: &Source,
        give: &mut impl FnMut(Object) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let sessions: Vec<&Session> =
            source.sessions.iter().filter_map(|number| self.sessions.get(*number)).collect();
        let Some(earliest) = sessions.first() else { return Ok(()) };
        let all = Span::of(&sessions);
        let times = [&*millis(earliest.accepted().min(all.first)), &*millis(all.modified)];
        // What an export of another time knows of this source is another indicator: `created` must never change.
        let parts = json!([source.ip.to_string(), earliest.attribution.session.to_string()]);
        let indicator = domain("indicator", &parts, times, indicator(source, &all));
        let indicator_id = id_of(&indicator).to_owned();
        give(indicator)?;
        give(sighting(
            &indicator_id,
            &parts,
            times,
            &sessions,
            u64::try_from(sessions.len()).unwrap_or(u64::MAX),
        ))?;
        for technique in &source.techniques {
            let showed: Vec<&Session> = sessions
                .iter()
                .filter(|session| session.techniques.contains_key(technique))
                .copied()
                .collect();
            let count = showed.iter().filter_map(|session| session.techniques.get(technique)).sum();
            let pattern = id_of(&pattern(technique)).to_owned();
            let parts = json!([parts, technique.id]);
            give(domain(
                "relationship",
                &parts,
                times,
                json!({"relationship_type": "indicates", "source_ref": indicator_id, "target_ref": pattern}),
            ))?;
            give(sighting(&pattern, &parts, times, &showed, count))?;
        }
        Ok(())
    }
}

fn known_by(session: &Session) -> Value {
    json!([session.attribution.session.to_string()])
}

/// From the first event to the last.
struct Span {
    first: Timestamp,
    last: Timestamp,
    modified: Timestamp,
}

impl Span {
    fn of(sessions: &[&Session]) -> Self {
        let least = |time: fn(&Session) -> Timestamp| sessions.iter().map(|session| time(session)).min();
        let most = |time: fn(&Session) -> Timestamp| sessions.iter().map(|session| time(session)).max();
        Self {
            first: least(|session| session.first).unwrap_or_default(),
            last: most(|session| session.last).unwrap_or_default(),
            modified: most(Session::modified).unwrap_or_default(),
        }
    }
}

fn indicator(source: &Source, span: &Span) -> Value {
    let kind = if source.ip.is_ipv4() { "ipv4-addr" } else { "ipv6-addr" };
    let (class, did) = if source.acted {
        ("malicious-activity", "logged in, tried to, or sent mail there")
    } else {
        ("anomalous-activity", "connected there and did no more")
    };
    json!({
        "name": format!("{} at a decoy mail server", source.ip),
        "description": format!("Nobody has a reason to use the decoy; this address {did}."),
        "indicator_types": [class],
        "pattern": format!("[{kind}:value = {}]", literal(&source.ip.to_string())),
        "pattern_type": "stix",
        "pattern_version": "2.1",
        "valid_from": exact(span.first),
    })
}

fn sighting(of: &str, parts: &Value, times: [&str; 2], sessions: &[&Session], count: u64) -> Object {
    let span = Span::of(sessions);
    let observed: Vec<String> =
        sessions.iter().map(|session| id("observed-data", &known_by(session))).collect();
    let mut sensors: Vec<String> = sessions
        .iter()
        .map(|session| id("identity", &json!([&*session.attribution.sensor, "sensor"])))
        .collect();
    sensors.sort_unstable();
    sensors.dedup();
    domain(
        "sighting",
        parts,
        times,
        json!({
            "first_seen": exact(span.first),
            "last_seen": exact(span.last),
            "count": count.min(MOST_COUNTED),
            "sighting_of_ref": of,
            "observed_data_refs": observed,
            "where_sighted_refs": sensors,
        }),
    )
}

fn pattern(technique: &Technique) -> Object {
    domain(
        "attack-pattern",
        &json!([technique.id]),
        [ALWAYS; 2],
        json!({
            "name": technique.name,
            "external_references": [{"source_name": "mitre-attack", "external_id": technique.id}],
            "kill_chain_phases": [{"kill_chain_name": "mitre-attack", "phase_name": technique.phase}],
        }),
    )
}

fn note(session: &Session) -> Object {
    let names: Vec<&str> = session.bait.iter().map(String::as_str).collect();
    domain(
        "note",
        &known_by(session),
        [&millis(session.accepted()), &millis(session.modified())],
        json!({
            "abstract": "Decoy secrets were shown",
            "content": format!(
                "Messages that this session read hold these decoy secrets, by their names in Honeypost: {}",
                names.join(", ")
            ),
            "object_refs": [id("observed-data", &known_by(session))],
        }),
    )
}
