//! What is told of a search: `* SEARCH`, or as RETURN asks (ESEARCH, RFC 4731; SEARCHRES, RFC 5182; PARTIAL, RFC 5267).

use std::fmt::Write as _;

use crate::imap::arguments::Argument;
use crate::imap::sequence::push_numbers;
use crate::imap::state::Selected;
use crate::imap::string::push_string;
use crate::imap::texts::Phrase;
use crate::imap::turn::Fault;

use super::sort::{self, SortKey};
use super::thread::{self, Algorithm};

/// In which order messages are told.
#[derive(Debug, Default)]
pub enum Order {
    /// SEARCH.
    #[default]
    Number,
    /// SORT.
    Sorted(Vec<SortKey>),
    /// THREAD.
    Threads(Algorithm),
}

impl Order {
    /// What of the messages is read for it, as [`kept`](crate::imap::kept) calls it.
    pub fn reads(&self) -> impl Iterator<Item = &'static str> {
        let (keys, fields): (&[SortKey], &[&str]) = match self {
            Self::Number => (&[], &[]),
            Self::Sorted(keys) => (keys, &[]),
            Self::Threads(algorithm) => (&[], algorithm.reads()),
        };
        keys.iter().map(|key| key.reads()).chain(fields.iter().copied())
    }
}

/// The options of RETURN; none at all is the old answer.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // each is a word that the client may say
pub struct Wanted {
    extended: bool,
    min: bool,
    max: bool,
    all: bool,
    count: bool,
    relevancy: bool,
    partial: Option<(usize, usize)>,
    /// SAVE.
    pub save: bool,
    /// UPDATE.
    pub update: bool,
}

/// Reads `RETURN (...)`, where it is there, and says what stands behind it. `updated`: a search of this tag is kept up to date.
pub fn wanted<'a, 'b>(
    arguments: &'a [Argument<'b>],
    updated: bool,
) -> Result<(Wanted, &'a [Argument<'b>]), Fault> {
    let [word, Argument::List(options), rest @ ..] = arguments else {
        return Ok((Wanted::default(), arguments));
    };
    if !word.is_atom("RETURN") {
        return Ok((Wanted::default(), arguments));
    }
    let mut wanted = Wanted { extended: true, ..Wanted::default() };
    let mut options = options.iter().peekable();
    while let Some(option) = options.next() {
        match &option.atom().ok_or(Phrase::SearchReturnNoAtoms)?.to_ascii_uppercase()[..] {
            b"MIN" => wanted.min = true,
            b"MAX" => wanted.max = true,
            b"ALL" => wanted.all = true,
            b"COUNT" => wanted.count = true,
            b"SAVE" => wanted.save = true,
            b"RELEVANCY" => wanted.relevancy = true,
            b"CONTEXT" => {}
            b"UPDATE" => {
                if std::mem::replace(&mut wanted.update, true) {
                    return Err(Phrase::DuplicateUpdate.into());
                }
                let items = options.next_if(|next| next.list().is_some()).and_then(Argument::list);
                if items
                    .unwrap_or_default()
                    .iter()
                    .any(|item| item.string().is_some() && item.atom().is_none())
                {
                    return Err(Phrase::UpdateNoAtoms.into());
                }
            }
            b"PARTIAL" => {
                if wanted.partial.is_some() {
                    return Err(Phrase::PartialOnce.into());
                }
                let range = options.next().and_then(Argument::atom).ok_or(Phrase::PartialMissing)?;
                wanted.partial = Some(partial(range).ok_or(Phrase::PartialBroken)?);
            }
            _ => return Err(Phrase::UnknownSearchReturn.into()),
        }
    }
    if wanted.update && updated {
        return Err(Phrase::DuplicateUpdateTag.into());
    }
    if wanted.partial.is_some() && wanted.all {
        return Err(Phrase::PartialAndAll.into());
    }
    let other = wanted.min || wanted.max || wanted.count || wanted.save || wanted.relevancy || wanted.update;
    wanted.all |= !other && wanted.partial.is_none();
    Ok((wanted, rest))
}

/// `1:10`, in either order.
fn partial(text: &[u8]) -> Option<(usize, usize)> {
    let (first, second) = std::str::from_utf8(text).ok()?.split_once(':')?;
    let (first, second): (usize, usize) = (first.parse().ok()?, second.parse().ok()?);
    (first > 0 && second > 0).then(|| (first.min(second), first.max(second)))
}

impl Wanted {
    /// Of what was found, in its order, what counts for SAVE, MODSEQ and RELEVANCY (RFC 5182 section 2.1): all, or what
    /// MIN, MAX and PARTIAL name.
    fn counted(&self, found: &[usize]) -> Vec<usize> {
        let ends = [found.first().filter(|_| self.min), found.last().filter(|_| self.max)];
        let within: &[usize] = match self.partial {
            Some((first, last)) => {
                let last = last.min(found.len());
                found.get(first.saturating_sub(1)..last).unwrap_or_default()
            }
            None if self.extended && !self.all && !self.count && (self.min || self.max) => &[],
            None => found,
        };
        let mut counted = within.to_vec();
        for end in ends.into_iter().flatten() {
            if !counted.contains(end) {
                counted.push(*end);
            }
        }
        counted
    }

    /// The UIDs that SAVE keeps.
    pub fn saved(&self, found: &[usize], selected: &Selected) -> Vec<u32> {
        let uid = |position: &usize| selected.entries.get(*position).map(|entry| entry.message.uid);
        let all = self.partial.is_some() && self.count;
        let mut kept: Vec<u32> = if all {
            found.iter().filter_map(uid).collect()
        } else {
            self.counted(found).iter().filter_map(uid).collect()
        };
        kept.sort_unstable();
        kept
    }
}

/// The untagged line; empty where only SAVE was asked for. `modseqs` are those of all messages, where they are told.
pub fn line(
    wanted: &Wanted,
    order: &Order,
    tag: &[u8],
    by_uid: bool,
    found: Vec<usize>,
    modseqs: Option<&[u64]>,
    selected: &Selected,
) -> Vec<u8> {
    let number = |position: usize| {
        let uid = selected.entries.get(position).map_or(0, |entry| entry.message.uid);
        if by_uid { uid } else { u32::try_from(position.saturating_add(1)).unwrap_or(u32::MAX) }
    };
    let (word, positions) = match order {
        Order::Threads(algorithm) => {
            let threads = thread::threads(*algorithm, &found, selected);
            let mut line = b"* THREAD ".to_vec();
            for thread in &threads {
                line.push(b'(');
                thread.render(&number, &mut line);
                line.push(b')');
            }
            line.extend_from_slice(b"\r\n");
            return line;
        }
        Order::Sorted(keys) => ("SORT", sort::sorted(keys, found, selected)),
        Order::Number => ("SEARCH", found),
    };
    let counted = wanted.counted(&positions);
    let modseq =
        modseqs.and_then(|all| counted.iter().filter_map(|position| all.get(*position).copied()).max());
    let numbers: Vec<u32> = positions.into_iter().map(number).collect();
    if !wanted.extended {
        let mut line = format!("* {word}");
        for number in numbers {
            let _ = write!(line, " {number}");
        }
        if let Some(modseq) = modseq {
            let _ = write!(line, " (MODSEQ {modseq})");
        }
        line.push_str("\r\n");
        return line.into_bytes();
    }
    let other = wanted.min || wanted.max || wanted.all || wanted.count || wanted.relevancy || wanted.update;
    if wanted.save && !other && wanted.partial.is_none() && modseqs.is_none() {
        return Vec::new();
    }
    extended(wanted, tag, by_uid, &numbers, counted.len(), modseq)
}

/// `* ESEARCH (TAG "a") UID MIN 1 MAX 9 ALL 1:9 COUNT 9`
fn extended(
    wanted: &Wanted,
    tag: &[u8],
    by_uid: bool,
    numbers: &[u32],
    counted: usize,
    modseq: Option<u64>,
) -> Vec<u8> {
    let mut line = b"* ESEARCH (TAG ".to_vec();
    push_string(&mut line, tag);
    line.extend_from_slice(if by_uid { b") UID" } else { b")" });
    if let (true, Some(min)) = (wanted.min, numbers.first()) {
        line.extend_from_slice(format!(" MIN {min}").as_bytes());
    }
    if let (true, Some(max)) = (wanted.max, numbers.last()) {
        line.extend_from_slice(format!(" MAX {max}").as_bytes());
    }
    if wanted.all && !numbers.is_empty() {
        line.extend_from_slice(b" ALL ");
        push_numbers(&mut line, numbers);
    }
    if wanted.relevancy {
        // No message is more relevant than another.
        line.extend_from_slice(format!(" RELEVANCY ({})", vec!["1"; counted].join(" ")).as_bytes());
    }
    if let Some((first, last)) = wanted.partial {
        line.extend_from_slice(format!(" PARTIAL ({first}:{last} ").as_bytes());
        let end = last.min(numbers.len());
        match numbers.get(first.saturating_sub(1)..end).filter(|part| !part.is_empty()) {
            Some(part) => push_numbers(&mut line, part),
            None => line.extend_from_slice(b"NIL"),
        }
        line.push(b')');
    }
    if wanted.count {
        line.extend_from_slice(format!(" COUNT {}", numbers.len()).as_bytes());
    }
    if let Some(modseq) = modseq {
        line.extend_from_slice(format!(" MODSEQ {modseq}").as_bytes());
    }
    line.extend_from_slice(b"\r\n");
    line
}
