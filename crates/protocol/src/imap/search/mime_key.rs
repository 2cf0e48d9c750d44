//! MIMEPART, a key that asks the parts of a message (draft-ietf-imapext-mimepart), which Dovecot knows and does not announce.

use bait::mime::fold;
use jiff::civil::Date;

use super::argument::{Rest, parse_date, word};
use super::parse::Parser;
use crate::imap::arguments::Argument;
use crate::imap::texts::Phrase;
use crate::imap::turn::Fault;

/// A key of MIMEPART.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MimeKey {
    /// Whether it must not match.
    pub not: bool,
    /// What is asked.
    pub what: MimeWhat,
}

/// What is asked of a part. Texts are octets as they were written, in any charset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MimeWhat {
    /// Every one must match.
    And(Vec<MimeKey>),
    /// One of them must match.
    Or(Vec<MimeKey>),
    /// How many octets its body has.
    Size(Measure, u64),
    /// How deep it lies: 0 for the message itself.
    Depth(Measure, u32),
    /// Which of its parent's parts it is.
    Index(u32),
    /// A text of its own.
    Field(MimeField, Vec<u8>),
    /// An address, or a text, of the message that it is.
    Envelope(EnvelopeField, Vec<u8>),
    /// When the message that it is was sent: the day, and how that must compare.
    Sent(std::cmp::Ordering, Date),
    /// The same, or later.
    SentSince(Date),
    /// A parameter of this name (upper case) of Content-Type, or of Content-Disposition, holds this.
    Parameter(Whose, Vec<u8>, Vec<u8>),
    /// The name of the file that it is, case-folded.
    FileName(Place, String),
    /// The part that holds it matches all of these; it has one, where there are none.
    Parent(Option<Vec<MimeKey>>),
    /// A part within it matches all of these; it has one, where there are none.
    Child(Option<Vec<MimeKey>>),
    /// HEADER, BODY and TEXT, which Dovecot reads and cannot answer.
    Unknown,
}

/// How numbers must compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// The same.
    Equal,
    /// SIZE SMALLER and DEPTH MAX.
    Less,
    /// SIZE LARGER and DEPTH MIN.
    More,
}

/// The texts of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the keys' own names
pub enum MimeField {
    Description,
    Disposition,
    Encoding,
    Id,
    Language,
    Location,
    Md5,
    Type,
    Subtype,
}

/// The texts of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the keys' own names
pub enum EnvelopeField {
    Bcc,
    Cc,
    From,
    InReplyTo,
    MessageId,
    ReplyTo,
    Sender,
    Subject,
    To,
}

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Content-Type.
    Type,
    /// Content-Disposition.
    Disposition,
}

/// Where in a text another one stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It is all of it.
    All,
    /// Anywhere.
    Anywhere,
    /// In front.
    Front,
    /// At the end.
    End,
}

/// What stands above a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Above {
    /// PARENT or CHILD.
    Relation,
    /// Anything else.
    Other,
}

/// What comes of a key.
enum Built {
    /// A key.
    Key(MimeKey),
    /// EXISTS, which is the PARENT or CHILD above it, and whether that is turned into its contrary.
    Above(bool),
}

impl Parser<'_, '_> {
    /// Reads what stands behind MIMEPART.
    pub(super) fn mime(&mut self, rest: &mut Rest<'_, '_>, depth: usize) -> Result<Vec<MimeKey>, Fault> {
        Ok(match self.mime_key(rest, Above::Other, depth)? {
            Built::Key(MimeKey { not: false, what: MimeWhat::And(keys) }) => keys,
            Built::Key(key) => vec![key],
            Built::Above(_) => Vec::new(),
        })
    }

    fn mime_key(&mut self, rest: &mut Rest<'_, '_>, above: Above, depth: usize) -> Result<Built, Fault> {
        self.count(depth)?;
        let deeper = depth.saturating_add(1);
        let Some((first, behind)) = rest.split_first() else { return Err(Phrase::MissingMimeKey.into()) };
        *rest = behind;
        let plain = |what| Ok(Built::Key(MimeKey { not: false, what }));
        if let Argument::List(members) = first {
            let mut members = &members[..];
            if members.is_empty() {
                return Err(Phrase::EmptyMimeList.into());
            }
            let mut keys = Vec::new();
            while !members.is_empty() {
                keys.extend(self.mime_key(&mut members, Above::Other, deeper)?.key());
            }
            return plain(MimeWhat::And(keys));
        }
        let name = first
            .atom()
            .ok_or_else(|| Fault::with(Phrase::StringAsSearchKey, first.string().unwrap_or_default()))?;
        let name = &name.to_ascii_uppercase()[..];
        if let Some(field) = field(name) {
            return plain(MimeWhat::Field(field, word(name, rest)?.to_vec()));
        }
        if let Some(field) = envelope_field(name) {
            return plain(MimeWhat::Envelope(field, word(name, rest)?.to_vec()));
        }
        plain(match name {
            b"NOT" => {
                return Ok(match self.mime_key(rest, above, deeper)? {
                    Built::Key(key) => Built::Key(MimeKey { not: !key.not, ..key }),
                    Built::Above(not) => Built::Above(!not),
                });
            }
            b"OR" => {
                let mut keys = Vec::new();
                loop {
                    keys.extend(self.mime_key(rest, Above::Other, deeper)?.key());
                    match rest.split_first() {
                        Some((next, behind)) if next.string().is_some_and(is_or) => *rest = behind,
                        _ => break,
                    }
                }
                keys.extend(self.mime_key(rest, Above::Other, deeper)?.key());
                MimeWhat::Or(keys)
            }
            b"EXISTS" if above == Above::Relation => return Ok(Built::Above(false)),
            b"EXISTS" => return Err(Phrase::MisplacedExists.into()),
            b"PARENT" | b"CHILD" => {
                let (not, below) = match self.mime_key(rest, Above::Relation, deeper)? {
                    Built::Above(not) => (not, None),
                    // Of a list that is denied, the list alone is taken.
                    Built::Key(MimeKey { what: MimeWhat::And(keys), .. }) => (false, Some(keys)),
                    Built::Key(key) => (false, Some(vec![key])),
                };
                let what = if name == b"PARENT" { MimeWhat::Parent(below) } else { MimeWhat::Child(below) };
                return Ok(Built::Key(MimeKey { not, what }));
            }
            b"SENTBEFORE" | b"SENTON" | b"SENTSINCE" => {
                let date = parse_date(word(name, rest)?, true).ok_or(Phrase::InvalidSearchDate)?;
                match name {
                    b"SENTBEFORE" => MimeWhat::Sent(std::cmp::Ordering::Less, date),
                    b"SENTON" => MimeWhat::Sent(std::cmp::Ordering::Equal, date),
                    _ => MimeWhat::SentSince(date),
                }
            }
            b"SIZE" => size(rest)?,
            b"DEPTH" => level(rest)?,
            b"INDEX" => {
                let text = next_string(rest).ok_or(Phrase::InvalidMimeIndex)?;
                MimeWhat::Index(number(text).ok_or(Phrase::InvalidMimeIndexNumber)?)
            }
            b"DISPOSITION" => self.disposition(rest)?,
            b"FILENAME" => self.file_name(rest)?,
            b"PARAM" => self.parameter(Whose::Type, name, rest)?,
            b"HEADER" => {
                self.parameter(Whose::Type, name, rest)?;
                MimeWhat::Unknown
            }
            b"BODY" | b"TEXT" => {
                self.decoded(word(name, rest)?)?;
                MimeWhat::Unknown
            }
            unknown => return Err(Fault::with(Phrase::UnknownMimeKey, unknown)),
        })
    }

    fn parameter(&self, whose: Whose, name: &[u8], rest: &mut Rest<'_, '_>) -> Result<MimeWhat, Fault> {
        let field = self.decoded(word(name, rest)?)?.to_ascii_uppercase();
        let value = self.decoded(word(name, rest)?)?;
        Ok(MimeWhat::Parameter(whose, field.into_bytes(), value.into_bytes()))
    }

    fn disposition(&self, rest: &mut Rest<'_, '_>) -> Result<MimeWhat, Fault> {
        match &next_atom(rest).ok_or(Phrase::InvalidMimeDisposition)?[..] {
            b"TYPE" => {
                let kind = next_string(rest).ok_or(Phrase::InvalidMimeDispositionType)?;
                Ok(MimeWhat::Field(MimeField::Disposition, kind.to_vec()))
            }
            b"PARAM" => self.parameter(Whose::Disposition, b"PARAM", rest),
            _ => Err(Phrase::InvalidMimeDisposition.into()),
        }
    }

    fn file_name(&self, rest: &mut Rest<'_, '_>) -> Result<MimeWhat, Fault> {
        let place = match next_atom(rest).as_deref() {
            Some(b"IS") => Place::All,
            Some(b"CONTAINS") => Place::Anywhere,
            Some(b"BEGINS") => Place::Front,
            Some(b"ENDS") => Place::End,
            _ => return Err(Phrase::InvalidMimeFileName.into()),
        };
        let text = next_string(rest).ok_or(Phrase::InvalidMimeFileNameText)?;
        let text = self.decoded(text).map_err(|fault| match fault.phrase {
            Phrase::BadCharset => Phrase::BadCharsetOfFileName,
            _ => Phrase::UndecodableMimeFileName,
        })?;
        Ok(MimeWhat::FileName(place, fold(&text)))
    }
}

impl Built {
    /// The key, where it is one of its own.
    fn key(self) -> Option<MimeKey> {
        match self {
            Self::Key(key) => Some(key),
            Self::Above(_) => None,
        }
    }
}

/// Whether a further alternative follows.
pub(super) const fn is_or(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"OR")
}

fn next_atom(rest: &mut Rest<'_, '_>) -> Option<Vec<u8>> {
    let (first, behind) = rest.split_first()?;
    *rest = behind;
    first.atom().map(<[u8]>::to_ascii_uppercase)
}

fn next_string<'a>(rest: &mut Rest<'a, '_>) -> Option<&'a [u8]> {
    let (first, behind) = rest.split_first()?;
    *rest = behind;
    first.string()
}

fn number<N: std::str::FromStr>(text: &[u8]) -> Option<N> {
    let digits = text.iter().all(u8::is_ascii_digit).then_some(text)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn size(rest: &mut Rest<'_, '_>) -> Result<MimeWhat, Fault> {
    let kind = match rest.first() {
        Some(Argument::List(_)) => return Err(Phrase::InvalidMimeSize.into()),
        _ => next_atom(rest).ok_or(Phrase::InvalidMimeSizeKey)?,
    };
    let (measure, text) = match &kind[..] {
        b"LARGER" => (Measure::More, next_string(rest).ok_or(Phrase::InvalidMimeSize)?),
        b"SMALLER" => (Measure::Less, next_string(rest).ok_or(Phrase::InvalidMimeSize)?),
        number => (Measure::Equal, number),
    };
    Ok(MimeWhat::Size(measure, number(text).ok_or(Phrase::InvalidMimeSize)?))
}

fn level(rest: &mut Rest<'_, '_>) -> Result<MimeWhat, Fault> {
    let kind = match rest.first() {
        Some(Argument::List(_)) => return Err(Phrase::InvalidMimeDepthLevel.into()),
        _ => next_atom(rest).ok_or(Phrase::InvalidMimeDepthKey)?,
    };
    let (measure, text) = match &kind[..] {
        b"MIN" => (Measure::More, next_string(rest).ok_or(Phrase::InvalidMimeDepth)?),
        b"MAX" => (Measure::Less, next_string(rest).ok_or(Phrase::InvalidMimeDepth)?),
        number => (Measure::Equal, number),
    };
    Ok(MimeWhat::Depth(measure, number(text).ok_or(Phrase::InvalidMimeDepthLevel)?))
}

const fn field(name: &[u8]) -> Option<MimeField> {
    Some(match name {
        b"DESCRIPTION" => MimeField::Description,
        b"ENCODING" => MimeField::Encoding,
        b"ID" => MimeField::Id,
        b"LANGUAGE" => MimeField::Language,
        b"LOCATION" => MimeField::Location,
        b"MD5" => MimeField::Md5,
        b"TYPE" => MimeField::Type,
        b"SUBTYPE" => MimeField::Subtype,
        _ => return None,
    })
}

const fn envelope_field(name: &[u8]) -> Option<EnvelopeField> {
    Some(match name {
        b"BCC" => EnvelopeField::Bcc,
        b"CC" => EnvelopeField::Cc,
        b"FROM" => EnvelopeField::From,
        b"IN-REPLY-TO" => EnvelopeField::InReplyTo,
        b"MESSAGE-ID" => EnvelopeField::MessageId,
        b"REPLY-TO" => EnvelopeField::ReplyTo,
        b"SENDER" => EnvelopeField::Sender,
        b"SUBJECT" => EnvelopeField::Subject,
        b"TO" => EnvelopeField::To,
        _ => return None,
    })
}
