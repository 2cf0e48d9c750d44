//! The clients: blocking threads that send a command, read exactly the answer that was recorded, and compare it.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::conversation::Conversation;

/// What a round of sessions took.
pub(super) struct Round {
    /// How many sessions were played.
    pub(super) sessions: usize,
    /// From the first to the last of them.
    pub(super) time: Duration,
    /// For the greeting (with connecting) and each command: how long each answer took.
    pub(super) latencies: Vec<Vec<Duration>>,
}

impl Round {
    /// Plays so many sessions, so many at a time.
    pub(super) fn play(
        address: SocketAddr,
        conversation: &Conversation,
        sessions: usize,
        concurrency: usize,
    ) -> Result<Self> {
        let next = AtomicUsize::new(0);
        let start = Instant::now();
        let players: Vec<Result<Vec<Vec<Duration>>>> = thread::scope(|scope| {
            let play = || {
                let mut latencies = vec![Vec::new(); conversation.answers.len()];
                let mut buffer = Vec::new();
                while next.fetch_add(1, Ordering::Relaxed) < sessions {
                    session(address, conversation, &mut buffer, &mut latencies)?;
                }
                Ok(latencies)
            };
            let players: Vec<_> = (0..concurrency).map(|_| scope.spawn(play)).collect();
            players.into_iter().map(|player| player.join().expect("a player does not panic")).collect()
        });
        let time = start.elapsed();
        let mut latencies = vec![Vec::new(); conversation.answers.len()];
        for player in players {
            for (all, own) in latencies.iter_mut().zip(player?) {
                all.extend(own);
            }
        }
        Ok(Self { sessions, time, latencies })
    }
}

/// Plays one session to its end.
fn session(
    address: SocketAddr,
    conversation: &Conversation,
    buffer: &mut Vec<u8>,
    latencies: &mut [Vec<Duration>],
) -> Result<()> {
    let mut start = Instant::now();
    let mut stream = connect(address)?;
    expect(&mut stream, conversation.greeting(), buffer)?;
    let mut took = vec![start.elapsed()];
    for (command, answer) in conversation.exchanges() {
        start = Instant::now();
        stream.write_all(command)?;
        expect(&mut stream, answer, buffer)?;
        took.push(start.elapsed());
    }
    ensure!(stream.read(&mut [0])? == 0, "the server did not close after the last answer");
    for (all, own) in latencies.iter_mut().zip(took) {
        all.push(own);
    }
    Ok(())
}

/// Connects; where all ports of this machine are resting (`TIME_WAIT`), waits for one.
pub(super) fn connect(address: SocketAddr) -> Result<TcpStream> {
    for _ in 0..600 {
        match TcpStream::connect(address) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(Duration::from_secs(30)))?;
                return Ok(stream);
            }
            Err(error) if error.kind() == ErrorKind::AddrNotAvailable => {
                thread::sleep(Duration::from_millis(100));
            }
            Err(error) => return Err(error).context("connecting"),
        }
    }
    bail!("no port is free to connect from")
}

/// Reads an answer and compares all of it.
pub(super) fn expect(stream: &mut TcpStream, answer: &[u8], buffer: &mut Vec<u8>) -> Result<()> {
    buffer.resize(answer.len(), 0);
    stream.read_exact(buffer).context("an answer is shorter than the recorded one")?;
    ensure!(
        buffer == answer,
        "not the recorded answer: {:?} instead of {:?}",
        String::from_utf8_lossy(buffer),
        String::from_utf8_lossy(answer)
    );
    Ok(())
}
