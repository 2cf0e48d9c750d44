//! What may stand in which room of the house: source files read and held against the plan.

use std::path::Path;

use anyhow::{Context, Result};

use crate::source::Source;
use crate::workspace::Workspace;

/// A file is about 300 lines; here it must have been divided.
const LINES_AT_MOST: usize = 400;

/// Clocks, sockets, files and runtimes. `std::net` is judged by [`is_io`]: an address is not a socket.
const IO: &[&str] = &[
    "std::fs",
    "std::process",
    "tokio",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "ToSocketAddrs",
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "ZonedDateTime::now",
    "Uuid::now_v7",
];

/// Crates `protocol` and `event` have neither I/O nor a clock: the driver has.
pub(crate) fn no_io(workspace: &Workspace) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for folder in ["crates/protocol/src", "crates/event/src"] {
        each_source(workspace, folder, |path, source| {
            for (number, line) in source.lines() {
                if let Some(word) = is_io(line) {
                    complaints.push(format!("{}:{number}: {word} does not belong here", path.display()));
                }
            }
        })?;
    }
    Ok(complaints)
}

/// Wire texts are data in `personalities/`, so that a personality is a file and not a second engine.
pub(crate) fn wire_texts(workspace: &Workspace) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    each_source(workspace, "crates/protocol/src", |path, source| {
        for literal in source.literals.iter().filter(|literal| is_wire_text(&literal.text)) {
            complaints.push(format!(
                "{}:{}: {:?} is a wire text: it belongs in personalities/",
                path.display(),
                literal.line,
                literal.text
            ));
        }
    })?;
    Ok(complaints)
}

/// No file has outgrown its subject.
pub(crate) fn sizes(workspace: &Workspace) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for folder in ["crates", "xtask", "fuzz"] {
        for path in workspace.files(folder, ".rs")? {
            let lines = read(workspace, &path)?.lines().count();
            if lines > LINES_AT_MOST {
                complaints.push(format!("{}: {lines} lines; {LINES_AT_MOST} is the most", path.display()));
            }
        }
    }
    Ok(complaints)
}

fn each_source(workspace: &Workspace, folder: &str, mut look: impl FnMut(&Path, &Source)) -> Result<()> {
    for path in workspace.files(folder, ".rs")? {
        // Test modules in files of their own are marked where they are declared: `#[cfg(test)] mod tests;`.
        if path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests")) {
            continue;
        }
        look(&path, &Source::read(&read(workspace, &path)?));
    }
    Ok(())
}

fn read(workspace: &Workspace, path: &Path) -> Result<String> {
    std::fs::read_to_string(workspace.root.join(path)).with_context(|| path.display().to_string())
}

/// The forbidden word in a line of code, if there is one.
fn is_io(line: &str) -> Option<&'static str> {
    if let Some((_, after)) = line.split_once("std::net::")
        && !["Ip", "SocketAddr", "{Ip", "{SocketAddr", "AddrParseError"]
            .iter()
            .any(|address| after.starts_with(address))
    {
        return Some("std::net");
    }
    IO.iter().copied().find(|word| line.contains(word))
}

/// Whether a literal holds a server's words: a whole response's start, or a status followed by prose.
///
/// A bare status (`OK`, ` NO `, `-ERR`) is the protocol's grammar and may stand in code.
fn is_wire_text(literal: &str) -> bool {
    let responses = ["* OK", "* NO", "* BAD", "* BYE", "* PREAUTH", "+OK ", "-ERR "];
    if responses.iter().any(|start| literal.starts_with(start)) {
        return true;
    }
    if let [b'2' | b'4' | b'5', b'0'..=b'9', b'0'..=b'9', b' ' | b'-', ..] = literal.as_bytes() {
        return true;
    }
    ["OK ", "NO ", "BAD ", "BYE "].iter().any(|status| {
        literal.match_indices(status).any(|(at, _)| {
            let opens = literal[..at].bytes().next_back().is_none_or(|byte| byte == b' ' || byte == b'}');
            let prose = literal[at + status.len()..].bytes().next();
            opens && prose.is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'[')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_no_socket() {
        for line in
            ["use std::net::SocketAddr;", "src_ip: std::net::IpAddr,", "use std::net::{IpAddr, SocketAddr};"]
        {
            assert_eq!(is_io(line), None, "{line}");
        }
        for line in [
            "use std::net::TcpStream;",
            "use std::net::{self};",
            "let t = Instant::now();",
            "std::fs::read(p)",
        ] {
            assert!(is_io(line).is_some(), "{line}");
        }
    }

    #[test]
    fn words_are_data_and_grammar_is_not() {
        for text in [
            "* OK Dovecot ready.",
            "BAD Unknown command",
            "{tag} NO [AUTHENTICATIONFAILED] no",
            "+OK Logged in.",
            "250-x",
        ] {
            assert!(is_wire_text(text), "{text}");
        }
        for text in [
            "OK",
            "+OK",
            "-ERR",
            " NO ",
            " BAD ",
            "{tag} OK ",
            "* ",
            " FETCH (",
            "LOOK here",
            "* {count} EXISTS",
            "123",
        ] {
            assert!(!is_wire_text(text), "{text}");
        }
    }
}
