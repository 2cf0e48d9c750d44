//! A nested JSON object, built by dotted names.

use serde_json::{Map, Value};

/// The document as far as it has come. In fields of ECS, empty texts and lists say nothing and are left out.
#[derive(Debug, Default)]
pub(super) struct Document(Map<String, Value>);

impl Document {
    /// Sets a field as it is, also to nothing.
    pub(super) fn keep(&mut self, name: &str, value: Value) {
        *self.place(name) = value;
    }

    /// Sets a field; its name's dots are levels.
    pub(super) fn set(&mut self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        let nothing = match &value {
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            other => other.is_null(),
        };
        if !nothing {
            *self.place(name) = value;
        }
    }

    /// Adds to a list, what is in it already not again.
    pub(super) fn add(&mut self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        if value.is_null() || value.as_str().is_some_and(str::is_empty) {
            return;
        }
        let place = self.place(name);
        match place {
            Value::Array(list) if list.contains(&value) => {}
            Value::Array(list) => list.push(value),
            _ => *place = Value::Array(vec![value]),
        }
    }

    pub(super) fn into_value(self) -> Value {
        Value::Object(self.0)
    }

    fn place(&mut self, name: &str) -> &mut Value {
        let mut levels = name.split('.');
        let mut place = self.0.entry(levels.next().unwrap_or_default()).or_insert(Value::Null);
        for level in levels {
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            let Value::Object(map) = place else { unreachable!("made an object just above") };
            place = map.entry(level).or_insert(Value::Null);
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_levels() {
        let mut document = Document::default();
        document.set("a.b.c", 1);
        document.set("a.b.d", "x");
        document.set("a.empty", "");
        document.set("none", Vec::<String>::new());
        for ip in ["1", "2", "1", ""] {
            document.add("related.ip", ip);
        }
        let expected = json!({"a": {"b": {"c": 1, "d": "x"}}, "related": {"ip": ["1", "2"]}});
        assert_eq!(document.into_value(), expected);
    }
}
