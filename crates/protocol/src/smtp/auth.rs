//! AUTH (RFC 4954).

use std::time::Duration;

use event::{Event, Text};

use crate::sasl::{Attempt, Exchange, Mechanism, Step};
use crate::session::{Action, Actions};
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
    let (name, initial) = match turn.tokens {
        [_, name] => (name.text, None),
        [_, name, initial] => (name.text, Some(initial.text)),
        _ => return Err(Phrase::AuthSyntax.into()),
    };
    let mechanism = Mechanism::from_name(name).ok_or(Phrase::InvalidMechanism)?;
    // Only a response of its own cancels.
    if initial == Some(b"*") {
        return Err(Phrase::InvalidInitialResponse.into());
    }
    let step = Exchange::start(mechanism, initial);
    let penalty = turn.service.texts.sasl.penalty(dialogue.failures);
    let response = initial.filter(|response| *response != b"=").unwrap_or_default();
    self::step(turn, dialogue, (response, step), Phrase::InvalidInitialResponse, penalty)
}

/// Answers a response.
pub fn respond(
    turn: &mut Turn<'_>,
    dialogue: &mut Dialogue,
    exchange: Exchange,
    response: &[u8],
) -> Result<(), Fault> {
    let step = exchange.respond(response);
    self::step(turn, dialogue, (response, step), Phrase::InvalidResponse, Duration::ZERO)
}

/// Answers a response and what came of it; `not_base64` is what one that is no base64 gets. What goes on waits for the
/// penalty first.
fn step(
    turn: &mut Turn<'_>,
    dialogue: &mut Dialogue,
    (response, step): (&[u8], Step),
    not_base64: Phrase,
    penalty: Duration,
) -> Result<(), Fault> {
    let sasl = &turn.service.texts.sasl;
    let padded = !sasl.needs_padding || response.len().is_multiple_of(BASE64_GROUP);
    match step {
        Step::Challenge(_, Exchange::LoginPassword(username)) if !sasl.allows_user(&username.0) => {
            let password = Text::default();
            let attempt = Attempt { mechanism: "LOGIN", username, password, sound: false };
            judge(turn, dialogue, attempt, penalty)
        }
        Step::Challenge(..) if !padded => Err(not_base64.into()),
        Step::Challenge(challenge, exchange) => {
            wait(turn.out, penalty);
            turn.reply(Phrase::Challenge, &[(Slot::Detail, challenge.as_bytes())]);
            turn.stage = Stage::Authenticating(exchange);
            Ok(())
        }
        Step::Done(Attempt { mechanism, username, password, .. }) if !padded => {
            // Refused for its form, and worth knowing all the same.
            turn.out.record(Event::AuthFailed { mechanism, username, password });
            Err(not_base64.into())
        }
        Step::Done(attempt) => judge(turn, dialogue, attempt, penalty),
        Step::Cancelled => Err(Phrase::AuthenticationAborted.into()),
        Step::NotBase64 => Err(not_base64.into()),
    }
}

/// Four letters of base64 are three octets.
const BASE64_GROUP: usize = 4;

/// Records a login and answers it.
fn judge(
    turn: &mut Turn<'_>,
    dialogue: &mut Dialogue,
    attempt: Attempt,
    penalty: Duration,
) -> Result<(), Fault> {
    let Attempt { mechanism, username, password, sound } = attempt;
    let users = &turn.service.auth_users;
    let folds_case = turn.service.texts.sasl.folds_case;
    let same = |user: &String| {
        let (user, name) = (user.as_bytes(), &*username.0);
        if folds_case { user.eq_ignore_ascii_case(name) } else { user == name }
    };
    let welcome = users.is_empty() || users.iter().any(same);
    if sound && welcome && turn.service.auth == Auth::Accept {
        turn.out.record(Event::AuthSucceeded { mechanism, username, password });
        wait(turn.out, penalty);
        dialogue.authenticated = true;
        turn.complete(&[]);
        return Ok(());
    }
    turn.out.record(Event::AuthFailed { mechanism, username, password });
    dialogue.failures = dialogue.failures.saturating_add(1);
    wait(turn.out, penalty.saturating_add(turn.service.texts.times.failure_delay()));
    Err(Phrase::AuthenticationFailed.into())
}

fn wait(out: &mut Actions, duration: Duration) {
    if !duration.is_zero() {
        out.push(Action::Wait(duration));
    }
}
