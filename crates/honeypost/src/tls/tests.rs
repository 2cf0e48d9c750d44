//! Whole handshakes on loopback, with OpenSSL's client and with hand-made octets.

#[cfg(feature = "by-hand")]
mod by_hand;
mod certificate;
mod garbage;
mod handshake;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bait::persona::Installation;
use openssl::ssl::{Ssl, SslConnector, SslConnectorBuilder, SslMethod, SslVerifyMode};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_openssl::SslStream;

use super::accept::Accepted;
use super::{Context, Handshakes, Limits, Server, Source, Tls, accept};

/// An installation of its own, whose moment is a day ago.
fn installation() -> Installation {
    let mut new = crate::data_dir::new_installation();
    new.moment = jiff::Timestamp::from_second(new.moment.as_second() - 86_400).expect("a day ago");
    new
}

fn made(folder: &TempDir) -> Source {
    Source::Made {
        data_dir: folder.path().into(),
        name: "mail.example.com".into(),
        installation: installation(),
    }
}

/// One certificate for all tests: making one takes a while.
fn context(server: Server) -> Context {
    static TLS: std::sync::OnceLock<Tls> = std::sync::OnceLock::new();
    let tls = TLS.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        Tls::open(made(&folder)).expect("a certificate")
    });
    tls.context(server)
}

/// What connections need that are tested.
pub(crate) fn handshakes() -> Arc<Handshakes> {
    static SHARED: std::sync::OnceLock<Arc<Handshakes>> = std::sync::OnceLock::new();
    let make = || {
        let folder = tempfile::tempdir().expect("a folder");
        let tls = Tls::open(made(&folder)).expect("a certificate");
        Arc::new(Handshakes { tls, limits: limits() })
    };
    Arc::clone(SHARED.get_or_init(make))
}

fn limits() -> Limits {
    Limits { timeout: Duration::from_secs(5), turns: Arc::new(Semaphore::new(64)) }
}

/// Accepts one connection after the other in the background, and hands on what came of each. Where TLS came about,
/// everything is echoed until the peer closes.
async fn serve(context: Context, limits: Limits) -> (SocketAddr, mpsc::UnboundedReceiver<Outcome>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("bound");
    let (outcomes, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (context, limits, outcomes) = (context.clone(), limits.clone(), outcomes.clone());
            tokio::spawn(async move {
                let accepted = accept(stream, Vec::new(), &context, &limits).await;
                echo(accepted, &outcomes).await;
            });
        }
    });
    (address, receiver)
}

/// What a test wants to know of a connection.
#[derive(Debug)]
enum Outcome {
    Done(super::Handshake),
    Failed {
        reason: &'static str,
        detail: String,
        hello: Option<super::Hello>,
        received: Vec<u8>,
        reset: bool,
    },
}

impl Outcome {
    fn done(self) -> super::Handshake {
        match self {
            Self::Done(handshake) => handshake,
            failed @ Self::Failed { .. } => panic!("{failed:?}"),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Done(handshake) => panic!("{handshake:?}"),
            Self::Failed { reason, .. } => reason,
        }
    }
}

async fn echo(accepted: Accepted<TcpStream>, outcomes: &mpsc::UnboundedSender<Outcome>) {
    match accepted {
        Ok((mut tls, handshake)) => {
            let _ = outcomes.send(Outcome::Done(handshake));
            let mut buffer = [0; 4096];
            while let Ok(octets @ 1..) = tls.read(&mut buffer).await {
                if tls.write_all(&buffer[..octets]).await.is_err() {
                    break;
                }
            }
        }
        Err(failure) => {
            let super::HandshakeFailure { reason, detail, hello, received, stream, reset } = failure;
            drop(stream);
            let _ = outcomes.send(Outcome::Failed { reason: reason.word(), detail, hello, received, reset });
        }
    }
}

/// A client that trusts everybody.
fn connector() -> SslConnectorBuilder {
    let mut connector = SslConnector::builder(SslMethod::tls_client()).expect("a client");
    connector.set_verify(SslVerifyMode::NONE);
    connector
}

async fn connect(address: SocketAddr, ssl: Ssl) -> Result<SslStream<TcpStream>, openssl::ssl::Error> {
    let stream = TcpStream::connect(address).await.expect("loopback");
    let mut tls = SslStream::new(ssl, stream).expect("a stream");
    std::pin::Pin::new(&mut tls).connect().await?;
    Ok(tls)
}

fn ssl(connector: SslConnectorBuilder) -> Ssl {
    let mut configuration = connector.build().configure().expect("a configuration");
    configuration.set_verify_hostname(false);
    configuration.into_ssl("mail.example.com").expect("a client's state")
}

/// The values of Debian 12's servers, taken with `cargo xtask jarm` from the real ones.
#[tokio::test(flavor = "multi_thread")]
async fn the_jarm_is_the_real_servers() {
    for (server, expected) in [
        (Server::Dovecot, "07d3fd1ad21d21d00042d43d0000005aa9877b7a5d6a671d1e56af48dc9ce6"),
        (Server::Postfix, "07d19d1ad21d21d07c42d43d000000f50d155305214cf247147c43c0f1a823"),
    ] {
        let (address, _outcomes) = serve(context(server), limits()).await;
        let taken = tokio::task::spawn_blocking(move || jarm::take(&address.to_string(), None)).await;
        assert_eq!(taken.expect("no panic").expect("answers"), expected, "{server:?}");
    }
}
