//! What can be wrong with a configuration, said so that the operator can put it right.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody said anything.
    Default,
    /// The configuration file, at this line (from 1).
    File {
        /// Its path as given.
        path: PathBuf,
        /// The line of the key.
        line: usize,
    },
    /// `--decnet` with this protocol.
    Decnet(&'static str),
    /// This environment variable.
    Environment(String),
    /// This flag, without its dashes.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Decnet(protocol) => write!(f, "default of --decnet {protocol}"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => write!(f, "flag --{name}"),
        }
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot read the configuration file: {cause}{}", path.display(), advice(cause))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The file is no TOML.
    #[error("{origin}: this is not TOML: {message}")]
    Syntax {
        /// The file and the line.
        origin: Origin,
        /// What the TOML reader says.
        message: String,
    },
    /// A key that no setting has.
    #[error("{origin}: unknown key `{key}`{}", remedy(nearest.as_deref()))]
    UnknownKey {
        /// The file and the line.
        origin: Origin,
        /// The key, dotted.
        key: String,
        /// The known key that looks most like it.
        nearest: Option<String>,
    },
    /// A variable of ours that no setting has.
    #[error("environment variable {name}: no setting has it{}", remedy(nearest.as_deref()))]
    UnknownVariable {
        /// Its name.
        name: String,
        /// The known variable that looks most like it.
        nearest: Option<String>,
    },
    /// A variable whose bytes are no text.
    #[error("environment variable {name}: its value is not UTF-8; put the setting into a configuration file")]
    NotText {
        /// Its name.
        name: String,
    },
    /// Two variables that set the same key.
    #[error("environment variables {one} and {other} both set `{key}`; keep one of them")]
    Twice {
        /// The one.
        one: String,
        /// The other.
        other: String,
        /// What they set.
        key: &'static str,
    },
    /// A value that its setting does not take.
    #[error("{origin}: {key} = {value} {what}")]
    BadValue {
        /// Where it stands.
        origin: Origin,
        /// The key.
        key: &'static str,
        /// The value as written.
        value: String,
        /// What is wrong with it, and what is to be written.
        what: String,
    },
}

fn advice(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::NotFound => {
            "; give the path of an existing file to --config, or leave it out to use the defaults"
        }
        io::ErrorKind::PermissionDenied => "; make it readable for the user that runs honeypost",
        _ => "",
    }
}

fn remedy(nearest: Option<&str>) -> String {
    match nearest {
        Some(name) => format!("; did you mean `{name}`?"),
        None => "; docs/configuration.md lists what there is, and so does `honeypost check`".into(),
    }
}

/// The one of `known` that may have been meant by `name`: at most two letters are wrong, missing, too many or swapped, and
/// no more than a quarter of what was typed. What all of them begin with is as good as not typed.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let typed = name.strip_prefix("HONEYPOST_").unwrap_or(name).chars().count();
    known
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(wrong, _)| *wrong <= 2 && wrong * 4 <= typed.max(4))
        .min_by_key(|(wrong, _)| *wrong)
        .map(|(_, candidate)| candidate.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_suggested() {
        let known = ["imap.listen", "imap.banner", "pop3.listen", "log", "node-name", "limits.idle-timeout"];
        let variables = ["HONEYPOST_LOG", "HONEYPOST_SMTP_LISTEN", "HONEYPOST_CONFIG"];
        for (name, meant) in [
            ("imap.listn", Some("imap.listen")),
            ("imap.lisetn", Some("imap.listen")),
            ("node_name", Some("node-name")),
            ("lg", Some("log")),
            ("limits.idle-timout", Some("limits.idle-timeout")),
            ("imapp", None),
            ("foo", None),
            ("listen", None),
            ("sensors", None),
        ] {
            assert_eq!(nearest(name, known.into_iter()).as_deref(), meant, "{name}");
        }
        for (name, meant) in [
            ("HONEYPOST_LOGG", Some("HONEYPOST_LOG")),
            ("HONEYPOST_CONFG", Some("HONEYPOST_CONFIG")),
            ("HONEYPOST_FOO", None),
            ("HONEYPOST_SMTP_AUTH", None),
        ] {
            assert_eq!(nearest(name, variables.into_iter()).as_deref(), meant, "{name}");
        }
    }
}
