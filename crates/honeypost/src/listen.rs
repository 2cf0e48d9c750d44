//! Listening: accepts connections, holds them to the limits, fixes who and where, and starts their sessions.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use event::{Attribution, CloseReason, Protocol};
use jiff::Timestamp;
use protocol::{Guest, Session, Worlds};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use crate::connection::{Common, Connection, Stream};
use crate::mailroom::{Intake, Mailroom};
use crate::penalties::Penalties;
use crate::pipeline::{Ledger, Pipeline, id_at};
use crate::visitors::{Visit, Visitors};

/// Connections that the operating system holds for us until we accept them.
const BACKLOG: u32 = 1024;

/// What is behind a door: makes the sessions of one protocol.
pub(crate) trait Room: Send + Sync {
    /// What is spoken there.
    fn protocol(&self) -> Protocol;

    /// A session for a new connection, whose peer finds its mail there. Where no mail is shown, there is none.
    fn session(&self, mail: Option<Arc<dyn Worlds>>, guest: Guest) -> Box<dyn Session>;

    /// What its listeners are called where they are counted apart.
    fn service(&self) -> &'static str {
        self.protocol().name()
    }
}

/// What all listeners share.
pub(crate) struct House {
    /// Where events go.
    pub(crate) pipeline: Arc<Pipeline>,
    /// The name of this Honeypost in its events.
    pub(crate) sensor: Arc<str>,
    /// The name of the personality.
    pub(crate) personality: Arc<str>,
    /// What all connections have in common.
    pub(crate) common: Arc<Common>,
    /// The limits.
    pub(crate) gate: Arc<Gate>,
    /// Where captured mail goes.
    pub(crate) mailroom: Arc<Mailroom>,
    /// Who sees what of it.
    pub(crate) visitors: Arc<Visitors>,
    /// What is counted of them.
    pub(crate) penalties: Arc<Penalties>,
    /// Becomes true when Honeypost ends.
    pub(crate) shutdown: watch::Receiver<bool>,
    /// Never used; the channel closes once no task holds the house any more.
    pub(crate) _alive: mpsc::Sender<()>,
}

/// Binds an address.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    // Accepted connections inherit it.
    socket.set_nodelay(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts until Honeypost ends. With `tls`, connections begin with it.
pub(crate) async fn listen(listener: TcpListener, room: Arc<dyn Room>, tls: bool, house: Arc<House>) {
    let mut shutdown = house.shutdown.clone();
    let mut trouble = Trouble::default();
    // The system need only be asked which of our addresses a peer reached where there are several.
    let only = listener.local_addr().ok().filter(|bound| !bound.ip().is_unspecified());
    loop {
        let accepted = tokio::select! {
            biased;
            _ = shutdown.wait_for(|stop| *stop) => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                trouble.wait_out(&error).await;
                continue;
            }
        };
        trouble = Trouble::default();
        let Some(dst) = only.or_else(|| stream.local_addr().ok()) else { continue };
        let attribution = Attribution {
            sensor: Arc::clone(&house.sensor),
            session: id_at(Timestamp::now()),
            protocol: room.protocol(),
            tls: false,
            src: canonical(peer),
            dst: canonical(dst),
        };
        let Some(seat) = house.gate.seat(attribution.src.ip()) else {
            turn_away(attribution, &house).await;
            continue;
        };
        let permit = tokio::select! {
            biased;
            _ = shutdown.wait_for(|stop| *stop) => return,
            permit = house.gate.permit() => permit,
        };
        serve(stream, tls, attribution, &*room, Arc::clone(&house), (seat, permit));
    }
}

/// Starts a connection's task.
fn serve(
    stream: TcpStream,
    begins_with_tls: bool,
    attribution: Attribution,
    room: &dyn Room,
    house: Arc<House>,
    admission: (Seat, Option<OwnedSemaphorePermit>),
) {
    tracing::debug!(session = %attribution.session, src = %attribution.src, "accepted");
    // SMTP shows no mail.
    let shows_mail = attribution.protocol != Protocol::Smtp;
    let visit = shows_mail.then(|| house.visitors.enter(attribution.src.ip()));
    let guest = house.penalties.guest(attribution.protocol, room.service(), attribution.src.ip());
    let guest = Guest { host: Some(attribution.dst.ip()), ..guest };
    let session = room.session(visit.as_ref().map(Visit::worlds), guest);
    let ledger = Ledger::new(Arc::clone(&house.pipeline), attribution);
    let intake = Intake::new(Arc::clone(&house.mailroom));
    let shutdown = house.shutdown.clone();
    let mut connection = Connection {
        stream: Stream::Plain(stream),
        common: Arc::clone(&house.common),
        begins_with_tls,
        hello: None,
        session,
        ledger,
        intake,
        visit,
        shutdown,
    };
    tokio::spawn(async move {
        connection.run(&house.personality).await;
        drop((connection, admission));
    });
}

/// Records a connection over its source's limit, and lets it go.
async fn turn_away(attribution: Attribution, house: &House) {
    let mut ledger = Ledger::new(Arc::clone(&house.pipeline), attribution);
    let opened = ledger.open(&house.personality);
    let opened = ledger.stamp(opened);
    ledger.append(&[opened]).await;
    ledger.close(CloseReason::Limit).await;
}

/// An IPv4 peer of an IPv6 socket is an IPv4 peer.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The limits on connections at a time.
pub(crate) struct Gate {
    total: Arc<Semaphore>,
    per_source: usize,
    sources: Mutex<HashMap<IpAddr, usize>>,
    crowd: Mutex<Crowd>,
}

impl Gate {
    /// At most so many in all, and so many from one source.
    pub(crate) fn new(total: usize, per_source: usize) -> Arc<Self> {
        let total = Arc::new(Semaphore::new(total));
        Arc::new(Self { total, per_source, sources: Mutex::default(), crowd: Mutex::default() })
    }

    /// One connection of that source, unless it has its fill.
    fn seat(self: &Arc<Self>, peer: IpAddr) -> Option<Seat> {
        let source = source(peer);
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = sources.entry(source).or_default();
        if *taken >= self.per_source {
            return None;
        }
        *taken += 1;
        Some(Seat { gate: Arc::clone(self), source })
    }

    /// One connection of all, once there is room.
    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        if self.total.available_permits() == 0 {
            let crowd = self.crowd.lock().unwrap_or_else(PoisonError::into_inner).one_more(Instant::now());
            if let Some(waited) = crowd {
                tracing::warn!(waited, "limits.connections is reached; further connections wait");
            }
        }
        Arc::clone(&self.total).acquire_owned().await.ok()
    }
}

/// Whom we count as one: an IPv4 address, an IPv6 /64.
pub(crate) fn source(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
    }
}

/// One connection of a source; given back when dropped.
struct Seat {
    gate: Arc<Gate>,
    source: IpAddr,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut sources = self.gate.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = sources.get_mut(&self.source) {
            *taken = taken.saturating_sub(1);
            if *taken == 0 {
                sources.remove(&self.source);
            }
        }
    }
}

/// Connections that have to wait because of the limit on all: told at once, then less and less often, and anew once none
/// has waited for an hour.
#[derive(Default)]
struct Crowd {
    /// Since it was told last.
    waited: u64,
    last: Option<Instant>,
    tell_at: Option<Instant>,
    pause: Duration,
}

impl Crowd {
    const FIRST_PAUSE: Duration = Duration::from_mins(1);
    const LONGEST_PAUSE: Duration = Duration::from_hours(1);

    /// One more waits: how many it were since this was told, where it is to be told now.
    fn one_more(&mut self, now: Instant) -> Option<u64> {
        self.waited = self.waited.saturating_add(1);
        let quiet = self.last.is_none_or(|last| now.saturating_duration_since(last) >= Self::LONGEST_PAUSE);
        self.last = Some(now);
        if quiet {
            self.pause = Self::FIRST_PAUSE;
        } else if self.tell_at.is_some_and(|at| now < at) {
            return None;
        } else {
            self.pause = Self::LONGEST_PAUSE.min(self.pause * 2);
        }
        self.tell_at = now.checked_add(self.pause);
        Some(std::mem::take(&mut self.waited))
    }
}

/// What keeps us from accepting: waited out, told once.
#[derive(Default)]
struct Trouble {
    failures: u32,
}

impl Trouble {
    async fn wait_out(&mut self, error: &io::Error) {
        // A peer that was gone before we accepted it is no trouble of ours.
        if error.kind() == io::ErrorKind::ConnectionAborted {
            return;
        }
        if self.failures == 0 {
            tracing::warn!(%error, "cannot accept connections; trying on (limits.connections, `ulimit -n`)");
        }
        let wait = Duration::from_millis(20) * 2_u32.pow(self.failures.min(6));
        self.failures = self.failures.saturating_add(1);
        tokio::time::sleep(wait).await;
    }
}

#[cfg(test)]
mod tests;
