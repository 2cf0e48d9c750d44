//! Which events are asked for.

use std::fmt;
use std::str::FromStr;

use event::Protocol;
use jiff::Timestamp;
use thiserror::Error;
use uuid::Uuid;

/// Which events are asked for. All conditions hold at once; the default is every event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Not before (whole microseconds).
    pub since: Option<Timestamp>,
    /// Not after (whole microseconds).
    pub until: Option<Timestamp>,
    /// Of this protocol.
    pub protocol: Option<Protocol>,
    /// Of the session whose id begins or ends so.
    pub session: Option<SessionPart>,
    /// Of this name, such as `auth.failed`.
    pub name: Option<String>,
    /// Behind the event of this [`crate::Stored::key`]: how to follow.
    pub after_key: Option<i64>,
}

/// Digits of an id's last group, which are random: what people are shown of a session's id.
const TAIL: usize = 12;

/// Part of a session's id, as people type it: its beginning (hexadecimal digits, hyphens anywhere, at least one digit), or
/// the twelve digits behind its last hyphen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPart {
    typed: String,
    first: Uuid,
    last: Uuid,
    tail: Option<[u8; TAIL / 2]>,
}

/// What was typed is not part of a session's id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} is not a session's id, nor its beginning, nor its last twelve digits (hexadecimal, such as 5d2c1a90f3e7)"
)]
pub struct SessionPartError(String);

impl SessionPart {
    /// The lowest and the highest id that begin so.
    pub(crate) fn range(&self) -> (&Uuid, &Uuid) {
        (&self.first, &self.last)
    }

    /// The octets of an id that ends so, where what was typed may be an end.
    pub(crate) fn tail(&self) -> Option<&[u8]> {
        self.tail.as_ref().map(<[u8; TAIL / 2]>::as_slice)
    }
}

impl FromStr for SessionPart {
    type Err = SessionPartError;

    fn from_str(typed: &str) -> Result<Self, Self::Err> {
        let wrong = || SessionPartError(typed.to_owned());
        let digits: String = typed.chars().filter(|c| *c != '-').collect();
        if digits.is_empty() || digits.len() > 32 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let bound = |filler| {
            let padded: String = digits.chars().chain(std::iter::repeat(filler)).take(32).collect();
            Uuid::try_parse(&padded).map_err(|_| wrong())
        };
        let first = bound('0')?;
        let tail = if digits.len() == TAIL { first.as_bytes().first_chunk().copied() } else { None };
        Ok(Self { typed: typed.to_owned(), first, last: bound('f')?, tail })
    }
}

impl From<Uuid> for SessionPart {
    fn from(session: Uuid) -> Self {
        Self { typed: session.to_string(), first: session, last: session, tail: None }
    }
}

impl fmt::Display for SessionPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.typed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_a_range_of_ids() {
        let part: SessionPart = "018BCFE5-6".parse().expect("a part");
        let (first, last) = part.range();
        assert_eq!(first.to_string(), "018bcfe5-6000-0000-0000-000000000000");
        assert_eq!(last.to_string(), "018bcfe5-6fff-ffff-ffff-ffffffffffff");
        assert_eq!(part.to_string(), "018BCFE5-6");
    }

    #[test]
    fn twelve_digits_may_be_an_end() {
        let tail = |typed: &str| typed.parse::<SessionPart>().expect("a part").tail().map(<[u8]>::to_vec);
        assert_eq!(tail("5d2c1A90f3e7"), Some(vec![0x5d, 0x2c, 0x1a, 0x90, 0xf3, 0xe7]));
        assert_eq!(tail("018bcfe5-687b"), Some(vec![0x01, 0x8b, 0xcf, 0xe5, 0x68, 0x7b]));
        assert_eq!(tail("5d2c1a90f3e"), None);
        assert_eq!(tail("018bcfe5-6000-7000-8000-000000000001"), None);
    }

    #[test]
    fn what_is_no_part_is_refused() {
        for typed in ["", "-", "xyz", "018bcfe5-6000-0000-0000-0000000000000", "0é"] {
            assert_eq!(typed.parse::<SessionPart>(), Err(SessionPartError(typed.to_owned())));
        }
    }
}
