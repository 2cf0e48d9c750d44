//! Which events are wanted: what is said of their fields, as they stand in their JSON.

use serde_json::{Map, Value};

use crate::config::sinks::{Condition, Conditions, Test};

/// Whether all of it holds of this event.
pub(super) fn hold(conditions: &Conditions, json: &[u8]) -> bool {
    if conditions.0.is_empty() {
        return true;
    }
    // Our own JSON: it can be read.
    let fields: Map<String, Value> = serde_json::from_slice(json).unwrap_or_default();
    conditions
        .0
        .iter()
        .all(|Condition { field, test }| fields.get(field).is_some_and(|value| holds(test, value)))
}

fn holds(test: &Test, value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) if *test == Test::Present => false,
        Value::Array(entries) if *test == Test::Present => !entries.is_empty(),
        Value::Array(entries) => entries.iter().any(|entry| holds(test, entry)),
        Value::String(said) => compare(test, said),
        // A number, true or false; of an attachment its whole JSON.
        other => compare(test, &other.to_string()),
    }
}

fn compare(test: &Test, said: &str) -> bool {
    match test {
        Test::Present => !said.is_empty(),
        Test::Is(wanted) => said == wanted,
        Test::Holds(part) => said.contains(part.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_must_hold() {
        let json = br#"{"event":"message.read","uid":5,"tls":false,"section":"","bait":["vpn-key","root-password"]}"#;
        let test = |field: &str, test| Condition { field: field.to_owned(), test };
        for (condition, holds) in [
            (test("bait", Test::Present), true),
            (test("section", Test::Present), false),
            (test("tls", Test::Present), false),
            (test("nothing", Test::Present), false),
            (test("nothing", Test::Is(String::new())), false),
            (test("tls", Test::Is("false".into())), true),
            (test("uid", Test::Is("5".into())), true),
            (test("bait", Test::Is("vpn-key".into())), true),
            (test("bait", Test::Is("vpn".into())), false),
            (test("bait", Test::Holds("root".into())), true),
        ] {
            assert_eq!(hold(&Conditions(vec![condition.clone()]), json), holds, "{condition:?}");
            let both = vec![test("event", Test::Is("message.read".into())), condition];
            assert_eq!(hold(&Conditions(both), json), holds);
        }
        assert!(!hold(&Conditions(vec![test("bait", Test::Present)]), br#"{"bait":[]}"#));
    }
}
