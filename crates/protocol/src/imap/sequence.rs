//! Sequence sets and UID sets (RFC 3501 section 9, `sequence-set`).

use std::ops::{Range, RangeInclusive};

/// A set of message numbers or UIDs. Enormous ranges cost nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequenceSet {
    ranges: Vec<(Number, Number)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Exact(u32),
    /// `*`: the largest number in use.
    Last,
}

impl SequenceSet {
    /// Reads a set: numbers from 1 to 4294967295 and `*`, ranges in either order.
    pub fn parse(text: &[u8]) -> Option<Self> {
        Self::of_ranges(text, |digits| std::str::from_utf8(digits).ok()?.parse().ok())
    }

    /// The same as Dovecot reads it: numbers overflow without a word, and nothing may stand behind a comma.
    pub fn parse_as_dovecot(text: &[u8]) -> Option<Self> {
        if text.is_empty() {
            return Some(Self { ranges: Vec::new() });
        }
        Self::of_ranges(text.strip_suffix(b",").unwrap_or(text), |digits| {
            let add = |number: u32, digit: &u8| {
                number.wrapping_mul(10).wrapping_add(u32::from(digit.wrapping_sub(b'0')))
            };
            Some(digits.iter().fold(0, add).min(u32::MAX.wrapping_sub(1)))
        })
    }

    /// Ranges between commas; `value` is what digits are worth.
    fn of_ranges(text: &[u8], value: impl Fn(&[u8]) -> Option<u32>) -> Option<Self> {
        let number = |text: &[u8]| match text {
            b"*" => Some(Number::Last),
            digits if digits.iter().all(u8::is_ascii_digit) => {
                value(digits).filter(|number| *number > 0).map(Number::Exact)
            }
            _ => None,
        };
        let range = |text: &[u8]| match memchr::memchr(b':', text) {
            None => number(text).map(|only| (only, only)),
            Some(colon) => {
                let (first, last) = text.split_at_checked(colon)?;
                Some((number(first)?, number(last.strip_prefix(b":")?)?))
            }
        };
        Some(Self { ranges: text.split(|byte| *byte == b',').map(range).collect::<Option<_>>()? })
    }

    /// Whether `*` is in it.
    pub fn has_last(&self) -> bool {
        self.ranges.iter().any(|(first, second)| [first, second].contains(&&Number::Last))
    }

    /// The numbers that stand in it, as ascending ranges that do not touch.
    pub fn numbers(&self) -> Vec<RangeInclusive<u32>> {
        self.resolve(u32::MAX)
    }

    /// The numbers that lie within 1 and `limit`, as ascending ranges that do not touch. `*` is `last`.
    ///
    /// For message numbers `last` and `limit` are both the number of messages; for UIDs `last` is the largest UID in
    /// use (0 in an empty mailbox) and `limit` too, since a range `9:*` always holds the last message.
    pub fn resolve(&self, last: u32) -> Vec<RangeInclusive<u32>> {
        let resolved = |number| match number {
            Number::Exact(number) => number,
            Number::Last => last,
        };
        let mut ranges: Vec<(u32, u32)> = self
            .ranges
            .iter()
            .map(|(first, second)| (resolved(*first), resolved(*second)))
            .map(|(first, second)| (first.min(second).max(1), first.max(second).min(last)))
            .filter(|(first, second)| first <= second)
            .collect();
        ranges.sort_unstable();
        let mut merged: Vec<RangeInclusive<u32>> = Vec::new();
        for (first, second) in ranges {
            match merged.last_mut() {
                Some(before) if first <= before.end().saturating_add(1) => {
                    *before = *before.start()..=second.max(*before.end());
                }
                _ => merged.push(first..=second),
            }
        }
        merged
    }
}

impl SequenceSet {
    /// The positions (from 0) of the messages with these ascending UIDs that the set names, ascending; numbers that are
    /// not there name nothing.
    pub fn positions(&self, uids: &[u32], by_uid: bool) -> Vec<Range<usize>> {
        if by_uid {
            let before = |uid: u32| uids.partition_point(|known| *known < uid);
            let behind = |uid: u32| uids.partition_point(|known| *known <= uid);
            let ranges = self.resolve(uids.last().copied().unwrap_or_default());
            let spans = ranges.into_iter().map(|range| before(*range.start())..behind(*range.end()));
            spans.filter(|span| !span.is_empty()).collect()
        } else {
            let ranges = self.resolve(u32::try_from(uids.len()).unwrap_or(u32::MAX));
            let position = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
            let span = |range: RangeInclusive<u32>| {
                position(*range.start()).saturating_sub(1)..position(*range.end())
            };
            ranges.into_iter().map(span).collect()
        }
    }

    /// Whether Dovecot takes it as numbers of so many messages: it looks at the last range alone.
    pub fn within(&self, count: usize) -> bool {
        let number = |number: &Number| match number {
            Number::Exact(number) => *number,
            Number::Last => u32::MAX,
        };
        let range = |(first, second): &(Number, Number)| {
            let (first, second) = (number(first), number(second));
            (first.min(second), first.max(second))
        };
        let mut ranges: Vec<(u32, u32)> = self.ranges.iter().map(range).collect();
        ranges.sort_unstable();
        let joined = ranges.into_iter().reduce(|(first, last), (next, end)| {
            if next <= last.saturating_add(1) { (first, last.max(end)) } else { (next, end) }
        });
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        joined.filter(|_| count > 0).is_some_and(|(first, last)| match last {
            u32::MAX => first <= count || first == u32::MAX,
            last => last <= count,
        })
    }
}

/// Appends ascending numbers as ranges: `1:3,5`.
pub fn push_numbers(out: &mut Vec<u8>, numbers: &[u32]) {
    let mut rest = numbers;
    let mut first_range = true;
    while let Some((first, behind)) = rest.split_first() {
        let mut last = *first;
        rest = behind;
        while let Some((next, behind)) = rest.split_first() {
            if last.checked_add(1) != Some(*next) {
                break;
            }
            last = *next;
            rest = behind;
        }
        if !first_range {
            out.push(b',');
        }
        first_range = false;
        let range = if last == *first { first.to_string() } else { format!("{first}:{last}") };
        out.extend_from_slice(range.as_bytes());
    }
}

/// Whether a position lies in ascending spans.
pub fn holds(spans: &[Range<usize>], position: usize) -> bool {
    let behind = spans.partition_point(|span| span.end <= position);
    spans.get(behind).is_some_and(|span| span.contains(&position))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str, last: u32) -> Vec<RangeInclusive<u32>> {
        SequenceSet::parse(text.as_bytes()).expect("well-formed").resolve(last)
    }

    #[test]
    fn sets_are_resolved() {
        assert_eq!(resolved("1:4294967295", 12), [1..=12]);
        assert_eq!(resolved("5:3,1,4:6,*", 12), [1..=1, 3..=6, 12..=12]);
        assert_eq!(resolved("*:10", 12), [10..=12]);
        assert_eq!(resolved("100:*", 12), [12..=12]);
        assert_eq!(resolved("13,14:20", 12), []);
        assert_eq!(resolved("*", 0), []);
        assert_eq!(resolved("1,2,3,2:3", 12), [1..=3]);
        let spans = [1..2, 3..7];
        assert!(
            holds(&spans, 4)
                && !holds(&spans, 2)
                && !holds(&spans, 7)
                && holds(&spans, 1)
                && !holds(&spans, 0)
        );
    }

    #[test]
    fn numbers_become_ranges() {
        let mut out = Vec::new();
        push_numbers(&mut out, &[1, 2, 3, 5, 9, 10]);
        assert_eq!(out, b"1:3,5,9:10");
        let set = |text: &str| SequenceSet::parse(text.as_bytes()).expect("well-formed");
        assert!(set("1:*").within(3) && set("*").within(3) && !set("4:*").within(3) && !set("1").within(0));
    }

    #[test]
    fn dovecot_reads_more() {
        let set = |text: &str| SequenceSet::parse_as_dovecot(text.as_bytes());
        assert_eq!(set("4294967297,2,").map(|set| set.resolve(9)), Some(vec![1..=2]));
        assert_eq!(set(""), Some(SequenceSet { ranges: Vec::new() }));
        for text in ["0", "1,,2", ":1", "1:", "x", ",", "4294967296"] {
            assert_eq!(set(text), None, "{text}");
        }
        let within = |text: &str| set(text).expect("well-formed").within(3);
        assert!(within("9,*") && within("*:2") && !within("9:*") && !within("1,4") && !within(""));
    }

    #[test]
    fn malformed_sets_are_refused() {
        for text in ["", "0", "1:", ":1", "1,,2", "x", "-1", "4294967296", "1:2:3", "1 2", "+1"] {
            assert_eq!(SequenceSet::parse(text.as_bytes()), None, "{text}");
        }
    }
}
