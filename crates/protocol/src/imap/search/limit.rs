//! Which messages Dovecot asks at all: what it knows of the mailbox as a whole can tell it that none can match, or none before
//! a certain one. For flags that became one key that is sometimes wrong.

use std::ops::Range;

use bait::{Entry, Flags};

use super::key::{Key, Node};

/// The positions of the messages that are asked; `highest` is the mailbox' mod-sequence.
pub fn asked(keys: &[Node], entries: &[Entry], highest: u64) -> Range<usize> {
    let mut first = 0;
    for node in keys {
        let flags = match &node.key {
            Key::All if node.not => return 0..0,
            Key::Modseq { least, .. } if *least > highest => return 0..0,
            Key::Flags(flags) => *flags,
            _ => continue,
        };
        let has = |flag| move |entry: &Entry| entry.marks.flags.contains(flag);
        if flags.contains(Flags::SEEN) {
            let unseen = entries.iter().position(|entry| !has(Flags::SEEN)(entry));
            match unseen {
                None if node.not => return 0..0,
                Some(unseen) if node.not => first = first.max(unseen),
                _ => {}
            }
        }
        if flags.contains(Flags::DELETED) && node.not && entries.iter().all(has(Flags::DELETED)) {
            return 0..0;
        }
    }
    first.min(entries.len())..entries.len()
}
