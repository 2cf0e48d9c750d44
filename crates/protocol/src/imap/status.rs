//! STATUS (RFC 3501 section 6.3.10, with SIZE of RFC 8438 and HIGHESTMODSEQ of RFC 7162), also for LIST-STATUS (RFC 5819).

use bait::{Flags, Folder, World};

use crate::imap::arguments::Argument;
use crate::imap::name;
use crate::imap::state::{Account, State};
use crate::imap::string::push_astring;
use crate::imap::texts::Phrase;
use crate::imap::timing::noise;
use crate::imap::turn::{Fault, Turn};
use crate::imap::view::{Selected, enable_condstore};

/// The mailbox's name comes back as it was typed, as from Dovecot.
pub fn status(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    let dovecot = turn.service.texts.mail_process.is_dovecot();
    let arguments = turn.parse()?;
    let (name, members) = match arguments.as_slice() {
        [] | [_] if dovecot => return Err(Phrase::MissingArguments.into()),
        [name, Argument::List(members)] => (name, members),
        [name, Argument::List(members), ..] if dovecot => (name, members),
        _ => return Err(Phrase::InvalidArguments.into()),
    };
    let wire = name.string().ok_or(Phrase::InvalidArguments)?;
    let items = items(members, dovecot)?;
    let known = name::decoded(Some(name))?;
    let condstore = state.account().is_some_and(|account| account.features.condstore);
    if dovecot && items.contains(&"HIGHESTMODSEQ") {
        enable_condstore(turn, state);
    }
    if dovecot {
        name::sound(&known, name::separator(turn))?;
    }
    let counts = state.counts_in(&known).filter(|_| dovecot);
    let Some(account) = state.account_mut() else {
        return Err(Phrase::UnknownCommand.into());
    };
    look_at(account, &known, condstore);
    let named = if dovecot { known.as_bytes() } else { wire };
    let folder = account.world.folder(&known).ok_or_else(|| Fault::with(Phrase::NoSuchMailbox, named))?;
    let line = line(wire, folder, &items, counts);
    turn.untagged(&line);
    if counts.is_some() {
        turn.complete_as(Phrase::StatusOnSelected, &[]);
    } else {
        turn.complete();
    }
    Ok(())
}

/// Reads a mailbox' index. Where Dovecot has to open the mailbox for that, as it always does with INBOX, it does so with CONDSTORE
/// if that is enabled.
pub fn look_at(account: &mut Account, name: &str, condstore: bool) {
    let first = account.world.look_at(name);
    if first {
        account.forget_keywords_for(name);
    }
    if (first || name == "INBOX") && condstore {
        account.world.track(name);
    }
}

/// The items asked for, each once, in the order in which they are answered: Dovecot has an order of its own.
pub fn items(members: &[Argument<'_>], dovecot: bool) -> Result<Vec<&'static str>, Fault> {
    if members.is_empty() {
        return Err(Phrase::EmptyStatusList.into());
    }
    let mut wanted: Vec<&'static str> = Vec::new();
    for argument in members {
        let item = item(argument, dovecot)?;
        if !wanted.contains(&item) {
            wanted.push(item);
        }
    }
    if dovecot {
        wanted.sort_by_key(|item| ITEMS.iter().position(|known| known == item));
    }
    Ok(wanted)
}

/// What is counted in a mailbox.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    messages: u64,
    recent: u64,
    unseen: u64,
    /// Octets of all messages.
    size: u64,
}

impl Counts {
    /// In the open mailbox: what the client was told of, also where some of it is gone by now.
    pub fn of(open: &Selected, world: &World) -> Self {
        Self::of_all(open.entries.iter().map(|entry| (entry.message.size(), open.now(world, entry).flags)))
    }

    /// Of the size and the flags of each message.
    fn of_all(messages: impl Iterator<Item = (usize, Flags)>) -> Self {
        let mut counts = Self::default();
        for (size, flags) in messages {
            counts.messages = counts.messages.saturating_add(1);
            counts.recent = counts.recent.saturating_add(u64::from(flags.contains(Flags::RECENT)));
            counts.unseen = counts.unseen.saturating_add(u64::from(!flags.contains(Flags::SEEN)));
            counts.size = counts.size.saturating_add(size as u64);
        }
        counts
    }
}

/// `STATUS name (ITEM value ...)`, without the asterisk.
///
/// `open` is what the session knows, where it has the mailbox open.
pub fn line(wire: &[u8], folder: &Folder, items: &[&'static str], open: Option<Counts>) -> Vec<u8> {
    let counts = open.unwrap_or_else(|| {
        Counts::of_all(folder.entries().map(|entry| (entry.message.size(), entry.marks.flags)))
    });
    let value = |item: &&'static str| {
        let value = match *item {
            "MESSAGES" => counts.messages,
            "RECENT" => counts.recent,
            "UIDNEXT" => u64::from(folder.uid_next),
            "UIDVALIDITY" => u64::from(folder.uid_validity),
            "HIGHESTMODSEQ" => folder.modseq_once_read(),
            "X-GUID" => return format!("{item} {}", guid(folder)),
            "SIZE" | "X-SIZE" => counts.size,
            _ => counts.unseen,
        };
        format!("{item} {value}")
    };
    let values: Vec<String> = items.iter().map(value).collect();
    let mut line = b"STATUS ".to_vec();
    push_astring(&mut line, wire);
    line.extend_from_slice(format!(" ({})", values.join(" ")).as_bytes());
    line
}

const ITEMS: [&str; 9] =
    ["MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "HIGHESTMODSEQ", "SIZE", "X-SIZE", "X-GUID"];

/// A mailbox's 128 bits as Dovecot writes them: the same as long as it exists.
fn guid(folder: &Folder) -> String {
    let validity = folder.uid_validity.to_le_bytes();
    format!("{:016x}{:016x}", noise(&[b"guid", &validity]), noise(&[&validity, b"mailbox"]))
}

fn item(argument: &Argument<'_>, dovecot: bool) -> Result<&'static str, Fault> {
    let no_atom = if dovecot { Phrase::StatusNoAtoms } else { Phrase::InvalidArguments };
    let name = argument.atom().ok_or(no_atom)?;
    let known = ITEMS.get(..if dovecot { 9 } else { 5 }).unwrap_or_default();
    let known = known.iter().find(|item| item.as_bytes().eq_ignore_ascii_case(name));
    known.copied().ok_or_else(|| Fault::with(Phrase::InvalidStatusItem, name.to_ascii_uppercase()))
}
