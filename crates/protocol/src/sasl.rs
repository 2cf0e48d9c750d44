//! SASL mechanisms (RFC 4422), shared by the protocols: PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login).
//!
//! Base64 and the cancelling `*` are handled here, since all three protocols frame them alike (RFC 3501 section
//! 6.2.2, RFC 5034, RFC 4954). What is answered is the session's business.

use std::hash::{DefaultHasher, Hash, Hasher};

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use event::{Event, Text};
use serde::Deserialize;

use crate::credentials::Credentials;
use crate::mail_process::MailProcess;

/// A mechanism that we can talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// User name, then password, each to a prompt.
    Login,
}

impl Mechanism {
    /// The mechanism of that name, in any case.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        [Self::Plain, Self::Login]
            .into_iter()
            .find(|known| known.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// The registered name, as events carry it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
        }
    }
}

/// What a peer tried to log in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// How.
    pub mechanism: &'static str,
    /// The user (the authentication identity).
    pub username: Text,
    /// The password.
    pub password: Text,
    /// Whether it can succeed at all: not when the response was malformed, or asks to act as somebody else.
    pub sound: bool,
}

impl Attempt {
    /// A number that tells this user and password from others; `None` where no password was looked at.
    pub fn login(&self, process: MailProcess) -> Option<u64> {
        let user = process.user_name(&self.username.0);
        let mut hasher = DefaultHasher::new();
        (&user, &self.password.0).hash(&mut hasher);
        (self.sound && !user.is_empty()).then(|| hasher.finish())
    }

    /// Whether it is let in, and the event that tells of it.
    pub fn judge(self, credentials: &Credentials, process: MailProcess) -> (bool, Event) {
        let Self { mechanism, username, password, sound } = self;
        if sound && credentials.accept(&process.user_name(&username.0), &password.0) {
            (true, Event::AuthSucceeded { mechanism, username, password })
        } else {
            (false, Event::AuthFailed { mechanism, username, password })
        }
    }

    /// The event of one that is refused without a look at the password.
    pub fn refused(self) -> Event {
        let Self { mechanism, username, password, .. } = self;
        Event::AuthFailed { mechanism, username, password }
    }
}

/// What comes of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Send this challenge (already in base64) and wait for the next response.
    Challenge(String, Exchange),
    /// The exchange is over; check the password.
    Done(Attempt),
    /// The peer cancelled it with `*`.
    Cancelled,
    /// The response is not base64: to Dovecot, it has octets that base64 has not.
    NotBase64,
    /// To Dovecot: base64 that ends too early, or goes on too long; what it would have been, where that can be told.
    BrokenBase64(Option<Attempt>),
}

/// How base64 is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base64 {
    /// Padding may be missing: evidence is not thrown away over a `=`.
    Lenient,
    /// As Dovecot reads it: its login process looks for octets that base64 has not, its auth process decodes.
    Dovecot,
}

/// An exchange under way, named after what it awaits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exchange {
    /// The one response of PLAIN.
    Plain,
    /// LOGIN: the user name.
    LoginUsername,
    /// LOGIN: the password of this user.
    LoginPassword(Text),
}

/// The prompts of LOGIN as every server and client knows them.
const USERNAME_PROMPT: &str = "Username:";
const PASSWORD_PROMPT: &str = "Password:";

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Dovecot does not look at the bits that the last letter has too many.
const DOVECOT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

impl Exchange {
    /// Begins an exchange. `initial` is the initial response as received (RFC 4959: `=` stands for an empty one).
    /// To Dovecot `*` cancels nothing here.
    pub fn start(mechanism: Mechanism, initial: Option<&[u8]>, base64: Base64) -> Step {
        let exchange = match mechanism {
            Mechanism::Plain => Self::Plain,
            Mechanism::Login => Self::LoginUsername,
        };
        match initial {
            None => exchange.challenge(),
            Some(b"=") => exchange.accept(Vec::new()),
            Some(response) if base64 == Base64::Dovecot => {
                // Only the auth process reads this one, and passes over white space.
                let letters =
                    response.iter().copied().filter(|octet| !matches!(octet, b' ' | b'\t' | b'\r' | b'\n'));
                exchange.read(&letters.collect::<Vec<u8>>(), base64)
            }
            Some(response) => exchange.respond(response, base64),
        }
    }

    /// Takes a response line, without its line end.
    pub fn respond(self, line: &[u8], base64: Base64) -> Step {
        if line == b"*" { Step::Cancelled } else { self.read(line, base64) }
    }

    fn read(self, response: &[u8], base64: Base64) -> Step {
        let known = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/' | b'=');
        match base64 {
            Base64::Lenient => LENIENT.decode(response).map_or(Step::NotBase64, |read| self.accept(read)),
            Base64::Dovecot if !response.iter().all(known) => Step::NotBase64,
            Base64::Dovecot => match DOVECOT.decode(response) {
                Ok(read) => self.accept(read),
                Err(_) => Step::BrokenBase64(match LENIENT.decode(response).map(|read| self.accept(read)) {
                    Ok(Step::Done(attempt)) => Some(attempt),
                    _ => None,
                }),
            },
        }
    }

    fn challenge(self) -> Step {
        let prompt = match self {
            Self::Plain => "",
            Self::LoginUsername => USERNAME_PROMPT,
            Self::LoginPassword(_) => PASSWORD_PROMPT,
        };
        Step::Challenge(STANDARD.encode(prompt), self)
    }

    fn accept(self, response: Vec<u8>) -> Step {
        match self {
            Self::Plain => Step::Done(plain(response)),
            Self::LoginUsername => Self::LoginPassword(response.into()).challenge(),
            Self::LoginPassword(username) => Step::Done(Attempt {
                mechanism: Mechanism::Login.name(),
                username,
                password: response.into(),
                sound: true,
            }),
        }
    }
}

/// `[authzid] NUL authcid NUL passwd`. A message of another form is kept whole as the user name.
fn plain(message: Vec<u8>) -> Attempt {
    let mechanism = Mechanism::Plain.name();
    let mut fields = message.splitn(3, |byte| *byte == 0);
    match (fields.next(), fields.next(), fields.next()) {
        (Some(acts_as), Some(username), Some(password)) => Attempt {
            mechanism,
            sound: (acts_as.is_empty() || acts_as == username) && !password.contains(&0),
            username: Text::copy(username),
            password: Text::copy(password),
        },
        _ => Attempt { mechanism, username: message.into(), password: Text::default(), sound: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(mechanism: &'static str, username: &[u8], password: &[u8], sound: bool) -> Step {
        Step::Done(Attempt {
            mechanism,
            username: Text::copy(username),
            password: Text::copy(password),
            sound,
        })
    }

    #[test]
    fn plain_with_and_without_initial_response() {
        let response = STANDARD.encode(b"\0admin\0p\xffw");
        let done = attempt("PLAIN", b"admin", b"p\xffw", true);
        assert_eq!(Exchange::start(Mechanism::Plain, Some(response.as_bytes()), Base64::Lenient), done);
        let Step::Challenge(challenge, exchange) = Exchange::start(Mechanism::Plain, None, Base64::Lenient)
        else {
            panic!()
        };
        assert_eq!(challenge, "");
        assert_eq!(exchange.respond(response.trim_end_matches('=').as_bytes(), Base64::Lenient), done);
    }

    #[test]
    fn login_asks_twice() {
        let Step::Challenge(first, exchange) = Exchange::start(Mechanism::Login, None, Base64::Lenient)
        else {
            panic!()
        };
        assert_eq!(first, "VXNlcm5hbWU6");
        let Step::Challenge(second, exchange) = exchange.respond(b"YWRtaW4=", Base64::Lenient) else {
            panic!()
        };
        assert_eq!(second, "UGFzc3dvcmQ6");
        assert_eq!(
            exchange.respond(b"c2VjcmV0", Base64::Lenient),
            attempt("LOGIN", b"admin", b"secret", true)
        );
        let Step::Challenge(second, _) =
            Exchange::start(Mechanism::Login, Some(b"YWRtaW4="), Base64::Lenient)
        else {
            panic!()
        };
        assert_eq!(second, "UGFzc3dvcmQ6");
    }

    #[test]
    fn what_cannot_succeed_is_kept() {
        assert_eq!(Exchange::Plain.respond(b"*", Base64::Lenient), Step::Cancelled);
        assert_eq!(Exchange::Plain.respond(b"!!", Base64::Lenient), Step::NotBase64);
        assert_eq!(
            Exchange::Plain.respond(b"YWRtaW4=", Base64::Lenient),
            attempt("PLAIN", b"admin", b"", false)
        );
        let other = STANDARD.encode(b"root\0admin\0admin");
        assert_eq!(
            Exchange::Plain.respond(other.as_bytes(), Base64::Lenient),
            attempt("PLAIN", b"admin", b"admin", false)
        );
        assert_eq!(
            Exchange::start(Mechanism::Plain, Some(b"="), Base64::Lenient),
            attempt("PLAIN", b"", b"", false)
        );
    }

    #[test]
    fn dovecot_reads_base64_in_two_places() {
        let read = |response| Exchange::Plain.respond(response, Base64::Dovecot);
        assert_eq!(read(b"AGEAYg=="), attempt("PLAIN", b"a", b"b", true));
        assert_eq!(read(b"AGEAYh=="), attempt("PLAIN", b"a", b"b", true));
        assert_eq!(read(b"*"), Step::Cancelled);
        assert_eq!(read(b"AGEAYg== "), Step::NotBase64);
        assert_eq!(read(b"A"), Step::BrokenBase64(None));
        assert_eq!(read(b"===="), Step::BrokenBase64(None));
        let Step::Done(whole) = read(b"AGEAYg==") else { panic!() };
        assert_eq!(read(b"AGEAYg"), Step::BrokenBase64(Some(whole)));
        let begin = |response| Exchange::start(Mechanism::Plain, Some(response), Base64::Dovecot);
        assert_eq!(begin(b"*"), Step::NotBase64);
        assert_eq!(begin(b" AGEA Yg== "), attempt("PLAIN", b"a", b"b", true));
    }
}
