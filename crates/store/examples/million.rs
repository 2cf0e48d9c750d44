//! Fills a data directory with made-up sessions, so that reports can be measured on a great many of them.
//!
//! `cargo run --release -p store --example million DIR [SESSIONS] [DAYS]`
//!
//! The sessions (100 000 unless told, ten events each on average) are spread over the last days (30), to this moment, and
//! are the same at every run but for their times. Few sources guess a lot, many come once; passwords follow the same law.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use event::{Attachment, Attribution, CloseReason, Event, Protocol, Record, Text};
use jiff::{SignedDuration, Timestamp};
use store::{Flow, Options, Piece, Spool, SpoolError, Trail, Writer};
use uuid::Uuid;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().ok_or("which directory? million DIR [SESSIONS] [DAYS]")?);
    let sessions: u32 = arguments.next().map_or(Ok(100_000), |count| count.parse())?;
    let days: i64 = arguments.next().map_or(Ok(30), |days| days.parse())?;
    std::fs::create_dir_all(&directory)?;
    let writer = Writer::open(&directory, &Options::default())?;
    let spool = writer.spool();

    let span = SignedDuration::from_hours(days * 24).as_micros();
    let first = i128::from(Timestamp::now().as_microsecond()) - span - 60_000_000;
    let mut random = Random(0x5eed);
    // What happens in several sessions at once is written in the order of its time.
    let mut waiting: BinaryHeap<Reverse<(i64, u32, u64)>> = BinaryHeap::new();
    let mut records = HashMap::new();
    let mut events = 0_u64;
    let (mut trails, mut batch) = (HashMap::new(), Vec::new());
    for number in 0..sessions {
        let begin = i64::try_from(first + span * i128::from(number) / i128::from(sessions))?;
        for record in session(number, begin, &mut random) {
            events += 1;
            let key = (record.time.as_microsecond(), number, record.seq);
            waiting.push(Reverse(key));
            records.insert((number, record.seq), record);
        }
        while let Some(&Reverse((time, session, seq))) = waiting.peek()
            && time <= begin
        {
            waiting.pop();
            batch.extend(records.remove(&(session, seq)));
        }
        if batch.len() >= 500 {
            append(&spool, &mut trails, &mut batch);
        }
    }
    while let Some(Reverse((_, session, seq))) = waiting.pop() {
        batch.extend(records.remove(&(session, seq)));
        if batch.len() >= 500 {
            append(&spool, &mut trails, &mut batch);
        }
    }
    append(&spool, &mut trails, &mut batch);
    writer.flush(Duration::from_mins(10))?;
    writer.close()?;
    println!("{events} events of {sessions} sessions over {days} days in {}", directory.display());
    Ok(())
}

/// Appends each record with what a server puts before the answer: the stretches of the wire record it belongs to.
fn append(spool: &Spool, trails: &mut HashMap<Uuid, Trail>, batch: &mut Vec<Record>) {
    for mut record in batch.drain(..) {
        let session = record.attribution.session;
        let trail = trails.entry(session).or_default();
        let mut wire = Vec::new();
        match &mut record.event {
            Event::CommandReceived { line, status, .. } => {
                let answer = format!("{status} {}\r\n", String::from_utf8_lossy(&line.0));
                let piece = |flow, octets: Bytes| Piece { time: record.time, flow, octets };
                wire = vec![piece(Flow::Received, line.0.clone()), piece(Flow::Sent, answer.into())];
            }
            Event::SessionClosed { wire_sha256, chain_sha256, .. } => {
                *wire_sha256 = trail.wire().to_string();
                *chain_sha256 = trail.events().to_string();
            }
            _ => {}
        }
        let closed = matches!(record.event, Event::SessionClosed { .. });
        while let Err(error) = spool.append(session, trail, &[record.clone()], &wire) {
            assert!(matches!(error, SpoolError::Behind { .. }), "{error}");
            std::thread::sleep(Duration::from_millis(10));
        }
        if closed {
            trails.remove(&session);
        }
    }
}

/// `SplitMix64`: the same at every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Small numbers often, large ones seldom: a bound drawn evenly among the powers of two.
    fn skewed(&mut self, bits: u64) -> u64 {
        let bits = self.below(bits) + 1;
        self.below(1 << bits)
    }

    fn of<T: Copy>(&mut self, among: &[T]) -> T {
        let length = u64::try_from(among.len()).expect("a length");
        among[usize::try_from(self.below(length)).expect("an index")]
    }
}

/// One session's events under way.
struct Story {
    attribution: Attribution,
    time: i64,
    number: u32,
    records: Vec<Record>,
}

impl Story {
    fn tell(&mut self, after: u64, event: Event) {
        self.time += i64::try_from(after).expect("a moment");
        let seq = self.records.len() as u64;
        self.records.push(Record {
            id: uuid(self.number, seq + 1, self.time),
            time: Timestamp::from_microsecond(self.time).expect("in range"),
            seq,
            attribution: self.attribution.clone(),
            event,
        });
    }

    fn command(&mut self, after: u64, verb: &str, line: &str, status: &'static str) {
        let (verb, line) = (Text::copy(verb.as_bytes()), Text::copy(line.as_bytes()));
        self.tell(after, Event::CommandReceived { verb, line, state: "AUTHENTICATED", status });
    }
}

fn session(number: u32, begin: i64, random: &mut Random) -> Vec<Record> {
    let (protocol, port) = match random.below(10) {
        0..6 => (Protocol::Imap, 143),
        6..8 => (Protocol::Pop3, 110),
        _ => (Protocol::Smtp, 25),
    };
    let host = u32::try_from(random.skewed(16)).expect("16 bits");
    let attribution = Attribution {
        sensor: Arc::from("sensor-1"),
        session: uuid(number, 0, begin),
        protocol,
        tls: random.below(4) == 0,
        src: SocketAddr::from((Ipv4Addr::from(0xc612_0000 + host), 40_000)),
        dst: SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), port)),
    };
    let mut story = Story { attribution, time: begin, number, records: Vec::new() };
    story.tell(0, Event::SessionOpened { personality: "decnet".to_owned() });
    match protocol {
        Protocol::Smtp => post(&mut story, random),
        Protocol::Imap | Protocol::Pop3 => read(&mut story, random),
    }
    let duration_ms = u64::try_from(story.time - begin).expect("later") / 1000 + 100;
    let reason = random.of(&[CloseReason::Logout, CloseReason::Peer, CloseReason::Timeout]);
    let bytes_in = 50 * story.records.len() as u64;
    story.tell(
        100_000,
        Event::SessionClosed {
            reason,
            bytes_in,
            bytes_out: bytes_in * 9,
            duration_ms,
            wire_cut: 0,
            wire_sha256: String::new(),
            chain_sha256: String::new(),
        },
    );
    story.records
}

fn login(story: &mut Story, random: &mut Random) -> bool {
    for _ in 0..=random.below(3) {
        let username = random.of(&["admin", "root", "info", "mail", "sales"]);
        let password = format!("{}{}", random.of(&["admin", "pass", "qwerty", "summer"]), random.skewed(14));
        let right = random.below(4) == 0;
        let line = format!("a1 LOGIN {username} {password}");
        story.command(300_000, "LOGIN", &line, if right { "OK" } else { "NO" });
        let (username, password) = (Text::copy(username.as_bytes()), Text::copy(password.as_bytes()));
        let mechanism = "LOGIN";
        if right {
            story.tell(10, Event::AuthSucceeded { mechanism, username, password });
            return true;
        }
        story.tell(10, Event::AuthFailed { mechanism, username, password });
    }
    false
}

fn read(story: &mut Story, random: &mut Random) {
    let imap = story.attribution.protocol == Protocol::Imap;
    if imap && random.below(3) == 0 {
        let client = random.of(&["Thunderbird", "Outlook", "imap-brute", "hydra"]);
        story.command(90_000, "ID", &format!(r#"a0 ID ("name" "{client}" "version" "1.0")"#), "OK");
    }
    if !login(story, random) {
        return;
    }
    if imap {
        story.command(200_000, "LIST", r#"a2 LIST "" "*""#, "OK");
        story.command(100_000, "SELECT", "a3 SELECT INBOX", "OK");
        story.tell(10, Event::MailboxSelected { mailbox: "INBOX".to_owned(), read_only: false });
        if random.below(3) == 0 {
            let word = random.of(&["password", "invoice", "vpn", "bitcoin", "wallet"]);
            story.command(400_000, "SEARCH", &format!("a4 SEARCH TEXT {word}"), "OK");
            let criteria = Text::copy(format!("TEXT {word}").as_bytes());
            story.tell(
                10,
                Event::SearchRun { mailbox: "INBOX".to_owned(), criteria, matches: random.below(4) },
            );
        }
    } else {
        story.command(200_000, "STAT", "STAT", "+OK");
    }
    for _ in 0..random.skewed(3) {
        let uid = random.below(12) + 1;
        let (verb, status) = if imap { ("FETCH", "OK") } else { ("RETR", "+OK") };
        story.command(500_000, verb, &format!("a5 {verb} {uid}"), status);
        let bait = match uid {
            3 => vec!["aws-key".to_owned(), "aws-secret".to_owned()],
            5 => vec!["root-password".to_owned()],
            8 => vec!["db-url".to_owned()],
            _ => Vec::new(),
        };
        let mailbox = "INBOX".to_owned();
        story.tell(10, Event::MessageRead { mailbox, uid, section: "".into(), bytes: 900 + uid * 100, bait });
    }
    story.command(500_000, if imap { "LOGOUT" } else { "QUIT" }, "a9 LOGOUT", "OK");
}

fn post(story: &mut Story, random: &mut Random) {
    let name = format!("host-{}.example", random.skewed(8));
    story.command(100_000, "EHLO", &format!("EHLO {name}"), "250");
    if random.below(2) == 0 {
        login(story, random);
    }
    let mail_from = Text::copy(format!("spam{}@{name}", random.skewed(6)).as_bytes());
    let rcpt_to = vec![Text::copy(b"admin@company.internal")];
    story.command(80_000, "MAIL", "MAIL FROM:<spam@example>", "250");
    story.command(80_000, "RCPT", "RCPT TO:<admin@company.internal>", "250");
    let accepted = random.below(3) > 0;
    story.tell(10, Event::MailEnvelope { mail_from: mail_from.clone(), rcpt_to: rcpt_to.clone(), accepted });
    if accepted {
        story.command(80_000, "DATA", "DATA", "354");
        let attachment = Attachment {
            name: "invoice.zip".to_owned(),
            media_type: "application/zip".to_owned(),
            size: 20_000,
            sha256: format!("{:064x}", random.below(20)),
        };
        story.tell(
            300_000,
            Event::MailReceived {
                queue_id: format!("{number:011X}", number = story.number),
                mail_from,
                rcpt_to,
                size: 1000 + random.below(40_000),
                sha256: format!("{:064x}", random.below(1000)),
                subject: "Your invoice".into(),
                path: format!("mail/{}.eml", story.number),
                attachments: if random.below(2) == 0 { vec![attachment] } else { Vec::new() },
                urls: vec!["http://example.net/".to_owned()],
            },
        );
    } else if random.below(9) == 0 {
        let event = Event::ProtocolViolation { what: "bare-newline", line: "x".into() };
        story.tell(10, event);
    }
}

/// A `UUIDv7` of that time, the rest from the numbers.
fn uuid(session: u32, event: u64, time: i64) -> Uuid {
    let millis = u64::try_from(time / 1000).expect("after 1970");
    let number = u64::from(session) << 10 | event;
    let mixed = Random(number).next();
    Uuid::from_u64_pair(millis << 16 | 0x7000 | (number & 0xfff), mixed >> 2 | 1 << 63)
}
