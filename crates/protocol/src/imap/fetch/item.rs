//! What FETCH may ask for (RFC 3501 section 6.4.5).

use bait::Message;

use super::binary::Binary;
use super::preview::preview;
use super::section::Section;
use super::{atom_at, envelope, structure};
use crate::imap::arguments::Argument;
use crate::imap::string::push_string;
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
    /// `MODSEQ` (RFC 7162)
    Modseq,
    /// `SAVEDATE` (RFC 8514)
    SaveDate,
    /// `PREVIEW` (RFC 8970), or `SNIPPET`, its forerunner. Where it may be late, it is not there yet.
    Preview {
        /// `SNIPPET`
        snippet: bool,
        /// `PREVIEW (LAZY)`
        lazy: bool,
    },
    /// `BODY[...]`, `RFC822`, `RFC822.HEADER`, `RFC822.TEXT`
    Section(Section),
    /// `BINARY[...]`, `BINARY.SIZE[...]` (RFC 3516)
    Binary(Binary),
}

impl Item {
    /// Whether it is answered without looking at the message.
    pub fn is_from_index(&self) -> bool {
        matches!(
            self,
            Self::Uid
                | Self::Flags
                | Self::InternalDate
                | Self::Size
                | Self::Modseq
                | Self::SaveDate
                | Self::Preview { .. }
        )
    }

    /// Whether it is known of a message that is expunged.
    pub fn needs_message(&self) -> bool {
        !matches!(self, Self::Uid | Self::Flags | Self::Modseq)
    }

    /// Whether asking for it sets `\Seen`.
    pub fn sets_seen(&self) -> bool {
        match self {
            Self::Section(section) => !section.peek,
            Self::Binary(binary) => !binary.peek,
            _ => false,
        }
    }

    /// The item and its value, for all but sections.
    pub fn render(&self, message: &Message, flags: &str) -> Vec<u8> {
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
            Self::Preview { snippet, lazy } => {
                let mut out = if *snippet { b"SNIPPET (FUZZY ".to_vec() } else { b"PREVIEW ".to_vec() };
                if *lazy {
                    out.extend_from_slice(b"NIL");
                } else {
                    push_string(&mut out, preview(message).as_bytes());
                }
                out.extend(snippet.then_some(b')'));
                out
            }
            Self::Modseq | Self::SaveDate | Self::Section(_) | Self::Binary(_) => Vec::new(),
        }
    }
}

/// Sections in one FETCH: each is an event of its own for every message, and no client needs more than a few.
const MOST_SECTIONS: usize = 64;

/// Reads what stands behind the sequence set: one item, one macro, or a list of items; in Dovecot also a list of modifiers.
pub fn parse(
    wanted: &[Argument<'_>],
    dovecot: bool,
    by_uid: bool,
) -> Result<(Vec<Item>, Option<u64>), Fault> {
    use Item::{Body, Envelope, Flags, InternalDate, Size};
    let mut items = Vec::new();
    let mut behind = 1;
    match wanted {
        [Argument::List(members), ..] => {
            let mut place = 0;
            while place < members.len() {
                let (item, next) = parse_item(members, place, dovecot)?;
                // Asked twice, answered once: what is asked of a message stays in proportion to it.
                if !items.contains(&item) {
                    items.push(item);
                }
                place = next;
            }
            let long = |item: &&Item| matches!(item, Item::Section(_) | Item::Binary(_));
            if items.iter().filter(long).count() > MOST_SECTIONS {
                return Err(Phrase::InvalidArguments.into());
            }
            if items.is_empty() {
                return Err(Phrase::EmptyFetchList.into());
            }
        }
        [name, ..] if name.is_atom("ALL") => items.extend([Flags, InternalDate, Size, Envelope]),
        [name, ..] if name.is_atom("FAST") => items.extend([Flags, InternalDate, Size]),
        [name, ..] if name.is_atom("FULL") => items.extend([Flags, InternalDate, Size, Envelope, Body]),
        [Argument::Quoted(_) | Argument::Literal(_), ..] => return Err(Phrase::InvalidArguments.into()),
        _ => {
            let (item, next) = parse_item(wanted, 0, dovecot)?;
            behind = next;
            items.push(item);
        }
    }
    match wanted.get(behind..).unwrap_or_default() {
        [] => Ok((items, None)),
        [Argument::List(modifiers)] if dovecot => Ok((items, changed_since(modifiers, by_uid)?)),
        _ => Err(Phrase::InvalidArguments.into()),
    }
}

/// `(CHANGEDSINCE 5)`, also with VANISHED (RFC 7162).
fn changed_since(modifiers: &[Argument<'_>], by_uid: bool) -> Result<Option<u64>, Fault> {
    let mut since = None;
    let mut modifiers = modifiers.iter();
    while let Some(modifier) = modifiers.next() {
        if modifier.is_atom("CHANGEDSINCE") {
            let value = modifiers.next().and_then(Argument::atom);
            let value = value.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
            since = Some(value.ok_or(Phrase::InvalidModseq)?);
        } else if !(by_uid && modifier.is_atom("VANISHED")) {
            return Err(Phrase::UnknownFetchModifier.into());
        }
    }
    Ok(since)
}

/// The item at a place, and the place behind it: a section with header names takes three arguments.
fn parse_item(arguments: &[Argument<'_>], place: usize, dovecot: bool) -> Result<(Item, usize), Fault> {
    let no_atom = if dovecot { Phrase::FetchNoAtoms } else { Phrase::InvalidArguments };
    let mut name = atom_at(arguments, place).ok_or(no_atom)?.to_ascii_uppercase();
    if dovecot {
        cut_short(&mut name);
    }
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
        _ if dovecot && let Some(found) = later_item(&name, arguments, next)? => return Ok(found),
        _ => {
            let opened = [(&b"BODY["[..], false), (b"BODY.PEEK[", true)]
                .into_iter()
                .find_map(|(prefix, peek)| name.strip_prefix(prefix).map(|rest| (rest, peek)));
            let Some((rest, peek)) = opened else {
                return Err(Fault::with(Phrase::UnknownFetchItem, name));
            };
            let (section, next) = Section::parse(rest, peek, arguments, next, dovecot)?;
            return Ok((Item::Section(section), next));
        }
    };
    Ok((item, next))
}

/// Dovecot finds items of one form by their first word: `FLAGS.X` is `FLAGS`.
fn cut_short(name: &mut Vec<u8>) {
    const WORDS: [&[u8]; 7] =
        [b"UID", b"FLAGS", b"INTERNALDATE", b"ENVELOPE", b"BODYSTRUCTURE", b"MODSEQ", b"SAVEDATE"];
    let end = name.iter().position(|octet| !octet.is_ascii_alphanumeric() && *octet != b'-');
    if let Some(end) = end.filter(|end| name.get(..*end).is_some_and(|word| WORDS.contains(&word))) {
        name.truncate(end);
    }
}

/// The items that came after RFC 3501.
fn later_item(name: &[u8], arguments: &[Argument<'_>], next: usize) -> Result<Option<(Item, usize)>, Fault> {
    let item = match name {
        b"BODY.PEEK" => return Err(Phrase::SectionUnopened.into()),
        b"MODSEQ" => Item::Modseq,
        b"SAVEDATE" => Item::SaveDate,
        b"PREVIEW" | b"SNIPPET" => {
            let snippet = name == b"SNIPPET";
            let options = arguments.get(next).and_then(Argument::list);
            let lazy = options.is_some_and(|options| options.iter().any(|option| option.is_atom("LAZY")));
            let next = if options.is_some() { next.saturating_add(1) } else { next };
            return Ok(Some((Item::Preview { snippet, lazy }, next)));
        }
        _ if name.starts_with(b"RFC822.") => {
            return Err(Fault::with(Phrase::UnknownFetchParameter, name));
        }
        _ => match Binary::parse(name)? {
            Some(binary) => Item::Binary(binary),
            None => return Ok(None),
        },
    };
    Ok(Some((item, next)))
}
