//! The mailroom: what intruders send is evidence, kept byte for byte in `DATA_DIR/mail`, within quotas, for a time.
//!
//! A message comes in pieces from its session, through its connection's [`Intake`], into a file in `mail/incoming`.
//! When it is whole it is made durable and moved into the folder of its day, under a name of ours and with its envelope
//! in a file beside it; then the event is recorded, and only then the session may answer. What is left unfinished is kept
//! as `NAME.partial.eml`, also after a crash. Nothing here knows a protocol, and nothing is ever sent anywhere.
//!
//! Read `name.rs`, `capture.rs` (one message, on the disk), `intake.rs` (the same for a connection), then `quota.rs`,
//! `sweep.rs` (what a start finds), `retention.rs`, and `analysis.rs` (what is read out of a message).

mod analysis;
mod capture;
mod intake;
mod links;
mod name;
mod quota;
mod retention;
mod sidecar;
mod sweep;
#[cfg(test)]
pub(crate) mod tests;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Semaphore;

pub(crate) use self::intake::{Done, Intake};
pub(crate) use self::retention::keep_house;

use self::name::{Extent, Name};
use self::quota::Quota;
use self::sidecar::Sidecar;
use crate::config::{Mail, WhenFull};
use crate::visitors::Visitors;

/// Pieces of messages that are written at a time.
const WRITERS: usize = 16;

/// Messages that are looked into at a time: each is in memory.
const ANALYSES: usize = 2;

/// Where messages are until they are whole, below the data directory.
const INCOMING: &str = "mail/incoming";

/// The mailroom of a data directory, shared by all connections.
pub(crate) struct Mailroom {
    directory: PathBuf,
    max_size: u64,
    when_full: WhenFull,
    keep: Duration,
    keep_size: Option<u64>,
    quota: Arc<Quota>,
    disk: Arc<Semaphore>,
    analyses: Arc<Semaphore>,
    visitors: Arc<Visitors>,
    /// The last file's inode number, for a queue id without a file.
    inode: AtomicU64,
    /// Whether the disk's refusal has been told.
    troubled: AtomicBool,
}

impl Mailroom {
    /// Opens the mailroom of a data directory: turns what a crash has left behind into evidence, counts what is kept, and
    /// shows its senders again what they may still see.
    pub(crate) fn open(directory: &Path, settings: &Mail, visitors: Arc<Visitors>) -> io::Result<Arc<Self>> {
        let room = Arc::new(Self {
            directory: directory.to_owned(),
            max_size: settings.max_size.0,
            when_full: settings.when_full,
            keep: settings.keep,
            keep_size: settings.keep_size.map(|size| size.0),
            quota: Arc::new(Quota::new(settings.max_per_source.0, settings.max_total.0)),
            disk: Arc::new(Semaphore::new(WRITERS)),
            analyses: Arc::new(Semaphore::new(ANALYSES)),
            visitors,
            inode: AtomicU64::new(0),
            troubled: AtomicBool::new(false),
        });
        room.make_folder(Path::new(INCOMING))?;
        room.inode.store(fs::metadata(directory.join(INCOMING))?.ino(), Ordering::Relaxed);
        room.sweep()?;
        Ok(room)
    }

    /// A message's file, or its sidecar, while it is taken in.
    fn incoming(&self, name: Name, ending: &str) -> PathBuf {
        self.directory.join(INCOMING).join(format!("{name}{ending}"))
    }

    /// Makes a folder below the data directory, so that it is still there when the machine stops.
    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        let mut path = self.directory.clone();
        for part in folder {
            let above = path.clone();
            path.push(part);
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => File::open(&above)?.sync_all()?,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Moves a message from `incoming` into the folder of its day, with its sidecar, durably. Where that fails nothing of
    /// it is left anywhere.
    fn settle(&self, name: Name, extent: Extent, sidecar: &Sidecar) -> io::Result<()> {
        let settled = self.try_settle(name, extent, sidecar);
        if settled.is_err() {
            self.delete(name, extent);
            self.forget_incoming(name);
        } else {
            let _ = fs::remove_file(self.incoming(name, name::SIDECAR));
        }
        settled
    }

    fn try_settle(&self, name: Name, extent: Extent, sidecar: &Sidecar) -> io::Result<()> {
        let finished = self.incoming(name, FINISHED);
        let mut file = create(&finished)?;
        file.write_all(&sidecar.json())?;
        file.sync_all()?;
        let folder = name.folder();
        self.make_folder(&folder)?;
        // The message last: one that stands in the folder of its day has its envelope beside it.
        fs::rename(&finished, self.directory.join(name.sidecar()))?;
        fs::rename(self.incoming(name, name::WHOLE), self.directory.join(name.file(extent)))?;
        File::open(self.directory.join(&folder))?.sync_all()
    }

    /// Deletes a message from the folder of its day.
    fn delete(&self, name: Name, extent: Extent) {
        for path in [name.file(extent), name.sidecar()] {
            remove(&self.directory.join(path));
        }
    }

    /// Deletes what stands in `incoming` of a message.
    fn forget_incoming(&self, name: Name) {
        for ending in [name::WHOLE, name::SIDECAR, FINISHED] {
            remove(&self.incoming(name, ending));
        }
    }

    /// Tells the operator that the disk refuses, once, until it takes again.
    fn trouble(&self, error: &io::Error) {
        if !self.troubled.swap(true, Ordering::Relaxed) {
            let folder = self.directory.join("mail");
            tracing::error!(%error, folder = %folder.display(), "mail cannot be kept; it is refused until it can");
        }
    }

    fn no_trouble(&self) {
        if self.troubled.swap(false, Ordering::Relaxed) {
            tracing::warn!("mail can be kept again");
        }
    }
}

/// How the new sidecar of a message that is whole ends, until it is in its place.
const FINISHED: &str = ".json.new";

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path)
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            tracing::error!(%error, path = %path.display(), "a file cannot be deleted");
        }
        _ => {}
    }
}

/// The short form of a Postfix queue id: five hexadecimal digits of the microsecond, and the file's inode number.
fn queue_id(began: Timestamp, inode: u64) -> String {
    let microsecond = began.as_microsecond().rem_euclid(1_000_000);
    format!("{microsecond:05X}{inode:X}")
}

/// Octets in hexadecimal.
fn hex(octets: &[u8]) -> String {
    use std::fmt::Write as _;
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
        write!(text, "{octet:02x}").expect("writing to a string");
        text
    })
}
