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
        let has = |flag| move |marks: &Marks| marks.flags.contains(flag);
        if flags.contains(Flags::SEEN) {
            let unseen = marks.iter().position(|marks| !has(Flags::SEEN)(marks));
            match unseen {
                None if node.not => return 0..0,
                Some(unseen) if node.not => first = first.max(unseen),
                _ => {}
            }
        }
        if flags.contains(Flags::DELETED) && node.not && marks.iter().all(has(Flags::DELETED)) {
            return 0..0;
        }
    }
    first.min(marks.len())..marks.len()
}
