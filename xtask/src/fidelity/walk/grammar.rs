//! A grammar as a text, and what it makes by chance.
//!
//! ```text
//! # text       comment
//! @name        begins a rule; each line below it is an alternative
//! 5* text      one that is taken five times as often; `1*` alone is the empty one
//! {{name}}     what another rule makes; {{?name}} half of the time
//! {{"name}}    the same as a string of IMAP: an atom, quoted, or a literal
//! {{+name}}    the same as a literal
//! {{#3-9}}     a number
//! text ;;>text the first is sent, then the second: `;;` and a letter of the form of a session; `;;=` is another command
//! ```
//!
//! `\r` `\n` `\t` `\0` `\s` `\\` `\xNN` stand for octets.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::fidelity::script::unescape;

/// How deep rules may stand in rules; below, the first alternative is taken.
const DEPTH: usize = 12;
/// No grammar here goes deeper, even by first alternatives.
const BOTTOM: usize = 40;

/// A piece of what is said.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    /// Octets as they are.
    Octets(Vec<u8>),
    /// An IMAP literal; without `plus` the server is asked first.
    Literal { octets: Vec<u8>, plus: bool },
    /// Another line begins, of this kind.
    Step(char),
}

/// A part of an alternative.
#[derive(Debug)]
enum Part {
    Octets(Vec<u8>),
    Rule { name: String, form: Form },
    Number { least: u32, most: u32 },
    Step(char),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Plain,
    Maybe,
    AnyString,
    Literal,
}

#[derive(Debug)]
struct Alternative {
    weight: u32,
    parts: Vec<Part>,
}

/// All rules of a protocol.
#[derive(Debug)]
pub(super) struct Grammar(BTreeMap<String, Vec<Alternative>>);

impl Grammar {
    /// Reads a text.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut rules: BTreeMap<String, Vec<Alternative>> = BTreeMap::new();
        let mut rule = None;
        for (number, line) in text.lines().enumerate() {
            let place = || format!("line {}: {line}", number + 1);
            if line.is_empty() || line.starts_with("# ") {
                continue;
            }
            if let Some(name) = line.strip_prefix('@') {
                rule = Some(rules.entry(name.to_owned()).or_default());
                continue;
            }
            let rule = rule.as_mut().with_context(place)?;
            rule.push(alternative(line).with_context(place)?);
        }
        let parts = rules.values().flatten().flat_map(|alternative| &alternative.parts);
        for part in parts {
            if let Part::Rule { name, .. } = part {
                ensure!(rules.contains_key(name), "there is no rule `{name}`");
            }
        }
        Ok(Self(rules))
    }

    /// What a rule makes.
    pub(super) fn make(&self, rule: &str, random: &mut ChaCha8Rng) -> Result<Vec<Piece>> {
        let mut pieces = Vec::new();
        self.expand(rule, random, 0, &mut pieces)?;
        Ok(pieces)
    }

    fn expand(&self, rule: &str, random: &mut ChaCha8Rng, depth: usize, into: &mut Vec<Piece>) -> Result<()> {
        ensure!(depth < BOTTOM, "`{rule}` never ends");
        let alternatives = self.0.get(rule).with_context(|| format!("there is no rule `{rule}`"))?;
        let whole: u32 = alternatives.iter().map(|alternative| alternative.weight).sum();
        let mut chosen = if depth < DEPTH { random.random_range(0..whole) } else { 0 };
        let found = alternatives.iter().find(|alternative| {
            let here = chosen < alternative.weight;
            chosen = chosen.saturating_sub(alternative.weight);
            here
        });
        for part in &found.with_context(|| format!("`{rule}` has no alternatives"))?.parts {
            match part {
                Part::Octets(octets) => push(into, octets),
                Part::Step(kind) => into.push(Piece::Step(*kind)),
                Part::Number { least, most } => {
                    push(into, random.random_range(*least..=*most).to_string().as_bytes());
                }
                Part::Rule { name, form: Form::Plain } => self.expand(name, random, depth + 1, into)?,
                Part::Rule { name, form: Form::Maybe } => {
                    if random.random_bool(0.5) {
                        self.expand(name, random, depth + 1, into)?;
                    }
                }
                Part::Rule { name, form } => {
                    let mut inner = Vec::new();
                    self.expand(name, random, depth + 1, &mut inner)?;
                    string(&inner, *form, random, into);
                }
            }
        }
        Ok(())
    }
}

/// A string of IMAP in one of its forms.
fn string(inner: &[Piece], form: Form, random: &mut ChaCha8Rng, into: &mut Vec<Piece>) {
    let mut octets = Vec::new();
    for piece in inner {
        if let Piece::Octets(some) | Piece::Literal { octets: some, .. } = piece {
            octets.extend_from_slice(some);
        }
    }
    let special = |byte: &u8| !byte.is_ascii_graphic() || b"(){%*\"\\]".contains(byte);
    let atom = !octets.is_empty() && !octets.iter().any(special);
    let quotable = !octets.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n'));
    match random.random_range(0..10) {
        0..=3 if form == Form::AnyString && atom => push(into, &octets),
        0..=7 if form == Form::AnyString && quotable => {
            push(into, b"\"");
            for byte in octets {
                if matches!(byte, b'"' | b'\\') {
                    push(into, b"\\");
                }
                push(into, &[byte]);
            }
            push(into, b"\"");
        }
        other => into.push(Piece::Literal { octets, plus: other % 2 == 0 }),
    }
}

fn push(pieces: &mut Vec<Piece>, octets: &[u8]) {
    match pieces.last_mut() {
        Some(Piece::Octets(last)) => last.extend_from_slice(octets),
        _ => pieces.push(Piece::Octets(octets.to_vec())),
    }
}

fn alternative(line: &str) -> Result<Alternative> {
    let weighted = line.split_once('*').and_then(|(number, text)| {
        let weight: u32 = number.parse().ok()?;
        Some((weight, text.strip_prefix(' ').or_else(|| text.is_empty().then_some(""))?))
    });
    let (weight, mut rest) = weighted.unwrap_or((1, line));
    let mut parts = Vec::new();
    loop {
        let first = rest.starts_with(";;").then_some(0);
        let (step, rule) = (first.or_else(|| rest.find(" ;;")), rest.find("{{"));
        let Some(next) = [step, rule].into_iter().flatten().min() else { break };
        if next > 0 {
            parts.push(Part::Octets(unescape(&rest[..next])?));
        }
        if step == Some(next) {
            rest = &rest[next + rest[next..].find(";;").context("a step")? + 2..];
            let kind = rest.chars().next().context("nothing behind ;;")?;
            ensure!("&|>?!~=".contains(kind), "`{kind}` is no kind of line");
            parts.push(Part::Step(kind));
            rest = &rest[1..];
        } else {
            let (name, behind) = rest[next + 2..].split_once("}}").context("{{ without }}")?;
            parts.push(reference(name)?);
            rest = behind;
        }
    }
    if !rest.is_empty() {
        parts.push(Part::Octets(unescape(rest)?));
    }
    Ok(Alternative { weight, parts })
}

fn reference(name: &str) -> Result<Part> {
    let (form, name) = match name.split_at(name.len().min(1)) {
        ("?", name) => (Form::Maybe, name),
        ("\"", name) => (Form::AnyString, name),
        ("+", name) => (Form::Literal, name),
        ("#", range) => {
            let (least, most) = range.split_once('-').context("a number is {{#FROM-TO}}")?;
            return Ok(Part::Number { least: least.parse()?, most: most.parse()? });
        }
        _ => (Form::Plain, name),
    };
    Ok(Part::Rule { name: name.to_owned(), form })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn rules_make_pieces() {
        let grammar =
            Grammar::parse("@a\nX {{b}}{{#3-3}} ;;>done\n# no\n@b\n3* {{+c}}\n@c\n1* a\\r\n@none\n1*\n")
                .unwrap();
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let made = grammar.make("a", &mut random).unwrap();
        let [Piece::Octets(x), Piece::Literal { octets, .. }, Piece::Octets(three), Piece::Step('>'), last] =
            made.as_slice()
        else {
            panic!("{made:?}")
        };
        assert_eq!((x.as_slice(), octets.as_slice(), three.as_slice()), (&b"X "[..], &b"a\r"[..], &b"3"[..]));
        assert_eq!(*last, Piece::Octets(b"done".to_vec()));
        assert_eq!(grammar.make("none", &mut random).unwrap(), []);
    }

    #[test]
    fn mistakes_are_named() {
        for bad in ["x\n", "@a\n{{b}}\n", "@a\n{{a\n", "@a\n{{#x-1}}\n", "@a\nx ;;q\n", "@a\n\\q\n"] {
            assert!(Grammar::parse(bad).is_err(), "{bad}");
        }
    }
}
