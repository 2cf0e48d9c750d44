//! Events as documents of the Elastic Common Schema, one a line (NDJSON): what `honeypost export --format ecs` writes, as it
//! happens. Which field goes where is in `event/src/ecs`; where the lines go is not decided here.

#![cfg_attr(not(test), allow(dead_code, reason = "no setting opens a file for it yet"))]

use event::{Record, ecs};

/// Writes one event as one line.
pub(crate) fn press(record: &Record, out: &mut Vec<u8>) {
    ecs::write_record(record, out);
}

#[cfg(test)]
mod tests {
    use event::{Event, Text};
    use serde_json::Value;

    use super::*;
    use crate::pipeline::tests::attribution;

    #[test]
    fn a_line_an_event_whatever_was_sent() {
        let mut lines = Vec::new();
        for (seq, password) in
            (0..).zip([&b"a\nb\r\n"[..], b"\xff\0\x1b]0;x\x07", "\u{2028}\u{feff}".as_bytes(), b""])
        {
            let event = Event::AuthFailed {
                mechanism: "PLAIN",
                username: "x".into(),
                password: Text::copy(password),
            };
            let (id, time) = (uuid::Uuid::from_u128(seq.into()), jiff::Timestamp::now());
            press(&Record { id, time, seq, attribution: attribution(), event }, &mut lines);
        }
        let text = String::from_utf8(lines).expect("JSON is UTF-8");
        assert!(text.ends_with('\n'));
        let documents: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(documents.len(), 4);
        for (number, document) in documents.iter().enumerate() {
            assert_eq!(document["event"]["sequence"], number);
            assert_eq!(document["event"]["action"], "auth.failed");
        }
        assert_eq!(documents[0]["honeypost"]["password"], "a\nb\r\n");
        assert_eq!(documents[1]["honeypost"]["password_b64"], "/wAbXTA7eAc=");
    }
}
