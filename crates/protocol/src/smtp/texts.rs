//! How a personality speaks SMTP: its words, its commands, its limits (`[smtp]` in `personalities/*.toml`).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::pace::Pace;
use crate::reply::{Replies, check_verbs, phrases, status_of};
use crate::smtp::command::TABLE;
use crate::text::Text;

phrases! {
    "the reply code", "smtp.replies":
    /// Instead of the greeting: its address has too many connections.
    TooManyConnections,
    /// Farewell after too many errors.
    TooManyErrors,
    /// Farewell after too long a silence.
    Timeout,
    /// Farewell to what does not speak SMTP at all.
    BreakRules,
    /// An empty line.
    BadSyntax,
    /// A line that is not UTF-8.
    BadUtf8,
    /// No such command.
    UnknownCommand,
    /// HELO or EHLO without a name.
    HeloSyntax,
    /// An argument behind a command that has none.
    NoArguments,
    /// A malformed MAIL.
    MailSyntax,
    /// A malformed RCPT.
    RcptSyntax,
    /// A malformed VRFY.
    VrfySyntax,
    /// A malformed ETRN.
    EtrnSyntax,
    /// ETRN of what is no domain.
    EtrnParameter,
    /// ETRN in the middle of a mail transaction.
    EtrnInTransaction,
    /// A malformed AUTH.
    AuthSyntax,
    /// A malformed BDAT; the connection is closed, as nobody knows what is a command behind it.
    BdatSyntax,
    /// XCLIENT or XFORWARD without attributes.
    AttributeSyntax,
    /// A sender that is no address.
    BadSender,
    /// A recipient that is no address.
    BadRecipient,
    /// A parameter of MAIL or RCPT that is not known.
    UnsupportedOption,
    /// `SIZE=x`
    BadSize,
    /// A declared size that fits into no file.
    SizeOverflow,
    /// A declared size over the limit.
    SizeExceeded,
    /// A second submitter (`AUTH=`) in MAIL.
    SeveralSubmitters,
    /// A malformed RET.
    BadRet,
    /// A malformed ENVID.
    BadEnvid,
    /// A malformed NOTIFY.
    BadNotify,
    /// A malformed ORCPT.
    BadOrcpt,
    /// MAIL in the middle of a mail transaction.
    NestedMail,
    /// MAIL among chunks that nobody wants.
    MailAfterBdat,
    /// RCPT without MAIL.
    NeedMail,
    /// RCPT behind a chunk.
    RcptAfterBdat,
    /// DATA or BDAT without MAIL.
    NeedRcpt,
    /// DATA or BDAT without an accepted recipient.
    NoValidRecipients,
    /// DATA behind a chunk.
    DataAfterBdat,
    /// AUTH, XCLIENT or XFORWARD in the middle of a mail transaction.
    TransactionInProgress,
    /// MAIL or RCPT on the submission port before a login.
    SubmissionRefused,
    /// A foreign recipient is put off, as by greylisting.
    Greylisted,
    /// A recipient elsewhere.
    RelayDenied,
    /// A recipient here that does not exist.
    UnknownUser,
    /// More recipients than a message may have.
    TooManyRecipients,
    /// STARTTLS where TLS is on.
    TlsActive,
    /// AUTH in the clear where none is taken.
    PlaintextRefused,
    /// AUTH where it is not offered.
    AuthDisabled,
    /// AUTH after a login.
    AlreadyAuthenticated,
    /// A SASL challenge.
    Challenge,
    /// A login failed.
    AuthenticationFailed,
    /// AUTH with a mechanism that is not offered.
    InvalidMechanism,
    /// A SASL initial response that is not base64.
    InvalidInitialResponse,
    /// A SASL response that is not base64.
    InvalidResponse,
    /// A SASL response over the limit.
    ResponseTooLong,
    /// Whoever looks at logins took too long.
    AuthenticationLost,
    /// The client cancelled AUTH.
    AuthenticationAborted,
    /// An empty chunk that is not the last.
    NullBdat,
    /// A chunk behind one that was refused.
    Discarded,
    /// A chunk that takes the message over the limit.
    ChunkTooBig,
    /// A message over the limit.
    MessageTooBig,
    /// A message that has been through too many hosts.
    TooManyHops,
    /// No room for the message.
    StorageFull,
    /// A message is taken in.
    Queued,
    /// A message in chunks is taken in.
    QueuedChunks,
}

/// The `[smtp]` table of a personality.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SmtpTexts {
    /// The greeting, a whole line.
    pub greeting: Text,
    /// What EHLO lists behind the host's name. A line that begins with `AUTH` is left out where AUTH is off, or
    /// needs TLS that is not on; `STARTTLS` once TLS is on.
    pub extensions: Vec<Text>,
    /// The same where AUTH needs TLS, where it differs.
    pub extensions_plaintext_refused: Option<Vec<Text>>,
    /// Whom the submission port refuses before a login.
    #[serde(default)]
    pub submission_refuses: Stranger,
    /// What answers each command that is in order, also where that is a refusal. A command without a text here does
    /// not exist in this personality.
    pub completed: BTreeMap<String, Text>,
    /// All other replies.
    pub replies: Replies<Phrase>,
    /// What a delivered message gets at its top.
    pub delivery: DeliveryTexts,
    /// Sizes and counts.
    pub limits: Limits,
    /// Delays.
    pub times: Times,
    /// How long answers take, where that is imitated.
    #[serde(default)]
    pub pace: Pace,
    /// Ways of the server that looks at logins.
    #[serde(default)]
    pub sasl: Sasl,
}

/// How the server that looks at logins differs from a patient one that lets every login come to its end.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sasl {
    /// What the user's name of LOGIN consists of. Any other name fails before its password is asked for.
    pub user_characters: Option<String>,
    /// Whether base64 without its padding is none.
    #[serde(default)]
    pub needs_padding: bool,
    /// Whether the case of a user's name does not matter.
    #[serde(default)]
    pub folds_case: bool,
}

impl Sasl {
    /// Whether a user of LOGIN may have this name.
    pub fn allows_user(&self, name: &[u8]) -> bool {
        self.user_characters.as_ref().is_none_or(|allowed| {
            !name.is_empty() && name.iter().all(|byte| allowed.as_bytes().contains(byte))
        })
    }
}

/// What a client names that the submission port wants a login for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stranger {
    /// Its sender: MAIL is refused.
    #[default]
    Sender,
    /// Its recipients: RCPT is refused.
    Recipient,
}

/// Header lines of delivery.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DeliveryTexts {
    /// The lines of every message.
    pub lines: Vec<Text>,
    /// What follows in a message to one recipient.
    pub one: Vec<Text>,
    /// What follows in a message to several.
    pub several: Vec<Text>,
}

/// Caps on what a client sends.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// Octets of a command line; what is beyond is thrown away.
    pub line: usize,
    /// Octets of a SASL response.
    pub response: usize,
    /// Octets of a message.
    pub message: u64,
    /// Hosts that a message may have been through, this one among them, less one: each has left a `Received` field. Not
    /// counted where there is no limit.
    pub hops: Option<u32>,
    /// Recipients of a message.
    pub recipients: usize,
    /// Errors from which on every reply is delayed.
    pub soft_errors: u32,
    /// Errors that end a connection.
    pub hard_errors: u32,
    /// Commands that do nothing (NOOP, RSET, VRFY ...) for which a client may go on; one more is free, as in Postfix,
    /// and each behind it counts as an error.
    pub junk_commands: u32,
    /// Connections of one address at a time, where they are counted.
    pub connections: Option<usize>,
}

/// How long things take.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Times {
    /// Before a failed login is answered, in milliseconds.
    pub failure_delay_ms: u64,
    /// Before every reply after [`Limits::soft_errors`], in milliseconds.
    pub error_delay_ms: u64,
    /// Silence that ends a connection, in seconds.
    pub idle_s: u64,
    /// The longest that a login may wait before it is looked at, in milliseconds; it is given up then. No limit where there is
    /// none.
    pub login_wait_ms: Option<u64>,
}

impl Times {
    /// [`Self::failure_delay_ms`].
    pub const fn failure_delay(&self) -> Duration {
        Duration::from_millis(self.failure_delay_ms)
    }

    /// [`Self::login_wait_ms`].
    pub const fn login_wait(&self) -> Duration {
        match self.login_wait_ms {
            Some(wait) => Duration::from_millis(wait),
            None => Duration::MAX,
        }
    }

    /// [`Self::error_delay_ms`].
    pub const fn error_delay(&self) -> Duration {
        Duration::from_millis(self.error_delay_ms)
    }
}

/// Every reply code that a text may begin with, as events carry it.
const CODES: [&str; 28] = [
    "220", "221", "235", "250", "252", "334", "354", "421", "450", "451", "452", "454", "458", "459", "500",
    "501", "502", "503", "504", "521", "530", "535", "538", "550", "551", "552", "554", "555",
];

/// The reply code that a reply begins with; empty where it has none.
pub fn code(reply: &[u8]) -> &'static str {
    status_of(reply, &CODES)
}

impl SmtpTexts {
    /// What the type does not hold: every phrase has words that begin with a reply code, and every command is one that
    /// the engine has.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.replies.check("smtp.replies", Phrase::ALL)?;
        let known: Vec<_> = TABLE.iter().map(|row| row.verb).collect();
        check_verbs("smtp.completed", &self.completed, &known)?;
        self.pace.check("smtp.pace", &known)?;
        let texts = self.completed.values().chain(self.replies.all()).chain([&self.greeting]);
        if let Some(codeless) = texts.map(ToString::to_string).find(|text| code(text.as_bytes()).is_empty()) {
            return Err(format!("[smtp] has `{codeless}`, which begins with no reply code that we know"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::Personality;

    #[test]
    fn mistakes_are_named() {
        let good = include_str!("../../../../personalities/decnet.toml");
        let with = |from: &str, to: &str| {
            assert!(good.contains(from), "{from}");
            Personality::parse("x", &good.replacen(from, to, 1)).unwrap_err().to_string()
        };
        assert!(with("relay-denied =", "# relay-denied =").contains("relay-denied"));
        assert!(with("\"452 4.5.3", "\"999 4.5.3").contains("999 4.5.3"));
        assert!(with("\"XCLIENT\"", "\"YCLIENT\"").contains("YCLIENT"));
        assert!(with("hard-errors", "hard-terrors").contains("hard-terrors"));
    }
}
