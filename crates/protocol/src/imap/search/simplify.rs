//! What Dovecot makes of the keys before it asks a message: `NOT` is moved inwards, keys that say the same become one, keys
//! that cannot matter are dropped. Mostly nobody sees that. But a keyword in a key that was dropped is not made known, a
//! mod-sequence in one enables nothing, and some of what becomes one key means something else than before.

use std::collections::VecDeque;

use super::common::{drop_redundant, extract_common};
use super::key::{Key, Node};
use super::merge::Merger;

/// Dovecot's process does not survive this search: `NOT INTHREAD`, or INTHREAD in a key that is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fatal;

/// Rounds of simplification; three are many.
const MOST_ROUNDS: usize = 100;

/// The keys as Dovecot asks them.
pub fn simplified(mut keys: Vec<Node>) -> Result<Vec<Node>, Fatal> {
    let mut removed = simplify(&mut keys, true)?;
    unnest(&mut keys, false);
    for _ in 0..MOST_ROUNDS {
        removed |= drop_redundant(&mut keys, true)?;
        removed |= extract_common(&mut keys, true)?;
        if removed {
            removed = simplify(&mut keys, true)?;
        }
        removed |= merge_flags(&mut keys, true);
        if !removed {
            break;
        }
    }
    Ok(keys)
}

/// Simplifies keys that are put together, with AND or with OR. Whether any is gone. Recursion is as deep as the parser lets
/// keys nest.
fn simplify(keys: &mut Vec<Node>, and: bool) -> Result<bool, Fatal> {
    let mut removed = false;
    let mut left: VecDeque<Node> = std::mem::take(keys).into();
    let mut merger = Merger::new(and);
    while let Some(mut node) = left.pop_front() {
        if node.not
            && let Key::And(_) | Key::Or(_) = node.key
        {
            node = inwards(node);
        }
        match node.key {
            Key::And(below) if and || below.len() == 1 => {
                below.into_iter().rev().for_each(|node| left.push_front(node));
                removed = true;
                continue;
            }
            Key::Or(below) if !and || below.len() == 1 => {
                below.into_iter().rev().for_each(|node| left.push_front(node));
                removed = true;
                continue;
            }
            Key::And(ref mut below) => removed |= simplify_below(below, true)?,
            Key::Or(ref mut below) => removed |= simplify_below(below, false)?,
            Key::InThread(..) if node.not => return Err(Fatal),
            Key::InThread(_, ref mut below) => removed |= simplify(below, true)?,
            Key::Numbers(_) | Key::Uids(_) => simplify_set(&mut node),
            _ => {}
        }
        match node.key {
            Key::All if merger.out.is_empty() && left.is_empty() => merger.out.push(node),
            Key::All if and != node.not => removed = true,
            Key::All => {
                // The others do not matter.
                left.clear();
                merger.out.clear();
                merger.out.push(node);
                removed = true;
            }
            Key::Body(ref text) | Key::Text(ref text) if text.written.is_empty() => {
                node.key = Key::All;
                merger.out.push(node);
                removed = true;
            }
            _ => removed |= merger.add(node),
        }
    }
    *keys = merger.out;
    Ok(removed)
}

fn simplify_below(keys: &mut Vec<Node>, and: bool) -> Result<bool, Fatal> {
    let dropped = drop_redundant(keys, and)?;
    let extracted = extract_common(keys, and)?;
    Ok(simplify(keys, and)? || dropped || extracted)
}

/// `NOT (a b)` is `OR NOT a NOT b`, and the other way round.
fn inwards(node: Node) -> Node {
    let turn = |mut below: Vec<Node>| {
        for node in &mut below {
            node.not = !node.not;
        }
        below
    };
    let key = match node.key {
        Key::And(below) => Key::Or(turn(below)),
        Key::Or(below) => Key::And(turn(below)),
        other => other,
    };
    Node { not: false, key, ..node }
}

fn simplify_set(node: &mut Node) {
    let (Key::Numbers(set) | Key::Uids(set)) = &mut node.key else { return };
    if std::mem::take(&mut node.not) {
        *set = set.inverted();
    }
    if set.is_all() || set.is_empty() {
        node.not = set.is_empty();
        node.key = Key::All;
    }
}

/// Puts flags that must all be set, or must not all be set, into one key.
fn merge_flags(keys: &mut Vec<Node>, and: bool) -> bool {
    let mut removed = false;
    let mut kept: Vec<Node> = Vec::with_capacity(keys.len());
    let mut first = None;
    for mut node in std::mem::take(keys) {
        match &mut node.key {
            Key::And(below) | Key::InThread(_, below) => removed |= merge_flags(below, true),
            Key::Or(below) => removed |= merge_flags(below, false),
            Key::Flags(flags) if node.not != and => {
                let before = first.and_then(|place: usize| kept.get_mut(place));
                if let Some(Node { key: Key::Flags(before), .. }) = before {
                    *before |= *flags;
                    removed = true;
                    continue;
                }
                first = Some(kept.len());
            }
            _ => {}
        }
        kept.push(node);
    }
    *keys = kept;
    removed
}

/// Meant to take INTHREAD out of INTHREAD; in truth the keys behind the first plain one are lost, and it becomes plain itself,
/// wherever a plain key stands beside one that is none. Whether that happened.
fn unnest(keys: &mut Vec<Node>, within: bool) -> bool {
    let mut first_plain = None;
    let mut threads = false;
    for (place, node) in keys.iter_mut().enumerate() {
        let plain = match &mut node.key {
            Key::And(below) | Key::Or(below) => unnest(below, within),
            Key::InThread(_, below) => {
                if unnest(below, true) {
                    node.key = Key::And(std::mem::take(below));
                }
                false
            }
            _ => true,
        };
        if plain {
            first_plain.get_or_insert(place);
        } else {
            threads = true;
        }
    }
    let Some(first) = first_plain.filter(|_| within && threads) else { return false };
    keys.truncate(first.saturating_add(1));
    true
}

#[cfg(test)]
mod tests {
    use bait::Flags;

    use super::*;

    fn flag(flags: Flags) -> Node {
        Key::Flags(flags).node()
    }

    fn not(node: Node) -> Node {
        Node { not: !node.not, ..node }
    }

    #[test]
    fn denials_move_inwards_and_flags_become_one() {
        let both = Key::And(vec![flag(Flags::SEEN), flag(Flags::DRAFT)]).node();
        assert_eq!(simplified(vec![not(both)]), Ok(vec![not(flag(Flags::SEEN | Flags::DRAFT))]));
        let either = Key::Or(vec![flag(Flags::SEEN), not(flag(Flags::SEEN))]).node();
        assert_eq!(simplified(vec![either, Key::Keyword("a".into()).node()]).map(|keys| keys.len()), Ok(1));
    }

    #[test]
    fn what_is_in_all_is_taken_out() {
        let with = |other| Key::And(vec![flag(Flags::SEEN), Key::Guid(other).node()]).node();
        let keys = simplified(vec![Key::Or(vec![with("a".into()), with("b".into())]).node()]);
        let both = Key::Or(vec![Key::Guid("a".into()).node(), Key::Guid("b".into()).node()]).node();
        assert_eq!(keys, Ok(vec![both, flag(Flags::SEEN)]));
    }

    #[test]
    fn no_thread_may_be_denied() {
        let thread = || Key::InThread(super::super::thread::Algorithm::Refs, vec![flag(Flags::SEEN)]).node();
        assert!(simplified(vec![thread()]).is_ok());
        assert_eq!(simplified(vec![not(thread())]), Err(Fatal));
        assert!(simplified(vec![not(Key::All.node()), not(thread())]).is_ok(), "it does not come to that");
    }

    #[test]
    fn many_keys_cost_little() {
        let many =
            |place: usize| Key::Or(vec![Key::Guid(place.to_string()).node(), flag(Flags::SEEN)]).node();
        assert_eq!(simplified((0..250).map(many).collect()).map(|keys| keys.len()), Ok(1));
    }
}
