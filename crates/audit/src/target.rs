//! What is to be looked at: `HOST:PORT`, or `imaps://HOST:PORT` where the port does not say what it is.

use std::fmt;
use std::str::FromStr;

use fidelity::Service;

/// One port of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// A name or an address; IPv6 without its brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What is spoken there; nothing where the greeting has to tell.
    pub service: Option<Service>,
    /// Whether it begins with TLS.
    pub tls: bool,
}

/// Why a word is no target.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TargetError {
    /// There is no port, or it is no number.
    #[error("`{0}`: expected HOST:PORT, such as mail.example.com:143 or [2001:db8::1]:25")]
    NoPort(String),
    /// Another word before `://`.
    #[error("`{0}`: expected one of imap, imaps, pop3, pop3s, smtp, submission, submissions before ://")]
    Scheme(String),
}

/// The words before `://`: what is spoken, whether it begins with TLS, and the port that is meant where none is given.
const SCHEMES: [(&str, Service, bool, u16); 8] = [
    ("imap", Service::Imap, false, 143),
    ("imaps", Service::Imap, true, 993),
    ("pop3", Service::Pop3, false, 110),
    ("pop3s", Service::Pop3, true, 995),
    ("smtp", Service::Smtp, false, 25),
    ("submission", Service::Submission, false, 587),
    ("submissions", Service::Submission, true, 465),
    ("smtps", Service::Submission, true, 465),
];

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(word: &str) -> Result<Self, TargetError> {
        let no_port = || TargetError::NoPort(word.to_owned());
        let scheme = match word.split_once("://") {
            None => None,
            Some((name, _)) => {
                let found = SCHEMES.iter().find(|(scheme, ..)| scheme.eq_ignore_ascii_case(name));
                Some(*found.ok_or_else(|| TargetError::Scheme(word.to_owned()))?)
            }
        };
        let rest = word.split_once("://").map_or(word, |(_, rest)| rest).trim_end_matches('/');
        // Brackets keep an IPv6 address apart from its port.
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| no_port())?),
            _ => (rest, scheme.map(|(.., port)| port).ok_or_else(no_port)?),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if host.is_empty() || port == 0 || (bare.is_none() && host.contains([':', '/', '@', '[', ']'])) {
            return Err(no_port());
        }
        let known = scheme.or_else(|| SCHEMES.into_iter().find(|(.., usual)| *usual == port));
        Ok(Self {
            host: bare.unwrap_or(host).to_owned(),
            port,
            service: known.map(|(_, service, ..)| service),
            tls: known.is_some_and(|(_, _, tls, _)| tls),
        })
    }
}

impl Target {
    /// `HOST:PORT`, as programs take it.
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            return format!("[{}]:{}", self.host, self.port);
        }
        format!("{}:{}", self.host, self.port)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_schemes() {
        for (word, host, port, service, tls) in [
            ("mail.example.com:143", "mail.example.com", 143, Some(Service::Imap), false),
            ("127.0.0.1:465", "127.0.0.1", 465, Some(Service::Submission), true),
            ("127.0.0.1:1143", "127.0.0.1", 1143, None, false),
            ("imaps://127.0.0.1:1993", "127.0.0.1", 1993, Some(Service::Imap), true),
            ("POP3://a.example", "a.example", 110, Some(Service::Pop3), false),
            ("[2001:db8::1]:25", "2001:db8::1", 25, Some(Service::Smtp), false),
            ("submission://[::1]", "::1", 587, Some(Service::Submission), false),
        ] {
            let target: Target = word.parse().unwrap();
            assert_eq!(
                (target.host.as_str(), target.port, target.service, target.tls),
                (host, port, service, tls),
                "{word}"
            );
        }
        assert_eq!("imap://[::1]:1".parse::<Target>().unwrap().to_string(), "[::1]:1");
    }

    #[test]
    fn what_is_no_target() {
        for word in
            ["", "localhost", ":143", "a:0", "a:x", "a:65536", "2001:db8::1:25", "user@a:25", "a/b:25"]
        {
            assert!(matches!(word.parse::<Target>(), Err(TargetError::NoPort(_))), "{word}");
        }
        assert!(matches!("http://a:80".parse::<Target>(), Err(TargetError::Scheme(_))));
    }
}
