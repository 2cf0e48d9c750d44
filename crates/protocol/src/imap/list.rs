//! LIST and LSUB (RFC 3501 sections 6.3.8, 6.3.9) of a plain mail process; Dovecot's are in `list_extended.rs`.

use crate::imap::folders::account;
use crate::imap::list_extended;
use crate::imap::state::State;
use crate::imap::string::push_astring;
use crate::imap::texts::Phrase;
use crate::imap::turn::{Fault, Turn};
use bait::mailbox_name;

/// RFC 3501 section 6.3.8.
pub fn list(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    if turn.service.texts.mail_process.is_dovecot() {
        return list_extended::list(turn, state);
    }
    answer(turn, state, b"LIST")
}

/// RFC 3501 section 6.3.9. Every mailbox is subscribed.
pub fn lsub(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    if turn.service.texts.mail_process.is_dovecot() {
        return list_extended::lsub(turn, state);
    }
    answer(turn, state, b"LSUB")
}

fn answer(turn: &mut Turn<'_>, state: &mut State, kind: &[u8]) -> Result<(), Fault> {
    let arguments = turn.parse()?;
    let [reference, pattern] = arguments.as_slice() else {
        return Err(Phrase::InvalidArguments.into());
    };
    let (Some(reference), Some(pattern)) = (reference.string(), pattern.string()) else {
        return Err(Phrase::InvalidArguments.into());
    };
    let texts = &turn.service.texts;
    if pattern.is_empty() && kind == b"LIST" {
        // A question for the separator (RFC 3501 section 6.3.8).
        let mut line = entry(kind, &texts.attributes.root, texts.separator);
        line.extend_from_slice(b"\"\"");
        turn.untagged(&line);
    } else {
        let pattern = [reference, pattern].concat();
        for mailbox in account(state)?.world.folders() {
            let name = mailbox_name::encode(&mailbox.name);
            if matches(&pattern, name.as_bytes(), texts.separator) {
                let mut line = entry(kind, &texts.attributes.mailbox, texts.separator);
                push_astring(&mut line, name.as_bytes());
                turn.untagged(&line);
            }
        }
    }
    turn.complete();
    Ok(())
}

fn entry(kind: &[u8], attributes: &str, separator: char) -> Vec<u8> {
    [kind, format!(" ({attributes}) \"{separator}\" ").as_bytes()].concat()
}

/// Whether a name matches a pattern: `*` is anything, `%` anything but the separator; `INBOX`, also at the head of a name below
/// it, in any case.
///
/// Costs pattern times name, whatever the pattern.
pub fn matches(pattern: &[u8], name: &[u8], separator: char) -> bool {
    let inbox = match name.strip_prefix(b"INBOX") {
        Some(behind) if behind.first().is_none_or(|octet| char::from(*octet) == separator) => 5,
        _ => 0,
    };
    let crossing = |byte: u8| char::from(byte) == separator;
    // reachable[n]: the pattern read so far matches the first n octets of the name.
    let mut reachable = vec![false; name.len().saturating_add(1)];
    if let Some(start) = reachable.first_mut() {
        *start = true;
    }
    for wanted in pattern {
        let mut next = vec![false; reachable.len()];
        match wanted {
            b'*' | b'%' => {
                let mut open = false;
                for (position, (before, now)) in reachable.iter().zip(&mut next).enumerate() {
                    let stopped = position.checked_sub(1).and_then(|last| name.get(last));
                    if *wanted == b'%' && stopped.is_some_and(|byte| crossing(*byte)) {
                        open = false;
                    }
                    open |= *before;
                    *now = open;
                }
            }
            letter => {
                let octets = reachable.iter().zip(name).zip(next.iter_mut().skip(1));
                for (place, ((before, byte), now)) in octets.enumerate() {
                    let same = if place < inbox { byte.eq_ignore_ascii_case(letter) } else { byte == letter };
                    *now = *before && same;
                }
            }
        }
        reachable = next;
    }
    reachable.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let yes = |pattern: &str, name: &str| {
            assert!(matches(pattern.as_bytes(), name.as_bytes(), '.'), "{pattern}");
        };
        let no = |pattern: &str, name: &str| {
            assert!(!matches(pattern.as_bytes(), name.as_bytes(), '.'), "{pattern}");
        };
        yes("*", "Sent");
        yes("%", "Sent");
        yes("inbox", "INBOX");
        yes("In%", "INBOX");
        yes("inbox.%", "INBOX.x");
        no("inbox.X", "INBOX.x");
        no("inboxes", "INBOXes");
        no("sent", "Sent");
        yes("S*t", "Sent");
        no("%", "Work.2024");
        yes("*", "Work.2024");
        yes("%.%", "Work.2024");
        yes("Work.%", "Work.2024");
        no("Work.%", "Work.2024.Q1");
        yes("%%", "Sent");
        no("", "Sent");
        no("Sent.", "Sent");
        no("*a*a*a*a*a*a*a*a*a*a*a*b", &"a".repeat(2000));
    }
}
