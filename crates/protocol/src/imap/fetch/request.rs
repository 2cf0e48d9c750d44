//! What FETCH asks for, as Dovecot reads it: items by their first word, header names from whatever list stands behind an
//! item, modifiers only where a list stands behind the items, and what stands behind those unread.

use super::item::{Item, Previewing};
use super::section::{Part, Section, What, dovecot_partial};
use crate::imap::arguments::Argument;
use crate::imap::string::push_string;
use crate::imap::texts::Phrase;
use crate::imap::turn::Fault;

/// Sections in one FETCH: each is an event of its own for every message, and no client needs more than a few.
const MOST_SECTIONS: usize = 64;

/// Reads a list of items that stands for itself, as in NOTIFY; and whether it names a mod-sequence, refused or not.
pub fn items(list: &Argument<'_>) -> (Result<Vec<Item>, Fault>, bool) {
    let mut request = Request::default();
    let read = request.read(std::slice::from_ref(list), false, false);
    (read.map(|()| request.items), request.names_modseq)
}

/// The section of that name of a message, in capitals, without header names: `1.MIME]<0.10>`.
pub fn section(text: &[u8]) -> Option<Section> {
    let mut request = Request::default();
    request.section(b"BODY", &[b".PEEK[", text].concat(), &[]).ok()?;
    match request.items.pop() {
        Some(Item::Section(section)) => Some(section),
        _ => None,
    }
}

/// A FETCH that was read, as far as it was.
#[derive(Debug, Default)]
pub struct Request {
    /// What is asked for, in the order of the request.
    pub items: Vec<Item>,
    /// The least mod-sequence that a message must have.
    pub least_modseq: Option<u64>,
    /// Whether to tell what has vanished, too.
    pub vanished: bool,
    /// Whether modifiers of PREVIEW were skipped beyond the end of what was asked for.
    pub beyond: bool,
    /// Whether a mod-sequence was named, which enables CONDSTORE even where the rest is refused.
    pub names_modseq: bool,
}

impl Request {
    /// Reads what stands behind the sequence set. `qresync`: whether that is enabled.
    pub fn read(&mut self, wanted: &[Argument<'_>], by_uid: bool, qresync: bool) -> Result<(), Fault> {
        if by_uid {
            self.add(Item::Uid)?;
        }
        let behind = match wanted {
            [Argument::List(members), behind @ ..] => {
                if members.is_empty() {
                    return Err(Phrase::EmptyFetchList.into());
                }
                let mut rest = members.as_slice();
                while let Some((name, behind)) = rest.split_first() {
                    let name = atom(name).ok_or(Phrase::FetchNoAtoms)?;
                    rest = self.item(&name.to_ascii_uppercase(), behind)?;
                }
                behind
            }
            [name, behind @ ..] => {
                let name = atom(name).ok_or(Phrase::InvalidArguments)?.to_ascii_uppercase();
                let of_macro: &[&[u8]] = match &name[..] {
                    b"ALL" => &[b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE", b"ENVELOPE"],
                    b"FAST" => &[b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE"],
                    b"FULL" => &[b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE", b"ENVELOPE", b"BODY"],
                    _ => &[],
                };
                for name in of_macro {
                    self.item(name, behind)?;
                }
                if of_macro.is_empty() { self.item(&name, behind)? } else { behind }
            }
            [] => return Err(Phrase::InvalidArguments.into()),
        };
        match behind {
            [Argument::List(modifiers), ..] => self.modifiers(modifiers, by_uid, qresync),
            _ => Ok(()),
        }
    }

    /// Adds an item; those without parameters once.
    fn add(&mut self, item: Item) -> Result<(), Fault> {
        let with_parameters = match &item {
            Item::Section(section) => !section.label.starts_with(b"RFC822"),
            Item::Preview(_) => true,
            _ => false,
        };
        if !with_parameters && self.items.contains(&item) {
            return Ok(());
        }
        self.items.push(item);
        let long =
            self.items.iter().filter(|item| matches!(item, Item::Section(_) | Item::Preview(_))).count();
        if long > MOST_SECTIONS { Err(Phrase::InvalidArguments.into()) } else { Ok(()) }
    }

    /// Reads one item; gives what stands behind it.
    fn item<'a, 'b>(&mut self, name: &[u8], behind: &'a [Argument<'b>]) -> Result<&'a [Argument<'b>], Fault> {
        let word = name.iter().position(|octet| !octet.is_ascii_alphanumeric() && *octet != b'-');
        let (word, tail) = name.split_at_checked(word.unwrap_or(name.len())).unwrap_or((name, &[]));
        let item = match word {
            b"UID" => Item::Uid,
            b"FLAGS" => Item::Flags,
            b"INTERNALDATE" => Item::InternalDate,
            b"ENVELOPE" => Item::Envelope,
            b"BODYSTRUCTURE" => Item::BodyStructure,
            b"BODY" if tail.is_empty() => Item::Body,
            b"BODY" | b"BINARY" => return self.section(word, tail, behind),
            b"MODSEQ" => {
                self.names_modseq = true;
                Item::Modseq
            }
            b"SAVEDATE" => Item::SaveDate { old: false },
            b"X-SAVEDATE" => Item::SaveDate { old: true },
            b"X-MAILBOX" => Item::MailboxName,
            b"X-REAL-UID" => Item::RealUid,
            b"X-GUID" => Item::Guid,
            b"PREVIEW" | b"SNIPPET" => return self.preview(word == b"SNIPPET", behind),
            b"RFC822" => match tail {
                b"" | b".HEADER" | b".TEXT" => Item::Section(Section::rfc822(name)),
                b".SIZE" => Item::Size,
                _ => return Err(Fault::with(Phrase::UnknownFetchParameter, name)),
            },
            _ => return Err(Fault::with(Phrase::UnknownFetchItem, name)),
        };
        self.add(item)?;
        Ok(behind)
    }

    /// `BODY[...]`, `BINARY[...]` and their kin.
    fn section<'a, 'b>(
        &mut self,
        word: &[u8],
        tail: &[u8],
        behind: &'a [Argument<'b>],
    ) -> Result<&'a [Argument<'b>], Fault> {
        let fault = |phrase| Fault::with(phrase, word);
        let binary = word == b"BINARY";
        let (size_only, tail) = match tail.strip_prefix(b".SIZE").filter(|_| binary) {
            Some(tail) => (true, tail),
            None => (false, tail),
        };
        let (peek, tail) = match tail.strip_prefix(b".PEEK").filter(|_| !size_only) {
            Some(tail) => (true, tail),
            None => (size_only, tail),
        };
        let tail = tail.strip_prefix(b"[").ok_or_else(|| fault(Phrase::SectionUnopened))?;
        let (text, names, partial, behind) = match behind {
            [Argument::List(names), behind @ ..] => {
                let (close, behind) = behind.split_first().ok_or_else(|| fault(Phrase::SectionUnclosed))?;
                let partial = atom(close).and_then(|close| close.strip_prefix(b"]"));
                let partial = partial.ok_or_else(|| fault(Phrase::SectionUnclosed))?;
                (tail, Some(names), partial, behind)
            }
            _ => {
                let end = memchr::memchr(b']', tail).ok_or_else(|| fault(Phrase::SectionUnclosed))?;
                let (text, partial) = tail.split_at_checked(end).unwrap_or((tail, b""));
                (text, None, partial.strip_prefix(b"]").unwrap_or_default(), behind)
            }
        };
        let mut name = text.to_vec();
        let mut header_names = Vec::new();
        if let Some(names) = names {
            name.extend_from_slice(b" (");
            for (place, header) in names.iter().enumerate() {
                let text = header.string().ok_or(Phrase::HeadersNoStrings)?.to_ascii_uppercase();
                if place > 0 {
                    name.push(b' ');
                }
                match header {
                    Argument::Atom(_) => name.extend_from_slice(&text),
                    _ => push_string(&mut name, &text),
                }
                header_names.push(text);
            }
            name.push(b')');
        }
        let names = names.map(|_| header_names);
        let (part, what) = which(text, names).ok_or_else(|| fault(Phrase::InvalidSection))?;
        let partial = if size_only { None } else { dovecot_partial(partial).map_err(fault)? };
        let kind: &[u8] = match (binary, size_only) {
            (true, true) => b"BINARY.SIZE[",
            (true, false) => b"BINARY[",
            _ => b"BODY[",
        };
        let mut label = [kind, &name[..], b"]"].concat();
        if let Some((origin, _)) = partial {
            label.extend_from_slice(format!("<{origin}>").as_bytes());
        }
        self.add(Item::Section(Section { label, name, peek, part, what, partial, binary, size_only }))?;
        Ok(behind)
    }

    /// `PREVIEW (LAZY)`. Dovecot skips as many arguments as there are modifiers.
    fn preview<'a, 'b>(
        &mut self,
        snippet: bool,
        behind: &'a [Argument<'b>],
    ) -> Result<&'a [Argument<'b>], Fault> {
        let mut how = Previewing { snippet, fuzzy: snippet, lazy: false };
        let mut skipped = 0;
        if let [Argument::List(modifiers), ..] = behind {
            for modifier in modifiers {
                let modifier = atom(modifier).ok_or(Phrase::PreviewNoAtoms)?;
                match &modifier.to_ascii_uppercase()[..] {
                    b"LAZY" => how.lazy = true,
                    b"LAZY=FUZZY" => (how.lazy, how.fuzzy) = (true, true),
                    b"FUZZY" => how.fuzzy = true,
                    _ => return Err(Fault::with(Phrase::UnknownPreview, modifier)),
                }
            }
            skipped = modifiers.len();
        }
        self.add(Item::Preview(how))?;
        self.beyond |= skipped > behind.len();
        Ok(behind.get(skipped..).unwrap_or_default())
    }

    /// `(CHANGEDSINCE 5 VANISHED)` (RFC 7162 section 3.1.4).
    fn modifiers(&mut self, modifiers: &[Argument<'_>], by_uid: bool, qresync: bool) -> Result<(), Fault> {
        let mut modifiers = modifiers.iter();
        while let Some(modifier) = modifiers.next() {
            let name = atom(modifier).ok_or(Phrase::FetchModifiersNoAtoms)?;
            if name.eq_ignore_ascii_case(b"CHANGEDSINCE") {
                let since = modifiers.next().and_then(atom).and_then(number);
                let least = since.ok_or(Phrase::InvalidChangedSince)?.wrapping_add(1);
                self.least_modseq = self.least_modseq.max(Some(least));
                self.names_modseq = true;
                self.add(Item::Modseq)?;
            } else if by_uid && name.eq_ignore_ascii_case(b"VANISHED") {
                if !qresync {
                    return Err(Phrase::QresyncDisabled.into());
                }
                self.vanished = true;
            } else {
                return Err(Phrase::UnknownFetchModifier.into());
            }
        }
        if self.vanished && self.least_modseq.is_none() {
            return Err(Phrase::VanishedAlone.into());
        }
        Ok(())
    }
}

fn atom<'a>(argument: &Argument<'a>) -> Option<&'a [u8]> {
    argument.atom()
}

fn number(digits: &[u8]) -> Option<u64> {
    let digits = digits.iter().all(u8::is_ascii_digit).then_some(digits)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Reads `1.2.HEADER`. A number counts modulo 2^32.
fn which(text: &[u8], names: Option<Vec<Vec<u8>>>) -> Option<(Part, What)> {
    let numbers =
        text.iter().position(|octet| !octet.is_ascii_digit() && *octet != b'.').unwrap_or(text.len());
    let (numbers, word) = text.split_at_checked(numbers)?;
    let mut part = Vec::new();
    if !numbers.is_empty() {
        let numbers = if word.is_empty() { numbers } else { numbers.strip_suffix(b".")? };
        for digits in numbers.split(|octet| *octet == b'.') {
            if digits.is_empty() {
                return None;
            }
            let digit = |number: u32, digit: &u8| {
                number.wrapping_mul(10).wrapping_add(u32::from(digit.wrapping_sub(b'0')))
            };
            part.push(digits.iter().fold(0_u32, digit));
        }
    }
    let what = match (word, names) {
        (b"", None) => What::Everything,
        (b"MIME", None) if !part.is_empty() => What::Mime,
        (b"TEXT", None) => What::Text,
        (b"HEADER", None) => What::Header,
        (b"HEADER.FIELDS", Some(names)) if !names.is_empty() => What::Fields { not: false, names },
        (b"HEADER.FIELDS.NOT", Some(names)) if !names.is_empty() => What::Fields { not: true, names },
        _ => return None,
    };
    Some((part, what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::arguments;

    fn read(text: &str) -> Result<Request, Phrase> {
        let arguments = arguments::parse(text.as_bytes())?;
        let mut request = Request::default();
        request.read(&arguments, true, false).map(|()| request).map_err(|fault| fault.phrase)
    }

    #[test]
    fn items_are_found_by_their_first_word() {
        let request = read("(FLAGS.X FLAGS UID/2 BODY[1]<0.5> BODY[1]<0.5>)").expect("well-formed");
        assert_eq!(request.items.len(), 4, "{request:?}");
        assert_eq!(read("BODYX").unwrap_err(), Phrase::UnknownFetchItem);
        assert_eq!(read("RFC822.PEEK").unwrap_err(), Phrase::UnknownFetchParameter);
    }

    #[test]
    fn a_list_behind_a_section_is_of_header_names() {
        assert_eq!(read("BODY[1] (CHANGEDSINCE 1)").unwrap_err(), Phrase::SectionUnclosed);
        assert_eq!(
            read("BODY[HEADER.FIELDS (a)] (CHANGEDSINCE 1)").map(|read| read.least_modseq),
            Ok(Some(2))
        );
        assert_eq!(read("BODY[HEADER.FIELDS (())]").unwrap_err(), Phrase::HeadersNoStrings);
        assert_eq!(read("BODY[HEADER.FIELDS ()]").unwrap_err(), Phrase::InvalidSection);
    }

    #[test]
    fn modifiers_of_preview_are_skipped_by_their_number() {
        assert_eq!(read("(PREVIEW (LAZY FUZZY) UID)").map(|request| request.items.len()), Ok(2));
        let beyond = |text: &str| read(text).map(|request| request.beyond);
        assert_eq!(
            (beyond("(PREVIEW (LAZY FUZZY) UID)"), beyond("(PREVIEW (LAZY FUZZY))")),
            (Ok(false), Ok(true))
        );
        assert_eq!(read("(PREVIEW ())").unwrap_err(), Phrase::FetchNoAtoms);
        assert_eq!(read("FLAGS (VANISHED)").unwrap_err(), Phrase::QresyncDisabled);
    }

    #[test]
    fn part_numbers_overflow() {
        let part = |text: &str| which(text.as_bytes(), None).map(|(part, _)| part);
        assert_eq!(part("4294967297.2.TEXT"), Some(vec![1, 2]));
        assert_eq!(part("1."), None);
        assert_eq!(part("1..2"), None);
        assert_eq!(part("1TEXT"), None);
        assert_eq!(part("1.2x"), None);
    }
}
