//! Whether a part of a message is such as MIMEPART asks for, from what BODYSTRUCTURE tells of it. In places that is odd; it is as
//! Dovecot has it.

use std::cmp::Ordering;

use bait::mime::{Address, Content, Envelope, Parameter, Part, Value, date, fold, write_addresses};

use super::mime_key::{EnvelopeField, Measure, MimeField, MimeKey, MimeWhat, Place, Whose};

/// A part where it stands.
struct Standing<'a> {
    /// `None` for the empty text that stands in an empty multipart.
    part: Option<&'a Part>,
    /// The envelope of the message that it is the body of.
    envelope: Option<&'a Envelope>,
    parent: Option<usize>,
    child: Option<usize>,
    next: Option<usize>,
}

/// A look at the parts of one message, for all MIMEPART keys of a search.
pub struct Parts<'a, 'b> {
    all: Vec<Standing<'a>>,
    /// The place, depth and index of the part that is being asked.
    at: usize,
    depth: usize,
    index: u32,
    /// The index on each level; what one key leaves there, the next one begins with.
    levels: Vec<u32>,
    /// How many further parts may be asked in this search.
    left: &'b mut usize,
    /// Whether a file's name was compared.
    pub named: bool,
    /// Whether Dovecot's process would not have survived.
    pub fatal: bool,
}

impl<'a, 'b> Parts<'a, 'b> {
    /// The parts of a message.
    pub fn of(message: &'a Part, left: &'b mut usize) -> Self {
        let mut parts = Vec::new();
        stand(message, None, None, &mut parts);
        Self { all: parts, at: 0, depth: 0, index: 0, levels: Vec::new(), left, named: false, fatal: false }
    }

    /// Whether one of them matches; `None` where Dovecot cannot tell.
    pub fn matches(&mut self, keys: &[MimeKey]) -> Option<bool> {
        self.levels.push(1);
        let mut place = Some(0);
        while let Some(at) = place {
            self.at = at;
            self.index = self.levels.last().copied().unwrap_or_default();
            self.depth = self.levels.len().saturating_sub(1);
            let found = self.every(keys);
            if found != Some(false) {
                return found;
            }
            place = if let Some(child) = self.child(at) {
                self.levels.push(1);
                Some(child)
            } else {
                let mut last = at;
                while let (None, Some(parent)) = (self.next(last), self.parent(last)) {
                    self.levels.pop();
                    last = parent;
                }
                if let Some(index) = self.levels.last_mut() {
                    *index = index.saturating_add(1);
                }
                self.next(last)
            };
        }
        Some(false)
    }

    /// Whether the part matches all keys. Recursion is as deep as the parser lets keys nest.
    fn every(&mut self, keys: &[MimeKey]) -> Option<bool> {
        let mut found = Some(true);
        for key in keys {
            match self.one(key) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => found = None,
            }
        }
        found
    }

    fn one(&mut self, key: &MimeKey) -> Option<bool> {
        let Some(left) = self.left.checked_sub(1).filter(|_| !self.fatal) else { return Some(false) };
        *self.left = left;
        let found = match &key.what {
            MimeWhat::And(keys) => self.every(keys)?,
            MimeWhat::Or(keys) => {
                let mut found = Some(false);
                for key in keys {
                    match self.one(key) {
                        Some(true) => {
                            found = Some(true);
                            break;
                        }
                        Some(false) => {}
                        None => found = None,
                    }
                }
                found?
            }
            MimeWhat::Unknown => return None,
            MimeWhat::Depth(measure, level) => {
                compares(*measure, true, &u32::try_from(self.depth).unwrap_or(u32::MAX), level)
            }
            MimeWhat::Index(index) => self.index == *index,
            MimeWhat::Parent(None) => self.parent(self.at).is_some(),
            MimeWhat::Child(None) => self.child(self.at).is_some(),
            MimeWhat::Parent(Some(keys)) => self.parent_matches(keys)?,
            MimeWhat::Child(Some(keys)) => self.child_matches(keys)?,
            what => self.itself(what),
        };
        Some(found != key.not)
    }

    fn parent_matches(&mut self, keys: &[MimeKey]) -> Option<bool> {
        let (at, depth, index) = (self.at, self.depth, self.index);
        let above = depth.checked_sub(1).and_then(|above| Some((above, *self.levels.get(above)?)));
        let (Some((above, index_above)), Some(parent)) = (above, self.parent(at)) else {
            // The message itself has no parent, and Dovecot looks at it all the same.
            self.fatal = true;
            return Some(false);
        };
        (self.at, self.depth, self.index) = (parent, above, index_above);
        let found = self.every(keys);
        (self.at, self.depth, self.index) = (at, depth, index);
        found
    }

    fn child_matches(&mut self, keys: &[MimeKey]) -> Option<bool> {
        let (top, depth_before, index_before) = (self.at, self.depth, self.index);
        let levels = self.levels.clone();
        let mut depth = depth_before.saturating_add(1);
        self.enter(depth);
        let mut found = Some(false);
        let mut place = self.child(top);
        while let Some(at) = place {
            self.at = at;
            // Counted from the part, not from the message.
            self.depth = depth.saturating_sub(depth_before);
            self.index = self.levels.get(depth).copied().unwrap_or_default();
            found = self.every(keys);
            if found != Some(false) || self.fatal {
                break;
            }
            place = if let Some(child) = self.child(at) {
                depth = depth.saturating_add(1);
                self.enter(depth);
                Some(child)
            } else {
                let mut last = at;
                while let (None, Some(parent)) = (self.next(last), self.parent(last).filter(|up| *up != top))
                {
                    depth = depth.saturating_sub(1);
                    last = parent;
                }
                if let Some(index) = self.levels.get_mut(depth) {
                    *index = index.saturating_add(1);
                }
                self.next(last)
            };
        }
        self.levels = levels;
        (self.at, self.depth, self.index) = (top, depth_before, index_before);
        found
    }

    /// Begins a level with its first part.
    fn enter(&mut self, depth: usize) {
        match self.levels.get_mut(depth) {
            Some(index) => *index = 1,
            None => self.levels.push(1),
        }
    }

    fn parent(&self, at: usize) -> Option<usize> {
        self.all.get(at)?.parent
    }

    fn child(&self, at: usize) -> Option<usize> {
        self.all.get(at)?.child
    }

    fn next(&self, at: usize) -> Option<usize> {
        self.all.get(at)?.next
    }

    /// What the part itself can answer.
    fn itself(&mut self, what: &MimeWhat) -> bool {
        let Some(standing) = self.all.get(self.at) else { return false };
        match what {
            MimeWhat::Size(measure, size) => compares(*measure, false, &standing.size(), size),
            MimeWhat::Field(field, wanted) => standing.has(*field, wanted),
            MimeWhat::Parameter(whose, name, wanted) => {
                standing.parameter(*whose, name).is_some_and(|value| contains(value, wanted))
            }
            MimeWhat::FileName(place, wanted) => standing.file_name().is_some_and(|name| {
                self.named = true;
                let folded = std::str::from_utf8(name).map(fold);
                let name = folded.as_deref().map_or(name, str::as_bytes);
                let wanted = wanted.as_bytes();
                match place {
                    Place::All => name == wanted,
                    Place::Anywhere => contains(name, wanted),
                    Place::Front => name.starts_with(wanted),
                    Place::End => name.ends_with(wanted),
                }
            }),
            MimeWhat::Envelope(field, wanted) => {
                standing.envelope.is_some_and(|envelope| envelope_has(envelope, *field, wanted))
            }
            MimeWhat::Sent(..) | MimeWhat::SentSince(_) => {
                let Some(envelope) = standing.envelope else { return false };
                let Some(written) = &envelope.date else {
                    // Dovecot looks at the date of a message that has none.
                    self.fatal = true;
                    return false;
                };
                date::civil_date(&written.bytes).is_some_and(|sent| match what {
                    MimeWhat::Sent(order, date) => sent.cmp(date) == *order,
                    MimeWhat::SentSince(date) => sent >= *date,
                    _ => false,
                })
            }
            _ => false,
        }
    }
}

/// Puts a part and those within it into their places. As deep as parts nest, which is bounded.
fn stand<'a>(
    part: &'a Part,
    parent: Option<usize>,
    envelope: Option<&'a Envelope>,
    parts: &mut Vec<Standing<'a>>,
) -> usize {
    let place = parts.len();
    parts.push(Standing { part: Some(part), envelope, parent, child: None, next: None });
    let mut first = None;
    match &part.content {
        Content::Leaf => {}
        Content::Message(envelope, within) => first = Some(stand(within, Some(place), Some(envelope), parts)),
        Content::Multipart(children) if children.is_empty() => {
            first = Some(parts.len());
            parts.push(Standing { part: None, envelope: None, parent: Some(place), child: None, next: None });
        }
        Content::Multipart(children) => {
            let mut before: Option<usize> = None;
            for child in children {
                let here = stand(child, Some(place), None, parts);
                match before.and_then(|before| parts.get_mut(before)) {
                    Some(before) => before.next = Some(here),
                    None => first = Some(here),
                }
                before = Some(here);
            }
        }
    }
    if let Some(standing) = parts.get_mut(place) {
        standing.child = first;
    }
    place
}

impl<'a> Standing<'a> {
    const fn is_multipart(&self) -> bool {
        matches!(self.part, Some(Part { content: Content::Multipart(_), .. }))
    }

    /// BODYSTRUCTURE tells no size of a multipart.
    fn size(&self) -> u64 {
        self.part.filter(|_| !self.is_multipart()).map_or(0, |part| part.body.len() as u64)
    }

    fn has(&self, field: MimeField, wanted: &[u8]) -> bool {
        let same = |text: &[u8]| text.eq_ignore_ascii_case(wanted);
        let Some(part) = self.part else {
            return match field {
                MimeField::Type => same(b"text"),
                MimeField::Subtype => same(b"plain"),
                MimeField::Encoding => same(b"7bit"),
                _ => false,
            };
        };
        let single = !self.is_multipart();
        let is = |value: &Option<Value>| value.as_ref().is_some_and(|value| same(&value.bytes));
        match field {
            MimeField::Type if !single => same(b"multipart"),
            MimeField::Type => same(&part.media.kind),
            MimeField::Subtype => same(&part.media.subtype),
            MimeField::Encoding => single && same(&part.encoding),
            MimeField::Id => single && is(&part.id),
            MimeField::Md5 => single && part.md5.as_ref().is_some_and(|value| value.bytes == *wanted),
            MimeField::Description => {
                single && part.description.as_ref().is_some_and(|value| contains(&value.bytes, wanted))
            }
            MimeField::Disposition => part.disposition.as_ref().is_some_and(|value| same(&value.kind)),
            MimeField::Language => part.language.iter().any(|tag| same(tag)),
            MimeField::Location => is(&part.location),
        }
    }

    fn parameter(&self, whose: Whose, name: &[u8]) -> Option<&'a [u8]> {
        match (self.part, whose) {
            (Some(part), Whose::Type) => parameter(&part.media.parameters, name),
            (Some(part), Whose::Disposition) => parameter(&part.disposition.as_ref()?.parameters, name),
            (None, Whose::Type) if name == b"CHARSET" => Some(b"us-ascii"),
            (None, _) => None,
        }
    }

    /// Only an attachment has one.
    fn file_name(&self) -> Option<&'a [u8]> {
        let disposition = self.part?.disposition.as_ref()?;
        let attached = disposition.kind.eq_ignore_ascii_case(b"attachment");
        parameter(&disposition.parameters, b"FILENAME").filter(|_| attached)
    }
}

fn parameter<'a>(parameters: &'a [Parameter], name: &[u8]) -> Option<&'a [u8]> {
    parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &value[..])
}

fn envelope_has(envelope: &Envelope, field: EnvelopeField, wanted: &[u8]) -> bool {
    let text = |value: &Option<Value>| value.as_ref().is_some_and(|value| contains(&value.bytes, wanted));
    let address = |list: &[Address]| contains(&write_addresses(list), wanted);
    match field {
        EnvelopeField::Subject => text(&envelope.subject),
        EnvelopeField::InReplyTo => text(&envelope.in_reply_to),
        EnvelopeField::MessageId => text(&envelope.message_id),
        EnvelopeField::Bcc => address(&envelope.bcc),
        EnvelopeField::Cc => address(&envelope.cc),
        EnvelopeField::From => address(&envelope.from),
        EnvelopeField::ReplyTo => address(&envelope.reply_to),
        EnvelopeField::Sender => address(&envelope.sender),
        EnvelopeField::To => address(&envelope.to),
    }
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    memchr::memmem::find(text, wanted).is_some()
}

/// DEPTH counts its limit in, SIZE does not.
fn compares<N: Ord>(measure: Measure, with_limit: bool, found: &N, wanted: &N) -> bool {
    match (measure, found.cmp(wanted)) {
        (Measure::Equal, order) => order == Ordering::Equal,
        (_, Ordering::Equal) => with_limit,
        (Measure::Less, order) => order == Ordering::Less,
        (Measure::More, order) => order == Ordering::Greater,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn parts_within_parts_within_parts_are_bounded() {
        let deep = (0..90).fold(String::from("\r\nend"), |inner, level| {
            format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n{inner}\r\n--b{level}--\r\n")
        });
        let structure = Part::parse(&Bytes::from(deep));
        let none = MimeKey { not: false, what: MimeWhat::Size(Measure::Equal, 12345) };
        let child = |below| MimeKey { not: false, what: MimeWhat::Child(Some(vec![below])) };
        let keys = [(0..40).fold(none, |below, _| child(below))];
        let mut left = 100_000;
        assert_eq!(Parts::of(&structure, &mut left).matches(&keys), Some(false));
        assert_eq!(left, 0, "it would have gone on");
    }
}
