//! Everything that must hold before anything is served or written: the configuration and what it names.

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;

use bait::persona::Installation;
use event::Protocol;
use protocol::{Personality, PersonalityError};

use crate::cli::{Decnet, Listeners, Serve};
use crate::config::{Config, ConfigError, LogLevel, Origin, Sources};
use crate::corpus::{self, CorpusError, Mail};
use crate::data_dir::DataDirError;
use crate::rooms;
use crate::sinks;
use crate::tls::{CertificateError, Source, Tls};

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The personality's file is wrong.
    #[error(transparent)]
    Personality(PersonalityError),
    /// There is no mail to show.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// Nowhere to listen.
    #[error(
        "there is nothing to serve: every listener is off; give one an address, for example with --imap ADDR"
    )]
    NothingToServe,
    /// An address cannot be listened on.
    #[error("{key} = \"{address}\" ({origin}): cannot listen there: {cause}; {}", remedy(*address, cause.kind(), key))]
    Bind {
        /// The setting.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// Who said so.
        origin: Origin,
        /// Why not.
        cause: io::Error,
    },
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// There is no certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] store::StoreError),
}

fn remedy(address: SocketAddr, kind: io::ErrorKind, key: &str) -> String {
    let flag = key.strip_suffix(".listen").unwrap_or(key);
    let port = address.port();
    match kind {
        io::ErrorKind::AddrInUse => {
            format!(
                "another program has it (`ss -ltnp 'sport = :{port}'` shows which); choose another with --{flag} ADDR"
            )
        }
        io::ErrorKind::PermissionDenied if port < 1024 => format!(
            "ports below 1024 need CAP_NET_BIND_SERVICE or root; choose a higher one with --{flag} ADDR"
        ),
        io::ErrorKind::AddrNotAvailable => {
            format!("this machine does not have that address; choose another with --{flag} ADDR")
        }
        _ => format!("choose another with --{flag} ADDR"),
    }
}

impl StartError {
    /// The error for an address.
    pub(crate) fn bind(key: &'static str, config: &Config, address: SocketAddr, cause: io::Error) -> Self {
        Self::Bind { key, address, origin: config.origin(key).clone(), cause }
    }
}

/// The configuration that a command line asks for.
pub(crate) fn configure(wanted: &Serve) -> Result<Config, ConfigError> {
    let Serve { settings, personality, corpus, log_format, decnet, listeners } = wanted;
    let Listeners { imap, imaps, pop3, pop3s, smtp, submission, submissions, dashboard, metrics } = listeners;
    let flags = [
        ("data-dir", settings.data_dir.clone()),
        ("personality", personality.clone()),
        ("corpus", corpus.clone()),
        ("log-format", log_format.clone()),
        ("imap", imap.clone()),
        ("imaps", imaps.clone()),
        ("pop3", pop3.clone()),
        ("pop3s", pop3s.clone()),
        ("smtp", smtp.clone()),
        ("submission", submission.clone()),
        ("submissions", submissions.clone()),
        ("dashboard", dashboard.clone()),
        ("metrics", metrics.clone()),
    ];
    let flags = flags.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let environment: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    let decnet = decnet.map(|container| match container {
        Decnet::Imap => Protocol::Imap,
        Decnet::Pop3 => Protocol::Pop3,
        Decnet::Smtp => Protocol::Smtp,
    });
    Config::load(&Sources { file: settings.config.clone(), environment, flags, decnet })
}

/// What serving needs, found to be in order. Nothing on disk is changed.
pub(crate) struct Start {
    /// The personality.
    pub(crate) personality: Personality,
    /// The mail.
    pub(crate) mail: Mail,
    /// Whose mail it is; new where the data directory has none yet.
    pub(crate) installation: Installation,
    /// The operator's own certificate; none where it is to be made.
    pub(crate) tls: Option<Tls>,
}

/// Looks at everything that the configuration names.
pub(crate) fn prepare(config: &Config) -> Result<Start, StartError> {
    if rooms::doors(config).iter().all(|door| door.addresses.is_empty()) {
        return Err(StartError::NothingToServe);
    }
    config.check_store()?;
    sinks::check(config)?;
    let personality = personality(config)?;
    let installation = corpus::installation(config)?;
    let mail = corpus::render(config, &personality, &installation)?;
    let own = config.tls_files()?;
    let own = own.map(|(cert, key)| Tls::open(Source::Files { cert: cert.into(), key: key.into() }));
    Ok(Start { personality, mail, installation, tls: own.transpose()? })
}

/// The personality that the configuration names.
pub(crate) fn personality(config: &Config) -> Result<Personality, StartError> {
    Personality::builtin(config.personality()).map_err(|error| match error {
        PersonalityError::Unknown { .. } => {
            let known = format!("one of: {}", Personality::NAMES.join(", "));
            StartError::Config(config.refuse("personality", "is no personality there is", &known))
        }
        invalid @ PersonalityError::Invalid { .. } => StartError::Personality(invalid),
    })
}

/// Honeypost's own log: to standard error, never with an intruder's text unescaped.
pub(crate) fn log(level: LogLevel) {
    use tracing::level_filters::LevelFilter;
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let colours = io::IsTerminal::is_terminal(&io::stderr()) && std::env::var_os("NO_COLOR").is_none();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(colours)
        .with_target(false)
        .with_max_level(level);
    // A second call in the same process (tests) changes nothing.
    let _ = subscriber.try_init();
}
