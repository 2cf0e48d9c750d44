//! The envelope: MAIL and RCPT (RFC 5321 sections 4.1.1.2 and 4.1.1.3). Every sender and recipient that is an address
//! is recorded, taken or not.

use event::{Event, Text};

use crate::smtp::address::{NoAddress, Path};
use crate::smtp::recipient::Destination;
use crate::smtp::resolve::resolve;
use crate::smtp::state::{Dialogue, State, Transaction};
use crate::smtp::texts::{Phrase, Stranger};
use crate::smtp::token::{Kind, Token};
use crate::smtp::turn::{Fault, Turn};
use crate::smtp::{Service, parameter};

/// RFC 5321 section 4.1.1.2.
pub fn mail(turn: &mut Turn<'_>, dialogue: &mut Dialogue) -> Result<(), Fault> {
    let (path, parameters) = arguments(turn, b"FROM:", Phrase::MailSyntax)?;
    let path = self::path(path).ok_or(Phrase::BadSender)?;
    if !path.is_empty() {
        let utf8 = parameter::wants_utf8(parameters);
        resolve(&turn.service.directory, &path.plain, utf8, turn.guest.host)
            .map_err(|NoAddress| Phrase::BadSender)?;
    }
    let State::Idle(remembered) = &mut dialogue.state else { return Err(Phrase::NestedMail.into()) };
    let utf8 = parameter::mail(parameters, remembered)?;
    let size = remembered.declared;
    let sender = Text::from(path.named.clone());
    let verdict = sender_verdict(turn.service, dialogue, &path, size);
    turn.out.record(Event::MailEnvelope {
        mail_from: sender.clone(),
        rcpt_to: Vec::new(),
        accepted: verdict.is_ok(),
    });
    verdict?;
    dialogue.state = State::Mail(Box::new(Transaction { sender, utf8, ..Transaction::default() }));
    turn.complete(&[]);
    Ok(())
}

fn sender_verdict(
    service: &Service,
    dialogue: &Dialogue,
    path: &Path,
    size: Option<u64>,
) -> Result<(), Fault> {
    if size.is_some_and(|size| size > service.texts.limits.message) {
        return Err(Phrase::SizeExceeded.into());
    }
    if service.refuses_submission(Stranger::Sender) && !dialogue.authenticated {
        return Err(Fault::with(Phrase::SubmissionRefused, path.shown()));
    }
    Ok(())
}

/// RFC 5321 section 4.1.1.3.
pub fn rcpt(turn: &mut Turn<'_>, dialogue: &mut Dialogue) -> Result<(), Fault> {
    let (path, parameters) = arguments(turn, b"TO:", Phrase::RcptSyntax)?;
    let path = self::path(path).filter(|path| !path.is_empty()).ok_or(Phrase::BadRecipient)?;
    let (State::Mail(transaction) | State::Rcpt(transaction)) = &mut dialogue.state else {
        return Err(Phrase::NeedMail.into());
    };
    resolve(&turn.service.directory, &path.plain, transaction.utf8, turn.guest.host)
        .map_err(|NoAddress| Phrase::BadRecipient)?;
    parameter::rcpt(parameters)?;
    let recipient = Text::from(path.named.clone());
    transaction.name(recipient.clone());
    let most = turn.service.texts.limits.recipients;
    let verdict = if transaction.accepted.len() >= most {
        turn.excused = true;
        Err(Phrase::TooManyRecipients.into())
    } else {
        match recipient_verdict(turn, dialogue.authenticated, &path, transaction.utf8) {
            Ok(Destination::Foreign) if put_off(turn.service.drop_rate, dialogue.luck, &recipient.0) => {
                turn.excused = true;
                Err(Fault::with(Phrase::Greylisted, path.shown()))
            }
            verdict => verdict,
        }
    };
    turn.out.record(Event::MailEnvelope {
        mail_from: transaction.sender.clone(),
        rcpt_to: transaction.named.iter().cloned().collect(),
        accepted: verdict.is_ok(),
    });
    if verdict? == Destination::Local {
        transaction.local.push(recipient.clone());
    }
    transaction.accepted.push(recipient);
    if let State::Mail(transaction) = &mut dialogue.state {
        dialogue.state = State::Rcpt(std::mem::take(transaction));
    }
    turn.complete(&[]);
    Ok(())
}

/// Whether mail to this address is taken, and where it would go. On a submission port that asks for a login at this
/// point, who is in may name anybody, as in Debian's lines for it in `master.cf`.
pub fn recipient_verdict(
    turn: &Turn<'_>,
    authenticated: bool,
    path: &Path,
    utf8: bool,
) -> Result<Destination, Fault> {
    let service = turn.service;
    let submission = service.refuses_submission(Stranger::Recipient);
    match resolve(&service.directory, &path.plain, utf8, turn.guest.host) {
        Err(NoAddress) => Err(Phrase::BadRecipient.into()),
        Ok(_) if submission && !authenticated => Err(Fault::with(Phrase::SubmissionRefused, path.shown())),
        Ok(Destination::Foreign) if !(service.open_relay || authenticated) => {
            Err(Fault::with(Phrase::RelayDenied, path.shown()))
        }
        Ok(Destination::Unknown) if !submission => Err(Fault::with(Phrase::UnknownUser, path.shown())),
        Ok(destination) => Ok(destination),
    }
}

/// Whether a recipient is among the share that is put off: always the same ones for one `luck`.
fn put_off(share: f64, luck: u64, recipient: &[u8]) -> bool {
    // FNV-1a, its highest 32 bits as a fraction.
    let hash = recipient.iter().fold(luck ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let fraction = u32::try_from(hash >> 32).map_or(1.0, f64::from) / f64::from(u32::MAX);
    fraction < share
}

/// `MAIL FROM:<path> parameters`: the path's token and the parameters.
fn arguments<'a>(
    turn: &Turn<'a>,
    keyword: &[u8],
    syntax: Phrase,
) -> Result<(&'a Token<'a>, &'a [Token<'a>]), Fault> {
    match turn.tokens {
        [_, word, path, parameters @ ..] if word.text.eq_ignore_ascii_case(keyword) => Ok((path, parameters)),
        _ => Err(syntax.into()),
    }
}

fn path(token: &Token<'_>) -> Option<Path> {
    if token.kind == Kind::Malformed { None } else { Path::parse(token.text).ok() }
}
