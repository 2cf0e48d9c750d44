//! `SELECT name (QRESYNC (uidvalidity modseq [known-uids] [(numbers uids)]))` (RFC 7162 section 3.2.5).

use std::ops::RangeInclusive;

use bait::Folder;

use crate::imap::arguments::Argument;
use crate::imap::sequence::{SequenceSet, push_numbers};
use crate::imap::state::Selected;
use crate::imap::texts::Phrase;
use crate::imap::turn::Turn;

/// What the client says that it knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Qresync {
    uid_validity: u32,
    modseq: u64,
    /// The UIDs that it knows; `None` for all.
    known: Option<SequenceSet>,
}

impl Qresync {
    /// Reads what stands behind `QRESYNC`.
    pub fn parse(argument: Option<&Argument<'_>>) -> Result<Self, Phrase> {
        let members = argument.and_then(Argument::list).ok_or(Phrase::QresyncMissing)?;
        let number = |place: usize| std::str::from_utf8(members.get(place)?.atom()?).ok();
        let uid_validity = number(0).and_then(|digits| digits.parse().ok()).ok_or(Phrase::QresyncInvalid)?;
        let modseq = number(1).and_then(|digits| digits.parse().ok()).ok_or(Phrase::QresyncInvalid)?;
        let mut rest = members.get(2..).unwrap_or_default();
        let mut known = None;
        if let [Argument::Atom(text), behind @ ..] = rest {
            known = Some(set(text).ok_or(Phrase::QresyncUids)?);
            rest = behind;
        }
        if let [Argument::List(sets), behind @ ..] = rest {
            matched(sets)?;
            rest = behind;
        }
        if !rest.is_empty() {
            return Err(Phrase::QresyncInvalid);
        }
        Ok(Self { uid_validity, modseq, known })
    }

    /// Tells what has changed since, in a mailbox that was just opened.
    pub fn answer(&self, turn: &mut Turn<'_>, selected: &mut Selected, folder: &Folder) {
        if self.uid_validity != selected.uid_validity {
            return;
        }
        let ranges = self.known.as_ref().map(SequenceSet::numbers);
        let known = |uid: u32| {
            ranges.as_ref().is_none_or(|ranges| {
                let place = ranges.partition_point(|range| *range.end() < uid);
                ranges.get(place).is_some_and(|range: &RangeInclusive<u32>| range.contains(&uid))
            })
        };
        let gone: Vec<u32> = folder.expunged_since(self.modseq).filter(|uid| known(*uid)).collect();
        if !gone.is_empty() {
            let mut numbers = Vec::new();
            push_numbers(&mut numbers, &gone);
            turn.untagged_with(Phrase::VanishedEarlier, &numbers);
        }
        let mut told = 0;
        for (position, entry) in selected.entries.iter().enumerate() {
            let (uid, modseq) = (entry.message.uid, selected.modseq_of(&entry.marks));
            if modseq > self.modseq && known(uid) {
                let (number, flags) = (position.saturating_add(1), selected.flags(&entry.marks));
                let line = format!("* {number} FETCH (UID {uid} FLAGS ({flags}) MODSEQ ({modseq}))\r\n");
                turn.out.send(line.as_bytes());
                told = told.max(modseq);
            }
        }
        selected.told_modseq = told;
    }
}

fn set(text: &[u8]) -> Option<SequenceSet> {
    SequenceSet::parse_as_dovecot(text).filter(|set| !set.has_last())
}

/// The sequence numbers and UIDs to match must be as many; they are not needed, since what was expunged is known.
fn matched(sets: &[Argument<'_>]) -> Result<(), Phrase> {
    let at = |place: usize| sets.get(place).and_then(Argument::atom).and_then(set);
    let numbers = at(0).ok_or(Phrase::QresyncMatchNumbers)?;
    let uids = at(1).ok_or(Phrase::QresyncMatchUids)?;
    let count = |set: &SequenceSet| {
        let ranges = set.numbers().into_iter();
        ranges
            .map(|range| u64::from(range.end().saturating_sub(*range.start())).saturating_add(1))
            .sum::<u64>()
    };
    if count(&numbers) != count(&uids) {
        return Err(Phrase::QresyncMatch);
    }
    if sets.len() > 2 { Err(Phrase::QresyncMatchMore) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::arguments::parse;

    #[test]
    fn parameters() {
        let read = |text: &str| {
            let parsed = parse(text.as_bytes()).expect("well-formed");
            Qresync::parse(parsed.first())
                .map(|known| (known.uid_validity, known.modseq, known.known.is_some()))
        };
        assert_eq!(read("(7 9)"), Ok((7, 9, false)));
        assert_eq!(read("(7 9 1:3,5)"), Ok((7, 9, true)));
        assert_eq!(read("(7 9 1:3 (1,2 4:5))"), Ok((7, 9, true)));
        assert_eq!(read("(7 9 (1,2 4:5))"), Ok((7, 9, false)));
        assert_eq!(read("x"), Err(Phrase::QresyncMissing));
        for text in ["()", "(7)", "(x 9)", "(7 x)", "(\"7\" 9)", "(7 9 1 (1 1) x)"] {
            assert_eq!(read(text), Err(Phrase::QresyncInvalid), "{text}");
        }
        assert_eq!(read("(7 9 1:*)"), Err(Phrase::QresyncUids));
        assert_eq!(read("(7 9 1 ())"), Err(Phrase::QresyncMatchNumbers));
        assert_eq!(read("(7 9 1 (1))"), Err(Phrase::QresyncMatchUids));
        assert_eq!(read("(7 9 1 (1:3 1:2))"), Err(Phrase::QresyncMatch));
        assert_eq!(read("(7 9 1 (1 2 3))"), Err(Phrase::QresyncMatchMore));
    }
}
