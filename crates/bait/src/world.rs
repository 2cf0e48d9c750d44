//! A visitor's own world: the corpus, and on top of it what the visitor has changed. Copied on write: what is not changed
//! is shared with everybody, down to the lists of messages.
//!
//! Bounded in mailboxes, messages and octets, and together with all other worlds by a [`Budget`]. Not here: who is told of a
//! change and when (the sessions), and for how long a world is kept (the driver).

mod counted;

use std::sync::Arc;

use bytes::Bytes;
pub use counted::Counted;
use jiff::ZonedDateTime;

use crate::budget::Budget;
use crate::corpus::{Corpus, Mailbox};
use crate::flags::Flags;
use crate::folder::{Entry, Folder};
use crate::listing::{Listing, Node};
use crate::message::Message;

/// Mailboxes of one world.
const MOST_FOLDERS: usize = 200;
/// Messages that a visitor has added, by any way.
const MOST_ADDED: usize = 2_000;
/// Octets of messages that a visitor has added, copies not counted.
const MOST_OCTETS: usize = 4 << 20;
/// Subscriptions.
const MOST_SUBSCRIPTIONS: usize = 400;
/// What a message takes of the budget beside its octets.
const MESSAGE_COST: usize = 512;
/// What a mailbox takes of the budget, with its keywords.
const FOLDER_COST: usize = 8 << 10;

/// What every world begins with.
#[derive(Debug, Default)]
pub struct Base {
    folders: Arc<Vec<Arc<Folder>>>,
    subscriptions: Arc<Vec<String>>,
    next_validity: u32,
}

impl Base {
    /// Worlds that begin with this corpus.
    pub fn new(corpus: &Corpus) -> Self {
        let folders: Vec<Arc<Folder>> = corpus.mailboxes.iter().map(Folder::of).map(Arc::new).collect();
        let last = folders.iter().map(|folder| folder.uid_validity).max().unwrap_or_default();
        let subscriptions = Arc::new(corpus.subscriptions.clone());
        Self { folders: Arc::new(folders), subscriptions, next_validity: last.saturating_add(1) }
    }
}

/// The mail as one visitor sees it.
#[derive(Debug, Default)]
pub struct World {
    folders: Arc<Vec<Arc<Folder>>>,
    subscriptions: Arc<Vec<String>>,
    left_behind: Vec<String>,
    /// The index of mailboxes, once somebody watches it.
    listing: Option<Listing>,
    /// Larger than every UIDVALIDITY in it.
    next_validity: u32,
    added: usize,
    octets: usize,
    /// Counts what may have changed.
    changes: u64,
    /// Whether there is an index of the names. No reason to keep a world.
    names_known: bool,
    budget: Arc<Budget>,
    /// Octets taken from the budget.
    taken: usize,
}

/// There is no room for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl World {
    /// The corpus, unchanged, with nobody to share room with.
    pub fn new(corpus: &Corpus) -> Self {
        Self::of(&Base::new(corpus), Arc::default())
    }

    /// What every world begins with, unchanged.
    pub fn of(base: &Base, budget: Arc<Budget>) -> Self {
        let (folders, subscriptions) = (Arc::clone(&base.folders), Arc::clone(&base.subscriptions));
        let (left_behind, listing, next_validity) = (Vec::new(), None, base.next_validity);
        let (added, octets, changes, taken) = (0, 0, 0, 0);
        Self {
            folders,
            subscriptions,
            left_behind,
            listing,
            next_validity,
            added,
            octets,
            changes,
            names_known: false,
            budget,
            taken,
        }
    }

    /// Grows with everything that may have changed it; 0 where nothing has.
    pub const fn changes(&self) -> u64 {
        self.changes
    }

    /// The mailboxes, in the order in which they came to be; INBOX first.
    pub fn folders(&self) -> impl Iterator<Item = &Folder> {
        self.folders.iter().map(|folder| &**folder)
    }

    /// The names subscribed to, in that order.
    pub fn subscriptions(&self) -> &[String] {
        &self.subscriptions
    }

    /// The same, to be kept.
    pub fn subscribed(&self) -> Arc<Vec<String>> {
        Arc::clone(&self.subscriptions)
    }

    /// The index of mailboxes, by ascending UID. It is kept from when it is first asked for.
    pub fn nodes(&mut self, separator: char) -> Arc<Vec<Node>> {
        let Self { listing, folders, .. } = self;
        Arc::clone(listing.get_or_insert_with(|| Listing::new(folders, separator)).nodes())
    }

    /// What the UID of the next name in the index will be.
    pub fn next_node(&self) -> u64 {
        self.listing.as_ref().map(Listing::next).unwrap_or_default()
    }

    /// Whether the index does not know yet that a mailbox has another name.
    pub fn is_list_behind(&self) -> bool {
        self.listing.as_ref().is_some_and(|listing| listing.behind)
    }

    /// The names are read: the index takes in what it does not know yet.
    pub fn refresh_list(&mut self) {
        if self.is_list_behind() {
            self.renew_list();
        }
    }

    fn renew_list(&mut self) {
        if let Some(listing) = &mut self.listing {
            self.changes += u64::from(listing.refresh(&self.folders));
        }
    }

    /// The mailbox of that name; INBOX in any case.
    pub fn folder(&self, name: &str) -> Option<&Folder> {
        self.folders().find(|folder| folder.is(name))
    }

    /// The same, to be changed: from here on it is this world's own.
    pub fn folder_mut(&mut self, name: &str) -> Option<&mut Folder> {
        let place = self.folders.iter().position(|folder| folder.is(name))?;
        self.changes += 1;
        Arc::make_mut(&mut self.folders).get_mut(place).map(Arc::make_mut)
    }

    /// Notes that a mailbox' index was read; says whether nobody had read it before.
    pub fn look_at(&mut self, name: &str) -> bool {
        self.know_names();
        self.refresh_list();
        if self.folder(name).is_some_and(|folder| !folder.is_looked_at())
            && let Some(folder) = self.folder_mut(name)
        {
            folder.look_at();
            return true;
        }
        false
    }

    /// Notes that somebody wants to know the mod-sequences of a mailbox.
    pub fn track(&mut self, name: &str) {
        if self.folder(name).is_some_and(|folder| !folder.is_tracked())
            && let Some(folder) = self.folder_mut(name)
        {
            folder.track();
        }
    }

    /// Notes that an index of the names was made.
    pub const fn know_names(&mut self) {
        self.names_known = true;
    }

    /// From now on nothing that is there is `\Recent`.
    pub fn forget_recent(&mut self, name: &str) {
        if self.folder(name).is_some_and(Folder::has_recent)
            && let Some(folder) = self.folder_mut(name)
        {
            folder.forget_recent();
        }
    }

    /// Whether a mailbox lies below that name.
    pub fn has_children(&self, name: &str, separator: char) -> bool {
        self.folders().any(|folder| below(&folder.name, name, separator).is_some())
    }

    /// Takes over what has arrived in the corpus since. What there is no room for is not shown, now or later.
    pub fn arrive(&mut self, corpus: &Corpus) {
        for mailbox in &corpus.mailboxes {
            let place = self.folders.iter().position(|folder| folder.name == mailbox.name);
            let news = |folder: &Arc<Folder>| folder.is_behind(mailbox);
            let Some(place) = place.filter(|place| self.folders.get(*place).is_some_and(news)) else {
                continue;
            };
            let Self { folders, added, octets, budget, taken, .. } = self;
            let room = |message: &Message| {
                let (size, cost) = (octets.saturating_add(message.size()), cost(message.size()));
                let fits = size <= MOST_OCTETS && *added < MOST_ADDED && budget.take(cost).is_ok();
                if fits {
                    *octets = size;
                    *added += 1;
                    *taken += cost;
                }
                fits
            };
            if let Some(folder) = Arc::make_mut(folders).get_mut(place) {
                Arc::make_mut(folder).arrive(mailbox, room);
            }
            self.changes += 1;
        }
    }

    /// A new mailbox; the name is free.
    pub fn create(&mut self, name: &str) -> Result<(), Full> {
        if self.folders.len() >= MOST_FOLDERS {
            return Err(Full);
        }
        self.know_names();
        let uid_validity = self.next_validity;
        self.next_validity = uid_validity.checked_add(1).ok_or(Full)?;
        self.take(FOLDER_COST)?;
        let empty = Mailbox { name: name.to_owned(), uid_validity, uid_next: 1, messages: Vec::new() };
        self.changes += 1;
        Arc::make_mut(&mut self.folders).push(Arc::new(Folder::made(&Arc::new(empty))));
        self.renew_list();
        Ok(())
    }

    fn take(&mut self, octets: usize) -> Result<(), Full> {
        self.budget.take(octets)?;
        self.taken += octets;
        Ok(())
    }

    /// Removes a mailbox; says whether there was one.
    pub fn delete(&mut self, name: &str, separator: char) -> bool {
        let Some(place) = self.folders.iter().position(|folder| folder.name == name) else { return false };
        self.changes += 1;
        Arc::make_mut(&mut self.folders).remove(place);
        let left_behind = self.names_known && self.has_children(name, separator);
        if left_behind && self.left_behind.len() < MOST_FOLDERS {
            self.left_behind.push(name.to_owned());
        }
        self.renew_list();
        true
    }

    /// Whether a mailbox of that name was deleted while others lay below it: Dovecot goes on listing it as if it were there,
    /// where it had an index of the names.
    pub fn is_left_behind(&self, name: &str) -> bool {
        self.left_behind.iter().any(|left| left == name)
    }

    /// Gives a mailbox, and all below it, another name; says whether there was one.
    pub fn rename(&mut self, from: &str, to: &str, separator: char) -> bool {
        self.know_names();
        let mut found = false;
        // Where it is no mailbox itself, Dovecot reads the names at once.
        let mailbox = self.folder(from).is_some();
        for folder in Arc::make_mut(&mut self.folders) {
            let name = match below(&folder.name, from, separator) {
                Some(rest) => format!("{to}{separator}{rest}"),
                None if folder.name == from => to.to_owned(),
                None => continue,
            };
            Arc::make_mut(folder).rename(name);
            found = true;
        }
        self.changes += 1;
        match &mut self.listing {
            Some(listing) if mailbox => listing.behind = true,
            _ => self.renew_list(),
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
            self.changes += 1;
            Arc::make_mut(&mut self.subscriptions).push(name.to_owned());
        } else if !wanted && known {
            self.changes += 1;
            Arc::make_mut(&mut self.subscriptions).retain(|known| known != name);
        }
        Ok(())
    }

    /// Puts a message into a mailbox, `\Recent`, at a time in seconds since 1970; its UID. `counted` is the same for all that is
    /// added at once.
    pub fn append(
        &mut self,
        name: &str,
        (flags, keywords): (Flags, &[String]),
        date: ZonedDateTime,
        bytes: Bytes,
        now: i64,
        counted: &mut Counted,
    ) -> Result<u32, Full> {
        let octets = self.octets.saturating_add(bytes.len());
        if octets > MOST_OCTETS || self.added >= MOST_ADDED {
            return Err(Full);
        }
        self.take(cost(bytes.len()))?;
        let folder = self.folder_mut(name).ok_or(Full)?;
        let keywords = folder.keyword_bits(keywords);
        let modseq = counted.modseq(folder.modseq, keywords);
        let message = |uid| Message::new(uid, flags | Flags::RECENT, date, bytes, Vec::new()).stored_at(now);
        let uid = folder.add(message, keywords, modseq)?;
        self.octets = octets;
        self.added += 1;
        Ok(uid)
    }

    /// Puts copies of messages, with their marks, into a mailbox; their UIDs. `keywords` are the names of the bits.
    pub fn copy(&mut self, entries: &[Entry], keywords: &[String], to: &str) -> Result<Vec<u32>, Full> {
        if self.added.saturating_add(entries.len()) > MOST_ADDED {
            return Err(Full);
        }
        self.take(entries.len().saturating_mul(MESSAGE_COST))?;
        self.added += entries.len();
        let folder = self.folder_mut(to).ok_or(Full)?;
        let mut counted = Counted::default();
        let copied = entries.iter().map(|Entry { message, marks }| {
            let names = keywords.iter().enumerate().filter(|(bit, _)| marks.keywords >> bit & 1 == 1);
            let names: Vec<String> = names.map(|(_, name)| name.clone()).collect();
            let bits = folder.keyword_bits(&names);
            let modseq = counted.modseq(folder.modseq, bits);
            folder.add(|uid| message.again(uid, marks.flags | Flags::RECENT), bits, modseq)
        });
        copied.collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.budget.give(self.taken);
    }
}

/// What a message of that size takes of the budget.
const fn cost(size: usize) -> usize {
    size.saturating_add(MESSAGE_COST)
}

/// What stands behind `parent` and the separator in a name.
fn below<'a>(name: &'a str, parent: &str, separator: char) -> Option<&'a str> {
    name.strip_prefix(parent)?.strip_prefix(separator).filter(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests;
