//! The memory of connections that are logged in, have INBOX open, and say nothing.

use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::conversation::Conversation;
use super::load;
use super::table::Spread;
use crate::server::memory;

/// Holds connections over TLS.
const HOLDER: &str = include_str!("idle.py");
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

/// The same over TLS, with Python as the client; none where there is no Python.
pub(super) fn measure_tls(address: SocketAddr, process: u32, connections: usize) -> Result<Option<Spread>> {
    let mut python = Command::new("python3");
    python.args(["-I", "-c", HOLDER, &address.port().to_string()]);
    let holder = match python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        holder => holder?,
    };
    let mut holder = Holder(holder);
    let mut orders = holder.0.stdin.take().context("piped")?;
    let mut said = BufReader::new(holder.0.stdout.take().context("piped")?).lines();
    let mut spread = Spread::default();
    let step = connections.div_ceil(STEPS);
    let mut before = 0;
    for number in 0..=STEPS {
        let wanted = WARM_UP + number * step;
        writeln!(orders, "{wanted}")?;
        let there = said.next().context("the client ended")??;
        ensure!(there == wanted.to_string(), "{there} connections instead of {wanted}");
        let now = settled(process)?;
        if number > 0 {
            spread.add(bytes_each(now.saturating_sub(before), step));
        }
        before = now;
    }
    Ok(Some(spread))
}

/// Ends with what it was needed for.
struct Holder(Child);

impl Drop for Holder {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
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
            stream.write_all(command)?;
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
