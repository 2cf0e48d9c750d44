//! What a setting may hold: each type reads itself from text or TOML and shows itself as TOML.
//!
//! The types know nothing of keys, files or variables: `mod.rs` adds those to what they complain about.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::raw::{Meaning, Raw, bracketed, quoted};

/// One printable ASCII word: a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Name(pub(crate) String);

impl Meaning for Name {
    const EXPECTS: &'static str = "a name of printable ASCII characters without spaces, at most 255";

    fn read(raw: &Raw) -> Result<Self, String> {
        let text = raw.text()?;
        match text {
            "" => Err("is empty".into()),
            _ if text.len() > 255 => Err("is too long".into()),
            _ if !text.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Err("has characters that a name cannot have".into())
            }
            _ => Ok(Self(text.to_owned())),
        }
    }

    fn show(&self) -> String {
        quoted(&self.0)
    }
}

/// A folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl Meaning for Folder {
    const EXPECTS: &'static str = "a path";

    fn read(raw: &Raw) -> Result<Self, String> {
        match raw.text()? {
            "" => Err("is empty".into()),
            text => Ok(Self(text.into())),
        }
    }

    fn show(&self) -> String {
        quoted(&self.0.to_string_lossy())
    }
}

/// Where a protocol is served; nowhere when empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Listen(pub(crate) Vec<SocketAddr>);

impl Meaning for Listen {
    const EXPECTS: &'static str =
        "an IP address and a port such as \"127.0.0.1:1143\" or \"[::]:143\", a list of them, or \"off\"";

    fn read(raw: &Raw) -> Result<Self, String> {
        let entries = raw.entries()?;
        match entries.as_slice() {
            [] => return Err("is empty".into()),
            [only] if only.trim().eq_ignore_ascii_case("off") => return Ok(Self::default()),
            _ => {}
        }
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for entry in entries {
            let entry = entry.trim();
            let address =
                entry.parse().map_err(|_| format!("holds {entry:?}, which is no IP address with a port"))?;
            if addresses.contains(&address) {
                return Err(format!("names {address} twice"));
            }
            addresses.push(address);
        }
        Ok(Self(addresses))
    }

    fn show(&self) -> String {
        match self.0.as_slice() {
            [] => quoted("off"),
            [only] => quoted(&only.to_string()),
            several => bracketed(several.iter().map(|address| quoted(&address.to_string()))),
        }
    }
}

/// A listener of the contract that this version does not serve.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Unserved;

impl Meaning for Unserved {
    const EXPECTS: &'static str = "\"off\"";

    fn read(raw: &Raw) -> Result<Self, String> {
        match raw.text()? {
            text if text.eq_ignore_ascii_case("off") => Ok(Self),
            _ => Err("asks for a listener that this version does not serve".into()),
        }
    }

    fn show(&self) -> String {
        quoted("off")
    }
}

/// Names of users, compared as they are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Users(pub(crate) Vec<String>);

impl Meaning for Users {
    const EXPECTS: &'static str = "a list of user names (in a variable separated by commas)";

    fn read(raw: &Raw) -> Result<Self, String> {
        let names = raw.entries()?.into_iter().map(str::trim).filter(|name| !name.is_empty());
        Ok(Self(names.map(str::to_owned).collect()))
    }

    fn show(&self) -> String {
        bracketed(self.0.iter().map(|name| quoted(name)))
    }
}

/// Who is let in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// The pairs as written, `user:password`.
    pub(crate) written: Vec<String>,
    /// The same, to compare with.
    pub(crate) list: protocol::Credentials,
}

impl Meaning for Credentials {
    const EXPECTS: &'static str =
        "a list of \"user:password\" (only the first ':' splits; in a variable separated by commas)";

    fn read(raw: &Raw) -> Result<Self, String> {
        let mut entries = raw.entries()?;
        if let Raw::Text(_) = raw {
            // "admin:admin, root:root" means what it looks like; a line end comes from a file with the variable.
            entries =
                entries.into_iter().map(|entry| entry.trim_start().trim_end_matches(['\r', '\n'])).collect();
        }
        for (position, entry) in entries.iter().enumerate() {
            if entry.is_empty() {
                let (place, all) = (position + 1, entries.len());
                return Err(format!("is empty in entry {place} of {all} (a comma too many?)"));
            }
            protocol::Credentials::parse([*entry])
                .map_err(|error| format!("is wrong in entry {}: {error}", position + 1))?;
        }
        let list =
            protocol::Credentials::parse(entries.iter().copied()).map_err(|error| error.to_string())?;
        Ok(Self { written: entries.into_iter().map(str::to_owned).collect(), list })
    }

    fn show(&self) -> String {
        bracketed(self.written.iter().map(|pair| quoted(pair)))
    }
}

/// How many; at least one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) usize);

impl Count {
    const MOST: usize = 1_000_000;
}

impl Meaning for Count {
    const EXPECTS: &'static str = "a whole number from 1 to 1000000";

    fn read(raw: &Raw) -> Result<Self, String> {
        let digits = match raw {
            Raw::Number(digits) => digits,
            other => other.text()?,
        };
        match digits.parse() {
            Ok(number) if (1..=Self::MOST).contains(&number) => Ok(Self(number)),
            Ok(_) => Err("is out of range".into()),
            Err(_) => Err("is no such number".into()),
        }
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

/// The units of a duration, longest first, in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

impl Meaning for Duration {
    const EXPECTS: &'static str = "a duration such as \"500ms\", \"180s\", \"30m\", \"2h\" or \"1d\"";

    fn read(raw: &Raw) -> Result<Self, String> {
        if let Raw::Number(_) = raw {
            return Err("has no unit".into());
        }
        let text = raw.text()?;
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let Some((_, millis)) = UNITS.into_iter().find(|(name, _)| *name == unit) else {
            return Err("has no known unit".into());
        };
        let number: u64 = number.parse().map_err(|_| "is no such duration".to_owned())?;
        match number.checked_mul(millis) {
            Some(0) => Err("is nothing".into()),
            Some(total) if total <= 366 * 86_400_000 => Ok(Self::from_millis(total)),
            _ => Err("is longer than a year".into()),
        }
    }

    fn show(&self) -> String {
        let millis = u64::try_from(self.as_millis()).unwrap_or(u64::MAX);
        let fits = UNITS.into_iter().find(|(name, unit)| {
            let exact = millis.is_multiple_of(*unit) && millis >= *unit;
            // 180s rather than 3m: the units people compare.
            exact && (*name != "m" || millis >= 10 * unit)
        });
        let (name, unit) = fits.unwrap_or(("ms", 1));
        quoted(&format!("{}{name}", millis / unit))
    }
}

/// How much of Honeypost's own doings goes to standard error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum LogLevel {
    /// What went wrong.
    Error,
    /// Also what may go wrong.
    #[default]
    Warn,
    /// Also what is going on.
    Info,
    /// Also each connection.
    Debug,
}

impl LogLevel {
    const ALL: [(&'static str, Self); 4] =
        [("error", Self::Error), ("warn", Self::Warn), ("info", Self::Info), ("debug", Self::Debug)];
}

impl Meaning for LogLevel {
    const EXPECTS: &'static str = "\"error\", \"warn\", \"info\" or \"debug\"";

    fn read(raw: &Raw) -> Result<Self, String> {
        let text = raw.text()?;
        let known = Self::ALL.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        known.map(|(_, level)| level).ok_or_else(|| "is no such level".into())
    }

    fn show(&self) -> String {
        let known = Self::ALL.into_iter().find(|(_, level)| level == self);
        quoted(known.map_or("", |(name, _)| name))
    }
}
