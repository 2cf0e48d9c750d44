//! What a start finds in `DATA_DIR/mail`: what a crash has left in `incoming`, and everything that is kept.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use event::{Attribution, Protocol};
use jiff::Timestamp;
use protocol::Envelope;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::name::{self, Extent, Name};
use super::quota::{Kept, charge};
use super::sidecar::Sidecar;
use super::{INCOMING, Mailroom, hex};
use crate::listen::source;
use crate::visitors::{Arrival, LARGEST_SHOWN, MOST_OCTETS};

/// A message that its sender may see again.
struct Shown {
    name: Name,
    size: u64,
    sidecar: Sidecar,
}

impl Mailroom {
    /// Turns what was left behind into evidence, then counts all of it and shows what may be seen.
    pub(super) fn sweep(&self) -> io::Result<()> {
        for name in self.left_behind()? {
            self.recover(name);
        }
        let mut shown = Vec::new();
        for year in folders(&self.directory.join("mail"))? {
            for month in folders(&year.path())? {
                for day in folders(&month.path())? {
                    self.count(&day.path(), &mut shown)?;
                }
            }
        }
        self.show_again(shown);
        Ok(())
    }

    /// The messages in `incoming`. Deletes what belongs to none.
    fn left_behind(&self) -> io::Result<BTreeSet<Name>> {
        let mut names = BTreeSet::new();
        for entry in fs::read_dir(self.directory.join(INCOMING))? {
            let entry = entry?;
            match Name::of_message(&entry.file_name().to_string_lossy()) {
                Some((name, _)) => drop(names.insert(name)),
                None if Name::of_sidecar(&entry.file_name().to_string_lossy()).is_some() => {}
                None => super::remove(&entry.path()),
            }
        }
        for entry in fs::read_dir(self.directory.join(INCOMING))? {
            let entry = entry?;
            let sidecar = Name::of_sidecar(&entry.file_name().to_string_lossy());
            if sidecar.is_some_and(|name| !names.contains(&name)) {
                super::remove(&entry.path());
            }
        }
        Ok(names)
    }

    /// Keeps what has come of a message as unfinished, or forgets one of which nothing has come.
    fn recover(&self, name: Name) {
        let recovered = fs::read(self.incoming(name, name::WHOLE)).and_then(|octets| {
            if octets.is_empty() {
                self.forget_incoming(name);
                return Ok(None);
            }
            // Whole, but cut off before anybody was told: its sidecar has moved on already.
            let sidecar = fs::read(self.incoming(name, name::SIDECAR))
                .or_else(|_| fs::read(self.directory.join(name.sidecar())))
                .unwrap_or_default();
            let mut sidecar = Sidecar::parse(&sidecar).unwrap_or_else(|| unattributed(name));
            sidecar.whole = false;
            sidecar.queue_id = None;
            sidecar.size = Some(octets.len() as u64);
            sidecar.sha256 = Some(hex(&Sha256::digest(&octets)));
            self.settle(name, Extent::Partial, &sidecar).map(|()| Some(octets.len()))
        });
        match recovered {
            Ok(Some(octets)) => {
                let path = name.file(Extent::Partial);
                tracing::warn!(octets, path = %path.display(), "kept what a crash left of a message");
            }
            Ok(None) => tracing::info!(%name, "forgot a message of which nothing had come before a crash"),
            Err(error) => tracing::error!(%error, %name, "what a crash left of a message cannot be kept"),
        }
    }

    /// Counts a day's messages. Deletes the envelopes of those that are gone.
    fn count(&self, day: &Path, shown: &mut Vec<Shown>) -> io::Result<()> {
        let mut sidecars = BTreeSet::new();
        let mut messages = Vec::new();
        for entry in fs::read_dir(day)? {
            let entry = entry?;
            let file = entry.file_name();
            let file = file.to_string_lossy();
            if let Some((name, extent)) = Name::of_message(&file) {
                messages.push((name, extent, entry.metadata()?.len()));
            } else if let Some(name) = Name::of_sidecar(&file) {
                sidecars.insert(name);
            }
        }
        for (name, extent, size) in messages {
            sidecars.remove(&name);
            let sidecar = fs::read(self.directory.join(name.sidecar())).ok();
            let sidecar = sidecar.and_then(|json| Sidecar::parse(&json));
            let source = sidecar.as_ref().map_or(NOBODY, |sidecar| source(sidecar.src.ip()));
            self.quota.add(Kept { name, extent, source, octets: charge(size) });
            if let Some(sidecar) =
                sidecar.filter(|sidecar| sidecar.is_shown() && size <= LARGEST_SHOWN as u64)
            {
                shown.push(Shown { name, size, sidecar });
            }
        }
        for name in sidecars {
            super::remove(&self.directory.join(name.sidecar()));
        }
        Ok(())
    }

    /// Shows senders their messages again, as far as they are recent and there is room: the newest, in their order.
    fn show_again(&self, mut shown: Vec<Shown>) {
        let oldest = self.visitors.oldest(Timestamp::now());
        shown.retain(|message| message.name.began() >= oldest);
        shown.sort_by_key(|message| std::cmp::Reverse(message.name));
        let mut octets = 0_u64;
        shown.retain(|message| {
            octets = octets.saturating_add(message.size);
            octets <= MOST_OCTETS as u64
        });
        for Shown { name, sidecar, .. } in shown.into_iter().rev() {
            let Ok(body) = fs::read(self.directory.join(name.file(Extent::Whole))) else { continue };
            let received = sidecar.received.as_deref().and_then(|received| received.parse().ok());
            self.visitors.deliver(&Arrival {
                envelope: sidecar.envelope(),
                client: sidecar.src,
                tls: sidecar.tls(),
                queue_id: sidecar.queue_id.clone().unwrap_or_default(),
                began: name.began(),
                received: received.unwrap_or_else(|| name.began()),
                body: body.into(),
            });
        }
    }
}

/// The source of a message whose envelope is lost.
const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// The sidecar of a message whose own is lost.
fn unattributed(name: Name) -> Sidecar {
    let nowhere = SocketAddr::new(NOBODY, 0);
    let attribution = Attribution {
        sensor: "".into(),
        session: Uuid::nil(),
        protocol: Protocol::Smtp,
        tls: false,
        src: nowhere,
        dst: nowhere,
    };
    Sidecar::new(&attribution, &Envelope::default(), name.began())
}

/// The folders in a folder that are named by a number.
fn folders(folder: &Path) -> io::Result<Vec<DirEntry>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut folders = Vec::new();
    for entry in entries {
        let entry = entry?;
        let number = entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit);
        if number && entry.file_type()?.is_dir() {
            folders.push(entry);
        }
    }
    Ok(folders)
}
