//! kill -9 under load: whatever a client had an answer to is in the evidence after the restart, without holes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Scene;
use crate::imap::Client;

const ROUNDS: usize = 20;
const CONNECTIONS: usize = 8;
/// Commands sent in one go before their replies are read.
const BATCH: &[&str] =
    &["NOOP", "FETCH 1:* (FLAGS)", "STATUS Sent (MESSAGES)", "FETCH 5 BODY.PEEK[]", "SEARCH TEXT aws"];

/// Loads, kills, restarts and counts, in one data directory throughout.
pub(super) fn run(scene: &Scene) -> Result<String> {
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut replies = 0;
    for round in 1..=ROUNDS {
        let server = scene.serve(&[])?;
        let address = server.address;
        let clients: Vec<_> = (0..CONNECTIONS).map(|_| thread::spawn(move || load(address))).collect();
        let moment = Duration::from_millis(rand::random_range(10..200));
        thread::sleep(moment);
        server.kill()?;
        let mut had = BTreeMap::new();
        for client in clients {
            let (port, count) = client.join().ok().context("a client panicked")?;
            had.insert(port, count);
        }

        // The restart reads what the killed process left; its orderly end has everything in the database.
        scene.serve(&[])?.stop()?;
        let events = scene.events()?;
        scene.verify().with_context(|| format!("round {round}, killed after {moment:?}"))?;
        let sessions = sessions(&events);
        let context = || format!("round {round}, killed after {moment:?}");
        check_sequences(&sessions).with_context(context)?;
        check_earlier(&sessions, &known).with_context(context)?;
        check_replies(&sessions, &known, &had).with_context(context)?;
        replies += had.values().sum::<usize>();
        known = sessions.into_iter().map(|(id, events)| (id, events.len())).collect();
    }
    Ok(format!("{ROUNDS} kills, {replies} replies, {} sessions, verified each time", known.len()))
}

/// Sends commands until the connection breaks. Gives its port and how many replies it had, whole ones only.
fn load(address: SocketAddr) -> (u16, usize) {
    let mut count = 0;
    let Ok(mut client) = Client::connect(address) else {
        return (0, 0);
    };
    let port = client.socket().local_addr().map_or(0, |local| local.port());
    for command in ["LOGIN admin admin", "SELECT INBOX"] {
        if client.command(command).is_err() {
            return (port, count);
        }
        count += 1;
    }
    loop {
        let Ok(tags) = BATCH.iter().map(|command| client.send(command)).collect::<Result<Vec<_>>>() else {
            return (port, count);
        };
        for tag in tags {
            if client.reply(&tag).is_err() {
                return (port, count);
            }
            count += 1;
        }
    }
}

fn sessions(events: &[Value]) -> BTreeMap<String, Vec<&Value>> {
    let mut sessions: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for event in events {
        sessions.entry(event["session"].as_str().unwrap_or_default().to_owned()).or_default().push(event);
    }
    sessions
}

/// Each session's events are numbered from 0 without holes and without repetition, in the order printed.
fn check_sequences(sessions: &BTreeMap<String, Vec<&Value>>) -> Result<()> {
    for (id, events) in sessions {
        for (expected, event) in events.iter().enumerate() {
            ensure!(event["seq"] == expected, "session {id}: number {} instead of {expected}", event["seq"]);
        }
    }
    Ok(())
}

/// What was recorded before this round is there, no more and no less.
fn check_earlier(sessions: &BTreeMap<String, Vec<&Value>>, known: &BTreeMap<String, usize>) -> Result<()> {
    for (id, count) in known {
        let now = sessions.get(id).map_or(0, Vec::len);
        ensure!(now == *count, "session {id} of an earlier round had {count} events and has {now}");
    }
    Ok(())
}

/// Every client of this round has a session with at least as many commands as it had replies.
fn check_replies(
    sessions: &BTreeMap<String, Vec<&Value>>,
    known: &BTreeMap<String, usize>,
    had: &BTreeMap<u16, usize>,
) -> Result<()> {
    let fresh: Vec<_> = sessions.iter().filter(|(id, _)| !known.contains_key(*id)).collect();
    let ports: BTreeSet<u16> = had.keys().copied().filter(|port| *port != 0).collect();
    for port in ports {
        let events =
            fresh.iter().find(|(_, events)| events.first().is_some_and(|event| event["src_port"] == port));
        let (_, events) = events.with_context(|| format!("the session from port {port} left no trace"))?;
        let recorded = events.iter().filter(|event| event["event"] == "command.received").count();
        let replies = had[&port];
        ensure!(recorded >= replies, "port {port}: {replies} replies, only {recorded} commands recorded");
    }
    Ok(())
}
