//! A conversation for programs: one JSON object for each chunk of the wire record, or for each command where there is none.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;
use store::{Chunk, Flow};

use super::Command;
use super::dialogue::Side;
use crate::terminal::escape_json;

/// A chunk's object. Octets that are not UTF-8 are in `text_b64` to the octet.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    direction: &'static str,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_b64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
}

/// Which chunks are one side's.
pub(super) fn side(flow: Flow) -> Side {
    match flow {
        Flow::Received | Flow::ClientHello => Side::Client,
        Flow::Sent | Flow::Unsent => Side::Server,
    }
}

/// Writes a chunk. `terminal` is whether to make visible what a terminal would obey.
pub(super) fn chunk(chunk: &Chunk, terminal: bool, out: &mut impl Write) -> io::Result<()> {
    let direction = match chunk.flow {
        Flow::Received => "client",
        Flow::Sent => "server",
        Flow::Unsent => "unsent",
        Flow::ClientHello => "client-hello",
    };
    line(chunk.time, direction, &chunk.octets, None, terminal, out)
}

/// Writes a command of the events, with what was answered.
pub(super) fn command(command: &Command, terminal: bool, out: &mut impl Write) -> io::Result<()> {
    line(command.time, "client", &command.line, Some(&command.status), terminal, out)
}

fn line(
    time: Timestamp,
    direction: &'static str,
    octets: &[u8],
    status: Option<&str>,
    terminal: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    let text = String::from_utf8_lossy(octets);
    let exact = std::str::from_utf8(octets).is_err().then(|| STANDARD.encode(octets));
    let line = Line { time: format!("{time:.6}"), direction, text: &text, text_b64: exact, status };
    let json = serde_json::to_string(&line)?;
    if terminal { writeln!(out, "{}", escape_json(&json)) } else { writeln!(out, "{json}") }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn octets_that_are_no_text_are_kept_exactly() {
        let time: Timestamp = "2026-11-23T18:00:00.25Z".parse().expect("a time");
        let shown = |flow, octets: &[u8], terminal| {
            let mut out = Vec::new();
            chunk(&Chunk { time, flow, octets: octets.to_vec() }, terminal, &mut out).expect("written");
            String::from_utf8(out).expect("UTF-8")
        };
        assert_eq!(
            shown(Flow::Received, b"a\r\n", false),
            "{\"time\":\"2026-11-23T18:00:00.250000Z\",\"direction\":\"client\",\"text\":\"a\\r\\n\"}\n"
        );
        let json: Value = serde_json::from_str(&shown(Flow::ClientHello, b"\x16\xff", false)).expect("JSON");
        assert_eq!((&json["direction"], &json["text_b64"]), (&"client-hello".into(), &"Fv8=".into()));
        let seen = shown(Flow::Sent, "\u{202e}\u{9b}".as_bytes(), true);
        assert!(seen.contains("\\u202e\\u009b"), "{seen}");
    }
}
