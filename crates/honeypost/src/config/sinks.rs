//! What the configuration says of the sinks beside the store. The fields are documented by their rows in `settings.rs`.

use std::time::Duration;

use super::Config;
use super::mail::Size;
use super::raw::{Meaning, Raw, bracketed, quoted};
use super::value::{Count, Folder};

/// What all of them have.
#[derive(Debug, Default)]
pub(crate) struct Sinks {
    pub(crate) queue_size: Size,
}

/// Events as lines in a file.
#[derive(Debug, Default)]
pub(crate) struct LineFile {
    pub(crate) path: Option<Folder>,
    pub(crate) rotate_size: Option<Size>,
    pub(crate) rotate_after: Option<Duration>,
    pub(crate) keep: Option<Count>,
}

/// Events as syslog messages.
#[derive(Debug, Default)]
pub(crate) struct Syslog {
    pub(crate) address: Option<SyslogAddress>,
    pub(crate) ca: Option<Folder>,
    pub(crate) facility: Facility,
    pub(crate) format: SyslogFormat,
    pub(crate) max_size: Option<Size>,
}

/// Events in HTTP requests.
#[derive(Debug, Default)]
pub(crate) struct Webhook {
    pub(crate) url: Option<Url>,
    pub(crate) ca: Option<Folder>,
    pub(crate) events: EventNames,
    pub(crate) only: Conditions,
    pub(crate) secret_file: Option<Folder>,
    pub(crate) rate: Count,
    pub(crate) timeout: Duration,
    pub(crate) max_age: Duration,
}

impl Config {
    /// Octets that may wait for each sink beside the store.
    pub(crate) fn queue_size(&self) -> usize {
        usize::try_from(self.sinks.queue_size.0).unwrap_or(usize::MAX)
    }

    /// Events as lines in a file.
    pub(crate) fn jsonl(&self) -> &LineFile {
        &self.jsonl
    }

    /// Events as documents of the Elastic Common Schema in a file.
    pub(crate) fn ecs(&self) -> &LineFile {
        &self.ecs
    }

    /// Events as syslog messages.
    pub(crate) fn syslog(&self) -> &Syslog {
        &self.syslog
    }

    /// Events in HTTP requests.
    pub(crate) fn webhook(&self) -> &Webhook {
        &self.webhook
    }
}

/// How syslog is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carriage {
    /// A datagram a message (RFC 5426).
    Udp,
    /// A stream with counted octets (RFC 6587 section 3.4.1).
    Tcp,
    /// The same over TLS (RFC 5425).
    Tls,
}

/// Where syslog messages go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyslogAddress {
    pub(crate) carriage: Carriage,
    /// A name or an IP address, without the brackets of one of IPv6.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl SyslogAddress {
    const CARRIAGES: [(&'static str, Carriage, u16); 3] =
        [("udp", Carriage::Udp, 514), ("tcp", Carriage::Tcp, 514), ("tls", Carriage::Tls, 6514)];
}

impl Meaning for SyslogAddress {
    const EXPECTS: &'static str = "an address such as \"udp://loghost:514\", \"tcp://10.0.0.5:601\" or \"tls://loghost.example.org:6514\" (without a port: 514, and 6514 for tls)";

    fn read(raw: &Raw) -> Result<Self, String> {
        let text = raw.text()?;
        let (scheme, rest) = text.split_once("://").ok_or("does not begin with udp://, tcp:// or tls://")?;
        let known = Self::CARRIAGES.into_iter().find(|(name, ..)| name.eq_ignore_ascii_case(scheme));
        let (_, carriage, usual) = known.ok_or("does not begin with udp://, tcp:// or tls://")?;
        let (host, port) = authority(rest)?;
        Ok(Self { carriage, host, port: port.unwrap_or(usual) })
    }

    fn show(&self) -> String {
        let known = Self::CARRIAGES.into_iter().find(|(_, carriage, _)| *carriage == self.carriage);
        let (scheme, ..) = known.unwrap_or(("", Carriage::Udp, 0));
        let Self { host, port, .. } = self;
        quoted(&if host.contains(':') {
            format!("{scheme}://[{host}]:{port}")
        } else {
            format!("{scheme}://{host}:{port}")
        })
    }
}

/// A host, without the brackets of an IPv6 address, and its port.
fn authority(text: &str) -> Result<(String, Option<u16>), String> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or("has a bracket without its end")?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| "has no IPv6 address between its brackets")?;
            match rest.strip_prefix(':') {
                port @ Some(_) => (host, port),
                None if rest.is_empty() => (host, None),
                None => return Err("has something else than a port behind its host".into()),
            }
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    if host.is_empty() || host.len() > 253 || !host.bytes().all(fits) {
        return Err("names no host".into());
    }
    let port = port.map(|port| port.parse().ok().filter(|port| *port > 0).ok_or("has no port that exists"));
    Ok((host.to_owned(), port.transpose()?))
}

super::choice::choice! {
    /// The facility of syslog messages (RFC 5424 section 6.2.1).
    Facility, "\"local0\" to \"local7\", \"user\", \"mail\", \"daemon\", \"auth\" or \"authpriv\"":
    #[default]
    Local0 = "local0",
    Local1 = "local1",
    Local2 = "local2",
    Local3 = "local3",
    Local4 = "local4",
    Local5 = "local5",
    Local6 = "local6",
    Local7 = "local7",
    User = "user",
    Mail = "mail",
    Daemon = "daemon",
    Auth = "auth",
    Authpriv = "authpriv",
}

super::choice::choice! {
    /// What a syslog message says.
    SyslogFormat, "\"json\"":
    /// The event's JSON object.
    #[default]
    Json = "json",
}

/// Where requests go: `http` or `https`, without a user, a password or a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url(pub(crate) String);

impl Meaning for Url {
    const EXPECTS: &'static str = "a URL such as \"https://hooks.example.org/honeypost\"";

    fn read(raw: &Raw) -> Result<Self, String> {
        let text = raw.text()?;
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let rest = rest.ok_or("does not begin with https:// or http://")?;
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("has characters that a URL cannot have".into());
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(end);
        if host.contains('@') {
            return Err("has a user or a password in it, which would not be sent".into());
        }
        if path.contains('#') {
            return Err("has a fragment, which would not be sent".into());
        }
        authority(host)?;
        Ok(Self(text.to_owned()))
    }

    fn show(&self) -> String {
        quoted(&self.0)
    }
}

/// Names of events, or `*` for all of them: none here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct EventNames(pub(crate) Option<Vec<String>>);

impl Meaning for EventNames {
    const EXPECTS: &'static str =
        "a list of event names (docs/events.md has them all), or \"*\" (in a variable separated by commas)";

    fn read(raw: &Raw) -> Result<Self, String> {
        let entries: Vec<&str> = raw.entries()?.into_iter().map(str::trim).collect();
        if entries == ["*"] {
            return Ok(Self(None));
        }
        if entries.is_empty() {
            return Err("names no event".into());
        }
        let known = |name: &str| event::catalogue::CATALOGUE.iter().any(|entry| entry.name == name);
        match entries.iter().find(|name| !known(name)) {
            Some(unknown) => Err(format!("holds {unknown:?}, which is no event")),
            None => Ok(Self(Some(entries.into_iter().map(str::to_owned).collect()))),
        }
    }

    fn show(&self) -> String {
        match &self.0 {
            None => quoted("*"),
            Some(names) => bracketed(names.iter().map(|name| quoted(name))),
        }
    }
}

/// What must hold of a field of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) field: String,
    pub(crate) test: Test,
}

/// How a field is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Test {
    /// It is there, and neither empty nor false.
    Present,
    /// It is this, or a list with this in it.
    Is(String),
    /// It holds this somewhere, or a list has such an entry.
    Holds(String),
}

/// What must hold of an event, all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Conditions(pub(crate) Vec<Condition>);

impl Meaning for Conditions {
    const EXPECTS: &'static str = "a list of conditions such as \"bait\" (not empty), \"protocol=imap\" (is) or \"username~admin\" (holds) (in a variable separated by commas)";

    fn read(raw: &Raw) -> Result<Self, String> {
        let condition = |entry: &&str| {
            let entry = entry.trim_start();
            let end = entry.find(['=', '~']).unwrap_or(entry.len());
            let (field, test) = entry.split_at(end);
            let field = field.trim();
            if field.is_empty() || !field.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Err(format!("holds {entry:?}, which does not begin with the name of a field"));
            }
            let test = match test.split_at_checked(1) {
                Some(("=", value)) => Test::Is(value.to_owned()),
                Some(("~", "")) => return Err(format!("holds {entry:?}, which looks for nothing")),
                Some((_, part)) => Test::Holds(part.to_owned()),
                None => Test::Present,
            };
            Ok(Condition { field: field.to_owned(), test })
        };
        raw.entries()?.iter().map(condition).collect::<Result<_, _>>().map(Self)
    }

    fn show(&self) -> String {
        bracketed(self.0.iter().map(|Condition { field, test }| match test {
            Test::Present => quoted(field),
            Test::Is(value) => quoted(&format!("{field}={value}")),
            Test::Holds(part) => quoted(&format!("{field}~{part}")),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Meaning>(text: &str) -> Result<T, String> {
        T::read(&Raw::Text(text.to_owned()))
    }

    #[test]
    fn addresses_of_syslog_have_usual_ports() {
        for (text, shown) in [
            ("udp://loghost", "udp://loghost:514"),
            ("TCP://10.0.0.5:601", "tcp://10.0.0.5:601"),
            ("tls://[::1]", "tls://[::1]:6514"),
        ] {
            assert_eq!(read::<SyslogAddress>(text).expect("valid").show(), quoted(shown));
        }
        for text in [
            "",
            "loghost",
            "file://x",
            "udp://",
            "udp://a b",
            "udp://[::1",
            "udp://[x]",
            "udp://a:0",
            "tcp://a:b",
        ] {
            assert!(read::<SyslogAddress>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn urls_name_a_host_and_nobody() {
        for text in ["https://h.example/a?b=c", "http://[::1]:8080/", "http://h"] {
            assert_eq!(read::<Url>(text).expect("valid").0, text);
        }
        for text in ["ftp://h/", "https://", "https:///x", "https://u:p@h/", "https://h/#x", "https://h/a b"]
        {
            assert!(read::<Url>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn conditions_are_read_and_shown() {
        let conditions: Conditions = read("bait,protocol=imap,username~a=b").expect("valid");
        assert_eq!(conditions.show(), r#"["bait", "protocol=imap", "username~a=b"]"#);
        assert_eq!(read("").map(|Conditions(all)| all.len()), Ok(0));
        for text in ["=x", "~x", "a b", "user~", "a,"] {
            assert!(read::<Conditions>(text).is_err(), "{text}");
        }
    }
}
