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
    /// Of the session whose id begins so.
    pub session: Option<SessionPrefix>,
    /// Of this name, such as `auth.failed`.
    pub name: Option<String>,
    /// Behind the event of this [`crate::Stored::key`]: how to follow.
    pub after_key: Option<i64>,
}

/// The beginning of a session's id, as people type it: hexadecimal digits, hyphens anywhere, at least one digit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPrefix {
    typed: String,
    first: Uuid,
    last: Uuid,
}

/// What was typed is not the beginning of a session's id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not the beginning of a session's id (hexadecimal digits, such as 018bcfe5-687b)")]
pub struct SessionPrefixError(String);

impl SessionPrefix {
    /// The lowest and the highest id that begin so.
    pub(crate) fn range(&self) -> (&Uuid, &Uuid) {
        (&self.first, &self.last)
    }
}

impl FromStr for SessionPrefix {
    type Err = SessionPrefixError;

    fn from_str(typed: &str) -> Result<Self, Self::Err> {
        let wrong = || SessionPrefixError(typed.to_owned());
        let digits: String = typed.chars().filter(|c| *c != '-').collect();
        if digits.is_empty() || digits.len() > 32 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let bound = |filler| {
            let padded: String = digits.chars().chain(std::iter::repeat(filler)).take(32).collect();
            Uuid::try_parse(&padded).map_err(|_| wrong())
        };
        Ok(Self { typed: typed.to_owned(), first: bound('0')?, last: bound('f')? })
    }
}

impl From<Uuid> for SessionPrefix {
    fn from(session: Uuid) -> Self {
        Self { typed: session.to_string(), first: session, last: session }
    }
}

impl fmt::Display for SessionPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.typed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_a_range_of_ids() {
        let prefix: SessionPrefix = "018BCFE5-6".parse().expect("a prefix");
        let (first, last) = prefix.range();
        assert_eq!(first.to_string(), "018bcfe5-6000-0000-0000-000000000000");
        assert_eq!(last.to_string(), "018bcfe5-6fff-ffff-ffff-ffffffffffff");
        assert_eq!(prefix.to_string(), "018BCFE5-6");
    }

    #[test]
    fn what_is_no_prefix_is_refused() {
        for typed in ["", "-", "xyz", "018bcfe5-6000-0000-0000-0000000000000", "0é"] {
            assert_eq!(typed.parse::<SessionPrefix>(), Err(SessionPrefixError(typed.to_owned())));
        }
    }
}
