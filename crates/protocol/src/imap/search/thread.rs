//! Which messages belong together (RFC 5256 section 3; REFS as Dovecot has it): by their references, or by subject.

use std::collections::BTreeMap;

use bait::Message;
use bait::mime::header::fields;

use super::sort::{base_subject, sent};
use crate::imap::state::Selected;

/// How threads are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// By subject, in the order of sending.
    OrderedSubject,
    /// By References and In-Reply-To.
    References,
}

impl Algorithm {
    /// The one of that name. REFS differs from REFERENCES in what it does with subjects; neither looks at them here.
    pub fn of(name: &[u8]) -> Option<Self> {
        match &name.to_ascii_uppercase()[..] {
            b"ORDEREDSUBJECT" => Some(Self::OrderedSubject),
            b"REFERENCES" | b"REFS" => Some(Self::References),
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

/// Answers to answers deeper than this hang on the last one that is not too deep.
const MAX_DEPTH: usize = 100;
/// References of one message that are looked at.
const MOST_REFERENCES: usize = 50;

/// The threads that these messages form, the oldest first.
pub fn threads(algorithm: Algorithm, found: &[usize], selected: &Selected) -> Vec<Node> {
    let message = |position: usize| selected.entries.get(position).map(|entry| &*entry.message);
    let mut dated: Vec<(i64, usize)> =
        found.iter().filter_map(|position| Some((sent(message(*position)?), *position))).collect();
    dated.sort_unstable();
    let messages: Vec<(usize, &Message)> =
        dated.iter().filter_map(|(_, position)| Some((*position, message(*position)?))).collect();
    match algorithm {
        Algorithm::OrderedSubject => by_subject(&messages),
        Algorithm::References => by_references(&messages),
    }
}

fn by_subject(messages: &[(usize, &Message)]) -> Vec<Node> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut threads: Vec<Node> = Vec::new();
    for (position, message) in messages {
        let node = Node { position: Some(*position), children: Vec::new() };
        let place = *places.entry(base_subject(message)).or_insert(threads.len());
        match threads.get_mut(place) {
            Some(first) => first.children.push(node),
            None => threads.push(node),
        }
    }
    threads
}

fn by_references(messages: &[(usize, &Message)]) -> Vec<Node> {
    let mut ids: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for (place, (_, message)) in messages.iter().enumerate() {
        if let Some(id) = message.envelope().message_id.as_ref() {
            ids.entry(id.bytes.to_vec()).or_insert(place);
        }
    }
    // An answer is never older than what it answers: so there are no rings.
    let mut parents: Vec<Option<usize>> = Vec::with_capacity(messages.len());
    let mut depths: Vec<usize> = Vec::with_capacity(messages.len());
    for (place, (_, message)) in messages.iter().enumerate() {
        let known = references(message).into_iter().rev().find_map(|id| ids.get(&id).copied());
        let mut parent = known.filter(|parent| *parent < place);
        let mut depth =
            parent.and_then(|parent| depths.get(parent).copied()).map_or(0, |depth| depth.saturating_add(1));
        if depth > MAX_DEPTH {
            (parent, depth) = (parent.and_then(|parent| parents.get(parent).copied().flatten()), MAX_DEPTH);
        }
        parents.push(parent);
        depths.push(depth);
    }
    let mut nodes: Vec<Option<Node>> = messages
        .iter()
        .map(|(position, _)| Some(Node { position: Some(*position), children: Vec::new() }))
        .collect();
    // From the youngest on, each with its answers complete, in the order of sending.
    for place in (0..nodes.len()).rev() {
        if let Some(parent) = parents.get(place).copied().flatten()
            && let Some(node) = nodes.get_mut(place).and_then(Option::take)
            && let Some(Some(parent)) = nodes.get_mut(parent)
        {
            parent.children.insert(0, node);
        }
    }
    nodes.into_iter().flatten().collect()
}

/// The message ids that it refers to, the nearest last.
fn references(message: &Message) -> Vec<Vec<u8>> {
    let header = message.bytes.get(message.header()).unwrap_or_default();
    let of = |wanted: &[u8]| {
        let field = fields(header).find(|field| field.name.eq_ignore_ascii_case(wanted));
        field.map(|field| ids_in(&field.unfolded())).unwrap_or_default()
    };
    let references = of(b"References");
    if references.is_empty() { of(b"In-Reply-To").into_iter().take(1).collect() } else { references }
}

fn ids_in(value: &[u8]) -> Vec<Vec<u8>> {
    let mut ids = Vec::new();
    let mut rest = value;
    while let Some(start) = memchr::memchr(b'<', rest) {
        let from = rest.get(start..).unwrap_or_default();
        let Some(end) = memchr::memchr(b'>', from) else { break };
        let (id, behind) = from.split_at_checked(end.saturating_add(1)).unwrap_or((from, &[]));
        ids.push(id.to_vec());
        rest = behind;
    }
    let surplus = ids.len().saturating_sub(MOST_REFERENCES);
    ids.split_off(surplus)
}
