//! From a stream of octets to a ClientHello: TLS records (RFC 8446 section 5.1), and in them, in one piece or in many, the
//! message. Everything that was fed is kept for the TLS library, which must see it all.

use crate::cursor::Cursor;
use crate::hello::ClientHello;

/// The octets of a record's header.
const RECORD_HEADER: usize = 5;
/// The most that a record may carry in the clear.
const RECORD_LIMIT: usize = 16_384;
/// The octets of a message's type and length.
const MESSAGE_HEADER: usize = 4;
/// OpenSSL's own limit for a ClientHello (`CLIENT_HELLO_MAX_LENGTH`), without its header.
const MESSAGE_LIMIT: usize = 131_396;
/// How far the records of a hello may reach. Real ones take less than two kilobytes; what is longer than this is left to
/// the TLS library without having been read here.
const WIRE_LIMIT: usize = 65_536;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// What the octets so far are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The beginning of a hello, or too little to say.
    NeedMore,
    /// A whole hello.
    Complete {
        /// What it says.
        hello: Box<ClientHello>,
        /// The octets of the records that it takes; what follows them is the client's next flight.
        octets: usize,
    },
    /// Something that is no TLS at all.
    NotTls(NotTls),
    /// TLS, and no ClientHello that can be read.
    Malformed(Fault),
}

/// What was sent instead of TLS. Told by the first five octets, as OpenSSL does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTls {
    /// The method of an HTTP request.
    Http,
    /// A hello in the form of SSL 2.0. OpenSSL reads it, where it offers a later version (RFC 5246 appendix E.2).
    Sslv2,
    /// Printable characters: a mail client without TLS, most often.
    PlainText,
    /// Anything else.
    Binary,
}

/// Why a ClientHello cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The record is of another kind than a handshake: an alert, say.
    Record(u8),
    /// The record's version does not begin with 3.
    Version(u16),
    /// The record says that it is longer than a record may be.
    RecordTooLong,
    /// The message is another one than a ClientHello.
    Message(u8),
    /// The hello, or the records around it, are longer than is read here.
    TooLong,
    /// The lengths inside of the hello contradict each other.
    Body,
}

impl Fault {
    /// What is wrong, for people.
    pub fn text(self) -> String {
        match self {
            Self::Record(ALERT) => "an alert instead of a ClientHello".into(),
            Self::Record(kind) => format!("a record of type {kind} instead of a handshake"),
            Self::Version(version) => format!("a record of version {version:#06x}"),
            Self::RecordTooLong => format!("a record of more than {RECORD_LIMIT} octets"),
            Self::Message(kind) => format!("a handshake message of type {kind} instead of a ClientHello"),
            Self::TooLong => format!("a ClientHello that takes more than {WIRE_LIMIT} octets of records"),
            Self::Body => "a ClientHello whose lengths contradict each other".into(),
        }
    }
}

/// Takes octets in pieces of any size, and keeps them. Once something else than [`Progress::NeedMore`] was said, it stays
/// said.
#[derive(Debug, Default)]
pub struct Reader {
    wire: Vec<u8>,
    /// Where in `wire` the next record begins.
    record: usize,
    /// The message as far as whole records have brought it.
    message: Vec<u8>,
    said: Option<Progress>,
}

impl Reader {
    /// Takes in what arrived next and says what it all is.
    pub fn feed(&mut self, input: &[u8]) -> Progress {
        self.wire.extend_from_slice(input);
        loop {
            if let Some(said) = &self.said {
                return said.clone();
            }
            match self.next_record() {
                Ok(Some(end)) => self.record = end,
                Ok(None) => return Progress::NeedMore,
                Err(said) => {
                    self.message = Vec::new();
                    self.said = Some(said);
                }
            }
        }
    }

    /// Everything that was fed.
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// Everything that was fed, for the TLS library.
    pub fn into_wire(self) -> Vec<u8> {
        self.wire
    }

    /// Takes one whole record in and tells where it ends, if it is there. Errs with what is to be said for good.
    fn next_record(&mut self) -> Result<Option<usize>, Progress> {
        let mut rest = Cursor(self.wire.get(self.record..).unwrap_or_default());
        let Some(header) = rest.take(RECORD_HEADER).and_then(|header| header.first_chunk()) else {
            return Ok(None);
        };
        let length = record_length(*header, self.record == 0)?;
        let end = self.record.saturating_add(RECORD_HEADER).saturating_add(length);
        if end > WIRE_LIMIT {
            return Err(Progress::Malformed(Fault::TooLong));
        }
        let Some(fragment) = rest.take(length) else { return Ok(None) };
        self.message.extend_from_slice(fragment);
        match whole(&self.message)? {
            Some(hello) => Err(Progress::Complete { hello: Box::new(hello), octets: end }),
            None => Ok(Some(end)),
        }
    }
}

/// How much follows this header.
fn record_length(header: [u8; RECORD_HEADER], first: bool) -> Result<usize, Progress> {
    let [kind, major, minor, high, low] = header;
    let length = usize::from(u16::from_be_bytes([high, low]));
    // A record's type is below 32 and so is no character, and no length of an SSL 2.0 hello either.
    if first && !(20..=24).contains(&kind) {
        return Err(Progress::NotTls(not_tls(header)));
    }
    if kind != HANDSHAKE {
        return Err(Progress::Malformed(Fault::Record(kind)));
    }
    if major != 3 {
        return Err(Progress::Malformed(Fault::Version(u16::from_be_bytes([major, minor]))));
    }
    if length > RECORD_LIMIT {
        return Err(Progress::Malformed(Fault::RecordTooLong));
    }
    Ok(length)
}

/// The hello, if all of it is there.
fn whole(message: &[u8]) -> Result<Option<ClientHello>, Progress> {
    let Some(([kind, high, middle, low], rest)) = message.split_first_chunk::<MESSAGE_HEADER>() else {
        return match message.first() {
            Some(kind) if *kind != CLIENT_HELLO => Err(Progress::Malformed(Fault::Message(*kind))),
            _ => Ok(None),
        };
    };
    if *kind != CLIENT_HELLO {
        return Err(Progress::Malformed(Fault::Message(*kind)));
    }
    let length = u32::from_be_bytes([0, *high, *middle, *low]);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > MESSAGE_LIMIT {
        return Err(Progress::Malformed(Fault::TooLong));
    }
    let Some(body) = rest.get(..length) else { return Ok(None) };
    ClientHello::parse(body).map(Some).ok_or(Progress::Malformed(Fault::Body))
}

fn not_tls(first: [u8; RECORD_HEADER]) -> NotTls {
    const METHODS: [&[u8]; 9] =
        [b"GET ", b"HEAD ", b"POST ", b"PUT ", b"OPTIO", b"CONNE", b"DELET", b"PATCH", b"TRACE"];
    if METHODS.iter().any(|method| first.starts_with(method)) {
        return NotTls::Http;
    }
    let [high, _, kind, ..] = first;
    if high & 0x80 != 0 && kind == CLIENT_HELLO {
        return NotTls::Sslv2;
    }
    let text = |octet: &u8| matches!(octet, b' '..=b'~' | b'\r' | b'\n' | b'\t');
    if first.iter().all(text) { NotTls::PlainText } else { NotTls::Binary }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sound hello without extensions, as a message.
    fn message() -> Vec<u8> {
        let body = [&[3, 1][..], &[7; 32], &[0, 0, 4, 0, 4, 0, 5, 1, 0]].concat();
        let length = u8::try_from(body.len()).unwrap();
        [&[CLIENT_HELLO, 0, 0, length][..], &body].concat()
    }

    fn record(fragment: &[u8]) -> Vec<u8> {
        let length = u16::try_from(fragment.len()).unwrap().to_be_bytes();
        [&[HANDSHAKE, 3, 1][..], &length, fragment].concat()
    }

    fn read(input: &[u8]) -> Progress {
        Reader::default().feed(input)
    }

    #[test]
    fn in_one_record_or_in_many() {
        let message = message();
        let one = record(&message);
        let Progress::Complete { hello, octets } = read(&one) else { panic!("one record") };
        assert_eq!((octets, hello.ciphers.as_slice()), (one.len(), &[4, 5][..]));
        for size in 1..message.len() {
            let mut many: Vec<u8> = message.chunks(size).flat_map(record).collect();
            let expected = Progress::Complete { hello: hello.clone(), octets: many.len() };
            many.extend(b"the next flight");
            assert_eq!(read(&many), expected, "{size}");
            assert_eq!(read(&many[..expected_octets(&expected) - 1]), Progress::NeedMore, "{size}");
        }
    }

    fn expected_octets(progress: &Progress) -> usize {
        match progress {
            Progress::Complete { octets, .. } => *octets,
            _ => panic!("{progress:?}"),
        }
    }

    #[test]
    fn what_was_said_stays_said_and_everything_is_kept() {
        let mut reader = Reader::default();
        assert_eq!(reader.feed(b"EHLO"), Progress::NeedMore);
        assert_eq!(reader.feed(b" "), Progress::NotTls(NotTls::PlainText));
        assert_eq!(reader.feed(&record(&message())), Progress::NotTls(NotTls::PlainText));
        assert!(reader.into_wire().starts_with(b"EHLO \x16"));
    }

    #[test]
    fn what_is_no_tls() {
        for (input, what) in [
            (&b"GET / HTTP/1.0\r\n"[..], NotTls::Http),
            (b"OPTIONS * HTTP/1.1", NotTls::Http),
            (b"a001 CAPABILITY\r\n", NotTls::PlainText),
            (b"\r\n\r\n\r\n", NotTls::PlainText),
            (b"\x80\x2e\x01\x00\x02", NotTls::Sslv2),
            (b"\x03\x00\x00\x13\x0e", NotTls::Binary),
            (b"SSH\x00\xff", NotTls::Binary),
        ] {
            assert_eq!(read(input), Progress::NotTls(what), "{input:?}");
            assert_eq!(read(&input[..4]), Progress::NeedMore, "{input:?}");
        }
    }

    #[test]
    fn what_is_no_hello() {
        for (input, fault) in [
            (&[ALERT, 3, 1, 0, 2, 1, 0][..], Fault::Record(ALERT)),
            (&[HANDSHAKE, 2, 0, 0, 9], Fault::Version(0x0200)),
            (&[HANDSHAKE, 3, 1, 0x40, 1], Fault::RecordTooLong),
            (&[HANDSHAKE, 3, 1, 0, 1, 2], Fault::Message(2)),
            (&[HANDSHAKE, 3, 1, 0, 4, CLIENT_HELLO, 9, 9, 9], Fault::TooLong),
            (&[HANDSHAKE, 3, 1, 0, 5, CLIENT_HELLO, 0, 0, 1, 3], Fault::Body),
        ] {
            assert_eq!(read(input), Progress::Malformed(fault), "{input:?}");
        }
    }

    /// Records of nothing, or of one octet, do not get around the limit.
    #[test]
    fn never_more_than_the_limit() {
        for fragment in [&[][..], &[CLIENT_HELLO]] {
            let mut reader = Reader::default();
            let first = record(&[CLIENT_HELLO, 1, 0, 0]);
            assert_eq!(reader.feed(&first), Progress::NeedMore);
            let mut records = 0;
            while reader.feed(&record(fragment)) == Progress::NeedMore {
                records += 1;
                assert!(records < 20_000);
            }
            assert_eq!(reader.feed(&[]), Progress::Malformed(Fault::TooLong));
            assert!(reader.wire().len() <= WIRE_LIMIT + 6);
        }
    }
}
