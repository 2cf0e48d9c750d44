//! The way to TLS in a mail protocol that begins in the clear.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::str::FromStr;
use std::time::Instant;

use anyhow::{Result, bail, ensure};

use crate::PATIENCE;

/// The longest line that is read, in octets, and the most lines of one conversation.
const LINE: u64 = 8192;
const LINES: usize = 200;

/// The protocol before TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartTls {
    /// RFC 3501 section 6.2.1.
    Imap,
    /// RFC 2595 section 4.
    Pop3,
    /// RFC 3207.
    Smtp,
}

/// A connection that is read up to a moment: a server that sends an octet now and then does not hold us for ever.
struct Timed {
    stream: TcpStream,
    until: Instant,
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if Instant::now() >= self.until {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "it takes too long"));
        }
        self.stream.read(buffer)
    }
}

impl FromStr for StartTls {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "imap" => Ok(Self::Imap),
            "pop3" => Ok(Self::Pop3),
            "smtp" => Ok(Self::Smtp),
            _ => bail!("{name}: STARTTLS is known for imap, pop3 and smtp"),
        }
    }
}

impl StartTls {
    /// Talks until the server waits for a ClientHello.
    pub(crate) fn say(self, stream: &mut TcpStream) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        let mut reader = BufReader::new(Timed { stream: stream.try_clone()?, until });
        let mut lines = 0;
        let mut answer = |ends: fn(&str) -> bool| -> Result<String> {
            loop {
                let mut line = Vec::new();
                let octets = reader.by_ref().take(LINE).read_until(b'\n', &mut line)?;
                ensure!(octets > 0, "the server hung up");
                lines += 1;
                ensure!(lines < LINES, "the server does not come to an end");
                let line = String::from_utf8_lossy(&line).into_owned();
                if ends(&line) {
                    return Ok(line);
                }
            }
        };
        let smtp = |line: &str| line.as_bytes().get(3) != Some(&b'-');
        let done = match self {
            Self::Imap => {
                answer(|line| line.starts_with("* "))?;
                stream.write_all(b"a STARTTLS\r\n")?;
                answer(|line| line.starts_with("a "))?.starts_with("a OK")
            }
            Self::Pop3 => {
                answer(|_| true)?;
                stream.write_all(b"STLS\r\n")?;
                answer(|_| true)?.starts_with("+OK")
            }
            Self::Smtp => {
                answer(smtp)?;
                stream.write_all(b"EHLO localhost\r\n")?;
                answer(smtp)?;
                stream.write_all(b"STARTTLS\r\n")?;
                answer(smtp)?.starts_with("220")
            }
        };
        ensure!(done, "the server does not start TLS");
        Ok(())
    }
}
