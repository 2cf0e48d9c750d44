//! SIGTERM while sessions are open: they are closed, and everything is recorded before the process ends.

use anyhow::{Result, ensure};

use super::{Scene, named};
use crate::imap::Client;

const SESSIONS: usize = 5;

/// Stops a server that has open sessions in every state.
pub(super) fn run(scene: &Scene) -> Result<String> {
    let server = scene.serve(&[])?;
    let mut open = vec![Client::connect(server.address)?];
    for _ in 1..SESSIONS {
        open.push(Client::selected(server.address)?);
    }
    server.stop()?;
    for client in open {
        client.rest()?;
    }
    // The process is gone: what is recorded now is all there will ever be.
    let events = scene.events()?;
    let closed = named(&events, "session.closed").filter(|event| event["reason"] == "shutdown").count();
    ensure!(closed == SESSIONS, "{closed} of {SESSIONS} sessions were closed with the reason `shutdown`");
    let commands = named(&events, "command.received").count();
    ensure!(commands == (SESSIONS - 1) * 2, "{commands} commands recorded");
    Ok(format!("{closed} sessions closed, {} events", events.len()))
}
