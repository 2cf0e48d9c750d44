//! What FETCH may ask for (RFC 3501 section 6.4.5).

use bait::{Flags, Message};

use super::section::Section;
use super::{atom_at, envelope, structure};
use crate::imap::arguments::Argument;
use crate::imap::texts::Phrase;
use crate::imap::turn::Fault;

/// One data item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// `UID`
    Uid,
    /// `FLAGS`
    Flags,
    /// `INTERNALDATE`
    InternalDate,
    /// `RFC822.SIZE`
    Size,
    /// `ENVELOPE`
    Envelope,
    /// `BODY`
    Body,
    /// `BODYSTRUCTURE`
    BodyStructure,
    /// `BODY[...]`, `RFC822`, `RFC822.HEADER`, `RFC822.TEXT`
    Section(Section),
}

impl Item {
    /// Whether it is answered without looking at the message.
    pub fn is_from_index(&self) -> bool {
        matches!(self, Self::Uid | Self::Flags | Self::InternalDate | Self::Size)
    }

    /// Whether asking for it sets `\Seen`.
    pub fn sets_seen(&self) -> bool {
        matches!(self, Self::Section(section) if !section.peek)
    }

    /// The item and its value, for all but sections.
    pub fn render(&self, message: &Message, flags: Flags) -> Vec<u8> {
        match self {
            Self::Uid => format!("UID {}", message.uid).into_bytes(),
            Self::Flags => format!("FLAGS ({flags})").into_bytes(),
            Self::InternalDate => {
                let date = message.internal_date.strftime("%d-%b-%Y %H:%M:%S %z");
                format!("INTERNALDATE \"{date}\"").into_bytes()
            }
            Self::Size => format!("RFC822.SIZE {}", message.size()).into_bytes(),
            Self::Envelope => {
                let envelope = message.envelope_text(|envelope| {
                    let mut out = Vec::new();
                    envelope::render(envelope, &mut out);
                    out
                });
                [b"ENVELOPE ", &envelope[..]].concat()
            }
            Self::Body => {
                let mut out = b"BODY ".to_vec();
                structure::render(message.structure(), false, &mut out);
                out
            }
            Self::BodyStructure => {
                let mut out = b"BODYSTRUCTURE ".to_vec();
                structure::render(message.structure(), true, &mut out);
                out
            }
            Self::Section(_) => Vec::new(),
        }
    }
}

/// Sections in one FETCH: each is an event of its own for every message, and no client needs more than a few.
const MOST_SECTIONS: usize = 64;

/// Reads what stands behind the sequence set: one item, one macro, or a list of items.
pub fn parse(wanted: &[Argument<'_>]) -> Result<Vec<Item>, Fault> {
    use Item::{Body, Envelope, Flags, InternalDate, Size};
    let mut items = Vec::new();
    match wanted {
        [Argument::List(members)] => {
            let mut place = 0;
            while place < members.len() {
                let (item, next) = parse_item(members, place)?;
                // Asked twice, answered once: what is asked of a message stays in proportion to it.
                if !items.contains(&item) {
                    items.push(item);
                }
                place = next;
            }
            let sections = items.iter().filter(|item| matches!(item, Item::Section(_))).count();
            if sections > MOST_SECTIONS {
                return Err(Phrase::InvalidArguments.into());
            }
            if items.is_empty() {
                return Err(Phrase::EmptyFetchList.into());
            }
        }
        [name] if name.is_atom("ALL") => items.extend([Flags, InternalDate, Size, Envelope]),
        [name] if name.is_atom("FAST") => items.extend([Flags, InternalDate, Size]),
        [name] if name.is_atom("FULL") => items.extend([Flags, InternalDate, Size, Envelope, Body]),
        _ => {
            let (item, next) = parse_item(wanted, 0)?;
            if next != wanted.len() {
                return Err(Phrase::InvalidArguments.into());
            }
            items.push(item);
        }
    }
    Ok(items)
}

/// The item at a place, and the place behind it: a section with header names takes three arguments.
fn parse_item(arguments: &[Argument<'_>], place: usize) -> Result<(Item, usize), Fault> {
    let name = atom_at(arguments, place).ok_or(Phrase::InvalidArguments)?.to_ascii_uppercase();
    let next = place.saturating_add(1);
    let item = match &name[..] {
        b"UID" => Item::Uid,
        b"FLAGS" => Item::Flags,
        b"INTERNALDATE" => Item::InternalDate,
        b"RFC822.SIZE" => Item::Size,
        b"ENVELOPE" => Item::Envelope,
        b"BODY" => Item::Body,
        b"BODYSTRUCTURE" => Item::BodyStructure,
        b"RFC822" | b"RFC822.HEADER" | b"RFC822.TEXT" => Item::Section(Section::rfc822(&name)),
        _ => {
            let opened = [(&b"BODY["[..], false), (b"BODY.PEEK[", true)]
                .into_iter()
                .find_map(|(prefix, peek)| name.strip_prefix(prefix).map(|rest| (rest, peek)));
            let Some((rest, peek)) = opened else {
                return Err(Fault::with(Phrase::UnknownFetchItem, name));
            };
            let (section, next) = Section::parse(rest, peek, arguments, next)?;
            return Ok((Item::Section(section), next));
        }
    };
    Ok((item, next))
}
