//! The mailroom behind a real connection: a session of the test's own asks for captures, over loopback.

mod appended;
mod crash;
mod disk;
mod limits;

use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use bait::Corpus;
use bytes::Bytes;
use event::{Event, Record};
use protocol::{Abandoned, Action, Actions, Capture, Captured, Envelope, Moment, Session};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::*;
use crate::config::{Config, Sources};
use crate::connection::{Connection, Stream};
use crate::pipeline::Ledger;
use crate::pipeline::tests::{Kept as KeptEvents, attribution};

/// The default settings, changed.
pub(crate) fn settings(change: impl FnOnce(&mut Mail)) -> Mail {
    let mut settings = Config::load(&Sources::default()).expect("the defaults").mail().clone();
    change(&mut settings);
    settings
}

/// A mailroom in a folder of its own, and visitors who see an empty corpus.
pub(crate) fn mailroom(folder: &TempDir, settings: &Mail) -> (Arc<Mailroom>, Arc<Visitors>) {
    let visitors =
        Visitors::new(Arc::new(Corpus::default()), Box::new(|_| Vec::new()), Duration::from_hours(1));
    let room = Mailroom::open(folder.path(), settings, Arc::clone(&visitors)).expect("a mailroom");
    (room, visitors)
}

/// The way into a mailroom for a connection that takes no mail in.
pub(crate) fn unused_intake() -> Intake {
    let folder = tempfile::tempdir().expect("a folder");
    Intake::new(mailroom(&folder, &settings(|_| {})).0)
}

/// A session that does one list of captures for each line, and answers what became of a message: `250 ID` or `452`.
pub(crate) struct Script(VecDeque<Vec<Capture>>);

impl Script {
    pub(crate) fn boxed(steps: impl IntoIterator<Item = Vec<Capture>>) -> Box<dyn Session> {
        Box::new(Self(steps.into_iter().collect()))
    }
}

impl Session for Script {
    fn open(&mut self, _now: Moment, out: &mut Actions) {
        out.send(b"220\n");
    }

    fn receive(&mut self, _now: Moment, input: &[u8], out: &mut Actions) {
        for _ in input.iter().filter(|octet| **octet == b'\n') {
            let step = self.0.pop_front().unwrap_or_default();
            let waits = step.last() == Some(&Capture::Commit);
            for step in step {
                out.push(Action::Capture(step));
            }
            if !waits {
                out.send(b"354\n");
            }
        }
    }

    fn pending(&self) -> bool {
        false
    }

    fn resume(&mut self, _now: Moment, _out: &mut Actions) {}

    fn deadline(&self) -> Option<Moment> {
        None
    }

    fn expire(&mut self, _now: Moment, _out: &mut Actions) {}

    fn captured(&mut self, _now: Moment, captured: Captured, out: &mut Actions) {
        match captured {
            Captured::Kept { queue_id } => out.send(format!("250 {queue_id}\n").as_bytes()),
            Captured::Full => out.send(b"452\n"),
        }
    }

    fn finish(&mut self, _out: &mut Actions) {}
}

/// An envelope, for a mailbox of ours or for somebody else's.
pub(crate) fn envelope(local: bool) -> Envelope {
    let rcpt_to = vec!["admin@company.internal".into()];
    let local = if local { rcpt_to.clone() } else { Vec::new() };
    let (helo, mail_from) = ("probe".into(), "test@example.com".into());
    Envelope { helo, extended: true, mail_from, rcpt_to, local, ..Envelope::default() }
}

/// The captures of a whole message, in pieces of that size.
pub(crate) fn whole(message: &[u8], piece: usize, local: bool) -> Vec<Capture> {
    let mut steps = vec![Capture::Begin(Box::new(envelope(local)))];
    steps.extend(message.chunks(piece).map(|piece| Capture::Write(Bytes::copy_from_slice(piece))));
    steps.push(Capture::Commit);
    steps
}

/// A peer of a connection to the script.
pub(super) struct Peer {
    stream: BufReader<TcpStream>,
    kept: KeptEvents,
    task: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Peer {
    pub(super) async fn connect(room: &Arc<Mailroom>, steps: impl IntoIterator<Item = Vec<Capture>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let (peer, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (stream, _) = accepted.expect("accepted");
        let kept = KeptEvents::default();
        let (stop, shutdown) = watch::channel(false);
        let mut connection = Connection {
            stream: Stream::Plain(stream),
            begins_with_tls: false,
            hello: None,
            session: Script::boxed(steps),
            ledger: Ledger::new(kept.pipeline(), attribution()),
            intake: Intake::new(Arc::clone(room)),
            visit: None,
            common: crate::connection::tests::common(Duration::from_secs(5)),
            shutdown,
        };
        let task = tokio::spawn(async move { connection.run("decnet").await });
        let mut peer = Self { stream: BufReader::new(peer.expect("connected")), kept, task, stop };
        assert_eq!(peer.hear().await, "220");
        peer
    }

    /// Does the next step, and gives the answer.
    pub(super) async fn step(&mut self) -> String {
        self.stream.write_all(b"go\n").await.expect("written");
        self.hear().await
    }

    async fn hear(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).await.expect("readable");
        line.trim_end().to_owned()
    }

    /// Hangs up. Gives the events between `session.opened` and `session.closed`.
    pub(super) async fn leave(self) -> Vec<Event> {
        drop(self.stream);
        self.task.await.expect("no panic");
        let records = self.kept.records.lock().expect("no panic");
        let [opened, between @ .., closed] = &records[..] else { panic!("{records:?}") };
        let names = (opened.event.name(), closed.event.name());
        assert_eq!(names, ("session.opened", "session.closed"));
        between.iter().map(|Record { event, .. }| event.clone()).collect()
    }
}

/// Every file below `mail`, with its size.
pub(super) fn files(folder: &Path) -> Vec<(String, u64)> {
    let mut files = Vec::new();
    let mut open = vec![folder.join("mail")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let entry = entry.expect("an entry");
            if entry.file_type().expect("a type").is_dir() {
                open.push(entry.path());
            } else {
                files.push((entry.path().display().to_string(), entry.metadata().expect("there").len()));
            }
        }
    }
    files.sort();
    files
}

/// Everything that a message may hold, five megabytes of it.
fn awkward() -> Vec<u8> {
    let mut message = b"Subject: x\r\n\r\nbare\nline feed, bare\rcarriage return, \0\r\n.\r\n\r\r\n".to_vec();
    message.extend((0..=255_u8).cycle().take(5_000_000));
    message
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_is_kept_octet_by_octet() {
    let folder = tempfile::tempdir().expect("a folder");
    let (room, _) = mailroom(&folder, &settings(|_| {}));
    let messages = [awkward(), Vec::new(), b"Subject: no line end".to_vec(), b"\xff\xfe\0".repeat(70_000)];
    let pieces = [8191, 1, 3, 1_000_000];
    let steps = messages.iter().zip(pieces).map(|(message, piece)| whole(message, piece, false));
    let mut peer = Peer::connect(&room, steps.collect::<Vec<_>>()).await;
    let mut told = Vec::new();
    for _ in &messages {
        let answer = peer.step().await;
        told.push(answer.strip_prefix("250 ").expect("kept").to_owned());
    }
    let events = peer.leave().await;
    assert_eq!(events.len(), messages.len());
    for ((event, message), id) in events.iter().zip(&messages).zip(&told) {
        let Event::MailReceived { queue_id, size, sha256, path, mail_from, rcpt_to, .. } = event else {
            panic!("{event:?}")
        };
        let file = folder.path().join(path);
        assert!(fs::read(&file).expect("kept") == *message, "{path} is not what was sent");
        assert_eq!((*size, sha256), (message.len() as u64, &hex(&Sha256::digest(message))));
        assert_eq!((mail_from.lossy().as_ref(), rcpt_to.len()), ("test@example.com", 1));
        assert_eq!(queue_id, id);
        let metadata = fs::metadata(&file).expect("there");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        // Postfix's short form: five digits, then the inode number.
        assert_eq!(queue_id[5..], format!("{:X}", metadata.ino()));
        assert!(queue_id[..5].bytes().all(|digit| digit.is_ascii_digit() || (b'A'..=b'F').contains(&digit)));
        let sidecar = fs::read(file.with_extension("json")).expect("beside it");
        let sidecar: serde_json::Value = serde_json::from_slice(&sidecar).expect("JSON");
        assert_eq!(
            (sidecar["whole"].as_bool(), sidecar["src"].as_str()),
            (Some(true), Some("192.0.2.1:4000"))
        );
        assert_eq!(
            (sidecar["queue_id"].as_str(), sidecar["helo"].as_str()),
            (Some(id.as_str()), Some("probe"))
        );
    }
    assert_eq!(files(folder.path()).len(), 2 * messages.len(), "nothing is left in incoming");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_unfinished_is_evidence() {
    let folder = tempfile::tempdir().expect("a folder");
    let (room, _) = mailroom(&folder, &settings(|_| {}));
    let begin = || Capture::Begin(Box::new(envelope(false)));
    let write = |text: &'static [u8]| Capture::Write(Bytes::from_static(text));
    let steps = [
        vec![begin(), write(b"aborted"), Capture::Abort(Abandoned::Unfinished)],
        vec![begin(), Capture::Abort(Abandoned::Unfinished)],
        vec![begin(), write(b"forgotten")],
        vec![begin(), write(b"the peer goes ")],
        vec![write(b"away")],
    ];
    let mut peer = Peer::connect(&room, steps).await;
    for _ in 0..5 {
        assert_eq!(peer.step().await, "354");
    }
    let mut kept = Vec::new();
    for event in peer.leave().await {
        let Event::MailRefused { reason: "unfinished", path, size, .. } = event else { panic!("{event:?}") };
        let octets =
            if path.is_empty() { Vec::new() } else { fs::read(folder.path().join(&path)).expect("kept") };
        assert_eq!(octets.len() as u64, size);
        assert!(path.is_empty() || path.ends_with(".partial.eml"), "{path}");
        kept.push(String::from_utf8(octets).expect("UTF-8"));
    }
    assert_eq!(kept, ["aborted", "", "forgotten", "the peer goes away"]);
    assert_eq!(files(folder.path()).len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_a_peer_that_is_gone_is_kept() {
    // The whole message is there, but its sender does not wait for the answer: as a sender of spam may not.
    let folder = tempfile::tempdir().expect("a folder");
    let (room, _) = mailroom(&folder, &settings(|_| {}));
    let peer = Peer::connect(&room, [whole(b"Subject: x\r\n\r\nhello", 5, false)]).await;
    let mut stream = peer.stream.into_inner();
    stream.write_all(b"go\n").await.expect("written");
    stream.set_zero_linger().expect("settable");
    tokio::time::sleep(Duration::from_millis(20)).await;
    drop(stream);
    peer.task.await.expect("no panic");
    assert!(peer.kept.story().contains(&"mail.received".to_owned()), "{:?}", peer.kept.story());
    drop(peer.stop);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_mail_is_kept_and_hurts_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let (room, _) = mailroom(&folder, &settings(|_| {}));
    let nested = "Content-Type: message/rfc822\r\n\r\n".repeat(300_000);
    let mixed: Vec<_> = (0..50_000)
        .map(|n| format!("Content-Type: multipart/mixed; boundary={n}\r\n\r\n--{n}\r\n"))
        .collect();
    let parts = "--b\r\nContent-Type: a/b; name=x\r\n\r\nx\r\n".repeat(100_000);
    let parts = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{parts}");
    let broken = format!(
        "Subject: =?utf-8?b?////?=\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
        "%%%=A".repeat(1_000_000)
    );
    let encoded = format!(
        "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &nested.as_bytes()[..6_000_000])
    );
    let header = format!("Content-Type: text/plain; {}", "a*0=\"b\"; ".repeat(500_000));
    let messages = [nested, mixed.concat(), parts, broken, encoded, header];
    let steps: Vec<_> = messages.iter().map(|message| whole(message.as_bytes(), 65_536, true)).collect();
    let mut peer = Peer::connect(&room, steps).await;
    for message in &messages {
        let began = std::time::Instant::now();
        assert!(peer.step().await.starts_with("250 "), "{}", &message[..80]);
        eprintln!("{} octets taken in after {:?}: {:?}", message.len(), began.elapsed(), &message[..30]);
    }
    let events = peer.leave().await;
    assert!(events.iter().all(|event| event.name() == "mail.received"));
}
