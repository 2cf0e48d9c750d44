//! What peers get who do not speak TLS, or badly. The expected octets are what Debian 12's servers sent to the same.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Limits, Outcome, Server, context, limits, serve};

/// A ClientHello in one record, with the extensions that OpenSSL needs to choose from the suites.
pub(super) fn hello(version: u16, ciphers: &[u16]) -> Vec<u8> {
    hello_with(version, ciphers, &[], &[])
}

pub(super) fn hello_with(version: u16, ciphers: &[u16], session: &[u8], more: &[(u16, Vec<u8>)]) -> Vec<u8> {
    build(version, ciphers, session, &[29, 23], more)
}

pub(super) fn hello_groups(version: u16, ciphers: &[u16], groups: &[u8], more: &[(u16, Vec<u8>)]) -> Vec<u8> {
    build(version, ciphers, &[], groups, more)
}

fn build(version: u16, ciphers: &[u16], session: &[u8], groups: &[u8], more: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let vector =
        |octets: &[u8]| [&u16::try_from(octets.len()).expect("short").to_be_bytes()[..], octets].concat();
    let mut body = [&version.to_be_bytes()[..], &[9; 32]].concat();
    body.push(u8::try_from(session.len()).expect("short"));
    body.extend(session);
    body.extend(vector(&ciphers.iter().flat_map(|cipher| cipher.to_be_bytes()).collect::<Vec<u8>>()));
    body.extend([1, 0]);
    let groups = (10, vector(&groups.iter().flat_map(|group| [0, *group]).collect::<Vec<u8>>()));
    let signatures = (13, vec![0, 6, 8, 4, 4, 1, 2, 1]);
    let extensions = [groups, signatures].into_iter().chain(more.iter().cloned());
    let extensions: Vec<u8> = extensions
        .flat_map(|(kind, data): (u16, Vec<u8>)| [&kind.to_be_bytes()[..], &vector(&data)].concat())
        .collect();
    body.extend(vector(&extensions));
    let length = u32::try_from(body.len()).expect("short").to_be_bytes();
    let message = [&[1], &length[1..], &body].concat();
    [&[22, 3, 1][..], &vector(&message)].concat()
}

/// Sends octets, in pieces, and reads until the server closes.
async fn say(address: SocketAddr, pieces: &[&[u8]], close: bool) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.expect("loopback");
    stream.set_nodelay(true).expect("a socket");
    for piece in pieces {
        stream.write_all(piece).await.expect("sent");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    if close {
        stream.shutdown().await.expect("half closed");
    }
    let mut answer = Vec::new();
    match timeout(Duration::from_secs(4), stream.read_to_end(&mut answer)).await.expect("the server closes") {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        _ => answer,
    }
}

/// What is sent, whether the peer then closes its side, the recorded reason, and Postfix's answer. Dovecot's is nothing.
fn garbage() -> Vec<(Vec<u8>, bool, &'static str, &'static [u8])> {
    let mut server_hello = hello(0x0303, &[0xc030]);
    server_hello[5] = 2;
    let mut sslv2 = vec![0x80, 0x1f, 1, 0, 2, 0, 6, 0, 0, 0, 16, 0, 0xc0, 0x14, 0, 0, 0x35];
    sslv2.extend([5; 16]);
    vec![
        (b"a001 CAPABILITY\r\n".to_vec(), false, "plain-text", b""),
        (b"HELP".to_vec(), true, "plain-text", b""),
        (b"GET / HTTP/1.0\r\n\r\n".to_vec(), false, "http", b""),
        (b"CONNECT a:1 HTTP/1.0\r\n\r\n".to_vec(), false, "http", b""),
        (vec![0; 64], false, "not-tls", b""),
        (vec![], true, "no-hello", b""),
        (hello(0x0303, &[0xc030])[..40].to_vec(), true, "truncated-hello", b""),
        (sslv2, false, "unknown-version", b"\x15\x03\x03\0\x02\x02\x46"),
        (hello(0x0303, &[0x0005]), false, "no-shared-cipher", b"\x15\x03\x03\0\x02\x02\x28"),
        (hello(0x0300, &[0x0035]), false, "unknown-version", b"\x15\x03\0\0\x02\x02\x28"),
        (server_hello, false, "malformed-hello", b"\x15\x03\x03\0\x02\x02\x0a"),
        (
            b"\x16\x03\x01\0\x09\x01\0\0\x05\x03\x03aaa".to_vec(),
            false,
            "malformed-hello",
            b"\x15\x03\x03\0\x02\x02\x32",
        ),
        (b"\x15\x03\x01\0\x02\x02\x28".to_vec(), false, "malformed-hello", b"\x15\x03\x01\0\x02\x02\x0a"),
        (b"\x16\x03\x01\xff\xffaaaa".to_vec(), false, "malformed-hello", b"\x15\x03\x03\0\x02\x02\x16"),
    ]
}

#[tokio::test]
async fn dovecot_closes_without_a_word() {
    let (address, mut outcomes) = serve(context(Server::Dovecot), limits()).await;
    for (sent, close, reason, _) in garbage() {
        assert_eq!(say(address, &[&sent], close).await, b"", "{sent:?}");
        let outcome = outcomes.recv().await.expect("an outcome");
        assert_eq!(outcome.reason(), reason, "{outcome:?}");
        let Outcome::Failed { received, reset: false, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!(received, sent);
    }
    // TLS 1.0 alone is garbage to Dovecot.
    assert_eq!(say(address, &[&hello(0x0301, &[0xc014])], false).await, b"");
    assert_eq!(outcomes.recv().await.expect("an outcome").reason(), "unknown-version");
}

#[tokio::test]
async fn postfix_sends_the_alerts_of_openssl() {
    let (address, mut outcomes) = serve(context(Server::Postfix), limits()).await;
    for (sent, close, reason, answer) in garbage() {
        assert_eq!(say(address, &[&sent], close).await, answer, "{sent:?}");
        let outcome = outcomes.recv().await.expect("an outcome");
        assert_eq!(outcome.reason(), reason, "{outcome:?}");
    }
}

/// OpenSSL reads a header of five octets, and Postfix leaves the rest to the kernel.
#[tokio::test]
async fn postfix_resets_where_it_has_not_read_all() {
    let (address, mut outcomes) = serve(context(Server::Postfix), limits()).await;
    for (sent, expected) in [(&b"EHLO x\r\n"[..], true), (b"\x15\x03\x01\0\x02\x02\x28", false)] {
        say(address, &[sent], false).await;
        let outcome = outcomes.recv().await.expect("an outcome");
        let Outcome::Failed { reset, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!(reset, expected, "{sent:?}");
    }
}

#[tokio::test]
async fn a_hello_in_pieces_is_a_hello() {
    let (address, mut outcomes) = serve(context(Server::Dovecot), limits()).await;
    let whole = hello(0x0303, &[0x0005]);
    let message = &whole[5..];
    let records: Vec<Vec<u8>> = message
        .chunks(20)
        .map(|part| [&[22, 3, 1, 0, u8::try_from(part.len()).expect("short")], part].concat())
        .collect();
    let pieces: Vec<&[u8]> = records.iter().flat_map(|record| record.chunks(7)).collect();
    assert_eq!(say(address, &pieces, false).await, b"");
    let outcome = outcomes.recv().await.expect("an outcome");
    assert_eq!(outcome.reason(), "no-shared-cipher");
    let Outcome::Failed { hello: Some(hello), .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(hello.records, records.concat());
}

#[tokio::test]
async fn who_says_nothing_is_closed() {
    let limits = Limits { timeout: Duration::from_millis(100), ..limits() };
    let (address, mut outcomes) = serve(context(Server::Dovecot), limits).await;
    for sent in [&b""[..], b"\x16\x03", &hello(0x0303, &[0xc030])] {
        say(address, &[sent], false).await;
        assert_eq!(outcomes.recv().await.expect("an outcome").reason(), "timeout");
    }
}
