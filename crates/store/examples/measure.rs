//! What storing costs: CPU per event on both sides of the spool, events a second, octets per event.
//!
//! `cargo run --release -p store --example measure [DIRECTORY] [SESSIONS] [SESSIONS A SECOND|max] [EVENTS IN A GROUP]`
//!
//! Without a rate it appends as fast as the store takes it. A session here is a login, a listing and one message read:
//! ten events in seven appends, which is what the answers of a real one need.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use event::{Attribution, CloseReason, Event, Protocol, Record, Text};
use jiff::Timestamp;
use store::{Options, Reader, SpoolError, Trail, Writer};
use uuid::Uuid;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let root = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let sessions: u32 = arguments.next().map_or(Ok(100_000), |count| count.parse())?;
    let rate = arguments.next().filter(|rate| rate != "max");
    let rate: Option<f64> = rate.map(|rate| rate.parse()).transpose()?;
    let group = arguments.next().map_or(Ok(Options::default().group_events), |count| count.parse())?;
    let directory = tempfile::tempdir_in(root)?;

    let writer = Writer::open(directory.path(), &Options { group_events: group, ..Options::default() })?;
    let spool = writer.spool();
    // The clock of a running thread is exact only after its time slice: build everything once before, and subtract.
    (0..sessions).for_each(|number| drop(session(number)));
    std::thread::sleep(Duration::from_millis(1));
    let building = cpu("thread-self");
    let began = Instant::now();
    let mut behind = 0_u64;
    for first in (0..sessions).step_by(100) {
        if let Some(rate) = rate {
            let due = Duration::from_secs_f64(f64::from(first) / rate);
            std::thread::sleep(due.saturating_sub(began.elapsed()));
        }
        let batches: Vec<_> = (first..sessions.min(first + 100)).flat_map(session).collect();
        let mut trail = Trail::default();
        for batch in batches {
            let first = batch.first().expect("an event");
            if first.seq == 0 {
                trail = Trail::default();
            }
            let session = first.attribution.session;
            while let Err(error) = spool.append(session, &mut trail, &batch, &[]) {
                assert!(matches!(error, SpoolError::Behind { .. }), "{error}");
                behind += 1;
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
    writer.flush(Duration::from_mins(10))?;
    let took = began.elapsed();
    let appending = cpu("thread-self") - 2.0 * building;
    let all = process_cpu();
    let inserting = all - cpu("thread-self");
    writer.close()?;

    let size = std::fs::metadata(directory.path().join(store::DATABASE))?.len();
    let reading = Instant::now();
    let mut json = Vec::new();
    let mut read = 0_u64;
    for event in Reader::open(directory.path())?.events(&store::Filter::default())? {
        json.clear();
        event?.write_json(&mut json);
        read += 1;
    }
    let reading = reading.elapsed();

    let events = f64::from(sessions) * 10.0;
    assert_eq!(read, u64::from(sessions) * 10);
    println!(
        "{events} events in {took:.2?}: {:.0} a second; refused as behind {behind} times",
        events / took.as_secs_f64()
    );
    println!("append: {:.2} µs CPU an event (7 writes for 10 events)", appending / events * 1e6);
    println!("insert: {:.2} µs CPU an event", inserting / events * 1e6);
    println!("a session of 10 events: {:.1} µs CPU", (appending + inserting) / f64::from(sessions) * 1e6);
    #[expect(clippy::cast_precision_loss, reason = "a size to be shown")]
    let octets = size as f64 / events;
    println!(
        "database: {octets:.0} octets an event; read back as JSON: {:.2} µs an event",
        reading.as_secs_f64() / events * 1e6
    );
    Ok(())
}

/// Seconds of CPU that a thread has used, the kernel's part included.
fn cpu(thread: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{thread}/schedstat")).expect("Linux");
    let nanoseconds: f64 = stat.split(' ').next().and_then(|n| n.parse().ok()).expect("a number");
    nanoseconds / 1e9
}

fn process_cpu() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").expect("Linux");
    threads
        .filter_map(Result::ok)
        .map(|thread| cpu(&format!("self/task/{}", thread.file_name().display())))
        .sum()
}

/// A session's events, grouped as they precede its answers.
fn session(number: u32) -> Vec<Vec<Record>> {
    let attribution = Attribution {
        sensor: Arc::from("sensor-1"),
        session: uuid(number, 0),
        protocol: Protocol::Imap,
        tls: false,
        src: std::net::SocketAddr::from((std::net::Ipv4Addr::from(0xc000_0200 + number % 256), 40_000)),
        dst: "192.0.2.1:143".parse().expect("an address"),
    };
    let command = |verb: &'static str, line: &'static str| Event::CommandReceived {
        verb: verb.into(),
        line: line.into(),
        state: "AUTHENTICATED",
        status: "OK",
    };
    let mailbox = || "INBOX".to_owned();
    let answers = vec![
        vec![Event::SessionOpened { personality: "decnet".to_owned() }],
        vec![
            command("LOGIN", "a1 LOGIN admin admin"),
            Event::AuthSucceeded {
                mechanism: "LOGIN",
                username: "admin".into(),
                password: Text::copy(b"admin"),
            },
        ],
        vec![
            command("SELECT", "a2 SELECT INBOX"),
            Event::MailboxSelected { mailbox: mailbox(), read_only: false },
        ],
        vec![command("FETCH", "a3 FETCH 1:* (FLAGS ENVELOPE)")],
        vec![
            command("FETCH", "a4 FETCH 5 BODY[]"),
            Event::MessageRead {
                mailbox: mailbox(),
                uid: 5,
                section: "".into(),
                bytes: 2048,
                bait: vec!["root-password".to_owned()],
            },
        ],
        vec![command("LOGOUT", "a5 LOGOUT")],
        vec![Event::SessionClosed {
            reason: CloseReason::Logout,
            bytes_in: 123,
            bytes_out: 4567,
            duration_ms: 89,
            wire_cut: 0,
            wire_sha256: String::new(),
            chain_sha256: String::new(),
        }],
    ];
    let mut seq = 0;
    let mut record = |event| {
        let id = uuid(number, seq + 1);
        seq += 1;
        Record { id, time: Timestamp::now(), seq: seq - 1, attribution: attribution.clone(), event }
    };
    answers.into_iter().map(|events| events.into_iter().map(&mut record).collect()).collect()
}

/// As a `UUIDv7` spreads: time first, then what looks random.
fn uuid(session: u32, event: u64) -> Uuid {
    let random = (u64::from(session) << 8 | event).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Uuid::from_u64_pair(0x018b_cfe5_6000_7000 + (u64::from(session) << 16), random)
}
