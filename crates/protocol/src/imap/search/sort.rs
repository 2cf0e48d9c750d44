//! In which order SORT puts messages (RFC 5256 section 3; DISPLAYFROM and DISPLAYTO, RFC 5957).

use std::cmp::{Ordering, Reverse};

use bait::Message;
use bait::mime::header::fields;
use bait::mime::{Address, date, decode_words, fold};

use crate::imap::arguments::Argument;
use crate::imap::kept;
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

impl SortKey {
    /// What of a message is read for it, as [`kept`] calls it.
    pub const fn reads(self) -> &'static str {
        match self.what {
            What::Arrival => kept::ARRIVAL,
            What::Cc => "cc",
            What::Date => "date",
            What::DisplayFrom | What::From => "from",
            What::DisplayTo | What::To => "to",
            What::Size => kept::SIZE,
            What::Subject => "subject",
        }
    }
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
    // Dovecot keeps 32 bits of it.
    let written = written.map(|written| written.as_second() & i64::from(u32::MAX));
    written.unwrap_or_else(|| message.internal_date.timestamp().as_second())
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

/// The subject without what answers and forwards put around it (RFC 5256 section 2.1), and whether there was such. Of several
/// subjects the first counts.
pub fn base_subject(message: &Message) -> (String, bool) {
    let header = message.bytes.get(message.header()).unwrap_or_default();
    let subject = fields(header).find(|field| field.is("Subject"));
    let text = subject.map(|subject| fold(&decode_words(&subject.unfolded()))).unwrap_or_default();
    let mut packed = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            ' ' | '\t' | '\r' | '\n' if packed.ends_with(' ') => {}
            '\t' | '\r' | '\n' => packed.push(' '),
            other => packed.push(other),
        }
    }
    let (base, answer) = base(&packed);
    (base.to_owned(), answer)
}

fn base(subject: &str) -> (&str, bool) {
    let (mut rest, mut answer) = (subject, false);
    loop {
        loop {
            if let Some(inner) = rest.strip_suffix("(fwd)") {
                (rest, answer) = (inner, true);
            } else if let Some(inner) = rest.strip_suffix(' ') {
                rest = inner;
            } else {
                break;
            }
        }
        loop {
            let before = rest;
            rest = rest.strip_prefix(' ').unwrap_or(rest);
            if let Some(behind) = without_leader(rest) {
                (rest, answer) = (behind, true);
            }
            // One that is all there is stays.
            rest = blob(rest).filter(|behind| !behind.is_empty()).unwrap_or(rest);
            if rest == before {
                break;
            }
        }
        match rest.strip_prefix("[fwd:").and_then(|inner| inner.strip_suffix(']')) {
            Some(inner) => (rest, answer) = (inner, true),
            None => return (rest, answer),
        }
    }
}

/// What stands behind one `re:`, `fw:` or `fwd:`, with lists in front of it.
fn without_leader(text: &str) -> Option<&str> {
    let mut rest = text;
    while rest.starts_with('[') {
        rest = blob(rest)?;
    }
    let rest = ["re", "fwd", "fw"].iter().find_map(|word| rest.strip_prefix(word))?;
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    let rest = if rest.starts_with('[') { blob(rest)? } else { rest };
    rest.strip_prefix(':')
}

/// What stands behind a `[list]`.
fn blob(text: &str) -> Option<&str> {
    let (name, rest) = text.strip_prefix('[')?.split_once(']')?;
    (!name.contains('[')).then(|| rest.strip_prefix(' ').unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_without_what_is_put_around_them() {
        for (subject, expected) in [
            ("re: plan", ("plan", true)),
            (" re [2] : fwd: plan (fwd) ", ("plan", true)),
            ("[list] plan", ("plan", false)),
            ("[a] [b] re: plan", ("plan", true)),
            ("[fwd: plan]", ("plan", true)),
            ("[fwd: re: plan]", ("plan", true)),
            ("[list]", ("[list]", false)),
            ("re", ("re", false)),
            ("re:", ("", true)),
        ] {
            assert_eq!(base(subject), expected, "{subject}");
        }
    }
}
