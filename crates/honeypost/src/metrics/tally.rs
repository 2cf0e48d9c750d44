//! What the events are counted in. All series are made at the start and held; an event is a match and a few additions.

use event::{CloseReason, Event, Protocol, Record};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

type Labels = Vec<(&'static str, String)>;

/// Why sessions end, as `session.closed` tells it.
pub(super) const ENDS: &[&str] = &["logout", "peer", "timeout", "violation", "limit", "shutdown", "error"];
/// What stands for the reason of a session whose end the store did not take.
const UNRECORDED: &str = "unrecorded";
/// What is violated, as `protocol.violation` tells it.
pub(super) const VIOLATIONS: &[&str] = &[
    "line-too-long",
    "literal-too-big",
    "too-many-bad-commands",
    "bare-newline",
    "unfinished",
    "starttls-injection",
    "tls-hello-on-plain-port",
    "event-too-large",
];
/// The versions of TLS, in OpenSSL's words.
const VERSIONS: &[&str] = &["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];
/// Why handshakes fail, as `tls.failed` tells it.
pub(super) const FAILURES: &[&str] = &[
    "plain-text",
    "http",
    "not-tls",
    "no-hello",
    "truncated-hello",
    "malformed-hello",
    "unknown-version",
    "no-shared-cipher",
    "alert",
    "timeout",
    "closed",
    "other",
    "plain-port",
];
/// Why mail is not kept whole, as `mail.refused` tells it.
pub(super) const REFUSALS: &[&str] =
    &["quota-message", "quota-source", "quota-total", "disk", "unfinished", "withdrawn", "hops"];
/// What stands for any other word.
const OTHER: &str = "other";

/// The counters.
#[derive(Debug)]
pub(super) struct Tally {
    imap: Spoken,
    pop3: Spoken,
    smtp: Spoken,
    ended: Words,
    violations: Words,
    handshakes: Words,
    handshakes_failed: Words,
    searches: Counter,
    mail_received: Counter,
    mail_received_bytes: Counter,
    mail_refused: Words,
    mail_refused_bytes: Counter,
}

/// What is counted for each protocol.
#[derive(Debug)]
struct Spoken {
    open: Gauge,
    sessions: Counter,
    logins_succeeded: Counter,
    logins_failed: Counter,
    messages_read: Counter,
    bait_reads: Counter,
    received: Counter,
    sent: Counter,
}

impl Tally {
    /// Counters of a server of that personality.
    pub(super) fn new(personality: &str, registry: &mut Registry) -> Self {
        let families = Families::new(registry);
        let mut plain = |name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let searches = plain("searches", "Searches in a mailbox");
        let mail_received = plain("mail_received", "Messages that were taken in");
        let mut octets = |name: &str, help: &str| {
            let counter = Counter::default();
            registry.register_with_unit(name, help, Unit::Bytes, counter.clone());
            counter
        };
        let mail_received_bytes = octets("mail_received", "Octets of the messages that were taken in");
        let mail_refused_bytes = octets("mail_refused", "Octets that had arrived of messages not kept whole");
        let mut words = |name: &str, help: &str, label, known: &[&'static str]| {
            let family = Family::<Labels, Counter>::default();
            registry.register(name, help, family.clone());
            Words::new(&family, label, known)
        };
        let ends: Vec<&str> = ENDS.iter().copied().chain([UNRECORDED]).collect();
        Self {
            imap: families.of(Protocol::Imap, personality),
            pop3: families.of(Protocol::Pop3, personality),
            smtp: families.of(Protocol::Smtp, personality),
            ended: words("sessions_ended", "Sessions that have ended, by why", "reason", &ends),
            violations: words("protocol_violations", "Input that no honest client sends", "what", VIOLATIONS),
            handshakes: words(
                "tls_handshakes",
                "Handshakes that came about, by version",
                "version",
                VERSIONS,
            ),
            handshakes_failed: words(
                "tls_handshakes_failed",
                "Handshakes that did not come about, by why",
                "reason",
                FAILURES,
            ),
            mail_refused: words(
                "mail_refused",
                "Messages that are not kept whole, by why",
                "reason",
                REFUSALS,
            ),
            searches,
            mail_received,
            mail_received_bytes,
            mail_refused_bytes,
        }
    }

    /// Counts an event that the store has taken.
    pub(super) fn count(&self, record: &Record) {
        let spoken = self.spoken(record.attribution.protocol);
        match &record.event {
            Event::SessionOpened { .. } => {
                spoken.open.inc();
                spoken.sessions.inc();
            }
            Event::SessionClosed { reason, bytes_in, bytes_out, .. } => {
                spoken.open.dec();
                spoken.received.inc_by(*bytes_in);
                spoken.sent.inc_by(*bytes_out);
                self.ended.count(CloseReason::name(*reason));
            }
            Event::AuthSucceeded { .. } => drop(spoken.logins_succeeded.inc()),
            Event::AuthFailed { .. } => drop(spoken.logins_failed.inc()),
            Event::MessageRead { bait, .. } => {
                spoken.messages_read.inc();
                if !bait.is_empty() {
                    spoken.bait_reads.inc();
                }
            }
            Event::SearchRun { .. } => drop(self.searches.inc()),
            Event::MailReceived { size, .. } => {
                self.mail_received.inc();
                self.mail_received_bytes.inc_by(*size);
            }
            Event::MailRefused { reason, size, .. } => {
                self.mail_refused.count(reason);
                self.mail_refused_bytes.inc_by(*size);
            }
            Event::TlsNegotiated { version, .. } => self.handshakes.count(version),
            Event::TlsFailed { reason, .. } => self.handshakes_failed.count(reason),
            Event::ProtocolViolation { what, .. } => self.violations.count(what),
            Event::CommandReceived { .. }
            | Event::MailboxSelected { .. }
            | Event::MailboxAppended { .. }
            | Event::MailEnvelope { .. }
            | Event::MailExpired { .. }
            | Event::EvidenceLost { .. } => {}
        }
    }

    /// Counts what the store will never take: sessions begin and end all the same.
    pub(super) fn lose(&self, record: &Record) {
        let spoken = self.spoken(record.attribution.protocol);
        match record.event {
            Event::SessionOpened { .. } => {
                spoken.open.inc();
                spoken.sessions.inc();
            }
            Event::SessionClosed { .. } => {
                spoken.open.dec();
                self.ended.count(UNRECORDED);
            }
            _ => {}
        }
    }

    fn spoken(&self, protocol: Protocol) -> &Spoken {
        match protocol {
            Protocol::Imap => &self.imap,
            Protocol::Pop3 => &self.pop3,
            Protocol::Smtp => &self.smtp,
        }
    }
}

/// One counter a known word, and one for all others.
#[derive(Debug)]
struct Words {
    known: Vec<(&'static str, Counter)>,
    other: Counter,
}

impl Words {
    fn new(family: &Family<Labels, Counter>, label: &'static str, known: &[&'static str]) -> Self {
        let counter = |word: &str| family.get_or_create_owned(&vec![(label, word.to_owned())]);
        Self { known: known.iter().map(|word| (*word, counter(word))).collect(), other: counter(OTHER) }
    }

    fn count(&self, word: &str) {
        let found = self.known.iter().find(|(known, _)| *known == word);
        found.map_or(&self.other, |(_, counter)| counter).inc();
    }
}

/// The families that have each protocol.
struct Families {
    open: Family<Labels, Gauge>,
    sessions: Family<Labels, Counter>,
    logins: Family<Labels, Counter>,
    messages_read: Family<Labels, Counter>,
    bait_reads: Family<Labels, Counter>,
    received: Family<Labels, Counter>,
    sent: Family<Labels, Counter>,
}

impl Families {
    fn new(registry: &mut Registry) -> Self {
        let open = Family::default();
        registry.register("sessions_open", "Sessions that are open", open.clone());
        let mut family = |name: &str, help: &str, unit| {
            let family = Family::<Labels, Counter>::default();
            match unit {
                Some(unit) => registry.register_with_unit(name, help, unit, family.clone()),
                None => registry.register(name, help, family.clone()),
            }
            family
        };
        let bytes = Some(Unit::Bytes);
        Self {
            open,
            sessions: family("sessions", "Sessions that have begun", None),
            logins: family("logins", "Logins that were tried, by what came of them", None),
            messages_read: family("messages_read", "Messages, or parts of one, that were shown", None),
            bait_reads: family("bait_reads", "Reads that showed a secret, whole or in part", None),
            received: family("received", "Octets that sessions received, counted as they end", bytes.clone()),
            sent: family("sent", "Octets that sessions sent, counted as they end", bytes),
        }
    }

    fn of(&self, protocol: Protocol, personality: &str) -> Spoken {
        let spoken = vec![("protocol", protocol.name().to_owned())];
        let with = |label, value: &str| [spoken.clone(), vec![(label, value.to_owned())]].concat();
        let imitated = with("personality", personality);
        Spoken {
            open: self.open.get_or_create_owned(&imitated),
            sessions: self.sessions.get_or_create_owned(&imitated),
            logins_succeeded: self.logins.get_or_create_owned(&with("outcome", "succeeded")),
            logins_failed: self.logins.get_or_create_owned(&with("outcome", "failed")),
            messages_read: self.messages_read.get_or_create_owned(&spoken),
            bait_reads: self.bait_reads.get_or_create_owned(&spoken),
            received: self.received.get_or_create_owned(&spoken),
            sent: self.sent.get_or_create_owned(&spoken),
        }
    }
}
