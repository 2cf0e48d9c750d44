//! Which messages Dovecot asks at all: what it knows of the mailbox as a whole can tell it that none can match, or none before
//! a certain one. For flags that became one key that is sometimes wrong.

use std::ops::Range;

use bait::{Flags, Marks};

use super::key::{Key, Node};

/// The positions of the messages that are asked; `highest` is the mailbox' mod-sequence.
pub fn asked(keys: &[Node], marks: &[Marks], highest: u64) -> Range<usize> {
    let mut first = 0;
    for node in keys {
        let flags = match &node.key {
            Key::All if node.not => return 0..0,
            Key::Modseq { least, .. } if *least > highest => return 0..0,
            Key::Flags(flags) => *flags,
            _ => continue,
        };
        for flag in [Flags::SEEN, Flags::DELETED] {
            if !flags.contains(flag) {
                continue;
            }
            // Whether it is there or is missing: that it is so with one message at least, and from which one on.
            let sought = |marks: &Marks| marks.flags.contains(flag) != node.not;
            match marks.iter().position(sought) {
                None => return 0..0,
                // Dovecot remembers the first without \Seen and the first with \Deleted.
                Some(place) if node.not == (flag == Flags::SEEN) => first = first.max(place),
                Some(_) => {}
            }
        }
    }
    first.min(marks.len())..marks.len()
}
