//! What a captured message is called: when it began, in which session, which of that session's messages. Never anything
//! that a peer has sent. The name says in which folder the message is kept, and sorts by time.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use uuid::Uuid;

/// The name of a captured message, such as `20261123T190852.123456Z-0193…-1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Name {
    microseconds: i64,
    session: Uuid,
    number: u32,
}

/// What came of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it is there.
    Whole,
    /// Its sender went away in the middle.
    Partial,
}

const FORMAT: &str = "%Y%m%dT%H%M%S.%6f";

impl Name {
    /// The name of a session's message of that number.
    pub(super) fn new(began: Timestamp, session: Uuid, number: u32) -> Self {
        Self { microseconds: began.as_microsecond(), session, number }
    }

    /// When it began.
    pub(super) fn began(self) -> Timestamp {
        Timestamp::from_microsecond(self.microseconds).unwrap_or_default()
    }

    /// The folder of its day, below the data directory: `mail/2026/11/23`.
    pub(super) fn folder(self) -> PathBuf {
        self.began().strftime("mail/%Y/%m/%d").to_string().into()
    }

    /// Its file, below the data directory.
    pub(super) fn file(self, extent: Extent) -> PathBuf {
        let ending = match extent {
            Extent::Whole => WHOLE,
            Extent::Partial => PARTIAL,
        };
        self.folder().join(format!("{self}{ending}"))
    }

    /// The file beside it that holds the envelope, below the data directory.
    pub(super) fn sidecar(self) -> PathBuf {
        self.folder().join(format!("{self}{SIDECAR}"))
    }

    /// The message that a file in one of the folders holds.
    pub(super) fn of_message(file: &str) -> Option<(Self, Extent)> {
        let (name, extent) = match file.strip_suffix(PARTIAL) {
            Some(name) => (name, Extent::Partial),
            None => (file.strip_suffix(WHOLE)?, Extent::Whole),
        };
        Some((name.parse().ok()?, extent))
    }

    /// The message that a sidecar stands beside.
    pub(super) fn of_sidecar(file: &str) -> Option<Self> {
        file.strip_suffix(SIDECAR)?.parse().ok()
    }
}

/// How the file of a whole message ends.
pub(super) const WHOLE: &str = ".eml";
/// How the file of an unfinished message ends.
const PARTIAL: &str = ".partial.eml";
/// How the file with the envelope ends.
pub(super) const SIDECAR: &str = ".json";

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let began = self.began().to_zoned_datetime(TimeZone::UTC);
        write!(f, "{}Z-{}-{}", began.strftime(FORMAT), self.session.as_simple(), self.number)
    }
}

/// It is no name of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoName;

impl FromStr for Name {
    type Err = NoName;

    fn from_str(text: &str) -> Result<Self, NoName> {
        let (began, rest) = text.split_once("Z-").ok_or(NoName)?;
        let (session, number) = rest.split_once('-').ok_or(NoName)?;
        let began = DateTime::strptime("%Y%m%dT%H%M%S.%f", began)
            .and_then(|began| began.to_zoned_datetime(TimeZone::UTC))
            .map_err(|_| NoName)?;
        let name = Self {
            microseconds: began.timestamp().as_microsecond(),
            session: session.parse().map_err(|_| NoName)?,
            number: number.parse().map_err(|_| NoName)?,
        };
        // One spelling only, so that a name leads back to its file.
        if name.to_string() == text { Ok(name) } else { Err(NoName) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_and_sorts_by_time() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let name = |began: &str| Name::new(at(began), Uuid::from_u128(7), 2);
        let one = name("2026-11-23T09:05:01.000042Z");
        assert_eq!(one.to_string(), "20261123T090501.000042Z-00000000000000000000000000000007-2");
        assert_eq!(one.to_string().parse(), Ok(one));
        assert_eq!(one.file(Extent::Whole), PathBuf::from(format!("mail/2026/11/23/{one}.eml")));
        assert_eq!(Name::of_message(&format!("{one}.eml")), Some((one, Extent::Whole)));
        assert_eq!(Name::of_message(&format!("{one}.partial.eml")), Some((one, Extent::Partial)));
        assert_eq!(Name::of_sidecar(&format!("{one}.json")), Some(one));
        assert!(one < name("2026-11-23T09:05:02Z"));
    }

    #[test]
    fn other_files_are_no_messages() {
        for file in [
            "",
            ".eml",
            "x.eml",
            "20261123T090501.000042Z-7-2.eml",
            "20261123T090501.42Z-00000000000000000000000000000007-2.eml",
            "20261323T090501.000042Z-00000000000000000000000000000007-2.eml",
            "20261123T090501.000042Z-00000000000000000000000000000007-02.eml",
        ] {
            assert_eq!(Name::of_message(file), None, "{file}");
        }
    }
}
