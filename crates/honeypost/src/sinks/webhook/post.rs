//! One POST request, and what its answer means.
//!
//! Nothing but the configured URL is ever asked: no redirect is followed and no proxy used, whatever the environment says.
//! Everything has a limit in time, and of the answer's body only the beginning is read, and thrown away.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use uuid::Uuid;

use crate::sinks::tls;

/// Octets of an answer's body that are read, so that its connection can be used again.
const LARGEST_ANSWER: u64 = 64 * 1024;
/// The longest wait that a receiver can ask for.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// Makes requests.
pub(super) struct Poster {
    agent: Agent,
    url: String,
    secret: Option<Vec<u8>>,
}

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The receiver has it.
    Taken,
    /// It is too large for the receiver.
    TooLarge,
    /// The receiver will never take it.
    Never(String),
    /// It is to be tried again, after the time for which the receiver asks.
    Later(String, Option<Duration>),
}

impl Poster {
    pub(super) fn new(
        url: &str,
        timeout: Duration,
        secret: Option<Vec<u8>>,
        authority: Option<&Path>,
    ) -> Result<Self, String> {
        let roots = match authority {
            None => RootCerts::PlatformVerifier,
            Some(file) => {
                let known = tls::authorities(file)?
                    .iter()
                    .map(|authority| authority.to_der())
                    .collect::<Result<Vec<_>, _>>();
                let known = known.map_err(|error| error.to_string())?;
                let known: Vec<_> = known.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
                RootCerts::from(known.into_iter())
            }
        };
        let tls = TlsConfig::builder().provider(TlsProvider::NativeTls).root_certs(roots).build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_global(Some(timeout))
            .max_response_header_size(16 * 1024)
            .user_agent(concat!("honeypost/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { agent: config.new_agent(), url: url.to_owned(), secret })
    }

    /// Sends this body. `id` is that of its first event, the same whenever it is tried again.
    pub(super) fn post(&self, body: &[u8], id: Uuid) -> Outcome {
        let time = Timestamp::now().as_second().to_string();
        let mut request = self
            .agent
            .post(&self.url)
            .header("Content-Type", "application/json")
            .header("X-Honeypost-Delivery", id.to_string())
            .header("X-Honeypost-Timestamp", &time);
        if let Some(secret) = &self.secret {
            request = request.header("X-Honeypost-Signature", signature(secret, &time, body));
        }
        match request.send(body) {
            Err(error) => Outcome::Later(error.to_string(), None),
            Ok(mut answer) => {
                // Its body means nothing to us.
                let _ = answer.body_mut().with_config().limit(LARGEST_ANSWER).read_to_vec();
                let asked = answer.headers().get("Retry-After").and_then(|asked| asked.to_str().ok());
                let wait = asked.and_then(|asked| retry_after(asked, Timestamp::now()));
                outcome(answer.status().as_u16(), wait)
            }
        }
    }
}

/// What a status code means (RFC 9110 section 15).
fn outcome(status: u16, wait: Option<Duration>) -> Outcome {
    let answered = format!("the receiver answers {status}");
    match status {
        200..=299 => Outcome::Taken,
        300..=399 => Outcome::Later(format!("{answered}, and redirects are not followed"), None),
        413 => Outcome::TooLarge,
        // What is wrong is the request itself.
        400 | 415 | 422 => Outcome::Never(answered),
        _ => Outcome::Later(answered, wait),
    }
}

/// The wait that `Retry-After` asks for: seconds or a date (RFC 9110 section 10.2.3).
fn retry_after(asked: &str, now: Timestamp) -> Option<Duration> {
    let asked = asked.trim();
    let wait = match asked.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(asked).ok()?;
            Duration::try_from(date.duration_since(now)).unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST_WAIT))
}

/// HMAC-SHA256 (RFC 2104) over the time, a dot and the body.
fn signature(secret: &[u8], time: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    for part in [time.as_bytes(), b".", body] {
        mac.update(part);
    }
    let mut shown = "sha256=".to_owned();
    for byte in mac.finalize().into_bytes() {
        write!(shown, "{byte:02x}").expect("writing to a string");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_others_compute() {
        // printf '1700000000.[]' | openssl dgst -sha256 -hmac key
        let expected = "sha256=2afce10b4f37880815b715635811bcfa4d5334e7213eea5bc2e130e1008055c3";
        assert_eq!(signature(b"key", "1700000000", b"[]"), expected);
    }

    #[test]
    fn waits_are_seconds_or_dates_and_bounded() {
        let now: Timestamp = "2026-11-23T08:00:00Z".parse().expect("a time");
        for (asked, seconds) in [
            ("120", Some(120)),
            ("0", Some(0)),
            ("Mon, 23 Nov 2026 08:00:30 GMT", Some(30)),
            ("Mon, 23 Nov 2026 07:00:00 GMT", Some(0)),
            ("999999999", Some(3600)),
            ("soon", None),
            ("-5", None),
            ("", None),
        ] {
            assert_eq!(retry_after(asked, now), seconds.map(Duration::from_secs), "{asked}");
        }
    }

    #[test]
    fn what_is_wrong_with_the_request_is_not_tried_again() {
        assert_eq!(outcome(204, None), Outcome::Taken);
        assert!(matches!(outcome(302, None), Outcome::Later(..)));
        assert!(matches!(outcome(400, None), Outcome::Never(_)));
        let wait = Some(Duration::from_secs(7));
        assert!(matches!(outcome(429, wait), Outcome::Later(_, asked) if asked == wait));
        assert!(matches!(outcome(503, None), Outcome::Later(..)));
    }
}
