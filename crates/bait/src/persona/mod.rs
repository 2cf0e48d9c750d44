//! A persona: an invented organisation and its mail, as files. The format is specified in `personas/README.md`.
//!
//! Loading parses everything once ([`Persona::load`]); rendering makes the mail of one installation from it
//! ([`Persona::render`]); [`check`] says what an operator should know about a corpus before using it.
//!
//! Read `source.rs`, `manifest.rs`, `template.rs`, `placeholder.rs`, then `calendar.rs`, `format.rs` and `render.rs`.

mod calendar;
mod check;
mod error;
mod format;
mod manifest;
mod placeholder;
pub(crate) mod random;
mod render;
mod source;
mod template;

use std::sync::Arc;

pub use check::{MailboxSummary, Problem, Report, Severity, check};
pub use error::PersonaError;
pub use render::{Installation, RenderError};
pub use source::{MAX_FILE, MAX_MESSAGES, MAX_TOTAL, Source};
pub use template::Template;

use crate::message::Bait;
use manifest::Manifest;

/// An invented organisation: its names, its secrets, its mail as templates.
#[derive(Debug)]
pub struct Persona {
    /// Its name, such as `company-internal`.
    pub name: String,
    /// Its domain.
    pub domain: String,
    /// What it is, in one line.
    pub summary: String,
    /// Its mailboxes, INBOX first.
    pub mailboxes: Vec<MailboxTemplates>,
    /// Its secrets, in the order of the file.
    pub bait: Vec<Arc<Bait>>,
}

/// A mailbox before it is rendered.
#[derive(Debug)]
pub struct MailboxTemplates {
    /// Its name in UTF-8.
    pub name: String,
    /// Its messages in order.
    pub messages: Vec<Template>,
}

impl Persona {
    /// Reads and parses all files of a persona.
    pub fn load(source: &Source) -> Result<Self, PersonaError> {
        let mut files = source.files()?;
        let Manifest { name, domain, summary, mailboxes: names, bait } = Manifest::parse(&files.manifest)?;
        let mut mailboxes = Vec::new();
        for name in names {
            // A mailbox without a folder is empty: version control keeps no empty folders.
            let messages = files.mailboxes.remove(&name).unwrap_or_default();
            let messages =
                messages.into_iter().map(|file| Template::parse(file, &bait)).collect::<Result<_, _>>()?;
            mailboxes.push(MailboxTemplates { name, messages });
        }
        if let Some(stray) = files.mailboxes.keys().next() {
            return Err(PersonaError::Unexpected {
                path: format!("mailboxes/{stray}"),
                what: "belongs to no mailbox".to_owned(),
                remedy: "add its name to `mailboxes` in persona.toml, or remove it",
            });
        }
        Ok(Self { name, domain, summary, mailboxes, bait })
    }

    /// The persona `company-internal`, built into the binary.
    pub fn builtin() -> Result<Self, PersonaError> {
        Self::load(&Source::builtin())
    }

    /// All messages, mailbox by mailbox.
    pub(crate) fn templates(&self) -> impl Iterator<Item = &Template> {
        self.mailboxes.iter().flat_map(|mailbox| &mailbox.messages)
    }
}
