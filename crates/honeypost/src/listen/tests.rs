//! Limits, attribution and the end of listening, over real sockets.

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

use super::*;
use crate::connection::tests::{Echo, common};
use crate::mailroom::tests::{mailroom, settings};
use crate::pipeline::tests::Kept;

struct EchoRoom;

impl Room for EchoRoom {
    fn protocol(&self) -> Protocol {
        Protocol::Imap
    }

    fn session(&self, _: Option<Arc<dyn Worlds>>, _: protocol::Guest) -> Box<dyn Session> {
        Echo::boxed()
    }
}

struct Served {
    address: SocketAddr,
    kept: Kept,
    stop: watch::Sender<bool>,
    done: mpsc::Receiver<()>,
    listener: JoinHandle<()>,
    _folder: TempDir,
}

fn open(address: &str, total: usize, per_source: usize) -> Served {
    let listener = bind(address.parse().expect("an address")).expect("a port");
    let address = listener.local_addr().expect("bound");
    let kept = Kept::default();
    let (stop, shutdown) = watch::channel(false);
    let (alive, done) = mpsc::channel(1);
    let folder = tempfile::tempdir().expect("a folder");
    let (mailroom, visitors) = mailroom(&folder, &settings(|_| {}));
    let house = House {
        pipeline: kept.pipeline(),
        sensor: "s1".into(),
        personality: "decnet".into(),
        common: common(Duration::from_secs(5)),
        gate: Gate::new(total, per_source),
        mailroom,
        visitors,
        penalties: crate::penalties::Penalties::new(None, true, jiff::Timestamp::now()),
        shutdown,
        _alive: alive,
    };
    let listener = tokio::spawn(listen(listener, Arc::new(EchoRoom), false, Arc::new(house)));
    Served { address, kept, stop, done, listener, _folder: folder }
}

async fn greeted(address: SocketAddr) -> TcpStream {
    let mut peer = TcpStream::connect(address).await.expect("connected");
    let mut greeting = [0; 6];
    peer.read_exact(&mut greeting).await.expect("greeted");
    peer
}

async fn is_closed(peer: &mut TcpStream) -> bool {
    matches!(peer.read(&mut [0; 16]).await, Ok(0) | Err(_))
}

#[tokio::test]
async fn a_source_over_its_limit_is_recorded_and_closed() {
    let served = open("127.0.0.1:0", 10, 2);
    let (first, _second) = (greeted(served.address).await, greeted(served.address).await);
    let mut third = TcpStream::connect(served.address).await.expect("connected");
    assert!(is_closed(&mut third).await);
    let story = served.kept.story();
    assert_eq!(story.iter().filter(|event| *event == "session.closed limit").count(), 1);
    assert_eq!(story.iter().filter(|event| *event == "session.opened").count(), 3);
    // One leaves, another may come.
    drop(first);
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let mut next = TcpStream::connect(served.address).await.expect("connected");
        let mut greeting = [0; 6];
        if next.read_exact(&mut greeting).await.is_ok() {
            return;
        }
    }
    panic!("the seat was not given back");
}

#[tokio::test]
async fn over_the_total_a_peer_waits() {
    let served = open("127.0.0.1:0", 1, 10);
    let mut first = greeted(served.address).await;
    let mut second = TcpStream::connect(served.address).await.expect("connected");
    let mut greeting = [0; 6];
    let early = tokio::time::timeout(Duration::from_millis(100), second.read_exact(&mut greeting)).await;
    assert!(early.is_err(), "greeted too early");
    first.write_all(b"quit\n").await.expect("written");
    drop(first);
    second.read_exact(&mut greeting).await.expect("greeted now");
}

#[tokio::test]
async fn shutdown_closes_every_door_and_ends_every_session() {
    let mut served = open("127.0.0.1:0", 10, 10);
    let (mut one, mut other) = (greeted(served.address).await, greeted(served.address).await);
    served.stop.send(true).expect("listening");
    let all = tokio::time::timeout(Duration::from_secs(5), served.done.recv()).await;
    assert_eq!(all, Ok(None));
    served.listener.await.expect("no panic");
    assert!(is_closed(&mut one).await && is_closed(&mut other).await);
    assert!(TcpStream::connect(served.address).await.is_err());
    assert_eq!(served.kept.story().iter().filter(|event| *event == "session.closed shutdown").count(), 2);
}

#[tokio::test]
async fn who_and_where_is_fixed_and_canonical() {
    let served = open("[::]:0", 10, 10);
    let port = served.address.port();
    let peer = greeted(SocketAddr::from(([127, 0, 0, 1], port))).await;
    let records = served.kept.records.lock().expect("no panic");
    let Attribution { sensor, session, protocol, tls, src, dst } =
        &records.first().expect("opened").attribution;
    assert_eq!(*src, peer.local_addr().expect("bound"));
    assert_eq!(*dst, SocketAddr::from(([127, 0, 0, 1], port)));
    assert_eq!((&**sensor, *protocol, *tls, session.get_version_num()), ("s1", Protocol::Imap, false, 7));
}

#[test]
fn a_source_is_an_address_or_a_64() {
    let source = |text: &str| source(text.parse().expect("an address")).to_string();
    assert_eq!(source("192.0.2.7"), "192.0.2.7");
    assert_eq!(source("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
}

#[tokio::test(start_paused = true)]
async fn trouble_is_waited_out_longer_and_longer() {
    let start = tokio::time::Instant::now();
    let mut trouble = Trouble::default();
    trouble.wait_out(&io::ErrorKind::ConnectionAborted.into()).await;
    assert_eq!(start.elapsed().as_millis(), 0);
    for _ in 0..40 {
        trouble.wait_out(&io::Error::other("too many open files")).await;
    }
    assert!((40_000..60_000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
}

#[test]
fn a_crowd_is_told_less_and_less_often() {
    let (start, mut crowd) = (Instant::now(), Crowd::default());
    let told: Vec<_> = (0_u64..5 * 3600)
        .filter_map(|second| Some((second, crowd.one_more(start + Duration::from_secs(second))?)))
        .collect();
    assert_eq!(told.get(..4), Some(&[(0, 1), (60, 60), (180, 120), (420, 240)][..]));
    assert!(told.len() < 12, "{told:?}");
    assert_eq!(told.iter().map(|(_, waited)| waited).sum::<u64>(), told.last().expect("told").0 + 1);
    // After a day of quiet it is news again.
    let day = start + Duration::from_hours(24);
    assert!(
        crowd.one_more(day).is_some()
            && crowd.one_more(day).is_none()
            && crowd.one_more(day + Duration::from_mins(1)).is_some()
    );
}
