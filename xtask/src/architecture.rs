//! The direction of dependencies, held against `cargo metadata`.
//!
//! They point downward only: `honeypost -> {web, protocol, store, bait, event}`, `web -> store -> event`,
//! `protocol -> {bait, event}`; `event`, `bait` and `clienthello` stand on the ground. Apart from
//! all of these is `audit -> {fidelity, jarm}`: it looks at servers from outside and knows nothing of ours.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::workspace::Workspace;

/// Each crate of ours and the crates of ours that it may use, in any kind of dependency.
const MAY_USE: &[(&str, &[&str])] = &[
    ("event", &[]),
    ("bait", &[]),
    ("protocol", &["bait", "event"]),
    ("store", &["event"]),
    ("web", &["event", "store"]),
    ("clienthello", &[]),
    ("fidelity", &[]),
    ("jarm", &[]),
    ("audit", &["fidelity", "jarm"]),
    ("honeypost", &["audit", "bait", "clienthello", "event", "jarm", "protocol", "store", "web"]),
    ("xtask", &["fidelity", "jarm"]),
];

/// The crates without I/O: nothing that they ship with may bring any of [`DRIVERS`] along.
const SANS_IO: &[&str] = &["event", "bait", "clienthello", "protocol"];
const DRIVERS: &[&str] = &["async-std", "mio", "openssl", "rusqlite", "rustls", "smol", "socket2", "tokio"];

/// What stands against the plan, in words.
pub(crate) fn check(workspace: &Workspace) -> Result<Vec<String>> {
    let metadata = &workspace.metadata;
    let members: BTreeSet<&str> = strings(&metadata["workspace_members"]).collect();
    let packages = metadata["packages"].as_array().context("no packages")?;
    let names: BTreeMap<&str, &str> = packages
        .iter()
        .filter_map(|package| Some((package["id"].as_str()?, package["name"].as_str()?)))
        .collect();
    let ours: BTreeSet<&str> = members.iter().filter_map(|id| names.get(id).copied()).collect();

    let mut complaints = Vec::new();
    for package in
        packages.iter().filter(|package| package["id"].as_str().is_some_and(|id| members.contains(id)))
    {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, allowed)) = MAY_USE.iter().find(|(of, _)| *of == name) else {
            complaints.push(format!("crate {name} has no row in xtask/src/architecture.rs"));
            continue;
        };
        for used in package["dependencies"].as_array().into_iter().flatten() {
            let used = used["name"].as_str().unwrap_or_default();
            if ours.contains(used) && !allowed.contains(&used) {
                complaints.push(format!("crate {name} must not depend on {used}"));
            }
        }
    }

    let edges = edges(metadata).context("cargo metadata has no dependency graph")?;
    for (id, name) in names.iter().filter(|(id, name)| members.contains(*id) && SANS_IO.contains(*name)) {
        for reached in closure(id, &edges) {
            let reached = names.get(reached).copied().unwrap_or_default();
            if DRIVERS.contains(&reached) {
                complaints.push(format!("crate {name} has no I/O, yet brings {reached} along"));
            }
        }
    }
    Ok(complaints)
}

/// Normal dependencies (not build, not dev) by package id.
fn edges(metadata: &Value) -> Option<BTreeMap<&str, Vec<&str>>> {
    let mut edges = BTreeMap::new();
    for node in metadata["resolve"]["nodes"].as_array()? {
        let normal = node["deps"].as_array()?.iter().filter(|dependency| {
            dependency["dep_kinds"]
                .as_array()
                .is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()))
        });
        edges.insert(
            node["id"].as_str()?,
            normal.filter_map(|dependency| dependency["pkg"].as_str()).collect(),
        );
    }
    Some(edges)
}

fn closure<'a>(start: &'a str, edges: &BTreeMap<&'a str, Vec<&'a str>>) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut open = vec![start];
    while let Some(id) = open.pop() {
        for next in edges.get(id).into_iter().flatten() {
            if seen.insert(*next) {
                open.push(next);
            }
        }
    }
    seen
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::json;

    use super::*;

    fn workspace(store_uses: &str, protocol_brings: &str) -> Workspace {
        let package = |name: &str, uses: &[&str]| {
            let uses: Vec<Value> = uses.iter().map(|used| json!({ "name": used })).collect();
            json!({ "id": name, "name": name, "dependencies": uses })
        };
        let node = |name: &str, uses: &str| json!({ "id": name, "deps": [{ "pkg": uses, "dep_kinds": [{ "kind": null }] }] });
        let metadata = json!({
            "workspace_members": ["event", "protocol", "store"],
            "packages": [
                package("event", &[]), package("protocol", &["event"]), package("store", &[store_uses]),
                package("tokio", &[]), package("serde", &[]), package("helper", &["tokio"]),
            ],
            "resolve": { "nodes": [node("protocol", protocol_brings), node("helper", "tokio")] },
        });
        Workspace { root: PathBuf::new(), target: PathBuf::new(), metadata }
    }

    #[test]
    fn downward_is_right() {
        assert_eq!(check(&workspace("event", "serde")).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn upward_and_hidden_drivers_are_named() {
        assert_eq!(
            check(&workspace("protocol", "helper")).unwrap(),
            ["crate store must not depend on protocol", "crate protocol has no I/O, yet brings tokio along"]
        );
    }
}
