//! The rules by which known honeypots are recognised: `rules/*.toml`, in our own words, each with where it is from.
//!
//! A rule has what is said (`say`: lines, one after the other, on a connection of its own) and what is then answered
//! (`answers`: regular expressions over octets, the greeting's first; an empty one fits anything). It hits where all fit.
//! Rules that say the same share a connection.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use fidelity::{Answer, Service};
use regex::bytes::Regex;
use serde::Deserialize;

use crate::facts::Facts;
use crate::finding::Finding;
use crate::talk::Way;

/// The check's name.
pub(crate) const CHECK: &str = "known-honeypots";

/// A file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rule: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name here.
    pub name: String,
    #[serde(default)]
    say: Vec<String>,
    answers: Vec<String>,
    /// What is wrong, in plain words.
    pub says: String,
    /// Where it is from: a detector and its name of the rule, or a honeypot's source.
    pub who: String,
    /// What to do about it.
    pub mend: String,
}

/// The rules of a service.
pub fn rules(service: Service) -> Result<Vec<Rule>> {
    let (name, text) = match service {
        Service::Imap => ("imap.toml", include_str!("../rules/imap.toml")),
        Service::Pop3 => ("pop3.toml", include_str!("../rules/pop3.toml")),
        Service::Smtp | Service::Submission => ("smtp.toml", include_str!("../rules/smtp.toml")),
    };
    Ok(toml::from_str::<File>(text).with_context(|| format!("rules/{name}"))?.rule)
}

impl Rule {
    /// Whether all answers are the honeypot's.
    fn hits(&self, answers: &[Answer]) -> Result<bool> {
        for (number, pattern) in self.answers.iter().enumerate().filter(|(_, pattern)| !pattern.is_empty()) {
            let pattern = Regex::new(&format!("(?-u){pattern}")).with_context(|| self.name.clone())?;
            let Some(answer) = answers.get(number) else { return Ok(false) };
            if !pattern.is_match(&answer.bytes) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Says what the rules want said, and tells which of them hit.
pub(crate) fn check(facts: &Facts) -> Result<Vec<Finding>> {
    let place = facts.place.name();
    let rules = rules(facts.place.service)?;
    let mut answers: BTreeMap<&[String], Vec<Answer>> = BTreeMap::new();
    answers.insert(&[], vec![facts.greeting.clone()]);
    let mut findings = Vec::new();
    for rule in &rules {
        if !answers.contains_key(rule.say.as_slice()) {
            let mut talk = facts.place.open(Way::AsIs)?;
            let mut said = vec![talk.greeting.clone()];
            for line in &rule.say {
                if talk.closed() {
                    break;
                }
                let answer = talk.say(line)?;
                let silent = answer.bytes.is_empty();
                said.push(answer);
                if silent {
                    break;
                }
            }
            answers.insert(&rule.say, said);
        }
        let Some(answers) = answers.get(rule.say.as_slice()) else { continue };
        if rule.hits(answers)? {
            let seen = answers.last().map(|answer| answer.bytes.clone()).unwrap_or_default();
            let finding = Finding::tell(CHECK, &place, &rule.says).seen(seen);
            findings.push(finding.who(format!("{} ({})", rule.who, rule.name)).mend(&rule.mend));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, &place, format!("none of {} rules fits", rules.len())));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests;
