//! BINARY and BINARY.SIZE (RFC 3516): what a section means, with its transfer encodings undone.

use bait::Message;
use bait::mime::header::fields;
use bait::mime::{Content, Part, TransferEncoding};
use bytes::Bytes;
use event::{Event, Text};

use super::section::Section;
use crate::session::Actions;

/// In which form a section is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `BODY[]`
    Body,
    /// `BINARY[]`
    Binary,
    /// `BINARY.SIZE[]`
    BinarySize,
}

impl Form {
    /// How errors call it.
    pub const fn word(self) -> &'static [u8] {
        match self {
            Self::Body => b"BODY",
            Self::Binary | Self::BinarySize => b"BINARY",
        }
    }

    /// How the answer calls it.
    pub const fn label(self) -> &'static [u8] {
        match self {
            Self::BinarySize => b"BINARY.SIZE",
            other => other.word(),
        }
    }

    /// The form of an item in capitals, whether it leaves `\Seen` alone, and what stands behind `[`.
    pub fn of(name: &[u8]) -> Option<(Self, bool, &[u8])> {
        const FORMS: [(&[u8], Form, bool); 5] = [
            (b"BODY[", Form::Body, false),
            (b"BODY.PEEK[", Form::Body, true),
            (b"BINARY[", Form::Binary, false),
            (b"BINARY.PEEK[", Form::Binary, true),
            (b"BINARY.SIZE[", Form::BinarySize, true),
        ];
        let found = FORMS
            .into_iter()
            .find_map(|(prefix, form, peek)| name.strip_prefix(prefix).map(|rest| (form, peek, rest)));
        found
    }
}

/// A transfer encoding that nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownEncoding;

/// Octets with their transfer encodings undone, as far as there were any.
#[derive(Debug, Default)]
struct Undone {
    octets: Vec<u8>,
    /// Whether anything was undone, or there is a NUL: then the literal is a binary one.
    binary: bool,
}

/// Sends what a BINARY section means, and records what was shown. Nothing is sent where it cannot be decoded.
pub fn send(
    mailbox: &str,
    message: &Message,
    section: &Section,
    out: &mut Actions,
) -> Result<(), UnknownEncoding> {
    let mut undone = Undone::default();
    let mut range = 0..0;
    if let Some((part, with_header)) = section.part(message) {
        undone.add(message, part, with_header)?;
        range = if with_header { 0..message.size() } else { part.body.clone() };
    }
    if section.form == Form::BinarySize {
        out.send(&section.label);
        out.send(format!(" {}", undone.octets.len()).as_bytes());
        return Ok(());
    }
    let shown = section.cut(&undone.octets);
    if !shown.is_empty() {
        out.record(Event::MessageRead {
            mailbox: mailbox.to_owned(),
            uid: u64::from(message.uid),
            section: Text::copy(&section.label),
            bytes: shown.len() as u64,
            bait: message.bait_in(&range).into_iter().map(|secret| secret.id.clone()).collect(),
        });
    }
    let kind = if undone.binary { "~" } else { "" };
    out.send(&section.label);
    out.send(format!(" {kind}{{{}}}\r\n", shown.len()).as_bytes());
    out.send_shared(Bytes::copy_from_slice(shown));
    Ok(())
}

impl Undone {
    /// Adds a part, and the parts in it with their headers. As deep as parts nest, which is bounded.
    fn add(&mut self, message: &Message, part: &Part, with_header: bool) -> Result<(), UnknownEncoding> {
        let encoding = TransferEncoding::of(&part.encoding);
        if encoding == TransferEncoding::Unknown {
            return Err(UnknownEncoding);
        }
        if with_header {
            self.add_header(message, part, encoding);
        }
        let octets = |range: std::ops::Range<usize>| message.bytes.get(range).unwrap_or_default();
        let within: Vec<&Part> = match &part.content {
            Content::Multipart(parts) => parts.iter().collect(),
            Content::Message(_, within) => vec![within],
            Content::Leaf => Vec::new(),
        };
        if within.is_empty() {
            let body = octets(part.body.clone());
            if encoding != TransferEncoding::Identity && !body.is_empty() {
                self.binary = true;
                self.octets.extend_from_slice(&encoding.decode(body));
            } else {
                self.binary |= memchr::memchr(0, body).is_some();
                self.octets.extend_from_slice(body);
            }
            return Ok(());
        }
        let mut from = part.body.start;
        for inner in within {
            self.octets.extend_from_slice(octets(from..inner.header.start));
            self.add(message, inner, true)?;
            from = inner.body.end;
        }
        self.octets.extend_from_slice(octets(from..part.body.end));
        Ok(())
    }

    /// Adds a header; where an encoding was undone, its field says so.
    fn add_header(&mut self, message: &Message, part: &Part, encoding: TransferEncoding) {
        let header = message.bytes.get(part.header.clone()).unwrap_or_default();
        self.binary |= memchr::memchr(0, header).is_some();
        if encoding == TransferEncoding::Identity {
            return self.octets.extend_from_slice(header);
        }
        self.binary = true;
        for field in fields(header) {
            if field.name.is_empty() {
                continue;
            }
            if !field.is("Content-Transfer-Encoding") {
                self.octets.extend_from_slice(field.raw);
            }
        }
        self.octets.extend_from_slice(b"Content-Transfer-Encoding: binary\r\n\r\n");
    }
}
