//! In which order SORT puts messages (RFC 5256 section 3; DISPLAYFROM and DISPLAYTO, RFC 5957).

use std::cmp::{Ordering, Reverse};

use bait::Message;
use bait::mime::{Address, date, decode_words, fold};

use crate::imap::arguments::Argument;
use crate::imap::state::Selected;
use crate::imap::texts::Phrase;
use crate::imap::turn::Fault;

/// One key of a sort program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortKey {
    what: What,
    reverse: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Arrival,
    Cc,
    Date,
    DisplayFrom,
    DisplayTo,
    From,
    Size,
    Subject,
    To,
}

/// Reads `(REVERSE DATE SUBJECT)`.
pub fn program(members: &[Argument<'_>]) -> Result<Vec<SortKey>, Fault> {
    if members.is_empty() {
        return Err(Phrase::EmptySort.into());
    }
    let (mut keys, mut reverse): (Vec<SortKey>, bool) = (Vec::new(), false);
    for member in members {
        let name = member.string().ok_or(Phrase::SortNoStrings)?;
        let what = match &name.to_ascii_uppercase()[..] {
            b"REVERSE" => {
                reverse = !reverse;
                continue;
            }
            b"ARRIVAL" => What::Arrival,
            b"CC" => What::Cc,
            b"DATE" => What::Date,
            b"DISPLAYFROM" => What::DisplayFrom,
            b"DISPLAYTO" => What::DisplayTo,
            b"FROM" => What::From,
            b"SIZE" => What::Size,
            b"SUBJECT" => What::Subject,
            b"TO" => What::To,
            // No message is more relevant than another.
            b"RELEVANCY" | b"X-SCORE" => {
                reverse = false;
                continue;
            }
            _ => return Err(Fault::with(Phrase::UnknownSortKey, name)),
        };
        if !keys.iter().any(|known| known.what == what) {
            keys.push(SortKey { what, reverse });
        }
        reverse = false;
    }
    if members
        .last()
        .is_some_and(|last| last.string().is_some_and(|name| name.eq_ignore_ascii_case(b"REVERSE")))
    {
        return Err(Phrase::SortEndsWithReverse.into());
    }
    Ok(keys)
}

/// What one message is sorted by under one key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Number(i64),
    Text(String),
}

/// The positions in the order of a program; equals in the order of their numbers.
pub fn sorted(keys: &[SortKey], found: Vec<usize>, selected: &Selected) -> Vec<usize> {
    let ranked = found.into_iter().map(|position| {
        let message = selected.entries.get(position).map(|entry| &entry.message);
        let ranks: Vec<Rank> = keys
            .iter()
            .map(|key| message.map_or(Rank::Number(0), |message| rank(key.what, message)))
            .collect();
        (ranks, position)
    });
    let mut ranked: Vec<(Vec<Rank>, usize)> = ranked.collect();
    ranked.sort_by(|(left, first), (right, second)| {
        let pairs = left.iter().zip(right).zip(keys);
        let order = pairs.map(
            |((left, right), key)| {
                if key.reverse { Reverse(left).cmp(&Reverse(right)) } else { left.cmp(right) }
            },
        );
        order.fold(Ordering::Equal, Ordering::then).then(first.cmp(second))
    });
    ranked.into_iter().map(|(_, position)| position).collect()
}

fn rank(what: What, message: &Message) -> Rank {
    let envelope = message.envelope();
    match what {
        What::Arrival => Rank::Number(message.internal_date.timestamp().as_second()),
        What::Date => Rank::Number(sent(message)),
        What::Size => Rank::Number(i64::try_from(message.size()).unwrap_or(i64::MAX)),
        What::Subject => Rank::Text(base_subject(message).0.to_ascii_uppercase()),
        What::Cc => Rank::Text(mailbox(&envelope.cc).to_ascii_uppercase()),
        What::From => Rank::Text(mailbox(&envelope.from).to_ascii_uppercase()),
        What::To => Rank::Text(mailbox(&envelope.to).to_ascii_uppercase()),
        What::DisplayFrom => Rank::Text(shown(&envelope.from).to_ascii_uppercase()),
        What::DisplayTo => Rank::Text(shown(&envelope.to).to_ascii_uppercase()),
    }
}

/// When it was sent, in seconds: the Date header, or its arrival where it has none.
pub fn sent(message: &Message) -> i64 {
    let written = message.envelope().date.as_ref().and_then(|date| date::sent_timestamp(&date.bytes));
    let seconds = written.unwrap_or_else(|| message.internal_date.timestamp()).as_second();
    // Dovecot keeps 32 bits of it.
    seconds & i64::from(u32::MAX)
}

/// The mailbox part of the first address; for a group its name.
fn mailbox(addresses: &[Address]) -> String {
    match addresses.first() {
        Some(Address::Mailbox { mailbox: Some(mailbox), .. }) => fold(&String::from_utf8_lossy(mailbox)),
        Some(Address::GroupStart(name)) => fold(&String::from_utf8_lossy(name)),
        _ => String::new(),
    }
}

/// The name of the first address, or the address.
fn shown(addresses: &[Address]) -> String {
    match addresses.first() {
        Some(Address::Mailbox { name: Some(name), .. }) if !name.is_empty() => fold(&decode_words(name)),
        Some(Address::Mailbox { mailbox: Some(mailbox), host, .. }) => {
            let host = host.as_deref().unwrap_or_default();
            fold(&String::from_utf8_lossy(&[&mailbox[..], b"@", host].concat()))
        }
        Some(Address::GroupStart(name)) => fold(&decode_words(name)),
        _ => String::new(),
    }
}

/// The subject without what answers and forwards put around it (RFC 5256 section 2.1), and whether there was such.
pub fn base_subject(message: &Message) -> (String, bool) {
    let subject = message.envelope().subject.as_ref();
    let text = subject.map(|subject| decode_words(&subject.bytes)).unwrap_or_default();
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = fold(&words.join(" "));
    let mut rest = text.as_str();
    let mut answer = false;
    loop {
        let before = rest;
        rest = rest.trim();
        if let Some(inner) = rest.strip_suffix("(fwd)") {
            (rest, answer) = (inner.trim_end(), true);
        }
        if let Some(behind) = without_leader(rest) {
            (rest, answer) = (behind, true);
        }
        rest = without_blob(rest);
        if let Some(inner) = rest.strip_prefix("[fwd:").and_then(|inner| inner.strip_suffix(']')) {
            (rest, answer) = (inner, true);
        }
        if rest == before {
            return (rest.to_owned(), answer);
        }
    }
}

/// What stands behind one `re:`, `fw:` or `fwd:`.
fn without_leader(text: &str) -> Option<&str> {
    for word in ["re", "fwd", "fw"] {
        let Some(rest) = text.strip_prefix(word) else { continue };
        let rest = rest.trim_start();
        let rest = blob(rest).unwrap_or(rest).trim_start();
        if let Some(rest) = rest.strip_prefix(':') {
            return Some(rest.trim_start());
        }
    }
    None
}

/// Without one `[list]` in front; one that is all there is stays.
fn without_blob(text: &str) -> &str {
    match blob(text).map(str::trim_start) {
        Some(rest) if !rest.is_empty() => rest,
        _ => text,
    }
}

/// What stands behind a `[list]`, unless that is a `[fwd: ...]`.
fn blob(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('[')?;
    let (name, rest) = inner.split_once(']')?;
    (!name.contains('[') && !name.starts_with("fwd:")).then_some(rest)
}
