//! ENVELOPE and BODYSTRUCTURE of awkward messages, against what Dovecot 2.3.19 answered for them.
//!
//! The messages and the answers are in `mime/*.txt`, whose format [`cases`] reads. The rendering here is Dovecot's, byte
//! for byte, and exists only to compare; the one that is served lives in the protocol crate.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use bait::mime::{Address, Content, Disposition, Envelope, Parameter, Part, Value, header_end};
use bytes::Bytes;

#[test]
fn answers_are_dovecots() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mime");
    // further answers recorded elsewhere, in the same format
    let further = std::env::var_os("HONEYPOST_MIME_ANSWERS").map(PathBuf::from);
    let (mut count, mut wrong) = (0, String::new());
    for directory in [Some(own), further].into_iter().flatten() {
        let mut files: Vec<PathBuf> = std::fs::read_dir(&directory)
            .expect("answers")
            .map(|entry| entry.expect("entry").path())
            .collect();
        files.sort();
        for file in files {
            let text = std::fs::read_to_string(&file).expect("a file of answers");
            for case in cases(&text) {
                let (envelope, structure) = answers(&case.message);
                for (ours, dovecots) in [(&envelope, &case.envelope), (&structure, &case.structure)] {
                    if !dovecots.is_empty() && ours != dovecots {
                        let _ = writeln!(wrong, "{}\n  Dovecot {dovecots}\n  ours    {ours}", case.name);
                    }
                }
                count += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "of {count} cases:\n{wrong}");
    assert!(count >= 100, "only {count} cases were found");
}

struct Case {
    name: String,
    message: Bytes,
    envelope: String,
    structure: String,
}

/// `=== name`, then the message: a `|` before each line that ends with CRLF, a `!` before one that does not end; then
/// `E` and `B` before Dovecot's ENVELOPE and BODYSTRUCTURE, as far as they matter. Escapes: `\r`, `\n`, `\\` and `\xNN`.
fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines() {
        let (mark, rest) = line.split_at_checked(1).unwrap_or_default();
        if let Some(name) = line.strip_prefix("=== ") {
            let empty = Case {
                name: name.into(),
                message: Bytes::new(),
                envelope: String::new(),
                structure: String::new(),
            };
            cases.push(empty);
        } else if let Some(case) = cases.last_mut() {
            match mark {
                "|" => case.message = [&case.message[..], &unescape(rest), b"\r\n"].concat().into(),
                "!" => case.message = [&case.message[..], &unescape(rest)].concat().into(),
                "E" => case.envelope = rest.trim_start().into(),
                "B" => case.structure = rest.trim_start().into(),
                _ => {}
            }
        }
    }
    cases
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match (byte, if byte == b'\\' { rest.next() } else { None }) {
            (_, None) => bytes.push(byte),
            (_, Some(b'r')) => bytes.push(b'\r'),
            (_, Some(b'n')) => bytes.push(b'\n'),
            (_, Some(b'x')) => {
                let hex = [rest.next(), rest.next()].map(|digit| char::from(digit.expect("two digits")));
                bytes.push(u8::from_str_radix(&String::from_iter(hex), 16).expect("hexadecimal"));
            }
            (_, Some(escaped)) => bytes.push(escaped),
        }
    }
    bytes
}

fn escape(bytes: &[u8]) -> String {
    let mut text = String::new();
    for &byte in bytes {
        match byte {
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b'\\' => text.push_str("\\\\"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => write!(text, "\\x{byte:02x}").expect("a string takes all"),
        }
    }
    text
}

fn answers(message: &Bytes) -> (String, String) {
    let mut envelope = Wire::default();
    envelope.envelope(&Envelope::parse(&message.slice(..header_end(message))));
    let mut structure = Wire::default();
    structure.part(&Part::parse(message));
    (escape(&envelope.0), escape(&structure.0))
}

#[derive(Default)]
struct Wire(Vec<u8>);

impl Wire {
    fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    fn literal(&mut self, bytes: &[u8]) {
        self.raw(&format!("{{{}}}\r\n", bytes.len()));
        self.0.extend_from_slice(bytes);
    }

    /// A string for machines: quoted, but a literal for 8-bit, line ends and many escapes.
    fn string(&mut self, bytes: &[u8]) {
        let escapes = bytes.iter().filter(|byte| matches!(byte, b'"' | b'\\')).count();
        if escapes > 4 || bytes.iter().any(|&byte| byte >= 0x80 || matches!(byte, b'\r' | b'\n')) {
            return self.literal(bytes);
        }
        self.raw("\"");
        for &byte in bytes {
            self.0.extend(matches!(byte, b'"' | b'\\').then_some(b'\\'));
            self.0.push(byte);
        }
        self.raw("\"");
    }

    /// A string for people: quoted only if it needs neither escapes nor tidying.
    fn text(&mut self, text: &Value) {
        let plain = |&byte: &u8| byte < 0x80 && !matches!(byte, b'"' | b'\\');
        if text.folded || !text.bytes.iter().all(plain) {
            self.literal(&text.bytes);
        } else {
            self.string(&text.bytes);
        }
    }

    fn optional(&mut self, value: Option<&[u8]>) {
        match value {
            Some(value) => self.string(value),
            None => self.raw("NIL"),
        }
    }

    fn value(&mut self, value: Option<&Value>) {
        self.optional(value.map(|value| &value.bytes[..]));
    }

    fn envelope(&mut self, envelope: &Envelope) {
        self.raw("(");
        self.value(envelope.date.as_ref());
        self.raw(" ");
        match &envelope.subject {
            Some(subject) => self.text(subject),
            None => self.raw("NIL"),
        }
        let Envelope { from, sender, reply_to, to, cc, bcc, .. } = envelope;
        for list in [from, sender, reply_to, to, cc, bcc] {
            self.raw(" ");
            self.addresses(list);
        }
        for value in [&envelope.in_reply_to, &envelope.message_id] {
            self.raw(" ");
            self.value(value.as_ref());
        }
        self.raw(")");
    }

    fn addresses(&mut self, list: &[Address]) {
        if list.is_empty() {
            return self.raw("NIL");
        }
        self.raw("(");
        for address in list {
            let (mut shown, mut fields) = (None, [None, None, None]);
            match address {
                Address::Mailbox { name, route, mailbox, host } => {
                    shown = name.as_ref();
                    fields = [route.as_ref(), mailbox.as_ref(), host.as_ref()];
                }
                Address::GroupStart(name) => fields[1] = Some(name),
                Address::GroupEnd => {}
            }
            self.raw("(");
            match shown {
                Some(name) => self.text(&Value::text(name)),
                None => self.raw("NIL"),
            }
            for field in fields {
                self.raw(" ");
                self.optional(field.map(|field| &field[..]));
            }
            self.raw(")");
        }
        self.raw(")");
    }

    fn parameters(&mut self, parameters: &[Parameter]) {
        if parameters.is_empty() {
            return self.raw("NIL");
        }
        for (index, (name, value)) in parameters.iter().enumerate() {
            self.raw(if index == 0 { "(" } else { " " });
            self.string(name);
            self.raw(" ");
            self.string(value);
        }
        self.raw(")");
    }

    fn part(&mut self, part: &Part) {
        self.raw("(");
        if let Content::Multipart(parts) = &part.content {
            if parts.is_empty() {
                self.raw(r#"("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0 NIL NIL NIL NIL)"#);
            }
            for part in parts {
                self.part(part);
            }
            self.raw(" ");
            self.string(&part.media.subtype);
            self.raw(" ");
            self.parameters(&part.media.parameters);
        } else {
            self.single(part);
        }
        match &part.disposition {
            Some(Disposition { kind, parameters }) => {
                self.raw(" (");
                self.string(kind);
                self.raw(" ");
                self.parameters(parameters);
                self.raw(")");
            }
            None => self.raw(" NIL"),
        }
        if part.language.is_empty() {
            self.raw(" NIL");
        }
        for (index, language) in part.language.iter().enumerate() {
            self.raw(if index == 0 { " (" } else { " " });
            self.string(language);
        }
        self.raw(if part.language.is_empty() { " " } else { ") " });
        self.value(part.location.as_ref());
        self.raw(")");
    }

    fn single(&mut self, part: &Part) {
        self.string(&part.media.kind);
        self.raw(" ");
        self.string(&part.media.subtype);
        self.raw(" ");
        self.parameters(&part.media.parameters);
        for value in [&part.id, &part.description] {
            self.raw(" ");
            self.value(value.as_ref());
        }
        self.raw(" ");
        self.string(&part.encoding);
        self.raw(&format!(" {}", part.body.len()));
        if let Content::Message(envelope, within) = &part.content {
            self.raw(" ");
            self.envelope(envelope);
            self.raw(" ");
            self.part(within);
            self.raw(&format!(" {}", part.lines));
        } else if part.media.kind.eq_ignore_ascii_case(b"text") {
            self.raw(&format!(" {}", part.lines));
        }
        self.raw(" ");
        self.value(part.md5.as_ref());
    }
}
