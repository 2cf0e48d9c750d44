//! What the tests of the protocol crate share: a small corpus, a service of the `decnet` personality, and the
//! reading of transcripts.
#![allow(dead_code)] // each test binary takes its part

pub mod auth;
pub mod play;
pub mod transcript;

use std::cell::RefCell;
use std::sync::Arc;

use bait::{Bait, Corpus, Flags, Mailbox, Message, Slot};
use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use protocol::imap::{Imap, Service};
use protocol::pop3::{self, Pop3};
use protocol::{Alone, Credentials, Guest, Options, Personality, smtp};

/// INBOX with three messages (the first seen), Sent with one, and two names that are awkward on the wire.
pub fn corpus() -> Corpus {
    let mailbox = |name: &str, uid_validity, files: &[(u32, &str, Flags)]| {
        let messages: Vec<_> = files.iter().map(|(uid, text, flags)| message(*uid, text, *flags)).collect();
        let uid_next = messages.last().map_or(1, |message| message.uid + 1);
        Arc::new(Mailbox { name: name.into(), uid_validity, uid_next, messages })
    };
    let plain = include_str!("../corpus/1-plain.eml");
    let inbox = [
        (3, plain, Flags::SEEN),
        (5, include_str!("../corpus/2-mixed.eml"), Flags::FLAGGED),
        (9, include_str!("../corpus/3-forward.eml"), Flags::NONE),
    ];
    Corpus {
        mailboxes: vec![
            mailbox("INBOX", 1_712_345_678, &inbox),
            mailbox("Sent", 1_712_345_679, &[(1, plain, Flags::SEEN)]),
            mailbox("Work.2024", 1_712_345_680, &[]),
            mailbox("Entw\u{fc}rfe", 1_712_345_681, &[]),
        ],
        subscriptions: vec!["Sent".into(), "Work.2024".into()],
    }
}

fn message(uid: u32, text: &str, flags: Flags) -> Arc<Message> {
    let bytes = text.replace('\n', "\r\n");
    let secrets =
        [("aws-key", "aws-key", "AKIAIOSFODNN7EXAMPLE"), ("vpn-password", "password", "VpnP@ss2024")];
    let slots = secrets
        .iter()
        .filter_map(|(id, kind, value)| {
            let start = bytes.find(value)?;
            let bait = Bait { id: (*id).into(), kind: (*kind).into(), value: (*value).into() };
            Some(Slot { range: start..start + value.len(), bait: Arc::new(bait) })
        })
        .collect();
    let arrival = Timestamp::from_second(1_793_714_400 + i64::from(uid) * 86_400).expect("in range");
    Arc::new(Message::new(uid, flags, arrival.to_zoned_datetime(TimeZone::UTC), Bytes::from(bytes), slots))
}

/// A server of that corpus with the specification's credentials.
pub fn service(setup: &str, corpus: Corpus) -> Arc<Service> {
    let (personality, options) = setup_of(setup);
    let personality = Personality::builtin(personality).expect("it is built in");
    Arc::new(Service::new(personality.imap, Arc::new(corpus), credentials(), options))
}

fn credentials() -> Arc<Credentials> {
    let pairs = ["admin:admin", "admin:p:w", "root:root", "mail:two words"];
    Arc::new(Credentials::parse(pairs).expect("they are pairs"))
}

/// A personality, and behind it `refuse-plaintext` where logins need TLS.
fn setup_of(setup: &str) -> (&str, Options) {
    let setup = setup.strip_suffix(" counted").unwrap_or(setup);
    let (personality, refuse_plaintext) = match setup.strip_suffix(" refuse-plaintext") {
        Some(personality) => (personality, true),
        None => (setup, false),
    };
    let epoch = Timestamp::from_second(1_795_000_000).expect("in range");
    (personality, Options { node: "mailserver".into(), refuse_plaintext, epoch, ..Options::default() })
}

/// A new POP3 connection to a server of that corpus, with one more message in INBOX: dots, and no end to its last line.
pub fn pop3_session(setup: &str) -> Pop3 {
    let (personality, options) = setup_of(setup);
    let personality = Personality::builtin(personality).expect("it is built in");
    let mut corpus = corpus();
    let inbox = Arc::get_mut(&mut corpus.mailboxes[0]).expect("it is not shared yet");
    inbox.messages.push(message(11, include_str!("../corpus/4-dots.eml"), Flags::NONE));
    inbox.uid_next = 12;
    let alone = alone(&corpus);
    let service = pop3::Service::new(personality.pop3, Arc::new(corpus), credentials(), options);
    Pop3::with_mail(Arc::new(service), alone).of(guest_of(setup))
}

/// A new connection to a server of the usual corpus.
pub fn session(personality: &str) -> Imap {
    Imap::with_mail(service(personality, corpus()), alone(&corpus())).of(guest_of(personality))
}

thread_local! {
    /// Whose the session is that was made last.
    static PEER: RefCell<Option<(Arc<Alone>, Arc<Mailbox>)>> = const { RefCell::new(None) };
}

fn alone(corpus: &Corpus) -> Arc<Alone> {
    let alone = Alone::new(corpus);
    PEER.set(Some((Arc::clone(&alone), Arc::clone(&corpus.mailboxes[0]))));
    alone
}

/// So many messages have arrived for the peer of the session that was made last.
pub fn arrive(messages: usize) {
    PEER.with_borrow(|peer| {
        let (alone, inbox) = peer.as_ref().expect("it sees mail");
        let new = (inbox.uid_next..).take(messages);
        let new = new.map(|uid| message(uid, "Subject: new\n\nnew\n", Flags::RECENT));
        let uid_next = inbox.uid_next + u32::try_from(messages).expect("few");
        let messages = inbox.messages.iter().cloned().chain(new).collect();
        let inbox =
            Mailbox { name: inbox.name.clone(), uid_validity: inbox.uid_validity, uid_next, messages };
        alone.arrive(Arc::new(Corpus { mailboxes: vec![Arc::new(inbox)], subscriptions: Vec::new() }));
    });
}

/// A peer of whom nothing is known, or, where `counted` stands behind the personality, one whose failed logins count.
fn guest_of(setup: &str) -> Guest {
    setup.strip_suffix(" counted").map_or_else(Guest::default, |personality| auth::counted(personality, 1))
}

/// A new connection to a server of this corpus.
pub fn session_of(corpus: Corpus) -> Imap {
    Imap::new(service("decnet", corpus))
}

/// A new SMTP connection to mail.company.internal. `setup` is a personality and any of `open-relay`, `submission`, `refuse-plaintext`,
/// `auth=harvest`, `auth=accept`, `auth=off`, `message=OCTETS` `recipients=COUNT` (other limits on a message),
/// `drop=SHARE` and `users=NAME` (who is let in).
pub fn smtp_session(setup: &str) -> smtp::Smtp {
    let mut words = setup.split(' ');
    let personality = Personality::builtin(words.next().unwrap_or_default()).expect("it is built in");
    let mut texts = personality.smtp;
    let mut options = smtp::Options {
        node: "mail.company.internal".into(),
        local_domains: vec!["company.internal".into()],
        local_users: vec!["devops@company.internal".into()],
        ..smtp::Options::default()
    };
    let mut guest = Guest::default();
    for word in words {
        match word.split_once('=') {
            None if word == "open-relay" => options.open_relay = true,
            None if word == "refuse-plaintext" => options.refuse_plaintext = true,
            None if word == "counted" => guest = auth::counted("postfix-3.7", 50),
            None if word == "crowd" => guest = auth::counted("postfix-3.7", 51),
            None if word == "submission" => options.submission = true,
            Some(("auth", "harvest")) => options.auth = Some(smtp::Auth::Harvest),
            Some(("auth", "accept")) => options.auth = Some(smtp::Auth::Accept),
            Some(("auth", "off")) => options.auth = Some(smtp::Auth::Off),
            Some(("drop", share)) => options.drop_rate = share.parse().expect("a share"),
            Some(("users", name)) => options.auth_users = vec![name.into()],
            Some(("message", octets)) => texts.limits.message = octets.parse().expect("a number"),
            Some(("recipients", count)) => texts.limits.recipients = count.parse().expect("a number"),
            _ => panic!("`{word}` is no setup"),
        }
    }
    let credentials = Credentials::parse(["admin:admin", "root:root"]).expect("they are pairs");
    smtp::Smtp::new(Arc::new(smtp::Service::new(texts, &credentials, options)), 0).of(guest)
}
