//! STATUS (RFC 3501 section 6.3.10).

use crate::imap::arguments::Argument;
use crate::imap::mailbox::{named, recent};
use crate::imap::state::State;
use crate::imap::string::push_astring;
use crate::imap::texts::Phrase;
use crate::imap::turn::{Fault, Turn};

/// The mailbox's name comes back as it was typed, as from Dovecot.
pub fn status(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    let arguments = turn.parse()?;
    let [name, Argument::List(items)] = arguments.as_slice() else {
        return Err(Phrase::InvalidArguments.into());
    };
    if items.is_empty() {
        return Err(Phrase::EmptyStatusList.into());
    }
    let mut wanted: Vec<&'static str> = Vec::new();
    for argument in items {
        let item = item(argument)?;
        if !wanted.contains(&item) {
            wanted.push(item);
        }
    }
    let mailbox = named(turn, name)?;
    let unseen = state.account().map_or(0, |account| account.overlay.unseen(&mailbox).0);
    let values: Vec<String> = wanted
        .into_iter()
        .map(|item| {
            let value = match item {
                "MESSAGES" => mailbox.messages.len(),
                "RECENT" => recent(&mailbox),
                "UIDNEXT" => mailbox.uid_next as usize,
                "UIDVALIDITY" => mailbox.uid_validity as usize,
                _ => unseen,
            };
            format!("{item} {value}")
        })
        .collect();
    let mut line = b"STATUS ".to_vec();
    push_astring(&mut line, name.string().unwrap_or_default());
    line.extend_from_slice(format!(" ({})", values.join(" ")).as_bytes());
    turn.untagged(&line);
    turn.complete();
    Ok(())
}

fn item(argument: &Argument<'_>) -> Result<&'static str, Fault> {
    const ITEMS: [&str; 5] = ["MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN"];
    let name = argument.atom().ok_or(Phrase::InvalidArguments)?;
    let known = ITEMS.into_iter().find(|item| item.as_bytes().eq_ignore_ascii_case(name));
    known.ok_or_else(|| Fault::with(Phrase::InvalidStatusItem, name.to_ascii_uppercase()))
}
