//! How a personality speaks IMAP: its words, its commands, its limits (`[imap]` in `personalities/*.toml`).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::framing::Caps;
use crate::imap::command::TABLE;
pub use crate::imap::phrase::Phrase;
use crate::mail_process::MailProcess;
use crate::pace::Pace;
use crate::reply::{Replies, check_verbs};
use crate::sasl::Mechanism;
use crate::text::Text;

/// The `[imap]` table of a personality.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ImapTexts {
    /// The greeting, a whole line. `{capabilities}` is the list before login.
    pub greeting: Text,
    /// The capability list before login.
    pub capabilities_before_login: Text,
    /// The same once TLS is on, where it differs.
    pub capabilities_tls: Option<Text>,
    /// The same without TLS where logins need it, where it differs.
    pub capabilities_plaintext_refused: Option<Text>,
    /// The capability list after login.
    pub capabilities: Text,
    /// The SASL mechanisms offered.
    #[serde(default = "both_mechanisms")]
    pub(crate) mechanisms: Vec<Mechanism>,
    /// Whose ways the engine follows.
    #[serde(default)]
    pub mail_process: MailProcess,
    /// What ends every tagged reply after login: `{timing}` are seconds.
    pub timing: Option<Text>,
    /// A login that went well, where the client had asked for the capabilities before: they come untagged.
    pub logged_in_briefly: Option<Text>,
    /// Attributes of mailboxes by name (RFC 6154).
    #[serde(default)]
    pub special_use: BTreeMap<String, String>,
    /// The separator in mailbox names; one character.
    pub separator: char,
    /// UIDVALIDITY of INBOX, where the imitated server has a fixed one; otherwise it is the installation's.
    pub uid_validity: Option<u32>,
    /// The attributes of a mailbox in LIST, and of `LIST "" ""`.
    pub attributes: Attributes,
    /// The untagged lines of SELECT. A line that mentions `{unseen}` is left out where every message is seen.
    pub select: Vec<Text>,
    /// The same for EXAMINE.
    pub examine: Vec<Text>,
    /// The untagged lines that tell of new mail.
    pub arrived: Vec<Text>,
    /// What answers each command that went well. A command without a text here does not exist in this personality.
    pub completed: BTreeMap<String, Text>,
    /// The same before login, where that is worded otherwise.
    #[serde(default)]
    pub completed_before_login: BTreeMap<String, Text>,
    /// All other replies.
    pub replies: Replies<Phrase>,
    /// The same before login, where that is worded otherwise.
    #[serde(default)]
    pub login_replies: Replies<Phrase>,
    /// Sizes and counts.
    pub limits: Limits,
    /// Delays.
    pub times: Times,
    /// How long answers take, where that is imitated.
    #[serde(default)]
    pub pace: Pace,
}

/// LIST attributes, without the parentheses.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Attributes {
    /// Of a mailbox.
    pub mailbox: String,
    /// Of the root.
    pub root: String,
    /// Of a mailbox that has others below it, where they are told apart.
    #[serde(default)]
    pub children: String,
    /// Of a name that is no mailbox, in an answer to LIST with options.
    #[serde(default)]
    pub nonexistent: String,
    /// Of a name that is subscribed to.
    #[serde(default)]
    pub subscribed: String,
    /// Of a mailbox where nothing is new.
    #[serde(default)]
    pub unmarked: String,
    /// Behind a name below which others are subscribed to.
    #[serde(default)]
    pub child_subscribed: String,
}

/// Caps on what a client sends.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// Octets of a line before login.
    pub login_line: usize,
    /// Octets of a literal before login.
    pub login_literal: usize,
    /// Octets of one argument before login, where they are counted.
    pub login_word: Option<usize>,
    /// Octets of a tag before login, where they are counted.
    pub login_tag: Option<usize>,
    /// Octets of a whole command with its literals before login.
    pub login_command: usize,
    /// Octets of a line after login.
    pub line: usize,
    /// Octets of one argument after login, where they are counted.
    pub argument: Option<usize>,
    /// Octets of a literal after login.
    pub literal: usize,
    /// Octets of a message in APPEND that are kept; more are taken and thrown away.
    #[serde(default)]
    pub append: usize,
    /// Octets of a whole command with its literals after login.
    pub command: usize,
    /// Bad commands that end a connection before login.
    pub login_bad_commands: u32,
    /// Bad commands, one behind the other, that end a connection after login.
    pub bad_commands: u32,
}

impl Limits {
    /// The caps before login.
    pub const fn before_login(&self) -> Caps {
        Caps {
            line: self.login_line,
            line_ends: false,
            literal: self.login_literal,
            command: self.login_command,
        }
    }

    /// Octets of a word that is held until its end is seen.
    pub fn longest_word(&self, logged_in: bool) -> usize {
        self.argument.filter(|_| logged_in).unwrap_or(usize::MAX)
    }

    /// The caps after login.
    pub const fn after_login(&self) -> Caps {
        Caps { line: self.line, line_ends: false, literal: self.literal, command: self.command }
    }
}

/// How long things take.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Times {
    /// Before a failed login is answered, in milliseconds.
    pub failure_delay_ms: u64,
    /// Silence before login that ends a connection, in seconds.
    pub login_idle_s: u64,
    /// Silence after login that ends a connection, in seconds.
    pub idle_s: u64,
    /// Between two signs of life while idling, in seconds.
    pub still_here_s: u64,
}

impl Times {
    /// [`Self::failure_delay_ms`].
    pub const fn failure_delay(&self) -> Duration {
        Duration::from_millis(self.failure_delay_ms)
    }

    /// [`Self::still_here_s`].
    pub const fn still_here(&self) -> Duration {
        Duration::from_secs(self.still_here_s)
    }
}

impl ImapTexts {
    /// What the type does not hold: every phrase has words, and every command is one that the engine has.
    pub(crate) fn check(&self) -> Result<(), String> {
        // What only changes of mail need comes last.
        let plain = Phrase::ALL.iter().position(|phrase| *phrase == Phrase::MissingArguments);
        let all = if self.mail_process.is_dovecot() { None } else { plain };
        self.replies
            .check("imap.replies", all.and_then(|end| Phrase::ALL.get(..end)).unwrap_or(Phrase::ALL))?;
        let known: Vec<&'static str> = TABLE.iter().map(|row| row.verb).collect();
        check_verbs("imap.completed", &self.completed, &known)?;
        self.pace.check("imap.pace", &known)?;
        check_verbs("imap.completed-before-login", &self.completed_before_login, &known)
    }

    /// The words of a phrase before login.
    pub fn login_reply(&self, phrase: Phrase) -> &Text {
        self.login_replies.get(phrase).unwrap_or_else(|| self.reply(phrase))
    }

    /// The words of a phrase.
    pub fn reply(&self, phrase: Phrase) -> &Text {
        self.replies.of(phrase)
    }
}

fn both_mechanisms() -> Vec<Mechanism> {
    vec![Mechanism::Plain, Mechanism::Login]
}
