//! How a personality speaks POP3: its words, its commands, its limits (`[pop3]` in `personalities/*.toml`).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::framing::Caps;
use crate::mail_process::MailProcess;
use crate::pace::Pace;
use crate::pop3::command::TABLE;
use crate::reply::{Replies, check_verbs, phrases};
use crate::sasl::Mechanism;
use crate::text::Text;

phrases! {
    "a status indicator", "pop3.replies":
    /// A login failed, for any reason.
    AuthenticationFailed,
    /// The client cancelled AUTH.
    AuthenticationCancelled,
    /// AUTH with a mechanism that is not offered.
    UnsupportedMechanism,
    /// A SASL response that is not base64.
    InvalidBase64,
    /// A SASL response of the letters of base64 that is none all the same.
    BrokenBase64,
    /// A SASL initial response that is not base64.
    InvalidInitialResponse,
    /// STLS where TLS is on.
    TlsActive,
    /// A login in the clear where none is taken.
    PlaintextRefused,
    /// A login of a user whose mail is open too often to this address; the connection ends.
    TooManyConnections,
    /// PASS without USER.
    NoUserName,
    /// AUTH alone: the mechanisms follow.
    Mechanisms,
    /// Before login: no such command, or not in this state.
    UnknownCommandBeforeLogin,
    /// After login: no such command, or not in this state.
    UnknownCommand,
    /// After login: an empty line, or one that begins with a space.
    MissingCommand,
    /// No number where one must be.
    InvalidMessageNumber,
    /// A number of more than 32 bits.
    MessageNumberTooLarge,
    /// Something behind the number, or, where something must be, something else.
    NoiseBehindMessageNumber,
    /// TOP without a number of lines.
    InvalidSize,
    /// TOP with a number of lines of more than 64 bits.
    SizeTooLarge,
    /// Something behind TOP's number of lines.
    NoiseBehindSize,
    /// The maildrop has no message of that number.
    NoSuchMessage,
    /// This session has deleted it.
    MessageDeleted,
    /// RETR and TOP of a message that another session has expunged.
    MessageExpunged,
    /// LIST of one message.
    ListOne,
    /// UIDL of one message.
    UniqueIdOfOne,
    /// Farewell to QUIT before login.
    ByeBeforeLogin,
    /// Farewell to QUIT after DELE.
    ByeDeleted,
    /// Farewell after too long a silence.
    ByeInactive,
    /// The same in the middle of AUTH.
    ByeInactiveAuthenticating,
    /// Farewell after too many bad commands before login.
    ByeTooManyBadBeforeLogin,
    /// Farewell after too many bad commands after login.
    ByeTooManyBad,
    /// Farewell after a line over the limit before login.
    ByeLineTooLongBeforeLogin,
    /// Farewell after a line over the limit after login.
    ByeLineTooLong,
}

/// The `[pop3]` table of a personality.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Pop3Texts {
    /// The greeting, a whole line.
    pub greeting: Text,
    /// The lines of CAPA before login.
    pub capabilities_before_login: Vec<Text>,
    /// The same once TLS is on, where they differ.
    pub capabilities_tls: Option<Vec<Text>>,
    /// The same without TLS where logins need it, where they differ.
    pub capabilities_plaintext_refused: Option<Vec<Text>>,
    /// The lines of CAPA after login.
    pub capabilities: Vec<Text>,
    /// Whose ways the engine follows.
    #[serde(default)]
    pub mail_process: MailProcess,
    /// The SASL mechanisms offered, in the order of AUTH's answer.
    pub(crate) mechanisms: Vec<Mechanism>,
    /// What answers each command that went well. A command without a text here does not exist in this personality.
    pub completed: BTreeMap<String, Text>,
    /// Commands that exist before login and always have the same answer: APOP without a challenge in the greeting (RFC 1939
    /// section 7), Dovecot's XCLIENT from whom it does not trust.
    pub refused: BTreeMap<String, Text>,
    /// All other replies.
    pub replies: Replies<Phrase>,
    /// Sizes and counts.
    pub limits: Limits,
    /// Delays.
    pub times: Times,
    /// How long answers take, where that is imitated.
    #[serde(default)]
    pub pace: Pace,
}

/// Caps on what a client sends.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// Octets of a line before login; if the engine follows Dovecot, of what follows the command, with the line's end.
    pub login_line: usize,
    /// Octets of a SASL response, also an initial one; with its end, if the engine follows Dovecot. A longer one ends the
    /// connection without a word.
    pub response: usize,
    /// Octets of a line after login; with its end, if the engine follows Dovecot.
    pub line: usize,
    /// Unknown commands, one behind the other, that end a connection before login.
    pub login_bad_commands: u32,
    /// Refused commands, one behind the other, that end a connection after login.
    pub bad_commands: u32,
}

impl Limits {
    /// The caps on a line of this many octets.
    pub const fn caps(line: usize, line_ends: bool) -> Caps {
        Caps { line, line_ends, literal: 0, command: line }
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
}

impl Times {
    /// [`Self::failure_delay_ms`].
    pub const fn failure_delay(&self) -> Duration {
        Duration::from_millis(self.failure_delay_ms)
    }
}

impl Pop3Texts {
    /// What the type does not hold: every phrase has words, every command is one that the engine has, and every reply says
    /// whether it is a good one.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.replies.check("pop3.replies", Phrase::ALL)?;
        let known: Vec<&'static str> = TABLE.iter().map(|row| row.verb).collect();
        check_verbs("pop3.completed", &self.completed, &known)?;
        self.pace.check("pop3.pace", &known)?;
        if let Some(both) = self.refused.keys().find(|verb| self.completed.contains_key(*verb)) {
            return Err(format!("[pop3.refused] has `{both}`, which [pop3.completed] has too"));
        }
        let texts = self.replies.all().chain(self.completed.values()).chain(self.refused.values());
        for text in texts.map(Text::to_string) {
            if !STATUSES.iter().any(|status| text.starts_with(status)) {
                return Err(format!("[pop3] `{text}` begins with neither {}", STATUSES.join(" nor ")));
            }
        }
        Ok(())
    }

    /// The words of a phrase.
    pub fn reply(&self, phrase: Phrase) -> &Text {
        self.replies.of(phrase)
    }
}

/// What a reply begins with (RFC 1939 section 3).
pub(crate) const STATUSES: [&str; 2] = ["+OK", "-ERR"];
