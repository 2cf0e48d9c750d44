//! Who sees what, by the functions themselves and over loopback with the real IMAP sessions.

use std::net::Ipv4Addr;

use event::{Protocol, Text};
use protocol::{Personality, Session, SharedWorld};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};

use super::*;
use crate::config::{Config, Sources};
use crate::listen::{self, Gate, House, Room};
use crate::mailroom::Mailroom;
use crate::mailroom::tests::{Script, envelope, settings, whole};
use crate::pipeline::tests::Kept;
use crate::{corpus, data_dir, rooms};

const HOUR: Duration = Duration::from_hours(1);

fn corpus() -> Arc<Corpus> {
    let config = Config::load(&Sources::default()).expect("the defaults");
    let personality = Personality::builtin("decnet").expect("built in");
    Arc::new(corpus::render(&config, &personality, &data_dir::new_installation()).expect("built in").corpus)
}

fn visitors() -> Arc<Visitors> {
    let heading = |arrival: &Arrival| {
        let Arrival { envelope, client, queue_id, .. } = arrival;
        format!("Received: from {} ({}) id {queue_id}\r\n", envelope.helo.lossy(), client.ip()).into_bytes()
    };
    Visitors::new(corpus(), Box::new(heading), HOUR)
}

fn arrival(last: u8, second: i64, body: impl Into<Bytes>) -> Arrival {
    let time = Timestamp::from_second(1_800_000_000 + second).expect("in range");
    Arrival {
        envelope: envelope(true),
        client: (Ipv4Addr::new(192, 0, 2, last), 4000).into(),
        tls: false,
        queue_id: "ABCDE1".to_owned(),
        began: time,
        received: time,
        body: body.into(),
    }
}

fn peer(last: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, last).into()
}

/// The mail as a new world of that source has it.
fn seen_by(visitors: &Arc<Visitors>, peer: IpAddr) -> Arc<Corpus> {
    let known = visitors.lock();
    let own = known.visitors.get(&source(peer)).and_then(|visitor| visitor.own.as_ref());
    own.map_or_else(|| Arc::clone(&visitors.common), |own| Arc::clone(&own.mail))
}

fn inbox(corpus: &Corpus) -> &Arc<Mailbox> {
    corpus.mailbox("INBOX").expect("every corpus has one")
}

#[test]
fn a_message_is_seen_by_its_sender_alone_and_expires() {
    let visitors = visitors();
    let common = Arc::clone(&visitors.common);
    let before = inbox(&common).messages.len();
    visitors.deliver(&arrival(1, 0, "Subject: x\n\nbare\r\nboth\nend"));
    let mail = seen_by(&visitors, peer(1));
    let (own, shared) = (inbox(&mail), inbox(&common));
    assert_eq!((own.messages.len(), own.uid_next), (before + 1, shared.uid_next + 1));
    assert_eq!((&own.name, own.uid_validity), (&shared.name, shared.uid_validity));
    let message = own.messages.last().expect("arrived");
    assert_eq!((message.uid, message.flags), (shared.uid_next, Flags::RECENT));
    assert_eq!(message.internal_date.timestamp().as_second(), 1_800_000_000);
    assert_eq!(
        message.bytes,
        "Received: from probe (192.0.2.1) id ABCDE1\r\nSubject: x\r\n\r\nbare\r\nboth\r\nend\r\n"
    );
    assert_eq!(mail.mailboxes.len(), common.mailboxes.len());
    assert!(Arc::ptr_eq(&seen_by(&visitors, peer(2)), &common), "another source");

    let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).expect("in range");
    visitors.expire(at(3600));
    assert_eq!(inbox(&seen_by(&visitors, peer(1))).messages.len(), before + 1);
    visitors.expire(at(3601));
    assert_eq!(inbox(&seen_by(&visitors, peer(1))).messages.len(), before);
    // A UID is not used again.
    visitors.deliver(&arrival(1, 4000, "again"));
    assert_eq!(
        inbox(&seen_by(&visitors, peer(1))).messages.last().expect("arrived").uid,
        shared.uid_next + 1
    );
}

#[test]
fn what_is_not_for_us_or_too_large_is_not_shown() {
    let visitors = visitors();
    let mut elsewhere = arrival(1, 0, "x");
    elsewhere.envelope.local = Vec::<Text>::new();
    visitors.deliver(&elsewhere);
    visitors.deliver(&arrival(1, 0, vec![b'x'; LARGEST_SHOWN + 1]));
    visitors.deliver(&arrival(1, 0, vec![b'\n'; LARGEST_SHOWN]));
    assert!(Arc::ptr_eq(&seen_by(&visitors, peer(1)), &visitors.common));
    assert!(visitors.lock().visitors.is_empty());
}

#[test]
fn an_ipv6_visitor_is_a_64() {
    let visitors = visitors();
    let mut from = arrival(1, 0, "x");
    from.client = "[2001:db8:1:2::1]:4000".parse().expect("an address");
    visitors.deliver(&from);
    let sees = |text: &str| {
        let mail = seen_by(&visitors, text.parse().expect("an address"));
        !Arc::ptr_eq(&mail, &visitors.common)
    };
    assert!(sees("2001:db8:1:2:ffff::9") && !sees("2001:db8:1:3::1"));
}

#[test]
fn everything_is_bounded() {
    let visitors = visitors();
    let common = inbox(&visitors.common).messages.len();
    for second in 0..100 {
        visitors.deliver(&arrival(1, second, "small"));
    }
    assert_eq!(inbox(&seen_by(&visitors, peer(1))).messages.len(), common + MOST_MESSAGES);
    for second in 0..10 {
        visitors.deliver(&arrival(2, 100 + second, vec![b'x'; LARGEST_SHOWN - 100]));
    }
    assert_eq!(inbox(&seen_by(&visitors, peer(2))).messages.len(), common + 2);
    for last in 3..200 {
        visitors.deliver(&arrival(last, 200 + i64::from(last), vec![b'x'; LARGEST_SHOWN - 100]));
    }
    assert!(visitors.lock().octets <= MOST_OCTETS);
    assert_eq!(inbox(&seen_by(&visitors, peer(1))).messages.len(), common, "the oldest went");
    assert_eq!(inbox(&seen_by(&visitors, peer(199))).messages.len(), common + 1);

    for number in 0..=u32::try_from(MOST_VISITORS).expect("small") {
        let mut from = arrival(1, 1000 + i64::from(number), "x");
        from.client = (Ipv4Addr::from_bits(0x0a00_0000 + number), 1).into();
        visitors.deliver(&from);
    }
    let known = visitors.lock();
    assert_eq!((known.visitors.len(), known.senders), (MOST_VISITORS, MOST_VISITORS));
    let octets: usize =
        known.visitors.values().filter_map(|visitor| visitor.own.as_ref()).map(|own| own.octets).sum();
    assert_eq!(octets, known.octets);
}

#[tokio::test]
async fn an_open_session_hears_of_what_arrives_but_loses_nothing() {
    let visitors = visitors();
    let mut visit = visitors.enter(peer(1));
    let world = visit.worlds().enter(Some(b"admin"));
    let messages =
        |world: &SharedWorld| world.lend(|world| world.folder("INBOX").expect("there").list().len());
    let common = messages(&world);
    let nothing = tokio::time::timeout(Duration::from_millis(20), visit.changed()).await;
    assert!(nothing.is_err(), "nothing has arrived");
    // While nobody waits, while somebody does, and for somebody else.
    visitors.deliver(&arrival(1, 0, "one"));
    visit.changed().await;
    assert_eq!(messages(&world), common + 1);
    let deliver = async { visitors.deliver(&arrival(1, 1, "two")) };
    tokio::join!(visit.changed(), deliver);
    assert_eq!(messages(&world), common + 2);
    visitors.deliver(&arrival(2, 2, "not for this one"));
    assert!(tokio::time::timeout(Duration::from_millis(20), visit.changed()).await.is_err());
    // What it has seen is not taken back. A world that begins later has what is shown by then.
    visitors.expire(Timestamp::from_second(1_800_003_601).expect("in range"));
    visitors.deliver(&arrival(1, 4000, "three"));
    visit.changed().await;
    assert_eq!(messages(&world), common + 3);
    assert_eq!(messages(&visit.worlds().enter(Some(b"root"))), common + 2);
    assert_eq!(inbox(&seen_by(&visitors, peer(1))).messages.len(), common + 2);
}

#[test]
fn who_leaves_without_sending_is_forgotten() {
    let visitors = visitors();
    let (one, other) = (visitors.enter(peer(1)), visitors.enter(peer(1)));
    drop(one);
    assert_eq!(visitors.lock().visitors.len(), 1);
    drop(other);
    assert!(visitors.lock().visitors.is_empty());
}

/// A room in which every line sends the same mail.
struct PostRoom;

impl Room for PostRoom {
    fn protocol(&self) -> Protocol {
        Protocol::Smtp
    }

    fn session(&self, _: Option<Arc<dyn Worlds>>, _: protocol::Guest) -> Box<dyn Session> {
        Script::boxed(vec![whole(b"Subject: arrived\r\n\r\nhello\r\n", 7, true); 3])
    }
}

async fn connect(from: [u8; 4], to: SocketAddr) -> BufReader<TcpStream> {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((Ipv4Addr::from(from), 0).into()).expect("loopback");
    BufReader::new(socket.connect(to).await.expect("connected"))
}

async fn say(stream: &mut BufReader<TcpStream>, line: &str) {
    stream.write_all(format!("{line}\r\n").as_bytes()).await.expect("written");
}

/// Reads up to a line that begins so.
async fn hear(stream: &mut BufReader<TcpStream>, beginning: &str) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read_line(&mut line)).await;
        assert!(read.unwrap_or_else(|_| panic!("no {beginning:?} behind {lines:?}")).expect("readable") > 0);
        lines.push(line.trim_end().to_owned());
        if line.starts_with(beginning) {
            return lines;
        }
    }
}

async fn idling(imap: SocketAddr, from: [u8; 4]) -> BufReader<TcpStream> {
    let mut peer = connect(from, imap).await;
    for (line, answer) in [("a LOGIN admin admin", "a OK"), ("b SELECT INBOX", "b OK"), ("c IDLE", "+ ")] {
        say(&mut peer, line).await;
        hear(&mut peer, answer).await;
    }
    peer
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_session_of_the_same_source_hears_exists_within_a_second() {
    let folder = tempfile::tempdir().expect("a folder");
    let visitors = visitors();
    let common = Arc::clone(&visitors.common);
    let mailroom =
        Mailroom::open(folder.path(), &settings(|_| {}), Arc::clone(&visitors)).expect("a mailroom");
    let kept = Kept::default();
    let (stop, shutdown) = watch::channel(false);
    let (alive, mut done) = mpsc::channel(1);
    let house = Arc::new(House {
        pipeline: kept.pipeline(),
        sensor: "s1".into(),
        personality: "decnet".into(),
        common: crate::connection::tests::common(Duration::from_secs(5)),
        gate: Gate::new(10, 10),
        mailroom,
        visitors,
        penalties: crate::penalties::Penalties::new(None, true, jiff::Timestamp::now()),
        shutdown,
        _alive: alive,
    });
    let config = Config::load(&Sources::default()).expect("the defaults");
    let personality = Personality::builtin("decnet").expect("built in");
    let rooms: [Arc<dyn Room>; 2] =
        [rooms::imap::room(&config, personality.imap, Arc::clone(&common)), Arc::new(PostRoom)];
    let [imap, smtp] = rooms.map(|room| {
        let listener = listen::bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(listen::listen(listener, room, false, Arc::clone(&house)));
        address
    });
    drop(house);

    let (here, there) = ([127, 0, 0, 1], [127, 0, 0, 2]);
    let mut same = idling(imap, here).await;
    let mut other = idling(imap, there).await;
    let mut sender = connect(here, smtp).await;
    hear(&mut sender, "220").await;
    let began = std::time::Instant::now();
    say(&mut sender, "").await;
    let exists = inbox(&common).messages.len() + 1;
    hear(&mut same, &format!("* {exists} EXISTS")).await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    hear(&mut sender, "250").await;
    say(&mut same, "DONE").await;
    hear(&mut same, "c OK").await;
    say(&mut same, &format!("d FETCH {exists} BODY[]")).await;
    let fetched = hear(&mut same, "d OK").await.join("\n");
    assert!(
        fetched.contains("Received: from probe (127.0.0.1) id ")
            && fetched.contains("Subject: arrived\n\nhello")
    );

    // A session that begins later sees it; another source does not, neither then nor when it asks.
    let mut later = connect(here, imap).await;
    say(&mut later, "a LOGIN admin admin").await;
    say(&mut later, "b SELECT INBOX").await;
    assert!(hear(&mut later, "b OK").await.contains(&format!("* {exists} EXISTS")));
    say(&mut other, "DONE").await;
    assert!(!hear(&mut other, "c OK").await.iter().any(|line| line.contains("EXISTS")));
    say(&mut other, "d NOOP").await;
    assert_eq!(hear(&mut other, "d OK").await.len(), 1);

    stop.send(true).expect("listening");
    assert_eq!(tokio::time::timeout(Duration::from_secs(5), done.recv()).await, Ok(None));
}

#[test]
fn a_restart_shows_it_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let before = visitors();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let attribution = crate::pipeline::tests::attribution();
    let open = |visitors: &Arc<Visitors>| {
        Mailroom::open(folder.path(), &settings(|_| {}), Arc::clone(visitors)).expect("a mailroom")
    };
    let mut intake = crate::mailroom::Intake::new(open(&before));
    runtime.block_on(async {
        for text in ["one", "two"] {
            intake.begin(&attribution, envelope(true));
            intake.write(text.as_bytes());
            let arrival = intake.commit().await.arrival.expect("for a mailbox of ours");
            intake.deliver(&arrival);
        }
    });
    let after = visitors();
    open(&after);
    let seen = |visitors: &Arc<Visitors>| {
        let mail = seen_by(visitors, attribution.src.ip());
        let messages = &inbox(&mail).messages;
        let own = messages.iter().skip(inbox(&visitors.common).messages.len());
        own.map(|message| (message.uid, message.bytes.clone(), message.internal_date.timestamp()))
            .collect::<Vec<_>>()
    };
    assert_eq!(seen(&after), seen(&before));
    assert_eq!(seen(&after).len(), 2);
}

#[test]
fn a_header_ends_where_a_mail_server_sees_it_end() {
    for (message, end) in [
        ("Subject: x\r\n folded\r\n\r\nbody", 21),
        ("Subject: x\r\nHello world\r\nbody", 12),
        ("Please note: click\r\nb\r\n", 0),
        ("From evil Mon\r\nSubject: y\r\n\r\n", 0),
        ("\r\nbody", 0),
        (" folded: first\r\n", 0),
        ("A : b\nC:\n", 9),
        ("", 0),
    ] {
        assert_eq!(end_of_header(message.as_bytes()), end, "{message:?}");
    }
}
