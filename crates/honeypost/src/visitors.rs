//! Visitors: what an intruder does to the mail, and the mail with which one tests the server, is seen by that intruder and
//! by nobody else.
//!
//! A source is an IPv4 address or an IPv6 /64; a visitor is a source and an account, and has a world of its own
//! (`visitors/worlds.rs`). What a source sends to a mailbox of ours arrives in INBOX of all its worlds: at once where one is
//! open, and in those to come. There are bounds on messages and octets of one source, on octets of all and on sources;
//! beyond them, and after a time, the oldest go. A message that is too large is evidence, but is not shown.
//!
//! A world keeps the messages that have arrived in it. What goes is gone for worlds that begin afterwards. UIDs are not used
//! again while the source is remembered.

mod worlds;

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bait::{Base, Budget, Corpus, Flags, Mailbox, Message};
use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use protocol::{Envelope, Worlds};
use tokio::sync::Notify;

use self::worlds::{Kept, MOST_WORLD_OCTETS};
use crate::listen::source;

/// Messages of one visitor.
const MOST_MESSAGES: usize = 32;
/// Octets of one visitor's messages.
const MOST_OF_ONE: usize = 2 << 20;
/// Octets of all visitors' messages.
pub(crate) const MOST_OCTETS: usize = 64 << 20;
/// Visitors who have sent something.
const MOST_VISITORS: usize = 4096;
/// A message of more octets is not shown.
pub(crate) const LARGEST_SHOWN: usize = 1 << 20;

/// A message that was taken in for a mailbox of ours.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    /// The envelope; the first of its local recipients is the one it is delivered to.
    pub(crate) envelope: Envelope,
    /// Who sent it.
    pub(crate) client: SocketAddr,
    /// Whether over TLS.
    pub(crate) tls: bool,
    /// Its name in the queue.
    pub(crate) queue_id: String,
    /// When it began.
    pub(crate) began: Timestamp,
    /// When it was whole.
    pub(crate) received: Timestamp,
    /// Its octets, as received.
    pub(crate) body: Bytes,
}

/// What the imitated server puts in front of a message that it delivers, with CRLF line ends.
pub(crate) type Heading = Box<dyn Fn(&Arrival) -> Vec<u8> + Send + Sync>;

/// All visitors.
pub(crate) struct Visitors {
    common: Arc<Corpus>,
    /// What every world begins with.
    base: Base,
    /// What all worlds together may take.
    budget: Arc<Budget>,
    heading: Heading,
    keep: Duration,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    visitors: HashMap<IpAddr, Visitor>,
    /// How many of them have sent something.
    senders: usize,
    /// Octets of all their messages.
    octets: usize,
    /// Worlds of all of them.
    worlds: usize,
}

#[derive(Default)]
struct Visitor {
    bell: Arc<Bell>,
    /// Sessions that are open.
    visits: usize,
    own: Option<Box<Own>>,
    worlds: Vec<Kept>,
}

/// Rings when something has arrived, or was changed.
#[derive(Default)]
struct Bell {
    notify: Notify,
    rung: AtomicU32,
    /// Sessions that hear it.
    listeners: AtomicUsize,
}

impl Bell {
    fn ring(&self) {
        self.rung.fetch_add(1, Ordering::Release);
        self.notify.notify_waiters();
    }
}

/// What a visitor has sent.
struct Own {
    /// The corpus as this visitor sees it.
    mail: Arc<Corpus>,
    uid_next: u32,
    messages: VecDeque<Arc<Message>>,
    octets: usize,
    last: Timestamp,
}

impl Visitors {
    /// Nobody has sent anything yet.
    pub(crate) fn new(common: Arc<Corpus>, heading: Heading, keep: Duration) -> Arc<Self> {
        let (base, budget) = (Base::new(&common), Arc::new(Budget::new(MOST_WORLD_OCTETS)));
        Arc::new(Self { common, base, budget, heading, keep, known: Mutex::default() })
    }

    /// A session of that peer begins.
    pub(crate) fn enter(self: &Arc<Self>, peer: IpAddr) -> Visit {
        let source = source(peer);
        let mut known = self.lock();
        let visitor = known.visitors.entry(source).or_default();
        visitor.visits += 1;
        let bell = Arc::clone(&visitor.bell);
        bell.listeners.fetch_add(1, Ordering::Relaxed);
        let heard = bell.rung.load(Ordering::Acquire);
        Visit { guest: Arc::new(Guest { visitors: Arc::clone(self), source, bell }), heard }
    }

    /// What arrived before this is shown no more.
    pub(crate) fn oldest(&self, now: Timestamp) -> Timestamp {
        now.checked_sub(self.keep).unwrap_or(Timestamp::MIN)
    }

    /// Shows a message to its sender: at once in the sessions that are open, and in those to come.
    pub(crate) fn deliver(&self, arrival: &Arrival) {
        let Some(inbox) = self.common.mailbox("INBOX") else { return };
        if arrival.envelope.local.is_empty() || arrival.body.len() > LARGEST_SHOWN {
            return;
        }
        let mut octets = (self.heading)(arrival);
        let (header, body) = arrival.body.split_at(end_of_header(&arrival.body));
        append_as_served(header, &mut octets);
        if !body.is_empty() && !body.starts_with(b"\n") && !body.starts_with(b"\r\n") {
            octets.extend_from_slice(b"\r\n");
        }
        append_as_served(body, &mut octets);
        let octets = Bytes::from(octets);
        let size = octets.len();
        if size > MOST_OF_ONE {
            return;
        }
        let at = arrival.received.to_zoned_datetime(TimeZone::UTC);

        let mut known = self.lock();
        let Known { visitors, senders, octets: all, .. } = &mut *known;
        let visitor = visitors.entry(source(arrival.client.ip())).or_default();
        let own = visitor.own.get_or_insert_with(|| {
            *senders += 1;
            Box::new(Own::new(&self.common, inbox.uid_next, arrival.received))
        });
        let Some(after) = own.uid_next.checked_add(1) else { return };
        own.messages.push_back(Arc::new(Message::new(own.uid_next, Flags::RECENT, at, octets, Vec::new())));
        own.uid_next = after;
        own.last = arrival.received;
        own.octets += size;
        *all += size;
        while own.messages.len() > MOST_MESSAGES || own.octets > MOST_OF_ONE {
            own.drop_oldest(all);
        }
        own.mail = own.view(&self.common, inbox);
        let (bell, mail) = (Arc::clone(&visitor.bell), Arc::clone(&own.mail));
        let worlds: Vec<_> = visitor.worlds.iter().map(|kept| Arc::clone(&kept.world)).collect();
        self.hold_to_bounds(&mut known);
        // A world is waited for without keeping all others waiting.
        drop(known);
        for world in worlds {
            world.change(|world| world.arrive(&mail));
        }
        bell.ring();
    }

    /// Lets go what has been shown for long enough.
    pub(crate) fn expire(&self, now: Timestamp) {
        let Some(inbox) = self.common.mailbox("INBOX") else { return };
        let oldest = self.oldest(now);
        let mut known = self.lock();
        let Known { visitors, octets, .. } = &mut *known;
        for own in visitors.values_mut().filter_map(|visitor| visitor.own.as_mut()) {
            let before = own.messages.len();
            while own.messages.front().is_some_and(|message| message.internal_date.timestamp() < oldest) {
                own.drop_oldest(octets);
            }
            if own.messages.len() != before {
                own.mail = own.view(&self.common, inbox);
            }
        }
        known.expire_worlds(oldest);
    }

    /// Lets the oldest go where all of it is too much.
    fn hold_to_bounds(&self, known: &mut Known) {
        let Some(inbox) = self.common.mailbox("INBOX") else { return };
        while known.octets > MOST_OCTETS {
            let Known { visitors, octets, .. } = known;
            let owns = visitors.values_mut().filter_map(|visitor| visitor.own.as_mut());
            let first = |own: &Own| own.messages.front().map(|message| message.internal_date.timestamp());
            let oldest = owns.filter(|own| !own.messages.is_empty()).min_by_key(|own| first(own));
            let Some(own) = oldest else { return };
            own.drop_oldest(octets);
            own.mail = own.view(&self.common, inbox);
        }
        while known.senders > MOST_VISITORS {
            // Only who has no session open is forgotten: there, UIDs would be seen again.
            let idle = |visitor: &Visitor| visitor.visits == 0 && visitor.worlds.is_empty();
            let gone = known.visitors.iter().filter(|(_, visitor)| idle(visitor));
            let gone = gone.filter_map(|(source, visitor)| Some((visitor.own.as_ref()?.last, *source))).min();
            let Some((_, source)) = gone else { return };
            if let Some(own) = known.visitors.remove(&source).and_then(|visitor| visitor.own) {
                known.octets -= own.octets;
                known.senders -= 1;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Every change under the lock is complete before anything can panic.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Own {
    fn new(common: &Arc<Corpus>, uid_next: u32, now: Timestamp) -> Self {
        Self { mail: Arc::clone(common), uid_next, messages: VecDeque::new(), octets: 0, last: now }
    }

    fn drop_oldest(&mut self, all: &mut usize) {
        if let Some(gone) = self.messages.pop_front() {
            self.octets -= gone.size();
            *all -= gone.size();
        }
    }

    /// The common corpus with these messages in INBOX.
    fn view(&self, common: &Corpus, inbox: &Arc<Mailbox>) -> Arc<Corpus> {
        let messages = inbox.messages.iter().chain(&self.messages).map(Arc::clone).collect();
        let own = Arc::new(Mailbox {
            name: inbox.name.clone(),
            uid_validity: inbox.uid_validity,
            uid_next: self.uid_next,
            messages,
        });
        let seen = |mailbox: &Arc<Mailbox>| {
            if Arc::ptr_eq(mailbox, inbox) { Arc::clone(&own) } else { Arc::clone(mailbox) }
        };
        let subscriptions = common.subscriptions.clone();
        Arc::new(Corpus { mailboxes: common.mailboxes.iter().map(seen).collect(), subscriptions })
    }
}

/// A session that is open.
pub(crate) struct Visit {
    guest: Arc<Guest>,
    /// How often the bell had rung when it was heard last.
    heard: u32,
}

impl Visit {
    /// Where the session finds its worlds.
    pub(crate) fn worlds(&self) -> Arc<dyn Worlds> {
        Arc::clone(&self.guest) as Arc<dyn Worlds>
    }

    /// Waits for a change to the mail of this source. Nothing is lost if this is not waited for to the end.
    pub(crate) async fn changed(&mut self) {
        let bell = &self.guest.bell;
        loop {
            // First listen, then look: what arrives in between is heard.
            let ringing = bell.notify.notified();
            let rung = bell.rung.load(Ordering::Acquire);
            if rung != self.heard {
                self.heard = rung;
                return;
            }
            ringing.await;
        }
    }
}

/// Who has a session open.
struct Guest {
    visitors: Arc<Visitors>,
    source: IpAddr,
    bell: Arc<Bell>,
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.bell.listeners.fetch_sub(1, Ordering::Relaxed);
        self.visitors.leave(self.source, Timestamp::now());
    }
}

/// A message as it is served: a line feed without its carriage return gets one, and the last line ends.
/// Where the header ends as a mail server sees it: before the first line that is neither a field nor the continuation of
/// one (RFC 5322 section 2.2). Where that is no empty line, delivery puts one there.
fn end_of_header(message: &[u8]) -> usize {
    let mut end = 0;
    for line in message.split_inclusive(|octet| *octet == b'\n') {
        let continues = end > 0 && (line.starts_with(b" ") || line.starts_with(b"\t"));
        let name = line.split(|octet| *octet == b':').next().unwrap_or_default();
        let field = name.len() < line.len() && {
            let name = name.trim_ascii_end();
            !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
        };
        if !continues && !field {
            return end;
        }
        end += line.len();
    }
    end
}

fn append_as_served(body: &[u8], out: &mut Vec<u8>) {
    out.reserve(body.len() + body.len() / 64);
    for line in body.split_inclusive(|octet| *octet == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(text) => out.extend_from_slice(text.strip_suffix(b"\r").unwrap_or(text)),
            None => out.extend_from_slice(line),
        }
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests;
