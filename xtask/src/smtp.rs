//! A small blocking SMTP client for the scenarios (RFC 5321): one command, its whole reply, and bytes as they are.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// Longer than any answer takes; a server that says nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection with its greeting read.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects, reads the greeting and says EHLO.
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).context("connecting")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut client = Self { stream: BufReader::new(stream) };
        client.reply()?;
        client.command("EHLO client.test", "250")?;
        Ok(client)
    }

    /// Sends a command and reads its reply, which must begin with this.
    pub(crate) fn command(&mut self, command: &str, expected: &str) -> Result<String> {
        self.stream.get_mut().write_all(format!("{command}\r\n").as_bytes()).context("sending")?;
        let reply = self.reply().with_context(|| format!("the reply to {command}"))?;
        ensure!(reply.starts_with(expected), "{command}: expected {expected}, got {reply}");
        Ok(reply)
    }

    /// A whole transaction; gives the queue id of the 250.
    ///
    /// `mail` are whole lines, ending in CRLF; dots are stuffed here (section 4.5.2).
    pub(crate) fn mail(&mut self, recipients: &[&str], mail: &[u8]) -> Result<String> {
        self.command("MAIL FROM:<visitor@client.test>", "250 2.1.0")?;
        for recipient in recipients {
            self.command(&format!("RCPT TO:<{recipient}>"), "250 2.1.5")?;
        }
        self.command("DATA", "354")?;
        self.stream.get_mut().write_all(&stuffed(mail)).context("sending the mail")?;
        let reply = self.command(".", "250 2.0.0 Ok: queued as ")?;
        Ok(reply.rsplit(' ').next().unwrap_or_default().to_owned())
    }

    /// All lines of a reply, without the last line end.
    fn reply(&mut self) -> Result<String> {
        let mut reply = String::new();
        loop {
            let start = reply.len();
            self.stream.read_line(&mut reply)?;
            ensure!(reply.ends_with("\r\n"), "the connection ended within a reply: {reply:?}");
            if reply.as_bytes().get(start + 3) != Some(&b'-') {
                return Ok(reply.trim_end().to_owned());
            }
        }
    }
}

/// A dot before every line that begins with one.
fn stuffed(mail: &[u8]) -> Vec<u8> {
    let mut stuffed = Vec::with_capacity(mail.len());
    for (index, byte) in mail.iter().enumerate() {
        if *byte == b'.' && (index == 0 || mail[..index].ends_with(b"\r\n")) {
            stuffed.push(b'.');
        }
        stuffed.push(*byte);
    }
    stuffed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_stuffed() {
        assert_eq!(stuffed(b".\r\n..\r\na.b\n.c\r\n"), b"..\r\n...\r\na.b\n.c\r\n");
    }
}
