//! Ids and the parts that all objects have. The same evidence always gives the same octets.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::{Uuid, uuid};

/// The namespace of observables whose ids come from their ID contributing properties (STIX 2.1 section 2.9).
const OBSERVABLES: Uuid = uuid!("00abedb4-aa42-466c-9c01-fed23315a9b7");

/// Ours, for all other ids: section 2.9 wants another than that.
const HONEYPOST: Uuid = uuid!("24277525-a05a-426b-a5b8-53fb25d10e13");

/// When the objects were made that no evidence dates: Honeypost itself, sensors, techniques.
pub(super) const ALWAYS: &str = "2026-11-01T00:00:00.000Z";

/// An object being made: its properties, `type` and `id` among them.
pub(super) type Object = Map<String, Value>;

/// An observable, with the id that its contributing properties give it, the same for every producer.
pub(super) fn observable(kind: &str, contributing: Value, more: Value) -> Object {
    let id = Uuid::new_v5(&OBSERVABLES, canonical(&contributing).as_bytes());
    finished(kind, id, [contributing, more])
}

/// An observable that its contributing properties do not tell from others: its id is of our own namespace, by `parts`.
pub(super) fn own_observable(kind: &str, parts: &Value, properties: Value) -> Object {
    finished(kind, own_id(kind, parts), [properties])
}

/// A domain or relationship object, known by `parts`.
pub(super) fn domain(kind: &str, parts: &Value, [created, modified]: [&str; 2], properties: Value) -> Object {
    let mut common = json!({"created": created, "modified": modified});
    if kind != "identity" || parts != &honeypost() {
        common["created_by_ref"] = id("identity", &honeypost()).into();
    }
    finished(kind, own_id(kind, parts), [common, properties])
}

/// What the identity of Honeypost itself is known by.
pub(super) fn honeypost() -> Value {
    json!(["Honeypost"])
}

/// The id of a domain object known by these parts.
pub(super) fn id(kind: &str, parts: &Value) -> String {
    format!("{kind}--{}", own_id(kind, parts))
}

fn own_id(kind: &str, parts: &Value) -> Uuid {
    Uuid::new_v5(&HONEYPOST, canonical(&json!([kind, parts])).as_bytes())
}

fn finished<const N: usize>(kind: &str, id: Uuid, properties: [Value; N]) -> Object {
    let mut object = Object::new();
    object.insert("type".into(), kind.into());
    object.insert("spec_version".into(), "2.1".into());
    object.insert("id".into(), format!("{kind}--{id}").into());
    for properties in properties {
        if let Value::Object(properties) = properties {
            object.extend(properties.into_iter().filter(|(_, value)| !value.is_null()));
        }
    }
    object
}

/// The id of an object made here.
pub(super) fn id_of(object: &Object) -> &str {
    object.get("id").and_then(Value::as_str).unwrap_or_default()
}

/// The JSON Canonicalization Scheme (RFC 8785), for texts, whole numbers below 2^53, lists and objects with ASCII names:
/// sorted by octets they are sorted by UTF-16 units. `serde_json` escapes as it wants.
pub(super) fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut members: Vec<(&String, &Value)> = map.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            let member = |(name, value): (&String, &Value)| format!("{}:{}", json!(name), canonical(value));
            format!("{{{}}}", members.into_iter().map(member).collect::<Vec<_>>().join(","))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(canonical).collect::<Vec<_>>().join(",")),
        plain => plain.to_string(),
    }
}

/// A text as a literal of a pattern (STIX 2.1 section 9.3): in quotes, with `\'` and `\\`.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

/// A time of the evidence, to the microsecond.
pub(super) fn exact(time: Timestamp) -> String {
    format!("{time:.6}")
}

/// A time of an object's own: in milliseconds, as section 3.2 wants it.
pub(super) fn millis(time: Timestamp) -> String {
    format!("{time:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ids that OASIS's own library (`stix2` 3.0 for Python) gives.
    #[test]
    fn ids_are_those_that_others_give() {
        let traffic = json!({
            "start": "2023-11-14T22:13:20.000005Z",
            "end": "2023-11-14T22:13:21.500001Z",
            "src_ref": id_of(&observable("ipv4-addr", json!({"value": "192.0.2.1"}), Value::Null)),
            "dst_ref": id_of(&observable("ipv6-addr", json!({"value": "2001:db8::1"}), Value::Null)),
            "src_port": 4000,
            "dst_port": 25,
            "protocols": ["ipv4", "tcp", "tls", "smtp"],
        });
        let file = json!({"hashes": {"SHA-256": "ab".repeat(32)}, "name": "=cmd\n\u{7f}\"€"});
        let value = |text: &str| json!({"value": text});
        for (kind, contributing, id) in [
            ("ipv4-addr", value("198.51.100.3"), "28bb3599-77cd-5a82-a950-b5bc3caf07c4"),
            ("email-addr", value("john@example.com"), "7165e2a9-671f-585d-b1e1-ca59c671d934"),
            ("url", value("https://example.com/research/index.html"), "47c3cf9a-5027-5bf0-997a-017c7edc7c55"),
            ("file", file, "69ef2798-12c4-5bd9-a2c4-8bf4dae5b678"),
            ("network-traffic", traffic, "5ecccbfb-196f-5d6a-b6bf-1e62768e2c0e"),
        ] {
            assert_eq!(id_of(&observable(kind, contributing, Value::Null)), format!("{kind}--{id}"));
        }
    }

    #[test]
    fn canonical_is_sorted_and_escaped_as_rfc_8785_wants() {
        let value = json!({"b": [1, true, null], "a": "\u{20ac}$\u{f}\n\"\\/\u{7f}", "\u{e}": {}});
        assert_eq!(
            canonical(&value),
            "{\"\\u000e\":{},\"a\":\"€$\\u000f\\n\\\"\\\\/\u{7f}\",\"b\":[1,true,null]}"
        );
    }

    #[test]
    fn a_literal_ends_where_it_ends() {
        assert_eq!(literal(r"a'] OR [b:c = '\"), r"'a\'] OR [b:c = \'\\'");
    }

    #[test]
    fn ids_differ_by_kind_and_parts() {
        let ids =
            [id("note", &json!(["a", "b"])), id("note", &json!(["ab"])), id("sighting", &json!(["ab"]))];
        assert!(ids.iter().enumerate().all(|(at, one)| ids.iter().skip(at + 1).all(|other| {
            one.split_once("--").map(|(_, uuid)| uuid) != other.split_once("--").map(|(_, uuid)| uuid)
        })));
    }
}
