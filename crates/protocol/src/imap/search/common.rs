//! What several keys have in common, as Dovecot finds it (`simplify.rs`): `(a OR b) a` is `a`, and `(a OR b) (a OR c)` is
//! `a OR (b c)`; with AND and OR the other way round too.

use super::key::{Key, Node};
use super::simplify::Fatal;

/// What is put together within the keys, where those are put together with AND or with OR.
fn members(node: &Node, and: bool) -> Option<&Vec<Node>> {
    match &node.key {
        Key::Or(below) if and => Some(below),
        Key::And(below) if !and => Some(below),
        _ => None,
    }
}

fn members_mut(node: &mut Node, and: bool) -> Option<&mut Vec<Node>> {
    match &mut node.key {
        Key::Or(below) if and => Some(below),
        Key::And(below) if !and => Some(below),
        _ => None,
    }
}

/// Whether INTHREAD is in it: Dovecot's process does not survive that such a key is dropped.
fn has_thread(node: &Node) -> bool {
    matches!(node.key, Key::InThread(..)) || node.key.below().iter().any(has_thread)
}

fn has(keys: &[Node], wanted: &Node) -> bool {
    keys.iter().any(|node| node.same(wanted))
}

/// Drops keys that hold all that the least of them holds. Whether there were such.
pub fn drop_redundant(keys: &mut Vec<Node>, and: bool) -> Result<bool, Fatal> {
    let alone = keys.iter().position(|node| members(node, and).is_none());
    let least = || {
        let sizes =
            keys.iter().enumerate().filter_map(|(place, node)| Some((members(node, and)?.len(), place)));
        sizes.min().map(|(_, place)| place)
    };
    let Some(place) = alone.or_else(least) else { return Ok(false) };
    let Some(chosen) = keys.get(place) else { return Ok(false) };
    let wanted = members(chosen, and).cloned().unwrap_or_else(|| vec![chosen.clone()]);
    let mut redundant = keys.iter().enumerate().map(|(other, node)| {
        other != place
            && members(node, and).is_some_and(|below| wanted.iter().all(|wanted| has(below, wanted)))
    });
    let flags: Vec<bool> = redundant.by_ref().collect();
    if keys.iter().zip(&flags).any(|(node, dropped)| *dropped && has_thread(node)) {
        return Err(Fatal);
    }
    let before = keys.len();
    let mut flags = flags.into_iter();
    keys.retain(|_| !flags.next().unwrap_or_default());
    Ok(keys.len() < before)
}

/// Takes out what all keys have in common. Whether there was such.
pub fn extract_common(keys: &mut Vec<Node>, and: bool) -> Result<bool, Fatal> {
    if keys.len() < 2 {
        return Ok(false);
    }
    let Some(candidates) = keys.iter().find_map(|node| members(node, and)).cloned() else { return Ok(false) };
    let mut common: Vec<Node> = Vec::new();
    for wanted in candidates {
        let held =
            |node: &Node| node.same(&wanted) || members(node, and).is_some_and(|below| has(below, &wanted));
        if !keys.iter().all(held) {
            continue;
        }
        if has_thread(&wanted) {
            return Err(Fatal);
        }
        keys.retain_mut(|node| {
            if node.same(&wanted) {
                return false;
            }
            members_mut(node, and).is_none_or(|below| {
                below.retain(|node| !node.same(&wanted));
                !below.is_empty()
            })
        });
        common.insert(0, wanted);
    }
    if common.is_empty() {
        return Ok(false);
    }
    let rest = std::mem::take(keys);
    if !rest.is_empty() {
        let rest = if and { Key::And(rest) } else { Key::Or(rest) };
        common.insert(0, rest.node());
    }
    keys.push(if and { Key::Or(common) } else { Key::And(common) }.node());
    Ok(true)
}
