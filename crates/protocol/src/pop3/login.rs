//! Commands before login (RFC 1939 section 4; AUTH, RFC 5034), and the two of any state: CAPA (RFC 2449) and QUIT.

use event::{CloseReason, Text};

use crate::guest::Penalty;
use crate::pop3::arguments::{self, before_nul};
use crate::pop3::state::{Stage, State};
use crate::pop3::texts::Phrase;
use crate::pop3::turn::{Fault, Turn};
use crate::sasl::{Attempt, Exchange, Mechanism, Step};
use crate::words::word;

/// RFC 2449 section 5.
pub fn capa(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    turn.complete(&[]);
    turn.out.send(match state {
        State::Authorization { .. } if turn.tls => &turn.service.capabilities_tls,
        State::Authorization { .. } => &turn.service.capabilities_before_login,
        State::Transaction(_) => &turn.service.capabilities,
    });
    turn.out.send(b".\r\n");
    Ok(())
}

/// RFC 1939 sections 5 and 6.
pub fn quit(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    match state {
        State::Authorization { .. } => turn.reply(Phrase::ByeBeforeLogin, &[]),
        State::Transaction(maildrop) => {
            maildrop.update();
            if maildrop.is_changed() {
                turn.reply(Phrase::ByeDeleted, &[]);
            } else {
                turn.complete(&[]);
            }
        }
    }
    turn.close(CloseReason::Logout);
    Ok(())
}

/// RFC 2595 section 4. Arguments are ignored, and a name that USER gave is kept, as Dovecot does.
pub fn stls(turn: &mut Turn<'_>, _: &mut State) -> Result<(), Fault> {
    if turn.tls {
        return Err(Phrase::TlsActive.into());
    }
    turn.complete(&[]);
    turn.stage = Stage::Securing;
    Ok(())
}

/// RFC 1939 section 7. The name is the rest of the line, spaces and all; any is taken. Dovecot also takes none.
pub fn user(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    if turn.arguments.is_empty() && !turn.service.texts.mail_process.is_dovecot() {
        return Err(Phrase::NoUserName.into());
    }
    *state = State::Authorization { user_name: Some(Text::copy(turn.arguments)) };
    if turn.needs_tls() {
        return Err(Phrase::PlaintextRefused.into());
    }
    turn.complete(&[]);
    Ok(())
}

/// RFC 1939 section 7. The password is the rest of the line, spaces and all; a wrong one forgets the name.
pub fn pass(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    let State::Authorization { user_name } = state else {
        return Err(Phrase::UnknownCommand.into());
    };
    let name = user_name.take();
    let password = Text::copy(turn.arguments);
    let attempt = |username| Attempt { mechanism: "USER", username, password, sound: true };
    if turn.needs_tls() {
        turn.record(attempt(name.unwrap_or_default()).refused());
        return Err(Phrase::PlaintextRefused.into());
    }
    turn.log_in(attempt(name.ok_or(Phrase::NoUserName)?), state, None);
    Ok(())
}

/// RFC 5034 section 4; alone it lists the mechanisms (RFC 1734, as Dovecot answers it).
pub fn auth(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    let offered = &turn.service.texts.mechanisms;
    let (name, initial) = if turn.service.texts.mail_process.is_dovecot() {
        arguments::mechanism(turn.arguments)
    } else {
        let (name, initial) = word(turn.arguments);
        (name, Some(initial.trim_ascii()).filter(|initial| !initial.is_empty()))
    };
    if name.is_empty() {
        turn.reply(Phrase::Mechanisms, &[]);
        for mechanism in offered {
            turn.out.send(mechanism.name().as_bytes());
            turn.out.send(b"\r\n");
        }
        turn.out.send(b".\r\n");
        return Ok(());
    }
    let mechanism = Mechanism::from_name(before_nul(name)).filter(|mechanism| offered.contains(mechanism));
    let mechanism = mechanism.ok_or(Phrase::UnsupportedMechanism)?;
    let step = Exchange::start(mechanism, initial, turn.service.texts.mail_process.base64());
    if turn.needs_tls() {
        if let Step::Done(attempt) = step {
            turn.record(attempt.refused());
        }
        return Err(Phrase::PlaintextRefused.into());
    }
    let invalid = Phrase::InvalidInitialResponse;
    self::step(turn, state, step, (invalid, invalid), None)
}

/// Answers a response.
pub fn respond(
    turn: &mut Turn<'_>,
    state: &mut State,
    exchange: Exchange,
    response: &[u8],
    penalty: Penalty,
) -> Result<(), Fault> {
    let step = exchange.respond(response, turn.service.texts.mail_process.base64());
    self::step(turn, state, step, (Phrase::InvalidBase64, Phrase::BrokenBase64), Some(penalty))
}

/// Answers a step of AUTH; `invalid` is what a response gets that is no base64, and what one that is broken.
///
/// `penalty` is what the exchange has waited already: it does so before the first challenge.
fn step(
    turn: &mut Turn<'_>,
    state: &mut State,
    step: Step,
    invalid: (Phrase, Phrase),
    penalty: Option<Penalty>,
) -> Result<(), Fault> {
    match step {
        Step::Challenge(challenge, exchange) => {
            let penalty = turn.guest.before_challenge(penalty, turn.now, turn.out);
            turn.challenge(&challenge);
            turn.stage = Stage::Authenticating(exchange, penalty);
            Ok(())
        }
        Step::Done(attempt) => {
            turn.log_in(attempt, state, penalty);
            Ok(())
        }
        Step::Cancelled => Err(Phrase::AuthenticationCancelled.into()),
        Step::NotBase64 => Err(invalid.0.into()),
        Step::BrokenBase64(attempt) => {
            // Refused for its form, and worth knowing all the same.
            if let Some(attempt) = attempt {
                turn.record(attempt.refused());
            }
            Err(invalid.1.into())
        }
    }
}
