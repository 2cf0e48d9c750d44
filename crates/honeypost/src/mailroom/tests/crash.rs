//! `kill -9`: of what was answered with 250, the file is on disk and the event in the store; of what was not, whatever had
//! come is kept at the next start.
//!
//! A child (this test binary again) takes mail in and says what it answers; it is killed at that moment.

use std::io::{BufRead as _, BufReader as StdReader, Write as _};
use std::process::{Child, Command, Stdio};

use store::{Filter, Options, Reader, Writer};

use super::*;
use crate::config::WhenStoreFull;
use crate::pipeline::Pipeline;
use crate::sinks::StoreSink;

/// Where the child keeps its data. Not set: this is the parent.
const DIRECTORY: &str = "HONEYPOST_TEST_MAILROOM";

#[tokio::test(flavor = "multi_thread")]
async fn child_takes_mail_in_until_it_is_killed() {
    let Ok(directory) = std::env::var(DIRECTORY) else { return };
    let directory = PathBuf::from(directory);
    let writer = Writer::open(&directory, &Options::default()).expect("opens");
    let pipeline =
        Pipeline::new(Box::new(StoreSink(writer.spool())), Vec::new(), 1 << 20, WhenStoreFull::Wait);
    let visitors =
        Visitors::new(Arc::new(Corpus::default()), Box::new(|_| Vec::new()), Duration::from_mins(1));
    let room = Mailroom::open(&directory, &settings(|_| {}), visitors).expect("a mailroom");
    let mut ledger = Ledger::new(pipeline, attribution());
    let mut intake = Intake::new(room);
    let say = |text: &str| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "\nsaid {text}").and_then(|()| out.flush()).expect("the parent reads");
    };
    for number in 0.. {
        intake.begin(ledger.attribution(), envelope(false));
        let message = format!("Subject: {number}\r\n\r\n{}", "x".repeat(number * 5000));
        intake.write(message.as_bytes());
        let done = intake.commit().await;
        let records: Vec<_> = done.events.into_iter().map(|event| ledger.stamp(event)).collect();
        ledger.append(&records).await;
        let Captured::Kept { queue_id } = done.captured else { panic!("full") };
        say(&format!("250 {queue_id} {number}"));
        // One that stays unfinished, in two writes.
        intake.begin(ledger.attribution(), envelope(false));
        for piece in ["Subject: half\r\n", "\r\nof it"] {
            intake.write(piece.as_bytes());
            intake.flush().await;
        }
        say("half");
        if number % 2 == 1 {
            intake.abort(Abandoned::Unfinished).await;
        }
    }
}

fn child(directory: &Path) -> (Child, impl Iterator<Item = String>) {
    let mut child = Command::new(std::env::current_exe().expect("a test binary"))
        .args(["--exact", "mailroom::tests::crash::child_takes_mail_in_until_it_is_killed", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let out = StdReader::new(child.stdout.take().expect("piped"));
    let said = out.lines().map_while(Result::ok);
    (child, said.filter_map(|line| line.strip_prefix("said ").map(str::to_owned)))
}

#[test]
fn what_was_answered_is_on_disk_and_in_the_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut answered = Vec::new();
    for round in 0..6 {
        let (mut child, mut said) = child(folder.path());
        let answers = (&mut said).filter(|line| line.starts_with("250 ")).take(1 + round % 3);
        answered.extend(answers.map(|line| line.split(' ').nth(1).expect("an id").to_owned()));
        // At the moment after the 250.
        child.kill().expect("still running");
        child.wait().expect("a child");
    }
    Writer::open(folder.path(), &Options::default()).expect("opens after all that").close().expect("closes");
    let reader = Reader::open(folder.path()).expect("opens");
    let mut received = std::collections::HashMap::new();
    for stored in reader.events(&Filter::default()).expect("readable") {
        let stored = stored.expect("whole");
        if stored.name == "mail.received" {
            let fields: serde_json::Value = serde_json::from_str(&stored.fields).expect("JSON");
            received.insert(fields["queue_id"].as_str().expect("an id").to_owned(), fields);
        }
    }
    assert!(answered.len() >= 12, "{answered:?}");
    for id in answered {
        let fields = received.get(&id).unwrap_or_else(|| panic!("{id} is not in the store"));
        let octets = fs::read(folder.path().join(fields["path"].as_str().expect("a path"))).expect("on disk");
        assert_eq!(fields["sha256"], hex(&Sha256::digest(&octets)), "{id}");
    }
}

#[test]
fn what_was_left_in_the_middle_is_kept_at_the_next_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut child, mut said) = child(folder.path());
    assert!(said.any(|line| line == "half"));
    child.kill().expect("still running");
    child.wait().expect("a child");
    let incoming = folder.path().join(INCOMING);
    assert!(fs::read_dir(&incoming).expect("there").count() >= 2);
    // What else may stand there.
    for (file, content) in [
        ("20261123T090501.000042Z-00000000000000000000000000000007-2.eml", ""),
        ("20261123T090501.000042Z-00000000000000000000000000000007-2.json", "{}"),
        ("20261123T090501.000042Z-00000000000000000000000000000007-3.eml", "without its envelope"),
        ("20261123T090501.000042Z-00000000000000000000000000000007-4.json", "{}"),
        ("stray", "x"),
    ] {
        fs::write(incoming.join(file), content).expect("writable");
    }
    let (room, _) = mailroom(&folder, &settings(|_| {}));
    assert_eq!(fs::read_dir(&incoming).expect("there").count(), 0);
    let partial: Vec<_> =
        files(folder.path()).into_iter().filter(|(path, _)| path.ends_with(".partial.eml")).collect();
    let of = |size: u64| partial.iter().find(|(_, octets)| *octets == size).map(|(path, _)| path);
    let (Some(half), Some(alone), 2) = (of(22), of(20), partial.len()) else { panic!("{partial:?}") };
    assert_eq!(fs::read_to_string(half).expect("kept"), "Subject: half\r\n\r\nof it");
    let sidecar = fs::read(half.replace(".partial.eml", ".json")).expect("beside it");
    let sidecar = Sidecar::parse(&sidecar).expect("ours");
    assert_eq!(
        (sidecar.whole, sidecar.size, sidecar.src.to_string().as_str()),
        (false, Some(22), "192.0.2.1:4000")
    );
    assert_eq!(fs::read_to_string(alone).expect("kept"), "without its envelope");
    assert!(room.quota.octets() > 0);
}
