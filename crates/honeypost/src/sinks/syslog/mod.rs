//! Every event as a syslog message of RFC 5424, over UDP, TCP or TLS.
//!
//! `message.rs` writes a message, `connection.rs` sends it. `docs/sinks.md` describes both for operators, and what can be
//! known about what arrived.

mod connection;
mod message;

use event::Protocol;

use self::connection::{Connection, Trouble};
use self::message::Writer;
use super::queue::{Entry, Queue};
use super::worker::{self, Carrier, Next, Progress};
use super::{Opened, SinkError, tls};
use crate::config::sinks::{Carriage, SyslogAddress};
use crate::config::{Config, ConfigError};

const NAME: &str = "syslog";
/// Octets that a message has at the most where nobody says otherwise: over UDP, and over a stream.
const USUAL_SIZES: (usize, usize) = (8192, 262_144);
/// What a message needs for its header and the event's own: no limit is lower than RFC 5424 section 6.1 demands.
const LEAST_SIZE: u64 = 2048;
/// What a datagram can carry (RFC 768, over IPv4).
const LARGEST_DATAGRAM: u64 = 65_507;
/// Octets that are handed to a stream in one go.
const WRITE_AT_ONCE: usize = 64 * 1024;

/// Whether what the configuration says goes together.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let settings = config.syslog();
    let carriage = settings.address.as_ref().map(|address| address.carriage);
    if settings.ca.is_some() && carriage.is_some_and(|carriage| carriage != Carriage::Tls) {
        let reason = "has no use: syslog.address does not begin with tls://";
        return Err(config.refuse("syslog.ca", reason, "a tls:// address beside it, or nothing"));
    }
    let size = settings.max_size.map_or(LEAST_SIZE, |size| size.0);
    if size < LEAST_SIZE {
        let expected = "a number of octets of at least 2048";
        return Err(config.refuse(
            "syslog.max-size",
            "has no room for the fields that every event has",
            expected,
        ));
    }
    if size > LARGEST_DATAGRAM && carriage == Some(Carriage::Udp) {
        return Err(config.refuse(
            "syslog.max-size",
            "is more than a datagram holds",
            "65507 at the most with udp://",
        ));
    }
    tls::check(config, "syslog.ca", settings.ca.as_ref().map(|file| file.0.as_path()))
}

/// Opens the sink.
pub(super) fn open(config: &Config, _served: &[Protocol]) -> Result<Option<Opened>, SinkError> {
    let settings = config.syslog();
    let Some(address) = settings.address.clone() else { return Ok(None) };
    let usual = if address.carriage == Carriage::Udp { USUAL_SIZES.0 } else { USUAL_SIZES.1 };
    let largest = settings.max_size.map_or(usual, |size| usize::try_from(size.0).unwrap_or(usize::MAX));
    let writer = Writer::new(settings.facility, config.sensor(), largest);
    let authority = settings.ca.as_ref().map(|file| file.0.clone());
    let make = move || Syslog {
        writer: writer.clone(),
        connection: Connection::new(address.clone(), authority.clone()),
    };
    let queue = Queue::new(NAME, config.queue_size());
    Ok(Some(worker::start(queue, None, make(), move || Ok(make()))?))
}

/// Sends messages.
struct Syslog {
    writer: Writer,
    connection: Connection,
}

impl Carrier for Syslog {
    fn deliver(&mut self, entries: &[Entry]) -> Progress {
        let mut progress = Progress::default();
        let failed = |trouble: Trouble, progress: &mut Progress| {
            progress.unconfirmed += trouble.unconfirmed;
            progress.next = Next::Failed(trouble.why, None);
        };
        // A peer that has gone away is noticed before anything is sent to it.
        if let Err(trouble) = self.connection.ready() {
            failed(trouble, &mut progress);
            return progress;
        }
        let (mut text, mut ends) = (Vec::new(), Vec::new());
        let mut entries = entries.iter().peekable();
        while let Some(entry) = entries.next() {
            self.writer.write(&entry.record, self.connection.is_stream(), &mut text);
            ends.push(text.len());
            let gather = self.connection.is_stream() && text.len() < WRITE_AT_ONCE;
            if gather && entries.peek().is_some() {
                continue;
            }
            match self.connection.send(&text, &ends) {
                Ok(()) => progress.delivered += ends.len(),
                Err((sent, trouble)) => {
                    progress.delivered += sent;
                    failed(trouble, &mut progress);
                    return progress;
                }
            }
            text.clear();
            ends.clear();
        }
        progress
    }
}

/// How the log calls where messages go.
fn shown(address: &SyslogAddress) -> String {
    format!("{}:{}", address.host, address.port)
}

#[cfg(test)]
mod tests;
