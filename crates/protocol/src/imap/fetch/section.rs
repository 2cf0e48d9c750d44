//! Which octets of a message a section means (RFC 3501 section 6.4.5): everything is ranges of the message, so that
//! nothing is copied and the secrets within are known.

use std::ops::Range;

use bait::Message;
use bait::mime::Content;
use bait::mime::header::{HeaderField, fields};

use super::atom_at;
use crate::imap::arguments::Argument;
use crate::imap::texts::Phrase;
use crate::imap::turn::Fault;

/// `BODY[...]<...>`, or one of the RFC822 items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// How the answer calls it: `BODY[1.MIME]<0>`.
    pub label: Vec<u8>,
    /// How events call it: `1.MIME`.
    pub name: Vec<u8>,
    /// Whether it leaves `\Seen` alone.
    pub peek: bool,
    /// The numbers of the part; none for the message.
    pub(super) part: Part,
    /// What of it.
    pub(super) what: What,
    /// Origin and count of octets.
    pub(super) partial: Option<(usize, usize)>,
    /// With its transfer encoding undone (RFC 3516).
    pub(super) binary: bool,
    /// `BINARY.SIZE[...]`
    pub(super) size_only: bool,
}

/// The numbers of a part.
pub(super) type Part = Vec<u32>;

/// What of a part a section means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// All of it.
    Everything,
    /// Its header.
    Header,
    /// `HEADER.FIELDS`, or `HEADER.FIELDS.NOT` of these names.
    Fields { not: bool, names: Vec<Vec<u8>> },
    /// Its body.
    Text,
    /// The header of a part.
    Mime,
}

/// A piece of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// These octets of the message.
    Octets(Range<usize>),
    /// The empty line behind header fields: so many octets of a CRLF.
    LineEnd(usize),
}

impl Piece {
    /// Octets in it.
    pub fn len(&self) -> usize {
        match self {
            Self::Octets(range) => range.len(),
            Self::LineEnd(length) => *length,
        }
    }
}

impl Section {
    /// `RFC822`, `RFC822.HEADER` or `RFC822.TEXT`.
    pub fn rfc822(name: &[u8]) -> Self {
        let (what, peek) = match name {
            b"RFC822.HEADER" => (What::Header, true),
            b"RFC822.TEXT" => (What::Text, false),
            _ => (What::Everything, false),
        };
        let (label, part) = (name.to_vec(), Vec::new());
        Self { label, name: name.to_vec(), peek, part, what, partial: None, binary: false, size_only: false }
    }

    /// Reads what stands behind `BODY[`, in capitals; header names are further arguments from `place` on. Also says where
    /// the next item begins.
    pub fn parse(
        rest: &[u8],
        peek: bool,
        arguments: &[Argument<'_>],
        place: usize,
    ) -> Result<(Self, usize), Fault> {
        let (text, names, behind, next) = match memchr::memchr(b']', rest) {
            Some(end) => {
                let (text, behind) = rest.split_at_checked(end).ok_or(Phrase::SectionUnclosed)?;
                (text, None, behind.strip_prefix(b"]").unwrap_or_default(), place)
            }
            None => {
                let names = arguments.get(place).and_then(Argument::list).ok_or(Phrase::SectionUnclosed)?;
                let close = place.saturating_add(1);
                let behind = atom_at(arguments, close).and_then(|atom| atom.strip_prefix(b"]"));
                (rest, Some(names), behind.ok_or(Phrase::SectionUnclosed)?, close.saturating_add(1))
            }
        };
        let (part, what) = part_numbers(text);
        let what = match (what, names) {
            (b"", None) => What::Everything,
            (b"HEADER", None) => What::Header,
            (b"TEXT", None) => What::Text,
            (b"MIME", None) if !part.is_empty() => What::Mime,
            (b"HEADER.FIELDS", Some(names)) => What::Fields { not: false, names: header_names(names)? },
            (b"HEADER.FIELDS.NOT", Some(names)) => What::Fields { not: true, names: header_names(names)? },
            _ => return Err(Phrase::InvalidSection.into()),
        };
        let partial = parse_partial(behind)?;
        let mut name = text.to_vec();
        if let Some(names) = names {
            name.extend_from_slice(b" (");
            name.extend_from_slice(&names.iter().map(echo).collect::<Vec<_>>().join(&b' '));
            name.push(b')');
        }
        let mut label = [b"BODY[", &name[..], b"]"].concat();
        if let Some((origin, _)) = partial {
            label.extend_from_slice(format!("<{origin}>").as_bytes());
        }
        Ok((Self { label, name, peek, part, what, partial, binary: false, size_only: false }, next))
    }

    /// The octets that it means. A part that is not there has none. `dovecot`: header fields as Dovecot gives them.
    pub fn pieces(&self, message: &Message, dovecot: bool) -> Vec<Piece> {
        let pieces = if self.part.is_empty() {
            self.of(message, [message.header(), message.body(), 0..message.size()], dovecot)
        } else {
            match (message.structure().section(&self.part), &self.what) {
                (Some(part), What::Everything) => vec![Piece::Octets(part.body.clone())],
                (Some(part), What::Mime) => vec![Piece::Octets(part.header.clone())],
                (Some(part), _) if let Content::Message(_, inner) = &part.content => {
                    self.of(message, [inner.header.clone(), inner.body.clone(), part.body.clone()], dovecot)
                }
                _ => Vec::new(),
            }
        };
        match self.partial {
            Some((origin, count)) => cut(pieces, origin, count),
            None => pieces,
        }
    }

    fn of(&self, message: &Message, [header, body, all]: [Range<usize>; 3], dovecot: bool) -> Vec<Piece> {
        match &self.what {
            What::Everything => vec![Piece::Octets(all)],
            What::Header | What::Mime => vec![Piece::Octets(header)],
            What::Text => vec![Piece::Octets(body)],
            What::Fields { not, names } => {
                let octets = message.bytes.get(header.clone()).unwrap_or_default();
                let chosen = |field: &HeaderField<'_>| {
                    let named = names.iter().any(|name| name.eq_ignore_ascii_case(field.name));
                    named != *not && (dovecot || !field.name.is_empty())
                };
                let mut pieces = Vec::new();
                let mut start = header.start;
                let mut open = false;
                for field in fields(octets) {
                    let end = start.saturating_add(field.raw.len());
                    if chosen(&field) {
                        pieces.push(Piece::Octets(start..end));
                        open = !field.raw.ends_with(b"\n");
                    }
                    start = end;
                }
                // What Dovecot filters keeps its end: an empty line only where there is one, and where there is none, none.
                let filtered = dovecot && (*not || !self.part.is_empty());
                if filtered {
                    let empty_line = header.end.saturating_sub(start);
                    pieces.push(Piece::LineEnd(if empty_line > 0 { 2 } else { 0 }));
                } else {
                    pieces.extend((open && dovecot).then_some(Piece::LineEnd(2)));
                    pieces.push(Piece::LineEnd(2));
                }
                pieces
            }
        }
    }
}

/// Splits `1.2.HEADER` into the numbers and the rest. A number that is too large names no part.
fn part_numbers(text: &[u8]) -> (Vec<u32>, &[u8]) {
    let mut numbers = Vec::new();
    let mut rest = text;
    loop {
        let end = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, behind) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        if digits.is_empty() {
            return (numbers, rest);
        }
        let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        numbers.push(number.unwrap_or(u32::MAX));
        rest = match behind {
            [] => return (numbers, behind),
            [b'.', after @ ..] if !after.is_empty() => after,
            _ => return (Vec::new(), text),
        };
    }
}

fn header_names(names: &[Argument<'_>]) -> Result<Vec<Vec<u8>>, Fault> {
    if names.is_empty() {
        return Err(Phrase::InvalidSection.into());
    }
    let name = |name: &Argument<'_>| name.string().map(<[u8]>::to_vec);
    names.iter().map(|argument| name(argument).ok_or(Phrase::InvalidSection.into())).collect()
}

/// A header name as the answer repeats it: in capitals, in quotes if it came in quotes.
fn echo(name: &Argument<'_>) -> Vec<u8> {
    let capitals = name.string().unwrap_or_default().to_ascii_uppercase();
    match name {
        Argument::Atom(_) => capitals,
        _ => {
            let mut quoted = Vec::new();
            crate::imap::string::push_string(&mut quoted, &capitals);
            quoted
        }
    }
}

/// `<origin.count>`, or nothing.
fn parse_partial(text: &[u8]) -> Result<Option<(usize, usize)>, Fault> {
    if text.is_empty() {
        return Ok(None);
    }
    let inner = text.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">"));
    let inner = inner.and_then(|inner| std::str::from_utf8(inner).ok()).ok_or(Phrase::SectionTrailing)?;
    let (origin, count) = inner.split_once('.').ok_or(Phrase::SectionTrailing)?;
    let number = |text: &str| -> Option<usize> {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
    };
    match (number(origin), number(count)) {
        (Some(origin), Some(count)) if count > 0 => Ok(Some((origin, count))),
        _ => Err(Phrase::SectionTrailing.into()),
    }
}

/// The same as Dovecot reads it: without a count it is all the rest, and a count may be 0.
pub(super) fn dovecot_partial(text: &[u8]) -> Result<Option<(usize, usize)>, Phrase> {
    let Some(inner) = text.strip_prefix(b"<") else {
        return if text.is_empty() { Ok(None) } else { Err(Phrase::SectionTrailing) };
    };
    let most = usize::try_from(i64::MAX).unwrap_or(usize::MAX);
    let digits = |text| digits(text).filter(|(number, _)| *number <= most);
    let (origin, rest) = digits(inner).ok_or(Phrase::PartialTooBig)?;
    let (count, rest) = match rest.strip_prefix(b".") {
        Some(rest) => digits(rest).ok_or(Phrase::PartialEndTooBig)?,
        None => (usize::MAX, rest),
    };
    match rest {
        b">" => Ok(Some((origin, count))),
        [b'>', ..] => Err(Phrase::PartialTrailing),
        _ => Err(Phrase::PartialUnclosed),
    }
}

/// A number, and what stands behind it.
fn digits(text: &[u8]) -> Option<(usize, &[u8])> {
    let end = text.iter().position(|octet| !octet.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    Some((std::str::from_utf8(digits).ok()?.parse().ok()?, rest))
}

/// At most `count` octets from `origin` on.
fn cut(pieces: Vec<Piece>, origin: usize, count: usize) -> Vec<Piece> {
    let mut skip = origin;
    let mut left = count;
    let mut kept = Vec::new();
    for piece in pieces {
        let drop = skip.min(piece.len());
        let keep = left.min(piece.len().saturating_sub(drop));
        skip = skip.saturating_sub(drop);
        left = left.saturating_sub(keep);
        if keep > 0 {
            kept.push(match piece {
                Piece::Octets(range) => {
                    let start = range.start.saturating_add(drop);
                    Piece::Octets(start..start.saturating_add(keep))
                }
                Piece::LineEnd(_) => Piece::LineEnd(keep),
            });
        }
    }
    kept
}
