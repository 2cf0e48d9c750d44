//! NOTIFY (RFC 5465): which changes of which mailboxes the client wants to hear of. Those of the open mailbox are told or kept
//! back by it; of the others STATUS answers are given when they are asked for.

use std::collections::BTreeSet;

use bait::World;

use crate::imap::arguments::Argument;
use crate::imap::fetch;
use crate::imap::folders::account;
use crate::imap::name::decoded_text;
use crate::imap::state::State;
use crate::imap::status;
use crate::imap::texts::Phrase;
use crate::imap::turn::{Fault, Turn};
use crate::imap::view::{Telling, enable_condstore};

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

/// Events by their place in [`EVENTS`].
type Events = BTreeSet<usize>;

const NEW: usize = 0;
const EXPUNGE: usize = 1;
const FLAGS: usize = 2;
const ANNOTATION: usize = 3;

/// Names in one command.
const MOST_NAMES: usize = 100;

/// Which mailboxes a group is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Which {
    /// All: `personal`, and `inboxes` since nobody knows which those are.
    All,
    Subscribed,
    /// These and all below them.
    Subtree(Vec<String>),
    These(Vec<String>),
}

/// What a NOTIFY asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    status: bool,
    selected: Option<Events>,
    immediately: bool,
    groups: Vec<(Which, Events)>,
    used: Events,
}

/// RFC 5465 section 3.
pub fn notify(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    let arguments = turn.parse()?;
    let asked = match arguments.as_slice() {
        [word, ..] if word.is_atom("NONE") => Asked::default(),
        [word, groups @ ..] if word.is_atom("SET") => parse(groups)?,
        _ => return Err(Phrase::InvalidArguments.into()),
    };
    let absent = asked.used.iter().filter_map(|event| EVENTS.get(*event)).filter(|(_, known)| !known);
    let absent: Vec<&str> = absent.map(|(name, _)| *name).collect();
    if !absent.is_empty() {
        return Err(Fault::with(Phrase::UnsupportedEvents, absent.join(" ")));
    }
    let most = asked.groups.iter().map(|(which, _)| match which {
        Which::Subtree(names) | Which::These(names) => names.len(),
        _ => 0,
    });
    if most.max().unwrap_or_default() > MOST_NAMES {
        return Err(Phrase::TooManyNames.into());
    }
    if asked.status {
        tell_status(turn, state, &asked)?;
    }
    let events = asked.selected.unwrap_or_default();
    let features = &mut account(state)?.features;
    features.mute_counts = !events.contains(&NEW);
    features.mute_flags = !events.contains(&FLAGS);
    features.immediate_expunges = asked.immediately;
    turn.sync(state, Telling::default());
    turn.complete();
    Ok(())
}

/// STATUS of the mailboxes of which messages are watched, but not of the open one.
fn tell_status(turn: &mut Turn<'_>, state: &mut State, asked: &Asked) -> Result<(), Fault> {
    let mut items = vec!["MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN"];
    let of_messages = |events: &Events| events.range(..=ANNOTATION).next().is_some();
    if !asked.groups.iter().any(|(_, events)| of_messages(events)) {
        return Ok(());
    }
    if asked.used.contains(&FLAGS) {
        items.push("HIGHESTMODSEQ");
        enable_condstore(turn, state);
    }
    let open = state.selected().map(|selected| selected.name.clone());
    let separator = turn.service.texts.separator;
    let world = &account(state)?.world;
    let (inbox, others): (Vec<_>, Vec<_>) = world.folders().partition(|folder| folder.name == "INBOX");
    for folder in inbox.into_iter().chain(others) {
        let wanted = asked.groups.iter().any(|(which, _)| which.holds(&folder.name, world, separator));
        if wanted && open.as_ref() != Some(&folder.name) {
            // Dovecot writes these names in UTF-8.
            let line = status::line(folder.name.as_bytes(), folder, &items, None);
            turn.untagged(&line);
        }
    }
    Ok(())
}

impl Which {
    fn holds(&self, name: &str, world: &World, separator: char) -> bool {
        match self {
            Self::All => true,
            Self::Subscribed => world.subscriptions().iter().any(|known| known == name),
            Self::These(names) => names.iter().any(|known| known == name),
            Self::Subtree(names) => names.iter().any(|known| {
                let behind = name.strip_prefix(known.as_str());
                known.is_empty() || behind.is_some_and(|rest| rest.is_empty() || rest.starts_with(separator))
            }),
        }
    }
}

fn parse(groups: &[Argument<'_>]) -> Result<Asked, Fault> {
    let mut asked = Asked::default();
    let mut groups = groups;
    if let [word, rest @ ..] = groups
        && word.is_atom("STATUS")
    {
        asked.status = true;
        groups = rest;
    }
    for group in groups {
        let members = group.list().ok_or(Phrase::InvalidArguments)?;
        let [filter, rest @ ..] = members else { return Err(Phrase::InvalidArguments.into()) };
        let filter = filter.atom().ok_or(Phrase::InvalidArguments)?.to_ascii_lowercase();
        if matches!(&filter[..], b"selected" | b"selected-delayed") {
            if asked.selected.is_some() {
                return Err(Phrase::DuplicateSelected.into());
            }
            asked.immediately = filter == b"selected";
            let events = selected_events(rest)?;
            asked.used.extend(&events);
            asked.selected = Some(events);
            continue;
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
            continue;
        }
        let members = rest.first().and_then(Argument::list).filter(|members| !members.is_empty());
        let members = members.ok_or(Phrase::InvalidArguments)?;
        let events = members.iter().map(event).collect::<Result<Events, Fault>>()?;
        asked.used.extend(&events);
        let which = match (&filter[..], names) {
            (b"inboxes" | b"personal", _) => Which::All,
            (b"subscribed", _) => Which::Subscribed,
            (b"subtree", Some(names)) => Which::Subtree(mailboxes(names)?),
            (b"mailboxes", Some(names)) => Which::These(mailboxes(names)?),
            _ => return Err(Phrase::InvalidArguments.into()),
        };
        asked.groups.push((which, events));
    }
    Ok(asked)
}

fn mailboxes(names: &Argument<'_>) -> Result<Vec<String>, Fault> {
    let members = names.list().unwrap_or(std::slice::from_ref(names));
    let name = |name: &Argument<'_>| {
        let wire = name.string().ok_or(Phrase::InvalidArguments)?;
        Ok(decoded_text(wire).unwrap_or_else(|_| String::from_utf8_lossy(wire).into_owned()))
    };
    members.iter().map(name).collect()
}

fn event(argument: &Argument<'_>) -> Result<usize, Fault> {
    let known = EVENTS.iter().position(|(name, _)| argument.is_atom(name));
    known.ok_or_else(|| Phrase::InvalidArguments.into())
}

/// `NONE`, or events, of which `MessageNew` may have a list of what to fetch.
fn selected_events(rest: &[Argument<'_>]) -> Result<Events, Fault> {
    let mut members = match rest {
        [word] if word.is_atom("NONE") => return Ok(Events::new()),
        [Argument::List(members)] if !members.is_empty() => members.iter().peekable(),
        _ => return Err(Phrase::InvalidArguments.into()),
    };
    let mut events = Events::new();
    while let Some(member) = members.next() {
        let event = event(member)?;
        events.insert(event);
        if event == NEW
            && let Some(list) = members.next_if(|next| next.list().is_some())
        {
            if list.list().is_some_and(<[_]>::is_empty) {
                return Err(Phrase::InvalidArguments.into());
            }
            if let Err(fault) = fetch::check(list) {
                return Err(match fault.phrase {
                    Phrase::UnknownFetchItem => Fault::with(Phrase::InvalidFetchList, fault.detail),
                    _ => Phrase::InvalidArguments.into(),
                });
            }
        }
    }
    let (new, expunge) = (events.contains(&NEW), events.contains(&EXPUNGE));
    if new != expunge {
        return Err(Phrase::NewWithExpunge.into());
    }
    if (events.contains(&FLAGS) || events.contains(&ANNOTATION)) && !expunge {
        return Err(Phrase::FlagsWithExpunge.into());
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::arguments;

    fn read(text: &str) -> Result<Asked, Phrase> {
        let arguments = arguments::parse(text.as_bytes()).expect("well-formed");
        parse(&arguments).map_err(|fault| fault.phrase)
    }

    #[test]
    fn what_is_asked() {
        let asked = read("STATUS (subtree (a b) (MessageNew)) (personal (FlagChange))").expect("sound");
        assert!(asked.status && asked.selected.is_none());
        let names = vec!["a".to_owned(), "b".to_owned()];
        let wanted = [(Which::Subtree(names), Events::from([NEW])), (Which::All, Events::from([FLAGS]))];
        assert_eq!(asked.groups, wanted);
        let delayed = read("(selected-delayed (MessageNew (UID) MessageExpunge))").expect("sound");
        assert_eq!(delayed.selected, Some(Events::from([NEW, EXPUNGE])));
        assert!(!delayed.immediately);
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
