//! What FETCH may ask for (RFC 3501 section 6.4.5).

use bait::Message;

use super::binary::Form;
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
    /// `X-SAVEDATE`, its forerunner.
    OldSaveDate,
    /// `X-REAL-UID`: the UID, as there are no virtual mailboxes here.
    RealUid,
    /// `X-MAILBOX`
    Mailbox,
    /// `PREVIEW` (RFC 8970), or `SNIPPET`, its forerunner.
    Preview(Preview),
    /// `BODY[...]`, `RFC822`, `RFC822.HEADER`, `RFC822.TEXT`, `BINARY[...]`, `BINARY.SIZE[...]` (RFC 3516)
    Section(Section),
}

/// How a preview is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preview {
    /// `SNIPPET`
    pub snippet: bool,
    /// With the name of the algorithm, as it was before it became a standard.
    pub fuzzy: bool,
    /// `PREVIEW (LAZY)`: where it has not been made yet, it is not there.
    pub lazy: bool,
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
                | Self::OldSaveDate
                | Self::RealUid
                | Self::Mailbox
                | Self::Preview(_)
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
            Self::RealUid => format!("X-REAL-UID {}", message.uid).into_bytes(),
            Self::Preview(Preview { snippet, fuzzy, lazy }) => {
                let mut out = if *snippet { b"SNIPPET ".to_vec() } else { b"PREVIEW ".to_vec() };
                if *fuzzy {
                    out.extend_from_slice(b"(FUZZY ");
                }
                if *lazy {
                    out.extend_from_slice(b"NIL");
                } else {
                    push_string(&mut out, preview(message).as_bytes());
                }
                out.extend(fuzzy.then_some(b')'));
                out
            }
            Self::Modseq | Self::SaveDate | Self::OldSaveDate | Self::Mailbox | Self::Section(_) => {
                Vec::new()
            }
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
    qresync: bool,
) -> Result<(Vec<Item>, Changed), Fault> {
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
            let long = |item: &&Item| matches!(item, Item::Section(_));
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
        [] => Ok((items, Changed::default())),
        [Argument::List(modifiers), ..] if dovecot => Ok((items, changed_since(modifiers, by_uid, qresync)?)),
        _ if dovecot => Ok((items, Changed::default())),
        _ => Err(Phrase::InvalidArguments.into()),
    }
}

/// What the modifiers ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changed {
    /// Only what has changed since (RFC 7162 section 3.1.4.1).
    pub since: Option<u64>,
    /// And what has vanished since (section 3.2.6).
    pub vanished: bool,
}

/// `(CHANGEDSINCE 5 VANISHED)`
fn changed_since(modifiers: &[Argument<'_>], by_uid: bool, qresync: bool) -> Result<Changed, Fault> {
    let mut changed = Changed::default();
    let mut modifiers = modifiers.iter();
    while let Some(modifier) = modifiers.next() {
        match &modifier.atom().ok_or(Phrase::FetchModifiersNoAtoms)?.to_ascii_uppercase()[..] {
            b"CHANGEDSINCE" => {
                let value = modifiers.next().and_then(Argument::atom);
                let value = value.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
                changed.since = Some(value.ok_or(Phrase::InvalidChangedSince)?);
            }
            b"VANISHED" if by_uid && qresync => changed.vanished = true,
            b"VANISHED" if by_uid => return Err(Phrase::QresyncDisabled.into()),
            _ => return Err(Phrase::UnknownFetchModifier.into()),
        }
    }
    if changed.vanished && changed.since.is_none() {
        return Err(Phrase::VanishedAlone.into());
    }
    Ok(changed)
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
            let Some((form, peek, rest)) =
                Form::of(&name).filter(|(form, ..)| dovecot || *form == Form::Body)
            else {
                return Err(Fault::with(Phrase::UnknownFetchItem, name));
            };
            let (section, next) = Section::parse(rest, (form, peek), arguments, next, dovecot)?;
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
        b"BODY.PEEK" => return Err(Fault::with(Phrase::SectionUnopened, Form::Body.word())),
        b"BINARY" | b"BINARY.PEEK" | b"BINARY.SIZE" => {
            return Err(Fault::with(Phrase::SectionUnopened, Form::Binary.word()));
        }
        b"MODSEQ" => Item::Modseq,
        b"SAVEDATE" => Item::SaveDate,
        b"X-SAVEDATE" => Item::OldSaveDate,
        b"X-REAL-UID" => Item::RealUid,
        b"X-MAILBOX" => Item::Mailbox,
        b"PREVIEW" | b"SNIPPET" => {
            let (preview, next) = preview_asked(name == b"SNIPPET", arguments, next)?;
            return Ok(Some((Item::Preview(preview), next)));
        }
        _ if name.starts_with(b"RFC822.") => {
            return Err(Fault::with(Phrase::UnknownFetchParameter, name));
        }
        _ => return Ok(None),
    };
    Ok(Some((item, next)))
}

/// The modifiers of PREVIEW. An empty list stays where it is, as in Dovecot.
fn preview_asked(snippet: bool, arguments: &[Argument<'_>], next: usize) -> Result<(Preview, usize), Fault> {
    let mut preview = Preview { snippet, fuzzy: snippet, lazy: false };
    let modifiers = arguments.get(next).and_then(Argument::list).unwrap_or_default();
    for modifier in modifiers {
        let modifier = modifier.atom().ok_or(Phrase::InvalidPreview)?;
        match &modifier.to_ascii_uppercase()[..] {
            b"LAZY" => preview.lazy = true,
            b"FUZZY" => preview.fuzzy = true,
            b"LAZY=FUZZY" => (preview.lazy, preview.fuzzy) = (true, true),
            _ => return Err(Fault::with(Phrase::UnknownPreview, modifier)),
        }
    }
    Ok((preview, next.saturating_add(usize::from(!modifiers.is_empty()))))
}
