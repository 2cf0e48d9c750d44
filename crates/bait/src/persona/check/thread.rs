//! What messages say of one another: ids that are unique, answers that answer something earlier.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::message::{date, values};
use super::{Problems, messages};
use crate::corpus::Corpus;
use crate::persona::Persona;

/// A message by its id.
struct Known<'a> {
    file: &'a str,
    date: Option<Timestamp>,
}

/// Message-ID, In-Reply-To and References (RFC 5322 section 3.6.4).
pub(super) fn links(persona: &Persona, corpus: &Corpus, problems: &mut Problems) {
    let mut known: BTreeMap<String, Known<'_>> = BTreeMap::new();
    for (template, message) in persona.templates().zip(messages(corpus)) {
        for value in values(message, "Message-ID") {
            let [id] = &ids(&value)[..] else {
                problems
                    .error(&template.file, format!("has a Message-ID `{value}` that is not <left@right>"));
                continue;
            };
            if let Some(first) = known.get(id) {
                let what = format!("has the Message-ID {id} of {}; give each message its own", first.file);
                problems.error(&template.file, what);
                continue;
            }
            known.insert(id.clone(), Known { file: &template.file, date: date(message) });
        }
    }
    let own = format!("@{}>", persona.domain.to_ascii_lowercase());
    for (template, message) in persona.templates().zip(messages(corpus)) {
        let here = date(message);
        for field in ["In-Reply-To", "References"] {
            for id in values(message, field).iter().flat_map(|value| ids(value)) {
                let Some(answered) = known.get(&id) else {
                    // An id of somebody else's server is as good as any; one of ours would be in some mailbox.
                    if id.to_ascii_lowercase().ends_with(&own) {
                        let what = format!("{field} names {id}, which is no message of the corpus");
                        problems.warning(&template.file, what);
                    }
                    continue;
                };
                if answered.date.zip(here).is_some_and(|(earlier, here)| earlier >= here) {
                    let what =
                        format!("answers {} ({field}), which was sent later; change `sent`", answered.file);
                    problems.error(&template.file, what);
                }
            }
        }
    }
}

/// The ids in a value, with their brackets.
fn ids(value: &str) -> Vec<String> {
    let good = |word: &&str| word.starts_with('<') && word.ends_with('>') && word.matches('@').count() == 1;
    value.split_ascii_whitespace().filter(good).map(str::to_owned).collect()
}
