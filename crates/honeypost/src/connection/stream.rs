//! The stream of a connection: plain, or TLS, which is on the heap so that a plain connection has no room for it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use openssl::ssl;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::tls::TlsStream;

/// What carries a connection.
pub(crate) trait Carrier: AsyncRead + AsyncWrite + Unpin {
    /// Makes the system reset the connection when it is closed, as it does for a server that has left octets unread.
    fn reset_when_closed(&self) {}

    /// Makes the system acknowledge what comes next at once.
    fn acknowledge_at_once(&self) {}
}

impl Carrier for TcpStream {
    fn reset_when_closed(&self) {
        // Where the peer is gone already it makes no difference.
        let _ = self.set_zero_linger();
    }

    #[cfg(target_os = "linux")]
    fn acknowledge_at_once(&self) {
        let _ = self.set_quickack(true);
    }
}

/// How the peer is spoken to.
#[derive(Debug)]
pub(crate) enum Stream<S> {
    /// In the clear.
    Plain(S),
    /// Over TLS.
    Tls(Box<TlsStream<S>>),
    /// No more: closed, or in a handshake.
    Gone,
}

impl<S> Stream<S> {
    /// Takes it out.
    pub(super) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Gone)
    }

    /// What carries it.
    pub(super) fn carrier(&self) -> Option<&S> {
        match self {
            Self::Plain(stream) => Some(stream),
            Self::Tls(stream) => stream.get_ref().stream(),
            Self::Gone => None,
        }
    }
}

/// OpenSSL's `SSL_R_UNEXPECTED_EOF_WHILE_READING`.
const UNEXPECTED_EOF: i32 = 294;

/// Whether the peer just closed the connection, without TLS's word of parting.
fn is_end(error: &io::Error) -> bool {
    let error = error.get_ref().and_then(|inner| inner.downcast_ref::<ssl::Error>());
    let codes =
        error.and_then(ssl::Error::ssl_error).into_iter().flat_map(openssl::error::ErrorStack::errors);
    codes.map(openssl::error::Error::reason_code).any(|code| code == UNEXPECTED_EOF)
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        into: &mut ReadBuf,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, into),
            Self::Tls(stream) => match Pin::new(&mut **stream).poll_read(context, into) {
                Poll::Ready(Err(error)) if is_end(&error) => Poll::Ready(Ok(())),
                polled => polled,
            },
            Self::Gone => Poll::Ready(Ok(())),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context, octets: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, octets),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_write(context, octets),
            Self::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_flush(context),
            Self::Gone => Poll::Ready(Ok(())),
        }
    }

    /// With TLS: says so to the peer (`close_notify`), then closes our side.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_shutdown(context),
            Self::Gone => Poll::Ready(Ok(())),
        }
    }
}
