//! What an operator should know about a corpus before it is served: everything that can be proved without a server.
//!
//! A persona that loads is well formed; this looks at what it becomes. It is rendered for many moments (every weekday,
//! month ends, the weeks in which clocks change, leap days), and every rendering must have the same sizes and offsets,
//! dates that agree, and nothing in the future. Read `message.rs` for what is asked of one message, `secret.rs` for where
//! secrets may stand, `thread.rs` for what messages say of one another.

mod message;
mod mime;
mod secret;
mod thread;

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::calendar::Morning;
use super::manifest::FILE;
use super::render::{Installation, RenderError};
use super::{Persona, Template};
use crate::corpus::Corpus;
use crate::message::Message;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The corpus must not be served like this.
    Error,
    /// It can be served; an attentive intruder may wonder.
    Warning,
}

/// One thing to put right.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file, within the persona.
    pub file: String,
    /// What is wrong and what to do, in one line.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}: {}: {}", self.file, self.message)
    }
}

/// A mailbox in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxSummary {
    /// Its name.
    pub name: String,
    /// Its messages.
    pub messages: usize,
    /// The octets of its messages, on the wire.
    pub octets: usize,
    /// Places in it where a secret stands.
    pub secrets: usize,
}

/// What [`check`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The mailboxes, INBOX first; empty where the persona cannot be rendered.
    pub mailboxes: Vec<MailboxSummary>,
    /// What is wrong, errors first, then by file.
    pub problems: Vec<Problem>,
}

impl Report {
    /// Whether the corpus may be served: there may be warnings, but no errors.
    pub fn is_sound(&self) -> bool {
        self.problems.iter().all(|problem| problem.severity != Severity::Error)
    }
}

/// The problems so far; the same words about the same file count once.
#[derive(Debug, Default)]
struct Problems {
    found: BTreeSet<Problem>,
    topics: BTreeSet<(String, &'static str)>,
}

impl Problems {
    fn error(&mut self, file: &str, message: impl Into<String>) {
        self.found.insert(Problem {
            severity: Severity::Error,
            file: file.to_owned(),
            message: message.into(),
        });
    }

    fn warning(&mut self, file: &str, message: impl Into<String>) {
        self.found.insert(Problem {
            severity: Severity::Warning,
            file: file.to_owned(),
            message: message.into(),
        });
    }

    /// Whether this is the first word on a topic of a file. What depends on the moment is said for one moment only.
    fn first(&mut self, file: &str, topic: &'static str) -> bool {
        self.topics.insert((file.to_owned(), topic))
    }
}

/// Examines a persona.
pub fn check(persona: &Persona) -> Report {
    let mut problems = Problems::default();
    for bait in &persona.bait {
        if !persona.templates().flat_map(Template::secrets).any(|used| used.id == bait.id) {
            problems
                .warning(FILE, format!("the secret `{}` stands in no message; place or remove it", bait.id));
        }
    }
    for mailbox in persona.mailboxes.iter().filter(|mailbox| mailbox.messages.is_empty()) {
        problems
            .warning(FILE, format!("the mailbox `{}` is empty; put messages into its folder", mailbox.name));
    }
    let mailboxes = match examine(persona, &mut problems) {
        Ok(mailboxes) => mailboxes,
        Err(error) => {
            problems.error(FILE, error.to_string());
            Vec::new()
        }
    };
    Report { mailboxes, problems: problems.found.into_iter().collect() }
}

fn examine(persona: &Persona, problems: &mut Problems) -> Result<Vec<MailboxSummary>, RenderError> {
    let moments = moments();
    let mut reference: Option<Corpus> = None;
    for (number, moment) in (0_u8..).zip(moments) {
        let corpus = persona.render(&Installation { moment, seed: [number; 32], uid_validity: 1 })?;
        for (template, message) in persona.templates().zip(messages(&corpus)) {
            message::dates(&template.file, message, moment, problems);
        }
        match &reference {
            None => reference = Some(corpus),
            Some(reference) => same_shape(persona, reference, &corpus, moment, problems),
        }
    }
    arrivals_ascend(persona, problems)?;
    let corpus = reference.unwrap_or_default();
    for (template, message) in persona.templates().zip(messages(&corpus)) {
        message::form(&template.file, message, problems);
        mime::parts(&template.file, message, problems);
        secret::strays(&template.file, message, &persona.bait, problems);
    }
    thread::links(persona, &corpus, problems);
    let summary = corpus.mailboxes.iter().map(|mailbox| MailboxSummary {
        name: mailbox.name.clone(),
        messages: mailbox.messages.len(),
        octets: mailbox.messages.iter().map(|message| message.size()).sum(),
        secrets: mailbox.messages.iter().map(|message| message.slots.len()).sum(),
    });
    Ok(summary.collect())
}

/// All messages, mailbox by mailbox: in the order of [`Persona::templates`].
fn messages(corpus: &Corpus) -> impl Iterator<Item = &Message> {
    corpus.mailboxes.iter().flat_map(|mailbox| mailbox.messages.iter().map(AsRef::as_ref))
}

/// Sizes and places of secrets must not depend on the installation.
fn same_shape(persona: &Persona, one: &Corpus, other: &Corpus, moment: Timestamp, problems: &mut Problems) {
    for (template, (one, other)) in persona.templates().zip(messages(one).zip(messages(other))) {
        let same = one.size() == other.size() && one.slots == other.slots;
        if !same && problems.first(&template.file, "shape") {
            let (one, other) = (one.size(), other.size());
            let what = format!(
                "has {one} octets in one installation and {other}, or secrets elsewhere, in that of {moment}"
            );
            problems.error(&template.file, what);
        }
    }
}

/// Every day of two years, one of them a leap year: zones change their clocks on different days.
fn arrivals_ascend(persona: &Persona, problems: &mut Problems) -> Result<(), RenderError> {
    let first = Date::constant(2027, 1, 1);
    for day in first.series(Span::new().days(1)).take(2 * 366) {
        for mailbox in &persona.mailboxes {
            let mut latest = Timestamp::MIN;
            for template in &mailbox.messages {
                let arrival = template.arrival(Morning(day))?.timestamp();
                if arrival < latest && problems.first(&template.file, "order") {
                    let what = format!(
                        "arrives before the message above it (when the morning is {day}); change `sent` or the file's name"
                    );
                    problems.error(&template.file, what);
                }
                latest = latest.max(arrival);
            }
        }
    }
    Ok(())
}

/// Moments at which calendars are awkward.
fn moments() -> Vec<Timestamp> {
    let week = (7..=13).map(|day| Date::constant(2027, 6, day));
    let awkward = [
        (2027, 1, 1), // a year's first day, month ends, days with one digit
        (2027, 1, 31),
        (2027, 2, 28),
        (2027, 3, 1),
        (2027, 4, 30),
        (2027, 12, 31),
        (2027, 3, 14), // clocks change in America, then in Europe, and back
        (2027, 3, 22),
        (2027, 3, 28),
        (2027, 10, 31),
        (2027, 11, 3),
        (2027, 11, 7),
        (2028, 2, 29), // leap days
        (2028, 3, 10),
    ];
    let days = week.chain(awkward.map(|(year, month, day)| Date::constant(year, month, day)));
    let times = [Time::constant(0, 0, 1, 0), Time::constant(10, 20, 30, 0), Time::constant(23, 59, 59, 0)];
    let at = |day: Date, time| day.to_datetime(time).to_zoned_datetime(TimeZone::UTC).ok();
    days.flat_map(|day| times.map(|time| at(day, time))).flatten().map(|moment| moment.timestamp()).collect()
}
