//! What one session has done to the mail that it sees. The corpus itself never changes.

use std::collections::BTreeMap;

use crate::corpus::Mailbox;
use crate::flags::Flags;
use crate::message::Message;

/// Flags as changed by a session. Takes no memory while nothing is changed, and at most one entry a message.
#[derive(Debug, Clone, Default)]
pub struct Overlay {
    /// By UIDVALIDITY (which tells mailboxes apart) and UID.
    flags: BTreeMap<(u32, u32), Flags>,
}

impl Overlay {
    /// The flags of a message as the session sees them.
    pub fn flags(&self, mailbox: &Mailbox, message: &Message) -> Flags {
        self.flags.get(&(mailbox.uid_validity, message.uid)).copied().unwrap_or(message.flags)
    }

    /// Sets flags in addition; says whether that changed anything.
    pub fn add_flags(&mut self, mailbox: &Mailbox, message: &Message, more: Flags) -> bool {
        let before = self.flags(mailbox, message);
        let changed = !before.contains(more);
        if changed {
            self.flags.insert((mailbox.uid_validity, message.uid), before | more);
        }
        changed
    }

    /// How many messages of a mailbox are without `\Seen`, and the number of the first.
    pub fn unseen(&self, mailbox: &Mailbox) -> (usize, Option<usize>) {
        let unseen = |message: &Message| !self.flags(mailbox, message).contains(Flags::SEEN);
        let first = mailbox.messages.iter().position(|message| unseen(message));
        let count = mailbox.messages.iter().filter(|message| unseen(message)).count();
        (count, first.map(|position| position.saturating_add(1)))
    }
}
