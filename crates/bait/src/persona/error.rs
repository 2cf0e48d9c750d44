//! What can be wrong with a persona's files, for the operator: each names the file, the place, the value, the remedy.

use std::io;

/// Why a persona cannot be loaded. Paths are relative to the persona's folder unless the folder itself is meant.
#[derive(Debug, thiserror::Error)]
pub enum PersonaError {
    /// The operating system refused.
    #[error(
        "{path}: cannot be read ({source}); check that it exists and that its owner lets this user read it"
    )]
    Unreadable {
        /// The file or folder.
        path: String,
        /// The operating system's word.
        source: io::Error,
    },
    /// A file that must be there is not.
    #[error("{path}: not found; a persona needs it (personas/README.md shows the form)")]
    Missing {
        /// The file.
        path: String,
    },
    /// A link, a device, a folder or a file where none of its kind belongs.
    #[error("{path}: {what}; {remedy}")]
    Unexpected {
        /// The file or folder.
        path: String,
        /// What it is.
        what: String,
        /// What to do.
        remedy: &'static str,
    },
    /// More than the limits in [`super::Source`] allow.
    #[error("{path}: {what}, the limit is {limit}; make the persona smaller")]
    TooMuch {
        /// The file or folder.
        path: String,
        /// What there is too much of, and how much.
        what: String,
        /// The limit, with its unit.
        limit: String,
    },
    /// The text is not TOML, or has a key or a type that the format does not know.
    #[error("{file}, line {line}: {message}; the keys are described in personas/README.md")]
    Toml {
        /// The file.
        file: String,
        /// The line in the file, from 1.
        line: usize,
        /// The parser's word, on one line.
        message: String,
    },
    /// A key's value, or a piece of a message, that cannot be used.
    #[error("{file}, line {line}: {what} `{value}` {problem}; {remedy}")]
    Value {
        /// The file.
        file: String,
        /// The line in the file, from 1.
        line: usize,
        /// The key or the piece.
        what: &'static str,
        /// The value, shortened and with control characters escaped.
        value: String,
        /// What is wrong with it.
        problem: String,
        /// What to write instead.
        remedy: String,
    },
}

/// A place in a persona's files, to say where a fault lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) file: &'a str,
    pub(crate) line: usize,
}

impl Place<'_> {
    /// The error for a value at this place.
    pub(crate) fn value(self, what: &'static str, value: &str, fault: impl Into<Fault>) -> PersonaError {
        let Fault { problem, remedy } = fault.into();
        PersonaError::Value {
            file: self.file.to_owned(),
            line: self.line,
            what,
            value: shown(value),
            problem,
            remedy,
        }
    }

    /// The error for text that is not the TOML that was expected. `text` is the whole file up to the TOML's end.
    pub(crate) fn toml(file: &str, text: &str, error: &toml::de::Error) -> PersonaError {
        let start = error.span().map_or(0, |span| span.start);
        let line = line_of(text, start);
        let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        PersonaError::Toml { file: file.to_owned(), line, message }
    }
}

/// What is wrong with a value and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) problem: String,
    pub(crate) remedy: String,
}

impl Fault {
    pub(crate) fn new(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { problem: problem.into(), remedy: remedy.into() }
    }
}

/// The line (from 1) in which an offset lies.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    1 + memchr::memchr_iter(b'\n', before).count()
}

/// A value as an error shows it: at most 60 characters, no control characters.
fn shown(value: &str) -> String {
    let mut short: String = value.chars().take(60).flat_map(char::escape_debug).collect();
    if value.chars().nth(60).is_some() {
        short.push_str("...");
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_file_line_value_and_remedy_in_one_line() {
        let place = Place { file: "persona.toml", line: 3 };
        let error = place.value("id", "A\nB", Fault::new("has a capital", "write `a`"));
        assert_eq!(error.to_string(), "persona.toml, line 3: id `A\\nB` has a capital; write `a`");
    }

    #[test]
    fn lines_count_from_one() {
        assert_eq!([0, 1, 2, 9].map(|at| line_of("a\nb\n", at)), [1, 1, 2, 3]);
    }
}
