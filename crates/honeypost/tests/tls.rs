//! TLS of the real program, with OpenSSL's client: implicit and in band, what is refused, what is recorded.

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Server, honeypost};
use openssl::ssl::{SslConnector, SslMethod, SslStream, SslVerifyMode, SslVersion};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(20);

fn connect(address: SocketAddr) -> TcpStream {
    let peer = TcpStream::connect(address).expect("connected");
    peer.set_read_timeout(Some(PATIENCE)).expect("settable");
    peer
}

/// A client that asks for this name and takes any certificate.
fn client(name: &str, tcp: TcpStream) -> SslStream<TcpStream> {
    let mut connector = SslConnector::builder(SslMethod::tls_client()).expect("OpenSSL");
    connector.set_verify(SslVerifyMode::NONE);
    connector.set_alpn_protos(b"\x04imap").expect("a protocol");
    connector.build().configure().expect("OpenSSL").verify_hostname(false).connect(name, tcp).expect("TLS")
}

/// Reads until this stands at the end of what has come, and returns it.
fn until(stream: &mut impl Read, end: &str) -> String {
    let mut said = Vec::new();
    let mut octet = [0];
    while !said.ends_with(end.as_bytes()) {
        assert_eq!(stream.read(&mut octet).expect("readable"), 1, "{:?}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&octet);
    }
    String::from_utf8(said).expect("UTF-8")
}

fn ask(stream: &mut (impl Read + Write), line: &str, end: &str) -> String {
    stream.write_all(line.as_bytes()).expect("written");
    until(stream, end)
}

/// Where a listener of that name listens.
fn at(server: &Server, name: &str) -> SocketAddr {
    let found = server.said.lines().find_map(|line| {
        let (listener, address) = line.trim().split_once(' ')?;
        (listener == name).then(|| address.trim().parse().expect("an address"))
    });
    found.unwrap_or_else(|| panic!("no {name} in {}", server.said))
}

fn start(data: &Path, more: &[&str]) -> Server {
    const ANY: &str = "127.0.0.1:0";
    let doors = ["--imaps", "--pop3", "--pop3s", "--smtp", "--submissions"];
    let mut flags: Vec<&str> = doors.iter().flat_map(|door| [*door, ANY]).collect();
    flags.extend(more);
    Server::start(data, &flags)
}

/// The events of that name, once there are so many.
fn events(data: &Path, name: &str, count: usize) -> Vec<Value> {
    let start = Instant::now();
    loop {
        let output = honeypost().args(["events", "--json", "--event", name, "--data-dir"]).arg(data).output();
        let output = String::from_utf8(output.expect("runs").stdout).expect("UTF-8");
        let found: Vec<Value> =
            output.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        if found.len() >= count {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "{} of {count} {name}", found.len());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Dovecot says the word of parting also where the client went first.
#[test]
fn dovecot_parts_from_who_has_parted() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = start(&folder.path().join("data"), &["--personality", "dovecot-2.3"]);
    let mut pop3s = client("mail.victim.test", connect(at(&server, "POP3S")));
    until(&mut pop3s, "ready.\r\n");
    pop3s.shutdown().expect("said");
    assert_eq!(pop3s.ssl_read(&mut [0]).expect_err("the end").code(), openssl::ssl::ErrorCode::ZERO_RETURN);
}

#[test]
fn each_protocol_begins_with_tls_or_becomes_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let server = start(&data, &[]);

    let mut imaps = client("mail.victim.test", connect(at(&server, "IMAPS")));
    until(&mut imaps, "ready.\r\n");
    ask(&mut imaps, "a LOGIN admin admin\r\n", "Logged in\r\n");
    ask(&mut imaps, "b LOGOUT\r\n", "b OK LOGOUT completed\r\n");
    // The word of parting, then the end.
    assert_eq!(imaps.ssl_read(&mut [0]).expect_err("the end").code(), openssl::ssl::ErrorCode::ZERO_RETURN);

    let mut pop3s = client("mail.victim.test", connect(at(&server, "POP3S")));
    until(&mut pop3s, "ready.\r\n");
    ask(&mut pop3s, "QUIT\r\n", "Logging out\r\n");
    let mut submissions = client("mail.victim.test", connect(at(&server, "submissions")));
    until(&mut submissions, "Postfix (Debian/GNU)\r\n");
    let offered = ask(&mut submissions, "EHLO x\r\n", "250 CHUNKING\r\n");
    assert!(!offered.contains("STARTTLS"), "{offered}");

    for (door, greeting, command, go, then, answer) in [
        ("IMAP", "ready.\r\n", "a STARTTLS\r\n", "now.\r\n", "b LOGIN root root\r\n", "Logged in\r\n"),
        ("POP3", "ready.\r\n", "STLS\r\n", "now.\r\n", "CAPA\r\n", ".\r\n"),
        ("SMTP", "(Debian/GNU)\r\n", "STARTTLS\r\n", "TLS\r\n", "EHLO x\r\n", "250 CHUNKING\r\n"),
    ] {
        let mut plain = connect(at(&server, door));
        until(&mut plain, greeting);
        ask(&mut plain, command, go);
        let mut tls = client("mail.victim.test", plain);
        ask(&mut tls, then, answer);
    }

    let negotiated = events(&data, "tls.negotiated", 6);
    for event in &negotiated {
        assert_eq!(
            (event["version"].as_str(), event["sni"].as_str(), event["tls"].as_bool()),
            (Some("TLSv1.3"), Some("mail.victim.test"), Some(true))
        );
        assert_eq!((&event["alpn"][0], &event["client_certificate"]), (&"imap".into(), &false.into()));
        assert!(event["ja4"].as_str().is_some_and(|ja4| ja4.starts_with("t13d")), "{event}");
        assert_eq!(event["ja3_hash"].as_str().map(str::len), Some(32));
    }
    let logins = events(&data, "auth.succeeded", 2);
    assert!(logins.iter().all(|login| login["tls"] == true));
    let ended = events(&data, "session.closed", 5);
    let first = ended.iter().find(|event| event["session"] == negotiated[0]["session"]).expect("its end");
    // What TLS carried, not what it was carried in.
    assert_eq!(first["bytes_in"].as_u64(), Some(21 + 10));

    let sessions = honeypost().args(["sessions", "--data-dir"]).arg(&data).output().expect("runs");
    let sessions = String::from_utf8(sessions.stdout).expect("UTF-8");
    assert!(sessions.contains("imap+tls1.3") && sessions.contains("smtp+tls1.3"), "{sessions}");
}

#[test]
fn what_stands_behind_starttls_in_the_clear_is_not_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let server = start(&data, &[]);
    for (door, greeting, injected) in [
        ("IMAP", "ready.\r\n", "a STARTTLS\r\nb LOGIN admin admin\r\n"),
        ("POP3", "ready.\r\n", "STLS\r\nUSER admin\r\nPASS admin\r\n"),
    ] {
        let mut plain = connect(at(&server, door));
        until(&mut plain, greeting);
        plain.write_all(injected.as_bytes()).expect("written");
        let mut rest = String::new();
        plain.read_to_string(&mut rest).expect("the end");
        assert!(rest.ends_with("Begin TLS negotiation now.\r\n") && rest.lines().count() == 1, "{rest}");
    }
    // Postfix goes on.
    let mut plain = connect(at(&server, "SMTP"));
    until(&mut plain, "(Debian/GNU)\r\n");
    ask(&mut plain, "STARTTLS\r\nAUTH PLAIN AGFkbWluAGFkbWlu\r\n", "TLS\r\n");
    let mut tls = client("x", plain);
    assert_eq!(ask(&mut tls, "NOOP\r\n", "\r\n"), "250 2.0.0 Ok\r\n");

    let mut violations = events(&data, "protocol.violation", 3);
    violations.retain(|event| event["what"] == "starttls-injection");
    let lines: Vec<_> = violations.iter().filter_map(|event| event["line"].as_str()).collect();
    assert_eq!(
        lines,
        ["b LOGIN admin admin\r\n", "USER admin\r\nPASS admin\r\n", "AUTH PLAIN AGFkbWluAGFkbWlu\r\n"]
    );
    assert!(events(&data, "auth.succeeded", 0).is_empty() && events(&data, "auth.failed", 0).is_empty());
}

#[test]
fn handshakes_that_fail_are_recorded() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let server = start(&data, &[]);
    let (imaps, submissions) = (at(&server, "IMAPS"), at(&server, "submissions"));
    let told = |said: &[u8], address| {
        let mut peer = connect(address);
        peer.write_all(said).expect("written");
        let mut answer = Vec::new();
        let _ = peer.read_to_end(&mut answer); // Postfix resets
        answer
    };
    assert_eq!(told(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", imaps), b"");
    assert_eq!(told(b"a LOGIN admin admin\r\n", imaps), b"");
    told(b"EHLO x\r\n", submissions);
    // A client that does not know who signed the certificate, and one of another age.
    let strict = SslConnector::builder(SslMethod::tls_client()).expect("OpenSSL").build();
    assert!(strict.connect("mail.victim.test", connect(imaps)).is_err());
    let mut old = SslConnector::builder(SslMethod::tls_client()).expect("OpenSSL");
    old.set_security_level(0);
    old.set_cipher_list("ALL@SECLEVEL=0").expect("ciphers");
    old.set_max_proto_version(Some(SslVersion::TLS1)).expect("a version");
    assert!(old.build().connect("mail.victim.test", connect(imaps)).is_err());
    drop(connect(imaps));
    // A hello where none belongs, in two pieces.
    let mut hello = vec![0x16, 3, 1, 0, 0x2d, 1, 0, 0, 0x29, 3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x2f, 1, 0]);
    let mut plain = connect(server.imap);
    until(&mut plain, "ready.\r\n");
    plain.write_all(&hello[..20]).expect("written");
    std::thread::sleep(Duration::from_millis(100));
    plain.write_all(&hello[20..]).expect("written");

    let failed = events(&data, "tls.failed", 7);
    let mut reasons: Vec<_> = failed.iter().filter_map(|event| event["reason"].as_str()).collect();
    reasons.sort_unstable();
    assert_eq!(
        reasons,
        ["alert", "http", "no-hello", "plain-port", "plain-text", "plain-text", "unknown-version"]
    );
    let of = |reason| failed.iter().find(|event| event["reason"] == reason).expect("recorded");
    assert_eq!(of("alert")["sni"], "mail.victim.test");
    assert!(of("alert")["detail"].as_str().is_some_and(|detail| detail.starts_with("unknown_ca")));
    assert!(of("unknown-version")["ja4"].as_str().is_some_and(|ja4| ja4.starts_with("t10d")));
    assert!(
        of("plain-port")["ja3"].as_str().is_some_and(|ja3| ja3 == "771,49199,,,"),
        "{}",
        of("plain-port")
    );
    let violations = events(&data, "protocol.violation", 1);
    assert!(violations.iter().any(|event| event["what"] == "tls-hello-on-plain-port"));
    assert!(failed.iter().all(|event| event["tls"] == false));
}

/// A self-signed certificate, by OpenSSL's own program.
fn make(folder: &Path, name: &str) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj"])
        .arg(format!("/CN={name}"))
        .arg("-keyout")
        .arg(folder.join("key.pem.new"))
        .arg("-out")
        .arg(folder.join("cert.pem.new"))
        .stderr(Stdio::null())
        .status();
    assert!(made.expect("openssl runs").success());
    for file in ["key.pem", "cert.pem"] {
        let new = folder.join(format!("{file}.new"));
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&new, private).expect("settable");
        std::fs::rename(new, folder.join(file)).expect("moved");
    }
}

fn shown(address: SocketAddr) -> openssl::x509::X509 {
    client("x", connect(address)).ssl().peer_certificate().expect("a certificate")
}

fn common_name(address: SocketAddr) -> String {
    let certificate = shown(address);
    let name = certificate.subject_name().entries().next().expect("a name");
    String::from_utf8(name.data().as_slice().to_vec()).expect("UTF-8")
}

#[test]
fn a_certificate_of_ones_own_is_used_and_read_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    make(folder.path(), "first.test");
    let configuration = folder.path().join("honeypost.toml");
    let text = format!(
        "tls.cert = {:?}\ntls.key = {:?}\n",
        folder.path().join("cert.pem"),
        folder.path().join("key.pem")
    );
    std::fs::write(&configuration, text).expect("written");
    let server = start(&data, &["--config", configuration.to_str().expect("UTF-8")]);
    let imaps = at(&server, "IMAPS");
    assert_eq!(common_name(imaps), "first.test");
    let mut open = client("x", connect(imaps));
    make(folder.path(), "second.test");
    server.signal("HUP");
    let start = Instant::now();
    while common_name(imaps) != "second.test" {
        assert!(start.elapsed() < PATIENCE, "the old one is still shown");
        std::thread::sleep(Duration::from_millis(50));
    }
    // Who was connected stays so.
    until(&mut open, "ready.\r\n");
    ask(&mut open, "a NOOP\r\n", "a OK NOOP completed\r\n");
    assert!(!data.join("tls").exists(), "none was made");

    std::fs::write(&configuration, format!("tls.cert = {:?}\n", folder.path().join("cert.pem")))
        .expect("written");
    let output = honeypost().args(["check", "--config"]).arg(&configuration).output().expect("runs");
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(complaint.contains("is set without tls.key") && !output.status.success(), "{complaint}");
}

#[test]
fn two_decoys_have_nothing_in_common() {
    let folder = tempfile::tempdir().expect("a folder");
    let [one, other] = ["one", "other"].map(|name| {
        let server = start(&folder.path().join(name), &[]);
        shown(at(&server, "IMAPS"))
    });
    assert_ne!(
        one.serial_number().to_bn().expect("a number"),
        other.serial_number().to_bn().expect("a number")
    );
    let key = |certificate: &openssl::x509::X509| {
        certificate.public_key().and_then(|key| key.public_key_to_der()).expect("a key")
    };
    assert_ne!(key(&one), key(&other));
    assert_ne!(one.signature().as_slice(), other.signature().as_slice());
    assert_ne!(one.not_before().to_string(), other.not_before().to_string());
}

#[test]
fn half_open_handshakes_end_in_time_while_others_are_served() {
    const HALF_OPEN: usize = 200;
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let configuration = folder.path().join("honeypost.toml");
    std::fs::write(&configuration, "tls.handshake-timeout = \"4s\"\nlimits.connections-per-source = 1000\n")
        .expect("written");
    let server = start(&data, &["--config", configuration.to_str().expect("UTF-8")]);
    let imaps = at(&server, "IMAPS");
    let begun = Instant::now();
    let half: Vec<TcpStream> = (0..HALF_OPEN)
        .map(|number| {
            let mut peer = connect(imaps);
            // Silent, in the middle of a hello.
            if number % 2 == 0 {
                peer.write_all(&[22, 3, 1, 2, 0, 1, 0]).expect("written");
            }
            peer
        })
        .collect();
    let mut honest = client("x", connect(imaps));
    until(&mut honest, "ready.\r\n");
    assert!(begun.elapsed() < Duration::from_secs(4), "it had to wait for them");
    for mut peer in half {
        assert_eq!(peer.read(&mut [0]).expect("closed in order"), 0);
    }
    assert!(begun.elapsed() >= Duration::from_secs(4), "let go after {:?} already", begun.elapsed());
    ask(&mut honest, "a NOOP\r\n", "a OK NOOP completed\r\n");
    let failed = events(&data, "tls.failed", HALF_OPEN);
    assert!(failed.iter().all(|event| event["reason"] == "timeout"));
}

#[test]
fn a_login_in_the_clear_can_be_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let configuration = folder.path().join("honeypost.toml");
    std::fs::write(&configuration, "tls.plaintext-auth = \"refuse\"\n").expect("written");
    let server = start(&data, &["--config", configuration.to_str().expect("UTF-8")]);
    let mut plain = connect(server.imap);
    until(&mut plain, "ready.\r\n");
    ask(
        &mut plain,
        "a LOGIN admin admin\r\n",
        "a NO [PRIVACYREQUIRED] Plaintext authentication disallowed on non-secure (SSL/TLS) connections.\r\n",
    );
    let mut tls = client("x", connect(at(&server, "IMAPS")));
    until(&mut tls, "ready.\r\n");
    ask(&mut tls, "a LOGIN admin admin\r\n", "Logged in\r\n");
}
