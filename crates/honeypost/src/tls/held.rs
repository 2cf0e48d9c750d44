//! A stream under OpenSSL during the handshake: first it gives out what was read before, and it holds back what OpenSSL
//! wants to send until OpenSSL waits for the peer. Afterwards it is only in between.
//!
//! The holding back is Dovecot's: it passes on what OpenSSL has written when OpenSSL asks for more, and drops it when the
//! handshake has failed. So no peer ever saw one of its alerts.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Wraps a stream.
#[derive(Debug)]
pub(crate) struct Replay<S> {
    /// None once it was taken back.
    stream: Option<S>,
    /// What was read before, and how much of it OpenSSL has seen.
    before: Vec<u8>,
    seen: usize,
    /// What OpenSSL wants to send, while it is held back.
    held: Option<Vec<u8>>,
    /// Whether the stream has ended.
    ended: bool,
}

impl<S> Replay<S> {
    /// A stream of which this was read already; with `hold`, what is written waits.
    pub(super) fn new(stream: S, before: Vec<u8>, ended: bool, hold: bool) -> Self {
        Self { stream: Some(stream), before, seen: 0, held: hold.then(Vec::new), ended }
    }

    /// The stream, unless it was taken.
    pub(crate) fn stream(&self) -> Option<&S> {
        self.stream.as_ref()
    }

    /// The octets that OpenSSL never asked for.
    pub(super) fn unseen(&self) -> usize {
        self.before.len().saturating_sub(self.seen)
    }

    /// The stream, for closing it; what is held back is dropped.
    pub(super) fn take(&mut self) -> Option<S> {
        self.stream.take()
    }
}

impl<S: AsyncWrite + Unpin> Replay<S> {
    /// The handshake is done: sends what is held back, and holds nothing from now on.
    pub(super) async fn release(&mut self) -> io::Result<()> {
        std::future::poll_fn(|context| self.poll_send(context)).await?;
        self.held = None;
        Ok(())
    }

    fn poll_send(&mut self, context: &mut Context) -> Poll<io::Result<()>> {
        let (Some(stream), Some(held)) = (&mut self.stream, &mut self.held) else {
            return Poll::Ready(Ok(()));
        };
        while !held.is_empty() {
            let octets = ready!(Pin::new(&mut *stream).poll_write(context, held))?;
            if octets == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            held.drain(..octets);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Replay<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        into: &mut ReadBuf,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Some(rest) = this.before.get(this.seen..).filter(|rest| !rest.is_empty()) {
            let part = &rest[..rest.len().min(into.remaining())];
            into.put_slice(part);
            this.seen += part.len();
            if this.unseen() == 0 {
                (this.before, this.seen) = (Vec::new(), 0);
            }
            return Poll::Ready(Ok(()));
        }
        ready!(this.poll_send(context))?;
        match &mut this.stream {
            Some(stream) if !this.ended => Pin::new(stream).poll_read(context, into),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Replay<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context, octets: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        match (&mut this.held, &mut this.stream) {
            // A flight at the most, since it is sent whenever the peer's is waited for.
            (Some(held), _) => {
                held.extend_from_slice(octets);
                Poll::Ready(Ok(octets.len()))
            }
            (None, Some(stream)) => Pin::new(stream).poll_write(context, octets),
            (None, None) => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Some(stream) => Pin::new(stream).poll_flush(context),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Some(stream) => Pin::new(stream).poll_shutdown(context),
            None => Poll::Ready(Ok(())),
        }
    }
}
