//! A session with a target: greeting, commands, answers. Every wait and every answer is bounded.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use fidelity::{Answer, Channel, Exchange, Pace, Player, Service};
use openssl::ssl::SslStream;
use openssl::x509::X509;

use crate::channel::{self, Line, Timed};
use crate::target::Target;

/// The largest answer that is taken, in octets.
const MOST: usize = 4 << 20;

/// A target whose addresses and service are known.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) target: Target,
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) service: Service,
}

/// For answers that nothing keeps back: some honeypots never answer.
pub(crate) const HURRIED: Pace = Pace { patience: Duration::from_secs(8), ..Pace::WRITTEN };
/// For logins: Dovecot keeps the answer back for up to seventeen seconds.
const PATIENT: Pace = Pace { patience: Duration::from_secs(30), ..Pace::WRITTEN };

/// How a session begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// As the port does: in the clear, or with TLS at once.
    AsIs,
    /// In the clear, then STARTTLS or STLS.
    Upgraded,
}

/// A session under way.
#[derive(Debug)]
pub(crate) struct Talk {
    player: Player<Line>,
    /// What the server said first; of an upgraded session, before TLS.
    pub(crate) greeting: Answer,
    /// How long the connection took.
    pub(crate) connected: Duration,
    /// The certificate that was shown.
    pub(crate) certificate: Option<X509>,
    service: Service,
}

impl Place {
    /// The target as text.
    pub(crate) fn name(&self) -> String {
        self.target.address()
    }

    /// Whether all of it is this machine or its own network: what is short there says nothing.
    pub(crate) fn is_near(&self) -> bool {
        self.addresses.iter().all(|address| match address.ip() {
            std::net::IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
            std::net::IpAddr::V6(ip) => {
                ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()
            }
        })
    }

    /// Whether SMTP is spoken.
    pub(crate) fn is_smtp(&self) -> bool {
        matches!(self.service, Service::Smtp | Service::Submission)
    }

    /// Says a line in two pieces, of which the system sends the second one when the first is acknowledged, again and again. How
    /// much longer than the way there and back each answer took.
    pub(crate) fn say_in_pieces(&self, rounds: usize) -> Result<Vec<Duration>> {
        ensure!(!self.target.tls, "over TLS it is not tried");
        let (stream, connected) = channel::connect(&self.addresses)?;
        stream.set_nodelay(false)?;
        let mut line = Talk::begin(self.service, Line::Plain(stream), connected)?.player.into_channel();
        let halves = if self.service == Service::Imap { ["c CAPA", "BILITY\r\n"] } else { ["CA", "PA\r\n"] };
        let mut took = Vec::new();
        for _ in 0..rounds {
            let start = Instant::now();
            for half in halves {
                line.write_all(half.as_bytes())?;
            }
            line.set_read_timeout(HURRIED.patience)?;
            ensure!(line.read(&mut [0; 4096])? > 0, "the server closed the connection");
            took.push(start.elapsed().saturating_sub(connected.saturating_mul(2)));
            // The rest of the answer.
            line.set_read_timeout(HURRIED.more)?;
            while line.read(&mut [0; 4096]).is_ok_and(|octets| octets > 0) {}
        }
        Ok(took)
    }

    /// Connects, and takes the greeting.
    pub(crate) fn open(&self, way: Way) -> Result<Talk> {
        let (stream, connected) = channel::connect(&self.addresses)?;
        let (line, certificate) =
            if self.target.tls { secured(channel::secure(stream)?) } else { (Line::Plain(stream), None) };
        let mut talk = Talk::begin(self.service, line, connected)?;
        talk.certificate = certificate;
        match way {
            Way::AsIs => Ok(talk),
            Way::Upgraded => talk.upgrade(b""),
        }
    }
}

fn secured(stream: SslStream<Timed>) -> (Line, Option<X509>) {
    let certificate = stream.ssl().peer_certificate();
    (Line::Tls(Box::new(stream)), certificate)
}

impl Talk {
    fn begin(service: Service, line: Line, connected: Duration) -> Result<Self> {
        let start = Instant::now();
        let mut player = Player::new(service, line, HURRIED).at_most(MOST);
        let mut greeting = player.exchange(&Exchange::greeting())?;
        greeting.after = greeting.after.min(start.elapsed());
        Ok(Self { player, greeting, connected, certificate: None, service })
    }

    /// Says a line and takes the whole answer.
    pub(crate) fn say(&mut self, line: &str) -> Result<Answer> {
        self.player.exchange(&Exchange::command(line.as_bytes()))
    }

    /// Says a line that tries a login.
    pub(crate) fn log_in(&mut self, line: &str) -> Result<Answer> {
        self.player.set_pace(PATIENT);
        let answer = self.say(line);
        self.player.set_pace(HURRIED);
        answer
    }

    /// Says several lines in one write.
    pub(crate) fn say_all(&mut self, lines: &[&str]) -> Result<Answer> {
        let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        self.player.exchange(&Exchange::commands(&lines))
    }

    /// Plays a part of a written session.
    pub(crate) fn play(&mut self, exchange: &Exchange) -> Result<Answer> {
        self.player.exchange(exchange)
    }

    /// Whether the server has closed.
    pub(crate) fn closed(&self) -> bool {
        self.player.closed()
    }

    /// Asks for TLS and begins it; `injected` goes behind the command in the same write.
    pub(crate) fn upgrade(mut self, injected: &[u8]) -> Result<Self> {
        let command: &[u8] = match self.service {
            Service::Imap => b"s STARTTLS",
            Service::Pop3 => b"STLS",
            Service::Smtp | Service::Submission => {
                self.say("EHLO audit.invalid")?;
                b"STARTTLS"
            }
        };
        let mut exchange = Exchange::command(command);
        exchange.payload.extend_from_slice(injected);
        let answer = self.player.exchange(&exchange)?;
        if !is_good(self.service, &answer.bytes) {
            bail!("it refuses: {}", String::from_utf8_lossy(&answer.bytes).trim_end());
        }
        let Self { player, greeting, connected, service, .. } = self;
        let Line::Plain(stream) = player.into_channel() else { bail!("TLS is already there") };
        let (line, certificate) = secured(channel::secure(stream)?);
        let player = Player::new(service, line, HURRIED).at_most(MOST);
        Ok(Self { player, greeting, connected, certificate, service })
    }
}

/// Whether an answer says yes: the tagged line of IMAP, the first of POP3, the last of SMTP.
pub(crate) fn is_good(service: Service, bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    match service {
        Service::Imap => text
            .lines()
            .filter(|line| !line.starts_with(['*', '+']))
            .any(|line| line.split(' ').nth(1).is_some_and(|status| status.eq_ignore_ascii_case("OK"))),
        Service::Pop3 => text.starts_with("+OK"),
        Service::Smtp | Service::Submission => {
            text.lines().next_back().is_some_and(|line| line.starts_with(['2', '3']))
        }
    }
}

/// What a target speaks, by its greeting; for ports that do not say.
pub(crate) fn recognise(addresses: &[SocketAddr]) -> Result<(Service, bool)> {
    let guess = |line: Line| -> Result<Option<Service>> {
        let mut player = Player::new(Service::Imap, line, HURRIED).at_most(MOST);
        let greeting = player.exchange(&Exchange::octets(b"", Duration::from_secs(6)))?;
        Ok(service_of(&greeting.bytes))
    };
    let (stream, _) = channel::connect(addresses)?;
    if let Some(service) = guess(Line::Plain(stream))? {
        return Ok((service, false));
    }
    // Who waits for a hello says nothing.
    let (stream, _) = channel::connect(addresses)?;
    let unknown = "it greets neither as IMAP, POP3 nor SMTP: name it, as in imap://HOST:PORT";
    let (line, _) = secured(channel::secure(stream).map_err(|_| io::Error::other(unknown))?);
    guess(line)?.map(|service| (service, true)).context(unknown)
}

fn service_of(greeting: &[u8]) -> Option<Service> {
    match greeting {
        [b'*', b' ', ..] => Some(Service::Imap),
        [b'+' | b'-', ..] => Some(Service::Pop3),
        [b'2' | b'4' | b'5', b'0'..=b'9', b'0'..=b'9', ..] => Some(Service::Smtp),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_good_or_not() {
        for (service, good, bad) in [
            (Service::Imap, "* BYE x\r\na OK done\r\n", "* OK still here\r\na NO x\r\n"),
            (Service::Pop3, "+OK\r\n", "-ERR\r\n"),
            (Service::Smtp, "250-a\r\n250 b\r\n", "454 4.7.1 no\r\n"),
            (Service::Submission, "334 VXNlcm5hbWU6\r\n", ""),
        ] {
            assert!(is_good(service, good.as_bytes()) && !is_good(service, bad.as_bytes()), "{service:?}");
        }
    }

    #[test]
    fn greetings_are_recognised() {
        assert_eq!(service_of(b"* OK x"), Some(Service::Imap));
        assert_eq!(service_of(b"+OK x"), Some(Service::Pop3));
        assert_eq!(service_of(b"220 x"), Some(Service::Smtp));
        assert_eq!(service_of(b"SSH-2.0-x"), None);
    }
}
