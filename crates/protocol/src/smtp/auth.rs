//! AUTH (RFC 4954).

use event::Event;

use crate::sasl::{Attempt, Exchange, Mechanism, Step};
use crate::session::Action;
use crate::smtp::Auth;
use crate::smtp::state::{Dialogue, Stage};
use crate::smtp::texts::Phrase;
use crate::smtp::turn::{Fault, Turn};
use crate::text::Slot;

/// RFC 4954 section 4.
pub fn auth(turn: &mut Turn<'_>, dialogue: &mut Dialogue) -> Result<(), Fault> {
    if turn.service.auth == Auth::Off {
        return Err(Phrase::AuthDisabled.into());
    }
    if dialogue.transaction().is_some() {
        return Err(Phrase::TransactionInProgress.into());
    }
    if turn.service.refuse_plaintext && !dialogue.tls {
        if let [name, initial] = turn.arguments()
            && let Some(mechanism) = Mechanism::from_name(name.text)
            && let Step::Done(attempt) = Exchange::start(mechanism, Some(initial.text))
        {
            turn.out.record(attempt.refused());
        }
        return Err(Phrase::PlaintextRefused.into());
    }
    if dialogue.authenticated {
        return Err(Phrase::AlreadyAuthenticated.into());
    }
    let (name, initial) = match turn.arguments() {
        [name] => (name.text, None),
        [name, initial] => (name.text, Some(initial.text)),
        _ => return Err(Phrase::AuthSyntax.into()),
    };
    let mechanism = Mechanism::from_name(name).ok_or(Phrase::InvalidMechanism)?;
    let step = Exchange::start(mechanism, initial);
    self::step(turn, dialogue, step, Phrase::InvalidInitialResponse)
}

/// Answers a step of AUTH; `not_base64` is what a response that is no base64 gets.
pub fn step(
    turn: &mut Turn<'_>,
    dialogue: &mut Dialogue,
    step: Step,
    not_base64: Phrase,
) -> Result<(), Fault> {
    match step {
        Step::Challenge(challenge, exchange) => {
            turn.reply(Phrase::Challenge, &[(Slot::Detail, challenge.as_bytes())]);
            turn.stage = Stage::Authenticating(exchange);
            Ok(())
        }
        Step::Done(attempt) => judge(turn, dialogue, attempt),
        Step::Cancelled => Err(Phrase::AuthenticationAborted.into()),
        Step::NotBase64 => Err(not_base64.into()),
    }
}

/// Records a login and answers it.
fn judge(turn: &mut Turn<'_>, dialogue: &mut Dialogue, attempt: Attempt) -> Result<(), Fault> {
    let Attempt { mechanism, username, password, sound } = attempt;
    let users = &turn.service.auth_users;
    let welcome = users.is_empty() || users.iter().any(|user| user.as_bytes() == &*username.0);
    if sound && welcome && turn.service.auth == Auth::Accept {
        turn.out.record(Event::AuthSucceeded { mechanism, username, password });
        dialogue.authenticated = true;
        turn.complete(&[]);
        return Ok(());
    }
    turn.out.record(Event::AuthFailed { mechanism, username, password });
    turn.out.push(Action::Wait(turn.service.texts.times.failure_delay()));
    Err(Phrase::AuthenticationFailed.into())
}
