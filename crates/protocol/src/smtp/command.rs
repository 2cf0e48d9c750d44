//! The command table.

use crate::smtp::state::{Dialogue, State};
use crate::smtp::texts::{Phrase, SmtpTexts};
use crate::smtp::token::Token;
use crate::smtp::turn::{Fault, Turn};
use crate::smtp::{auth, chunk, data, enquiry, envelope, greeting};

/// When a command may come (RFC 5321 section 4.1.4). HELO need not have been said: Postfix does not ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// At any time.
    Any,
    /// Only to begin a mail transaction.
    Begin,
    /// Only outside of one.
    Outside,
    /// Only behind MAIL.
    Sender,
    /// Only behind an accepted RCPT.
    Recipient,
}

impl Phase {
    /// Why a command may not come now.
    pub fn refusal(self, dialogue: &Dialogue) -> Option<Phrase> {
        let transaction = dialogue.transaction().is_some();
        match (self, &dialogue.state) {
            (Self::Any, _)
            | (Self::Begin, State::Idle(_))
            | (Self::Sender, State::Mail(_) | State::Rcpt(_))
            | (Self::Recipient, State::Rcpt(_)) => None,
            (Self::Begin, _) if transaction => Some(Phrase::NestedMail),
            (Self::Begin, _) => Some(Phrase::MailAfterBdat),
            (Self::Outside, _) => transaction.then_some(Phrase::TransactionInProgress),
            (Self::Sender, _) if transaction => Some(Phrase::RcptAfterBdat),
            (Self::Sender, _) => Some(Phrase::NeedMail),
            (Self::Recipient, State::Idle(_)) => Some(Phrase::NeedRcpt),
            (Self::Recipient, State::Mail(_)) => Some(Phrase::NoValidRecipients),
            (Self::Recipient, _) => Some(Phrase::DataAfterBdat),
        }
    }
}

/// One verb: name, when it is allowed, what it does.
#[derive(Debug)]
pub struct Row {
    /// In upper case.
    pub verb: &'static str,
    /// When it is allowed.
    pub phase: Phase,
    /// Whether it does nothing for the mail: a client may say it only so often.
    pub junk: bool,
    /// What it does.
    pub run: fn(&mut Turn<'_>, &mut Dialogue) -> Result<(), Fault>,
}

/// Every command that the engine has. A personality takes part in those that it has words for.
pub static TABLE: &[Row] = &[
    Row { verb: "HELO", phase: Phase::Any, junk: true, run: greeting::helo },
    Row { verb: "EHLO", phase: Phase::Any, junk: true, run: greeting::ehlo },
    Row { verb: "NOOP", phase: Phase::Any, junk: true, run: greeting::noop },
    Row { verb: "RSET", phase: Phase::Any, junk: true, run: greeting::rset },
    Row { verb: "QUIT", phase: Phase::Any, junk: false, run: greeting::quit },
    Row { verb: "STARTTLS", phase: Phase::Any, junk: false, run: greeting::starttls },
    Row { verb: "AUTH", phase: Phase::Any, junk: false, run: auth::auth },
    Row { verb: "MAIL", phase: Phase::Begin, junk: false, run: envelope::mail },
    Row { verb: "RCPT", phase: Phase::Sender, junk: false, run: envelope::rcpt },
    Row { verb: "DATA", phase: Phase::Recipient, junk: false, run: data::data },
    Row { verb: "BDAT", phase: Phase::Any, junk: false, run: chunk::bdat },
    Row { verb: "VRFY", phase: Phase::Any, junk: true, run: enquiry::vrfy },
    Row { verb: "ETRN", phase: Phase::Any, junk: true, run: enquiry::etrn },
    Row { verb: "XCLIENT", phase: Phase::Outside, junk: false, run: enquiry::attributes },
    Row { verb: "XFORWARD", phase: Phase::Outside, junk: false, run: enquiry::attributes },
];

/// The row of a verb, if the personality knows it.
pub fn row(verb: &Token<'_>, texts: &SmtpTexts) -> Option<&'static Row> {
    let row = TABLE.iter().find(|row| row.verb.as_bytes().eq_ignore_ascii_case(verb.text))?;
    texts.completed.contains_key(row.verb).then_some(row)
}

/// Whether this is no SMTP but another protocol, or a message's header: Postfix hangs up on `GET`, `POST`, `CONNECT`,
/// `Subject:` and on whatever begins with no letter (its `smtpd_forbidden_commands`).
pub fn breaks_rules(verb: &Token<'_>) -> bool {
    let other_protocol = ["CONNECT", "GET", "POST"];
    let header = || {
        let name =
            memchr::memchr(b':', verb.text).and_then(|colon| verb.text.get(..colon)).unwrap_or_default();
        let length =
            name.iter().rposition(|byte| !b" \t".contains(byte)).map_or(0, |last| last.saturating_add(1));
        length > 0 && name.iter().take(length).all(u8::is_ascii_graphic)
    };
    !verb.text.first().is_some_and(u8::is_ascii_alphabetic)
        || other_protocol.iter().any(|other| other.as_bytes().eq_ignore_ascii_case(verb.text))
        || header()
}
