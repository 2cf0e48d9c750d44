//! DECNET's log: the lines that its own imap, pop3 and smtp templates write, so that its collector reads ours.
//!
//! `translate.rs` says which event becomes which lines, `line.rs` writes one, `message.rs` adds what a captured message's
//! file tells. `docs/decnet.md` describes all of that for its operators.

mod line;
mod message;
mod translate;

use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use event::{Event, Protocol, Record};
use jiff::Timestamp;

use self::line::{Fields, Head, Severity};
use self::message::Shelf;
use self::translate::Names;
use super::outlet::{self, Ending, Job, Offer, Outlet};
use super::{NotNow, Opened, Sink, SinkError};
use crate::config::{Config, LogFormat};

/// Octets of lines that wait while the reader is slow.
const ROOM: usize = 8 * 1024 * 1024;

/// The sink. Lines are made where the events come from; what needs a file is made by the outlet's thread.
pub(crate) struct DecnetSink {
    names: Names,
    outlet: Outlet<Entry>,
}

/// What goes through the outlet.
#[derive(Debug)]
enum Entry {
    /// Finished lines.
    Lines(String),
    /// A `mail.received`, whose file is still to be read.
    Message(Box<Record>),
}

/// The sink that writes to standard output, with a `startup` line for each protocol that is served.
pub(super) fn open(config: &Config, served: &[Protocol]) -> Result<Option<Opened>, SinkError> {
    if config.log_format() != LogFormat::Decnet {
        return Ok(None);
    }
    // A descriptor of its own: a write that blocks holds no lock that anybody else wants.
    let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let (sink, ending) = to(Names::of(config), Shelf::of(config), served, output)?;
    let counters = sink.outlet.counters();
    Ok(Some(Opened { sink: Box::new(sink), ending, counters, reopen: None }))
}

fn to(
    names: Names,
    mut shelf: Shelf,
    served: &[Protocol],
    writer: impl io::Write + Send + 'static,
) -> io::Result<(DecnetSink, Ending)> {
    let thread = (names.clone(), served.first().copied().unwrap_or(Protocol::Imap));
    let (outlet, ending) = outlet::open("standard output", writer, ROOM, move |job, out: &mut Vec<u8>| {
        let (names, first) = &thread;
        let mut text = String::new();
        match job {
            Job::Item(Entry::Lines(lines)) => return out.extend_from_slice(lines.as_bytes()),
            Job::Item(Entry::Message(record)) => shelf.lines(names, &record, &mut text),
            Job::Gap(events) => gap(names, *first, events, &mut text),
        }
        out.extend_from_slice(text.as_bytes());
    })?;
    let sink = DecnetSink { names, outlet };
    let mut greeting = String::new();
    for protocol in served {
        sink.names.startup(*protocol, Timestamp::now(), &mut greeting);
    }
    let octets = greeting.len();
    // Nothing has been offered before: there is room.
    let _ = sink.outlet.offer(vec![Offer { item: Entry::Lines(greeting), events: 0, octets }]);
    Ok((sink, ending))
}

/// The line that stands where events are missing. Not one of DECNET's own.
fn gap(names: &Names, protocol: Protocol, events: u64, out: &mut String) {
    let fields = Fields::default().ours("events", events.to_string());
    let (severity, time) = (Severity::Warning, Timestamp::now());
    let head = Head { severity, time, node: names.node(), app: names.app(protocol), event: "events_lost" };
    line::write(&head, &fields, "the reader of this output was too slow; the store has them", out);
}

impl Sink for DecnetSink {
    fn offer(&self, batch: &[Record]) -> Result<(), NotNow> {
        let mut offers: Vec<Offer<Entry>> = Vec::new();
        let mut lines = String::new();
        let mut events = 0;
        let finish = |lines: &mut String, events: &mut u64, offers: &mut Vec<Offer<Entry>>| {
            if !lines.is_empty() {
                let lines = std::mem::take(lines);
                let octets = lines.len();
                offers.push(Offer { item: Entry::Lines(lines), events: std::mem::take(events), octets });
            }
        };
        let mut before = None;
        for record in batch {
            if let Event::MailReceived { .. } = record.event {
                finish(&mut lines, &mut events, &mut offers);
                let octets = message::weight(record);
                offers.push(Offer { item: Entry::Message(Box::new(record.clone())), events: 1, octets });
            } else {
                let length = lines.len();
                self.names.translate(record, before, &mut lines);
                events += u64::from(lines.len() > length);
            }
            before = Some(record);
        }
        finish(&mut lines, &mut events, &mut offers);
        if offers.is_empty() { Ok(()) } else { self.outlet.offer(offers) }
    }
}

#[cfg(test)]
#[path = "../../../tests/common/collector.rs"]
mod collector;
#[cfg(test)]
mod tests;
