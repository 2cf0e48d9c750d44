//! The maildrop (RFC 1939 section 3): INBOX as it stood at login, less what the session has deleted.

use std::collections::BTreeSet;
use std::sync::Arc;

use bait::{Entry, Flags, Folder, Message};

use crate::pop3::texts::Phrase;
use crate::pop3::turn::Fault;
use crate::text::Slot;
use crate::visitor::SharedWorld;

const NAME: &str = "INBOX";

/// One session's view of INBOX.
#[derive(Debug)]
pub struct Maildrop {
    world: Arc<SharedWorld>,
    /// Whether QUIT changes the mail: removes what is deleted, and marks what was read.
    lasting: bool,
    uid_validity: u32,
    /// What was there at login.
    entries: Arc<Vec<Entry>>,
    /// Positions, from 0, of what is deleted.
    deleted: BTreeSet<usize>,
    /// Positions of what was read, and was not before.
    read: BTreeSet<usize>,
    /// Octets of what is not deleted.
    octets: u64,
}

impl Maildrop {
    /// INBOX of this world; nothing where it has none. What is opened to be changed is `\Recent` to nobody else.
    pub fn open(world: Arc<SharedWorld>, lasting: bool) -> Self {
        let (uid_validity, entries) = world.lend(|world| {
            let inbox = world.folder(NAME);
            let inbox =
                inbox.map_or((1, Arc::default()), |inbox| (inbox.uid_validity, Arc::clone(inbox.list())));
            if lasting {
                world.forget_recent(NAME);
            }
            inbox
        });
        let octets = octets(&entries);
        let (deleted, read) = (BTreeSet::new(), BTreeSet::new());
        Self { world, lasting, uid_validity, entries, deleted, read, octets }
    }

    /// The mailbox's name.
    pub const fn name() -> &'static str {
        NAME
    }

    /// RFC 1939 section 6: removes what is deleted, and marks what was read.
    pub fn update(&self) {
        let changed = !self.deleted.is_empty() || !self.read.is_empty();
        if !self.lasting || !changed {
            return;
        }
        let entry = |position: &usize| self.entries.get(*position);
        self.world.lend(|world| {
            let Some(inbox) = world.folder_mut(NAME) else { return };
            let list = Arc::clone(inbox.list());
            let mut marked = false;
            for uid in self.read.iter().filter_map(entry).map(|entry| entry.message.uid) {
                if let Some(now) = present(&list, uid) {
                    marked |= inbox.mark(now, now.marks.flags | Flags::SEEN, now.marks.keywords);
                }
            }
            if marked {
                inbox.count_change();
            }
            inbox.expunge(self.deleted.iter().filter_map(entry).map(|entry| entry.message.uid));
        });
    }

    /// What STAT says: the messages that are left, and their octets.
    pub fn counts(&self) -> [(Slot, String); 2] {
        let left = self.entries.len().saturating_sub(self.deleted.len());
        [(Slot::Exists, left.to_string()), (Slot::Size, self.octets.to_string())]
    }

    /// The message of that number, from 1, unless it is deleted.
    pub fn message(&self, number: u32) -> Result<&Arc<Message>, Fault> {
        let position = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        let message = position.and_then(|position| self.entries.get(position));
        let message =
            message.ok_or_else(|| Fault::with(Phrase::NoSuchMessage, number.to_string().into_bytes()))?;
        if position.is_some_and(|position| self.deleted.contains(&position)) {
            return Err(Phrase::MessageDeleted.into());
        }
        Ok(&message.message)
    }

    /// The same, unless another session has expunged it.
    pub fn readable(&self, number: u32) -> Result<&Arc<Message>, Fault> {
        let message = self.message(number)?;
        let gone = |inbox: &Folder| inbox.is_gone(message.uid);
        if self.world.lend(|world| world.folder(NAME).is_some_and(gone)) {
            return Err(Fault::with(Phrase::MessageExpunged, number.to_string().into_bytes()));
        }
        Ok(message)
    }

    /// Notes that a message was read.
    pub fn note_read(&mut self, number: u32) {
        let position = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        let entry = position.and_then(|position| Some((position, self.entries.get(position)?)));
        if let Some((position, entry)) = entry
            && !entry.marks.flags.contains(Flags::SEEN)
        {
            self.read.insert(position);
        }
    }

    /// The first message from this position, from 0, on that is not deleted; with its position.
    pub fn next_from(&self, position: usize) -> Option<(usize, &Message)> {
        let rest = self.entries.iter().enumerate().skip(position);
        rest.map(|(position, entry)| (position, &*entry.message))
            .find(|(position, _)| !self.deleted.contains(position))
    }

    /// Its unique-id (RFC 1939 section 7) as Dovecot makes it: UID and UIDVALIDITY in hexadecimal.
    pub fn unique_id(&self, message: &Message) -> String {
        format!("{:08x}{:08x}", message.uid, self.uid_validity)
    }

    /// Hides the message of that number from the rest of the session.
    pub fn delete(&mut self, number: u32) -> Result<(), Fault> {
        let size = self.message(number)?.size();
        if let Some(position) = usize::try_from(number).ok().and_then(|number| number.checked_sub(1)) {
            self.deleted.insert(position);
            self.octets = self.octets.saturating_sub(size as u64);
        }
        Ok(())
    }

    /// Shows again what was deleted, and takes what was read for not read.
    pub fn reset(&mut self) {
        self.read = BTreeSet::new();
        if !self.deleted.is_empty() {
            self.deleted = BTreeSet::new();
            self.octets = octets(&self.entries);
        }
    }

    /// Whether anything is deleted.
    pub fn is_changed(&self) -> bool {
        !self.deleted.is_empty()
    }
}

fn octets(entries: &[Entry]) -> u64 {
    entries.iter().map(|entry| entry.message.size() as u64).sum()
}

fn present(list: &[Entry], uid: u32) -> Option<&Entry> {
    list.binary_search_by_key(&uid, |entry| entry.message.uid).ok().and_then(|place| list.get(place))
}
