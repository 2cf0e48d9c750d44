//! The index of a world's mailboxes, as Dovecot keeps one (src/lib-storage/list/mailbox-list-index*.c) and as clients of NOTIFY
//! are told of it: which names there are, in the order in which they came to be, and what is known of each mailbox.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::folder::Folder;

/// Names in one index. The parents that further mailboxes imply are not in it.
const MOST_NODES: usize = 1_000;

/// A name in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Larger than that of every name that came before.
    pub uid: u64,
    /// In UTF-8.
    pub name: String,
    /// The UIDVALIDITY of the mailbox that came with the name; `None` for one that only had others below it.
    pub uid_validity: Option<u32>,
}

/// What the index knows of a mailbox; all 0 where nobody has looked at it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Numbers {
    /// UIDVALIDITY.
    pub uid_validity: u32,
    /// UIDNEXT.
    pub uid_next: u32,
    /// Messages.
    pub messages: usize,
    /// Those without `\Seen`.
    pub unseen: usize,
    /// Those with `\Recent`.
    pub recent: usize,
    /// The highest mod-sequence.
    pub modseq: u64,
}

/// The index.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    separator: char,
    nodes: Arc<Vec<Node>>,
    next: u64,
    /// A mailbox has another name, and nobody has read the names since.
    pub(crate) behind: bool,
}

impl Listing {
    /// That of these mailboxes. INBOX comes behind all others that are there from the beginning.
    pub(crate) fn new(folders: &[Arc<Folder>], separator: char) -> Self {
        let mut listing = Self { separator, nodes: Arc::default(), next: 1, behind: false };
        let made = folders.iter().position(|folder| folder.is_made()).unwrap_or(folders.len());
        let (first, made) = folders.split_at_checked(made).unwrap_or_default();
        let (inbox, first): (Vec<_>, Vec<_>) = first.iter().partition(|folder| folder.name == "INBOX");
        listing.add(first.into_iter().chain(inbox).chain(made));
        listing
    }

    /// What the UID of the next name will be.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// The names.
    pub(crate) const fn nodes(&self) -> &Arc<Vec<Node>> {
        &self.nodes
    }

    /// Takes in what has changed; says whether anything has.
    pub(crate) fn refresh(&mut self, folders: &[Arc<Folder>]) -> bool {
        self.behind = false;
        let separator = self.separator;
        let present: BTreeSet<&str> =
            folders.iter().flat_map(|folder| with_parents(&folder.name, separator)).collect();
        let before = self.nodes.len();
        if self.nodes.iter().any(|node| !present.contains(node.name.as_str())) {
            Arc::make_mut(&mut self.nodes).retain(|node| present.contains(node.name.as_str()));
        }
        let kept = self.nodes.len();
        self.add(folders.iter());
        before != kept || kept != self.nodes.len()
    }

    /// Adds the names that are not there, and the mailboxes of those that were without one and are known by now.
    fn add<'a>(&mut self, folders: impl Iterator<Item = &'a Arc<Folder>>) {
        let known: BTreeSet<String> = self.nodes.iter().map(|node| node.name.clone()).collect();
        let mut new: Vec<Node> = Vec::new();
        let mut added = BTreeSet::new();
        for folder in folders {
            for name in with_parents(&folder.name, self.separator) {
                let own = name == folder.name;
                if known.contains(name) || added.contains(name) {
                    let with = |node: &&Node| node.name == name && node.uid_validity.is_none();
                    if own
                        && folder.numbers().uid_validity != 0
                        && self.nodes.iter().chain(&new).any(|node| with(&node))
                    {
                        let nodes = Arc::make_mut(&mut self.nodes).iter_mut().chain(&mut new);
                        nodes.filter(|node| node.name == name).for_each(|node| {
                            node.uid_validity = Some(folder.uid_validity);
                        });
                    }
                } else if known.len() + new.len() < MOST_NODES {
                    let uid_validity = own.then_some(folder.uid_validity);
                    added.insert(name.to_owned());
                    new.push(Node { uid: self.next, name: name.to_owned(), uid_validity });
                    self.next += 1;
                }
            }
        }
        if !new.is_empty() {
            Arc::make_mut(&mut self.nodes).append(&mut new);
        }
    }
}

/// The parents of a name, then the name.
fn with_parents(name: &str, separator: char) -> impl Iterator<Item = &str> {
    name.match_indices(separator).filter_map(|(place, _)| name.get(..place)).chain(std::iter::once(name))
}
