use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use serde_json::Value;

use super::*;
use crate::config::Sources;
use crate::sinks::testing::{LONG, hostile, json, login, logins, settled, until};

/// A request: its header lines in lower case, and its body.
struct Request {
    header: String,
    body: Vec<u8>,
    when: Instant,
}

impl Request {
    fn field(&self, name: &str) -> Option<&str> {
        self.header.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn events(&self) -> Vec<Value> {
        serde_json::from_slice(&self.body).expect("a JSON array")
    }
}

fn request(stream: &mut impl BufRead) -> Option<Request> {
    let mut header = String::new();
    while !header.ends_with("\r\n\r\n") {
        stream.read_line(&mut header).ok().filter(|read| *read > 0)?;
    }
    let header = header.to_ascii_lowercase();
    let mut request = Request { header, body: Vec::new(), when: Instant::now() };
    let length = request.field("content-length").expect("a length").trim().parse().expect("a number");
    request.body = vec![0; length];
    stream.read_exact(&mut request.body).expect("a whole body");
    Some(request)
}

/// Answers each request with the next of these, and everything after them with 204.
fn receiver(answers: Vec<String>) -> (SocketAddr, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let (seen, requests) = channel();
    thread::spawn(move || {
        let mut answers = answers.into_iter();
        for stream in listener.incoming() {
            let mut stream: TcpStream = stream.expect("a connection");
            let mut reader = BufReader::new(stream.try_clone().expect("a descriptor"));
            while let Some(request) = request(&mut reader) {
                let answer = answers.next().unwrap_or_else(|| "HTTP/1.1 204 No Content\r\n\r\n".into());
                // First, so that whoever sees the request delivered finds it here.
                let _ = seen.send(request);
                if answer.is_empty() || stream.write_all(answer.as_bytes()).is_err() {
                    break;
                }
            }
        }
    });
    (address, requests)
}

fn answer(status: &str, more: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n{more}\r\n")
}

fn opened(address: SocketAddr, more: &[(&str, &str)]) -> Opened {
    let mut environment = vec![("HONEYPOST_WEBHOOK_URL".into(), format!("http://{address}/in?a=b").into())];
    environment.extend(more.iter().map(|(name, value)| ((*name).into(), (*value).into())));
    let config = Config::load(&Sources { environment, ..Sources::default() }).expect("valid");
    check(&config).expect("in order");
    open(&config, &[]).expect("opens").expect("configured")
}

#[test]
fn hostile_events_are_an_array_and_signed() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("secret");
    std::fs::write(&file, " a secret\n").expect("writable");
    let (address, requests) = receiver(Vec::new());
    let opened = opened(address, &[("HONEYPOST_WEBHOOK_SECRET_FILE", file.to_str().expect("UTF-8"))]);
    let events = hostile();
    opened.sink.offer(&events).expect("room");
    let mut arrived = Vec::new();
    while arrived.len() < events.len() {
        let request = requests.recv_timeout(LONG).expect("a request");
        assert!(request.header.starts_with("post /in?a=b http/1.1\r\n"), "{}", request.header);
        assert_eq!(request.field("content-type"), Some("application/json"));
        let signed =
            [request.field("x-honeypost-timestamp").expect("a time").as_bytes(), b".", &request.body];
        let key = openssl::pkey::PKey::hmac(b"a secret").expect("a key");
        let mut hasher =
            openssl::sign::Signer::new(openssl::hash::MessageDigest::sha256(), &key).expect("a signer");
        hasher.update(&signed.concat()).expect("signed");
        let mac = hasher.sign_to_vec().expect("a MAC").iter().fold(String::new(), |mut mac, byte| {
            std::fmt::Write::write_fmt(&mut mac, format_args!("{byte:02x}")).expect("a string");
            mac
        });
        assert_eq!(request.field("x-honeypost-signature"), Some(format!("sha256={mac}").as_str()));
        let first = request.events().first().cloned().unwrap_or_default();
        assert_eq!(request.field("x-honeypost-delivery"), first["id"].as_str());
        arrived.extend(request.events());
    }
    let expected: Vec<Value> =
        events.iter().map(|record| serde_json::from_slice(&json(record)).expect("JSON")).collect();
    assert!(arrived == expected, "something else arrived");
}

#[test]
fn what_fails_is_tried_again_and_a_redirect_is_not_followed() {
    let (elsewhere, strangers) = receiver(Vec::new());
    let answers = vec![
        answer("302 Found", &format!("Location: http://{elsewhere}/\r\n")),
        answer("503 Service Unavailable", "Retry-After: 1\r\n"),
        // Nothing but a closed connection.
        String::new(),
        answer("500 Internal Server Error", ""),
    ];
    let (address, requests) = receiver(answers);
    let opened = opened(address, &[]);
    opened.sink.offer(&logins(3)).expect("room");
    let tries: Vec<Request> = (0..5).map(|_| requests.recv_timeout(LONG).expect("a request")).collect();
    for request in &tries {
        assert_eq!(request.events().len(), 3);
        assert_eq!(request.field("x-honeypost-signature"), None);
        assert_eq!(request.field("x-honeypost-delivery"), tries[0].field("x-honeypost-delivery"));
    }
    let pause = tries[2].when.duration_since(tries[1].when);
    assert!(pause >= Duration::from_secs(1), "Retry-After was not honoured: {pause:?}");
    assert_eq!(settled(&opened.counters), (3, 3, 0));
    assert!(strangers.try_recv().is_err() && requests.try_recv().is_err());
}

#[test]
fn what_will_never_be_taken_and_what_is_too_old_is_counted() {
    let (address, requests) = receiver(vec![answer("400 Bad Request", "")]);
    let one = opened(address, &[]);
    one.sink.offer(&logins(2)).expect("room");
    assert_eq!(settled(&one.counters), (2, 0, 2));
    one.sink.offer(&logins(1)).expect("room");
    assert_eq!(settled(&one.counters), (3, 1, 2));
    assert_eq!(requests.try_iter().count(), 2);

    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let other = opened(nobody, &[("HONEYPOST_WEBHOOK_MAX_AGE", "300ms")]);
    other.sink.offer(&logins(4)).expect("room");
    assert_eq!(settled(&other.counters), (4, 0, 4));
}

#[test]
fn too_large_a_request_is_halved() {
    let (address, requests) = receiver(vec![answer("413 Content Too Large", ""); 3]);
    let opened = opened(address, &[]);
    opened.sink.offer(&logins(4)).expect("room");
    assert_eq!(settled(&opened.counters), (4, 3, 1));
    let sizes: Vec<usize> = requests.try_iter().map(|request| request.events().len()).collect();
    assert_eq!(sizes.first_chunk(), Some(&[4, 2, 1]));
}

#[test]
fn only_what_is_wanted_is_sent() {
    let (address, requests) = receiver(Vec::new());
    let only = [("HONEYPOST_WEBHOOK_ONLY", "username~adm,protocol=imap")];
    let opened = opened(address, &only);
    let other = crate::sinks::testing::record(event::Event::SessionOpened { personality: "decnet".into() });
    opened
        .sink
        .offer(&[login(b"admin", b"x"), other, login(b"root", b"x"), login(b"sysadm", b"x")])
        .expect("room");
    assert_eq!(settled(&opened.counters), (3, 2, 0));
    assert_eq!(opened.counters.skipped.get(), 1);
    let names: Vec<Value> = requests
        .try_iter()
        .flat_map(|request| request.events())
        .map(|event| event["username"].clone())
        .collect();
    assert_eq!(names, ["admin", "sysadm"]);
}

#[test]
fn over_the_rate_events_wait_and_overflow_is_counted() {
    let (address, requests) = receiver(Vec::new());
    let limits = [("HONEYPOST_WEBHOOK_RATE", "2"), ("HONEYPOST_SINKS_QUEUE_SIZE", "20kB")];
    let opened = opened(address, &limits);
    for sent in 1..=2 {
        opened.sink.offer(&logins(1)).expect("room");
        until("a request", || opened.counters.delivered.get() == sent);
    }
    let refused =
        logins(200).iter().filter(|one| opened.sink.offer(std::slice::from_ref(*one)).is_err()).count();
    thread::sleep(Duration::from_millis(300));
    assert_eq!(requests.try_iter().count(), 2);
    let counters = &opened.counters;
    assert!(refused > 0 && refused < 200);
    assert_eq!(counters.dropped.get(), u64::try_from(refused).expect("a small number"));
    assert_eq!(
        counters.offered.get(),
        counters.delivered.get() + counters.dropped.get() + counters.queued_events.get()
    );
    // The end does not wait for the next minute.
    drop(opened.sink);
    assert!(opened.ending.wait(LONG));
}

#[test]
fn a_receiver_that_says_nothing_or_too_much_is_left() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("bound");
    let limits = [("HONEYPOST_WEBHOOK_TIMEOUT", "200ms"), ("HONEYPOST_WEBHOOK_MAX_AGE", "1s")];
    let one = opened(address, &limits);
    one.sink.offer(&logins(1)).expect("room");
    assert_eq!(settled(&one.counters), (1, 0, 1));

    let talker = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = talker.local_addr().expect("bound");
    thread::spawn(move || {
        let (mut stream, _) = talker.accept().expect("a connection");
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    let other = opened(address, &[]);
    let start = Instant::now();
    other.sink.offer(&logins(1)).expect("room");
    assert_eq!(settled(&other.counters), (1, 1, 0));
    assert!(start.elapsed() < Duration::from_secs(8), "all of it was read");
}
