//! The maildrop (RFC 1939 section 3): INBOX as it stood at login, less what the session has deleted.

use std::collections::BTreeSet;
use std::sync::Arc;

use bait::{Corpus, Mailbox, Message};

use crate::pop3::texts::Phrase;
use crate::pop3::turn::Fault;
use crate::text::Slot;

/// One session's view of INBOX. The mail itself never changes.
#[derive(Debug)]
pub struct Maildrop {
    mailbox: Arc<Mailbox>,
    /// Positions, from 0, of what is deleted.
    deleted: BTreeSet<usize>,
    /// Octets of what is not deleted.
    octets: u64,
}

impl Maildrop {
    /// INBOX of this mail; nothing where it has none.
    pub fn open(mail: &Corpus) -> Self {
        let mailbox = mail.mailbox("INBOX").map_or_else(
            || Arc::new(Mailbox { name: "INBOX".into(), uid_validity: 1, uid_next: 1, messages: Vec::new() }),
            Arc::clone,
        );
        let octets = octets(&mailbox);
        Self { mailbox, deleted: BTreeSet::new(), octets }
    }

    /// The mailbox's name.
    pub fn name(&self) -> &str {
        &self.mailbox.name
    }

    /// What STAT says: the messages that are left, and their octets.
    pub fn counts(&self) -> [(Slot, String); 2] {
        let left = self.mailbox.messages.len().saturating_sub(self.deleted.len());
        [(Slot::Exists, left.to_string()), (Slot::Size, self.octets.to_string())]
    }

    /// The message of that number, from 1, unless it is deleted.
    pub fn message(&self, number: u32) -> Result<&Arc<Message>, Fault> {
        let position = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        let message = position.and_then(|position| self.mailbox.messages.get(position));
        let message =
            message.ok_or_else(|| Fault::with(Phrase::NoSuchMessage, number.to_string().into_bytes()))?;
        if position.is_some_and(|position| self.deleted.contains(&position)) {
            return Err(Phrase::MessageDeleted.into());
        }
        Ok(message)
    }

    /// The first message from this position, from 0, on that is not deleted; with its position.
    pub fn next_from(&self, position: usize) -> Option<(usize, &Message)> {
        let rest = self.mailbox.messages.iter().enumerate().skip(position);
        rest.map(|(position, message)| (position, &**message))
            .find(|(position, _)| !self.deleted.contains(position))
    }

    /// Its unique-id (RFC 1939 section 7) as Dovecot makes it: UID and UIDVALIDITY in hexadecimal.
    pub fn unique_id(&self, message: &Message) -> String {
        format!("{:08x}{:08x}", message.uid, self.mailbox.uid_validity)
    }

    /// Hides the message of that number from the rest of the session.
    pub fn delete(&mut self, number: u32) -> Result<(), Fault> {
        let size = self.message(number)?.size();
        if let Some(position) = usize::try_from(number).ok().and_then(|number| number.checked_sub(1)) {
            self.deleted.insert(position);
            self.octets = self.octets.saturating_sub(size as u64);
        }
        Ok(())
    }

    /// Shows again what was deleted.
    pub fn reset(&mut self) {
        if !self.deleted.is_empty() {
            self.deleted = BTreeSet::new();
            self.octets = octets(&self.mailbox);
        }
    }

    /// Whether anything is deleted.
    pub fn is_changed(&self) -> bool {
        !self.deleted.is_empty()
    }
}

fn octets(mailbox: &Mailbox) -> u64 {
    mailbox.messages.iter().map(|message| message.size() as u64).sum()
}
