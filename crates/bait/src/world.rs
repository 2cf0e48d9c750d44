//! A visitor's own world: the corpus, and on top of it what the visitor has changed. Copied on write: what is not changed
//! is shared with everybody.
//!
//! Bounded in mailboxes, messages and octets. Not here: who is told of a change and when (the sessions), and for how long
//! a world is kept (the driver).

use std::sync::Arc;

use bytes::Bytes;
use jiff::ZonedDateTime;

use crate::corpus::{Corpus, Mailbox};
use crate::flags::Flags;
use crate::folder::{Entry, Folder};
use crate::message::Message;

/// Mailboxes of one world.
const MOST_FOLDERS: usize = 200;
/// Messages that a visitor has added, by any way.
const MOST_ADDED: usize = 2_000;
/// Octets of messages that a visitor has appended.
const MOST_OCTETS: usize = 2 << 20;
/// Subscriptions.
const MOST_SUBSCRIPTIONS: usize = 400;

/// The mail as one visitor sees it.
#[derive(Debug, Default)]
pub struct World {
    folders: Vec<Folder>,
    subscriptions: Vec<String>,
    left_behind: Vec<String>,
    /// Larger than every UIDVALIDITY in it.
    next_validity: u32,
    added: usize,
    octets: usize,
}

/// There is no room for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl World {
    /// The corpus, unchanged.
    pub fn new(corpus: &Corpus) -> Self {
        let folders: Vec<Folder> = corpus.mailboxes.iter().map(Folder::of).collect();
        let last = folders.iter().map(|folder| folder.uid_validity).max().unwrap_or_default();
        let next_validity = last.saturating_add(1);
        Self {
            folders,
            subscriptions: corpus.subscriptions.clone(),
            left_behind: Vec::new(),
            next_validity,
            added: 0,
            octets: 0,
        }
    }

    /// The mailboxes, in the order in which they came to be; INBOX first.
    pub fn folders(&self) -> &[Folder] {
        &self.folders
    }

    /// The names subscribed to, in that order.
    pub fn subscriptions(&self) -> &[String] {
        &self.subscriptions
    }

    /// The mailbox of that name; INBOX in any case.
    pub fn folder(&self, name: &str) -> Option<&Folder> {
        self.folders.iter().find(|folder| folder.is(name))
    }

    /// The same, to be changed.
    pub fn folder_mut(&mut self, name: &str) -> Option<&mut Folder> {
        self.folders.iter_mut().find(|folder| folder.is(name))
    }

    /// Whether a mailbox lies below that name.
    pub fn has_children(&self, name: &str, separator: char) -> bool {
        self.folders.iter().any(|folder| below(&folder.name, name, separator).is_some())
    }

    /// Takes over what has arrived in the corpus since.
    pub fn arrive(&mut self, corpus: &Corpus) {
        for mailbox in &corpus.mailboxes {
            if let Some(folder) = self.folders.iter_mut().find(|folder| folder.name == mailbox.name) {
                folder.arrive(mailbox);
            }
        }
    }

    /// A new mailbox; the name is free.
    pub fn create(&mut self, name: &str) -> Result<(), Full> {
        if self.folders.len() >= MOST_FOLDERS {
            return Err(Full);
        }
        let uid_validity = self.next_validity;
        self.next_validity = uid_validity.checked_add(1).ok_or(Full)?;
        let empty = Mailbox { name: name.to_owned(), uid_validity, uid_next: 1, messages: Vec::new() };
        self.folders.push(Folder::made(&Arc::new(empty)));
        Ok(())
    }

    /// Removes a mailbox; says whether there was one.
    pub fn delete(&mut self, name: &str, separator: char) -> bool {
        let before = self.folders.len();
        self.folders.retain(|folder| folder.name != name);
        let deleted = self.folders.len() < before;
        if deleted && self.has_children(name, separator) && self.left_behind.len() < MOST_FOLDERS {
            self.left_behind.push(name.to_owned());
        }
        deleted
    }

    /// Whether a mailbox of that name was deleted while others lay below it: Dovecot goes on listing it as if it were there.
    pub fn is_left_behind(&self, name: &str) -> bool {
        self.left_behind.iter().any(|left| left == name)
    }

    /// Gives a mailbox, and all below it, another name; says whether there was one.
    pub fn rename(&mut self, from: &str, to: &str, separator: char) -> bool {
        let mut found = false;
        for folder in &mut self.folders {
            if folder.name == from {
                to.clone_into(&mut folder.name);
                found = true;
            } else if let Some(rest) = below(&folder.name, from, separator) {
                folder.name = format!("{to}{separator}{rest}");
                found = true;
            }
        }
        found
    }

    /// Subscribes to a name, or no longer.
    pub fn subscribe(&mut self, name: &str, wanted: bool) -> Result<(), Full> {
        let known = self.subscriptions.iter().any(|known| known == name);
        if wanted && !known {
            if self.subscriptions.len() >= MOST_SUBSCRIPTIONS {
                return Err(Full);
            }
            self.subscriptions.push(name.to_owned());
        } else if !wanted {
            self.subscriptions.retain(|known| known != name);
        }
        Ok(())
    }

    /// Puts a message into a mailbox, `\Recent`; its UID.
    pub fn append(
        &mut self,
        name: &str,
        flags: Flags,
        keywords: &[String],
        date: ZonedDateTime,
        bytes: Bytes,
    ) -> Result<u32, Full> {
        let octets = self.octets.saturating_add(bytes.len());
        if octets > MOST_OCTETS || self.added >= MOST_ADDED {
            return Err(Full);
        }
        let folder = self.folder_mut(name).ok_or(Full)?;
        let keywords = folder.keyword_bits(keywords);
        let uid =
            folder.add(|uid| Message::new(uid, flags | Flags::RECENT, date, bytes, Vec::new()), keywords)?;
        self.octets = octets;
        self.added += 1;
        Ok(uid)
    }

    /// Puts copies of messages, with their marks, into a mailbox; their UIDs. `keywords` are the names of the bits.
    pub fn copy(&mut self, entries: &[Entry], keywords: &[String], to: &str) -> Result<Vec<u32>, Full> {
        if self.added.saturating_add(entries.len()) > MOST_ADDED {
            return Err(Full);
        }
        self.added += entries.len();
        let folder = self.folder_mut(to).ok_or(Full)?;
        let copied = entries.iter().map(|Entry { message, marks }| {
            let names = keywords.iter().enumerate().filter(|(bit, _)| marks.keywords >> bit & 1 == 1);
            let names: Vec<String> = names.map(|(_, name)| name.clone()).collect();
            let bits = folder.keyword_bits(&names);
            let (date, bytes) = (message.internal_date.clone(), message.bytes.clone());
            let flags = marks.flags | Flags::RECENT;
            folder.add(|uid| Message::new(uid, flags, date, bytes, message.slots.clone()), bits)
        });
        copied.collect()
    }
}

/// What stands behind `parent` and the separator in a name.
fn below<'a>(name: &'a str, parent: &str, separator: char) -> Option<&'a str> {
    name.strip_prefix(parent)?.strip_prefix(separator).filter(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    fn date() -> ZonedDateTime {
        Timestamp::UNIX_EPOCH.to_zoned_datetime(TimeZone::UTC)
    }

    fn corpus(uids: &[u32]) -> Corpus {
        let message = |uid: &u32| {
            Arc::new(Message::new(*uid, Flags::NONE, date(), Bytes::from_static(b"x"), Vec::new()))
        };
        let messages: Vec<_> = uids.iter().map(message).collect();
        let uid_next = uids.last().map_or(1, |uid| uid + 1);
        let inbox = Mailbox { name: "INBOX".into(), uid_validity: 7, uid_next, messages };
        Corpus { mailboxes: vec![Arc::new(inbox)], subscriptions: Vec::new() }
    }

    fn uids(world: &World) -> Vec<u32> {
        world.folder("inbox").unwrap().entries().map(|entry| entry.message.uid).collect()
    }

    #[test]
    fn what_arrives_after_an_append_has_a_uid_of_its_own() {
        let mut world = World::new(&corpus(&[3]));
        assert_eq!(world.append("INBOX", Flags::SEEN, &[], date(), Bytes::from_static(b"y")), Ok(4));
        world.arrive(&corpus(&[3, 4]));
        assert_eq!(uids(&world), [3, 4, 5]);
        world.arrive(&corpus(&[3, 4, 9]));
        assert_eq!(uids(&world), [3, 4, 5, 9]);
        world.folder_mut("INBOX").unwrap().expunge([4, 9]);
        assert_eq!(uids(&world), [3, 5]);
    }

    #[test]
    fn there_is_an_end_to_everything() {
        let mut world = World::new(&corpus(&[3]));
        let big = Bytes::from(vec![b'x'; MOST_OCTETS / 2]);
        assert!(world.append("INBOX", Flags::NONE, &[], date(), big.clone()).is_ok());
        assert!(world.append("INBOX", Flags::NONE, &[], date(), big.clone()).is_ok());
        assert_eq!(world.append("INBOX", Flags::NONE, &[], date(), big), Err(Full));
        let all: Vec<Entry> = world.folder("INBOX").unwrap().entries().collect();
        let copies = (0..10_000).take_while(|_| world.copy(&all, &[], "INBOX").is_ok()).count();
        assert!(copies * all.len() <= MOST_ADDED);
        let made = (0..10_000).take_while(|number| world.create(&format!("box-{number}")).is_ok()).count();
        assert_eq!(made, MOST_FOLDERS - 1);
        let folder = world.folder_mut("INBOX").unwrap();
        let names: Vec<String> = (0..1000).map(|number| format!("k{number}")).collect();
        assert_eq!(folder.keyword_bits(&names), u64::MAX);
    }

    #[test]
    fn names_move_with_all_below() {
        let mut world = World::new(&corpus(&[3]));
        for name in ["a", "a.b", "ab"] {
            world.create(name).unwrap();
        }
        assert!(world.has_children("a", '.') && !world.has_children("ab", '.'));
        assert!(world.rename("a", "x.y", '.'));
        let names: Vec<&str> = world.folders().iter().map(|folder| folder.name.as_str()).collect();
        assert_eq!(names, ["INBOX", "x.y", "x.y.b", "ab"]);
        assert!(world.delete("x.y", '.') && world.is_left_behind("x.y") && !world.delete("x.y", '.'));
    }
}
