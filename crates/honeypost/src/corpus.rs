//! Which mail: the persona that the configuration names, as this installation has it.

use bait::Corpus;
use bait::persona::{Installation, Persona, PersonaError, RenderError, Source};

use protocol::Personality;

use crate::config::Config;
use crate::data_dir::{self, DataDirError};

/// Why there is no mail to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CorpusError {
    /// The persona's files are wrong.
    #[error("corpus {named}: {cause}")]
    Persona {
        /// Which, and who said so.
        named: String,
        /// What is wrong.
        cause: Box<PersonaError>,
    },
    /// It cannot be rendered for this installation.
    #[error("corpus {named}: {cause}")]
    Render {
        /// Which, and who said so.
        named: String,
        /// What is wrong.
        cause: Box<RenderError>,
    },
    /// The installation's identity cannot be read.
    #[error(transparent)]
    Installation(#[from] DataDirError),
}

/// The identity in the configured data directory, or a new one of now. Changes nothing on disk.
pub(crate) fn installation(config: &Config) -> Result<Installation, DataDirError> {
    Ok(data_dir::installation(config.data_dir())?.unwrap_or_else(data_dir::new_installation))
}

/// The configured persona's mail for an installation, with the UIDVALIDITY that the personality may prescribe.
pub(crate) fn render(
    config: &Config,
    personality: &Personality,
    installation: &Installation,
) -> Result<Corpus, CorpusError> {
    let source = config.corpus().map_or_else(Source::builtin, |folder| Source::Directory(folder.to_owned()));
    let named = || match config.corpus() {
        Some(folder) => format!("{} ({})", folder.display(), config.origin("corpus")),
        None => "company-internal (built in)".to_owned(),
    };
    let persona = Persona::load(&source)
        .map_err(|cause| CorpusError::Persona { named: named(), cause: Box::new(cause) })?;
    let uid_validity = personality.imap.uid_validity.unwrap_or(installation.uid_validity);
    persona
        .render(&Installation { uid_validity, ..*installation })
        .map_err(|cause| CorpusError::Render { named: named(), cause: Box::new(cause) })
}
