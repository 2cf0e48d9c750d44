//! From a plain stream to a TLS stream: reads the client's hello, takes its fingerprints, gives it to OpenSSL again, and
//! does the handshake.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use clienthello::{ClientHello, Progress, Reader};
use openssl::ssl::SslRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tokio_openssl::SslStream;

use super::context::{Context, Server};
use super::failure::{Broken, HandshakeFailure, Reason, explain};
use super::held::Replay;
use super::identity::reasons;

/// A stream after its handshake.
pub(crate) type TlsStream<S> = SslStream<Replay<S>>;

/// Most of what a peer may have sent before it is closed in Dovecot's way, without looking at it.
const DRAIN: usize = 65_536;

/// What bounds handshakes.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// How long one may take, from the first octet waited for to the last. Dovecot gives a silent peer three minutes.
    pub(crate) timeout: Duration,
    /// How many may be between hello and end at the same time: each takes OpenSSL about 60 KiB. Peers with a hello wait
    /// for their turn; one that stops in the middle keeps its place until the timeout.
    pub(crate) turns: Arc<Semaphore>,
}

/// What a client says of itself before anything is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hello {
    /// The host that it asks for, as octets: nothing makes it a name.
    pub(crate) sni: Option<Vec<u8>>,
    /// The protocols that it offers.
    pub(crate) alpn: Vec<Vec<u8>>,
    /// The JA3 string.
    pub(crate) ja3: String,
    /// Its MD5, which is what lists of known clients hold.
    pub(crate) ja3_hash: String,
    /// The JA4.
    pub(crate) ja4: String,
    /// The records of the hello, as they came.
    pub(crate) records: Vec<u8>,
}

/// What a handshake came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Handshake {
    /// In OpenSSL's words: `TLSv1.3`.
    pub(crate) version: &'static str,
    /// In OpenSSL's words, as Dovecot and Postfix log it: `ECDHE-RSA-AES256-GCM-SHA384`.
    pub(crate) cipher: String,
    /// An earlier session of the client goes on.
    pub(crate) resumed: bool,
    /// The client showed a certificate. Neither server asks for one.
    pub(crate) client_certificate: bool,
    /// None where the client began with a hello of SSL 2.0.
    pub(crate) hello: Option<Hello>,
}

/// The encrypted stream and what is known of it, or why there is none.
pub(crate) type Accepted<S> = Result<(TlsStream<S>, Handshake), HandshakeFailure<S>>;

/// Does the handshake on `stream`, of which `hello_so_far` was read already. What the imitated server sends to a peer that
/// does it wrong has been sent when this returns, alerts included.
///
/// The future is on the heap, so that whoever waits for it stays small.
pub(crate) fn accept<'a, S>(
    stream: S,
    hello_so_far: Vec<u8>,
    context: &'a Context,
    limits: &'a Limits,
) -> Pin<Box<impl Future<Output = Accepted<S>> + use<'a, S>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    Box::pin(run(stream, hello_so_far, context, limits))
}

async fn run<S>(mut stream: S, hello_so_far: Vec<u8>, context: &Context, limits: &Limits) -> Accepted<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let deadline = Instant::now() + limits.timeout;
    let mut reader = Reader::default();
    let first = reader.feed(&hello_so_far);
    drop(hello_so_far);
    let read = timeout_at(deadline, read_hello(&mut stream, &mut reader, first)).await;
    let ended = matches!(read, Ok(Err(_)));
    let progress = match read {
        Ok(Ok(progress)) => progress,
        Ok(Err(_)) => Progress::NeedMore, // the peer closed; OpenSSL is to see that
        Err(_) => return Err(late(stream, &Progress::NeedMore, reader)),
    };
    let Ok(Ok(_turn)) = timeout_at(deadline, limits.turns.acquire()).await else {
        return Err(late(stream, &progress, reader));
    };
    let (hello, records) = match &progress {
        Progress::Complete { hello, octets } => (Some(&**hello), *octets),
        _ => (None, 0),
    };
    let received = reader.wire().to_vec();
    let facts = hello.map(|hello| Hello::of(hello, received.get(..records).unwrap_or_default()));
    let hold = context.server() == Server::Dovecot;
    let replay = Replay::new(stream, reader.into_wire(), ended, hold);
    let mut tls = match context.connection(hello).and_then(|ssl| SslStream::new(ssl, replay)) {
        Ok(tls) => tls,
        Err(error) => {
            let detail = reasons(&error);
            return Err(HandshakeFailure {
                reason: Reason::Other,
                detail,
                hello: facts,
                received,
                stream: None,
                reset: true,
            });
        }
    };
    let done = timeout_at(deadline, async {
        Pin::new(&mut tls).accept().await.map_err(Broken::Tls)?;
        tls.get_mut().release().await.map_err(Broken::Stream)
    });
    let (reason, detail) = match done.await {
        Ok(Ok(())) => {
            let handshake = outcome(tls.ssl(), facts);
            return Ok((tls, handshake));
        }
        Ok(Err(broken)) => explain(&progress, &received, &broken),
        Err(_) => (Reason::Timeout, "the peer stopped after its hello".into()),
    };
    let reset = !hold && tls.get_ref().unseen() > 0;
    let mut stream = tls.get_mut().take();
    if let (true, Some(stream)) = (hold, &mut stream) {
        drain(stream).await;
    }
    Err(HandshakeFailure { reason, detail, hello: facts, received, stream, reset })
}

/// Reads until it is clear what the peer sends. Errs where there is no more to come.
async fn read_hello<S: AsyncRead + Unpin>(
    stream: &mut S,
    reader: &mut Reader,
    mut progress: Progress,
) -> io::Result<Progress> {
    let mut buffer = [0; 2048];
    while progress == Progress::NeedMore {
        let octets = stream.read(&mut buffer).await?;
        if octets == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        progress = reader.feed(buffer.get(..octets).unwrap_or_default());
    }
    Ok(progress)
}

/// The time is over before OpenSSL saw anything.
fn late<S>(stream: S, progress: &Progress, reader: Reader) -> HandshakeFailure<S> {
    let (hello, what) = match progress {
        Progress::Complete { hello, octets } => {
            let records = reader.wire().get(..*octets).unwrap_or_default();
            (Some(Hello::of(hello, records)), "too many handshakes at the same time")
        }
        _ if reader.wire().is_empty() => (None, "the peer sent nothing"),
        _ => (None, "the peer stopped in its hello"),
    };
    let (detail, received) = (what.to_owned(), reader.into_wire());
    HandshakeFailure { reason: Reason::Timeout, detail, hello, received, stream: Some(stream), reset: false }
}

impl Hello {
    /// What these records say.
    pub(crate) fn of(hello: &ClientHello, records: &[u8]) -> Self {
        Self {
            sni: hello.server_name.clone(),
            alpn: hello.alpn.clone(),
            ja3: hello.ja3(),
            ja3_hash: hello.ja3_hash(),
            ja4: hello.ja4(),
            records: records.to_vec(),
        }
    }
}

fn outcome(ssl: &SslRef, hello: Option<Hello>) -> Handshake {
    Handshake {
        version: ssl.version_str(),
        cipher: ssl.current_cipher().map_or_else(String::new, |cipher| cipher.name().to_owned()),
        resumed: ssl.session_reused(),
        client_certificate: ssl.peer_certificate().is_some(),
        hello,
    }
}

/// Takes what has arrived already, so that the kernel closes as it does for Dovecot, which has read it all.
async fn drain<S: AsyncRead + Unpin>(stream: &mut S) {
    let mut buffer = [0; 2048];
    let mut left = DRAIN;
    poll_fn(|context| {
        while left > 0 {
            let mut into = ReadBuf::new(&mut buffer);
            match Pin::new(&mut *stream).poll_read(context, &mut into) {
                Poll::Ready(Ok(())) if !into.filled().is_empty() => {
                    left = left.saturating_sub(into.filled().len());
                }
                _ => break,
            }
        }
        Poll::Ready(())
    })
    .await;
}
