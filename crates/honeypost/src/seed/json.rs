//! Messages in the JSON form of DECNET's seeds: a list of objects with `from_addr`, `to_addr`, `subject` and `body`, and
//! perhaps `from_name`, `date` and `flags`. A `body` that begins with a header is a whole message.

use std::time::SystemTime;

use bait::Flags;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Seed, is_message, with_crlf};

/// Reads a list: the messages, and what is wrong with the entries that are none.
pub(super) fn read(octets: &[u8], modified: SystemTime) -> Result<(Vec<Seed>, Vec<String>), String> {
    let list: Value =
        serde_json::from_slice(octets).map_err(|error| format!("is not JSON ({error}); left out"))?;
    let Value::Array(entries) = list else { return Err("is no list; left out".to_owned()) };
    let (mut seeds, mut faults) = (Vec::new(), Vec::new());
    for (position, entry) in entries.iter().enumerate() {
        match message(entry, modified) {
            Ok(seed) => seeds.push(seed),
            Err(what) => faults.push(format!("entry {}: {what}; left out", position + 1)),
        }
    }
    Ok((seeds, faults))
}

fn message(entry: &Value, modified: SystemTime) -> Result<Seed, String> {
    let Value::Object(entry) = entry else { return Err("is no object".to_owned()) };
    let [from, to, subject, body] =
        ["from_addr", "to_addr", "subject", "body"].map(|key| required(entry, key));
    let (from, to, subject, body) = (from?, to?, subject?, body?);
    let flags = flags(entry.get("flags"))?;
    let whole = with_crlf(body.as_bytes());
    // A body of several paragraphs has an empty line too: only one behind header fields makes a message.
    if whole.windows(4).any(|window| window == b"\r\n\r\n") && is_message(&whole) {
        return Ok(Seed { flags, bytes: whole });
    }
    let name = match optional(entry, "from_name")? {
        Some(name) => name,
        None => from.split('@').next().unwrap_or_default(),
    };
    let date = match optional(entry, "date")? {
        Some(date) => line(date),
        None => {
            let filed = Timestamp::try_from(modified).unwrap_or_else(|_| Timestamp::now());
            filed.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
        }
    };
    let mut header = format!(
        "Date: {date}\r\nFrom: {} <{}>\r\nTo: {}\r\nSubject: {}\r\n",
        words(&line(name)),
        line(from),
        line(to),
        words(&line(subject))
    );
    if !body.is_ascii() {
        header.push_str(
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n",
        );
    }
    header.push_str("\r\n");
    let mut bytes = header.into_bytes();
    bytes.extend_from_slice(&whole);
    Ok(Seed { flags, bytes })
}

fn required<'a>(entry: &'a Map<String, Value>, key: &str) -> Result<&'a str, String> {
    match entry.get(key) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        _ => Err(format!("`{key}` is missing or no text")),
    }
}

fn optional<'a>(entry: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, String> {
    match entry.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("`{key}` is no text")),
    }
}

fn flags(value: Option<&Value>) -> Result<Flags, String> {
    let wrong = || "`flags` is no list of system flags such as \"\\\\Seen\"".to_owned();
    let names = match value {
        None | Some(Value::Null) => return Ok(Flags::NONE),
        Some(Value::Array(names)) => names,
        Some(_) => return Err(wrong()),
    };
    names.iter().try_fold(Flags::NONE, |flags, name| {
        let flag = name.as_str().and_then(|name| Flags::from_name(name.as_bytes()));
        Ok(flags | flag.ok_or_else(wrong)?)
    })
}

/// Text for one header line: whatever would end it is a space.
fn line(text: &str) -> String {
    text.trim().chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// Header text as encoded words where it is not ASCII (RFC 2047 section 2: at most 75 characters each).
fn words(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut words = vec![String::new()];
    for character in text.chars() {
        match words.last_mut() {
            Some(word) if word.len() + character.len_utf8() <= 42 => word.push(character),
            _ => words.push(character.to_string()),
        }
    }
    let encoded: Vec<String> =
        words.iter().map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word))).collect();
    encoded.join("\r\n ")
}
