//! The command line: what can be asked for. What is done about it is in `serve.rs` and `commands/`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

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
    #[command(flatten)]
    pub(crate) listeners: Listeners,
}

/// Where to listen.
#[derive(Debug, Default, Args)]
pub(crate) struct Listeners {
    /// IMAP: an address such as 127.0.0.1:1143, or off
    #[arg(long, value_name = "ADDR|off")]
    pub(crate) imap: Option<String>,
    /// IMAP over TLS: this version takes `off` only, here and below
    #[arg(long, value_name = "off")]
    pub(crate) imaps: Option<String>,
    /// POP3
    #[arg(long, value_name = "off")]
    pub(crate) pop3: Option<String>,
    /// POP3 over TLS
    #[arg(long, value_name = "off")]
    pub(crate) pop3s: Option<String>,
    /// SMTP
    #[arg(long, value_name = "off")]
    pub(crate) smtp: Option<String>,
    /// Submission
    #[arg(long, value_name = "off")]
    pub(crate) submission: Option<String>,
    /// Submission over TLS
    #[arg(long, value_name = "off")]
    pub(crate) submissions: Option<String>,
    /// The dashboard
    #[arg(long, value_name = "off")]
    pub(crate) dashboard: Option<String>,
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
    /// Only what happened since: 2026-11-23, 2026-11-23T18:00:00Z, or 45m, 2h, 3d ago
    #[arg(long, value_name = "T")]
    pub(crate) since: Option<String>,
    /// Only this protocol: imap, pop3, smtp
    #[arg(long, value_name = "P")]
    pub(crate) protocol: Option<String>,
    /// Only this session: its id, or the part of it that `honeypost events` shows
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// Only events of this name, such as auth.succeeded (docs/events.md)
    #[arg(long, value_name = "NAME")]
    pub(crate) event: Option<String>,
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
