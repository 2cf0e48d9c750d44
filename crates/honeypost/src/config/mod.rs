//! The configuration: flags over environment over file over defaults.
//!
//! Parsing happens here and once; the rest of the house sees only typed, valid values. Whether what they name exists
//! (a personality, a corpus, a free port) is found out by those who use it.
//!
//! Read `settings.rs` (the table), then `raw.rs`, `value.rs`, `choice.rs`, `greeting.rs`, `file.rs`, `environment.rs`,
//! `decnet.rs`; `docs.rs` writes the documentation.

mod choice;
pub(crate) mod decnet;
pub(crate) mod docs;
mod environment;
mod error;
mod evidence;
mod file;
mod greeting;
mod mail;
mod raw;
mod rooms;
mod settings;
pub(crate) mod sinks;
#[cfg(test)]
mod tests;
mod tls;
mod value;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use event::Protocol;

pub(crate) use self::choice::{LogFormat, SmtpAuth, WhenStoreFull};
pub(crate) use self::environment::CONFIG_VARIABLE;
pub(crate) use self::error::{ConfigError, Origin};
use self::evidence::{Store, Wire};
use self::greeting::ImapGreeting;
#[cfg(test)]
pub(crate) use self::mail::Size;
pub(crate) use self::mail::{Mail, WhenFull};
use self::raw::Raw;
use self::rooms::{Decnet, Pop3, Smtp, Submission};
use self::settings::{Preset, SETTINGS, Setting};
pub(crate) use self::value::LogLevel;
use self::value::{Count, Credentials, Folder, Listen, Name, Unserved};

/// Where a configuration is put together from.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// The file that `--config` names.
    pub(crate) file: Option<PathBuf>,
    /// The process's environment.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// The flags that were given: name without dashes, and value.
    pub(crate) flags: Vec<(&'static str, String)>,
    /// The mail container of DECNET's that this is to stand in for: other defaults.
    pub(crate) decnet: Option<Protocol>,
}

/// The effective configuration. The fields are documented by their rows in `settings.rs`.
#[derive(Debug, Default)]
pub(crate) struct Config {
    personality: Name,
    data_dir: Folder,
    corpus: Option<Folder>,
    node_name: Name,
    sensor: Option<Name>,
    credentials: Credentials,
    log: LogLevel,
    log_format: LogFormat,
    seed_mail: Option<Folder>,
    imap: Imap,
    pop3: Pop3,
    smtp: Smtp,
    submission: Submission,
    decnet: Decnet,
    tls: tls::Tls,
    implicit: tls::Implicit,
    unserved: Unserved,
    limits: Limits,
    store: Store,
    wire: Wire,
    mail: Mail,
    metrics: Metrics,
    visitors: Visitors,
    sinks: sinks::Sinks,
    jsonl: sinks::LineFile,
    ecs: sinks::LineFile,
    syslog: sinks::Syslog,
    webhook: sinks::Webhook,
    origins: BTreeMap<&'static str, Origin>,
}

#[derive(Debug, Default)]
struct Imap {
    listen: Listen,
    banner: Option<ImapGreeting>,
}

#[derive(Debug, Default)]
struct Limits {
    connections: Count,
    connections_per_source: Count,
    login_penalties: bool,
    login_timeout: Option<Duration>,
    idle_timeout: Option<Duration>,
    write_timeout: Duration,
}

#[derive(Debug, Default)]
struct Metrics {
    listen: Listen,
}

#[derive(Debug, Default)]
struct Visitors {
    keep: Duration,
}

impl Config {
    /// Puts the configuration together. Reads the file; touches nothing else.
    pub(crate) fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let mut config = Self::defaults();
        if let Some(protocol) = sources.decnet {
            for (key, origin, text) in decnet::defaults(protocol, &sources.environment)? {
                let setting = Setting::of(key).expect("a key of the table");
                config.set(setting, origin, &Raw::Text(text))?;
            }
        }
        let named = sources.environment.iter().find(|(name, _)| name == CONFIG_VARIABLE);
        let named = named.map(|(_, path)| PathBuf::from(path)).filter(|path| !path.as_os_str().is_empty());
        if let Some(path) = sources.file.clone().or(named) {
            for line in file::read(&path)? {
                config.set(line.setting, line.origin, &line.raw)?;
            }
        }
        for variable in environment::read(&sources.environment)? {
            config.set(variable.setting, Origin::Environment(variable.name), &Raw::Text(variable.value))?;
        }
        for (flag, value) in &sources.flags {
            let setting = SETTINGS.iter().find(|setting| setting.flag == Some(flag));
            let setting = setting.expect("the table has every flag of the command line");
            config.set(setting, Origin::Flag(flag), &Raw::Text(value.clone()))?;
        }
        Ok(config)
    }

    fn defaults() -> Self {
        let mut config = Self::default();
        for setting in SETTINGS {
            if let Preset::Text(text) = setting.default {
                (setting.set)(&mut config, &Raw::Text(text.to_owned())).expect("a default is valid");
            }
        }
        config
    }

    fn set(&mut self, setting: &'static Setting, origin: Origin, raw: &Raw) -> Result<(), ConfigError> {
        if let Err(reason) = (setting.set)(self, raw) {
            return Err(self::bad(setting, origin, raw.to_string(), &reason, setting.expects));
        }
        self.origins.insert(setting.key, origin);
        Ok(())
    }

    /// The error for a value that reads well but names nothing that exists.
    pub(crate) fn refuse(&self, key: &str, reason: &str, expected: &str) -> ConfigError {
        let setting = Setting::of(key).expect("a key of the table");
        bad(setting, self.origin(key).clone(), (setting.show)(self), reason, expected)
    }

    /// Where the value of that key came from.
    pub(crate) fn origin(&self, key: &str) -> &Origin {
        self.origins.get(key).unwrap_or(&Origin::Default)
    }

    /// The whole configuration as a TOML file, every value with where it came from.
    pub(crate) fn show(&self) -> String {
        let rows: Vec<(String, String)> = SETTINGS
            .iter()
            .map(|setting| {
                let value = (setting.show)(self);
                let line = match setting.default {
                    Preset::Words(words) if value.is_empty() => format!("# {}: {words}", setting.key),
                    _ => format!("{} = {value}", setting.key),
                };
                (line, self.origin(setting.key).to_string())
            })
            .collect();
        let width =
            rows.iter().map(|(line, _)| line.chars().count()).filter(|width| *width <= 60).max().unwrap_or(0);
        let mut shown = String::new();
        for (line, origin) in rows {
            writeln!(shown, "{line:width$}  # {origin}").expect("writing to a string");
        }
        shown
    }

    /// The name of the personality.
    pub(crate) fn personality(&self) -> &str {
        &self.personality.0
    }

    /// Where the data is kept.
    pub(crate) fn data_dir(&self) -> &Path {
        &self.data_dir.0
    }

    /// The operator's own persona, if there is one.
    pub(crate) fn corpus(&self) -> Option<&Path> {
        self.corpus.as_ref().map(|folder| folder.0.as_path())
    }

    /// The host name that the imitated server goes by.
    pub(crate) fn node_name(&self) -> &str {
        &self.node_name.0
    }

    /// The name of this Honeypost in its events.
    pub(crate) fn sensor(&self) -> &str {
        &self.sensor.as_ref().unwrap_or(&self.node_name).0
    }

    /// Who is let in.
    pub(crate) fn credentials(&self) -> &protocol::Credentials {
        &self.credentials.list
    }

    /// The pairs that are let in as they were written, `user:password`.
    pub(crate) fn logins(&self) -> &[String] {
        &self.credentials.written
    }

    /// How much goes to standard error.
    pub(crate) fn log(&self) -> LogLevel {
        self.log
    }

    /// Where IMAP is served; empty for nowhere.
    pub(crate) fn imap_listen(&self) -> &[std::net::SocketAddr] {
        &self.imap.listen.0
    }

    /// The greeting line that replaces the personality's.
    pub(crate) fn imap_banner(&self) -> Option<&str> {
        self.imap.banner.as_ref().map(|greeting| greeting.0.as_str())
    }

    /// Connections at a time.
    pub(crate) fn connections(&self) -> usize {
        self.limits.connections.0
    }

    /// Connections at a time from one source.
    pub(crate) fn connections_per_source(&self) -> usize {
        self.limits.connections_per_source.0
    }

    /// Whether failed logins make an address wait, where the imitated server does that.
    pub(crate) fn login_penalties(&self) -> bool {
        self.limits.login_penalties
    }

    /// What replaces the personality's time to log in.
    pub(crate) fn login_timeout(&self) -> Option<Duration> {
        self.limits.login_timeout
    }

    /// What replaces the personality's time of silence.
    pub(crate) fn idle_timeout(&self) -> Option<Duration> {
        self.limits.idle_timeout
    }

    /// How long a peer may leave what we send unread.
    pub(crate) fn write_timeout(&self) -> Duration {
        self.limits.write_timeout
    }

    /// How much captured mail is kept, and how long.
    pub(crate) fn mail(&self) -> &Mail {
        &self.mail
    }

    /// Where metrics are served; empty for nowhere.
    pub(crate) fn metrics_listen(&self) -> &[std::net::SocketAddr] {
        &self.metrics.listen.0
    }

    /// How long a visitor sees what it has sent to itself.
    pub(crate) fn visitors_keep(&self) -> Duration {
        self.visitors.keep
    }
}

fn bad(setting: &Setting, origin: Origin, value: String, reason: &str, expected: &str) -> ConfigError {
    let what = format!("{reason}; expected {expected}");
    ConfigError::BadValue { origin, key: setting.key, value, what }
}
