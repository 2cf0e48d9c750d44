//! Handshakes that come about, and those that do not because of what the client wants.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use openssl::ssl::{SslSession, SslSessionCacheMode, SslVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use super::garbage::{hello, hello_groups, hello_with};
use super::{Limits, Outcome, Server, connect, connector, context, limits, serve, ssl};

#[tokio::test]
async fn the_client_is_known_and_heard() {
    for server in [Server::Dovecot, Server::Postfix] {
        let (address, mut outcomes) = serve(context(server), limits()).await;
        let mut client = connector();
        client.set_alpn_protos(b"\x04imap\x02h2").expect("protocols");
        let mut tls = connect(address, ssl(client)).await.expect("a handshake");
        assert_eq!(tls.ssl().selected_alpn_protocol(), None, "neither server knows ALPN");
        let long = vec![b'x'; 100_000];
        let (mut reader, mut writer) = tokio::io::split(&mut tls);
        let mut back = vec![0; long.len()];
        let (sent, got) = tokio::join!(writer.write_all(&long), reader.read_exact(&mut back));
        sent.expect("sent");
        got.expect("echoed");
        assert_eq!(back, long);

        let handshake = outcomes.recv().await.expect("an outcome").done();
        assert_eq!((handshake.version, handshake.cipher.as_str()), ("TLSv1.3", "TLS_AES_256_GCM_SHA384"));
        assert!(!handshake.client_certificate && !handshake.resumed);
        let hello = handshake.hello.expect("a hello");
        assert_eq!(hello.sni.as_deref(), Some(&b"mail.example.com"[..]));
        assert_eq!(hello.alpn, [&b"imap"[..], b"h2"]);
        assert!(hello.ja4.starts_with("t13d") && hello.ja4.as_bytes()[8..10] == *b"ip", "{}", hello.ja4);
        assert!(hello.ja3.starts_with("771,") && hello.ja3_hash.len() == 32);
        assert_eq!(hello.records.first(), Some(&22));
    }
}

#[tokio::test]
async fn old_versions_are_postfixs_alone() {
    let old = || {
        let mut client = connector();
        client.set_security_level(0);
        client.set_cipher_list("ALL@SECLEVEL=0").expect("ciphers");
        client.set_min_proto_version(Some(SslVersion::TLS1)).expect("a version");
        client.set_max_proto_version(Some(SslVersion::TLS1)).expect("a version");
        ssl(client)
    };
    let (address, mut outcomes) = serve(context(Server::Postfix), limits()).await;
    let _tls = connect(address, old()).await.expect("a handshake");
    assert_eq!(outcomes.recv().await.expect("an outcome").done().version, "TLSv1");

    let (address, mut outcomes) = serve(context(Server::Dovecot), limits()).await;
    assert!(connect(address, old()).await.is_err());
    let failed = outcomes.recv().await.expect("an outcome");
    assert_eq!(failed.reason(), "unknown-version");
    let Outcome::Failed { hello: Some(hello), .. } = failed else { panic!("{failed:?}") };
    assert!(hello.ja4.starts_with("t10d"), "{}", hello.ja4);
}

#[tokio::test]
async fn a_client_that_does_not_trust_us_says_so() {
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let (address, mut outcomes) = serve(context(Server::Dovecot), limits()).await;
        let mut client = connector();
        client.set_verify(openssl::ssl::SslVerifyMode::PEER);
        client.set_max_proto_version(Some(version)).expect("a version");
        assert!(connect(address, ssl(client)).await.is_err());
        let failed = outcomes.recv().await.expect("an outcome");
        let Outcome::Failed { reason, detail, hello, .. } = failed else { panic!("{failed:?}") };
        assert_eq!(reason, "alert");
        assert!(detail.starts_with("unknown_ca") || detail.starts_with("bad_certificate"), "{detail}");
        assert!(hello.is_some());
    }
}

#[tokio::test]
async fn nothing_in_common() {
    let (address, mut outcomes) = serve(context(Server::Dovecot), limits()).await;
    let mut client = connector();
    client.set_max_proto_version(Some(SslVersion::TLS1_2)).expect("a version");
    client.set_cipher_list("AES128-SHA").expect("a cipher"); // kRSA, which Dovecot's list takes out
    assert!(connect(address, ssl(client)).await.is_err());
    assert_eq!(outcomes.recv().await.expect("an outcome").reason(), "no-shared-cipher");
}

/// Dovecot gives two tickets in TLS 1.3, Postfix one. Theirs last two hours.
#[tokio::test]
async fn tickets_are_given() {
    for (server, given) in [(Server::Dovecot, 2), (Server::Postfix, 1)] {
        let tickets = tickets(server, SslVersion::TLS1_3, &mut serve(context(server), limits()).await).await;
        assert_eq!(tickets.len(), given, "{server:?}");
        assert!(tickets.iter().all(|ticket| ticket.timeout() == 7200));
    }
}

/// A ticket that Postfix gave is taken back; one that Dovecot gave never is.
#[tokio::test]
async fn tickets_are_taken_back_by_postfix_alone() {
    for (server, resumes) in [(Server::Dovecot, false), (Server::Postfix, true)] {
        let mut served = serve(context(server), limits()).await;
        let tickets = tickets(server, SslVersion::TLS1_2, &mut served).await;
        let ticket = ticket_octets(tickets.first().expect("a ticket"));
        let id = [7; 32];
        for _ in 0..3 {
            let mut stream = TcpStream::connect(served.0).await.expect("loopback");
            let extensions = [(23, vec![]), (35, ticket.clone())];
            let hello = hello_with(0x0303, &[0xc030], &id, &extensions);
            stream.write_all(&hello).await.expect("sent");
            let mut answer = [0; 76];
            stream.read_exact(&mut answer).await.expect("a ServerHello");
            assert_eq!(answer[5], 2, "a ServerHello");
            // RFC 5077 section 3.4: the id comes back where the ticket was taken.
            assert_eq!(answer[44..].starts_with(&id), resumes, "{server:?}");
        }
    }
}

/// A TLS 1.3 client without a share is asked for the first group in the server's list, not in its own.
#[tokio::test]
async fn the_server_says_which_share_it_wants() {
    let (address, _outcomes) = serve(context(Server::Postfix), limits()).await;
    let mut stream = TcpStream::connect(address).await.expect("loopback");
    let versions = (43, vec![2, 3, 4]);
    let shares = (51, vec![0, 0]);
    let hello = hello_groups(0x0303, &[0x1301], &[23, 30, 29], &[versions, shares]);
    stream.write_all(&hello).await.expect("sent");
    let mut answer = [0; 61];
    stream.read_exact(&mut answer).await.expect("a HelloRetryRequest");
    assert_eq!(answer[55..], [0, 51, 0, 2, 0, 29], "key_share: X25519");
}

async fn tickets(
    server: Server,
    version: SslVersion,
    from: &mut (SocketAddr, mpsc::UnboundedReceiver<Outcome>),
) -> Vec<SslSession> {
    let sessions: Arc<Mutex<Vec<SslSession>>> = Arc::default();
    let mut client = connector();
    client.set_max_proto_version(Some(version)).expect("a version");
    client.set_cipher_list("ECDHE-RSA-AES256-GCM-SHA384").expect("a cipher");
    client.set_session_cache_mode(SslSessionCacheMode::CLIENT | SslSessionCacheMode::NO_INTERNAL);
    let keep = Arc::clone(&sessions);
    client.set_new_session_callback(move |_, session| keep.lock().expect("whole").push(session));
    let mut tls = connect(from.0, ssl(client)).await.expect("a handshake");
    tls.write_all(b"x").await.expect("sent");
    tls.read_exact(&mut [0]).await.expect("echoed");
    let handshake = from.1.recv().await.expect("an outcome").done();
    assert!(!handshake.resumed, "{server:?}");
    std::mem::take(&mut *sessions.lock().expect("whole"))
}

/// The ticket in OpenSSL's own form of a session: an octet string in the tenth field.
fn ticket_octets(session: &SslSession) -> Vec<u8> {
    let der = session.to_der().expect("a session");
    let at =
        der.windows(5).position(|window| matches!(window, [0xaa, 0x81, _, 0x04, 0x81])).expect("a ticket");
    der[at + 6..at + 6 + usize::from(der[at + 5])].to_vec()
}

/// One turn: the second client waits until the first one's time is over.
#[tokio::test]
async fn turns_are_bounded() {
    let limits = Limits { timeout: Duration::from_millis(800), turns: Arc::new(Semaphore::new(1)) };
    let (address, mut outcomes) = serve(context(Server::Dovecot), limits).await;
    // A whole hello, and then silence.
    let mut slow = TcpStream::connect(address).await.expect("loopback");
    slow.write_all(&hello(0x0303, &[0xc030])).await.expect("sent");
    slow.read_exact(&mut [0; 5]).await.expect("an answer");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut second = std::pin::pin!(connect(address, ssl(connector())));
    assert!(timeout(Duration::from_millis(200), &mut second).await.is_err(), "it waits");
    second.await.expect("its turn came");
    assert_eq!(outcomes.recv().await.expect("an outcome").reason(), "timeout");
    outcomes.recv().await.expect("an outcome").done();
}
