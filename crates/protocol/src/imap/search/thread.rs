//! Which messages belong together (RFC 5256 section 3; REFS as Dovecot has it): by their references, or by subject.

use std::collections::BTreeMap;

use bait::Message;

use super::references;
use super::sort::{base_subject, sent};
use crate::imap::state::Selected;

/// How threads are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// By subject, in the order of sending.
    OrderedSubject,
    /// By References and In-Reply-To, then by subject.
    References,
    /// By References and In-Reply-To alone.
    Refs,
}

impl Algorithm {
    /// The header fields that are read for it, in lower case.
    pub const fn reads(self) -> &'static [&'static str] {
        match self {
            Self::OrderedSubject => &["subject", "date"],
            Self::References | Self::Refs => &["subject", "date", "message-id", "in-reply-to", "references"],
        }
    }

    /// The one of that name.
    pub fn of(name: &[u8]) -> Option<Self> {
        match &name.to_ascii_uppercase()[..] {
            b"ORDEREDSUBJECT" => Some(Self::OrderedSubject),
            b"REFERENCES" => Some(Self::References),
            b"REFS" => Some(Self::Refs),
            _ => None,
        }
    }
}

/// A message with those that answer it.
#[derive(Debug, Default)]
pub struct Node {
    /// The position; none for a message that is not there, which holds its answers together.
    position: Option<usize>,
    children: Vec<Node>,
}

impl Node {
    /// A message, or one that is not there, with these below it.
    pub const fn of(position: Option<usize>, children: Vec<Self>) -> Self {
        Self { position, children }
    }

    /// The positions of the messages in it.
    pub fn positions(&self, out: &mut Vec<usize>) {
        out.extend(self.position);
        self.children.iter().for_each(|child| child.positions(out));
    }

    /// `3 6 (4 23)(44 7 96)`, without the outer parentheses. As deep as threads are, which is bounded.
    pub fn render(&self, number: &impl Fn(usize) -> u32, out: &mut Vec<u8>) {
        if let Some(position) = self.position {
            out.extend_from_slice(number(position).to_string().as_bytes());
        }
        match self.children.as_slice() {
            [] => {}
            [only] if self.position.is_some() => {
                out.push(b' ');
                only.render(number, out);
            }
            several => {
                if self.position.is_some() {
                    out.push(b' ');
                }
                for child in several {
                    out.push(b'(');
                    child.render(number, out);
                    out.push(b')');
                }
            }
        }
    }
}

/// The threads that these messages form, the oldest first.
pub fn threads(algorithm: Algorithm, found: &[usize], selected: &Selected) -> Vec<Node> {
    let message = |position: usize| selected.entries.get(position).map(|entry| &*entry.message);
    let mut dated: Vec<(i64, usize)> =
        found.iter().filter_map(|position| Some((sent(message(*position)?), *position))).collect();
    dated.sort_unstable();
    let messages: Vec<(usize, &Message)> =
        dated.iter().filter_map(|(_, position)| Some((*position, message(*position)?))).collect();
    let numbered: Vec<(usize, &Message)> =
        found.iter().filter_map(|position| Some((*position, message(*position)?))).collect();
    match algorithm {
        Algorithm::OrderedSubject => by_subject(&messages),
        Algorithm::References => references::threads(&numbered, true),
        Algorithm::Refs => references::threads(&numbered, false),
    }
}

fn by_subject(messages: &[(usize, &Message)]) -> Vec<Node> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut threads: Vec<Node> = Vec::new();
    for (position, message) in messages {
        let node = Node { position: Some(*position), children: Vec::new() };
        let place = *places.entry(base_subject(message).0).or_insert(threads.len());
        match threads.get_mut(place) {
            Some(first) => first.children.push(node),
            None => threads.push(node),
        }
    }
    threads
}
