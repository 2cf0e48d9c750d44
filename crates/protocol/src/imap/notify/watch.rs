//! What NOTIFY tells of mailboxes that are not open: what has become of the index of mailboxes since it was last looked at
//! (Dovecot's src/lib-storage/list/mailbox-list-index-notify.c and src/imap/imap-notify.c).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bait::{Folder, Node, Numbers, World};

use super::asked::{EXPUNGE, Events, FLAGS, Group, MESSAGES, NAME, NEW, SUBSCRIPTION};
use crate::imap::Service;
use crate::imap::status;
use crate::imap::string::push_astring;
use crate::session::Actions;

/// The mailboxes that are watched, and what the client knows of them.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
pub struct Watch {
    groups: Vec<Group>,
    /// All their events.
    events: Events,
    nodes: Arc<Vec<Node>>,
    /// The UID that the next name was to have.
    next: u64,
    subscriptions: Arc<Vec<String>>,
    /// What was last told of the mailboxes that were there at first. Of others Dovecot tells everything each time.
    told: BTreeMap<String, Numbers>,
    /// What was last seen of each mailbox in the index.
    seen: BTreeMap<u64, Seen>,
    /// What was last seen of INBOX, of which the index knows next to nothing.
    inbox: Numbers,
    inbox_touched: Option<u64>,
    /// INBOX has changed.
    inbox_pending: bool,
    changes: u64,
    /// Whether changes of the index, and of INBOX, are heard of when they happen. Dovecot takes the second of two watches of a
    /// file away with the first, so that of two NOTIFY in a row the second hears of nothing.
    hears: bool,
    hears_inbox: bool,
    /// It hears that the watch is taken away, and so what was done until then.
    last_heard: bool,
    /// Something has changed unheard.
    pub unheard: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    uid_validity: u32,
    touched: u64,
    numbers: Numbers,
}

/// Who is told.
#[derive(Debug, Clone, Copy)]
pub struct Listener<'a> {
    /// The texts.
    pub service: &'a Service,
    /// The open mailbox.
    pub open: Option<&'a str>,
    /// Whether mod-sequences are told.
    pub condstore: bool,
}

impl Watch {
    /// Of these groups, from now on, in place of another.
    pub fn new(groups: Vec<Group>, world: &mut World, separator: char, before: Option<&Self>) -> Self {
        let events = groups.iter().fold(0, |all, group| all | group.events);
        let mut watch = Self {
            groups,
            events,
            nodes: world.nodes(separator),
            next: world.next_node(),
            subscriptions: world.subscribed(),
            told: BTreeMap::new(),
            seen: BTreeMap::new(),
            inbox: world.folder("INBOX").map(Folder::numbers).unwrap_or_default(),
            inbox_touched: world.folder("INBOX").map(Folder::touched),
            inbox_pending: false,
            changes: world.changes(),
            hears: !before.is_some_and(|before| before.hears),
            hears_inbox: events & MESSAGES != 0 && !before.is_some_and(|before| before.hears_inbox),
            last_heard: true,
            unheard: false,
        };
        for (uid, _, folder) in known(&watch.nodes, world) {
            watch.seen.insert(uid, Seen::of(folder));
            watch.told.insert(folder.name.clone(), indexed(folder));
        }
        watch
    }

    /// The mailboxes of the groups, if any is about messages, in the order in which Dovecot lists them: what came last comes
    /// first, and what lies below a mailbox right behind it.
    pub fn names(&self, world: &World, separator: char) -> Vec<String> {
        if self.events & MESSAGES == 0 {
            return Vec::new();
        }
        let uids: BTreeMap<&str, u64> = self.nodes.iter().map(|node| (&*node.name, node.uid)).collect();
        let place = |name: &str| -> Vec<std::cmp::Reverse<u64>> {
            let ends = name.match_indices(separator).map(|(end, _)| end).chain([name.len()]);
            let parts = ends.filter_map(|end| name.get(..end));
            parts.map(|part| std::cmp::Reverse(uids.get(part).copied().unwrap_or_default())).collect()
        };
        let wanted = world.folders().filter(|folder| self.wants(&folder.name, u8::MAX, world, separator));
        let mut names: Vec<String> = wanted.map(|folder| folder.name.clone()).collect();
        names.sort_by_cached_key(|name| place(name));
        names
    }

    fn wants(&self, name: &str, events: Events, world: &World, separator: char) -> bool {
        self.groups.iter().any(|group| group.events & events != 0 && group.holds(name, world, separator))
    }

    /// Looks whether the world has changed; says whether that is heard of.
    pub fn hears(&mut self, world: &World) -> bool {
        let last = std::mem::take(&mut self.last_heard);
        let (hears, hears_inbox) =
            (self.hears || last, self.hears_inbox || (last && self.events & MESSAGES != 0));
        if std::mem::replace(&mut self.changes, world.changes()) == world.changes() {
            return false;
        }
        let touched = world.folder("INBOX").map(Folder::touched);
        let inbox = std::mem::replace(&mut self.inbox_touched, touched) != touched;
        self.inbox_pending |= inbox && hears_inbox;
        self.unheard |= !hears || (inbox && !hears_inbox);
        hears || (inbox && hears_inbox)
    }

    /// Takes notice of what was not heard.
    pub const fn look(&mut self) {
        self.unheard = false;
        self.inbox_pending = self.events & MESSAGES != 0;
    }

    /// Tells what has changed; whether numbers were read for it, and that is heard of.
    pub fn tell(&mut self, world: &mut World, to: Listener<'_>, out: &mut Actions) -> bool {
        let separator = to.service.texts.separator;
        let nodes = world.nodes(separator);
        let before = std::mem::replace(&mut self.nodes, Arc::clone(&nodes));
        // At a name that has come and gone meanwhile Dovecot tells what else is gone, and of the rest only INBOX.
        let next = std::mem::replace(&mut self.next, world.next_node());
        let came = nodes.iter().filter(|node| node.uid >= next).count() as u64;
        let stops = self.events & NAME != 0 && came < self.next.saturating_sub(next);
        if self.events & NAME != 0 {
            self.tell_names(&before, &nodes, stops, world, to, out);
        }
        if self.events & SUBSCRIPTION != 0 {
            self.tell_subscriptions(stops, world, to, out);
        }
        if self.events & MESSAGES == 0 {
            return false;
        }
        let mut told = Vec::new();
        for (uid, touched, folder) in known(&nodes, world) {
            if self
                .seen
                .get(&uid)
                .is_some_and(|seen| (seen.touched, seen.uid_validity) == (touched, folder.uid_validity))
            {
                continue;
            }
            let now = Seen::of(folder);
            let seen = self.seen.insert(uid, now).map(|seen| seen.numbers).unwrap_or_default();
            if seen == now.numbers || stops {
                continue;
            }
            let last = match self.told.get_mut(&folder.name) {
                Some(told) => std::mem::replace(told, now.numbers),
                None => Numbers::default(),
            };
            if self.tell_numbers(&last, &now.numbers, folder, world, to, out) {
                told.push(folder.name.clone());
            }
        }
        if std::mem::take(&mut self.inbox_pending)
            && let Some(inbox) = world.folder("INBOX")
        {
            let last = std::mem::replace(&mut self.inbox, inbox.numbers());
            self.tell_numbers(&last, &inbox.numbers(), inbox, world, to, out);
        }
        let present: BTreeSet<u64> = nodes.iter().map(|node| node.uid).collect();
        self.seen.retain(|uid, _| present.contains(uid));
        for name in &told {
            world.look_at(name);
        }
        self.hears && !told.is_empty()
    }

    /// What is gone, what has another name, what is new.
    fn tell_names(
        &self,
        before: &[Node],
        now: &[Node],
        stops: bool,
        world: &World,
        to: Listener<'_>,
        out: &mut Actions,
    ) {
        let separator = to.service.texts.separator;
        let uids = |nodes: &[Node]| nodes.iter().map(|node| node.uid).collect::<BTreeSet<u64>>();
        let (old, present) = (uids(before), uids(now));
        let gone: Vec<&Node> = before.iter().filter(|node| !present.contains(&node.uid)).collect();
        let new: Vec<&Node> = now.iter().filter(|node| !old.contains(&node.uid)).collect();
        let moved: BTreeMap<u32, &Node> =
            new.iter().filter_map(|node| Some((node.uid_validity?, *node))).collect();
        let goal = |node: &Node| node.uid_validity.and_then(|validity| moved.get(&validity).copied());
        let renamed: BTreeSet<u64> = gone.iter().filter_map(|node| Some(goal(node)?.uid)).collect();
        let lines = [
            gone.iter().filter(|node| goal(node).is_none()).map(|node| (*node, None, true)).collect(),
            gone.iter().filter_map(|node| Some((goal(node)?, Some(*node), false))).collect(),
            new.iter().filter(|node| !renamed.contains(&node.uid)).map(|node| (*node, None, false)).collect(),
        ];
        let lines = lines.into_iter().flat_map(|part: Vec<(&Node, Option<&Node>, bool)>| part);
        for (node, old, gone) in lines.filter(|(_, _, gone)| *gone || !stops) {
            if self.wants(&node.name, NAME, world, separator) {
                let attribute = if gone { &*to.service.texts.attributes.nonexistent } else { "" };
                tell_name(&node.name, old.map(|old| &*old.name), attribute, to, out);
            }
        }
    }

    fn tell_subscriptions(&mut self, stops: bool, world: &World, to: Listener<'_>, out: &mut Actions) {
        let now = world.subscribed();
        let before = std::mem::replace(&mut self.subscriptions, Arc::clone(&now));
        if stops || Arc::ptr_eq(&before, &now) {
            return;
        }
        let set = |names: &Arc<Vec<String>>| names.iter().cloned().collect::<BTreeSet<String>>();
        let (before, now) = (set(&before), set(&now));
        let separator = to.service.texts.separator;
        let subscribed = &*to.service.texts.attributes.subscribed;
        for (names, attribute) in [(now.difference(&before), subscribed), (before.difference(&now), "")] {
            for name in names.filter(|name| self.wants(name, SUBSCRIPTION, world, separator)) {
                tell_name(name, None, attribute, to, out);
            }
        }
    }

    /// The STATUS of a mailbox that has changed, where somebody wants it and there is anything to tell. Whether Dovecot writes
    /// down what it has read for that, which it does not where messages are gone.
    fn tell_numbers(
        &self,
        last: &Numbers,
        now: &Numbers,
        folder: &Folder,
        world: &World,
        to: Listener<'_>,
        out: &mut Actions,
    ) -> bool {
        let another = last.uid_validity != now.uid_validity;
        let added = last.uid_next != now.uid_next;
        let removed = last.messages > now.messages;
        let seen = last.unseen != now.unseen;
        let marked = last.modseq < now.modseq;
        let events = [(another, MESSAGES), (added, NEW), (removed, EXPUNGE), (seen || marked, FLAGS)];
        let events = events.iter().filter(|(so, _)| *so).fold(0, |all, (_, event)| all | event);
        let separator = to.service.texts.separator;
        if to.open == Some(&*folder.name) || !self.wants(&folder.name, events, world, separator) {
            return false;
        }
        let counts = another || added || removed;
        let items = [
            (counts, "MESSAGES"),
            (counts, "UIDNEXT"),
            (another, "UIDVALIDITY"),
            (counts || seen, "UNSEEN"),
            (to.condstore, "HIGHESTMODSEQ"),
        ];
        let items: Vec<&'static str> = items.iter().filter(|(so, _)| *so).map(|(_, item)| *item).collect();
        if items.is_empty() {
            return false;
        }
        // Dovecot writes these names in UTF-8.
        send(&status::line(folder.name.as_bytes(), folder, &items, None), out);
        !removed
    }
}

impl Seen {
    fn of(folder: &Folder) -> Self {
        Self { uid_validity: folder.uid_validity, touched: folder.touched(), numbers: indexed(folder) }
    }
}

/// The mailboxes that the index knows, with their places in it and what has been done to them.
fn known<'a>(nodes: &'a [Node], world: &'a World) -> impl Iterator<Item = (u64, u64, &'a Folder)> {
    let folders: BTreeMap<&str, &Folder> = world.folders().map(|folder| (&*folder.name, folder)).collect();
    nodes.iter().filter_map(move |node| {
        let folder = folders.get(&*node.name)?;
        Some((node.uid, folder.touched(), *folder))
    })
}

/// What the index knows of a mailbox; of INBOX only that it is there.
fn indexed(folder: &Folder) -> Numbers {
    let numbers = folder.numbers();
    match &*folder.name {
        "INBOX" => Numbers { uid_validity: numbers.uid_validity, ..Numbers::default() },
        _ => numbers,
    }
}

/// `* LIST (attribute) "." name ("OLDNAME" (old))`
fn tell_name(name: &str, old: Option<&str>, attribute: &str, to: Listener<'_>, out: &mut Actions) {
    let mut line = format!("LIST ({attribute}) \"{}\" ", to.service.texts.separator).into_bytes();
    push_astring(&mut line, name.as_bytes());
    if let Some(old) = old {
        line.extend_from_slice(b" (\"OLDNAME\" (");
        push_astring(&mut line, old.as_bytes());
        line.extend_from_slice(b"))");
    }
    send(&line, out);
}

fn send(line: &[u8], out: &mut Actions) {
    out.send(b"* ");
    out.send(line);
    out.send(b"\r\n");
}
