//! Commands of any state (RFC 3501 section 6.1; ID, RFC 2971; ENABLE, RFC 5161) and of the one before login (6.2).

use event::{CloseReason, Text};

use crate::guest::{Penalty, wait_for};
use crate::imap::arguments::Argument;
use crate::imap::state::{Stage, State};
use crate::imap::texts::Phrase;
use crate::imap::turn::{Fault, Turn};
use crate::imap::view::{Telling, enable_condstore};
use crate::sasl::{Attempt, Exchange, Mechanism, Step};

/// RFC 3501 section 6.1.1.
pub fn capability(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    let list = match state {
        State::NotAuthenticated => &turn.service.offer(turn.tls).capabilities,
        _ => &turn.service.capabilities,
    };
    turn.asked_capabilities |= !turn.logged_in;
    turn.untagged(&[b"CAPABILITY ", &list[..]].concat());
    turn.complete();
    Ok(())
}

/// RFC 3501 section 6.1.2.
pub fn noop(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    state.sync(turn.service, Telling::default(), turn.out);
    turn.complete();
    Ok(())
}

/// RFC 3501 section 6.1.3. Arguments are ignored, as Dovecot does.
pub fn logout(turn: &mut Turn<'_>, _: &mut State) -> Result<(), Fault> {
    turn.untagged_phrase(Phrase::ByeLogout);
    turn.complete();
    turn.close(CloseReason::Logout);
    Ok(())
}

/// RFC 2971: `NIL`, or a list of pairs of which the second may be `NIL`.
pub fn id(turn: &mut Turn<'_>, _: &mut State) -> Result<(), Fault> {
    let arguments = turn.parse()?;
    let sound = match arguments.as_slice() {
        [nil] if nil.is_atom("NIL") => true,
        [Argument::List(pairs)] => {
            let word = |word: &Argument<'_>| matches!(word, Argument::Quoted(_) | Argument::Literal(_));
            pairs.chunks(2).all(|pair| match pair {
                [name, value] => word(name) && (word(value) || value.is_atom("NIL")),
                _ => false,
            })
        }
        [] => turn.service.texts.mail_process.is_dovecot(),
        _ => false,
    };
    // Dovecot's mail process takes anything.
    let lenient = turn.logged_in && turn.service.texts.mail_process.is_dovecot();
    if !sound && !lenient {
        return Err(Phrase::InvalidId.into());
    }
    turn.untagged_phrase(Phrase::Id);
    turn.complete();
    Ok(())
}

/// RFC 5161. A plain mail process has nothing to enable.
pub fn enable(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    let arguments = turn.parse()?;
    if turn.service.texts.mail_process.is_dovecot() {
        return enable_features(turn, state, &arguments);
    }
    if arguments.is_empty() || arguments.iter().any(|argument| argument.atom().is_none()) {
        return Err(Phrase::InvalidArguments.into());
    }
    turn.untagged_phrase(Phrase::Enabled);
    turn.complete();
    Ok(())
}

/// RFC 3501 section 6.2.1. Arguments are ignored, as Dovecot does.
pub fn starttls(turn: &mut Turn<'_>, _: &mut State) -> Result<(), Fault> {
    if turn.tls {
        return Err(Phrase::TlsActive.into());
    }
    turn.complete();
    turn.stage = Stage::Securing;
    Ok(())
}

/// What Dovecot knows is enabled and told, the rest passed over. Before login nothing is.
fn enable_features(turn: &mut Turn<'_>, state: &mut State, wanted: &[Argument<'_>]) -> Result<(), Fault> {
    if state.account().is_none() {
        turn.untagged_phrase(Phrase::Enabled);
        turn.complete();
        return Ok(());
    }
    let mut told = Vec::new();
    for argument in wanted {
        let name = argument.atom().ok_or(Phrase::InvalidArguments)?.to_ascii_uppercase();
        match &name[..] {
            b"CONDSTORE" => {}
            b"QRESYNC" => {
                if let Some(account) = state.account_mut() {
                    account.features.qresync = true;
                }
            }
            _ => continue,
        }
        enable_condstore(turn, state);
        told.push(b' ');
        told.extend_from_slice(&name);
    }
    if !told.is_empty() {
        let enabled = turn.service.texts.reply(Phrase::Enabled).fill(&[]);
        turn.untagged(&[enabled, told].concat());
    }
    turn.complete();
    Ok(())
}

/// RFC 3501 section 6.2.3.
pub fn login(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    let arguments = turn.parse()?;
    let [username, password] = arguments.as_slice() else {
        return Err(Phrase::InvalidArguments.into());
    };
    let (Some(username), Some(password)) = (username.string(), password.string()) else {
        return Err(Phrase::InvalidArguments.into());
    };
    let attempt = Attempt {
        mechanism: "LOGIN",
        username: Text::copy(username),
        password: Text::copy(password),
        sound: true,
    };
    if turn.needs_tls() {
        turn.record(attempt.refused());
        turn.untagged_phrase(Phrase::PasswordExposed);
        return Err(Phrase::PlaintextRefused.into());
    }
    if turn.judge(attempt, None) {
        state.log_in(turn.mail);
    }
    Ok(())
}

/// RFC 3501 section 6.2.2, with an initial response (RFC 4959).
pub fn authenticate(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    let arguments = turn.parse()?;
    let (name, initial) = match arguments.as_slice() {
        [name] => (name.string(), None),
        [name, initial] => (name.string(), Some(initial.atom().ok_or(Phrase::InvalidArguments)?)),
        _ => return Err(Phrase::InvalidArguments.into()),
    };
    let name = name.ok_or(Phrase::InvalidArguments)?;
    let offered = &turn.service.texts.mechanisms;
    let mechanism = Mechanism::from_name(name).filter(|mechanism| offered.contains(mechanism));
    let mechanism = mechanism.ok_or(Phrase::UnsupportedMechanism)?;
    let step = Exchange::start(mechanism, initial);
    if turn.needs_tls() {
        if let Step::Done(attempt) = step {
            turn.record(attempt.refused());
        }
        return Err(Phrase::PlaintextRefused.into());
    }
    self::step(turn, state, step, Phrase::InvalidInitialResponse, None)
}

/// Answers a step of AUTHENTICATE; `not_base64` is what a response that is no base64 gets.
///
/// `penalty` is what the exchange has waited already: it does so before the first challenge.
pub fn step(
    turn: &mut Turn<'_>,
    state: &mut State,
    step: Step,
    not_base64: Phrase,
    penalty: Option<Penalty>,
) -> Result<(), Fault> {
    match step {
        Step::Challenge(challenge, exchange) => {
            let penalty = penalty.unwrap_or_else(|| {
                let penalty = turn.guest.doorman.penalty(turn.now);
                wait_for(penalty.wait, turn.out);
                penalty
            });
            turn.challenge(&challenge);
            turn.stage = Stage::Authenticating { tag: turn.tag.clone(), exchange, penalty };
        }
        Step::Done(attempt) => {
            if turn.judge(attempt, penalty) {
                state.log_in(turn.mail);
            }
        }
        Step::Cancelled => return Err(Phrase::AuthenticationCancelled.into()),
        Step::NotBase64 => return Err(not_base64.into()),
    }
    Ok(())
}
