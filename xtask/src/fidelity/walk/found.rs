//! What a walk found: the differences by their shape, the least session for each of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::fidelity::script::{Answer, Script, answer_text};
use crate::fidelity::walk::Both;
use crate::fidelity::{Service, normal};
use crate::report::Outcome;

/// What differences have in common that are one: the command, and the first lines that differ without their numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shape {
    verb: String,
    real: String,
    ours: String,
}

/// A line is shown so far.
const SHOWN: usize = 100;

impl Shape {
    /// That of the difference in this exchange.
    pub(super) fn of(service: Service, script: &Script, index: usize, both: &Both) -> Self {
        let exchange = script.exchanges.get(index);
        let said = exchange.map_or(String::new(), |one| String::from_utf8_lossy(&one.payload).into_owned());
        let nothing = Answer::default();
        let (real, ours) =
            (both.real.get(index).unwrap_or(&nothing), both.ours.get(index).unwrap_or(&nothing));
        let lines = |answer: &Answer| -> Vec<String> {
            let bytes = normal::volatile(service, &answer.bytes);
            let mut lines: Vec<String> =
                bytes.split_inclusive(|byte| *byte == b'\n').map(without_values).collect();
            if answer.closed {
                lines.push("(closed)".into());
            }
            lines
        };
        let (real, ours) = (lines(real), lines(ours));
        let at = real.iter().zip(&ours).take_while(|(real, ours)| real == ours).count();
        let line = |lines: &[String]| lines.get(at).cloned().unwrap_or_else(|| "(nothing)".into());
        Self { verb: verb(service, &said), real: line(&real), ours: line(&ours) }
    }
}

/// The command's words, without its tag.
fn verb(service: Service, said: &str) -> String {
    let words: Vec<String> = said.split_whitespace().map(str::to_ascii_uppercase).collect();
    let at = usize::from(service == Service::Imap && words.len() > 1);
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    let plain = |word: &str| word.bytes().all(|byte| byte.is_ascii_alphabetic()) && word.len() < 16;
    match word(at) {
        "UID" if service == Service::Imap => format!("UID {}", word(at + 1)),
        one if plain(one) => one.to_owned(),
        _ => "(other)".to_owned(),
    }
}

/// A line with what varies made equal: numbers, and what is quoted.
fn without_values(line: &[u8]) -> String {
    let mut text = String::new();
    let mut quoted = false;
    for letter in String::from_utf8_lossy(line).trim_end().chars().take(400) {
        match letter {
            '"' => {
                quoted = !quoted;
                text.push('"');
            }
            _ if quoted => {}
            '0'..='9' if text.ends_with('N') => {}
            '0'..='9' => text.push('N'),
            other => text.push(other),
        }
    }
    text.chars().take(SHOWN).collect()
}

#[derive(Debug, Default)]
struct Group {
    times: usize,
    chance: bool,
    file: Option<PathBuf>,
}

/// All of it.
pub(super) struct Found {
    service: Service,
    folder: PathBuf,
    server: String,
    sessions: usize,
    exchanges: usize,
    groups: BTreeMap<Shape, Group>,
}

impl Found {
    /// Nothing yet. What an earlier walk wrote about this service is removed.
    pub(super) fn new(service: Service, folder: PathBuf, server: &str) -> Result<Self> {
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(service.name()) {
                fs::remove_file(entry.path())?;
            }
        }
        let server = server.to_owned();
        Ok(Self { service, folder, server, sessions: 0, exchanges: 0, groups: BTreeMap::new() })
    }

    /// Counts a session; whether it shows something new.
    pub(super) fn count(&mut self, exchanges: usize, shape: Option<&Shape>) -> bool {
        self.sessions += 1;
        self.exchanges += exchanges;
        let Some(shape) = shape else { return false };
        let group = self.groups.entry(shape.clone()).or_default();
        group.times += 1;
        group.times == 1
    }

    /// It did not come again.
    pub(super) fn was_chance(&mut self, shape: &Shape) {
        self.groups.entry(shape.clone()).or_default().chance = true;
    }

    /// Writes the least session, with the real server's answers, and ours above it.
    pub(super) fn keep(
        &mut self,
        shape: &Shape,
        mut script: Script,
        both: &Both,
        origin: &str,
    ) -> Result<()> {
        let number = self.groups.values().filter(|group| group.file.is_some()).count() + 1;
        let path = self.folder.join(format!("{}-{number:03}.txt", self.service.name()));
        for (exchange, answer) in script.exchanges.iter_mut().zip(&both.real) {
            let bytes = normal::volatile(self.service, &answer.bytes);
            exchange.answer = Some(Answer { bytes, ..answer.clone() });
        }
        script.recorded_from(&self.server);
        let ours = both.ours.last().map(|answer| answer_text(answer, "# ")).unwrap_or_default();
        let text = format!("# {origin}; ours answers the last line:\n{ours}{}", script.to_text());
        fs::write(&path, text).with_context(|| path.display().to_string())?;
        self.groups.entry(shape.clone()).or_default().file = Some(path);
        Ok(())
    }

    /// Prints all, the frequent ones first.
    pub(super) fn told(self) -> Outcome {
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.times));
        for (shape, group) in &groups {
            let file = match &group.file {
                Some(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                None if group.chance => "did not come again".into(),
                None => "not shrunk".into(),
            };
            println!(
                "{:6} x {:14} real: {}\n{:24} ours: {}   ({file})",
                group.times, shape.verb, shape.real, "", shape.ours
            );
        }
        let lasting: usize =
            groups.iter().filter(|(_, group)| !group.chance).map(|(_, group)| group.times).sum();
        let kinds = groups.iter().filter(|(_, group)| !group.chance).count();
        let told = format!(
            "{} exchanges in {} sessions; {lasting} sessions differ, in {kinds} ways; {} ways that did not come again",
            self.exchanges,
            self.sessions,
            groups.len() - kinds,
        );
        if kinds == 0 { Outcome::Passed(told) } else { Outcome::Failed(told) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_no_shape() {
        assert_eq!(without_values(b"* 12 FETCH (UID 3 X \"a b\" 4)\r\n"), "* N FETCH (UID N X \"\" N)");
        assert_eq!(verb(Service::Imap, "a1 uid fetch 1 x\r\n"), "UID FETCH");
        assert_eq!(verb(Service::Smtp, "Mail from:<a>\r\n"), "MAIL");
        assert_eq!(verb(Service::Imap, "a1 \"x\"\r\n"), "(other)");
    }
}
