//! A full disk under load: sessions wait, or go on and say what is missing; nothing is half-written, and it recovers by itself.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Missing, Scene, named};
use crate::imap::Client;
use crate::server;

const CLIENTS: usize = 8;
/// Room for the evidence of the load before and after.
const DISK: &str = "size=48m,mode=700";
/// How long the load runs before, while and after the disk is full.
const STEP: Duration = Duration::from_millis(800);

/// Both ways that `store.when-full` knows.
pub(super) fn run(scene: &Scene) -> Result<String> {
    let data = server::data(scene.folder());
    fs::create_dir_all(&data)?;
    let _disk = Disk::mount(&data)?;
    let waited = round(scene, "wait", &data)?;
    let lost = round(scene, "go-on", &data)?;
    ensure!(waited.while_full == 0, "{} replies while the disk was full", waited.while_full);
    ensure!(lost.while_full > 0, "no reply while the disk was full, though sessions may go on");
    let events = scene.events()?;
    let told: u64 = named(&events, "evidence.lost").filter_map(|event| event["events"].as_u64()).sum();
    ensure!(told > 0, "nothing says what was lost");
    Ok(format!(
        "waiting: {} replies, all recorded; going on: {} replies while it was full, {told} events told as lost",
        waited.replies, lost.while_full
    ))
}

/// Replies that clients had: in all, and while the disk was full.
struct Round {
    replies: usize,
    while_full: usize,
}

fn round(scene: &Scene, when_full: &str, data: &Path) -> Result<Round> {
    let before = scene.events().map_or(0, |events| named(&events, "command.received").count());
    let settings =
        [("HONEYPOST_STORE_WHEN_FULL", when_full), ("HONEYPOST_LIMITS_CONNECTIONS_PER_SOURCE", "1000")];
    let server = scene.serve(&settings)?;
    let load = Load::start(server.address);
    thread::sleep(STEP);
    let filler = data.join("filler");
    fill(&filler)?;
    // Replies to what was recorded just before are still on their way.
    thread::sleep(STEP / 2);
    let full = load.replies();
    thread::sleep(STEP);
    let while_full = load.replies() - full;
    fs::remove_file(&filler)?;
    thread::sleep(STEP);
    let resumed = load.replies();
    let replies = load.stop()?;
    ensure!(resumed > full, "{when_full}: no reply after there was room again");
    let log = server.said();
    for (text, what) in [("cannot take events now", "the trouble"), ("takes events again", "its end")] {
        ensure!(log.matches(text).count() == 1, "{when_full}: {what} is not told once:\n{log}");
    }
    server.stop()?;
    scene.verify().with_context(|| when_full.to_owned())?;
    if when_full == "wait" {
        let recorded = named(&scene.events()?, "command.received").count() - before;
        ensure!(recorded >= replies, "{replies} replies, {recorded} commands recorded");
    }
    Ok(Round { replies, while_full })
}

/// Writes until the disk is full.
fn fill(path: &Path) -> Result<()> {
    let mut file = File::create(path)?;
    let block = vec![b'x'; 64 << 10];
    // Down to the last page.
    for size in [block.len(), 4096, 1] {
        while file.write_all(&block[..size]).is_ok() {}
    }
    Ok(())
}

/// Clients that send commands until they are told to end.
struct Load {
    replies: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Result<()>>>,
}

impl Load {
    fn start(address: SocketAddr) -> Self {
        let (replies, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let clients = (0..CLIENTS)
            .map(|_| {
                let (replies, stop) = (Arc::clone(&replies), Arc::clone(&stop));
                thread::spawn(move || client(address, &replies, &stop))
            })
            .collect();
        Self { replies, stop, clients }
    }

    fn replies(&self) -> usize {
        self.replies.load(Ordering::SeqCst)
    }

    fn stop(self) -> Result<usize> {
        self.stop.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.join().ok().context("a client panicked")??;
        }
        Ok(self.replies.load(Ordering::SeqCst))
    }
}

fn client(address: SocketAddr, replies: &AtomicUsize, stop: &AtomicBool) -> Result<()> {
    let mut client = Client::selected(address)?;
    replies.fetch_add(2, Ordering::SeqCst);
    while !stop.load(Ordering::SeqCst) {
        client.command("FETCH 1:* (FLAGS)")?.ok()?;
        replies.fetch_add(1, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// A small file system of its own.
struct Disk<'a>(&'a Path);

impl<'a> Disk<'a> {
    fn mount(at: &'a Path) -> Result<Self> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(at).output();
        match mounted {
            Ok(output) if output.status.success() => Ok(Self(at)),
            _ => Err(Missing("mounting a tmpfs needs root".into()).into()),
        }
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).output();
    }
}
