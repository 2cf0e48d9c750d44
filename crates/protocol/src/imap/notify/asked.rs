//! What a NOTIFY asks for (RFC 5465 section 8), read as Dovecot reads it.

use std::collections::BTreeSet;

use bait::World;

use crate::imap::arguments::Argument;
use crate::imap::fetch::{self, Item};
use crate::imap::texts::Phrase;
use crate::imap::turn::Fault;

/// The events that there are (RFC 5465 section 5), in Dovecot's order, and whether it has them.
const EVENTS: [(&str, bool); 8] = [
    ("MessageNew", true),
    ("MessageExpunge", true),
    ("FlagChange", true),
    ("AnnotationChange", false),
    ("MailboxName", true),
    ("SubscriptionChange", true),
    ("MailboxMetadataChange", false),
    ("ServerMetadataChange", false),
];

/// Events: bit n is the one at that place of [`EVENTS`].
pub type Events = u8;

pub const NEW: Events = 1;
pub const EXPUNGE: Events = 2;
pub const FLAGS: Events = 4;
const ANNOTATION: Events = 8;
pub const NAME: Events = 16;
pub const SUBSCRIPTION: Events = 32;
/// Those of messages.
pub const MESSAGES: Events = NEW | EXPUNGE | FLAGS;

/// Names in one group.
const MOST_NAMES: usize = 100;

/// Which mailboxes a group is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Subscribed,
    /// Those named and all below them; below the empty name are all: `personal`, and `inboxes` since nobody knows which those are.
    Subtree,
    Named,
}

/// Events of some mailboxes. Dovecot makes one of all groups of a kind that are about the same events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    which: Which,
    /// The events.
    pub events: Events,
    names: BTreeSet<String>,
}

impl Group {
    /// Whether it is about the mailbox of that name.
    pub fn holds(&self, name: &str, world: &World, separator: char) -> bool {
        match self.which {
            Which::Subscribed => world.subscriptions().iter().any(|known| known == name),
            Which::Named => self.names.contains(name),
            Which::Subtree => {
                let parents = name.match_indices(separator).filter_map(|(place, _)| name.get(..place));
                self.names.contains("")
                    || self.names.contains(name)
                    || parents.into_iter().any(|parent| self.names.contains(parent))
            }
        }
    }
}

/// What a NOTIFY asks for.
#[derive(Debug, Default, PartialEq)]
pub struct Asked {
    /// STATUS at once.
    pub status: bool,
    /// The events of the open mailbox, where it is named.
    pub selected: Option<Events>,
    /// Whether expunged messages are told at once.
    pub immediately: bool,
    /// What is fetched of new messages.
    pub news: Vec<Item>,
    /// Whether that has mod-sequences.
    pub names_modseq: bool,
    /// The groups.
    pub groups: Vec<Group>,
    /// All events of all groups.
    pub used: Events,
    most_names: usize,
}

impl Asked {
    /// Reads what stands behind `SET`, as far as it is sound.
    pub fn read(&mut self, groups: &[Argument<'_>], separator: char) -> Result<(), Fault> {
        let mut groups = groups;
        if let [word, rest @ ..] = groups
            && word.is_atom("STATUS")
        {
            self.status = true;
            groups = rest;
        }
        for group in groups {
            self.group(group.list().ok_or(Phrase::InvalidArguments)?, separator)?;
        }
        Ok(())
    }

    /// What nobody can have of it.
    pub fn check(&self) -> Result<(), Fault> {
        let used = |place: usize| self.used >> place & 1 == 1;
        let absent = EVENTS.iter().enumerate().filter(|(place, (_, known))| used(*place) && !known);
        let absent: Vec<&str> = absent.map(|(_, (name, _))| *name).collect();
        if !absent.is_empty() {
            return Err(Fault::with(Phrase::UnsupportedEvents, absent.join(" ")));
        }
        if self.most_names > MOST_NAMES { Err(Phrase::TooManyNames.into()) } else { Ok(()) }
    }

    fn group(&mut self, members: &[Argument<'_>], separator: char) -> Result<(), Fault> {
        let [filter, rest @ ..] = members else { return Err(Phrase::InvalidArguments.into()) };
        let filter = filter.atom().ok_or(Phrase::InvalidArguments)?.to_ascii_lowercase();
        if matches!(&filter[..], b"selected" | b"selected-delayed") {
            if self.selected.is_some() {
                return Err(Phrase::DuplicateSelected.into());
            }
            self.immediately = filter == b"selected";
            return self.selected(rest);
        }
        let takes_list = matches!(&filter[..], b"subtree" | b"mailboxes");
        let (names, rest) = match rest {
            [names, rest @ ..] if takes_list => (Some(names), rest),
            _ if takes_list => return Err(Phrase::InvalidArguments.into()),
            rest => (None, rest),
        };
        if names.and_then(Argument::list).is_some_and(<[_]>::is_empty) {
            return Err(Phrase::InvalidArguments.into());
        }
        if rest.first().is_some_and(|word| word.is_atom("NONE")) {
            return Ok(());
        }
        let members = rest.first().and_then(Argument::list).filter(|members| !members.is_empty());
        let members = members.ok_or(Phrase::InvalidArguments)?;
        let events = members.iter().try_fold(0, |events, member| Ok::<_, Fault>(events | event(member)?))?;
        self.used |= events;
        match (&filter[..], names) {
            (b"inboxes" | b"personal", _) => self.add(Which::Subtree, events, String::new(), separator),
            (b"subscribed", _) => self.add(Which::Subscribed, events, String::new(), separator),
            (b"subtree", Some(names)) => self.add_all(Which::Subtree, events, names, separator)?,
            (b"mailboxes", Some(names)) => self.add_all(Which::Named, events, names, separator)?,
            _ => return Err(Phrase::InvalidArguments.into()),
        }
        Ok(())
    }

    /// `NONE`, or events, of which `MessageNew` may have a list of what to fetch.
    fn selected(&mut self, rest: &[Argument<'_>]) -> Result<(), Fault> {
        let mut members = match rest {
            [word] if word.is_atom("NONE") => {
                self.selected = Some(0);
                return Ok(());
            }
            [Argument::List(members)] if !members.is_empty() => members.iter().peekable(),
            _ => return Err(Phrase::InvalidArguments.into()),
        };
        let mut events = 0;
        while let Some(member) = members.next() {
            let event = event(member)?;
            events |= event;
            if event == NEW
                && let Some(list) = members.next_if(|next| next.list().is_some())
            {
                if list.list().is_some_and(<[_]>::is_empty) {
                    return Err(Phrase::InvalidArguments.into());
                }
                let (read, names_modseq) = fetch::items(list);
                self.names_modseq |= names_modseq;
                self.news = read.map_err(|fault| match fault.phrase {
                    Phrase::UnknownFetchItem => Fault::with(Phrase::InvalidFetchList, fault.detail),
                    _ => Phrase::InvalidArguments.into(),
                })?;
            }
        }
        let (new, expunge) = (events & NEW != 0, events & EXPUNGE != 0);
        if new != expunge {
            return Err(Phrase::NewWithExpunge.into());
        }
        if events & (FLAGS | ANNOTATION) != 0 && !expunge {
            return Err(Phrase::FlagsWithExpunge.into());
        }
        self.used |= events;
        self.selected = Some(events);
        Ok(())
    }

    fn add_all(
        &mut self,
        which: Which,
        events: Events,
        names: &Argument<'_>,
        separator: char,
    ) -> Result<(), Fault> {
        for name in names.list().unwrap_or(std::slice::from_ref(names)) {
            let name = String::from_utf8_lossy(name.string().ok_or(Phrase::InvalidArguments)?).into_owned();
            self.add(which, events, name, separator);
        }
        Ok(())
    }

    /// Names are taken in UTF-8, as Dovecot does.
    fn add(&mut self, which: Which, events: Events, name: String, separator: char) {
        let head = name.get(..5).filter(|head| head.eq_ignore_ascii_case("INBOX"));
        let behind = name.get(5..).unwrap_or_default();
        let inbox = head.is_some() && (behind.is_empty() || behind.starts_with(separator));
        let name = if inbox { format!("INBOX{behind}") } else { name };
        let place = self.groups.iter().position(|group| group.which == which && group.events == events);
        if place.is_none() {
            self.groups.push(Group { which, events, names: BTreeSet::new() });
        }
        let place = place.unwrap_or(self.groups.len().saturating_sub(1));
        let Some(group) = self.groups.get_mut(place) else { return };
        if group.names.contains(&name) {
            return;
        }
        if which == Which::Subtree {
            let below = format!("{name}{separator}");
            let children = group.names.range(below.clone()..).take_while(|known| known.starts_with(&below));
            let children: Vec<String> = children.cloned().collect();
            for child in children {
                group.names.remove(&child);
            }
        }
        group.names.insert(name);
        self.most_names = self.most_names.max(group.names.len());
    }
}

fn event(argument: &Argument<'_>) -> Result<Events, Fault> {
    let known = EVENTS.iter().position(|(name, _)| argument.is_atom(name));
    known.map(|place| 1 << place).ok_or_else(|| Phrase::InvalidArguments.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::arguments;

    fn read(text: &str) -> Result<Asked, Phrase> {
        let arguments = arguments::parse(text.as_bytes()).expect("well-formed");
        let mut asked = Asked::default();
        asked.read(&arguments, '.').map(|()| asked).map_err(|fault| fault.phrase)
    }

    fn group(which: Which, events: Events, names: &[&str]) -> Group {
        Group { which, events, names: names.iter().map(|name| (*name).to_owned()).collect() }
    }

    #[test]
    fn what_is_asked() {
        let asked =
            read("STATUS (subtree (a b) (MessageNew)) (personal (FlagChange)) (subtree a (MessageNew))")
                .expect("sound");
        assert!(asked.status && asked.selected.is_none());
        assert_eq!(
            asked.groups,
            [group(Which::Subtree, NEW, &["a", "b"]), group(Which::Subtree, FLAGS, &[""])]
        );
        let delayed = read("(selected-delayed (MessageNew (UID) MessageExpunge))").expect("sound");
        assert_eq!((delayed.selected, delayed.news.len()), (Some(NEW | EXPUNGE), 1));
        assert!(!delayed.immediately);
        let inbox = read("(mailboxes (inbox iNbox.X inboxes) (MessageNew))").expect("sound");
        assert_eq!(inbox.groups, [group(Which::Named, NEW, &["INBOX", "INBOX.X", "inboxes"])]);
    }

    #[test]
    fn names_are_counted_for_each_kind_and_events() {
        let join = |from: usize, to: usize, before: &str| {
            (from..to).map(|n| format!("{before}{n}")).collect::<Vec<String>>().join(" ")
        };
        let names = |from, to| join(from, to, "n");
        let two = |from, to| {
            let (one, other) = (names(0, 100), names(from, to));
            read(&format!("(mailboxes ({one}) (MessageNew)) (mailboxes ({other}) (MessageNew))"))
        };
        assert!(two(0, 100).is_ok_and(|asked| asked.check().is_ok()));
        assert!(two(99, 101).is_ok_and(|asked| asked.check().is_err()));
        let below = join(0, 100, "a.n");
        let subtree = |last: &str| read(&format!("(subtree ({below} {last}) (MessageNew))"));
        assert!(subtree("a").is_ok_and(|asked| asked.check().is_ok() && asked.groups.len() == 1));
        assert!(subtree("b").is_ok_and(|asked| asked.check().is_err()));
    }

    #[test]
    fn faults() {
        for text in
            ["x", "()", "(selected)", "(selected ())", "(mailboxes () (MessageNew))", "(personal (Bogus))"]
        {
            assert_eq!(read(text), Err(Phrase::InvalidArguments), "{text}");
        }
        assert_eq!(read("(selected (MessageNew))"), Err(Phrase::NewWithExpunge));
        assert_eq!(read("(selected (FlagChange))"), Err(Phrase::FlagsWithExpunge));
        assert_eq!(read("(selected NONE) (selected NONE)"), Err(Phrase::DuplicateSelected));
    }
}
