//! A small blocking IMAP client for the scenarios: one command, its whole reply. Not lean enough for the bench.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// Longer than any answer takes; a server that says nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection with its greeting read.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    tags: u32,
}

/// Everything up to and including the tagged line.
pub(crate) struct Reply {
    /// The bytes as they came.
    pub(crate) bytes: Vec<u8>,
    /// The tagged line without tag and line end, such as `OK LOGIN completed`.
    pub(crate) status: String,
}

impl Reply {
    /// The reply as text, for looking into.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The reply, if it is an OK.
    pub(crate) fn ok(self) -> Result<Self> {
        ensure!(self.status.starts_with("OK"), "expected OK, got {:?}", self.status);
        Ok(self)
    }

    /// The contents of the first literal.
    pub(crate) fn literal(&self) -> Option<&[u8]> {
        let mut at = 0;
        while let Some(length) = self.bytes[at..].iter().position(|byte| *byte == b'\n') {
            let line = &self.bytes[at..=at + length];
            at += length + 1;
            if let Some(size) = announced(line) {
                return self.bytes.get(at..at + size);
            }
        }
        None
    }
}

impl Client {
    /// Connects and reads the greeting.
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).context("connecting")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut stream = BufReader::new(stream);
        let mut greeting = String::new();
        stream.read_line(&mut greeting).context("reading the greeting")?;
        ensure!(greeting.starts_with("* OK "), "the greeting is {greeting:?}");
        Ok(Self { stream, tags: 0 })
    }

    /// Connects, logs in as the first default user, and selects INBOX.
    pub(crate) fn selected(address: SocketAddr) -> Result<Self> {
        let mut client = Self::connect(address)?;
        client.command("LOGIN admin admin")?.ok()?;
        client.command("SELECT INBOX")?.ok()?;
        Ok(client)
    }

    /// Sends a command under a fresh tag and reads its reply.
    pub(crate) fn command(&mut self, command: &str) -> Result<Reply> {
        let tag = self.send(command)?;
        self.reply(&tag).with_context(|| format!("the reply to {command}"))
    }

    /// Sends a command and returns its tag.
    pub(crate) fn send(&mut self, command: &str) -> Result<String> {
        self.tags += 1;
        let tag = format!("x{}", self.tags);
        self.stream.get_mut().write_all(format!("{tag} {command}\r\n").as_bytes()).context("sending")?;
        Ok(tag)
    }

    /// Reads up to the line that begins with this tag.
    pub(crate) fn reply(&mut self, tag: &str) -> Result<Reply> {
        let mut bytes = Vec::new();
        let mut continued = false; // what follows a literal goes on with the line before it
        loop {
            let start = bytes.len();
            self.stream.read_until(b'\n', &mut bytes)?;
            let line = &bytes[start..];
            ensure!(
                line.ends_with(b"\n"),
                "the connection ended within a reply: {:?}",
                String::from_utf8_lossy(&bytes)
            );
            if let Some(size) = announced(line) {
                let body = bytes.len();
                bytes.resize(body + size, 0);
                self.stream.read_exact(&mut bytes[body..]).context("reading a literal")?;
                continued = true;
                continue;
            }
            if !continued
                && let Some(status) =
                    line.strip_prefix(tag.as_bytes()).and_then(|rest| rest.strip_prefix(b" "))
            {
                let status = String::from_utf8_lossy(status).trim_end().to_owned();
                return Ok(Reply { bytes, status });
            }
            continued = false;
        }
    }

    /// The socket itself.
    pub(crate) fn socket(&self) -> &TcpStream {
        self.stream.get_ref()
    }

    /// Everything that still comes until the server closes.
    pub(crate) fn rest(mut self) -> Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).context("waiting for the server to close")?;
        Ok(rest)
    }
}

/// The size that a line ending in `{size}` announces (RFC 3501 section 4.3).
fn announced(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"}\r\n")?;
    let open = line.iter().rposition(|byte| *byte == b'{')?;
    std::str::from_utf8(&line[open + 1..]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_found() {
        assert_eq!(announced(b"* 1 FETCH (BODY[] {12}\r\n"), Some(12));
        assert_eq!(announced(b"* 1 FETCH (BODY[] {12})\r\n"), None);
        let reply =
            Reply { bytes: b"* 1 EXISTS\r\n* 1 FETCH ({3}\r\nabc)\r\n".to_vec(), status: "OK".into() };
        assert_eq!(reply.literal(), Some(&b"abc"[..]));
    }
}
