//! The names that messages get in the queue. Asks for two messages to be sent, and so for `--send`.

use std::sync::LazyLock;

use anyhow::Result;
use regex::bytes::Regex;

use crate::claim::Product;
use crate::facts::Facts;
use crate::finding::Finding;
use crate::pattern::{group, pattern};
use crate::random;
use crate::talk::is_good;

/// The check's name.
pub(crate) const CHECK: &str = "queue-ids";

static QUEUED: LazyLock<Regex> = LazyLock::new(|| pattern(r"queued as ([0-9A-Za-z]{1,40})"));
/// Postfix's short form is microseconds and an inode in hexadecimal, its long one has no vowels and a `z` between the two.
static POSTFIX: LazyLock<Regex> = LazyLock::new(|| {
    let form = r"^(?:[0-9A-F]{6,20}|[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{8,12}z[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-y]{1,16})$";
    pattern(form)
});

/// Sends two messages to this recipient.
pub(crate) fn check(facts: &Facts, recipient: Option<&str>) -> Result<Vec<Finding>> {
    let place = facts.place.name();
    if !facts.place.is_smtp() {
        return Ok(Vec::new());
    }
    let Some(recipient) = recipient else {
        return Ok(vec![Finding::not_checked(CHECK, &place, "no message is sent without --send ADDRESS")]);
    };
    let mut answers = Vec::new();
    for _ in 0..2 {
        let answer = send(facts, recipient)?;
        if !answer.starts_with("250") {
            return Ok(vec![
                Finding::not_checked(CHECK, &place, format!("mail for {recipient} is refused")).seen(answer),
            ]);
        }
        answers.push(answer);
    }
    Ok(vec![judged(&place, &answers, facts.claim.product)])
}

fn send(facts: &Facts, recipient: &str) -> Result<String> {
    let service = facts.place.service;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut talk = facts.place.open(facts.way())?;
    talk.say("EHLO audit.invalid")?;
    for line in ["MAIL FROM:<>".to_owned(), format!("RCPT TO:<{recipient}>"), "DATA".to_owned()] {
        let answer = talk.say(&line)?;
        if !is_good(service, &answer.bytes) {
            return Ok(text(&answer.bytes));
        }
    }
    let message = [
        "From: <>".to_owned(),
        format!("To: <{recipient}>"),
        format!("Subject: audit {}", random::word()),
        String::new(),
        "Sent by `honeypost audit --send`.".to_owned(),
        ".".to_owned(),
    ];
    // The lines of a message are no commands: there is one answer to all of them.
    let mut exchange =
        fidelity::Exchange::commands(&message.iter().map(String::as_bytes).collect::<Vec<_>>());
    exchange.commands = 1;
    let answer = talk.play(&exchange)?;
    talk.say("QUIT")?;
    Ok(text(&answer.bytes))
}

fn judged(place: &str, answers: &[String], product: Option<Product>) -> Finding {
    let ids: Vec<String> = answers.iter().filter_map(|answer| group(&QUEUED, answer.as_bytes())).collect();
    let tell = |text: &str| {
        Finding::tell(CHECK, place, text)
            .seen(answers.concat())
            .real("Postfix: `250 2.0.0 Ok: queued as A837B9A0008`, hexadecimal, another one each time")
            .who("constants and alphabets: DECNET's ids have letters that Postfix's short form has not")
            .mend("Honeypost: personality = \"postfix-3.7\"")
    };
    if let [first, second] = ids.as_slice()
        && first == second
    {
        return tell("two messages got the same id");
    }
    if product == Some(Product::Postfix)
        && (ids.len() < 2 || ids.iter().any(|id| !POSTFIX.is_match(id.as_bytes())))
    {
        return tell("the ids are not of Postfix's form");
    }
    if ids.is_empty() {
        return Finding::not_checked(CHECK, place, "it tells no ids").seen(answers.concat());
    }
    Finding::ok(CHECK, place, format!("another id for each message: {}", ids.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Verdict;

    #[test]
    fn ids_are_judged() {
        let verdict = |one: &str, other: &str, product| {
            let answers = [one, other].map(|id| format!("250 2.0.0 Ok: queued as {id}\r\n"));
            judged("x", &answers, product).verdict
        };
        let postfix = Some(Product::Postfix);
        assert_eq!(verdict("A837B9A0008", "B1237B9A0009", postfix), Verdict::Ok);
        assert_eq!(verdict("4Z9BhT1wJzz5x", "4Z9BhV0LnHz5y", postfix), Verdict::Ok);
        assert_eq!(verdict("A837B9A0008", "A837B9A0008", postfix), Verdict::Tell);
        assert_eq!(verdict("BCDFGHJKLMN", "BCDFGHJKLMP", postfix), Verdict::Tell);
        assert_eq!(verdict("xyz1", "xyz2", None), Verdict::Ok);
    }
}
