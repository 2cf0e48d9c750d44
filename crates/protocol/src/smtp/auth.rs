//! AUTH (RFC 4954).

use event::{Event, Text};

use crate::guest::{Ending, Held, Penalty, Verdict};
use crate::mail_process::MailProcess;
use crate::sasl::{Attempt, Base64, Exchange, Mechanism, Step};
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
            && let Step::Done(attempt) = Exchange::start(mechanism, Some(initial.text), Base64::Lenient)
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
    // To Dovecot an empty name is none: it is asked for.
    let asked = |initial: &[u8]| {
        mechanism == Mechanism::Login && initial == b"=" && turn.service.texts.sasl.needs_padding
    };
    let initial = initial.filter(|initial| !asked(initial));
    // Only a response of its own cancels.
    if initial == Some(b"*") {
        return Err(Phrase::InvalidInitialResponse.into());
    }
    let step = Exchange::start(mechanism, initial, Base64::Lenient);
    let response = initial.filter(|response| *response != b"=").unwrap_or_default();
    self::step(turn, dialogue, (response, step), Phrase::InvalidInitialResponse, None)
}

/// Answers a response.
pub fn respond(
    turn: &mut Turn<'_>,
    dialogue: &mut Dialogue,
    exchange: Exchange,
    response: &[u8],
    penalty: Penalty,
) -> Result<(), Fault> {
    let step = exchange.respond(response, Base64::Lenient);
    self::step(turn, dialogue, (response, step), Phrase::InvalidResponse, Some(penalty))
}

/// Answers a response and what came of it; `not_base64` is what one that is no base64 gets. What goes on waits for the
/// penalty first.
fn step(
    turn: &mut Turn<'_>,
    dialogue: &mut Dialogue,
    (response, step): (&[u8], Step),
    not_base64: Phrase,
    penalty: Option<Penalty>,
) -> Result<(), Fault> {
    let sasl = &turn.service.texts.sasl;
    let padded = !sasl.needs_padding || response.len().is_multiple_of(BASE64_GROUP);
    match step {
        Step::Challenge(..) if !padded => Err(not_base64.into()),
        Step::Challenge(_, Exchange::LoginPassword(username)) if !sasl.allows_user(&username.0) => {
            let password = Text::default();
            let attempt = Attempt { mechanism: "LOGIN", username, password, sound: false };
            judge(turn, dialogue, attempt, penalty);
            Ok(())
        }
        Step::Challenge(..) if gives_up(turn, penalty) => Err(Phrase::AuthenticationLost.into()),
        Step::Challenge(challenge, exchange) => {
            let penalty = turn.guest.before_challenge(penalty, turn.now, turn.out);
            turn.reply(Phrase::Challenge, &[(Slot::Detail, challenge.as_bytes())]);
            turn.stage = Stage::Authenticating(exchange, penalty);
            Ok(())
        }
        Step::Done(Attempt { mechanism, username, password, .. }) if !padded => {
            // Refused for its form, and worth knowing all the same.
            turn.out.record(Event::AuthFailed { mechanism, username, password });
            Err(not_base64.into())
        }
        Step::Done(Attempt { mechanism, username, password, .. }) if gives_up(turn, penalty) => {
            // Nobody has looked at it.
            turn.out.record(Event::AuthFailed { mechanism, username, password });
            Err(Phrase::AuthenticationLost.into())
        }
        Step::Done(attempt) => {
            judge(turn, dialogue, attempt, penalty);
            Ok(())
        }
        Step::Cancelled => Err(Phrase::AuthenticationAborted.into()),
        Step::NotBase64 | Step::BrokenBase64(_) => Err(not_base64.into()),
    }
}

/// Four letters of base64 are three octets.
const BASE64_GROUP: usize = 4;

/// Whether a login would have to wait longer than anybody does. Then so long is waited; it is forgotten, not counted.
fn gives_up(turn: &mut Turn<'_>, waited: Option<Penalty>) -> bool {
    let longest = turn.service.texts.times.login_wait();
    let lost = waited.is_none() && turn.guest.doorman.penalty(turn.now).wait > longest;
    if lost {
        turn.out.push(Action::Wait(longest));
    }
    lost
}

/// Records a login, and answers it when its penalty and the delay of a failure are over. `penalty` is what it has waited
/// already.
fn judge(turn: &mut Turn<'_>, dialogue: &mut Dialogue, attempt: Attempt, penalty: Option<Penalty>) {
    let login = attempt.login(MailProcess::Dovecot);
    let Attempt { mechanism, username, password, sound } = attempt;
    let users = &turn.service.auth_users;
    let folds_case = turn.service.texts.sasl.folds_case;
    let same = |user: &String| {
        let (user, name) = (user.as_bytes(), &*username.0);
        if folds_case { user.eq_ignore_ascii_case(name) } else { user == name }
    };
    let welcome = users.is_empty() || users.iter().any(same);
    let accepted = sound && welcome && turn.service.auth == Auth::Accept;
    turn.out.record(if accepted {
        Event::AuthSucceeded { mechanism, username, password }
    } else {
        Event::AuthFailed { mechanism, username, password }
    });
    let before = std::mem::take(turn.out);
    if accepted {
        dialogue.authenticated = true;
        turn.complete(&[]);
    } else {
        turn.refuse(&Phrase::AuthenticationFailed.into());
    }
    let answer = std::mem::replace(turn.out, before);
    let delay = turn.service.texts.times.failure_delay();
    let verdict = if accepted { Verdict::Passed } else { Verdict::Failed(login) };
    let held = Held { answer, penalty, verdict, delay, until: None };
    if let Ending::Held(held) = held.begin(turn.guest, turn.now, turn.out) {
        turn.stage = Stage::Held(held);
    }
}
