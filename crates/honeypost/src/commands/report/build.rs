//! From the counts to the sections.

use std::collections::BTreeMap;

use super::counts::{Counts, Entry, Key};
use super::section::{Row, Section, Total, Value};
use super::tally::{Stage, Tally};
use crate::commands::evidence::Evidence;
use crate::commands::summary::moment;

/// The totals of a finished tally.
pub(super) fn totals(tally: &Tally) -> Vec<Total> {
    let inexact = tally.sources.missed() > 0;
    let exact = |name, value| Total { name, value, at_least: false };
    vec![
        exact("sessions", tally.sessions),
        Total { name: "sources", value: tally.sources.distinct() as u64, at_least: inexact },
        exact("logins_tried", tally.totals.tried),
        exact("logins_succeeded", tally.totals.won),
        exact("message_reads", tally.totals.reads),
        exact("bait_reads", tally.totals.bait),
        exact("searches", tally.totals.searches),
        exact("mails_received", tally.totals.mails),
        exact("mail_octets", tally.mail_octets),
        exact("mails_refused", tally.refused),
        exact("violations", tally.totals.violations),
        exact("events", tally.events),
    ]
}

/// The sections of a finished tally, each of ranked entries no longer than `top`.
pub(super) fn sections(tally: &Tally, top: usize) -> Vec<Section> {
    let mut sections = activity(tally);
    sections.push(funnel(tally));
    sections.push(sources(tally, top));
    let logins = [
        ("credentials", "Credentials", &["username", "password"][..], &tally.credentials),
        ("usernames", "User names", &["username"], &tally.usernames),
        ("passwords", "Passwords", &["password"], &tally.passwords),
    ];
    for (name, title, keys, counts) in logins {
        sections.push(ranked((name, title), keys, &["tries", "succeeded"], counts, top, |entry| {
            vec![Value::Count(entry.count), Value::Count(entry.value)]
        }));
    }
    let mut bait = ranked(("bait", "Bait"), &["bait"], &["reads", "sources"], &tally.bait, top, |entry| {
        vec![Value::Count(entry.count), Value::Count(entry.value.sources.len() as u64)]
    });
    bait.at_least = tally.readers_full;
    sections.push(bait);
    let runs = &["runs", "found"];
    sections.push(ranked(("searches", "Searches"), &["criteria"], runs, &tally.searches, top, |entry| {
        vec![Value::Count(entry.count), Value::Count(entry.value)]
    }));
    let mail = [
        ("senders", "Senders of mail", &["sender"][..], &["mails", "octets"], &tally.senders),
        ("sender_domains", "Domains of senders", &["domain"], &["mails", "octets"], &tally.domains),
        ("attachments", "Attachments", &["sha256", "name"], &["mails", "size"], &tally.attachments),
    ];
    for (name, title, keys, measures, counts) in mail {
        sections.push(ranked((name, title), keys, measures, counts, top, |entry| {
            vec![Value::Count(entry.count), Value::Count(entry.value.0)]
        }));
    }
    let count = |entry: &Entry<()>| vec![Value::Count(entry.count)];
    sections.push(ranked(
        ("clients", "Clients"),
        &["protocol", "client"],
        &["times"],
        &tally.clients,
        top,
        count,
    ));
    sections.push(ranked(
        ("violations", "Violations"),
        &["violation"],
        &["times"],
        &tally.violations,
        top,
        count,
    ));
    sections
}

fn ranked<V: Default>(
    (name, title): (&'static str, &'static str),
    keys: &'static [&'static str],
    measures: &'static [&'static str],
    counts: &Counts<V>,
    top: usize,
    values: impl Fn(&Entry<V>) -> Vec<Value>,
) -> Section {
    let row = |(key, entry): (&Key, &Entry<V>)| Row { keys: key.clone(), values: values(entry) };
    Section {
        name,
        title,
        keys,
        measures,
        rows: counts.top(top).into_iter().map(row).collect(),
        distinct: counts.distinct(),
        missed: counts.missed(),
        at_least: false,
    }
}

fn whole(
    (name, title): (&'static str, &'static str),
    keys: &'static [&'static str],
    measures: &'static [&'static str],
    rows: Vec<Row>,
) -> Section {
    Section { name, title, keys, measures, distinct: rows.len(), rows, missed: 0, at_least: false }
}

fn row(key: &str, counts: &[u64]) -> Row {
    Row { keys: vec![Evidence::from(key)], values: counts.iter().copied().map(Value::Count).collect() }
}

/// By protocol, by day, by hour of the day.
fn activity(tally: &Tally) -> Vec<Section> {
    let protocols = tally.protocols.iter();
    let protocols =
        protocols.map(|(name, it)| row(name, &[it.sessions, it.tls, it.tried, it.won, it.bait])).collect();
    let days = tally.days.iter();
    let days =
        days.map(|(day, it)| row(&day.to_string(), &[it.sessions, it.tried, it.won, it.bait])).collect();
    let hours = if tally.sessions == 0 {
        Vec::new()
    } else {
        tally.hours.iter().zip(0..).map(|(count, hour)| row(&format!("{hour:02}"), &[*count])).collect()
    };
    vec![
        whole(
            ("protocols", "Protocols"),
            &["protocol"],
            &["sessions", "tls_sessions", "logins_tried", "logins_succeeded", "bait_reads"],
            protocols,
        ),
        whole(
            ("days", "Days"),
            &["day"],
            &["sessions", "logins_tried", "logins_succeeded", "bait_reads"],
            days,
        ),
        whole(("hours", "Hours of the day"), &["hour"], &["sessions"], hours),
    ]
}

/// How many came how far with reading mail (IMAP and POP3): each stage counts those who went further.
fn funnel(tally: &Tally) -> Section {
    let mut sources: BTreeMap<Stage, u64> = BTreeMap::new();
    for deeds in tally.sources.values().filter(|deeds| deeds.reader) {
        *sources.entry(deeds.stage).or_default() += 1;
    }
    let rows = if tally.stages.is_empty() { &[][..] } else { &Stage::ALL };
    let rows = rows.iter().map(|stage| {
        let reached = |of: &BTreeMap<Stage, u64>| of.range(*stage..).map(|(_, count)| count).sum();
        row(stage.name(), &[reached(&tally.stages), reached(&sources)])
    });
    let title = ("funnel", "How far readers of mail came");
    let mut section = whole(title, &["stage"], &["sessions", "sources"], rows.collect());
    section.at_least = tally.sources.missed() > 0;
    section
}

fn sources(tally: &Tally, top: usize) -> Section {
    let measures = &[
        "sessions",
        "achieved",
        "logins_tried",
        "logins_succeeded",
        "message_reads",
        "bait_reads",
        "searches",
        "mails_received",
        "violations",
        "first",
        "last",
    ];
    ranked(("sources", "Sources"), &["source"], measures, &tally.sources, top, |entry| {
        let deeds = &entry.value;
        let achieved =
            if deeds.mails > 0 && deeds.stage < Stage::Read { "sent mail" } else { deeds.stage.name() };
        let counts =
            [deeds.tried, deeds.won, deeds.reads, deeds.bait, deeds.searches, deeds.mails, deeds.violations];
        let mut values = vec![Value::Count(entry.count), Value::Word(achieved)];
        values.extend(counts.map(Value::Count));
        values.extend([deeds.first, deeds.last].map(|time| Value::Moment(moment(time))));
        values
    })
}
