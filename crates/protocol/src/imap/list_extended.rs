//! LIST with its extensions (RFC 5258; SPECIAL-USE, RFC 6154; LIST-STATUS, RFC 5819), XLIST and LSUB, as Dovecot has them.

use std::collections::BTreeMap;

use bait::{Folder, World, mailbox_name};

use crate::imap::arguments::Argument;
use crate::imap::list::matches;
use crate::imap::state::State;
use crate::imap::status;
use crate::imap::string::push_astring;
use crate::imap::texts::{ImapTexts, Phrase};
use crate::imap::turn::{Fault, Turn};

/// What is listed and what is told of it.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // each is a word that the client may say
struct Options {
    /// LSUB.
    lsub: bool,
    /// Whether any extension is used: attributes come only where they are asked for.
    extended: bool,
    /// Whether LSUB tells of names that others are subscribed to below.
    parents: bool,
    only_subscribed: bool,
    only_special: bool,
    recursive: bool,
    tell_subscribed: bool,
    tell_special: bool,
    tell_children: bool,
    status: Vec<&'static str>,
}

/// LIST and XLIST.
pub fn list(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    run(turn, state, false)
}

/// RFC 3501 section 6.3.9: subscriptions, in the order of subscribing.
pub fn lsub(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    run(turn, state, true)
}

fn run(turn: &mut Turn<'_>, state: &mut State, lsub: bool) -> Result<(), Fault> {
    let arguments = turn.parse()?;
    let mut rest = arguments.as_slice();
    let mut options = Options { lsub, ..Options::default() };
    if let (Some((Argument::List(members), behind)), false) = (rest.split_first(), lsub) {
        select_options(members, &mut options)?;
        rest = behind;
    }
    let reference = rest.first().and_then(Argument::string).ok_or(Phrase::InvalidReference)?;
    let asked = rest.get(1).ok_or(Phrase::InvalidPattern)?;
    let patterns: Vec<&[u8]> = match asked {
        Argument::List(members) => {
            options.extended = true;
            options.parents = true;
            let patterns: Option<Vec<&[u8]>> = members.iter().map(Argument::string).collect();
            patterns.ok_or(Phrase::InvalidPatternList)?
        }
        pattern => {
            let pattern = pattern.string().ok_or(Phrase::InvalidPattern)?;
            options.parents = pattern.ends_with(b"%");
            vec![pattern]
        }
    };
    rest = rest.get(2..).unwrap_or_default();
    if let [word, Argument::List(members), behind @ ..] = rest
        && word.is_atom("RETURN")
    {
        return_options(members, &mut options)?;
        rest = behind;
    }
    if !rest.is_empty() {
        return Err(Phrase::ExtraArguments.into());
    }
    if lsub {
        (options.only_subscribed, options.tell_special) = (true, true);
    } else if !options.extended {
        (options.tell_children, options.tell_special) = (true, true);
        if patterns.first().is_some_and(|pattern| pattern.is_empty()) {
            root(turn, reference);
            turn.complete();
            return Ok(());
        }
    }
    answer(turn, state, reference, &patterns, &options);
    turn.complete();
    Ok(())
}

fn select_options(members: &[Argument<'_>], options: &mut Options) -> Result<(), Fault> {
    options.extended = true;
    for member in members {
        match &member.atom().ok_or(Phrase::ListOptionsNoAtoms)?.to_ascii_uppercase()[..] {
            b"SUBSCRIBED" => (options.only_subscribed, options.tell_subscribed) = (true, true),
            b"SPECIAL-USE" => (options.only_special, options.tell_special) = (true, true),
            b"RECURSIVEMATCH" => options.recursive = true,
            b"REMOTE" => {}
            _ => return Err(Phrase::UnknownSelectOption.into()),
        }
    }
    if options.recursive && !options.only_subscribed && !options.only_special {
        return Err(Phrase::RecursiveMatchAlone.into());
    }
    Ok(())
}

fn return_options(members: &[Argument<'_>], options: &mut Options) -> Result<(), Fault> {
    options.extended = true;
    let mut members = members.iter().peekable();
    while let Some(member) = members.next() {
        match &member.atom().ok_or(Phrase::ListOptionsNoAtoms)?.to_ascii_uppercase()[..] {
            b"SUBSCRIBED" => options.tell_subscribed = true,
            b"CHILDREN" => options.tell_children = true,
            b"SPECIAL-USE" => options.tell_special = true,
            b"STATUS" => {
                let items = members.next().and_then(Argument::list).ok_or(Phrase::UnknownReturnOption)?;
                options.status = status::items(items, true)?;
            }
            _ => return Err(Phrase::UnknownReturnOption.into()),
        }
    }
    Ok(())
}

/// A question for the separator (RFC 3501 section 6.3.8).
fn root(turn: &mut Turn<'_>, reference: &[u8]) {
    let texts = &turn.service.texts;
    let mut line = format!("LIST ({}) \"{}\" ", texts.attributes.root, texts.separator).into_bytes();
    let end = reference.iter().position(|octet| char::from(*octet) == texts.separator);
    match end.and_then(|end| reference.get(..end.saturating_add(1))) {
        Some(root) => push_astring(&mut line, root),
        None => line.extend_from_slice(b"\"\""),
    }
    turn.untagged(&line);
}

/// One name that may be listed.
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::struct_excessive_bools)] // each is true of a name or not, whatever the others are
struct Name {
    exists: bool,
    subscribed: bool,
    children: bool,
    left_behind: bool,
    child_subscribed: bool,
}

fn answer(turn: &mut Turn<'_>, state: &mut State, reference: &[u8], patterns: &[&[u8]], options: &Options) {
    let open = state.selected().map(|selected| selected.name.clone());
    let open = open.filter(|_| !options.status.is_empty());
    let open = open.and_then(|name| state.counts_in(&name).map(|counts| (name, counts)));
    let Some(account) = state.account_mut() else { return };
    account.world.refresh_list();
    let texts = &turn.service.texts;
    // The first HIGHESTMODSEQ enables CONDSTORE, and so tells that of the open mailbox.
    let (mut tell_modseq, mut enabled) = (None, false);
    if let (Some((name, _)), false) = (&open, account.features.condstore) {
        tell_modseq = account.world.folder(name).map(|folder| folder.modseq);
    }
    let mut looked_at = Vec::new();
    let world: &World = &account.world;
    let reference = decoded(reference);
    let full: Vec<Vec<u8>> =
        patterns.iter().map(|pattern| [&reference[..], &decoded(pattern)].concat()).collect();
    let fits = |name: &str| full.iter().any(|pattern| matches(pattern, name.as_bytes(), texts.separator));
    for (name, mut about) in names(world, texts.separator, options.only_subscribed) {
        // Of a name that is not subscribed to itself only those below count that are not told of on their own.
        let below = |known: &String| {
            known.strip_prefix(&name).is_some_and(|rest| rest.starts_with(texts.separator))
                && (about.subscribed || !fits(known))
        };
        let recursive = options.recursive || options.lsub;
        about.child_subscribed =
            options.only_subscribed && recursive && world.subscriptions().iter().any(below);
        let by_child = options.only_subscribed && !about.subscribed;
        let told_for_child = about.child_subscribed && (!options.lsub || options.parents);
        let special = texts.special_use.get(&name);
        let left_out = (by_child && !told_for_child) || (options.only_special && special.is_none());
        if left_out || !fits(&name) {
            continue;
        }
        let unmarked = !options.only_subscribed && world.folder(&name).is_some_and(Folder::is_unmarked);
        let attributes = attributes(texts, options, about, unmarked, special);
        let wire = mailbox_name::encode(&name);
        let kind = if options.lsub { "LSUB" } else { "LIST" };
        let mut line = format!("{kind} ({attributes}) \"{}\" ", texts.separator).into_bytes();
        push_astring(&mut line, wire.as_bytes());
        if about.child_subscribed && (options.recursive || options.lsub) && options.extended {
            line.push(b' ');
            line.extend_from_slice(texts.attributes.child_subscribed.as_bytes());
        }
        turn.untagged(&line);
        if let Some(folder) = world.folder(&name).filter(|_| !options.status.is_empty() && !by_child) {
            if options.status.contains(&"HIGHESTMODSEQ") {
                tell_modseq = tell_modseq.and_then(|modseq: u64| {
                    turn.untagged_with(Phrase::HighestModseq, modseq.to_string().as_bytes());
                    None
                });
                enabled = true;
            }
            let counts = open.as_ref().filter(|(open, _)| *open == name).map(|(_, counts)| *counts);
            turn.untagged(&status::line(wire.as_bytes(), folder, &options.status, counts));
            looked_at.push(name);
        } else if about.left_behind && !options.status.is_empty() && !options.only_subscribed {
            turn.untagged_with(Phrase::NoSuchMailbox, name.as_bytes());
        }
    }
    if !options.only_subscribed {
        account.world.know_names();
    }
    account.features.condstore |= enabled;
    for name in looked_at {
        let condstore = account.features.condstore;
        status::look_at(account, &name, condstore);
    }
}

/// A reference or a pattern in UTF-8; as it stands where it is no modified UTF-7.
fn decoded(wire: &[u8]) -> Vec<u8> {
    mailbox_name::decode(wire).map_or_else(|| wire.to_vec(), String::into_bytes)
}

fn attributes(
    texts: &ImapTexts,
    options: &Options,
    about: Name,
    unmarked: bool,
    special: Option<&String>,
) -> String {
    let words = &texts.attributes;
    let children = if about.children { &words.children } else { &words.mailbox };
    // LSUB says of a name that is not subscribed to itself that it is no mailbox.
    let parent = options.lsub && !options.extended && !about.subscribed;
    let nowhere = if options.extended { &words.nonexistent } else { &words.root };
    let left_behind = about.left_behind && !options.only_subscribed;
    let missing = !about.exists && !left_behind && !options.lsub;
    let words = [
        (options.tell_subscribed && about.subscribed).then_some(&words.subscribed),
        (missing || parent).then_some(nowhere),
        options.tell_children.then_some(children),
        unmarked.then_some(&words.unmarked),
        special.filter(|_| options.tell_special),
    ];
    words.into_iter().flatten().map(String::as_str).collect::<Vec<&str>>().join(" ")
}

/// The names in Dovecot's order: mailboxes and the parents that they imply, INBOX last; or the subscriptions.
fn names(world: &World, separator: char, subscribed: bool) -> Vec<(String, Name)> {
    let mut order: Vec<String> = Vec::new();
    let mut all: BTreeMap<String, Name> = BTreeMap::new();
    let mut note = |name: &str, change: fn(&mut Name)| {
        if !all.contains_key(name) {
            order.push(name.to_owned());
        }
        change(all.entry(name.to_owned()).or_default());
    };
    if subscribed {
        for name in world.subscriptions() {
            note(name, |about| about.subscribed = true);
            for (place, _) in name.match_indices(separator) {
                if let Some(parent) = name.get(..place) {
                    note(parent, |about| about.children = true);
                }
            }
        }
    }
    let folders = world.folders().filter(|folder| folder.name != "INBOX");
    let inbox = world.folders().filter(|folder| folder.name == "INBOX");
    for folder in folders.chain(inbox) {
        for (place, _) in folder.name.match_indices(separator) {
            if let Some(parent) = folder.name.get(..place) {
                note(parent, |about| about.children = true);
            }
        }
        note(&folder.name, |about| about.exists = true);
    }
    for name in world.subscriptions() {
        if let Some(about) = all.get_mut(name) {
            about.subscribed = true;
        }
    }
    for (name, about) in &mut all {
        about.left_behind = world.is_left_behind(name);
    }
    let inbox_last = |name: &String| !subscribed && name == "INBOX";
    order.sort_by_key(inbox_last);
    order.into_iter().filter_map(|name| all.remove_entry(&name)).collect()
}
