//! What several checks want to know of a target: greetings, capabilities before and after STARTTLS, the certificate.

use std::time::Duration;

use anyhow::Result;
use fidelity::{Answer, Service};
use openssl::x509::X509;

use crate::claim::Claim;
use crate::talk::{Place, Talk, Way};

/// How often the greeting is looked at.
const GREETINGS: usize = 4;

/// Everything that was seen without logging in.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) place: Place,
    pub(crate) claim: Claim,
    /// The first greeting.
    pub(crate) greeting: Answer,
    /// Others, on connections of their own, the last one at least a second after the first.
    pub(crate) greetings: Vec<Answer>,
    /// How long each connection and its greeting took.
    pub(crate) times: Vec<(Duration, Duration)>,
    /// The capabilities as the port begins.
    pub(crate) capabilities: Capabilities,
    /// Those over TLS that was asked for, or why that does not work.
    pub(crate) upgraded: Result<Capabilities, String>,
    pub(crate) certificate: Option<X509>,
}

/// What a server says that it can do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Capabilities {
    /// The whole answer.
    pub(crate) answer: Vec<u8>,
    /// One capability each, with what belongs to it, as it was written: `AUTH=PLAIN`, `SASL PLAIN`, `SIZE 10240000`.
    pub(crate) list: Vec<String>,
}

impl Capabilities {
    /// Reads the answer to CAPABILITY, CAPA or EHLO.
    pub(crate) fn read(service: Service, answer: &[u8]) -> Self {
        let text = String::from_utf8_lossy(answer).into_owned();
        let lines = text.lines().map(str::trim_end);
        let list = match service {
            Service::Imap => lines
                .filter_map(|line| line.strip_prefix("* CAPABILITY "))
                .flat_map(|line| line.split_ascii_whitespace().map(str::to_owned))
                .collect(),
            Service::Pop3 => lines.skip(1).take_while(|line| *line != ".").map(str::to_owned).collect(),
            Service::Smtp | Service::Submission => {
                lines.skip(1).filter_map(|line| Some(line.get(4..)?.to_owned())).collect()
            }
        };
        Self { answer: answer.to_vec(), list }
    }

    /// Asks for them.
    pub(crate) fn ask(service: Service, talk: &mut Talk) -> Result<Self> {
        let answer = talk.say(match service {
            Service::Imap => "c CAPABILITY",
            Service::Pop3 => "CAPA",
            Service::Smtp | Service::Submission => "EHLO audit.invalid",
        })?;
        Ok(Self::read(service, &answer.bytes))
    }

    /// Whether this is among them; only the first word counts.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.parameter(name).is_some()
    }

    /// What stands behind this one's first word.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.list.iter().find_map(|one| {
            let (word, rest) = one.split_once([' ', '=']).unwrap_or((one, ""));
            (word.eq_ignore_ascii_case(name) || one.eq_ignore_ascii_case(name)).then_some(rest)
        })
    }

    /// Whether TLS can be asked for.
    pub(crate) fn starttls(&self) -> bool {
        self.has("STARTTLS") || self.has("STLS")
    }
}

impl Facts {
    /// Takes them; a handful of connections.
    pub(crate) fn take(place: Place) -> Result<Self> {
        let mut talk = place.open(Way::AsIs)?;
        let capabilities = Capabilities::ask(place.service, &mut talk)?;
        let (greeting, connected) = (talk.greeting.clone(), talk.connected);
        let mut certificate = talk.certificate.clone();
        drop(talk);
        let mut times = vec![(connected, greeting.after)];
        let mut greetings = Vec::new();
        for number in 1..GREETINGS {
            if number + 1 == GREETINGS {
                std::thread::sleep(Duration::from_millis(1100));
            }
            let talk = place.open(Way::AsIs)?;
            times.push((talk.connected, talk.greeting.after));
            greetings.push(talk.greeting);
        }
        let upgraded = if place.target.tls {
            Err("the port begins with TLS".to_owned())
        } else {
            place.open(Way::Upgraded).map_err(|error| format!("{error:#}")).and_then(|mut talk| {
                certificate.clone_from(&talk.certificate);
                Capabilities::ask(place.service, &mut talk).map_err(|error| format!("{error:#}"))
            })
        };
        let claim = Claim::read(place.service, &greeting.bytes);
        Ok(Self { place, claim, greeting, greetings, times, capabilities, upgraded, certificate })
    }

    /// How to begin a session in which everything is allowed: over TLS where the server asks for that before a login.
    pub(crate) fn way(&self) -> Way {
        let wants_tls = match self.place.service {
            Service::Imap => self.capabilities.has("LOGINDISABLED"),
            Service::Pop3 => !self.capabilities.has("USER"),
            Service::Smtp | Service::Submission => self
                .upgraded
                .as_ref()
                .is_ok_and(|upgraded| upgraded.has("AUTH") && !self.capabilities.has("AUTH")),
        };
        if wants_tls && self.upgraded.is_ok() { Way::Upgraded } else { Way::AsIs }
    }

    /// The capabilities of a session that begins in [`Facts::way`].
    pub(crate) fn capabilities_there(&self) -> &Capabilities {
        match (self.way(), &self.upgraded) {
            (Way::Upgraded, Ok(upgraded)) => upgraded,
            _ => &self.capabilities,
        }
    }

    /// The host's name, where the server tells it: of SMTP in the greeting, of POP3 in the challenge of APOP.
    pub(crate) fn host_name(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.greeting.bytes).into_owned();
        let name = if self.place.is_smtp() {
            let rest = text.strip_prefix("220").filter(|rest| rest.starts_with([' ', '-']))?;
            rest.get(1..)?.split_ascii_whitespace().next()?.to_owned()
        } else {
            let challenge = text.rsplit_once('<')?.1.split_once('>')?.0;
            challenge.rsplit_once('@')?.1.to_owned()
        };
        let odd = |octet: u8| !(octet.is_ascii_alphanumeric() || b".-_".contains(&octet));
        (!name.is_empty() && name.len() <= 255 && !name.bytes().any(odd)).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_read() {
        let imap =
            Capabilities::read(Service::Imap, b"* CAPABILITY IMAP4rev1 AUTH=PLAIN STARTTLS\r\nc OK done\r\n");
        assert_eq!(imap.list, ["IMAP4rev1", "AUTH=PLAIN", "STARTTLS"]);
        assert!(imap.has("auth") && imap.has("AUTH=PLAIN") && imap.starttls() && !imap.has("IDLE"));
        let pop3 = Capabilities::read(Service::Pop3, b"+OK\r\nUSER\r\nSASL\r\n.\r\n");
        assert_eq!((pop3.list.len(), pop3.parameter("SASL")), (2, Some("")));
        let smtp = Capabilities::read(Service::Smtp, b"250-mail.example\r\n250-SIZE 1024\r\n250 DSN\r\n");
        assert_eq!((smtp.parameter("SIZE"), smtp.list.len(), smtp.starttls()), (Some("1024"), 2, false));
    }
}
