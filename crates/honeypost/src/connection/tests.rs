//! The driver against a small session of its own, over real sockets where the operating system matters, else in memory.

mod handshake;

use std::sync::PoisonError;

use event::{Event, Text};
use tokio::io::{AsyncReadExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;
use crate::mailroom::tests::unused_intake;
use crate::pipeline::tests::{Kept, attribution};
use crate::tls::tests::handshakes;

impl Carrier for DuplexStream {}

/// Answers each line with itself. `quit` closes, `wait` lets a minute pass first, `flood` answers with ten megabytes in a
/// hundred pieces, `boom` panics, `tls` asks for TLS, `look` goes on only where more may come.
pub(crate) struct Echo {
    line: Vec<u8>,
    pieces: usize,
    looks: bool,
    deadline: Moment,
}

impl Echo {
    pub(crate) const PATIENCE: Duration = Duration::from_mins(3);
    const PACE: Duration = Duration::from_millis(7);

    pub(crate) fn boxed() -> Box<dyn Session> {
        Box::new(Self { line: Vec::new(), pieces: 0, looks: false, deadline: Moment::default() })
    }

    fn answer(&mut self, out: &mut Actions) {
        let line = std::mem::take(&mut self.line);
        let received = |what: &'static str| Event::ProtocolViolation { what, line: Text::copy(&line) };
        out.record(received("line"));
        out.record(received("again"));
        match line.as_slice() {
            b"quit" => {
                out.send(b"bye\n");
                out.push(Action::Close(CloseReason::Logout));
            }
            b"wait" => {
                out.push(Action::Wait(Duration::from_mins(1)));
                out.send(b"waited\n");
            }
            b"flood" => self.pieces = 100,
            b"boom" => panic!("as asked"),
            b"look" => {
                out.send(b"looking\n");
                self.looks = true;
            }
            b"tls" => out.push(Action::StartTls(Bytes::new())),
            _ => {
                out.send(&line);
                out.send(b"\n");
            }
        }
    }
}

impl Session for Echo {
    fn open(&mut self, now: Moment, out: &mut Actions) {
        self.deadline = now.after(Self::PATIENCE);
        out.send(b"hello\n");
    }

    fn receive(&mut self, now: Moment, input: &[u8], out: &mut Actions) {
        self.deadline = now.after(Self::PATIENCE);
        for byte in input {
            match byte {
                b'\n' => self.answer(out),
                other => self.line.push(*other),
            }
        }
    }

    fn pending(&self) -> bool {
        self.pieces > 0 || self.looks
    }

    fn reads_first(&self) -> bool {
        self.looks
    }

    fn resume(&mut self, _now: Moment, out: &mut Actions) {
        if std::mem::take(&mut self.looks) {
            return out.send(b"went on\n");
        }
        self.pieces -= 1;
        out.send(&vec![b'x'; 100_000]);
    }

    fn deadline(&self) -> Option<Moment> {
        Some(self.deadline)
    }

    fn expire(&mut self, _now: Moment, out: &mut Actions) {
        out.send(b"too slow\n");
        out.push(Action::Close(CloseReason::Timeout));
    }

    fn before_handshake(&mut self, _begins: bool) -> Duration {
        Self::PACE
    }

    fn finish(&mut self, out: &mut Actions) {
        if !self.line.is_empty() {
            out.record(Event::ProtocolViolation { what: "unfinished", line: Text::copy(&self.line) });
        }
    }
}

struct Served {
    kept: Kept,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// For tests that give a peer so long to read.
pub(crate) fn common(write_timeout: Duration) -> Arc<Common> {
    Arc::new(Common { clock: Clock::start(), write_timeout, handshakes: handshakes() })
}

fn serve<S: Carrier + Send + 'static>(stream: S) -> Served {
    let kept = Kept::default();
    let (stop, shutdown) = watch::channel(false);
    let mut connection = Connection {
        stream: Stream::Plain(stream),
        begins_with_tls: false,
        hello: None,
        session: Echo::boxed(),
        ledger: Ledger::new(kept.pipeline(), attribution()),
        intake: unused_intake(),
        visit: None,
        common: common(Duration::from_mins(1)),
        shutdown,
    };
    Served { kept, stop, task: tokio::spawn(async move { connection.run("decnet").await }) }
}

/// A connection in memory; the peer's end takes few octets at a time.
fn in_memory() -> (DuplexStream, Served) {
    let (peer, ours) = duplex(1024);
    (peer, serve(ours))
}

async fn over_sockets() -> (TcpStream, Served) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let (peer, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    (peer.expect("connected"), serve(accepted.expect("accepted").0))
}

async fn text(stream: &mut (impl AsyncRead + Unpin), octets: usize) -> String {
    let mut bytes = vec![0; octets];
    stream.read_exact(&mut bytes).await.expect("so much");
    String::from_utf8(bytes).expect("ASCII")
}

async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.expect("to the end");
    String::from_utf8(bytes).expect("ASCII")
}

/// The octets in and out that the last event tells.
fn octets(kept: &Kept) -> (u64, u64) {
    let records = kept.records.lock().unwrap_or_else(PoisonError::into_inner);
    match records.last().map(|record| &record.event) {
        Some(Event::SessionClosed { bytes_in, bytes_out, .. }) => (*bytes_in, *bytes_out),
        other => panic!("not closed: {other:?}"),
    }
}

const LINE: [&str; 2] = ["protocol.violation", "protocol.violation"];

fn story<'a>(middle: impl IntoIterator<Item = &'a str>, reason: &str) -> Vec<String> {
    let middle = middle.into_iter().map(str::to_owned);
    ["session.opened".to_owned()]
        .into_iter()
        .chain(middle)
        .chain([format!("session.closed {reason}")])
        .collect()
}

#[tokio::test]
async fn a_peer_that_closes_its_side_gets_every_answer() {
    let (mut peer, served) = over_sockets().await;
    peer.write_all(b"one\ntwo\nflood\nunfin").await.expect("written");
    peer.shutdown().await.expect("half closed");
    let answers = rest(&mut peer).await;
    assert!(answers.starts_with("hello\none\ntwo\nxxx"));
    assert_eq!(answers.len(), 14 + 10_000_000);
    served.task.await.expect("no panic");
    let six = [LINE; 3].concat();
    assert_eq!(served.kept.story(), story(six.into_iter().chain(["protocol.violation"]), "peer"));
    assert_eq!(octets(&served.kept), (19, 14 + 10_000_000));
}

#[tokio::test]
async fn who_reads_first_goes_on_only_where_more_may_come() {
    let (mut peer, served) = over_sockets().await;
    peer.write_all(b"look\n").await.expect("written");
    assert_eq!(text(&mut peer, 22).await, "hello\nlooking\nwent on\n");
    peer.write_all(b"look\n").await.expect("written");
    peer.shutdown().await.expect("half closed");
    assert_eq!(rest(&mut peer).await, "looking\n");
    served.task.await.expect("no panic");
    assert_eq!(served.kept.story(), story([LINE; 2].concat(), "peer"));
}

#[tokio::test]
async fn events_before_an_answer_are_one_batch() {
    let (mut peer, served) = in_memory();
    peer.write_all(b"one\n").await.expect("written");
    assert_eq!(text(&mut peer, 10).await, "hello\none\n");
    // session.opened, then both events of the line.
    assert_eq!(served.kept.batches.load(std::sync::atomic::Ordering::SeqCst), 2);
}

#[tokio::test]
async fn who_leaves_input_behind_is_reset() {
    let (mut peer, served) = over_sockets().await;
    peer.write_all(b"quit\nmore\n").await.expect("written");
    peer.write_all(&vec![b'y'; 100_000]).await.expect("written");
    assert_eq!(text(&mut peer, 10).await, "hello\nbye\n");
    let error = peer.read(&mut [0]).await.expect_err("as a server does that does not read it");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    served.task.await.expect("no panic");
    let story = served.kept.story();
    let [.., late, closed] = story.as_slice() else { panic!("{story:?}") };
    assert_eq!([late.as_str(), closed], ["protocol.violation", "session.closed logout"]);
    // All that was not read by then is counted, and its beginning recorded.
    assert_eq!(octets(&served.kept).0, 100_010);
    let records = served.kept.records.lock().unwrap_or_else(PoisonError::into_inner);
    match records.iter().rev().nth(1).map(|record| &record.event) {
        Some(Event::ProtocolViolation { what: "unfinished", line }) => {
            assert!(line.0.ends_with(b"yyy") && line.0.len() <= 16 * 1024, "{} octets", line.0.len());
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_the_session_left_when_it_closed_is_recorded() {
    let (mut peer, served) = in_memory();
    peer.write_all(b"quit\nmore").await.expect("written");
    assert_eq!(rest(&mut peer).await, "hello\nbye\n");
    served.task.await.expect("no panic");
    assert_eq!(served.kept.story(), story([LINE[0], LINE[1], "protocol.violation"], "logout"));
    assert_eq!(octets(&served.kept).0, 9);
}

#[tokio::test]
async fn what_had_arrived_when_the_connection_broke_is_recorded() {
    let (mut peer, served) = over_sockets().await;
    text(&mut peer, 6).await;
    peer.set_zero_linger().expect("settable");
    peer.write_all(b"flood\n").await.expect("written");
    while served.kept.story().len() < 3 {
        sleep(Duration::from_millis(5)).await;
    }
    // The driver is busy writing; this lies in the system's buffer.
    peer.write_all(b"last words").await.expect("written");
    sleep(Duration::from_millis(50)).await;
    drop(peer);
    served.task.await.expect("no panic");
    assert_eq!(served.kept.story(), story([LINE[0], LINE[1], "protocol.violation"], "error"));
    assert_eq!(octets(&served.kept).0, 16);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_starts_anew_with_input() {
    let (mut peer, served) = in_memory();
    let start = tokio::time::Instant::now();
    text(&mut peer, 6).await;
    sleep(Duration::from_secs(100)).await;
    peer.write_all(b"one\n").await.expect("written");
    assert_eq!(rest(&mut peer).await, "one\ntoo slow\n");
    assert_eq!(start.elapsed().as_secs(), 280);
    drop(peer);
    served.task.await.expect("no panic");
    assert_eq!(served.kept.story(), story(LINE, "timeout"));
}

#[tokio::test(start_paused = true)]
async fn what_follows_a_wait_waits() {
    let (mut peer, served) = in_memory();
    text(&mut peer, 6).await;
    let start = tokio::time::Instant::now();
    peer.write_all(b"wait\nquit\n").await.expect("written");
    assert_eq!(text(&mut peer, 7).await, "waited\n");
    assert_eq!(start.elapsed().as_secs(), 60);
    assert_eq!(rest(&mut peer).await, "bye\n");
    drop(peer);
    served.task.await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_let_go() {
    let (mut peer, served) = in_memory();
    peer.write_all(b"flood\n").await.expect("written");
    let start = tokio::time::Instant::now();
    served.task.await.expect("no panic");
    assert_eq!(start.elapsed().as_secs(), 60, "the write timeout");
    assert_eq!(served.kept.story(), story(LINE, "timeout"));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_served() {
    let (mut peer, served) = in_memory();
    peer.write_all(b"flood\n").await.expect("written");
    let mut octets = 0;
    let mut buffer = vec![0; 64 * 1024];
    while octets < 100_000 {
        sleep(Duration::from_secs(50)).await;
        let read = peer.read(&mut buffer).await.expect("readable");
        assert!(read > 0, "hung up on after {octets} octets");
        octets += read;
    }
    assert!(!served.task.is_finished());
}

#[tokio::test]
async fn shutdown_ends_a_session_wherever_it_is() {
    for (input, events) in [("", 0), ("part", 1), ("wait\n", 2), ("flood\n", 2)] {
        let (mut peer, served) = in_memory();
        text(&mut peer, 6).await;
        peer.write_all(input.as_bytes()).await.expect("written");
        tokio::time::sleep(Duration::from_millis(30)).await;
        served.stop.send(true).expect("listening");
        tokio::time::timeout(Duration::from_secs(5), served.task).await.expect("soon").expect("no panic");
        assert_eq!(served.kept.story(), story(vec!["protocol.violation"; events], "shutdown"), "{input:?}");
    }
}

#[tokio::test]
async fn a_lost_peer_leaves_its_evidence() {
    let (mut peer, served) = over_sockets().await;
    text(&mut peer, 6).await;
    peer.set_zero_linger().expect("settable");
    // The answer of the first line fills every buffer; the events of the second come in the same piece.
    peer.write_all(b"flood\nlast\n").await.expect("written");
    while served.kept.story().len() < 5 {
        sleep(Duration::from_millis(5)).await;
    }
    drop(peer);
    served.task.await.expect("no panic");
    assert_eq!(served.kept.story(), story([LINE; 2].concat(), "error"));
}

#[tokio::test]
async fn a_panic_is_an_end_that_is_recorded() {
    let (mut peer, served) = in_memory();
    peer.write_all(b"one\nboom\n").await.expect("written");
    assert_eq!(rest(&mut peer).await, "hello\n");
    assert!(served.task.await.expect_err("a panic").is_panic());
    assert_eq!(served.kept.story(), story([], "error"));
}

/// The target is 3 KiB for all of an idle connection; the session, the socket's and the task's own records come to this.
#[test]
fn a_connection_is_small() {
    let (_, ours) = duplex(1);
    let (_, shutdown) = watch::channel(false);
    let ledger = Ledger::new(Kept::default().pipeline(), attribution());
    let session = Echo::boxed();
    let mut connection = Connection {
        stream: Stream::Plain(ours),
        begins_with_tls: false,
        hello: None,
        session,
        ledger,
        intake: unused_intake(),
        visit: None,
        common: common(Duration::ZERO),
        shutdown,
    };
    let size = size_of_val(&async move { connection.run("decnet").await });
    assert!(size <= 1256, "{size} octets");
}
