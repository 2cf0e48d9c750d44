//! Commands of any state (RFC 3501 section 6.1; ID, RFC 2971; ENABLE, RFC 5161) and of the one before login (6.2).

use event::{CloseReason, Text};

use crate::guest::Penalty;
use crate::imap::arguments::Argument;
use crate::imap::command::Request;
use crate::imap::reader::{self, Reading, Rules, Stop};
use crate::imap::state::{Stage, State};
use crate::imap::texts::Phrase;
use crate::imap::turn::{Fault, Turn};
use crate::imap::view::{Telling, enable_condstore};
use crate::sasl::{Attempt, Exchange, Mechanism, Step};
use crate::words::word;

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
    turn.sync(state, Telling::default());
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
    if turn.service.texts.mail_process.is_dovecot() && !turn.logged_in {
        id_before_login(turn)?;
        turn.untagged_phrase(Phrase::Id);
        turn.complete();
        return Ok(());
    }
    let arguments = turn.parse()?;
    let sound = match arguments.as_slice() {
        [nil] if nil.is_atom("NIL") => true,
        [Argument::List(pairs)] => {
            let string = |word: &Argument<'_>| matches!(word, Argument::Quoted(_) | Argument::Literal(_));
            pairs.chunks(2).all(|pair| match pair {
                [name, value] => string(name) && (string(value) || value.is_atom("NIL")),
                _ => false,
            })
        }
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

/// Dovecot's login process reads word by word, and no further than the list's end.
fn id_before_login(turn: &Turn<'_>) -> Result<(), Fault> {
    let string = |word: &Argument<'_>| matches!(word, Argument::Quoted(_) | Argument::Literal(_));
    let (verb, arguments) = (turn.verb.into(), turn.arguments);
    let request = Request { tag: Some(&turn.tag), verb, arguments, behind_word: arguments };
    let rules = Rules { wanted: Some(1), lists: None, ..request.rules(&turn.service.texts, false) };
    let mut text = turn.arguments;
    while let Some(behind) = text.strip_prefix(b" ") {
        text = behind;
    }
    let Some(mut text) = text.strip_prefix(b"(") else {
        let Reading { arguments, stop, .. } = reader::read(text, rules);
        return match (arguments.first(), stop) {
            (_, Stop::Fault(phrase, _)) => Err(phrase.into()),
            (Some(argument), _) if !argument.is_atom("NIL") => Err(Phrase::InvalidId.into()),
            _ => Ok(()),
        };
    };
    let mut name = true;
    loop {
        let Reading { arguments, stop, end } = reader::read(text, Rules { inside_list: true, ..rules });
        match (arguments.first(), stop) {
            (_, Stop::Fault(phrase, _)) => return Err(phrase.into()),
            (None, _) => return Ok(()),
            (Some(argument), _) => {
                let sound = string(argument) || (!name && argument.is_atom("NIL"));
                let short = argument.string().is_some_and(|text| !name || text.len() < LONGEST_ID_NAME);
                if !sound || !short {
                    return Err(Phrase::InvalidId.into());
                }
            }
        }
        name = !name;
        text = text.get(end..).unwrap_or_default();
    }
}

/// Octets of a name in ID, and its end.
const LONGEST_ID_NAME: usize = 31;

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
    if let Some(world) = turn.judge(attempt, None) {
        state.log_in(world);
    }
    Ok(())
}

/// RFC 3501 section 6.2.2, with an initial response (RFC 4959).
pub fn authenticate(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    let arguments;
    let (name, initial) = if turn.service.texts.mail_process.is_dovecot() {
        // What stands behind the mechanism is the initial response, whatever it is.
        let (name, initial) = word(turn.arguments);
        if name.is_empty() {
            return Err(Phrase::UnknownCommand.into());
        }
        (name, Some(initial).filter(|response| !response.is_empty()))
    } else {
        arguments = turn.parse()?;
        let (name, initial) = match arguments.as_slice() {
            [name] => (name, None),
            [name, initial] => (name, Some(initial.atom().ok_or(Phrase::InvalidArguments)?)),
            _ => return Err(Phrase::InvalidArguments.into()),
        };
        (name.string().ok_or(Phrase::InvalidArguments)?, initial)
    };
    let offered = &turn.service.texts.mechanisms;
    let mechanism = Mechanism::from_name(name).filter(|mechanism| offered.contains(mechanism));
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

/// Answers a step of AUTHENTICATE; `invalid` is what a response gets that is no base64, and what one that is broken.
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
            turn.stage = Stage::Authenticating { tag: turn.tag.clone(), exchange, penalty };
        }
        Step::Done(attempt) => {
            if let Some(world) = turn.judge(attempt, penalty) {
                state.log_in(world);
            }
        }
        Step::Cancelled => return Err(Phrase::AuthenticationCancelled.into()),
        Step::NotBase64 => return Err(invalid.0.into()),
        Step::BrokenBase64(attempt) => {
            // Refused for its form, and worth knowing all the same.
            if let Some(attempt) = attempt {
                turn.record(attempt.refused());
            }
            return Err(invalid.1.into());
        }
    }
    Ok(())
}
