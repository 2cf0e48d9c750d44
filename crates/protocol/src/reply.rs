//! Replies: what a server can mean, and the words that a personality has for each meaning.
//!
//! Not here: which meanings a protocol has (`imap/texts.rs`, `pop3/texts.rs`, `smtp/texts.rs`).

use std::collections::BTreeMap;
use std::fmt::Debug;

use event::{CloseReason, Event, Text as Octets};
use serde::Deserialize;

use crate::session::{Action, Actions, Mark};
use crate::text::Text;

/// Declares a protocol's `Phrase` and the list of all of them.
macro_rules! phrases {
    ($status:literal, $table:literal: $( $(#[doc = $doc:literal])+ $phrase:ident, )+) => {
        #[doc = concat!("The meaning of a reply. Its words, with ", $status, " before them, are the personality's `[",
            $table, "]`.")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Phrase { $( $(#[doc = $doc])+ $phrase, )+ }

        impl Phrase {
            pub(crate) const ALL: &'static [Self] = &[ $( Self::$phrase, )+ ];
        }
    };
}
pub(crate) use phrases;

/// The words of every phrase of a protocol.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
#[serde(bound = "P: Ord + Deserialize<'de>")]
pub struct Replies<P>(BTreeMap<P, Text>);

impl<P> Default for Replies<P> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<P: Copy + Ord + Debug> Replies<P> {
    /// Whether each of these phrases has words; `table` is where in the file they stand.
    pub(crate) fn check(&self, table: &str, all: &[P]) -> Result<(), String> {
        match all.iter().find(|phrase| !self.0.contains_key(phrase)) {
            Some(missing) => Err(format!("[{table}] has no `{}`", kebab(&format!("{missing:?}")))),
            None => Ok(()),
        }
    }

    /// The words of all phrases.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Text> {
        self.0.values()
    }

    /// The words of a phrase that may be without any.
    pub(crate) fn get(&self, phrase: P) -> Option<&Text> {
        self.0.get(&phrase)
    }

    /// The words of a phrase.
    pub fn of(&self, phrase: P) -> &Text {
        self.0.get(&phrase).expect("`check` saw words for every phrase")
    }
}

/// Why a command is refused: the reply's meaning, and the item that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault<P> {
    /// What is wrong.
    pub phrase: P,
    /// The offending item, where there is one.
    pub detail: Vec<u8>,
}

impl<P> Fault<P> {
    /// A fault that names an item.
    pub fn with(phrase: P, detail: impl Into<Vec<u8>>) -> Self {
        Self { phrase, detail: detail.into() }
    }
}

impl<P> From<P> for Fault<P> {
    fn from(phrase: P) -> Self {
        Self { phrase, detail: Vec::new() }
    }
}

/// Whether all commands that a personality has words for are commands of ours; `table` is where the words stand.
pub(crate) fn check_verbs(
    table: &str,
    worded: &BTreeMap<String, Text>,
    known: &[&'static str],
) -> Result<(), String> {
    match worded.keys().find(|verb| !known.contains(&verb.as_str())) {
        Some(unknown) => {
            Err(format!("[{table}] has `{unknown}`, which is no command of ours ({})", known.join(", ")))
        }
        None => Ok(()),
    }
}

/// Which of a protocol's status words a reply begins with, as events carry it; empty where with none.
pub(crate) fn status_of(text: &[u8], words: &[&'static str]) -> &'static str {
    words.iter().find(|word| text.starts_with(word.as_bytes())).copied().unwrap_or("")
}

/// The event of a command.
pub(crate) fn received(verb: &[u8], line: &[u8], state: &'static str, status: &'static str) -> Event {
    Event::CommandReceived { verb: Octets::copy(verb), line: Octets::copy(line), state, status }
}

/// What a session still had to do when it ended, as evidence: the events, with the commands' `status` empty, since nobody
/// heard the answers, and the messages that were still to be taken in.
pub(crate) fn unheard(done: &mut Actions, out: &mut Actions) {
    for action in done.drain() {
        match action {
            Action::Record(Event::CommandReceived { verb, line, state, .. }) => {
                out.record(Event::CommandReceived { verb, line, state, status: "" });
            }
            Action::Record(_) | Action::Capture(_) => out.push(action),
            _ => {}
        }
    }
}

/// Records input that was not answered, where there is some.
pub(crate) fn unfinished(rest: &[u8], out: &mut Actions) {
    if !rest.is_empty() {
        out.record(Event::ProtocolViolation { what: "unfinished", line: Octets::copy(rest) });
    }
}

/// The event of what stood behind STARTTLS in the clear: an honest client waits for the answer, and what somebody on the way
/// slipped in must not pass for what comes over TLS (CVE-2011-0411).
pub(crate) fn injected(line: bytes::Bytes) -> Event {
    Event::ProtocolViolation { what: "starttls-injection", line: Octets(line) }
}

/// The type of a TLS record that holds a hello (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 22;

/// Octets before each TLS record, which are looked at when all of them are there (RFC 8446 section 5.1).
const TLS_HEADER: usize = 5;

/// Ends STARTTLS or STLS as Dovecot does: what stood behind it in the same piece belongs to TLS. A hello is handed over, and
/// what may be too little of one; anything else in the clear is evidence and ends the connection. Whether TLS begins.
pub(crate) fn hand_to_tls(behind: bytes::Bytes, place: Mark, out: &mut Actions) -> bool {
    let begins = behind.len() < TLS_HEADER || behind.first() == Some(&TLS_HANDSHAKE);
    if begins {
        out.push(Action::StartTls(behind));
    } else {
        out.record_at(place, injected(behind));
        out.push(Action::Close(CloseReason::Violation));
    }
    begins
}

/// `NoSuchMailbox` as a key of the file: `no-such-mailbox`.
fn kebab(name: &str) -> String {
    let mut key = String::new();
    for (position, letter) in name.chars().enumerate() {
        if letter.is_ascii_uppercase() && position > 0 {
            key.push('-');
        }
        key.push(letter.to_ascii_lowercase());
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hello in the same piece is TLS's, a login is evidence and nothing else.
    #[test]
    fn what_stands_behind_starttls_is_a_hello_or_evidence() {
        for (behind, begins) in
            [(&b""[..], true), (b"\x16\x03\x01\x02\x00", true), (b"\0", true), (b"a LOGIN x y\r\n", false)]
        {
            let mut out = Actions::default();
            let place = out.mark();
            let line = bytes::Bytes::from_static(behind);
            assert_eq!(hand_to_tls(line.clone(), place, &mut out), begins);
            let done: Vec<_> = out.drain().collect();
            let expected = if begins {
                vec![Action::StartTls(line)]
            } else {
                vec![Action::Record(injected(line)), Action::Close(CloseReason::Violation)]
            };
            assert_eq!(done, expected, "{behind:?}");
        }
    }
}
