//! A connection parts from its peer: our last word arrives, and what came too late to be answered is evidence still.

use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use event::{CloseReason, Event};
use protocol::{Abandoned, Actions, Capture};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::time::{sleep, timeout};

use super::{Carrier, Connection, READ_AT_ONCE, Stream, secure};

/// How long and how much is still read after our last word, lest unread input make the operating system withdraw that
/// word (RFC 1122 section 4.2.2.13).
const LINGER: Duration = Duration::from_secs(1);
const LINGER_OCTETS: usize = 256 * 1024;
/// Octets of it that are recorded; the rest is only counted.
const LATE: usize = 16 * 1024;

/// What came after our last word.
#[derive(Default)]
struct Late {
    /// Its beginning.
    kept: Vec<u8>,
    octets: usize,
}

impl<S: Carrier> Connection<S> {
    /// Records what the session has left unfinished, parts, and records the end.
    pub(super) async fn end(&mut self, reason: CloseReason) {
        let mut out = Actions::default();
        secure::tell(&mut self.hello, None, &mut out);
        self.session.finish(&mut out);
        self.carry_on(out.drain()).await;
        if self.intake.is_receiving() {
            self.take_in(Capture::Abort(Abandoned::Unfinished)).await;
        }
        self.part(reason).await;
        self.ledger.close(reason).await;
    }

    /// Closes our side, where anybody is left to see it, and records what came too late to be answered.
    async fn part(&mut self, reason: CloseReason) {
        let mut late = Late::default();
        let linger = match reason {
            CloseReason::Peer => false,
            // What had arrived before the connection broke can be read still.
            CloseReason::Error => {
                self.read_what_is_there(&mut late).await;
                false
            }
            // Nobody sends anything behind LOGOUT, or all of it is here already.
            CloseReason::Logout => {
                self.read_what_is_there(&mut late).await;
                late.octets > 0
            }
            _ => true,
        };
        if linger {
            self.hang_up(&mut late).await;
        } else if reason != CloseReason::Error && matches!(self.stream, Stream::Tls(_)) {
            self.close().await;
        }
        if late.octets > 0 {
            let event = Event::ProtocolViolation { what: "unfinished", line: late.kept.into() };
            self.record(vec![event]).await;
        }
    }

    /// Closes our side, and gives the peer a little time to take our last word and close its own.
    async fn hang_up(&mut self, late: &mut Late) {
        if !self.close().await {
            return;
        }
        let mut shutdown = self.shutdown.clone();
        let read = poll_fn(|context| self.read_on(context, late));
        tokio::select! {
            biased;
            () = read => {}
            _ = shutdown.wait_for(|stop| *stop) => {}
            () = sleep(LINGER) => {}
        }
    }

    /// Closes our side, with TLS's word of parting.
    async fn close(&mut self) -> bool {
        matches!(timeout(LINGER, self.stream.shutdown()).await, Ok(Ok(())))
    }

    async fn read_what_is_there(&mut self, late: &mut Late) {
        poll_fn(|context| Poll::Ready(self.read_on(context, late).is_ready())).await;
    }

    /// Reads until the peer has closed its side, or has sent enough.
    fn read_on(&mut self, context: &mut Context<'_>, late: &mut Late) -> Poll<()> {
        while late.octets < LINGER_OCTETS {
            let mut octets = [const { MaybeUninit::uninit() }; READ_AT_ONCE];
            let mut buffer = ReadBuf::uninit(&mut octets);
            let read = ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                break;
            }
            self.ledger.received(buffer.filled());
            late.take(buffer.filled());
        }
        Poll::Ready(())
    }
}

impl Late {
    fn take(&mut self, octets: &[u8]) {
        let room = LATE.saturating_sub(self.kept.len()).min(octets.len());
        self.kept.extend_from_slice(octets.get(..room).unwrap_or_default());
        self.octets += octets.len();
    }
}
