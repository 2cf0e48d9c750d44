use std::io::{BufRead, BufReader, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use event::Record;
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{SslAcceptor, SslMethod};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};

use super::*;
use crate::config::Sources;
use crate::sinks::testing::{LONG, hostile, json, logins, settled, until};

fn opened(address: &str, more: &[(&str, &str)]) -> Opened {
    let mut environment = vec![("HONEYPOST_SYSLOG_ADDRESS".into(), address.into())];
    environment.extend(more.iter().map(|(name, value)| ((*name).into(), (*value).into())));
    let config = Config::load(&Sources { environment, ..Sources::default() }).expect("valid");
    check(&config).expect("in order");
    open(&config, &[]).expect("opens").expect("configured")
}

/// One frame of counted octets; nothing at an end in order.
fn frame(stream: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut length = Vec::new();
    stream.read_until(b' ', &mut length).ok().filter(|read| *read > 0)?;
    let length = String::from_utf8(length).expect("digits").trim_end().parse().expect("a number");
    let mut message = vec![0; length];
    stream.read_exact(&mut message).expect("a whole frame");
    Some(message)
}

/// Passes on every frame that comes, until the peer is done.
fn frames(stream: impl Read, seen: &Sender<Vec<u8>>) {
    let mut stream = BufReader::new(stream);
    while let Some(message) = frame(&mut stream) {
        let _ = seen.send(message);
    }
}

/// Holds a message against its event.
fn compare(message: &[u8], record: &Record) {
    let text = std::str::from_utf8(message).expect("UTF-8");
    let (name, session) = (record.event.name(), record.attribution.session);
    let head = format!(
        "1 {:.6} mailserver honeypost {} {name} [honeypost@32473 session=\"{session}\" event=\"{name}\" src=\"192.0.2.1\"] ",
        record.time,
        std::process::id()
    );
    let (priority, rest) = text.split_once('>').expect("a priority");
    assert_eq!(priority, "<132", "local0.warning");
    assert_eq!(rest.strip_prefix(&head).map(str::as_bytes), Some(json(record).as_slice()));
    assert!(!message.iter().any(|byte| *byte < b' '), "control characters");
}

#[test]
fn a_datagram_an_event_and_what_is_too_large_stays_json() {
    let receiver = UdpSocket::bind("127.0.0.1:0").expect("a port");
    receiver.set_read_timeout(Some(LONG)).expect("settable");
    let opened = opened(&format!("udp://{}", receiver.local_addr().expect("bound")), &[]);
    let mut buffer = vec![0; 65_536];
    for record in hostile() {
        opened.sink.offer(std::slice::from_ref(&record)).expect("room");
        let length = receiver.recv(&mut buffer).expect("a datagram");
        let message = buffer.get(..length).expect("its length");
        assert!(length <= 8192);
        if json(&record).len() < 7000 {
            compare(message, &record);
            continue;
        }
        let start = message.windows(2).position(|two| two == b" {").expect("JSON") + 1;
        let short: serde_json::Value = serde_json::from_slice(&message[start..]).expect("JSON");
        assert_eq!(short["truncated"], true);
        assert_eq!(short["id"], record.id.to_string());
        assert_eq!(short["event"], "auth.succeeded");
        assert!(short.get("password").is_none());
    }
}

#[test]
fn a_refused_datagram_is_sent_again() {
    let receiver = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = receiver.local_addr().expect("bound");
    drop(receiver);
    let opened = opened(&format!("udp://{address}"), &[]);
    opened.sink.offer(&logins(50)).expect("room");
    thread::sleep(Duration::from_millis(250));
    assert_eq!(opened.counters.delivered.get(), 0);
    let receiver = UdpSocket::bind(address).expect("still free");
    receiver.set_read_timeout(Some(LONG)).expect("settable");
    for _ in 0..50 {
        receiver.recv(&mut [0; 8192]).expect("a datagram");
    }
    assert_eq!(settled(&opened.counters), (50, 50, 0));
}

#[test]
fn hostile_events_are_a_frame_each() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let opened = opened(&format!("tcp://{address}"), &[("HONEYPOST_SYSLOG_MAX_SIZE", "10MB")]);
    let (seen, arrived) = channel();
    thread::spawn(move || frames(listener.accept().expect("a connection").0, &seen));
    let events = hostile();
    opened.sink.offer(&events).expect("room");
    for record in &events {
        compare(&arrived.recv_timeout(LONG).expect("a frame"), record);
    }
}

/// Takes connections one after another; each is closed in order after so many frames, and the port for a while.
fn flaky(address: SocketAddr, first: TcpListener, seen: Sender<Vec<u8>>) {
    thread::spawn(move || {
        let mut listener = Some(first);
        for most in [40, 1, 300, usize::MAX] {
            let open = listener.take().unwrap_or_else(|| TcpListener::bind(address).expect("still free"));
            let (stream, _) = open.accept().expect("a connection");
            let mut reader = BufReader::new(stream.try_clone().expect("a descriptor"));
            for message in std::iter::from_fn(|| frame(&mut reader)).take(most) {
                let _ = seen.send(message);
            }
            // Says that it ends, and takes what is still under way.
            let _ = stream.shutdown(Shutdown::Write);
            while let Some(message) = frame(&mut reader) {
                let _ = seen.send(message);
            }
            drop((open, stream));
            thread::sleep(Duration::from_millis(150));
        }
    });
}

#[test]
fn a_receiver_that_stops_and_starts_under_load_gets_what_is_not_counted_as_dropped() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let opened = opened(&format!("tcp://{address}"), &[("HONEYPOST_SINKS_QUEUE_SIZE", "20kB")]);
    let (seen, arrived): (_, Receiver<Vec<u8>>) = channel();
    flaky(address, listener, seen);
    for record in logins(3000) {
        let _ = opened.sink.offer(&[record]);
        thread::sleep(Duration::from_micros(200));
    }
    let (offered, delivered, dropped) = settled(&opened.counters);
    assert_eq!((offered, delivered + dropped), (3000, 3000));
    // Whoever waits to be accepted when the port goes away is reset: that is known to be in doubt.
    let unconfirmed = opened.counters.unconfirmed.get();
    drop(opened.sink);
    assert!(opened.ending.wait(LONG));
    let mut count = 0;
    until("everything", || {
        count += u64::try_from(arrived.try_iter().count()).expect("a small number");
        count >= delivered - unconfirmed
    });
    assert!(
        count <= delivered && count + dropped + unconfirmed >= offered,
        "{count} {dropped} {unconfirmed}"
    );
    assert!(dropped > 0 && delivered > 341, "the test is too gentle: {dropped} dropped");
}

#[test]
fn a_connection_that_breaks_leaves_the_last_events_in_doubt() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let opened = opened(&format!("tcp://{}", listener.local_addr().expect("bound")), &[]);
    opened.sink.offer(&logins(20)).expect("room");
    let (stream, _) = listener.accept().expect("a connection");
    assert_eq!(settled(&opened.counters), (20, 20, 0));
    // Closed with octets unread: the peer is told so by a reset.
    until("octets", || stream.peek(&mut [0; 1]).is_ok_and(|octets| octets > 0));
    drop(stream);
    opened.sink.offer(&logins(1)).expect("room");
    let (stream, _) = listener.accept().expect("a connection");
    let message = frame(&mut BufReader::new(stream)).expect("a frame");
    assert!(message.ends_with(b"\"password\":\"secret\"}"));
    assert_eq!((settled(&opened.counters), opened.counters.unconfirmed.get()), ((21, 21, 0), 20));
}

/// A certificate of an authority of its own, for that name.
fn certificate(name: &str) -> (X509, PKey<Private>, X509) {
    let key = || PKey::from_rsa(Rsa::generate(2048).expect("a key")).expect("a key");
    let make = |subject: &str, key: &PKey<Private>, issuer: Option<(&X509, &PKey<Private>)>| {
        let mut called = X509NameBuilder::new().expect("a name");
        called.append_entry_by_text("CN", subject).expect("text");
        let called = called.build();
        let mut builder = X509::builder().expect("a builder");
        builder.set_version(2).expect("version 3");
        let number = BigNum::from_u32(if issuer.is_some() { 2 } else { 1 })
            .and_then(|number| number.to_asn1_integer());
        builder.set_serial_number(&number.expect("a number")).expect("settable");
        builder.set_subject_name(&called).expect("settable");
        builder.set_issuer_name(issuer.map_or(&called, |(of, _)| of.subject_name())).expect("settable");
        builder.set_not_before(&Asn1Time::days_from_now(0).expect("a time")).expect("settable");
        builder.set_not_after(&Asn1Time::days_from_now(1).expect("a time")).expect("settable");
        builder.set_pubkey(key).expect("settable");
        if let Some((of, _)) = issuer {
            let context = builder.x509v3_context(Some(of), None);
            let names = SubjectAlternativeName::new().dns(subject).build(&context).expect("an extension");
            builder.append_extension(names).expect("settable");
        } else {
            builder
                .append_extension(BasicConstraints::new().critical().ca().build().expect("an extension"))
                .expect("settable");
        }
        builder.sign(issuer.map_or(key, |(_, key)| key), MessageDigest::sha256()).expect("signed");
        builder.build()
    };
    let (root_key, own_key) = (key(), key());
    let root = make("An authority", &root_key, None);
    let own = make(name, &own_key, Some((&root, &root_key)));
    (own, own_key, root)
}

/// A TLS server with that certificate, which passes on frames.
fn secure_server(own: &X509, key: &PKey<Private>) -> (u16, Receiver<Vec<u8>>) {
    let mut acceptor = SslAcceptor::mozilla_modern_v5(SslMethod::tls()).expect("a builder");
    acceptor.set_certificate(own).expect("a certificate");
    acceptor.set_private_key(key).expect("its key");
    let acceptor = acceptor.build();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let (seen, arrived) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            if let Ok(stream) = acceptor.accept(stream.expect("a connection")) {
                frames(stream, &seen);
            }
        }
    });
    (port, arrived)
}

fn authority(folder: &Path, root: &X509) -> String {
    let file = folder.join("ca.pem");
    std::fs::write(&file, root.to_pem().expect("PEM")).expect("writable");
    file.to_str().expect("UTF-8").to_owned()
}

#[test]
fn tls_is_verified_and_carries_hostile_events() {
    let folder = tempfile::tempdir().expect("a folder");
    let (own, key, root) = certificate("localhost");
    let (port, arrived) = secure_server(&own, &key);
    let file = authority(folder.path(), &root);
    let address = format!("tls://localhost:{port}");
    let good = opened(&address, &[("HONEYPOST_SYSLOG_CA", &file), ("HONEYPOST_SYSLOG_MAX_SIZE", "10MB")]);
    let events = hostile();
    good.sink.offer(&events).expect("room");
    for record in &events {
        compare(&arrived.recv_timeout(LONG).expect("a frame"), record);
    }
    drop(good.sink);
    assert!(good.ending.wait(LONG));

    // Neither an unknown authority nor another name is accepted.
    let other = tempfile::tempdir().expect("a folder");
    let stranger = authority(other.path(), &certificate("localhost").2);
    for (address, file) in [(address, &stranger), (format!("tls://127.0.0.1:{port}"), &file)] {
        let bad = opened(&address, &[("HONEYPOST_SYSLOG_CA", file)]);
        bad.sink.offer(&logins(1)).expect("room");
        arrived.recv_timeout(Duration::from_millis(400)).expect_err("sent to somebody unknown");
        drop(bad.sink);
        assert!(bad.ending.wait(LONG));
        assert_eq!(settled(&bad.counters), (1, 0, 1));
    }
}
