//! A relay between a client and a server that remembers what each of them said.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Result;

/// Who said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

/// One connection: its port's name, and what was said in the order in which it passed.
#[derive(Debug, Clone, Default)]
pub(super) struct Dialogue {
    /// `imap`, `pop3` or `smtp`.
    pub(super) protocol: &'static str,
    said: Vec<(Side, Vec<u8>)>,
    /// How many of its two directions have ended.
    ended: u8,
}

/// All connections that came through, in the order of their arrival.
#[derive(Debug, Clone, Default)]
pub(super) struct Recorder(Arc<Mutex<Vec<Dialogue>>>);

impl Recorder {
    /// Opens a port on loopback that leads to `server`.
    pub(super) fn open(&self, protocol: &'static str, server: SocketAddr) -> Result<SocketAddr> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let recorder = self.clone();
        // It ends with the process: scenarios are few.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if let Ok(server) = TcpStream::connect(server) {
                    recorder.relay(protocol, &client, &server);
                }
            }
        });
        Ok(address)
    }

    /// What was said so far.
    pub(super) fn dialogues(&self) -> Vec<Dialogue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn relay(&self, protocol: &'static str, client: &TcpStream, server: &TcpStream) {
        let number = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.push(Dialogue { protocol, ..Dialogue::default() });
            all.len() - 1
        };
        for (side, from, to) in [(Side::Client, client, server), (Side::Server, server, client)] {
            let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else { continue };
            let recorder = self.clone();
            thread::spawn(move || recorder.pass(number, side, from, to));
        }
    }

    fn pass(&self, number: usize, side: Side, mut from: TcpStream, mut to: TcpStream) {
        let _ = to.set_nodelay(true);
        let mut buffer = [0; 16384];
        while let Ok(size @ 1..) = from.read(&mut buffer) {
            self.note(number, |dialogue| dialogue.add(side, &buffer[..size]));
            if to.write_all(&buffer[..size]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
        self.note(number, |dialogue| dialogue.ended += 1);
    }

    fn note(&self, number: usize, change: impl FnOnce(&mut Dialogue)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get_mut(number).map(change);
    }
}

impl Dialogue {
    fn add(&mut self, side: Side, octets: &[u8]) {
        match self.said.last_mut() {
            Some((last, said)) if *last == side => said.extend_from_slice(octets),
            _ => self.said.push((side, octets.to_vec())),
        }
    }

    /// Whether both sides have closed.
    pub(super) fn is_over(&self) -> bool {
        self.ended == 2
    }

    /// Everything that one of them said.
    pub(super) fn of(&self, side: Side) -> Vec<u8> {
        self.said.iter().filter(|(whose, _)| *whose == side).flat_map(|(_, said)| said.clone()).collect()
    }

    /// The client's commands, and lines that answer a challenge, as the evidence has them: with their literals, without
    /// the last line end, and without the mail of DATA.
    pub(super) fn commands(&self) -> Vec<Vec<u8>> {
        let all = self.of(Side::Client);
        let mut rest = all.as_slice();
        let mut found: Vec<Vec<u8>> = Vec::new();
        let mut begun = Vec::new();
        while let Some(end) = rest.iter().position(|octet| *octet == b'\n') {
            let (line, after) = rest.split_at(end + 1);
            rest = after;
            begun.extend_from_slice(line);
            if let Some(size) = Some(literal(line)).filter(|size| *size > 0 && self.protocol == "imap") {
                let size = size.min(rest.len());
                begun.extend_from_slice(&rest[..size]);
                rest = &rest[size..];
                continue;
            }
            let command = begun.trim_ascii_end().to_vec();
            begun.clear();
            if self.protocol == "smtp" && command.eq_ignore_ascii_case(b"DATA") {
                let end = rest.windows(5).position(|octets| octets == b"\r\n.\r\n");
                rest = end.map_or(rest, |end| &rest[end + 5..]);
            }
            found.push(command);
        }
        found
    }

    /// For people, and for comparing: `C:` and `S:` before each line, octets that are no text as `\xNN`.
    pub(super) fn text(&self) -> String {
        let mut text = format!("== {}\n", self.protocol);
        for (side, said) in &self.said {
            let mark = if *side == Side::Client { 'C' } else { 'S' };
            for line in said.split_inclusive(|octet| *octet == b'\n') {
                let _ = writeln!(text, "{mark}: {}", line.escape_ascii());
            }
        }
        text
    }
}

/// The size of the literal that a line of IMAP announces, in either form; 0 where it announces none.
fn literal(line: &[u8]) -> usize {
    let Some(inside) = line.trim_ascii_end().strip_suffix(b"}") else { return 0 };
    let digits = inside.rsplit(|octet| *octet == b'{').next().unwrap_or_default();
    let digits = digits.strip_suffix(b"+").unwrap_or(digits);
    std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(protocol: &'static str, octets: &[u8]) -> Vec<Vec<u8>> {
        let mut dialogue = Dialogue { protocol, ..Dialogue::default() };
        dialogue.add(Side::Client, octets);
        dialogue.commands()
    }

    #[test]
    fn commands_have_their_literals_and_no_mail() {
        let imap = said("imap", b"a APPEND x {3+}\r\na\r\n\r\nb LOGIN {1}\r\na {1}\r\nb\r\n");
        assert_eq!(imap, [&b"a APPEND x {3+}\r\na"[..], b"b LOGIN {1}\r\na {1}\r\nb"]);
        let smtp = said("smtp", b"DATA\r\nSubject: x\r\n\r\nQUIT\r\n.\r\nQUIT\r\n");
        assert_eq!(smtp, [b"DATA", b"QUIT"]);
    }
}
