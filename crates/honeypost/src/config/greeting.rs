//! Greetings: the first line that a server says, as an operator may word it.

use super::raw::{Meaning, Raw, quoted};

/// The text of a greeting: one line without control characters.
fn line(raw: &Raw) -> Result<&str, String> {
    // RFC 3501 section 9, RFC 1939 section 3 and RFC 5321 section 4.2 know no control characters in these lines.
    match raw.text()? {
        "" => Err("is empty".into()),
        text if text.chars().any(char::is_control) => Err("has line ends or control characters in it".into()),
        text if text.len() > 1000 => Err("is longer than 1000 octets".into()),
        text => Ok(text),
    }
}

/// The greeting of IMAP, without its line end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ImapGreeting(pub(crate) String);

impl Meaning for ImapGreeting {
    const EXPECTS: &'static str = "a whole greeting line such as \"* OK Dovecot ready.\"";

    fn read(raw: &Raw) -> Result<Self, String> {
        match line(raw)? {
            text if text.starts_with("* ") => Ok(Self(text.to_owned())),
            _ => Err("does not begin with \"* \"".into()),
        }
    }

    fn show(&self) -> String {
        quoted(&self.0)
    }
}

/// The greeting of POP3, without its line end. Written without its `+OK`, it gets one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pop3Greeting(pub(crate) String);

impl Meaning for Pop3Greeting {
    const EXPECTS: &'static str = "a greeting line such as \"+OK Dovecot ready.\" (`+OK` may be left out)";

    fn read(raw: &Raw) -> Result<Self, String> {
        match line(raw)? {
            text if text == "+OK" || text.starts_with("+OK ") => Ok(Self(text.to_owned())),
            text if text.starts_with(['+', '-']) => Err("begins like an answer that is no \"+OK \"".into()),
            text => Ok(Self(format!("+OK {text}"))),
        }
    }

    fn show(&self) -> String {
        quoted(&self.0)
    }
}

/// The greeting of SMTP, without its line end. Written without its reply code, it gets `220`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SmtpGreeting(pub(crate) String);

impl Meaning for SmtpGreeting {
    const EXPECTS: &'static str =
        "a greeting line such as \"220 mail01 ESMTP Postfix (Debian/GNU)\" (`220` may be left out)";

    fn read(raw: &Raw) -> Result<Self, String> {
        let text = line(raw)?;
        let (code, rest) = text.split_at_checked(3).unwrap_or((text, ""));
        let coded = code.len() == 3
            && code.bytes().all(|byte| byte.is_ascii_digit())
            && matches!(rest.chars().next(), None | Some(' ' | '-'));
        match (coded, code) {
            (true, "220") if rest.starts_with(' ') => Ok(Self(text.to_owned())),
            (true, _) => Err("begins like an answer that is no \"220 \"".into()),
            (false, _) => Ok(Self(format!("220 {text}"))),
        }
    }

    fn show(&self) -> String {
        quoted(&self.0)
    }
}
