//! Wrong logins: whether any password opens, and how long a refusal takes. They leave traces, and slow everybody from the
//! same address down for a while.

use std::time::Duration;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fidelity::{Answer, Service};

use crate::Login;
use crate::facts::Facts;
use crate::finding::Finding;
use crate::random;
use crate::talk::{Talk, is_good};

/// The checks' names.
pub(crate) const ANY: &str = "any-password";
pub(crate) const GUESSED: &str = "guessed-password";
pub(crate) const DELAY: &str = "login-delay";
pub(crate) const GROWTH: &str = "login-delay-grows";

/// Dovecot answers the first wrong login after one and a half to two seconds.
const FIRST: Duration = Duration::from_millis(800);
/// potsnitch calls a refusal instant that comes within this.
const INSTANT: Duration = Duration::from_millis(50);
/// The second takes four seconds more, unless the address has waited its longest already.
const MORE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(13);

/// Why nobody can log in here, if so.
pub(crate) fn impossible(facts: &Facts) -> Option<String> {
    let listed = facts.capabilities_there();
    match facts.place.service {
        Service::Imap if listed.has("LOGINDISABLED") => {
            Some("logins are disabled, and TLS does not help".into())
        }
        Service::Smtp | Service::Submission if !listed.has("AUTH") => Some("it offers no AUTH".into()),
        _ => None,
    }
}

/// Logs in; the answer to the last line. What is left is a session that is logged in, if it was good.
pub(crate) fn log_in(facts: &Facts, login: &Login) -> Result<(Talk, Answer)> {
    let Login { user, password } = login;
    let mut talk = facts.place.open(facts.way())?;
    let answer = match facts.place.service {
        Service::Imap => {
            let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
            talk.log_in(&format!("l LOGIN {} {}", quoted(user), quoted(password)))?
        }
        Service::Pop3 => {
            let answer = talk.say(&format!("USER {user}"))?;
            if is_good(Service::Pop3, &answer.bytes) {
                talk.log_in(&format!("PASS {password}"))?
            } else {
                answer
            }
        }
        Service::Smtp | Service::Submission => {
            talk.say("EHLO audit.invalid")?;
            let initial = STANDARD.encode(format!("\0{user}\0{password}"));
            talk.log_in(&format!("AUTH PLAIN {initial}"))?
        }
    };
    Ok((talk, answer))
}

/// Three wrong logins, two of them made up and one guessed.
pub(crate) fn check(facts: &Facts, quick: bool) -> Result<Vec<Finding>> {
    let place = facts.place.name();
    let left_out = |why: &str| {
        [ANY, DELAY, GROWTH, GUESSED].map(|check| Finding::not_checked(check, &place, why)).to_vec()
    };
    if quick {
        return Ok(left_out("wrong logins are slow (--quick)"));
    }
    if let Some(why) = impossible(facts) {
        return Ok(left_out(&why));
    }
    let service = facts.place.service;
    let mut tries = Vec::new();
    for _ in 0..2 {
        let login = Login { user: random::word(), password: random::word() };
        tries.push(log_in(facts, &login)?.1);
    }
    let guess = Login { user: "admin".to_owned(), password: "admin".to_owned() };
    let guessed = log_in(facts, &guess)?.1;
    let opened = tries.iter().filter(|answer| is_good(service, &answer.bytes)).count();
    let refused = |answer: &&Answer| !is_good(service, &answer.bytes);
    let waits: Vec<Duration> = tries.iter().filter(refused).map(|answer| answer.after).collect();
    let round_trip = facts.times.iter().map(|(connected, _)| *connected).min().unwrap_or_default();
    Ok(vec![
        any(&place, opened, tries.first()),
        delay(&place, &waits, round_trip, facts.claim.is_recorded(), tries.first()),
        growth(&place, &waits, facts.claim.is_recorded()),
        self::guessed(&place, is_good(service, &guessed.bytes)),
    ])
}

fn any(place: &str, opened: usize, first: Option<&Answer>) -> Finding {
    if opened == 0 {
        return Finding::ok(ANY, place, "users and passwords that were made up are refused");
    }
    Finding::tell(ANY, place, format!("{opened} of 2 logins that were made up this moment are let in"))
        .seen(first.map(|answer| answer.bytes.clone()).unwrap_or_default())
        .real("every one is refused")
        .who("potsnitch: smtp_accept_all_auth (for it that is proof)")
        .mend("Honeypost: name the logins that open (credentials, IMAP_USERS; smtp.auth = \"harvest\")")
}

fn guessed(place: &str, opened: bool) -> Finding {
    if opened {
        let text = "admin with the password `admin` is let in: bait here, and a real fault elsewhere";
        return Finding::note(GUESSED, place, text);
    }
    Finding::ok(GUESSED, place, "admin with the password `admin` is refused")
}

fn delay(
    place: &str,
    waits: &[Duration],
    round_trip: Duration,
    recorded: bool,
    first: Option<&Answer>,
) -> Finding {
    let Some(wait) = waits.first().map(|wait| wait.saturating_sub(round_trip)) else {
        return Finding::not_checked(DELAY, place, "no login was refused");
    };
    let least = if recorded { FIRST } else { INSTANT };
    if wait >= least {
        return Finding::ok(
            DELAY,
            place,
            format!("a wrong login is refused after {:.1} s", wait.as_secs_f64()),
        );
    }
    Finding::tell(DELAY, place, format!("a wrong login is refused after {:.3} s", wait.as_secs_f64()))
        .seen(first.map(|answer| answer.bytes.clone()).unwrap_or_default())
        .real("Dovecot, and Postfix that asks it, wait for two seconds")
        .who("potsnitch: instant_auth_failure")
        .mend("Honeypost: personality = \"dovecot-2.3\" or \"postfix-3.7\"")
}

fn growth(place: &str, waits: &[Duration], recorded: bool) -> Finding {
    let [first, second, ..] = waits else {
        return Finding::not_checked(GROWTH, place, "no two logins were refused");
    };
    let shown = format!("{:.1} s, then {:.1} s", first.as_secs_f64(), second.as_secs_f64());
    if !recorded {
        return Finding::not_checked(GROWTH, place, "not every server's delay grows");
    }
    if *first >= LONGEST {
        return Finding::not_checked(
            GROWTH,
            place,
            format!("this address waits its longest already: {shown}"),
        );
    }
    if second.saturating_sub(*first) >= MORE {
        return Finding::ok(GROWTH, place, format!("the delay grows with wrong logins: {shown}"));
    }
    Finding::tell(GROWTH, place, "the delay does not grow with wrong logins from one address")
        .seen(shown)
        .real("Dovecot: 2 s, 6 s, 10 s, 17 s for different passwords, on one connection or on several")
        .who("potsnitch: auth_timing_anomaly (refusals that all take the same time)")
        .mend("Honeypost: personality = \"dovecot-2.3\"; of a real Dovecot: auth_penalty is off (anvil does not run)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Verdict;

    #[test]
    fn delays_are_judged() {
        let secs = |list: &[f64]| list.iter().map(|one| Duration::from_secs_f64(*one)).collect::<Vec<_>>();
        let grows = |list: &[f64]| growth("x", &secs(list), true).verdict;
        assert_eq!(grows(&[2.0, 6.0]), Verdict::Ok);
        assert_eq!(grows(&[2.0, 2.0]), Verdict::Tell);
        assert_eq!(grows(&[16.5, 16.6]), Verdict::NotChecked);
        assert_eq!(grows(&[2.0]), Verdict::NotChecked);
        let first = |wait: f64, trip: f64, recorded| {
            delay("x", &secs(&[wait]), Duration::from_secs_f64(trip), recorded, None).verdict
        };
        assert_eq!(first(1.6, 0.1, true), Verdict::Ok);
        assert_eq!(first(0.5, 0.0, true), Verdict::Tell);
        assert_eq!(first(0.5, 0.0, false), Verdict::Ok);
        assert_eq!(first(0.26, 0.25, false), Verdict::Tell);
        assert_eq!((any("x", 0, None).verdict, any("x", 1, None).verdict), (Verdict::Ok, Verdict::Tell));
    }
}
