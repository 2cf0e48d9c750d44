//! A session as a file: what is said, and what the real server answered. One connection a file.
//!
//! ```text
//! # text    comment
//! > text    send text and CRLF, wait for the whole answer
//! & text    as part of the next `>`, in one write with it (pipelining)
//! | text    the same without CRLF (octets as they are)
//! ? text    send text and CRLF, then take whatever comes until there is silence (an answer may not come)
//! ! text    as `?`, without CRLF
//! ~ secs    send nothing, take whatever comes until so many seconds of silence
//! < text    the answer: a line, with its CRLF
//! <| text   the answer: octets as they are
//! = 1.0 s   the answer took so long (where it is worth telling)
//! = closed  the server closed the connection behind it
//! = nothing it did not answer
//! ```
//!
//! The greeting is the answer at the top. In what is said `\r` `\n` `\t` `\0` `\s` `\\` `\xNN` stand for octets, and
//! `{{A*70000}}` for many of them.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// How an answer's end is told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Wait {
    /// By its form.
    Whole,
    /// By so long a silence.
    Silence(Duration),
}

/// What a server answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Answer {
    /// Its octets.
    pub(super) bytes: Vec<u8>,
    /// How long it took.
    pub(super) after: Duration,
    /// Whether the connection was closed behind it.
    pub(super) closed: bool,
}

/// One exchange.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Exchange {
    /// The lines of the file that say it, comments among them.
    pub(super) lines: Vec<String>,
    /// What is sent.
    pub(super) payload: Vec<u8>,
    /// How many commands that is.
    pub(super) commands: usize,
    /// The last of them.
    pub(super) last: Vec<u8>,
    /// What is waited for.
    pub(super) wait: Wait,
    /// What the real server answered, once it is recorded.
    pub(super) answer: Option<Answer>,
}

/// The silence that ends the answer to `?` and `!`.
const QUIET: Duration = Duration::from_millis(700);
/// From here on the time of an answer is told.
const WORTH_TELLING: Duration = Duration::from_millis(400);

/// A session.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Script {
    /// The greeting first.
    pub(super) exchanges: Vec<Exchange>,
}

impl Exchange {
    fn new(lines: Vec<String>, payload: Vec<u8>, commands: usize, last: Vec<u8>, wait: Wait) -> Self {
        Self { lines, payload, commands, last, wait, answer: None }
    }

    /// What is said, as the file has it.
    pub(super) fn said(&self) -> &str {
        let said = self.lines.iter().rfind(|line| !line.starts_with('#'));
        said.map_or("(greeting)", String::as_str)
    }
}

/// How the line begins that names the recorded server.
const RECORDED: &str = "# recorded from ";

impl Script {
    /// Reads a file.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut exchanges = vec![Exchange::new(Vec::new(), Vec::new(), 0, Vec::new(), Wait::Whole)];
        let (mut lines, mut payload, mut commands) = (Vec::new(), Vec::new(), 0);
        for (number, line) in text.lines().enumerate() {
            let place = || format!("line {}: {line}", number + 1);
            let (kind, rest) = line.split_at(line.len().min(1));
            let rest = rest.strip_prefix(' ').unwrap_or(rest);
            match kind {
                "" => {}
                "#" => lines.push(line.to_owned()),
                "<" | "=" => {
                    ensure!(payload.is_empty(), "{}: an answer before the question ends", place());
                    // A comment at the very top is the greeting's.
                    let exchange = exchanges.last_mut().context("a greeting")?;
                    exchange.lines.splice(0..0, lines.drain(..));
                    let answer = exchange.answer.get_or_insert_default();
                    answered(answer, kind, rest).with_context(place)?;
                }
                "&" | "|" | ">" | "?" | "!" => {
                    lines.push(line.to_owned());
                    let octets = unescape(rest).with_context(place)?;
                    payload.extend_from_slice(&octets);
                    if kind != "|" && kind != "!" {
                        payload.extend_from_slice(b"\r\n");
                    }
                    commands += usize::from(kind != "|");
                    let wait = match kind {
                        "&" | "|" => continue,
                        ">" => Wait::Whole,
                        _ => Wait::Silence(QUIET),
                    };
                    let (lines, payload) = (std::mem::take(&mut lines), std::mem::take(&mut payload));
                    exchanges.push(Exchange::new(
                        lines,
                        payload,
                        std::mem::take(&mut commands),
                        octets,
                        wait,
                    ));
                }
                "~" => {
                    lines.push(line.to_owned());
                    let silence = Wait::Silence(Duration::from_secs_f64(rest.parse().with_context(place)?));
                    let lines = std::mem::take(&mut lines);
                    exchanges.push(Exchange::new(lines, Vec::new(), 0, Vec::new(), silence));
                }
                _ => bail!("{}: begins with none of # > & | ? ! ~ < =", place()),
            }
        }
        ensure!(payload.is_empty(), "the last lines are never sent");
        Ok(Self { exchanges })
    }

    /// Names the recorded server at the top.
    pub(super) fn recorded_from(&mut self, name: &str) {
        if let Some(greeting) = self.exchanges.first_mut() {
            greeting.lines.retain(|line| !line.starts_with(RECORDED));
            greeting.lines.insert(0, format!("{RECORDED}{name}"));
        }
    }

    /// The file again.
    pub(super) fn to_text(&self) -> String {
        let mut text = String::new();
        for exchange in &self.exchanges {
            for line in &exchange.lines {
                let _ = writeln!(text, "{line}");
            }
            if let Some(answer) = &exchange.answer {
                text.push_str(&answer_text(answer, ""));
            }
        }
        text
    }
}

/// A line of an answer.
fn answered(answer: &mut Answer, kind: &str, rest: &str) -> Result<()> {
    if kind == "=" {
        match rest.strip_suffix(" s") {
            Some(seconds) => answer.after = Duration::from_secs_f64(seconds.parse()?),
            None if rest == "closed" => answer.closed = true,
            None if rest == "nothing" => {}
            None => bail!("neither `= closed`, `= nothing` nor a time"),
        }
        return Ok(());
    }
    if let Some(octets) = rest.strip_prefix("| ") {
        answer.bytes.extend(unescape(octets)?);
    } else {
        answer.bytes.extend(unescape(rest)?);
        answer.bytes.extend_from_slice(b"\r\n");
    }
    Ok(())
}

/// An answer as lines of a file, each behind this indentation.
pub(super) fn answer_text(answer: &Answer, indent: &str) -> String {
    let mut text = String::new();
    for line in answer.bytes.split_inclusive(|byte| *byte == b'\n') {
        let _ = match line.strip_suffix(b"\r\n") {
            Some(line) => writeln!(text, "{indent}< {}", escape(line)),
            None => writeln!(text, "{indent}<| {}", escape(line)),
        };
    }
    if answer.after >= WORTH_TELLING {
        let _ = writeln!(text, "{indent}= {:.1} s", answer.after.as_secs_f64());
    }
    if answer.closed {
        let _ = writeln!(text, "{indent}= closed");
    } else if answer.bytes.is_empty() {
        let _ = writeln!(text, "{indent}= nothing");
    }
    text
}

/// A difference for people.
pub(super) fn difference(exchange: &Exchange, real: &Answer, ours: &Answer, reason: Option<&str>) -> String {
    let mut text = String::new();
    for line in exchange.lines.iter().filter(|line| !line.starts_with('#')) {
        let _ = writeln!(text, "     {line}");
    }
    let _ = writeln!(text, "     real\n{}     ours", answer_text(real, "       "));
    text.push_str(&answer_text(ours, "       "));
    if let Some(reason) = reason {
        let _ = writeln!(text, "     because {reason}");
    }
    text
}

/// The octets that a text of the file stands for.
pub(super) fn unescape(text: &str) -> Result<Vec<u8>> {
    let mut octets = Vec::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        if let Some((many, behind)) = rest.strip_prefix("{{").and_then(|rest| rest.split_once("}}")) {
            let (what, times) = many.rsplit_once('*').context("{{ without *")?;
            let what = unescape(what)?;
            octets.extend(what.repeat(times.parse().context("{{...*TIMES}}")?));
            rest = behind;
            continue;
        }
        rest = &rest[letter.len_utf8()..];
        if letter != '\\' {
            octets.extend(letter.to_string().bytes());
            continue;
        }
        let escaped = rest.chars().next().context("a backslash at the end")?;
        rest = &rest[escaped.len_utf8()..];
        octets.push(match escaped {
            'r' => b'\r',
            'n' => b'\n',
            't' => b'\t',
            '0' => 0,
            's' => b' ',
            '\\' => b'\\',
            'x' => {
                let digits = rest.get(..2).context("\\x without two digits")?;
                rest = &rest[2..];
                u8::from_str_radix(digits, 16).context("\\x without two digits")?
            }
            other => bail!("\\{other} stands for nothing"),
        });
    }
    Ok(octets)
}

/// Octets as the file has them.
pub(super) fn escape(octets: &[u8]) -> String {
    let mut text = String::new();
    for byte in octets {
        let _ = match byte {
            b'\\' => write!(text, "\\\\"),
            b'\r' => write!(text, "\\r"),
            b'\n' => write!(text, "\\n"),
            b'\t' => write!(text, "\\t"),
            0 => write!(text, "\\0"),
            b' '..=b'~' => write!(text, "{}", char::from(*byte)),
            _ => write!(text, "\\x{byte:02x}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# Greeting first.
< 220 x
> NOOP {{a*3}}
< 250 2.0.0 Ok
! NO
= nothing
# Two at once.
& RSET
| a\\x00\\xff
? b\\s
<| 250\\n
< x
= 1.0 s
= closed
";

    #[test]
    fn a_file_is_read_and_written() {
        let script = Script::parse(FILE).unwrap();
        assert_eq!(script.to_text(), FILE);
        let [greeting, noop, _, last] = script.exchanges.as_slice() else { panic!("{script:?}") };
        assert_eq!(greeting.answer.as_ref().unwrap().bytes, b"220 x\r\n");
        assert_eq!(
            (noop.payload.as_slice(), noop.commands, noop.wait),
            (&b"NOOP aaa\r\n"[..], 1, Wait::Whole)
        );
        assert_eq!((last.payload.as_slice(), last.commands), (&b"RSET\r\na\0\xffb \r\n"[..], 2));
        let answer = last.answer.as_ref().unwrap();
        assert_eq!((answer.bytes.as_slice(), answer.closed), (&b"250\nx\r\n"[..], true));
        assert_eq!(answer.after, Duration::from_secs(1));
    }

    #[test]
    fn mistakes_are_named() {
        for bad in ["NOOP\n", "& NOOP\n", "> \\q\n", "= soon\n", "& x\n< y\n> z\n"] {
            assert!(Script::parse(bad).is_err(), "{bad}");
        }
    }
}
