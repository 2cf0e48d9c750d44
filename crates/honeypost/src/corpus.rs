//! Which mail: the persona that the configuration names, as this installation has it.

use std::collections::{BTreeMap, BTreeSet};

use bait::Corpus;
use bait::maildir_tree::{self, TreeError};
use bait::mime::Address;
use bait::persona::{Installation, Persona, PersonaError, RenderError, Source};
use protocol::Personality;

use crate::config::{Config, Origin};
use crate::data_dir::{self, DataDirError};
use crate::seed::{self, SeedError};

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
    /// The Maildir cannot be read.
    #[error("corpus {named}: {cause}")]
    Maildir {
        /// Which, and who said so.
        named: String,
        /// What is wrong.
        cause: Box<TreeError>,
    },
    /// The further messages cannot be read.
    #[error("seed-mail = {path:?} ({origin}): {cause}")]
    Seed {
        /// Where they are.
        path: std::path::PathBuf,
        /// Who said so.
        origin: Origin,
        /// What is wrong.
        cause: SeedError,
    },
    /// The installation's identity cannot be read.
    #[error(transparent)]
    Installation(#[from] DataDirError),
}

/// The identity in the configured data directory, or a new one of now. Changes nothing on disk.
pub(crate) fn installation(config: &Config) -> Result<Installation, DataDirError> {
    Ok(data_dir::installation(config.data_dir())?.unwrap_or_else(data_dir::new_installation))
}

/// The mail, and whose it is.
pub(crate) struct Mail {
    /// The mail.
    pub(crate) corpus: Corpus,
    /// The persona's own domain.
    pub(crate) domain: String,
}

impl Mail {
    /// Everybody at the persona's domain who writes or is written to, as addresses.
    pub(crate) fn people(&self) -> BTreeSet<String> {
        let messages = self.corpus.mailboxes.iter().flat_map(|mailbox| &mailbox.messages);
        let addresses = messages.flat_map(|message| {
            let envelope = message.envelope();
            [&envelope.from, &envelope.to, &envelope.cc].into_iter().flatten()
        });
        let ours = |address: &Address| match address {
            Address::Mailbox { mailbox: Some(user), host: Some(host), .. }
                if host.eq_ignore_ascii_case(self.domain.as_bytes()) =>
            {
                Some(format!("{}@{}", str::from_utf8(user).ok()?, self.domain))
            }
            _ => None,
        };
        addresses.filter_map(ours).collect()
    }
}

/// The configured persona's mail for an installation, with the UIDVALIDITY that the personality may prescribe.
pub(crate) fn render(
    config: &Config,
    personality: &Personality,
    installation: &Installation,
) -> Result<Mail, CorpusError> {
    let source = config.corpus().map_or_else(Source::builtin, |folder| Source::Directory(folder.to_owned()));
    let named = || match config.corpus() {
        Some(folder) => format!("{} ({})", folder.display(), config.origin("corpus")),
        None => "company-internal (built in)".to_owned(),
    };
    let uid_validity = personality.imap.uid_validity.unwrap_or(installation.uid_validity);
    if let Some(folder) = config.corpus().filter(|folder| maildir_tree::is_tree(folder)) {
        let corpus = maildir_tree::read(folder, uid_validity)
            .map_err(|cause| CorpusError::Maildir { named: named(), cause: Box::new(cause) })?;
        let domain = domain_of(&corpus).unwrap_or_else(|| config.node_name().to_owned());
        return with_seeds(config, corpus, domain);
    }
    let persona = Persona::load(&source)
        .map_err(|cause| CorpusError::Persona { named: named(), cause: Box::new(cause) })?;
    let corpus = persona
        .render(&Installation { uid_validity, ..*installation })
        .map_err(|cause| CorpusError::Render { named: named(), cause: Box::new(cause) })?;
    with_seeds(config, corpus, persona.domain)
}

/// The mail with the operator's own messages behind it.
fn with_seeds(config: &Config, mut corpus: Corpus, domain: String) -> Result<Mail, CorpusError> {
    if let Some(path) = config.seed_mail() {
        let origin = config.origin("seed-mail");
        seed::append(path, &mut corpus).map_err(|cause| CorpusError::Seed {
            path: path.to_owned(),
            origin: origin.clone(),
            cause,
        })?;
    }
    Ok(Mail { corpus, domain })
}

/// The domain that most mail in INBOX is for.
fn domain_of(corpus: &Corpus) -> Option<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for message in &corpus.mailbox("INBOX")?.messages {
        for address in &message.envelope().to {
            if let Address::Mailbox { host: Some(host), .. } = address {
                *counts.entry(String::from_utf8_lossy(host).to_ascii_lowercase()).or_default() += 1;
            }
        }
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(domain, _)| domain)
}
