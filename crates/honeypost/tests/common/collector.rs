//! How DECNET's collector reads a line of its decoys, with its weakness: the structured data ends at the first `]`,
//! escaped or not, and a value that this cuts in two is lost with all that follow. Written from a description of it.

#![allow(dead_code)] // each test takes its part

use std::collections::BTreeMap;

/// A line as the collector understands it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    pub priority: u16,
    pub time: String,
    pub node: String,
    pub service: String,
    pub event: String,
    pub fields: BTreeMap<String, String>,
    pub message: String,
}

impl Read {
    /// The field of that name; empty where there is none.
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

/// Reads one line without its line end; none where it is not of the form.
pub fn read(line: &str) -> Option<Read> {
    if line.contains('\n') {
        return None;
    }
    let (priority, rest) = line.strip_prefix('<')?.split_once(">1 ")?;
    let mut words = rest.splitn(6, ' ');
    let mut word = || words.next().filter(|word| !word.is_empty() && !word.contains(char::is_whitespace));
    let (time, node, service, _process, event) = (word()?, word()?, word()?, word()?, word()?);
    let rest = words.next().filter(|rest| !rest.is_empty())?;
    let (fields, message) = match rest.as_bytes() {
        [b'-', ..] => (BTreeMap::new(), &rest[1..]),
        [b'[', ..] => match rest.strip_prefix("[relay@55555 ").and_then(|rest| rest.split_once(']')) {
            Some((block, behind)) => (parameters(block), behind),
            None => (BTreeMap::new(), ""),
        },
        _ => (BTreeMap::new(), rest),
    };
    Some(Read {
        priority: priority.parse().ok()?,
        time: time.to_owned(),
        node: node.to_owned(),
        service: service.to_owned(),
        event: event.to_owned(),
        fields,
        message: message.trim_start().to_owned(),
    })
}

/// Every `name="value"` that is whole, in any order, with whatever stands between them.
fn parameters(block: &str) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let mut rest = block;
    while let Some(at) = rest.find("=\"") {
        let (before, behind) = (&rest[..at], &rest[at + 2..]);
        let name = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        match quoted(behind).filter(|_| !name.is_empty()) {
            Some(end) => {
                let value = behind[..end].replace("\\\"", "\"").replace("\\\\", "\\").replace("\\]", "]");
                fields.insert(name.to_owned(), value);
                rest = &behind[end + 1..];
            }
            None => rest = behind,
        }
    }
    fields
}

/// Where the quotation mark is that ends a value.
fn quoted(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, character)| match (escaped, character) {
        (true, _) => {
            escaped = false;
            None
        }
        (false, '\\') => {
            escaped = true;
            None
        }
        (false, '"') => Some(at),
        (false, _) => None,
    })
}

/// The fields as a reader of RFC 5424 (section 6.3.3) has them, who knows that `\]` ends nothing.
pub fn read_strictly(line: &str) -> Option<Vec<(String, String)>> {
    let mut rest = line.split_once("[relay@55555")?.1;
    let mut fields = Vec::new();
    loop {
        if rest.starts_with(']') {
            return Some(fields);
        }
        let (name, behind) = rest.strip_prefix(' ')?.split_once("=\"")?;
        let end = quoted(behind)?;
        let mut value = String::new();
        let mut characters = behind[..end].chars();
        while let Some(character) = characters.next() {
            value.push(if character == '\\' { characters.next()? } else { character });
        }
        fields.push((name.to_owned(), value));
        rest = &behind[end + 1..];
    }
}
