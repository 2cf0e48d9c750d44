//! The count over a span's events: one pass, in bounded memory.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

use event::{Attribution, Protocol};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::counts::Counts;
use crate::commands::evidence::Evidence;
use crate::commands::summary::fields::{Command, Login, Mail, Read, Search, Violation, of};
use crate::commands::summary::{Step, named};

/// Sources that are told apart for the bait, over all of it.
const MOST_READERS: usize = 1_000_000;
/// Days that are told apart: more than two centuries. Only a clock that was wrong needs more.
const MOST_DAYS: usize = 80_000;

/// How far an intruder came with reading mail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    #[default]
    Connected,
    LoggedIn,
    Listed,
    Read,
    ReadBait,
}

impl Stage {
    pub(super) const ALL: [Self; 5] =
        [Self::Connected, Self::LoggedIn, Self::Listed, Self::Read, Self::ReadBait];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::LoggedIn => "logged in",
            Self::Listed => "listed",
            Self::Read => "read",
            Self::ReadBait => "read bait",
        }
    }
}

/// What a session or a source has done.
#[derive(Debug, Clone, Default)]
pub(super) struct Deeds {
    pub(super) stage: Stage,
    /// Whether it came to read mail (IMAP, POP3), not to send some.
    pub(super) reader: bool,
    pub(super) tried: u64,
    pub(super) won: u64,
    pub(super) reads: u64,
    pub(super) bait: u64,
    pub(super) searches: u64,
    pub(super) mails: u64,
    pub(super) violations: u64,
    pub(super) first: i64,
    pub(super) last: i64,
}

impl Deeds {
    fn at(time: i64, reader: bool) -> Self {
        Self { first: time, last: time, reader, ..Self::default() }
    }

    fn take(&mut self, other: &Self) {
        let known = self.first != 0;
        self.stage = self.stage.max(other.stage);
        self.reader |= other.reader;
        self.tried += other.tried;
        self.won += other.won;
        self.reads += other.reads;
        self.bait += other.bait;
        self.searches += other.searches;
        self.mails += other.mails;
        self.violations += other.violations;
        self.first = if known { self.first.min(other.first) } else { other.first };
        self.last = self.last.max(other.last);
    }
}

/// Of a day, a protocol.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Activity {
    pub(super) sessions: u64,
    pub(super) tls: u64,
    pub(super) tried: u64,
    pub(super) won: u64,
    pub(super) bait: u64,
}

/// A secret: its sources, by digest, and sessions.
#[derive(Debug, Default)]
pub(super) struct Readers {
    pub(super) sources: HashSet<u64>,
}

/// Mails of one sender or domain, files of one digest.
#[derive(Debug, Default)]
pub(super) struct Octets(pub(super) u64);

/// A session under way.
#[derive(Debug)]
struct Open {
    source: IpAddr,
    protocol: Protocol,
    tls: bool,
    deeds: Deeds,
}

/// Everything that is counted.
#[derive(Debug)]
pub(super) struct Tally {
    zone: TimeZone,
    /// Sessions that have not closed. As many as were open at once, and those of killed servers.
    open: HashMap<i64, Open>,
    digests: RandomState,
    readers_kept: usize,
    hour: Option<(i64, Date, usize)>,
    pub(super) events: u64,
    pub(super) totals: Deeds,
    pub(super) sessions: u64,
    pub(super) mail_octets: u64,
    pub(super) refused: u64,
    pub(super) protocols: BTreeMap<&'static str, Activity>,
    pub(super) days: BTreeMap<Date, Activity>,
    pub(super) hours: [u64; 24],
    pub(super) stages: BTreeMap<Stage, u64>,
    pub(super) sources: Counts<Deeds>,
    pub(super) credentials: Counts<u64>,
    pub(super) usernames: Counts<u64>,
    pub(super) passwords: Counts<u64>,
    pub(super) bait: Counts<Readers>,
    /// Whether there were more sources than can be told apart.
    pub(super) readers_full: bool,
    pub(super) searches: Counts<u64>,
    pub(super) senders: Counts<Octets>,
    pub(super) domains: Counts<Octets>,
    pub(super) attachments: Counts<Octets>,
    pub(super) violations: Counts<()>,
    pub(super) clients: Counts<()>,
}

impl Tally {
    /// Of nothing yet; days and hours are of this zone.
    pub(super) fn new(zone: TimeZone) -> Self {
        Self {
            zone,
            open: HashMap::new(),
            digests: RandomState::new(),
            readers_kept: 0,
            hour: None,
            events: 0,
            totals: Deeds::default(),
            sessions: 0,
            mail_octets: 0,
            refused: 0,
            protocols: BTreeMap::new(),
            days: BTreeMap::new(),
            hours: [0; 24],
            stages: BTreeMap::new(),
            sources: Counts::new(),
            credentials: Counts::new(),
            usernames: Counts::new(),
            passwords: Counts::new(),
            bait: Counts::new(),
            readers_full: false,
            searches: Counts::new(),
            senders: Counts::new(),
            domains: Counts::new(),
            attachments: Counts::new(),
            violations: Counts::new(),
            clients: Counts::new(),
        }
    }

    /// Whether the session is known, so that it need not be looked up.
    pub(super) fn knows(&self, session: i64) -> bool {
        self.open.contains_key(&session)
    }

    /// A session's first event of the span is about to come.
    pub(super) fn begin(&mut self, session: i64, who: &Attribution, time: i64) {
        let reader = who.protocol != Protocol::Smtp;
        self.sessions += 1;
        self.protocols.entry(who.protocol.name()).or_default().sessions += 1;
        let hour = self.hour(time);
        if let Some(count) = self.hours.get_mut(hour) {
            *count += 1;
        }
        self.day(time).sessions += 1;
        let open = Open {
            source: who.src.ip().to_canonical(),
            protocol: who.protocol,
            tls: false,
            deeds: Deeds::at(time, reader),
        };
        self.open.insert(session, open);
    }

    /// An event of a session that has begun.
    pub(super) fn add(&mut self, session: i64, step: &Step<'_>) {
        let Some(mut open) = self.open.remove(&session) else {
            return;
        };
        self.events += 1;
        open.deeds.last = open.deeds.last.max(step.time);
        open.tls |= step.tls;
        match step.name {
            "auth.succeeded" | "auth.failed" => self.login(&mut open, step),
            "command.received" => self.command(&mut open, step),
            "mailbox.selected" => open.deeds.stage = open.deeds.stage.max(Stage::Listed),
            "message.read" => self.read(&mut open, step),
            "search.run" => {
                open.deeds.searches += 1;
                open.deeds.stage = open.deeds.stage.max(Stage::Listed);
                let search: Search<'_> = of(step.fields);
                let words = Evidence::field(&search.criteria, search.criteria_b64.as_deref());
                self.searches.add(vec![words], 1).value += search.matches;
            }
            "mail.received" => {
                open.deeds.mails += 1;
                self.mail(&of(step.fields));
            }
            "mail.refused" => self.refused += 1,
            "protocol.violation" => {
                open.deeds.violations += 1;
                let violation: Violation<'_> = of(step.fields);
                self.violations.add(vec![Evidence::from(&*violation.what)], 1);
            }
            "session.closed" => return self.end(&open),
            _ => {}
        }
        self.open.insert(session, open);
    }

    fn login(&mut self, open: &mut Open, step: &Step<'_>) {
        let won = u64::from(step.name == "auth.succeeded");
        let login: Login<'_> = of(step.fields);
        let username = Evidence::field(&login.username, login.username_b64.as_deref());
        let password = Evidence::field(&login.password, login.password_b64.as_deref());
        self.usernames.add(vec![username.clone()], 1).value += won;
        self.passwords.add(vec![password.clone()], 1).value += won;
        self.credentials.add(vec![username, password], 1).value += won;
        open.deeds.tried += 1;
        open.deeds.won += won;
        if won > 0 {
            open.deeds.stage = open.deeds.stage.max(Stage::LoggedIn);
        }
        let day = self.day(step.time);
        day.tried += 1;
        day.won += won;
    }

    fn command(&mut self, open: &mut Open, step: &Step<'_>) {
        let command: Command<'_> = of(step.fields);
        if open.deeds.stage < Stage::Listed
            && matches!(&*command.status, "OK" | "+OK")
            && ["LIST", "LSUB", "XLIST", "STATUS", "STAT", "UIDL"]
                .iter()
                .any(|verb| command.verb.eq_ignore_ascii_case(verb))
        {
            open.deeds.stage = Stage::Listed;
        }
        if let Some(client) = named(open.protocol, &command) {
            self.clients.add(vec![Evidence::from(open.protocol.name()), client], 1);
        }
    }

    fn read(&mut self, open: &mut Open, step: &Step<'_>) {
        let read: Read<'_> = of(step.fields);
        open.deeds.reads += 1;
        open.deeds.stage = open.deeds.stage.max(Stage::Read);
        for id in &read.bait {
            open.deeds.bait += 1;
            open.deeds.stage = Stage::ReadBait;
            let readers = &mut self.bait.add(vec![Evidence::from(id.as_str())], 1).value;
            let source = self.digests.hash_one(open.source);
            if self.readers_kept < MOST_READERS {
                self.readers_kept += usize::from(readers.sources.insert(source));
            } else {
                self.readers_full |= !readers.sources.contains(&source);
            }
        }
        if !read.bait.is_empty() {
            self.day(step.time).bait += read.bait.len() as u64;
        }
    }

    fn mail(&mut self, mail: &Mail<'_>) {
        self.mail_octets += mail.size;
        let from = Evidence::field(&mail.mail_from, mail.mail_from_b64.as_deref());
        if let Some((_, domain)) = mail.mail_from.rsplit_once('@') {
            let domain = domain.to_ascii_lowercase();
            self.domains.add(vec![Evidence::from(domain.as_str())], 1).value.0 += mail.size;
        }
        self.senders.add(vec![from], 1).value.0 += mail.size;
        for file in &mail.attachments {
            let key = vec![Evidence::from(file.sha256.as_str()), Evidence::from(file.name.as_str())];
            self.attachments.add(key, 1).value.0 = file.size;
        }
    }

    fn end(&mut self, open: &Open) {
        let activity = self.protocols.entry(open.protocol.name()).or_default();
        activity.tls += u64::from(open.tls);
        activity.tried += open.deeds.tried;
        activity.won += open.deeds.won;
        activity.bait += open.deeds.bait;
        if open.deeds.reader {
            *self.stages.entry(open.deeds.stage).or_default() += 1;
        }
        self.totals.take(&open.deeds);
        let source = open.source.to_string();
        self.sources.add(vec![Evidence::from(source.as_str())], 1).value.take(&open.deeds);
    }

    /// No more events come.
    pub(super) fn finish(&mut self) {
        for open in std::mem::take(&mut self.open).into_values() {
            self.end(&open);
        }
    }

    fn day(&mut self, time: i64) -> &mut Activity {
        self.hour(time);
        let mut date = self.hour.map_or(Date::MIN, |(_, date, _)| date);
        if self.days.len() >= MOST_DAYS && !self.days.contains_key(&date) {
            date = Date::MIN;
        }
        self.days.entry(date).or_default()
    }

    /// The hour of the day; the date is kept beside it. Zones change at full quarters of an hour.
    fn hour(&mut self, time: i64) -> usize {
        let quarter = time.div_euclid(900_000_000);
        if let Some((known, _, hour)) = self.hour
            && known == quarter
        {
            return hour;
        }
        let zoned =
            Timestamp::from_microsecond(time).unwrap_or_default().to_zoned_datetime(self.zone.clone());
        let hour = usize::try_from(zoned.hour()).unwrap_or_default();
        self.hour = Some((quarter, zoned.date(), hour));
        hour
    }
}
