//! One connection: bytes to its session, the session's actions to the world, in order.
//!
//! Knows no protocol and no words; how a message is taken in is in `connection/capture.rs`, how it parts in
//! `connection/farewell.rs`. Holds no buffer while it waits, so that thousands of idle connections cost little.

mod capture;
mod farewell;
mod secure;
mod stream;

use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use clienthello::Reader;
use event::{CloseReason, Record};
use protocol::{Action, Actions, Captured, Moment, Session};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::sync::watch;
use tokio::time::{sleep, sleep_until};

use self::secure::look_for_hello;
pub(crate) use self::stream::{Carrier, Stream};
use crate::mailroom::Intake;
use crate::pipeline::Ledger;
use crate::tls::Handshakes;
use crate::visitors::Visit;

/// Octets read at once.
const READ_AT_ONCE: usize = 8 * 1024;

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

/// What ended a wait for input.
enum Turn {
    Input(std::io::Result<usize>),
    Mail,
    Expired,
    Shutdown,
}

/// What all connections have in common.
#[derive(Debug)]
pub(crate) struct Common {
    /// What time it is.
    pub(crate) clock: Clock,
    /// How long a peer may leave what we send unread.
    pub(crate) write_timeout: Duration,
    /// How they become TLS.
    pub(crate) handshakes: Arc<Handshakes>,
}

/// One connection and all that it needs.
pub(crate) struct Connection<S> {
    /// The peer.
    pub(crate) stream: Stream<S>,
    /// What it has in common with all others.
    pub(crate) common: Arc<Common>,
    /// Whether it begins with TLS.
    pub(crate) begins_with_tls: bool,
    /// A TLS hello that comes in where no TLS is spoken.
    pub(crate) hello: Option<Box<Reader>>,
    /// What answers.
    pub(crate) session: Box<dyn Session>,
    /// Where its events go.
    pub(crate) ledger: Ledger,
    /// Where the mail goes that it takes in.
    pub(crate) intake: Intake,
    /// Who it is that sees mail, where the protocol shows any.
    pub(crate) visit: Option<Visit>,
    /// Becomes true when Honeypost ends.
    pub(crate) shutdown: watch::Receiver<bool>,
}

impl<S: Carrier> Connection<S> {
    /// The whole conversation, from greeting to close. By reference, since a future keeps a second copy of what it is
    /// given to own.
    pub(crate) async fn run(&mut self, personality: &str) {
        let mut out = Actions::default();
        out.record(self.ledger.open(personality));
        let reason = match self.converse(&mut out).await {
            Ok(never) => match never {},
            Err(reason) => reason,
        };
        Box::pin(self.end(reason)).await;
    }

    async fn converse(&mut self, out: &mut Actions) -> Result<std::convert::Infallible, CloseReason> {
        if self.begins_with_tls {
            self.carry_out(out).await?;
            Box::pin(self.secure(Vec::new())).await?;
        }
        self.session.open(self.common.clock.now(), out);
        loop {
            self.carry_out(out).await?;
            while self.session.pending() {
                tokio::task::yield_now().await;
                self.stopped()?;
                if self.session.reads_first() {
                    Box::pin(self.look_for_end(out)).await?;
                }
                self.session.resume(self.common.clock.now(), out);
                self.carry_out(out).await?;
            }
            if self.session.acknowledges_at_once()
                && let Some(carrier) = self.stream.carrier()
            {
                carrier.acknowledge_at_once();
            }
            // Whatever memory the queue took is given back before the wait.
            *out = Actions::default();
            match self.turn(out).await {
                Turn::Input(Ok(0)) => return Err(CloseReason::Peer),
                Turn::Input(Ok(_)) => {}
                Turn::Input(Err(_)) => return Err(CloseReason::Error),
                Turn::Expired => {
                    tokio::task::yield_now().await;
                    self.stopped()?;
                    self.session.expire(self.common.clock.now(), out);
                }
                Turn::Mail => self.session.mail_changed(self.common.clock.now(), out),
                Turn::Shutdown => return Err(CloseReason::Shutdown),
            }
        }
    }

    /// Waits for input and gives it to the session, or for mail, or for the session's deadline, or for the end of Honeypost.
    async fn turn(&mut self, out: &mut Actions) -> Turn {
        let deadline = self.session.deadline();
        if deadline.is_some_and(|deadline| deadline <= self.common.clock.now()) {
            return Turn::Expired;
        }
        let Self { stream, session, ledger, visit, common, shutdown, hello, .. } = self;
        let input = poll_fn(|context| {
            read(stream, context, |plain, octets| {
                if plain {
                    look_for_hello(hello, ledger, octets, out);
                }
                ledger.received(octets);
                session.receive(common.clock.now(), octets, out);
            })
        });
        let expiry = async {
            match deadline {
                Some(deadline) => sleep_until(common.clock.instant(deadline)).await,
                None => std::future::pending().await,
            }
        };
        let mail = async {
            match visit {
                Some(visit) => visit.changed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = shutdown.wait_for(|stop| *stop) => Turn::Shutdown,
            input = input => Turn::Input(input),
            () = mail => Turn::Mail,
            () = expiry => Turn::Expired,
        }
    }

    /// Reads what is there, without waiting for more. An error where that is the end.
    async fn look_for_end(&mut self, out: &mut Actions) -> Result<(), CloseReason> {
        let Self { stream, session, ledger, common, .. } = self;
        let input = poll_fn(|context| {
            let input = read(stream, context, |_, octets| {
                ledger.received(octets);
                session.receive(common.clock.now(), octets, out);
            });
            Poll::Ready(input)
        });
        match input.await {
            Poll::Ready(Ok(0)) => Err(CloseReason::Peer),
            Poll::Ready(Err(_)) => Err(CloseReason::Error),
            Poll::Ready(Ok(_)) => self.carry_out(out).await,
            Poll::Pending => Ok(()),
        }
    }

    /// Does what the session wants done, and what it wants done once it hears what became of a message.
    async fn carry_out(&mut self, out: &mut Actions) -> Result<(), CloseReason> {
        while let Some(captured) = self.drain(out).await? {
            self.session.captured(self.common.clock.now(), captured, out);
        }
        Ok(())
    }

    /// Does what is queued. Up to the next action that is neither, all events are recorded in one go, then all texts are
    /// sent in one go: recorded before answered, and few calls to the system. Where the peer is lost midway, what follows
    /// is recorded and taken in all the same. What is rare is boxed: an idle connection has room for the largest of all.
    async fn drain(&mut self, out: &mut Actions) -> Result<Option<Captured>, CloseReason> {
        let mut actions = out.drain();
        let (mut events, mut texts) = (Vec::new(), Vec::new());
        let (mut done, mut captured) = (Ok(()), None);
        while done.is_ok() {
            let Some(action) = actions.next() else { break };
            match action {
                Action::Record(event) => events.push(self.ledger.stamp(event)),
                Action::Send(text) => texts.push(text),
                rare => {
                    let after = Box::pin(self.speak_and_do(&mut events, &mut texts, rare)).await;
                    (done, captured) = (after.0, after.1.or(captured));
                }
            }
        }
        if done.is_ok() {
            done = self.speak(&mut events, &mut texts).await;
        } else {
            Box::pin(self.carry_on(actions)).await;
        }
        if self.intake.is_pending() || self.ledger.is_pending() {
            Box::pin(self.flush()).await;
        }
        done.map(|()| captured)
    }

    /// Records and sends what comes before an action that is neither, then does that. A message is taken in even where the
    /// peer is lost.
    async fn speak_and_do(
        &mut self,
        events: &mut Vec<Record>,
        texts: &mut Vec<Bytes>,
        action: Action,
    ) -> (Result<(), CloseReason>, Option<Captured>) {
        let mut done = self.speak(events, texts).await;
        match action {
            Action::Capture(step) => return (done, self.take_in(step).await),
            Action::Wait(wait) if done.is_ok() => done = self.wait(wait).await,
            Action::StartTls(behind) if done.is_ok() => done = self.secure(behind.into()).await,
            Action::Close(reason) if done.is_ok() => done = Err(reason),
            _ => {}
        }
        (done, None)
    }

    /// Records the events, then sends the texts; both lists are empty afterwards.
    async fn speak(&mut self, events: &mut Vec<Record>, texts: &mut Vec<Bytes>) -> Result<(), CloseReason> {
        let text = match texts.as_slice() {
            [] => None,
            [only] => Some(only.clone()),
            several => Some(several.concat().into()),
        };
        if let Some(text) = &text {
            self.ledger.sending(text);
        }
        self.ledger.append(events).await;
        events.clear();
        texts.clear();
        match text {
            Some(text) => self.send(&text).await,
            None => Ok(()),
        }
    }

    /// Writes all of it, as fast as the peer reads. The limit on time starts anew with every octet that it takes.
    async fn send(&mut self, text: &Bytes) -> Result<(), CloseReason> {
        let mut rest: &[u8] = text;
        let mut done = Ok(());
        while !rest.is_empty() && done.is_ok() {
            let Self { stream, shutdown, .. } = self;
            let written = tokio::select! {
                biased;
                written = stream.write(rest) => written.map_err(|_| CloseReason::Error),
                _ = shutdown.wait_for(|stop| *stop) => Err(CloseReason::Shutdown),
                () = sleep(self.common.write_timeout) => Err(CloseReason::Timeout),
            };
            match written {
                Ok(0) => done = Err(CloseReason::Error),
                Ok(octets) => {
                    self.ledger.sent(octets);
                    rest = rest.get(octets..).unwrap_or_default();
                }
                Err(reason) => done = Err(reason),
            }
        }
        self.ledger.unsent(rest);
        done
    }

    async fn wait(&mut self, wait: Duration) -> Result<(), CloseReason> {
        if wait.is_zero() {
            return Ok(());
        }
        tokio::select! {
            biased;
            _ = self.shutdown.wait_for(|stop| *stop) => Err(CloseReason::Shutdown),
            () = sleep(wait) => Ok(()),
        }
    }

    fn stopped(&self) -> Result<(), CloseReason> {
        if *self.shutdown.borrow() { Err(CloseReason::Shutdown) } else { Ok(()) }
    }
}

/// Reads, and gives what there is to `take`, with whether it came in the clear. How many octets they were; none at the end.
fn read<S: Carrier>(
    stream: &mut Stream<S>,
    context: &mut Context<'_>,
    take: impl FnOnce(bool, &[u8]),
) -> Poll<std::io::Result<usize>> {
    let mut octets = [const { MaybeUninit::uninit() }; READ_AT_ONCE];
    let mut buffer = ReadBuf::uninit(&mut octets);
    let read = Pin::new(&mut *stream).poll_read(context, &mut buffer);
    read.map_ok(|()| {
        let octets = buffer.filled();
        if !octets.is_empty() {
            take(matches!(stream, Stream::Plain(_)), octets);
        }
        octets.len()
    })
}

#[cfg(test)]
pub(crate) mod tests;
