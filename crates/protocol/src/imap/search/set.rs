//! Sets of message numbers and UIDs, as ranges that can be put together.

use std::ops::RangeInclusive;

/// The highest number that a set can name; `*` is one more.
const HIGHEST: u32 = u32::MAX - 1;

/// Ascending ranges that do not touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Set {
    ranges: Vec<(u32, u32)>,
}

impl Set {
    /// Ranges in any order.
    pub fn of(ranges: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let mut ranges: Vec<(u32, u32)> = ranges.into_iter().filter(|(first, last)| first <= last).collect();
        ranges.sort_unstable();
        let mut joined: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match joined.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
                _ => joined.push((first, last)),
            }
        }
        Self { ranges: joined }
    }

    /// Message numbers as they stand in a search, in a mailbox of so many messages: `9:*` names nothing that is not there,
    /// where FETCH would take the last message.
    pub fn of_numbers(written: &[RangeInclusive<u32>], count: u32) -> Self {
        let range = |range: &RangeInclusive<u32>| match (*range.start(), *range.end()) {
            (u32::MAX, u32::MAX) => (count.max(1), count),
            (first, u32::MAX) => (first, count),
            other => other,
        };
        Self::of(written.iter().map(range))
    }

    /// The numbers of the messages with these ascending UIDs that are named.
    pub fn of_uids(written: &[RangeInclusive<u32>], uids: &[u32]) -> Self {
        let number = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        let count = number(uids.len());
        let before = |uid: u32| number(uids.partition_point(|known| *known < uid));
        let behind = |uid: u32| number(uids.partition_point(|known| *known <= uid));
        let named =
            written.iter().map(|range| (before(*range.start()).saturating_add(1), behind(*range.end())));
        let last = written.iter().any(|range| *range.end() == u32::MAX && count > 0);
        Self::of(named.chain(last.then_some((count, count))))
    }

    /// Whether nothing is in it.
    pub const fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether all is in it.
    pub fn is_all(&self) -> bool {
        matches!(self.ranges.as_slice(), [(1, last)] if *last >= HIGHEST)
    }

    /// Whether this is in it.
    pub fn holds(&self, number: u32) -> bool {
        let place = self.ranges.partition_point(|(_, last)| *last < number);
        self.ranges.get(place).is_some_and(|(first, _)| *first <= number)
    }

    /// What is not in it.
    pub fn inverted(&self) -> Self {
        let mut from = 1_u32;
        let mut ranges = Vec::with_capacity(self.ranges.len().saturating_add(1));
        for (first, last) in &self.ranges {
            ranges.push((from, first.saturating_sub(1)));
            from = last.saturating_add(1);
        }
        ranges.push((from, HIGHEST));
        Self::of(ranges)
    }

    /// What is in either.
    pub fn merged(&self, other: &Self) -> Self {
        Self::of(self.ranges.iter().chain(&other.ranges).copied())
    }

    /// What is in both.
    pub fn intersected(&self, other: &Self) -> Self {
        self.inverted().merged(&other.inverted()).inverted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_beyond_the_last_name_nothing() {
        let of = |range: RangeInclusive<u32>| Set::of_numbers(&[range], 5);
        assert_eq!(of(9..=u32::MAX), Set::default());
        assert_eq!(of(u32::MAX..=u32::MAX), Set::of([(5, 5)]));
        assert_eq!(of(3..=u32::MAX), Set::of([(3, 5)]));
        assert_eq!(Set::of_uids(&[9..=u32::MAX], &[2, 4]), Set::of([(2, 2)]));
        assert_eq!(Set::of_uids(&[1..=3, 7..=9], &[2, 4, 8]), Set::of([(1, 1), (3, 3)]));
        assert_eq!(Set::of_uids(&[1..=u32::MAX], &[]), Set::default());
    }

    #[test]
    fn sets_are_put_together() {
        let (low, high) = (Set::of([(1, 4)]), Set::of([(3, 9)]));
        assert_eq!(low.merged(&high), Set::of([(1, 9)]));
        assert_eq!(low.intersected(&high), Set::of([(3, 4)]));
        assert_eq!(low.inverted(), Set::of([(5, HIGHEST)]));
        assert!(Set::default().inverted().is_all() && low.holds(4) && !low.holds(5));
    }
}
