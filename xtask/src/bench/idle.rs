//! The memory of connections that are logged in, have INBOX open, and say nothing.

use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::conversation::Conversation;
use super::load;
use super::table::Spread;
use crate::server::memory;

/// Connections before the first look, so that what the server needs once is not counted as theirs.
const WARM_UP: usize = 200;
/// How many looks.
const STEPS: usize = 4;

/// Bytes of resident memory that each further connection adds, looked at several times on the way up.
pub(super) fn measure(
    address: SocketAddr,
    process: u32,
    conversation: &Conversation,
    connections: usize,
) -> Result<Spread> {
    let mut open = Vec::new();
    fill(&mut open, WARM_UP, address, conversation)?;
    let mut spread = Spread::default();
    let mut before = settled(process)?;
    let step = connections.div_ceil(STEPS);
    for _ in 0..STEPS {
        let wanted = open.len() + step;
        fill(&mut open, wanted, address, conversation)?;
        let now = settled(process)?;
        spread.add(bytes_each(now.saturating_sub(before), step));
        before = now;
    }
    Ok(spread)
}

fn fill(
    open: &mut Vec<TcpStream>,
    wanted: usize,
    address: SocketAddr,
    conversation: &Conversation,
) -> Result<()> {
    let mut buffer = Vec::new();
    while open.len() < wanted {
        let mut stream = load::connect(address)?;
        load::expect(&mut stream, conversation.greeting(), &mut buffer)?;
        for (command, answer) in conversation.exchanges_until_selected() {
            std::io::Write::write_all(&mut stream, command)?;
            load::expect(&mut stream, answer, &mut buffer)?;
        }
        open.push(stream);
    }
    Ok(())
}

/// Resident KiB, after what was queued has been written out.
fn settled(process: u32) -> Result<u64> {
    thread::sleep(Duration::from_millis(1500));
    memory(process, "VmRSS")
}

#[expect(clippy::cast_precision_loss, reason = "numbers of connections and KiB are small")]
fn bytes_each(kib: u64, connections: usize) -> f64 {
    kib as f64 * 1024.0 / connections as f64
}
