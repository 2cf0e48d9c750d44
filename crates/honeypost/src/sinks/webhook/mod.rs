//! Selected events as POST requests with a JSON array.
//!
//! `condition.rs` selects, `post.rs` makes one request and reads what came of it, `rate.rs` keeps to the rate.
//! `docs/sinks.md` describes all of that for operators.

mod condition;
mod post;
mod rate;

use std::path::Path;
use std::time::Duration;

use event::Protocol;

use self::post::{Outcome, Poster};
use self::rate::Rate;
use super::queue::{Entry, Queue};
use super::worker::{self, Carrier, Next, Progress};
use super::{Opened, SinkError, tls};
use crate::config::sinks::Conditions;
use crate::config::{Config, ConfigError};

const NAME: &str = "webhook";
/// Events in one request, and octets of them; a larger one goes alone.
const AT_ONCE: (usize, usize) = (100, 1024 * 1024);

/// Whether what the configuration names is there.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let settings = config.webhook();
    if let Some(file) = &settings.secret_file
        && let Err(why) = secret(&file.0)
    {
        return Err(config.refuse("webhook.secret-file", &why, "the path of a file with a secret in it"));
    }
    if settings.ca.is_some() && settings.url.as_ref().is_some_and(|url| url.0.starts_with("http://")) {
        let reason = "has no use: webhook.url does not begin with https://";
        return Err(config.refuse("webhook.ca", reason, "an https:// URL beside it, or nothing"));
    }
    tls::check(config, "webhook.ca", settings.ca.as_ref().map(|file| file.0.as_path()))
}

/// The secret in a file.
fn secret(file: &Path) -> Result<Vec<u8>, String> {
    let text = std::fs::read(file).map_err(|error| format!("cannot be read: {error}"))?;
    match text.trim_ascii() {
        [] => Err("holds no secret".into()),
        secret => Ok(secret.to_vec()),
    }
}

/// Opens the sink.
pub(super) fn open(config: &Config, _served: &[Protocol]) -> Result<Option<Opened>, SinkError> {
    let settings = config.webhook();
    let Some(url) = settings.url.as_ref().map(|url| url.0.clone()) else { return Ok(None) };
    let secret_file = settings.secret_file.as_ref().map(|file| file.0.clone());
    let authority = settings.ca.as_ref().map(|file| file.0.clone());
    let (only, timeout, max_age) = (settings.only.clone(), settings.timeout, settings.max_age);
    let rate = settings.rate.0;
    let make = move || {
        let secret = secret_file.as_deref().map(secret).transpose()?;
        let poster = Poster::new(&url, timeout, secret, authority.as_deref())?;
        Ok(Webhook { poster, only: only.clone(), rate: Rate::new(rate), max_age, at_once: AT_ONCE.0 })
    };
    let first = make().map_err(|why: String| {
        config.refuse("webhook.url", &format!("cannot be used: {why}"), "a URL and what belongs to it")
    })?;
    let queue = Queue::new(NAME, config.queue_size());
    Ok(Some(worker::start(queue, settings.events.0.clone(), first, make)?))
}

/// Sends requests.
struct Webhook {
    poster: Poster,
    only: Conditions,
    rate: Rate,
    max_age: Duration,
    /// Events in one request: fewer for a while where the receiver found one too large.
    at_once: usize,
}

impl Carrier for Webhook {
    fn deliver(&mut self, entries: &[Entry]) -> Progress {
        let old = entries.iter().take_while(|entry| entry.since.elapsed() > self.max_age).count();
        if old > 0 {
            let why = format!("{old} events are given up: they are older than webhook.max-age");
            return Progress {
                dropped: old,
                next: Next::Failed(why, Some(Duration::ZERO)),
                ..Progress::default()
            };
        }
        let (body, delivered, skipped) = self.gather(entries);
        let Some(first) = entries.first().filter(|_| delivered > 0) else {
            return Progress { skipped, ..Progress::default() };
        };
        if let Some(wait) = self.rate.wait() {
            return Progress { next: Next::Wait(wait), ..Progress::default() };
        }
        self.rate.count();
        match self.poster.post(&body, first.record.id) {
            Outcome::Taken => {
                self.at_once = AT_ONCE.0.min(self.at_once * 2);
                Progress { delivered, skipped, ..Progress::default() }
            }
            Outcome::TooLarge if delivered > 1 => {
                self.at_once = (delivered / 2).max(1);
                Progress::default()
            }
            Outcome::TooLarge => Self::refused(delivered, skipped, "an event is too large for it"),
            Outcome::Never(why) => Self::refused(delivered, skipped, &why),
            Outcome::Later(why, wait) => Progress { next: Next::Failed(why, wait), ..Progress::default() },
        }
    }
}

impl Webhook {
    /// The body of the next request, how many events are in it, and how many before its last one are not wanted.
    fn gather(&self, entries: &[Entry]) -> (Vec<u8>, usize, usize) {
        let (mut body, mut taken, mut skipped) = (b"[".to_vec(), 0, 0);
        let mut line = Vec::new();
        for entry in entries {
            line.clear();
            entry.record.write_json(&mut line);
            if !condition::hold(&self.only, &line) {
                skipped += 1;
                continue;
            }
            if taken > 0 && (taken >= self.at_once || body.len() + line.len() >= AT_ONCE.1) {
                break;
            }
            if taken > 0 {
                body.push(b',');
            }
            body.extend_from_slice(&line);
            taken += 1;
        }
        body.push(b']');
        (body, taken, skipped)
    }

    /// What the receiver will never take.
    fn refused(dropped: usize, skipped: usize, why: &str) -> Progress {
        let why = format!("{dropped} events are given up: {why}");
        Progress { dropped, skipped, next: Next::Failed(why, None), ..Progress::default() }
    }
}

#[cfg(test)]
mod tests;
