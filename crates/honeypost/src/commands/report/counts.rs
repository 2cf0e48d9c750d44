//! Counting by keys that intruders invent, in bounded memory.
//!
//! Exact while there are at most [`MOST_KEYS`] keys of [`MOST_OCTETS`] together. Where more come, the rarer half is forgotten
//! (as Misra and Gries do): what was frequent stays, and no count is short by more than [`Counts::missed`].

use std::collections::HashMap;

use crate::commands::evidence::Evidence;

/// Keys of one table.
pub(super) const MOST_KEYS: usize = 200_000;
/// Octets of the keys of one table.
const MOST_OCTETS: usize = 32 << 20;

/// What is counted under: one text or several.
pub(super) type Key = Vec<Evidence>;

/// How often each key came, and what is kept of it.
#[derive(Debug)]
pub(super) struct Counts<V> {
    entries: HashMap<Key, Entry<V>>,
    octets: usize,
    most: usize,
    missed: u64,
    distinct: usize,
}

/// Of one key.
#[derive(Debug, Default)]
pub(super) struct Entry<V> {
    pub(super) count: u64,
    pub(super) value: V,
}

impl<V: Default> Counts<V> {
    pub(super) fn new() -> Self {
        Self::of(MOST_KEYS)
    }

    fn of(most: usize) -> Self {
        Self { entries: HashMap::new(), octets: 0, most, missed: 0, distinct: 0 }
    }

    /// Counts the key `count` times more.
    pub(super) fn add(&mut self, key: Key, count: u64) -> &mut Entry<V> {
        let is_new = !self.entries.contains_key(&key);
        if is_new && (self.entries.len() >= self.most || self.octets >= MOST_OCTETS) {
            self.forget_the_rare();
        }
        if is_new {
            self.octets += weight(&key);
            self.distinct = self.distinct.max(self.entries.len() + 1);
        }
        let entry = self.entries.entry(key).or_default();
        entry.count += count;
        entry
    }

    fn forget_the_rare(&mut self) {
        let mut counts: Vec<u64> = self.entries.values().map(|entry| entry.count).collect();
        let middle = counts.len() / 2;
        let limit = if middle < counts.len() { *counts.select_nth_unstable(middle).1 } else { 0 };
        self.entries.retain(|_, entry| entry.count > limit);
        self.octets = self.entries.keys().map(weight).sum();
        self.missed += limit;
    }

    /// How far a count may be below the truth; 0: all are exact.
    pub(super) fn missed(&self) -> u64 {
        self.missed
    }

    /// Different keys that came; at least so many where counts are not exact.
    pub(super) fn distinct(&self) -> usize {
        self.distinct
    }

    /// The most frequent keys; among equals by their bytes.
    pub(super) fn top(&self, most: usize) -> Vec<(&Key, &Entry<V>)> {
        let mut all: Vec<_> = self.entries.iter().collect();
        let order = |one: &(&Key, &Entry<V>), other: &(&Key, &Entry<V>)| {
            other.1.count.cmp(&one.1.count).then_with(|| one.0.cmp(other.0))
        };
        if most < all.len() {
            all.select_nth_unstable_by(most, order);
            all.truncate(most);
        }
        all.sort_unstable_by(order);
        all
    }

    /// What is kept of all keys.
    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.values().map(|entry| &entry.value)
    }
}

fn weight(key: &Key) -> usize {
    key.iter().map(Evidence::weight).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        vec![Evidence::from(text)]
    }

    #[test]
    fn few_keys_are_counted_exactly() {
        let mut counts: Counts<bool> = Counts::of(10);
        for text in ["b", "a", "c", "a", "b", "a"] {
            counts.add(key(text), 1).value |= text == "b";
        }
        let top: Vec<_> =
            counts.top(2).into_iter().map(|(key, it)| (key.clone(), it.count, it.value)).collect();
        assert_eq!(top, [(key("a"), 3, false), (key("b"), 2, true)]);
        assert_eq!((counts.distinct(), counts.missed()), (3, 0));
    }

    #[test]
    fn the_frequent_outlive_a_flood_of_inventions() {
        let mut counts: Counts<()> = Counts::of(100);
        for number in 0..10_000 {
            counts.add(key(&format!("invented {number}")), 1);
            if number % 10 == 0 {
                counts.add(key("admin"), 1);
            }
            assert!(counts.entries.len() <= 100);
        }
        let top = counts.top(1);
        let (first, entry) = top.first().expect("one");
        assert_eq!(**first, key("admin"));
        assert!(
            entry.count <= 1000 && entry.count + counts.missed() >= 1000,
            "{entry:?} {}",
            counts.missed()
        );
        assert!(counts.distinct() == 100 && counts.missed() > 0);
    }

    #[test]
    fn long_keys_fill_a_table_too() {
        let mut counts: Counts<()> = Counts::new();
        for number in 0..200_000 {
            counts.add(key(&format!("{number:0>250}")), 1);
        }
        assert!(counts.octets <= MOST_OCTETS + 300 && counts.missed() > 0);
    }
}
