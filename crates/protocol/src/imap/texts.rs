//! How a personality speaks IMAP: its words, its commands, its limits (`[imap]` in `personalities/*.toml`).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::framing::Caps;
use crate::imap::command::TABLE;
use crate::reply::{Replies, check_verbs, phrases};
use crate::text::Text;

phrases! {
    "a status response's word", "imap.replies":
    /// A login failed, for any reason.
    AuthenticationFailed,
    /// The client cancelled AUTHENTICATE.
    AuthenticationCancelled,
    /// AUTHENTICATE with a mechanism that is not offered.
    UnsupportedMechanism,
    /// A SASL response that is not base64.
    InvalidBase64,
    /// A SASL initial response that is not base64.
    InvalidInitialResponse,
    /// STARTTLS where TLS is on.
    TlsActive,
    /// A login in the clear where none is taken.
    PlaintextRefused,
    /// What LOGIN in the clear is told besides. Untagged.
    PasswordExposed,
    /// No such command, or not in this state.
    UnknownCommand,
    /// A tag and nothing behind it.
    MissingCommand,
    /// No tag, or one with characters that none may have. Untagged.
    InvalidTag,
    /// A command that needs a selected mailbox.
    NoMailboxSelected,
    /// Too few, too many, or of the wrong kind.
    InvalidArguments,
    /// A quoted string without its end.
    MissingQuote,
    /// A list without its end.
    MissingParenthesis,
    /// A `)` that closes nothing.
    UnexpectedParenthesis,
    /// Lists nested too deep.
    TooManyParentheses,
    /// A character that an atom may not have.
    InvalidCharacter,
    /// A malformed announcement of a literal.
    InvalidLiteral,
    /// A line over the limit, after login.
    ArgumentTooLong,
    /// A malformed sequence set.
    InvalidSequenceSet,
    /// A malformed set of UIDs.
    InvalidUidSet,
    /// An item that FETCH does not know.
    UnknownFetchItem,
    /// `FETCH 1 ()`
    EmptyFetchList,
    /// `BODY[` without `]`
    SectionUnclosed,
    /// `BODY[]x`
    SectionTrailing,
    /// `BODY[BOGUS]`
    InvalidSection,
    /// `SEARCH` without keys.
    MissingSearchKey,
    /// A key that SEARCH does not know.
    UnknownSearchKey,
    /// A search key without its argument.
    MissingSearchArgument,
    /// A malformed date.
    InvalidSearchDate,
    /// A malformed size.
    InvalidSearchSize,
    /// A charset that SEARCH does not know.
    BadCharset,
    /// `STATUS INBOX ()`
    EmptyStatusList,
    /// An item that STATUS does not know.
    InvalidStatusItem,
    /// Malformed parameters of ID.
    InvalidId,
    /// The mailbox does not exist.
    NoSuchMailbox,
    /// The mailbox's name is not modified UTF-7.
    InvalidMailboxName,
    /// Something else than DONE while idling.
    ExpectedDone,
    /// Farewell at LOGOUT. Untagged.
    ByeLogout,
    /// Farewell after too long a silence. Untagged.
    ByeInactive,
    /// The same in the middle of AUTHENTICATE. Untagged.
    ByeInactiveAuthenticating,
    /// Farewell after too many bad commands. Untagged.
    ByeTooManyBad,
    /// Farewell after a line over the limit, before login. Untagged.
    ByeLineTooLong,
    /// Farewell after a literal over the limit. Untagged.
    ByeLiteralTooBig,
    /// Now and then while idling. Untagged.
    StillHere,
    /// Who we say we are (RFC 2971). Untagged.
    Id,
    /// What ENABLE enabled (RFC 5161). Untagged.
    Enabled,
    /// Go ahead with the literal. As it stands.
    Continue,
    /// Go ahead with IDLE. As it stands.
    Idling,
}

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
    /// All other replies.
    pub replies: Replies<Phrase>,
    /// Sizes and counts.
    pub limits: Limits,
    /// Delays.
    pub times: Times,
}

/// LIST attributes, without the parentheses.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Attributes {
    /// Of a mailbox.
    pub mailbox: String,
    /// Of the root.
    pub root: String,
}

/// Caps on what a client sends.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// Octets of a line before login.
    pub login_line: usize,
    /// Octets of a literal before login.
    pub login_literal: usize,
    /// Octets of a whole command with its literals before login.
    pub login_command: usize,
    /// Octets of a line after login.
    pub line: usize,
    /// Octets of a literal after login.
    pub literal: usize,
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
        Caps { line: self.login_line, literal: self.login_literal, command: self.login_command }
    }

    /// The caps after login.
    pub const fn after_login(&self) -> Caps {
        Caps { line: self.line, literal: self.literal, command: self.command }
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
        self.replies.check("imap.replies", Phrase::ALL)?;
        let known: Vec<&'static str> = TABLE.iter().map(|row| row.verb).collect();
        check_verbs("imap.completed", &self.completed, &known)
    }

    /// The words of a phrase.
    pub fn reply(&self, phrase: Phrase) -> &Text {
        self.replies.of(phrase)
    }
}
