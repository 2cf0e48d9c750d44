//! A value as it was written, and what it takes to give it a meaning. The meanings themselves are in `value.rs`.

use std::fmt;

/// A value as it was written, before its setting gives it a meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Raw {
    /// A TOML string, or what a variable or flag held.
    Text(String),
    /// A TOML integer.
    Number(String),
    /// A TOML array of strings.
    List(Vec<String>),
    /// Any other TOML value, by the name of its type: no setting takes one.
    Other(&'static str),
}

impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Number(digits) => f.write_str(digits),
            Self::List(items) => write!(f, "{items:?}"),
            Self::Other(shape) => write!(f, "({shape})"),
        }
    }
}

impl Raw {
    /// The one text, for settings that take one.
    pub(super) fn text(&self) -> Result<&str, String> {
        match self {
            Self::Text(text) => Ok(text.trim()),
            Self::Number(_) | Self::List(_) | Self::Other(_) => Err("is not a string".into()),
        }
    }

    /// The entries of a list, which a single text writes with commas.
    pub(super) fn entries(&self) -> Result<Vec<&str>, String> {
        match self {
            Self::Text(text) if text.trim().is_empty() => Ok(Vec::new()),
            Self::Text(text) => Ok(text.split(',').collect()),
            Self::List(items) => Ok(items.iter().map(String::as_str).collect()),
            Self::Number(_) | Self::Other(_) => Err("is neither a list nor a string".into()),
        }
    }
}

/// A type that a setting may have.
pub(crate) trait Meaning: Sized {
    /// What is to be written, for documentation and errors: `expected ...`.
    const EXPECTS: &'static str;

    /// Reads the value. The error says what is wrong with it, as in "VALUE ...".
    fn read(raw: &Raw) -> Result<Self, String>;

    /// The value as TOML.
    fn show(&self) -> String;
}

/// Text as a TOML string.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A list as a TOML array.
pub(super) fn bracketed(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    format!("[{}]", items.join(", "))
}

/// A value that may be left to what the documentation says.
impl<T: Meaning> Meaning for Option<T> {
    const EXPECTS: &'static str = T::EXPECTS;

    fn read(raw: &Raw) -> Result<Self, String> {
        T::read(raw).map(Some)
    }

    fn show(&self) -> String {
        self.as_ref().map(T::show).unwrap_or_default()
    }
}
