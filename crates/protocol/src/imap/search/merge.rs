//! Keys of one kind that stand beside each other, as Dovecot makes one of them (`simplify.rs`).

use bait::Flags;

use super::key::{Compare, DateOf, Key, Node};

/// The keys so far, and what further ones may become one with.
#[derive(Debug, Default)]
pub struct Merger {
    /// Whether all must match.
    and: bool,
    /// The keys so far.
    pub out: Vec<Node>,
    /// The first key of each kind, and where it stands.
    first: Vec<(Kind, usize)>,
}

/// What keys must have in common.
#[derive(Debug, PartialEq, Eq)]
struct Kind {
    fuzzy: bool,
    what: What,
}

#[derive(Debug, PartialEq, Eq)]
enum What {
    Flags(Flags),
    Keyword(String),
    Numbers,
    Uids,
    Time { not: bool, of: DateOf, order: Compare, exact: bool },
    Size { not: bool, larger: bool },
    Header(String, String),
    Shown(String, String),
    Body(String),
    Text(String),
}

impl What {
    fn of(node: &Node) -> Option<Self> {
        let not = node.not;
        Some(match &node.key {
            Key::Flags(flags) => Self::Flags(*flags),
            Key::Keyword(name) => Self::Keyword(name.clone()),
            Key::Numbers(_) => Self::Numbers,
            Key::Uids(_) => Self::Uids,
            Key::Time(time) => Self::Time { not, of: time.of, order: time.order, exact: time.exact },
            Key::Size { larger, .. } => Self::Size { not, larger: *larger },
            Key::Header(field, text) => Self::Header(field.clone(), text.written.clone()),
            Key::Shown(field, text) => Self::Shown(field.clone(), text.written.clone()),
            Key::Body(text) => Self::Body(text.written.clone()),
            Key::Text(text) => Self::Text(text.written.clone()),
            _ => return None,
        })
    }
}

impl Merger {
    /// Nothing yet.
    pub fn new(and: bool) -> Self {
        Self { and, ..Self::default() }
    }

    /// Adds a key, unless it becomes one with another; whether it does.
    pub fn add(&mut self, node: Node) -> bool {
        let Some(what) = What::of(&node) else {
            self.out.push(node);
            return false;
        };
        let kind = Kind { fuzzy: node.fuzzy, what };
        let known = self.first.iter().find(|(known, _)| *known == kind).map(|(_, place)| *place);
        let Some(place) = known else {
            self.first.push((kind, self.out.len()));
            self.out.push(node);
            return false;
        };
        let merged = self.out.get_mut(place).is_none_or(|before| merge(before, &node, self.and));
        if !merged {
            self.out.push(node);
        }
        merged
    }
}

/// Puts a key into another of its kind, where that can be. Two limits that are both denied become one as if neither were.
fn merge(before: &mut Node, node: &Node, and: bool) -> bool {
    let narrower =
        |one: i64, other: i64, least: bool| if least == and { one.min(other) } else { one.max(other) };
    match (&mut before.key, &node.key) {
        (Key::Numbers(set) | Key::Uids(set), Key::Numbers(other) | Key::Uids(other)) => {
            *set = if and { set.intersected(other) } else { set.merged(other) };
            true
        }
        (Key::Time(time), Key::Time(other)) => match time.order {
            Compare::On => time.seconds == other.seconds,
            order => {
                time.seconds = narrower(time.seconds, other.seconds, order == Compare::Before);
                true
            }
        },
        (Key::Size { larger, octets }, Key::Size { octets: other, .. }) => {
            *octets = if *larger == and { (*octets).max(*other) } else { (*octets).min(*other) };
            true
        }
        _ => {
            // The same twice, or the same and its contrary.
            if before.not != node.not {
                before.key = Key::All;
                before.not = and;
            }
            true
        }
    }
}
