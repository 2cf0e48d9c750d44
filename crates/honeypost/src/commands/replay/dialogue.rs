//! What a speaker's next octets are: a line, a literal, a message. Just enough of three grammars to show a conversation;
//! nothing is refused, and what is understood wrongly is shown all the same, as lines.
//!
//! Of a client that does not wait for answers, what it meant is believed: a message behind DATA is a message.

use std::collections::VecDeque;

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use event::Protocol;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The peer.
    Client,
    /// We.
    Server,
}

/// What begins with a speaker's next octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Octets up to a line feed.
    Line,
    /// So many octets (never none): a literal of IMAP, a chunk of BDAT.
    Counted(usize),
    /// Lines up to one that is a lone dot: a message in SMTP, an answer of several lines in POP3.
    Dotted,
}

/// Padding may be missing, as for the server itself.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A conversation so far.
#[derive(Debug)]
pub(super) struct Dialogue {
    protocol: Protocol,
    announced: Option<Announced>,
    /// What the server has announced in its last line; it needs nobody's leave.
    server: Option<Unit>,
    /// Whether a SASL exchange is under way.
    sasl: bool,
    imap: Imap,
    pop3: Pop3,
}

/// What the client announced in its last line, and whether it was told to go on (`None`: nothing was said yet).
#[derive(Debug)]
struct Announced {
    unit: Unit,
    allowed: Option<bool>,
}

#[derive(Debug, Default)]
struct Imap {
    /// Of the client's last command.
    tag: Vec<u8>,
    /// Whether the client's next line continues a command behind a literal.
    within_command: bool,
    /// Whether the server's next line continues a response behind a literal.
    within_response: bool,
}

#[derive(Debug, Default)]
struct Pop3 {
    greeted: bool,
    /// For each line that waits for its answer: whether that may have several lines.
    waiting: VecDeque<bool>,
}

impl Dialogue {
    pub(super) fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            announced: None,
            server: None,
            sasl: false,
            imap: Imap::default(),
            pop3: Pop3::default(),
        }
    }

    /// Begins anew, behind a TLS handshake.
    pub(super) fn reset(&mut self) {
        let greeted = self.pop3.greeted;
        *self = Self::new(self.protocol);
        self.pop3.greeted = greeted;
    }

    /// What begins with this side's next octet. Asked once a unit, when that octet is there.
    pub(super) fn next(&mut self, side: Side) -> Unit {
        let unit = match side {
            Side::Server => self.server.take(),
            Side::Client => match self.announced.take() {
                Some(Announced { allowed: Some(false), .. }) => {
                    self.imap.within_command = false;
                    None
                }
                announced => announced.map(|announced| announced.unit),
            },
        };
        unit.unwrap_or(Unit::Line)
    }

    /// Takes note of a line that is complete, with its end. Gives what it says in base64, where it is part of a SASL
    /// exchange.
    pub(super) fn line(&mut self, side: Side, line: &[u8]) -> Option<Vec<u8>> {
        let line = line.trim_ascii_end();
        match (side, self.protocol) {
            (Side::Client, Protocol::Imap) => self.imap_client(line),
            (Side::Server, Protocol::Imap) => self.imap_server(line),
            (Side::Client, Protocol::Pop3) => self.pop3_client(line),
            (Side::Server, Protocol::Pop3) => self.pop3_server(line),
            (Side::Client, Protocol::Smtp) => self.smtp_client(line),
            (Side::Server, Protocol::Smtp) => self.smtp_server(line),
        }
    }

    fn imap_client(&mut self, line: &[u8]) -> Option<Vec<u8>> {
        if self.sasl && !self.imap.within_command {
            return decode(line);
        }
        let mut words = words(line);
        let begins = !self.imap.within_command;
        if begins {
            self.imap.tag = words.next().unwrap_or_default().to_vec();
        }
        let literal = literal(line);
        self.imap.within_command = literal.is_some();
        self.announce(literal.and_then(|(size, _)| counted(size)));
        let is_sasl = begins && words.next().is_some_and(|verb| verb.eq_ignore_ascii_case(b"AUTHENTICATE"));
        if is_sasl { self.sasl(words.next(), words.next()) } else { None }
    }

    fn imap_server(&mut self, line: &[u8]) -> Option<Vec<u8>> {
        let mut words = words(line);
        let first = words.next().unwrap_or_default();
        let mut decoded = None;
        if !self.imap.within_response {
            if first == b"+" {
                self.allow(true);
                decoded = words.next().filter(|_| self.sasl).and_then(decode);
            } else if first == self.imap.tag {
                self.allow(false);
                self.sasl = false;
            }
        }
        // Statuses carry text, which may repeat what a client said: no literal is looked for in them.
        let status = [&b"OK"[..], b"NO", b"BAD", b"BYE", b"PREAUTH"];
        let data = self.imap.within_response
            || first == b"*" && words.next().is_some_and(|word| !status.contains(&word));
        let literal = literal(line).filter(|_| data);
        self.imap.within_response = literal.is_some();
        self.server = literal.and_then(|(size, _)| counted(size));
        decoded
    }

    fn pop3_client(&mut self, line: &[u8]) -> Option<Vec<u8>> {
        let mut words = words(line);
        let verb = words.next().unwrap_or_default().to_ascii_uppercase();
        let argument = words.next();
        let sasl = self.sasl;
        let several = match verb.as_slice() {
            _ if sasl => false,
            b"RETR" | b"TOP" | b"CAPA" => true,
            b"LIST" | b"UIDL" | b"AUTH" => argument.is_none(),
            _ => false,
        };
        self.pop3.waiting.push_back(several);
        match verb.as_slice() {
            _ if sasl => decode(line),
            b"AUTH" if argument.is_some() => self.sasl(argument, words.next()),
            _ => None,
        }
    }

    fn pop3_server(&mut self, line: &[u8]) -> Option<Vec<u8>> {
        let mut words = words(line);
        let first = words.next().unwrap_or_default();
        if !matches!(first, b"+" | b"+OK" | b"-ERR") {
            return None;
        }
        let greeted = std::mem::replace(&mut self.pop3.greeted, true);
        let several = if greeted { self.pop3.waiting.pop_front().unwrap_or_default() } else { false };
        if several && first == b"+OK" {
            self.server = Some(Unit::Dotted);
        }
        self.sasl = first == b"+";
        words.next().filter(|_| self.sasl).and_then(decode)
    }

    fn smtp_client(&mut self, line: &[u8]) -> Option<Vec<u8>> {
        if self.sasl {
            return decode(line);
        }
        let mut words = words(line);
        match words.next().unwrap_or_default().to_ascii_uppercase().as_slice() {
            b"DATA" => self.announce(Some(Unit::Dotted)),
            b"BDAT" => {
                let size = words.next().and_then(number);
                self.announce(size.and_then(counted));
                // A chunk follows whatever is answered.
                self.allow(true);
            }
            b"AUTH" => return self.sasl(words.next(), words.next()),
            _ => {}
        }
        None
    }

    fn smtp_server(&mut self, line: &[u8]) -> Option<Vec<u8>> {
        let code = line.get(..3).unwrap_or_default();
        if line.get(3) == Some(&b'-') {
            return None;
        }
        self.sasl = code == b"334";
        // Answers to what came before DATA may still be on their way.
        self.allow(code == b"354");
        words(line).nth(1).filter(|_| self.sasl).and_then(decode)
    }

    /// A SASL exchange begins, perhaps with an initial response.
    fn sasl(&mut self, mechanism: Option<&[u8]>, initial: Option<&[u8]>) -> Option<Vec<u8>> {
        let plain = mechanism.is_some_and(|name| name.eq_ignore_ascii_case(b"PLAIN"));
        self.sasl = !(plain && initial.is_some());
        initial.and_then(decode)
    }

    fn announce(&mut self, unit: Option<Unit>) {
        self.announced = unit.map(|unit| Announced { unit, allowed: None });
    }

    /// The server answers; leave once given stays.
    fn allow(&mut self, allowed: bool) {
        if let Some(announced) = &mut self.announced
            && announced.allowed != Some(true)
        {
            announced.allowed = Some(allowed);
        }
    }
}

/// Whether a line, with its end, is the lone dot: as for the server, with any line end.
pub(super) fn is_lone_dot(line: &[u8]) -> bool {
    line.strip_prefix(b".").is_some_and(|end| end.iter().all(|octet| matches!(octet, b'\r' | b'\n')))
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|octet| *octet == b' ').filter(|word| !word.is_empty())
}

fn counted(size: usize) -> Option<Unit> {
    (size > 0).then_some(Unit::Counted(size))
}

/// The literal that a line ends with (RFC 3501 section 4.3, RFC 7888): its size, and whether the client waits.
fn literal(line: &[u8]) -> Option<(usize, bool)> {
    let inner = line.strip_suffix(b"}")?;
    let open = inner.iter().rposition(|octet| *octet == b'{')?;
    let inner = inner.get(open + 1..)?;
    let digits = inner.strip_suffix(b"+").unwrap_or(inner);
    Some((number(digits)?, digits.len() == inner.len()))
}

fn number(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn decode(word: &[u8]) -> Option<Vec<u8>> {
    LENIENT.decode(word).ok().filter(|decoded| !decoded.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_is_what_its_line_ends_with() {
        for (line, expected) in [
            (&b"a LOGIN {5}"[..], Some((5, true))),
            (b"a LOGIN {5+}", Some((5, false))),
            (b"{0}", Some((0, true))),
            (b"a LOGIN {}", None),
            (b"a LOGIN {-1}", None),
            (b"a LOGIN {+5}", None),
            (b"a LOGIN {99999999999999999999999}", None),
            (b"}", None),
        ] {
            assert_eq!(literal(line), expected, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn a_refused_literal_is_none() {
        let mut dialogue = Dialogue::new(Protocol::Imap);
        dialogue.line(Side::Client, b"a LOGIN {99999}\r\n");
        dialogue.line(Side::Server, b"a BAD too big\r\n");
        assert_eq!(dialogue.next(Side::Client), Unit::Line);
        dialogue.line(Side::Client, b"b LOGIN {3}\r\n");
        dialogue.line(Side::Server, b"+ go on\r\n");
        assert_eq!(dialogue.next(Side::Client), Unit::Counted(3));
        assert_eq!(dialogue.next(Side::Client), Unit::Line);
    }

    #[test]
    fn what_a_client_said_makes_no_literal_of_an_answer() {
        let mut dialogue = Dialogue::new(Protocol::Imap);
        for line in [&b"* BAD unknown {50}\r\n"[..], b"a NO {50}\r\n", b"+ {50}\r\n"] {
            dialogue.line(Side::Server, line);
            assert_eq!(dialogue.next(Side::Server), Unit::Line);
        }
    }

    #[test]
    fn data_that_was_refused_is_no_message() {
        let mut dialogue = Dialogue::new(Protocol::Smtp);
        dialogue.line(Side::Client, b"DATA\r\n");
        dialogue.line(Side::Server, b"503 5.5.1 no\r\n");
        assert_eq!(dialogue.next(Side::Client), Unit::Line);
        // Recipients and DATA in one go: the answers come in their order.
        dialogue.line(Side::Client, b"DATA\r\n");
        for line in [&b"250 ok\r\n"[..], b"550 no\r\n", b"354 go\r\n"] {
            dialogue.line(Side::Server, line);
        }
        assert_eq!(dialogue.next(Side::Client), Unit::Dotted);
        // Without waiting.
        dialogue.line(Side::Client, b"data\r\n");
        assert_eq!(dialogue.next(Side::Client), Unit::Dotted);
    }

    #[test]
    fn answers_of_several_lines_belong_to_their_commands() {
        let mut dialogue = Dialogue::new(Protocol::Pop3);
        for line in [&b"LIST 1\r\n"[..], b"LIST\r\n", b"RETR 9\r\n"] {
            dialogue.line(Side::Client, line);
        }
        for (line, expected) in [
            (&b"+OK hello\r\n"[..], Unit::Line),
            (b"+OK 1 120\r\n", Unit::Line),
            (b"+OK listing\r\n", Unit::Dotted),
            (b"-ERR none\r\n", Unit::Line),
        ] {
            dialogue.line(Side::Server, line);
            assert_eq!(dialogue.next(Side::Server), expected, "{}", line.escape_ascii());
        }
    }
}
