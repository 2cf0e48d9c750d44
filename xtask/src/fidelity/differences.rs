//! The differences that are accepted, each with its reason: `differences.toml` beside the sessions.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::fidelity::Service;

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    difference: Vec<Difference>,
}

/// One accepted difference.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    service: String,
    /// The session's file, without its ending.
    session: String,
    /// The line that is answered differently, as the session has it.
    said: String,
    /// Why it is accepted.
    reason: String,
    #[serde(skip)]
    used: bool,
}

/// Those of a service.
#[derive(Debug)]
pub(super) struct Differences(Vec<Difference>);

impl Differences {
    /// Reads the file.
    pub(super) fn read(path: &Path, service: Service) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        Self::parse(&text, service).with_context(|| path.display().to_string())
    }

    fn parse(text: &str, service: Service) -> Result<Self> {
        let File { difference } = toml::from_str(text)?;
        if let Some(odd) = difference.iter().find(|one| Service::of(&one.service).is_none()) {
            anyhow::bail!("there is no service `{}`", odd.service);
        }
        Ok(Self(difference.into_iter().filter(|one| one.service == service.name()).collect()))
    }

    /// Why the answer to this line may be different.
    pub(super) fn reason(&mut self, session: &str, said: &str) -> Option<String> {
        let found = self.0.iter_mut().find(|one| one.session == session && one.said == said)?;
        found.used = true;
        Some(found.reason.clone())
    }

    /// One that was never met.
    pub(super) fn unused(&self) -> Option<String> {
        let unused = self.0.iter().find(|one| !one.used)?;
        Some(format!("{}: {}", unused.session, unused.said))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_looked_for() {
        let text =
            "[[difference]]\nservice = 'smtp'\nsession = 'vrfy'\nsaid = '> VRFY x'\nreason = 'so it is'\n";
        let mut smtp = Differences::parse(text, Service::Smtp).unwrap();
        assert_eq!(smtp.unused().as_deref(), Some("vrfy: > VRFY x"));
        assert_eq!(smtp.reason("vrfy", "> VRFY y"), None);
        assert_eq!(smtp.reason("vrfy", "> VRFY x").as_deref(), Some("so it is"));
        assert_eq!(smtp.unused(), None);
        assert_eq!(Differences::parse(text, Service::Imap).unwrap().unused(), None);
        assert!(Differences::parse(&text.replace("smtp", "nntp"), Service::Imap).is_err());
    }
}
