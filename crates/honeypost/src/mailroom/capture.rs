//! One message that is being taken in: its file, its hash, the room set aside for it. Everything here may wait for the
//! disk; `intake.rs` keeps that away from the other connections.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use event::{Attribution, Event, Text};
use jiff::Timestamp;
use protocol::{Abandoned, Envelope};
use sha2::{Digest, Sha256};

use super::name::{self, Extent, Name};
use super::quota::{Over, Reservation, charge};
use super::sidecar::Sidecar;
use super::{Mailroom, create, hex, queue_id};
use crate::config::WhenFull;
use crate::listen::source;
use crate::visitors::LARGEST_SHOWN;

/// Why a message is not kept; the `reason` of `mail.refused`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is too large.
    Message,
    /// Its source's quota.
    Source,
    /// The quota of all.
    Total,
    /// The disk.
    Disk,
}

impl Refusal {
    const fn reason(self) -> &'static str {
        match self {
            Self::Message => "quota-message",
            Self::Source => "quota-source",
            Self::Total => "quota-total",
            Self::Disk => "disk",
        }
    }

    /// Whether the operator's choice decides what its sender is told.
    const fn is_quota(self) -> bool {
        matches!(self, Self::Message | Self::Source | Self::Total)
    }
}

impl From<Over> for Refusal {
    fn from(over: Over) -> Self {
        match over {
            Over::Source => Self::Source,
            Over::Total => Self::Total,
        }
    }
}

/// A message that is being taken in. Dropped before its end, what has come is kept as unfinished.
pub(super) struct Receiving {
    room: Arc<Mailroom>,
    envelope: Envelope,
    sidecar: Sidecar,
    name: Name,
    source: IpAddr,
    /// What has come and is not in the file yet.
    pending: Vec<u8>,
    /// Octets that have come.
    size: u64,
    place: Place,
}

/// Where the message goes.
enum Place {
    /// Nothing of it has come yet.
    Nowhere,
    Incoming(Incoming),
    /// Nowhere: the rest of it is only counted.
    Refused(Refusal),
    /// Where it belongs; or nowhere, the disk having refused it.
    Settled,
}

/// The file in `incoming`. Open only while it is written: there may be as many as connections.
struct Incoming {
    hash: Sha256,
    room: Reservation,
}

/// A message that is on disk for good.
pub(super) struct Stored {
    /// Its name in the queue.
    pub(super) queue_id: String,
    /// Octets.
    pub(super) size: u64,
    /// SHA-256 of these octets.
    pub(super) sha256: String,
    /// Where it is, below the data directory.
    pub(super) path: String,
    /// When its last octet had come.
    pub(super) received: Timestamp,
    /// Its octets, where its sender is to be shown it.
    pub(super) shown: Option<Bytes>,
}

/// What became of a message that was whole.
pub(super) enum Verdict {
    Stored(Stored),
    /// It is not kept; what its sender is told that it is called, if it is told that it is.
    Refused(Refusal, Option<String>),
}

impl Receiving {
    /// A message that begins now, in that session, as its message of that number.
    pub(super) fn new(
        room: Arc<Mailroom>,
        attribution: &Attribution,
        envelope: Envelope,
        number: u32,
    ) -> Self {
        let began = Timestamp::now();
        Self {
            sidecar: Sidecar::new(attribution, &envelope, began),
            name: Name::new(began, attribution.session, number),
            source: source(attribution.src.ip()),
            room,
            envelope,
            pending: Vec::new(),
            size: 0,
            place: Place::Nowhere,
        }
    }

    /// It is not sent, but put into this mailbox.
    pub(super) fn into_mailbox(mut self, mailbox: String) -> Self {
        self.sidecar.mailbox = Some(mailbox);
        self
    }

    /// The envelope.
    pub(super) fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// When it began.
    pub(super) fn began(&self) -> Timestamp {
        self.name.began()
    }

    /// Who sends it.
    pub(super) fn client(&self) -> SocketAddr {
        self.sidecar.src
    }

    /// Whether over TLS.
    pub(super) fn tls(&self) -> bool {
        self.sidecar.tls()
    }

    /// Takes more of it, in memory. Gives how much waits there for [`append`](Self::append).
    pub(super) fn hold(&mut self, octets: &[u8]) -> usize {
        self.size = self.size.saturating_add(octets.len() as u64);
        if !matches!(self.place, Place::Refused(_)) {
            self.pending.extend_from_slice(octets);
        }
        self.pending.len()
    }

    /// Whether anything waits for [`append`](Self::append).
    pub(super) fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Writes what waits into the file. Gives the events of what had to make room.
    pub(super) fn append(&mut self) -> Vec<Event> {
        let mut expired = Expired::default();
        if let Err(refusal) = self.try_append(&mut expired) {
            self.refuse(refusal);
        }
        expired.event().into_iter().collect()
    }

    fn try_append(&mut self, expired: &mut Expired) -> Result<(), Refusal> {
        let pending = std::mem::take(&mut self.pending);
        if let Place::Refused(_) | Place::Settled = self.place {
            return Ok(());
        }
        if self.size > self.room.max_size {
            return Err(Refusal::Message);
        }
        if let Place::Nowhere = self.place {
            let mut room = Reservation::new(Arc::clone(&self.room.quota), self.source);
            self.make_room(&mut room, expired)?;
            self.place = Place::Incoming(self.begin(room).map_err(|error| self.disk(&error))?);
        }
        let mut place = std::mem::replace(&mut self.place, Place::Settled);
        let written = match &mut place {
            Place::Incoming(incoming) => self.make_room(&mut incoming.room, expired).and_then(|()| {
                incoming.hash.update(&pending);
                self.write(&pending).map_err(|error| self.disk(&error))
            }),
            Place::Nowhere | Place::Refused(_) | Place::Settled => Ok(()),
        };
        self.place = place;
        written
    }

    fn begin(&self, room: Reservation) -> io::Result<Incoming> {
        create(&self.room.incoming(self.name, name::SIDECAR))?.write_all(&self.sidecar.json())?;
        create(&self.room.incoming(self.name, name::WHOLE))?;
        Ok(Incoming { hash: Sha256::new(), room })
    }

    fn write(&self, octets: &[u8]) -> io::Result<()> {
        let file = OpenOptions::new().append(true).open(self.room.incoming(self.name, name::WHOLE));
        file?.write_all(octets)
    }

    /// Makes its octets durable. Gives the file's inode number.
    fn synchronize(&self) -> io::Result<u64> {
        let file = File::open(self.room.incoming(self.name, name::WHOLE))?;
        file.sync_all()?;
        Ok(file.metadata()?.ino())
    }

    /// Sets aside what the message takes so far; older ones make room if that is the operator's choice.
    fn make_room(&self, room: &mut Reservation, expired: &mut Expired) -> Result<(), Refusal> {
        let wanted = charge(self.size);
        while let Err(over) = room.grow(wanted) {
            let may_drop = self.room.when_full == WhenFull::DropOldest && self.room.quota.could_hold(wanted);
            let whose = match over {
                Over::Source => Some(self.source),
                Over::Total => None,
            };
            let oldest = if may_drop { self.room.quota.take_oldest(whose) } else { None };
            let Some(oldest) = oldest else { return Err(over.into()) };
            self.room.delete(oldest.name, oldest.extent);
            expired.count(oldest.octets);
        }
        Ok(())
    }

    fn disk(&self, error: &io::Error) -> Refusal {
        self.room.trouble(error);
        Refusal::Disk
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.place = Place::Refused(refusal);
        self.pending = Vec::new();
        self.room.forget_incoming(self.name);
    }

    /// The message is whole: makes it durable. After [`Verdict::Stored`] it is there whatever happens.
    pub(super) fn keep(&mut self) -> (Verdict, Vec<Event>) {
        let mut expired = Expired::default();
        let stored = self.try_append(&mut expired).and_then(|()| self.store());
        let verdict = stored.map_or_else(
            |refusal| {
                self.refuse(refusal);
                let discards = self.room.when_full == WhenFull::AcceptAndDiscard && refusal.is_quota();
                let inode = self.room.inode.load(Ordering::Relaxed);
                Verdict::Refused(refusal, discards.then(|| queue_id(self.began(), inode)))
            },
            Verdict::Stored,
        );
        (verdict, expired.event().into_iter().collect())
    }

    fn store(&mut self) -> Result<Stored, Refusal> {
        let Incoming { hash, room } = match std::mem::replace(&mut self.place, Place::Settled) {
            Place::Incoming(incoming) => incoming,
            Place::Refused(refusal) => return Err(refusal),
            Place::Nowhere | Place::Settled => return Err(Refusal::Disk),
        };
        let received = Timestamp::now();
        let sha256 = hex(&hash.finalize());
        let settled = self.synchronize().and_then(|inode| {
            let queue_id = queue_id(self.began(), inode);
            self.room.inode.store(inode, Ordering::Relaxed);
            self.sidecar.whole = true;
            self.sidecar.queue_id = self.sidecar.mailbox.is_none().then(|| queue_id.clone());
            self.describe(received, &sha256);
            self.room.settle(self.name, Extent::Whole, &self.sidecar)?;
            Ok(queue_id)
        });
        let queue_id = settled.map_err(|error| self.disk(&error))?;
        self.room.no_trouble();
        room.keep(self.name, Extent::Whole);
        let path = self.name.file(Extent::Whole);
        let is_shown = self.sidecar.is_shown() && self.size <= LARGEST_SHOWN as u64;
        let shown =
            is_shown.then(|| fs::read(self.room.directory.join(&path)).ok()).flatten().map(Bytes::from);
        let path = path.to_string_lossy().into_owned();
        Ok(Stored { queue_id, size: self.size, sha256, path, received, shown })
    }

    fn describe(&mut self, received: Timestamp, sha256: &str) {
        self.sidecar.received = Some(received.to_string());
        self.sidecar.size = Some(self.size);
        self.sidecar.sha256 = Some(sha256.to_owned());
    }

    /// The message will never be whole: keeps what has come of it. Gives the event.
    pub(super) fn abandon(&mut self, why: Abandoned) -> Vec<Event> {
        let mut events = if self.is_pending() { self.append() } else { Vec::new() };
        let (reason, path) = match self.place {
            Place::Refused(refusal) => (refusal.reason(), String::new()),
            _ => {
                let reason = match why {
                    Abandoned::Unfinished => "unfinished",
                    Abandoned::TooLarge => Refusal::Message.reason(),
                    Abandoned::TooManyHops => "hops",
                    Abandoned::Withdrawn => "withdrawn",
                };
                (reason, self.leave().unwrap_or_default())
            }
        };
        events.push(self.refused(reason, String::new(), path));
        events
    }

    /// Keeps what has come as unfinished. Gives where it is.
    fn leave(&mut self) -> Option<String> {
        let Place::Incoming(incoming) = std::mem::replace(&mut self.place, Place::Settled) else {
            return None;
        };
        let Incoming { hash, room } = incoming;
        if self.size == 0 {
            self.room.forget_incoming(self.name);
            return None;
        }
        self.describe(Timestamp::now(), &hex(&hash.finalize()));
        if let Err(error) = self.room.settle(self.name, Extent::Partial, &self.sidecar) {
            self.disk(&error);
            return None;
        }
        room.keep(self.name, Extent::Partial);
        Some(self.name.file(Extent::Partial).to_string_lossy().into_owned())
    }

    /// The event of a message that is not kept whole.
    pub(super) fn refused_for(&self, refusal: Refusal, queue_id: Option<String>) -> Event {
        self.refused(refusal.reason(), queue_id.unwrap_or_default(), String::new())
    }

    fn refused(&self, reason: &'static str, queue_id: String, path: String) -> Event {
        let Envelope { mail_from, rcpt_to, .. } = &self.envelope;
        let (mail_from, rcpt_to): (Text, Vec<Text>) = (mail_from.clone(), rcpt_to.clone());
        Event::MailRefused { reason, mail_from, rcpt_to, size: self.size, queue_id, path }
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        if let Place::Incoming(_) = self.place {
            self.append();
            self.leave();
        }
    }
}

/// Messages that were deleted.
#[derive(Debug, Default)]
pub(super) struct Expired {
    messages: u64,
    size: u64,
}

impl Expired {
    /// One more, which took so much.
    pub(super) fn count(&mut self, octets: u64) {
        self.messages += 1;
        self.size += octets;
    }

    /// The event, if there were any; they went because of the limits on size.
    pub(super) fn event(self) -> Option<Event> {
        self.event_because("size")
    }

    /// The event with another reason.
    pub(super) fn event_because(self, reason: &'static str) -> Option<Event> {
        let Self { messages, size } = self;
        (messages > 0).then_some(Event::MailExpired { reason, messages, size })
    }
}
