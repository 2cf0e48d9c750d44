//! Who shares a world with whom, for how long, and where it ends: with real sessions, driven by hand.

use std::net::Ipv4Addr;
use std::time::Duration;

use bait::{Corpus, Counted, Flags, Mailbox, Message};
use bytes::Bytes;
use jiff::tz::TimeZone;
use protocol::imap::Imap;
use protocol::pop3::{self, Pop3};
use protocol::{Action, Actions, Credentials, Moment, Options, Personality, Session};

use super::*;
use crate::visitors::Visit;

mod notify;

const HOUR: Duration = Duration::from_hours(1);

fn corpus() -> Arc<Corpus> {
    let message = |uid, flags| {
        let date = Timestamp::UNIX_EPOCH.to_zoned_datetime(TimeZone::UTC);
        Arc::new(Message::new(uid, flags, date, Bytes::from_static(b"Subject: x\r\n\r\nx\r\n"), Vec::new()))
    };
    let messages = vec![message(1, Flags::SEEN), message(2, Flags::NONE), message(3, Flags::RECENT)];
    let mailbox = |name: &str, messages, uid_next| {
        Arc::new(Mailbox { name: name.to_owned(), uid_validity: 7, uid_next, messages })
    };
    let mailboxes = vec![mailbox("INBOX", messages, 4), mailbox("Sent", Vec::new(), 1)];
    Arc::new(Corpus { mailboxes, subscriptions: Vec::new() })
}

fn visitors() -> Arc<Visitors> {
    Visitors::new(corpus(), Box::new(|_| Vec::new()), HOUR)
}

fn peer(last: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, last).into()
}

/// A client, by hand: the session, and what it hears.
struct Client {
    session: Box<dyn Session>,
    visit: Visit,
    now: Moment,
}

fn credentials() -> Arc<Credentials> {
    Arc::new(Credentials::parse(["admin:admin", "root:root"]).expect("they are pairs"))
}

fn personality(name: &str) -> Personality {
    Personality::builtin(name).expect("it is built in")
}

impl Client {
    fn imap_of(personality_name: &str, visitors: &Arc<Visitors>, last: u8, user: &str) -> Self {
        let texts = personality(personality_name).imap;
        let service = protocol::imap::Service::new(texts, corpus(), credentials(), Options::default());
        let visit = visitors.enter(peer(last));
        let session = Box::new(Imap::with_mail(Arc::new(service), visit.worlds()));
        let mut client = Self { session, visit, now: Moment::default() };
        client.say(&format!("l LOGIN {user} {}", user.to_lowercase()));
        client
    }

    fn imap(visitors: &Arc<Visitors>, last: u8, user: &str) -> Self {
        Self::imap_of("dovecot-2.3", visitors, last, user)
    }

    fn selected(visitors: &Arc<Visitors>, last: u8, user: &str) -> Self {
        let mut client = Self::imap(visitors, last, user);
        client.say("s SELECT INBOX");
        client
    }

    fn pop3(visitors: &Arc<Visitors>, last: u8) -> Self {
        let texts = personality("dovecot-2.3").pop3;
        let service = pop3::Service::new(texts, corpus(), credentials(), Options::default());
        let visit = visitors.enter(peer(last));
        let session = Box::new(Pop3::with_mail(Arc::new(service), visit.worlds()));
        let mut client = Self { session, visit, now: Moment::default() };
        client.say("USER admin");
        client.say("PASS admin");
        client
    }

    fn say(&mut self, line: &str) -> String {
        let mut out = Actions::default();
        self.session.receive(self.now, format!("{line}\r\n").as_bytes(), &mut out);
        let mut heard = told(&mut out);
        while self.session.pending() {
            self.session.resume(self.now, &mut out);
            heard += &told(&mut out);
        }
        heard
    }

    /// Somebody else may have changed something: nothing is told yet.
    fn wake(&mut self) {
        let mut out = Actions::default();
        self.session.mail_changed(self.now, &mut out);
        assert_eq!(told(&mut out), "");
    }

    /// What is told unasked in that time, with the milliseconds after which it is.
    fn wait(&mut self, milliseconds: u64) -> Vec<(u64, String)> {
        let (from, until) = (self.now, self.now.after(Duration::from_millis(milliseconds)));
        let mut heard = Vec::new();
        while let Some(due) = self.session.deadline().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            let mut out = Actions::default();
            self.session.expire(self.now, &mut out);
            let text = told(&mut out);
            let after = u64::try_from(self.now.0.saturating_sub(from.0).as_millis()).expect("short");
            heard.extend((!text.is_empty()).then_some((after, text)));
        }
        self.now = until;
        heard
    }

    /// What is told unasked, once the bell has rung: half a second later.
    async fn hear(&mut self) -> String {
        tokio::time::timeout(Duration::from_secs(5), self.visit.changed()).await.expect("the bell rings");
        self.wake();
        assert_eq!(self.wait(499), []);
        self.wait(1).into_iter().map(|(_, text)| text).collect()
    }
}

fn told(out: &mut Actions) -> String {
    let texts = out.drain().filter_map(|action| match action {
        Action::Send(text) => Some(String::from_utf8_lossy(&text).into_owned()),
        Action::Close(_) => Some("(closed)".to_owned()),
        _ => None,
    });
    texts.collect()
}

#[track_caller]
fn says(heard: &str, lines: &[&str]) {
    for line in lines {
        assert!(heard.contains(line), "no {line:?} in {heard:?}");
    }
}

#[test]
fn all_sessions_of_a_visitor_see_one_world_and_nobody_else_does() {
    let visitors = visitors();
    let (mut one, mut two) = (Client::imap(&visitors, 1, "admin"), Client::imap(&visitors, 1, "ADMIN"));
    let (mut elsewhere, mut root) =
        (Client::selected(&visitors, 2, "admin"), Client::selected(&visitors, 1, "root"));
    says(&one.say("a SELECT INBOX"), &["* 3 EXISTS", "* 1 RECENT"]);
    says(&two.say("a SELECT INBOX"), &["* 3 EXISTS", "* 0 RECENT"]);
    one.say("b STORE 1 +FLAGS (\\Deleted kw)");
    says(&two.say("b NOOP"), &["* FLAGS (", "* 1 FETCH (FLAGS (\\Deleted \\Seen kw))"]);
    one.say("c EXPUNGE");
    one.say("d APPEND INBOX {10+}\r\nSubject: y");
    // While numbers must hold nothing is said of what is gone.
    let held = two.say("c FETCH 1 BODY[]");
    says(&held, &["* 1 FETCH (BODY[] NIL)", "* 4 EXISTS", "c OK [EXPUNGEISSUED]"]);
    assert!(!held.contains("EXPUNGE\r\n"), "{held}");
    says(&two.say("d NOOP"), &["* 1 EXPUNGE", "d OK"]);
    says(&two.say("e FETCH 1:* UID"), &["* 1 FETCH (UID 2)", "* 3 FETCH (UID 4)"]);
    for other in [&mut elsewhere, &mut root] {
        let heard = other.say("x NOOP");
        assert!(heard.starts_with("x OK"), "{heard}");
        says(&other.say("y STATUS INBOX (MESSAGES UIDNEXT)"), &["MESSAGES 3 UIDNEXT 4"]);
    }
    drop((one, two));
    let mut later = Client::imap(&visitors, 1, "admin");
    says(&later.say("a SELECT INBOX"), &["* 3 EXISTS", "* 0 RECENT", "[UIDNEXT 5]"]);
}

#[test]
fn pop3_and_imap_see_the_same() {
    let visitors = visitors();
    let mut imap = Client::selected(&visitors, 1, "admin");
    let mut pop3 = Client::pop3(&visitors, 1);
    pop3.say("DELE 1");
    says(&pop3.say("RETR 2"), &["+OK 17 octets"]);
    assert!(imap.say("a NOOP").starts_with("a OK"), "before QUIT nothing has happened");
    says(&pop3.say("QUIT"), &["messages deleted"]);
    says(&imap.say("b NOOP"), &["* 2 FETCH (FLAGS (\\Seen))", "* 1 EXPUNGE"]);
    let mut pop3 = Client::pop3(&visitors, 1);
    says(&pop3.say("UIDL"), &["1 0000000200000007", "2 0000000300000007"]);
    imap.say("c STORE 1 +FLAGS (\\Deleted)");
    imap.say("d EXPUNGE");
    // An open maildrop stays as it is, but what is gone cannot be read.
    says(&pop3.say("STAT"), &["+OK 2 34"]);
    says(&pop3.say("RETR 1"), &["-ERR Message 1 expunged."]);
    says(&Client::pop3(&visitors, 1).say("STAT"), &["+OK 1 17"]);
    says(&Client::pop3(&visitors, 2).say("STAT"), &["+OK 3 51"]);
}

#[tokio::test]
async fn who_waits_in_idle_is_told() {
    let visitors = visitors();
    let (mut one, mut two) =
        (Client::selected(&visitors, 1, "admin"), Client::selected(&visitors, 1, "admin"));
    says(&two.say("b IDLE"), &["+ idling"]);
    one.say("a STORE 2 +FLAGS (\\Flagged)");
    says(&two.hear().await, &["* 2 FETCH (FLAGS (\\Flagged))"]);
    one.say("b APPEND INBOX {10+}\r\nSubject: y");
    says(&two.hear().await, &["* 4 EXISTS"]);
    one.say("c STORE 2 +FLAGS (\\Deleted)");
    one.say("d EXPUNGE");
    says(&two.hear().await, &["* 2 EXPUNGE"]);
    one.say("e CREATE box");
    two.say("DONE");
    two.say("c SELECT box");
    two.say("d IDLE");
    one.say("f DELETE box");
    says(&two.hear().await, &["* BYE IMAP session state is inconsistent", "(closed)"]);
}

#[test]
fn a_mailbox_that_is_gone_ends_the_sessions_that_have_it_open() {
    for gone in ["DELETE box", "RENAME box other"] {
        for (command, answer) in [
            ("NOOP", "* BYE IMAP session state is inconsistent, please relogin.\r\n(closed)"),
            ("FETCH 1 FLAGS", "* BYE FETCH failed: Mailbox was deleted under us\r\n(closed)"),
            ("CLOSE", "* NO Mailbox was deleted under us\r\n* BYE IMAP session state is"),
            ("STORE 1 +FLAGS (\\Seen)", "x NO Mailbox was deleted under us"),
            ("COPY 1 INBOX", "x NO Mailbox was deleted under us"),
            ("EXPUNGE", "x NO Mailbox was deleted under us"),
        ] {
            let visitors = visitors();
            let (mut one, mut two) =
                (Client::imap(&visitors, 1, "admin"), Client::imap(&visitors, 1, "admin"));
            one.say("a CREATE box");
            one.say("b APPEND box {10+}\r\nSubject: y");
            two.say("a SELECT box");
            says(&one.say(&format!("c {gone}")), &["c OK"]);
            let heard = two.say(&format!("x {command}"));
            assert!(heard.contains(answer) && !heard.contains("x OK"), "{gone}, {command}: {heard}");
            says(&heard, &["(closed)"]);
        }
    }
}

#[test]
fn decnet_shows_no_changes_to_anybody() {
    let visitors = visitors();
    let mut one = Client::imap_of("decnet", &visitors, 1, "admin");
    let mut two = Client::imap_of("decnet", &visitors, 1, "admin");
    one.say("a SELECT INBOX");
    says(&two.say("a SELECT INBOX"), &["* 1 RECENT"]);
    one.say("b FETCH 2 BODY[]");
    assert!(two.say("b NOOP").starts_with("b OK"));
    drop((one, two));
    assert!(visitors.lock().visitors.is_empty());
}

fn append(visitors: &Arc<Visitors>, peer: IpAddr, octets: usize) -> (Arc<SharedWorld>, Visit, bool) {
    let visit = visitors.enter(peer);
    let world = visit.worlds().enter(Some(b"admin"));
    let date = Timestamp::UNIX_EPOCH.to_zoned_datetime(TimeZone::UTC);
    let text = Bytes::from(vec![b'x'; octets]);
    let done = world.lend(|world| {
        world.append("INBOX", (Flags::NONE, &[]), date, text, 0, &mut Counted::default()).is_ok()
    });
    (world, visit, done)
}

fn from(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0000 + number).into()
}

#[test]
fn what_was_not_changed_is_forgotten_with_the_session_and_the_rest_in_time() {
    let visitors = visitors();
    drop(Client::imap(&visitors, 1, "admin"));
    assert!(visitors.lock().visitors.is_empty() && visitors.lock().worlds == 0);
    let open = append(&visitors, peer(1), 1);
    drop(append(&visitors, peer(2), 1));
    let now = Timestamp::now();
    visitors.expire(now);
    assert_eq!(visitors.lock().worlds, 2);
    visitors.expire(now.checked_add(HOUR * 2).expect("in range"));
    assert_eq!(visitors.lock().worlds, 1, "the one that is open stays");
    assert!(visitors.budget.used() > 0);
    drop(open);
    visitors.expire(Timestamp::now().checked_add(HOUR * 2).expect("in range"));
    assert!(visitors.lock().visitors.is_empty());
    assert_eq!((visitors.lock().worlds, visitors.budget.used()), (0, 0));
}

#[test]
fn the_oldest_unused_go_beyond_the_bound_on_worlds() {
    let visitors = visitors();
    let most = u32::try_from(MOST_WORLDS).expect("small");
    let first = append(&visitors, from(0), 1);
    for number in 1..=most + 10 {
        assert!(append(&visitors, from(number), 1).2);
        assert!(visitors.lock().worlds <= MOST_WORLDS);
    }
    let known = visitors.lock();
    assert!(known.visitors.contains_key(&from(0)), "it is open");
    assert!(!known.visitors.contains_key(&from(1)) && known.visitors.contains_key(&from(most + 10)));
    drop(known);
    drop(first);
}

#[test]
fn the_octets_of_all_worlds_are_bounded() {
    let visitors = visitors();
    for number in 0..200 {
        assert!(append(&visitors, from(number), 1 << 20).2, "unused ones make room");
        assert!(visitors.budget.used() <= MOST_WORLD_OCTETS);
    }
    assert!(!visitors.lock().visitors.contains_key(&from(0)));
    let open: Vec<_> = (1000..1200).map(|number| append(&visitors, from(number), 1 << 20)).collect();
    let fit = open.iter().filter(|(.., done)| *done).count();
    assert_eq!(fit, (MOST_WORLD_OCTETS >> 20) - 1, "where all are in use, mailboxes are full");
    assert!(visitors.budget.used() <= MOST_WORLD_OCTETS);
    drop(open);
    assert!(append(&visitors, from(2000), 1).2);
}
