//! A session made by chance from a protocol's grammar. The same seed and number make the same session.

use anyhow::{Context, Result};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::fidelity::Service;
use crate::fidelity::script::{Script, escape};
use crate::fidelity::walk::grammar::{Grammar, Piece};

/// Commands behind the opening ones.
const LENGTH: std::ops::RangeInclusive<usize> = 4..=18;
/// How often a line is spoilt, goes together with the next, and is followed by one that ends the session.
const SPOILT: f64 = 0.07;
const TOGETHER: f64 = 0.06;
/// What is put into a spoilt line.
const STRANGE: [&[u8]; 22] = [
    b" ",
    b"  ",
    b"\"",
    b"(",
    b")",
    b"{",
    b"}",
    b"\\",
    b"*",
    b"%",
    b"\x00",
    b"\x01",
    b"\x7f",
    b"\xc3\xbc",
    b"\xff",
    b"\t",
    b"\r",
    b"<",
    b">",
    b"{3}",
    b"NIL",
    b"0",
];

/// The grammar of a service.
pub(super) fn grammar(service: Service) -> Result<Grammar> {
    let text = match service {
        Service::Imap => include_str!("imap.grammar"),
        Service::Pop3 => include_str!("pop3.grammar"),
        Service::Smtp | Service::Submission => include_str!("smtp.grammar"),
    };
    Grammar::parse(text).with_context(|| format!("the grammar of {}", service.name()))
}

/// One session.
pub(super) fn session(service: Service, grammar: &Grammar, seed: u64, number: u64) -> Result<Script> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(number);
    let mut text = Text { tagged: service == Service::Imap, tag: 0, file: String::new() };
    // The lines that open a session are right, or nothing would be behind them.
    text.command(&grammar.make("session", &mut random)?, false);
    let commands = random.random_range(LENGTH);
    for number in 0..commands {
        let mut command = grammar.make("command", &mut random)?;
        if random.random_bool(SPOILT) {
            spoil(&mut command, &mut random);
        }
        let together = number + 1 < commands && random.random_bool(TOGETHER);
        text.command(&command, together);
    }
    Script::parse(&text.file)
}

/// The file of a session under way.
struct Text {
    tagged: bool,
    tag: usize,
    file: String,
}

impl Text {
    /// A command with the lines that belong to it.
    fn command(&mut self, pieces: &[Piece], together: bool) {
        let mut kind = '>';
        let mut line = self.tag();
        let one = matches!(pieces, [Piece::Octets(_)]);
        for piece in pieces {
            match piece {
                Piece::Octets(octets) => line.extend_from_slice(octets),
                Piece::Literal { octets, plus: true } => {
                    line.extend_from_slice(format!("{{{}+}}\r\n", octets.len()).as_bytes());
                    line.extend_from_slice(octets);
                }
                Piece::Literal { octets, plus: false } => {
                    line.extend_from_slice(format!("{{{}}}", octets.len()).as_bytes());
                    self.line(kind, &std::mem::take(&mut line));
                    kind = '>';
                    line.extend_from_slice(octets);
                }
                Piece::Step(next) => {
                    if !(line.is_empty() && kind == '>') {
                        self.line(kind, &std::mem::take(&mut line));
                    }
                    kind = *next;
                    if kind == '=' {
                        (kind, line) = ('>', self.tag());
                    }
                }
            }
        }
        self.line(if one && together { '&' } else { kind }, &line);
    }

    /// What a command begins with.
    fn tag(&mut self) -> Vec<u8> {
        self.tag += 1;
        if self.tagged { format!("a{} ", self.tag).into_bytes() } else { Vec::new() }
    }

    fn line(&mut self, kind: char, octets: &[u8]) {
        self.file.push(kind);
        self.file.push(' ');
        self.file.push_str(&escape(octets).replace("{{", "{\\x7b"));
        self.file.push('\n');
    }
}

/// Does what people and programs do wrong, to the first line of a command.
fn spoil(pieces: &mut [Piece], random: &mut ChaCha8Rng) {
    let Some(Piece::Octets(line)) = pieces.first_mut() else { return };
    let mut words: Vec<Vec<u8>> = line.split(|byte| *byte == b' ').map(<[u8]>::to_vec).collect();
    let (word, other) = (random.random_range(0..words.len()), random.random_range(0..words.len()));
    match random.random_range(0..8) {
        0 if words.len() > 1 => drop(words.remove(word)),
        1 => words.insert(word, words[other].clone()),
        2 => words.swap(word, other),
        3 => words[word].make_ascii_lowercase(),
        4 => words.push(Vec::new()),
        5 => words.truncate(word.max(1)),
        _ => {
            let at = random.random_range(0..=words[word].len());
            let strange = STRANGE[random.random_range(0..STRANGE.len())];
            words[word].splice(at..at, strange.iter().copied());
        }
    }
    *line = words.join(&b' ');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_repeat_themselves_by_their_seed_alone() {
        for service in [Service::Imap, Service::Pop3, Service::Smtp] {
            let grammar = grammar(service).unwrap();
            for number in 0..300 {
                let one = session(service, &grammar, 1, number).unwrap();
                assert!(one.exchanges.len() > 1);
                assert_eq!(one, session(service, &grammar, 1, number).unwrap());
                assert_eq!(Script::parse(&one.to_text()).unwrap(), one);
            }
            let other = session(service, &grammar, 2, 0).unwrap();
            assert_ne!(session(service, &grammar, 1, 0).unwrap(), other);
        }
    }

    #[test]
    fn literals_wait_for_the_server() {
        let mut text = Text { tagged: true, tag: 0, file: String::new() };
        let octets = |text: &str| Piece::Octets(text.as_bytes().to_vec());
        let literal = |plus| Piece::Literal { octets: b"{{".to_vec(), plus };
        text.command(&[octets("X "), literal(false), octets(" "), literal(true)], false);
        text.command(&[octets("IDLE"), Piece::Step('>'), octets("DONE")], false);
        text.command(&[octets("A"), Piece::Step('='), octets("B")], false);
        text.command(&[octets("NOOP")], true);
        let wanted = "> a1 X {2}\n> {\\x7b {2+}\\r\\n{\\x7b\n> a2 IDLE\n> DONE\n> a3 A\n> a4 B\n& a5 NOOP\n";
        assert_eq!(text.file, wanted);
    }
}
