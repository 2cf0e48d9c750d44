//! Settings that take one of a few words, a yes or no, or a share.

use super::raw::{Meaning, Raw, quoted};

/// Declares a choice: its words, which of them is meant, and how the documentation says it.
macro_rules! choice {
    (
        $(#[$meta:meta])*
        $name:ident, $expects:literal:
        $( $(#[$note:meta])* $variant:ident = $word:literal, )+
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub(crate) enum $name { $( $(#[$note])* $variant, )+ }

        impl Meaning for $name {
            const EXPECTS: &'static str = $expects;

            fn read(raw: &Raw) -> Result<Self, String> {
                let text = raw.text()?;
                $( if text.eq_ignore_ascii_case($word) { return Ok(Self::$variant); } )+
                Err("is none of its words".into())
            }

            fn show(&self) -> String {
                quoted(match self { $( Self::$variant => $word, )+ })
            }
        }
    };
}

pub(super) use choice;

choice! {
    /// What goes to standard output while Honeypost serves.
    LogFormat, "\"human\" or \"decnet\"":
    /// The start-up text and nothing else.
    #[default]
    Human = "human",
    /// The lines of DECNET's mail templates, and nothing else.
    Decnet = "decnet",
}

choice! {
    /// What SMTP does with AUTH.
    SmtpAuth, "\"harvest\", \"accept\" or \"off\"":
    /// Advertised, recorded, refused.
    #[default]
    Harvest = "harvest",
    /// Advertised, recorded, accepted.
    Accept = "accept",
    /// Not advertised, as a Postfix without SASL.
    Off = "off",
}

choice! {
    /// What sessions do when the store takes nothing: the disk is full, or the database behind.
    WhenStoreFull, "\"wait\" or \"go-on\"":
    /// They wait: nothing is answered that is not recorded.
    #[default]
    Wait = "wait",
    /// They go on, and what they do meanwhile is missing.
    GoOn = "go-on",
}

impl Meaning for bool {
    const EXPECTS: &'static str = "true or false (in a variable also 1 or 0)";

    fn read(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Truth(truth) => Ok(*truth),
            other => match other.text().unwrap_or_default() {
                "1" | "true" => Ok(true),
                "0" | "false" => Ok(false),
                _ => Err("is neither true nor false".into()),
            },
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// A part of a whole, from 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Share(pub(crate) f64);

impl Meaning for Share {
    const EXPECTS: &'static str = "a number from 0 to 1 such as 0.08";

    fn read(raw: &Raw) -> Result<Self, String> {
        let digits = match raw {
            Raw::Number(digits) | Raw::Fraction(digits) => digits,
            other => other.text()?,
        };
        match digits.parse() {
            Ok(share) if (0.0..=1.0).contains(&share) => Ok(Self(share)),
            Ok(_) => Err("is out of range".into()),
            Err(_) => Err("is no such number".into()),
        }
    }

    fn show(&self) -> String {
        // With its point, so that it stays what it is in TOML.
        format!("{:?}", self.0)
    }
}
