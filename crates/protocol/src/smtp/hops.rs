//! The `Received` fields of a message's header (RFC 5321 section 6.3), where Postfix sees one: a field has a name of visible
//! ASCII, and there may be white space before its colon. Any other line is the end of the header.

/// How many of them have come.
#[derive(Debug, Clone, Copy)]
pub struct Hops {
    received: u32,
    place: Place,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    /// At the beginning of a message of DATA, behind so many octets of a line of a mailbox file.
    Begin { marks: usize, matched: usize },
    /// In a line of a mailbox file at the beginning, which Postfix takes for a field of another name.
    Mailbox,
    /// At the start of a line.
    Start,
    /// In what may be a field's name: how long it is, and whether it is alike so far.
    Name { length: usize, alike: bool },
    /// In the white space behind a name, which was the one that counts or not.
    Behind { alike: bool },
    /// In a field.
    Field,
    /// Behind the header.
    Body,
}

const RECEIVED: &[u8] = b"received";
/// What such a line begins with, behind any number of `>`.
const MAILBOX: &[u8] = b"From ";

impl Hops {
    /// Of a message of DATA. Postfix does not let white space at its beginning pass for more of its own field before.
    pub const fn of_data() -> Self {
        Self { received: 0, place: Place::Begin { marks: 0, matched: 0 } }
    }

    /// Of a message in chunks.
    pub const fn of_chunks() -> Self {
        Self { received: 0, place: Place::Start }
    }

    /// How many there are so far.
    pub const fn received(&self) -> u32 {
        self.received
    }

    /// More of the message. A name of so many octets is none.
    pub fn add(&mut self, octets: &[u8], longest: usize) {
        let mut rest = octets;
        while let (false, Some((byte, behind))) = (matches!(self.place, Place::Body), rest.split_first()) {
            let next = match (self.place, byte) {
                (Place::Begin { marks, matched: 0 }, b'>') => {
                    Place::Begin { marks: marks.saturating_add(1), matched: 0 }
                }
                (Place::Begin { marks, matched }, byte) if MAILBOX.get(matched) == Some(byte) => {
                    let matched = matched.saturating_add(1);
                    if matched == MAILBOX.len() { Place::Mailbox } else { Place::Begin { marks, matched } }
                }
                (Place::Begin { marks: 0, matched: 0 }, b' ' | b'\t') => Place::Body,
                (Place::Begin { marks, matched }, _) => {
                    // It is none: read as any other line.
                    let length = marks.saturating_add(matched);
                    self.place =
                        if length == 0 { Place::Start } else { Place::Name { length, alike: false } };
                    continue;
                }
                (Place::Mailbox, b'\n') => Self::of_data().place,
                (Place::Field, b'\n') => Place::Start,
                (Place::Start, b' ' | b'\t') => Place::Field,
                (place @ (Place::Mailbox | Place::Field), _) => {
                    let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                    rest = rest.get(end..).unwrap_or_default();
                    self.place = place;
                    continue;
                }
                (Place::Name { length, .. }, _) if length >= longest => Place::Body,
                (Place::Name { length, alike }, b':') => self.field(alike && length == RECEIVED.len()),
                (Place::Behind { alike }, b':') => self.field(alike),
                (Place::Name { length, alike }, b' ' | b'\t') => {
                    Place::Behind { alike: alike && length == RECEIVED.len() }
                }
                (Place::Behind { alike }, b' ' | b'\t') => Place::Behind { alike },
                (Place::Start, byte) => name(0, true, *byte),
                (Place::Name { length, alike }, byte) => name(length, alike, *byte),
                _ => Place::Body,
            };
            self.place = next;
            rest = behind;
        }
    }

    fn field(&mut self, received: bool) -> Place {
        self.received = self.received.saturating_add(u32::from(received));
        Place::Field
    }
}

fn name(length: usize, alike: bool, byte: u8) -> Place {
    if !byte.is_ascii_graphic() || byte == b':' {
        return Place::Body;
    }
    let alike = alike && RECEIVED.get(length) == Some(&byte.to_ascii_lowercase());
    Place::Name { length: length.saturating_add(1), alike }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each as Postfix 3.7.11 counted it.
    #[test]
    fn fields_as_postfix_finds_them() {
        let count = |mut hops: Hops, text: &[u8], piece: usize| {
            text.chunks(piece).for_each(|piece| hops.add(piece, 2048));
            hops.received
        };
        let long = [&vec![b'y'; 2048][..], b": x\r\nReceived: a\r\n"].concat();
        for (text, data, chunks) in [
            (&b"Received: a\r\nRECEIVED:b\nreceived \t: c\r\n\r\nReceived: d\r\n"[..], 3, 3),
            (b"Received: a\r\n Received: b\r\n\tReceived: c\r\nReceived: d\r\n", 2, 2),
            (b" x\r\nReceived: a\r\n", 0, 1),
            (b"From a\r\n>>From b\r\nReceived: a\r\nFrom c\r\nReceived: d\r\n", 1, 0),
            (b"From: a\r\nReceived: b\r\n", 1, 1),
            (b">Fro: a\r\nReceived: b\r\n", 1, 1),
            (b">From\ta\r\nReceived: b\r\n", 0, 0),
            (b"x y\r\nReceived: a\r\n", 0, 0),
            (b"X-Received: a\r\nReceivedX: b\r\nReceive: c\r\nReceived x: d\r\nReceived: e\r\n", 0, 0),
            (b": x\r\nReceived: a\r\n", 0, 0),
            (b"Subj\xffect: x\r\nReceived: a\r\n", 0, 0),
            (b"\r\nReceived: a\r\n", 0, 0),
            (&long, 0, 0),
        ] {
            for piece in [1, 5, text.len()] {
                assert_eq!(count(Hops::of_data(), text, piece), data, "{}", text.escape_ascii());
                assert_eq!(count(Hops::of_chunks(), text, piece), chunks, "{}", text.escape_ascii());
            }
        }
    }
}
