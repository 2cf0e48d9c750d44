//! One connection: bytes to its session, the session's actions to the world, in order.
//!
//! Knows no protocol and no words. Holds no buffer while it waits, so that thousands of idle connections cost little.

use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use event::CloseReason;
use protocol::{Action, Actions, Moment, Session};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::watch;
use tokio::time::{sleep, sleep_until};

use crate::pipeline::Ledger;

/// Octets read at once.
const READ_AT_ONCE: usize = 8 * 1024;
/// How long and how much is still read, and thrown away, after our last word, lest unread input make the operating
/// system withdraw that word (RFC 1122 section 4.2.2.13).
const LINGER: Duration = Duration::from_secs(1);
const LINGER_OCTETS: usize = 256 * 1024;

/// The time from which every [`Moment`] counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// A clock that starts now.
    pub(crate) fn start() -> Self {
        Self(tokio::time::Instant::now().into_std())
    }

    fn now(self) -> Moment {
        Moment(tokio::time::Instant::now().into_std().saturating_duration_since(self.0))
    }

    fn instant(self, moment: Moment) -> tokio::time::Instant {
        let far = Duration::from_hours(24 * 365);
        (self.0 + moment.0.min(far)).into()
    }
}

/// Why a conversation is over.
enum End {
    /// The session said so: it is not to be called again.
    Said(CloseReason),
    /// The peer or the driver did: the session is still to be told.
    Cut(CloseReason),
}

/// What ended a wait for input.
enum Turn {
    Input(std::io::Result<usize>),
    Expired,
    Shutdown,
}

/// One connection and all that it needs.
pub(crate) struct Connection<S> {
    /// The peer.
    pub(crate) stream: S,
    /// What answers.
    pub(crate) session: Box<dyn Session>,
    /// Where its events go.
    pub(crate) ledger: Ledger,
    /// What time it is.
    pub(crate) clock: Clock,
    /// How long the peer may leave what we send unread.
    pub(crate) write_timeout: Duration,
    /// Becomes true when Honeypost ends.
    pub(crate) shutdown: watch::Receiver<bool>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// The whole conversation, from greeting to close. By reference, since a future keeps a second copy of what it is
    /// given to own.
    pub(crate) async fn run(&mut self, personality: &str) {
        self.ledger.open(personality).await;
        let end = match self.converse().await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        let reason = match end {
            End::Said(reason) => reason,
            End::Cut(reason) => {
                let mut out = Actions::default();
                self.session.finish(&mut out);
                self.record_only(&mut out).await;
                reason
            }
        };
        self.ledger.close(reason).await;
        if reason != CloseReason::Error {
            self.hang_up().await;
        }
    }

    async fn converse(&mut self) -> Result<std::convert::Infallible, End> {
        let mut out = Actions::default();
        self.session.open(self.clock.now(), &mut out);
        loop {
            self.carry_out(&mut out).await?;
            while self.session.pending() {
                tokio::task::yield_now().await;
                self.stopped()?;
                self.session.resume(self.clock.now(), &mut out);
                self.carry_out(&mut out).await?;
            }
            // Whatever memory the queue took is given back before the wait.
            out = Actions::default();
            match self.turn(&mut out).await {
                Turn::Input(Ok(0)) => return Err(End::Cut(CloseReason::Peer)),
                Turn::Input(Ok(octets)) => self.ledger.bytes_in += octets as u64,
                Turn::Input(Err(_)) => return Err(End::Cut(CloseReason::Error)),
                Turn::Expired => {
                    tokio::task::yield_now().await;
                    self.stopped()?;
                    self.session.expire(self.clock.now(), &mut out);
                }
                Turn::Shutdown => return Err(End::Cut(CloseReason::Shutdown)),
            }
        }
    }

    /// Waits for input and gives it to the session, or for the session's deadline, or for the end of Honeypost.
    async fn turn(&mut self, out: &mut Actions) -> Turn {
        let deadline = self.session.deadline();
        if deadline.is_some_and(|deadline| deadline <= self.clock.now()) {
            return Turn::Expired;
        }
        let Self { stream, session, clock, shutdown, .. } = self;
        let input = poll_fn(|context| {
            let mut octets = [const { MaybeUninit::uninit() }; READ_AT_ONCE];
            let mut buffer = ReadBuf::uninit(&mut octets);
            let read = Pin::new(&mut *stream).poll_read(context, &mut buffer);
            read.map_ok(|()| {
                if !buffer.filled().is_empty() {
                    session.receive(clock.now(), buffer.filled(), out);
                }
                buffer.filled().len()
            })
        });
        let expiry = async {
            match deadline {
                Some(deadline) => sleep_until(clock.instant(deadline)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = shutdown.wait_for(|stop| *stop) => Turn::Shutdown,
            input = input => Turn::Input(input),
            () = expiry => Turn::Expired,
        }
    }

    /// Does what the session wants done. Where the peer is lost midway, the events that follow are recorded all the same.
    async fn carry_out(&mut self, out: &mut Actions) -> Result<(), End> {
        let mut events = Vec::new();
        let mut actions = out.drain();
        let mut end = None;
        for action in actions.by_ref() {
            if let Action::Record(event) = action {
                events.push(self.ledger.stamp(event));
                continue;
            }
            if !events.is_empty() {
                self.ledger.append(&events).await;
                events.clear();
            }
            let done = match action {
                Action::Record(_) => Ok(()),
                Action::Send(text) => self.send(&text).await,
                Action::Wait(wait) => self.wait(wait).await,
                Action::StartTls => {
                    tracing::error!("a session wants TLS, which this version does not have");
                    Err(End::Cut(CloseReason::Error))
                }
                Action::Close(reason) => Err(End::Said(reason)),
            };
            if let Err(reason) = done {
                end = Some(reason);
                break;
            }
        }
        for action in actions {
            if let Action::Record(event) = action {
                events.push(self.ledger.stamp(event));
            }
        }
        self.ledger.append(&events).await;
        end.map_or(Ok(()), Err)
    }

    async fn record_only(&mut self, out: &mut Actions) {
        let mut events = Vec::new();
        for action in out.drain() {
            if let Action::Record(event) = action {
                events.push(self.ledger.stamp(event));
            }
        }
        self.ledger.append(&events).await;
    }

    /// Writes all of it, as fast as the peer reads. The limit on time starts anew with every octet that it takes.
    async fn send(&mut self, text: &Bytes) -> Result<(), End> {
        let mut rest: &[u8] = text;
        while !rest.is_empty() {
            let Self { stream, shutdown, .. } = self;
            let written = tokio::select! {
                biased;
                written = stream.write(rest) => written,
                _ = shutdown.wait_for(|stop| *stop) => return Err(End::Cut(CloseReason::Shutdown)),
                () = sleep(self.write_timeout) => return Err(End::Cut(CloseReason::Timeout)),
            };
            match written {
                Ok(octets) if octets > 0 => {
                    self.ledger.bytes_out += octets as u64;
                    rest = rest.get(octets..).unwrap_or_default();
                }
                _ => return Err(End::Cut(CloseReason::Error)),
            }
        }
        Ok(())
    }

    async fn wait(&mut self, wait: Duration) -> Result<(), End> {
        tokio::select! {
            biased;
            _ = self.shutdown.wait_for(|stop| *stop) => Err(End::Cut(CloseReason::Shutdown)),
            () = sleep(wait) => Ok(()),
        }
    }

    fn stopped(&self) -> Result<(), End> {
        if *self.shutdown.borrow() { Err(End::Cut(CloseReason::Shutdown)) } else { Ok(()) }
    }

    /// Closes our side, and gives the peer a little time to take our last word and close its own.
    async fn hang_up(&mut self) {
        if self.stream.shutdown().await.is_err() {
            return;
        }
        let Self { stream, shutdown, .. } = self;
        let mut left = LINGER_OCTETS;
        let discard = poll_fn(|context| {
            loop {
                let mut octets = [const { MaybeUninit::uninit() }; READ_AT_ONCE];
                let mut buffer = ReadBuf::uninit(&mut octets);
                let read = Pin::new(&mut *stream).poll_read(context, &mut buffer);
                let gone = std::task::ready!(read).is_err() || buffer.filled().is_empty();
                left = left.saturating_sub(buffer.filled().len());
                if gone || left == 0 {
                    return std::task::Poll::Ready(());
                }
            }
        });
        tokio::select! {
            biased;
            () = discard => {}
            _ = shutdown.wait_for(|stop| *stop) => {}
            () = sleep(LINGER) => {}
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
