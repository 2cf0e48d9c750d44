//! What FETCH may ask for (RFC 3501 section 6.4.5).

use std::borrow::Cow;

use bait::Message;

use super::preview::preview;
use super::section::{Section, What};
use super::{atom_at, envelope, structure};
use crate::imap::arguments::Argument;
use crate::imap::kept;
use crate::imap::string::{push_astring, push_string};
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
    /// `SAVEDATE` (RFC 8514), or `X-SAVEDATE`, its forerunner.
    SaveDate {
        /// `X-SAVEDATE`
        old: bool,
    },
    /// `X-MAILBOX`
    MailboxName,
    /// `X-REAL-UID`
    RealUid,
    /// `X-GUID`
    Guid,
    /// `PREVIEW` (RFC 8970), or `SNIPPET`, its forerunner.
    Preview(Previewing),
    /// `BODY[...]`, `BINARY[...]`, `RFC822`, `RFC822.HEADER`, `RFC822.TEXT`
    Section(Section),
}

/// How a preview is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Previewing {
    /// `SNIPPET`
    pub snippet: bool,
    /// Answered with the algorithm's name.
    pub fuzzy: bool,
    /// `PREVIEW (LAZY)`: where it may be late, it is not there yet.
    pub lazy: bool,
}

impl Item {
    /// Whether it is answered without looking at the message.
    pub fn is_from_index(&self) -> bool {
        !matches!(self, Self::Envelope | Self::Body | Self::BodyStructure | Self::Section(_))
    }

    /// What of a message is read to tell it, as [`kept`] calls it.
    pub fn reads(&self) -> Vec<Cow<'static, str>> {
        const ENVELOPE: [&str; 10] =
            ["date", "subject", "from", "sender", "reply-to", "to", "cc", "bcc", "in-reply-to", "message-id"];
        match self {
            Self::InternalDate => vec![kept::ARRIVAL.into()],
            Self::SaveDate { .. } => vec![kept::SAVING.into()],
            Self::Size => vec![kept::SIZE.into()],
            Self::Envelope => ENVELOPE.map(Cow::from).to_vec(),
            Self::Section(Section { what: What::Fields { not: false, names }, .. })
                if self.keeps_fields() =>
            {
                let lower = |name: &Vec<u8>| String::from_utf8_lossy(name).to_ascii_lowercase();
                names.iter().map(lower).map(Cow::from).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether Dovecot keeps header fields to answer it.
    pub fn keeps_fields(&self) -> bool {
        matches!(self, Self::Section(Section { part, what: What::Fields { not: false, .. }, .. }) if part.is_empty())
    }

    /// Whether it is known of a message that is expunged.
    pub fn needs_message(&self) -> bool {
        !matches!(self, Self::Uid | Self::Flags | Self::Modseq)
    }

    /// Whether it cannot be told of a message whose mailbox is gone.
    pub fn needs_file(&self) -> bool {
        self.needs_message() && !matches!(self, Self::MailboxName | Self::RealUid)
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
                let envelope = message.envelope_text(envelope::rendered);
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
            Self::Guid => {
                let mut out = b"X-GUID ".to_vec();
                push_astring(&mut out, guid(message).as_bytes());
                out
            }
            Self::Preview(Previewing { snippet, fuzzy, lazy }) => {
                let mut out = if *snippet { b"SNIPPET ".to_vec() } else { b"PREVIEW ".to_vec() };
                out.extend_from_slice(if *fuzzy { b"(FUZZY " } else { b"" });
                if *lazy {
                    out.extend_from_slice(b"NIL");
                } else {
                    push_string(&mut out, preview(message).as_bytes());
                }
                out.extend(fuzzy.then_some(b')'));
                out
            }
            Self::Modseq | Self::SaveDate { .. } | Self::MailboxName | Self::Section(_) => Vec::new(),
        }
    }
}

/// The base name of a message's file in a Maildir: that is what Dovecot takes for its GUID.
pub fn guid(message: &Message) -> String {
    message.file_name().to_string()
}

/// Sections in one FETCH: each is an event of its own for every message, and no client needs more than a few.
const MOST_SECTIONS: usize = 64;

/// Reads what stands behind the sequence set: one item, one macro, or a list of items.
pub fn parse(wanted: &[Argument<'_>]) -> Result<Vec<Item>, Fault> {
    use Item::{Body, Envelope, Flags, InternalDate, Size};
    let mut items = Vec::new();
    let mut behind = 1;
    match wanted {
        [Argument::List(members), ..] => {
            let mut place = 0;
            while place < members.len() {
                let (item, next) = parse_item(members, place)?;
                // Asked twice, answered once: what is asked of a message stays in proportion to it.
                if !items.contains(&item) {
                    items.push(item);
                }
                place = next;
            }
            if items.iter().filter(|item| matches!(item, Item::Section(_))).count() > MOST_SECTIONS {
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
            let (item, next) = parse_item(wanted, 0)?;
            behind = next;
            items.push(item);
        }
    }
    match wanted.get(behind..).unwrap_or_default() {
        [] => Ok(items),
        _ => Err(Phrase::InvalidArguments.into()),
    }
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
