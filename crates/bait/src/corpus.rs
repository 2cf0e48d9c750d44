//! Mailboxes and what is in them.

use std::sync::Arc;

use crate::message::Message;

/// All mail of a persona, rendered for one installation. Shared by all sessions and never changed.
#[derive(Debug, Default)]
pub struct Corpus {
    /// The mailboxes, INBOX first, in the order in which they are listed.
    pub mailboxes: Vec<Arc<Mailbox>>,
    /// The names that the mail's owner has subscribed to (RFC 3501 section 6.3.6), in the order of subscribing.
    pub subscriptions: Vec<String>,
}

impl Corpus {
    /// The mailbox of that name; INBOX in any case (RFC 3501 section 5.1).
    pub fn mailbox(&self, name: &str) -> Option<&Arc<Mailbox>> {
        let inbox = name.eq_ignore_ascii_case("INBOX");
        self.mailboxes.iter().find(
            |mailbox| {
                if inbox { mailbox.name == "INBOX" } else { mailbox.name == name }
            },
        )
    }

    /// The message with that number, from 1, in the mailbox of that name.
    pub fn message(&self, mailbox: &str, number: usize) -> Option<&Arc<Message>> {
        self.mailbox(mailbox)?.messages.get(number.checked_sub(1)?)
    }
}

/// One mailbox (RFC 3501 section 2.3).
#[derive(Debug)]
pub struct Mailbox {
    /// Its name in UTF-8; `INBOX` in capitals.
    pub name: String,
    /// UIDVALIDITY (RFC 3501 section 2.3.1.1).
    pub uid_validity: u32,
    /// UIDNEXT: larger than every UID in it.
    pub uid_next: u32,
    /// The messages, by ascending UID.
    pub messages: Vec<Arc<Message>>,
}
