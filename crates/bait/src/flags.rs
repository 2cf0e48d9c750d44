//! System flags of a message (RFC 3501 section 2.3.2).

use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign, Not};

/// A set of system flags. Displayed as RFC 3501 writes them, in the order in which Dovecot lists them.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Flags(u8);

impl Flags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// `\Answered`
    pub const ANSWERED: Self = Self(1);
    /// `\Flagged`
    pub const FLAGGED: Self = Self(2);
    /// `\Deleted`
    pub const DELETED: Self = Self(4);
    /// `\Seen`
    pub const SEEN: Self = Self(8);
    /// `\Draft`
    pub const DRAFT: Self = Self(16);
    /// `\Recent`
    pub const RECENT: Self = Self(32);

    /// Every flag with its name and the letter that a Maildir file name has for it (none for `\Recent`).
    pub const ALL: [(Self, &'static str, Option<char>); 6] = [
        (Self::ANSWERED, "\\Answered", Some('R')),
        (Self::FLAGGED, "\\Flagged", Some('F')),
        (Self::DELETED, "\\Deleted", Some('T')),
        (Self::SEEN, "\\Seen", Some('S')),
        (Self::DRAFT, "\\Draft", Some('D')),
        (Self::RECENT, "\\Recent", None),
    ];

    /// Whether every flag of `other` is set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether none is set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The flag of that name, in any case.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, known, _)| known.as_bytes().eq_ignore_ascii_case(name))
            .map(|(flag, ..)| *flag)
    }
}

impl BitOr for Flags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Flags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl BitAnd for Flags {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Not for Flags {
    type Output = Self;
    fn not(self) -> Self {
        Self(!self.0 & 63)
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = Self::ALL.iter().filter(|(flag, ..)| self.contains(*flag));
        for (position, (_, name, _)) in set.enumerate() {
            if position > 0 {
                f.write_str(" ")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({self})")
    }
}
