//! What is told of a message that is gone: what was read from it before, and otherwise that there is nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::item::{Item, Previewing};
use super::structure;

/// Messages of which something is remembered. More are not.
const MOST: usize = 100_000;

/// What was read from messages in a session, by UIDVALIDITY and UID: Dovecot's cache.
#[derive(Debug, Default)]
pub struct Known {
    messages: BTreeMap<(u32, u32), u8>,
    /// The mailboxes of which previews were wanted, by UIDVALIDITY: what is added there has one at once.
    previewed: BTreeSet<u32>,
}

const PREVIEW: u8 = 1;
const STRUCTURE: u8 = 2;
const DATE: u8 = 4;
const ENVELOPE: u8 = 8;

impl Known {
    /// Notes that an item was told of a message.
    pub fn note(&mut self, place: (u32, u32), item: &Item) {
        let bit = match item {
            // The text of a preview is found by the structure.
            Item::Preview(_) => PREVIEW | STRUCTURE,
            item => bit(item),
        };
        if bit > 0 && (self.messages.len() < MOST || self.messages.contains_key(&place)) {
            *self.messages.entry(place).or_default() |= bit;
        }
    }

    /// Whether it is known without looking at the message.
    pub fn has(&self, place: (u32, u32), item: &Item) -> bool {
        let bit = bit(item) & !ENVELOPE;
        bit > 0 && self.messages.get(&place).is_some_and(|bits| bits & bit > 0)
    }

    /// Whether its envelope was told before. Of a message that is gone it is not told all the same.
    pub fn has_envelope(&self, place: (u32, u32)) -> bool {
        self.messages.get(&place).is_some_and(|bits| bits & ENVELOPE > 0)
    }

    /// Notes that previews of a mailbox were wanted.
    pub fn want_previews(&mut self, uid_validity: u32) {
        if self.previewed.len() < MOST {
            self.previewed.insert(uid_validity);
        }
    }

    /// Notes that a message was added.
    pub fn add(&mut self, uid_validity: u32, uid: u32) {
        if self.previewed.contains(&uid_validity) && self.messages.len() < MOST {
            self.messages.insert((uid_validity, uid), PREVIEW | STRUCTURE);
        }
    }

    /// A copy in the same mailbox is known as the message is.
    pub fn copy(&mut self, uid_validity: u32, from: u32, to: u32) {
        if let Some(bits) = self.messages.get(&(uid_validity, from)).copied()
            && self.messages.len() < MOST
        {
            self.messages.insert((uid_validity, to), bits);
        }
    }
}

fn bit(item: &Item) -> u8 {
    match item {
        Item::Preview(_) => PREVIEW,
        Item::Body | Item::BodyStructure => STRUCTURE,
        Item::InternalDate => DATE,
        Item::Envelope => ENVELOPE,
        _ => 0,
    }
}

/// What stands for an item of a message that is gone; `None` for what is known all the same.
pub fn nothing(item: &Item) -> Option<Vec<u8>> {
    let never = "\"01-Jan-1970 00:00:00 +0000\"";
    Some(match item {
        Item::Uid | Item::Flags | Item::Modseq | Item::MailboxName | Item::RealUid => return None,
        Item::Envelope => b"ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)".to_vec(),
        Item::InternalDate => format!("INTERNALDATE {never}").into_bytes(),
        Item::Size => b"RFC822.SIZE 0".to_vec(),
        Item::Body => structure::NOTHING.to_vec(),
        Item::BodyStructure => structure::NOTHING_EXTENDED.to_vec(),
        Item::SaveDate { old: true } => format!("X-SAVEDATE {never}").into_bytes(),
        Item::SaveDate { old: false } => b"SAVEDATE NIL".to_vec(),
        Item::Guid => b"X-GUID ".to_vec(),
        Item::Preview(Previewing { snippet: true, .. }) => b"SNIPPET NIL".to_vec(),
        Item::Preview(_) => b"PREVIEW NIL".to_vec(),
        Item::Section(section) => {
            [&section.label[..], if section.size_only { b" 0" } else { b" NIL" }].concat()
        }
    })
}

/// What is told of a message whose mailbox is gone: what stands in front of the first item that needs the message, if that is one
/// which would not have been held back with them. `seen` is told where the message was marked as seen.
pub fn at_hand<'a>(items: &'a [Item], seen: Option<&'a Item>) -> Vec<&'a Item> {
    let missing = items.iter().find(|item| item.needs_file());
    if missing.is_none_or(Item::is_from_index) {
        return Vec::new();
    }
    let mut told: Vec<&Item> = items.iter().take_while(|item| !item.needs_file()).collect();
    told.extend(seen.filter(|seen| !told.contains(seen)));
    if told.is_empty() {
        told.push(&Item::Uid);
    }
    told
}
