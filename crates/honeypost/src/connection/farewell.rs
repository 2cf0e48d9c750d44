//! A connection parts from its peer: what came too late to be answered is evidence still.

use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use event::{CloseReason, Event};
use protocol::{Abandoned, Actions, Capture};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use super::{Carrier, Connection, READ_AT_ONCE, Stream, secure};

/// How long TLS's word of parting may take.
const PARTING: Duration = Duration::from_secs(1);
/// Octets that are still read after our last word.
const MOST_LATE: usize = 256 * 1024;
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

    /// Records what came too late to be answered, and leaves as the imitated servers do: at once. Where they have left input
    /// unread, the system resets the connection (RFC 1122 section 4.2.2.13); here it has been read, as evidence.
    async fn part(&mut self, reason: CloseReason) {
        if reason == CloseReason::Peer {
            if self.session.answers_parting() && matches!(self.stream, Stream::Tls(_)) {
                self.close().await;
            }
            return;
        }
        let mut late = Late::default();
        self.read_what_is_there(&mut late).await;
        if reason != CloseReason::Error && matches!(self.stream, Stream::Tls(_)) {
            self.close().await;
        }
        if late.octets == 0 {
            return;
        }
        if let Some(carrier) = self.stream.carrier() {
            carrier.reset_when_closed();
        }
        let event = Event::ProtocolViolation { what: "unfinished", line: late.kept.into() };
        self.record(vec![event]).await;
    }

    /// Closes our side, with TLS's word of parting.
    async fn close(&mut self) {
        let _ = timeout(PARTING, self.stream.shutdown()).await;
    }

    async fn read_what_is_there(&mut self, late: &mut Late) {
        poll_fn(|context| Poll::Ready(self.read_on(context, late).is_ready())).await;
    }

    /// Reads until the peer has closed its side, or has sent enough.
    fn read_on(&mut self, context: &mut Context<'_>, late: &mut Late) -> Poll<()> {
        while late.octets < MOST_LATE {
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
