//! What the settings of captured mail may hold: sizes, and what happens where there is no room.

use std::time::Duration;

use super::raw::{Meaning, Raw, quoted};

/// The settings of captured mail. The fields are documented by their rows in `settings.rs`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mail {
    pub(crate) max_size: Size,
    pub(crate) max_per_source: Size,
    pub(crate) max_total: Size,
    pub(crate) when_full: WhenFull,
    pub(crate) keep: Duration,
    pub(crate) keep_size: Option<Size>,
}

/// A number of octets; at least one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Size(pub(crate) u64);

/// The units of a size, largest first.
const UNITS: [(&str, u64); 4] =
    [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)];

impl Meaning for Size {
    const EXPECTS: &'static str = "a number of octets such as 10240000, \"500kB\", \"100MB\" or \"2GB\"";

    fn read(raw: &Raw) -> Result<Self, String> {
        let text = match raw {
            Raw::Number(digits) => digits,
            other => other.text()?,
        };
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim_start();
        let unit = match UNITS.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)) {
            Some((_, octets)) => octets,
            None if unit.is_empty() => 1,
            None => return Err("has no known unit".into()),
        };
        let number: u64 = number.parse().map_err(|_| "is no such number".to_owned())?;
        match number.checked_mul(unit) {
            Some(0) => Err("is nothing".into()),
            Some(octets) if octets <= 1 << 50 => Ok(Self(octets)),
            _ => Err("is out of range".into()),
        }
    }

    fn show(&self) -> String {
        // 10240000, not 10240kB: only what is a round number of a unit is written with it.
        match UNITS.into_iter().find(|(_, unit)| self.0 >= *unit && self.0.is_multiple_of(*unit)) {
            Some((name, unit)) if self.0 / unit < 1000 => quoted(&format!("{}{name}", self.0 / unit)),
            _ => self.0.to_string(),
        }
    }
}

/// What happens to a message for which a quota has no room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum WhenFull {
    /// It is refused, as a server without room refuses it.
    #[default]
    Refuse,
    /// The oldest messages make room for it.
    DropOldest,
    /// It is accepted, and only the fact is kept.
    AcceptAndDiscard,
}

impl WhenFull {
    const ALL: [(&'static str, Self); 3] = [
        ("refuse", Self::Refuse),
        ("drop-oldest", Self::DropOldest),
        ("accept-and-discard", Self::AcceptAndDiscard),
    ];
}

impl Meaning for WhenFull {
    const EXPECTS: &'static str = "\"refuse\", \"drop-oldest\" or \"accept-and-discard\"";

    fn read(raw: &Raw) -> Result<Self, String> {
        let text = raw.text()?;
        let known = Self::ALL.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        known.map(|(_, policy)| policy).ok_or_else(|| "is none of them".into())
    }

    fn show(&self) -> String {
        let known = Self::ALL.into_iter().find(|(_, policy)| policy == self);
        quoted(known.map_or("", |(name, _)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Size, String> {
        Size::read(&Raw::Text(text.to_owned()))
    }

    #[test]
    fn sizes_have_units() {
        for (text, octets, shown) in [
            ("10240000", 10_240_000, "10240000"),
            ("500kB", 500_000, "\"500kB\""),
            ("100 mb", 100_000_000, "\"100MB\""),
            ("1000MB", 1_000_000_000, "\"1GB\""),
            ("1500MB", 1_500_000_000, "1500000000"),
            ("1", 1, "1"),
        ] {
            let size = read(text).expect("valid");
            assert_eq!((size.0, size.show().as_str()), (octets, shown));
        }
        for text in ["", "0", "kB", "-1", "1.5MB", "1KiB", "99999999999TB", "9999TB"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
