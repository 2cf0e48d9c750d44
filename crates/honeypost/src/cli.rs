//! The command line: what can be asked for. What is done about it is in `serve.rs` and `commands/`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::audit::Audit;
use crate::commands::export::Export;
use crate::commands::follow::Follow;
use crate::commands::reading::Which;
use crate::commands::replay::Replay;
use crate::commands::report::Report;
use crate::commands::scope::Sources;
use crate::commands::session::Session;
use crate::commands::sessions::Sessions;
use crate::commands::verify::Verify;

/// A decoy mail server: intruders get in, read bait, and every step is recorded.
#[derive(Debug, Parser)]
#[command(name = "honeypost", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve mail to intruders until Ctrl-C or SIGTERM
    Serve(Serve),
    /// Validate the configuration and print it with where each value comes from; exit 0 or 1
    Check(Check),
    /// Print what was recorded
    Events(Events),
    /// Print one line a session: who, with which password, what was read
    Sessions(Sessions),
    /// Tell one session's story
    Session(Session),
    /// Print what happens as it happens
    Follow(Follow),
    /// Show a session's conversation as it happened (docs/replay.md)
    Replay(Replay),
    /// Sum up: who came, what was tried, what was read
    Report(Report),
    /// Write what was recorded for other programs: JSON lines, Elastic, a table, STIX (docs/export.md)
    Export(Export),
    /// Tell whether the evidence is as it was recorded; exit 0 or 1 (docs/evidence.md)
    Verify(Verify),
    /// Look at a running mail server, yours or any, for what gives a honeypot away; exit 0, 1 or 3 (docs/audit.md)
    Audit(Audit),
    /// Look at the bait mail, check a corpus of your own, export it
    #[command(subcommand)]
    Bait(Bait),
    /// Print a generated page of the documentation
    #[command(hide = true)]
    Docs {
        /// Which.
        page: Page,
    },
}

/// The generated pages of `docs/`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Page {
    /// `configuration.md`
    Configuration,
    /// `events.md`
    Events,
    /// `audit-checks.md`
    AuditChecks,
}

/// Settings that several commands take.
#[derive(Debug, Default, Args)]
pub(crate) struct Settings {
    /// Configuration file, TOML (docs/configuration.md)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where the evidence is kept
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<String>,
}

/// `honeypost serve`
#[derive(Debug, Default, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Which server to imitate
    #[arg(long, value_name = "NAME")]
    pub(crate) personality: Option<String>,
    /// A persona of your own (see `honeypost bait check`)
    #[arg(long, value_name = "DIR")]
    pub(crate) corpus: Option<String>,
    /// What goes to standard output: human (the start-up text) or decnet (a line an event, as DECNET reads them)
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,
    /// Stand in for DECNET's container of this protocol (docs/decnet.md)
    #[arg(long, value_name = "PROTOCOL")]
    pub(crate) decnet: Option<Decnet>,
    #[command(flatten)]
    pub(crate) listeners: Listeners,
}

/// DECNET's mail containers.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Decnet {
    /// On 0.0.0.0:143, or PORT
    Imap,
    /// On 0.0.0.0:110, or PORT
    Pop3,
    /// On 0.0.0.0:25, or PORT
    Smtp,
}

/// Where to listen.
#[derive(Debug, Default, Args)]
pub(crate) struct Listeners {
    /// IMAP: an address such as 127.0.0.1:1143, or off
    #[arg(long, value_name = "ADDR|off")]
    pub(crate) imap: Option<String>,
    /// IMAP over TLS
    #[arg(long, value_name = "ADDR|off")]
    pub(crate) imaps: Option<String>,
    /// POP3
    #[arg(long, value_name = "ADDR|off")]
    pub(crate) pop3: Option<String>,
    /// POP3 over TLS
    #[arg(long, value_name = "ADDR|off")]
    pub(crate) pop3s: Option<String>,
    /// SMTP
    #[arg(long, value_name = "ADDR|off")]
    pub(crate) smtp: Option<String>,
    /// Submission
    #[arg(long, value_name = "ADDR|off")]
    pub(crate) submission: Option<String>,
    /// Submission over TLS
    #[arg(long, value_name = "ADDR|off")]
    pub(crate) submissions: Option<String>,
    /// The dashboard: this version takes `off` only
    #[arg(long, value_name = "off")]
    pub(crate) dashboard: Option<String>,
    /// Prometheus metrics and /healthz (docs/metrics.md)
    #[arg(long, value_name = "ADDR|off")]
    pub(crate) metrics: Option<String>,
}

/// `honeypost check`
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Configuration file, TOML (docs/configuration.md)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// `honeypost events`
#[derive(Debug, Args)]
pub(crate) struct Events {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Go on printing as events come
    #[arg(long)]
    pub(crate) follow: bool,
    /// Print JSON, one object a line (docs/events.md)
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) sources: Sources,
}

/// `honeypost bait`
#[derive(Debug, Subcommand)]
pub(crate) enum Bait {
    /// Every message, with the secrets in it
    List(Corpus),
    /// A message as it is sent
    Show {
        #[command(flatten)]
        corpus: Corpus,
        /// The mailbox, such as INBOX
        mailbox: String,
        /// The message's number in it, from 1
        #[arg(value_name = "N")]
        number: usize,
    },
    /// Tell what is wrong with a persona; exit 0 or 1
    Check {
        /// The persona's folder (personas/README.md describes the form)
        dir: PathBuf,
    },
    /// Write the mail as a Maildir++ tree that a real server can serve
    Export {
        #[command(flatten)]
        corpus: Corpus,
        /// The folder to write; it must not exist or be empty
        dir: PathBuf,
    },
}

/// Which mail.
#[derive(Debug, Args)]
pub(crate) struct Corpus {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// A persona of your own
    #[arg(long, value_name = "DIR")]
    pub(crate) corpus: Option<String>,
}
