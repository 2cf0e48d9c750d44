//! What was read of the messages of a mailbox and is known from then on, also of those that are expunged: Dovecot's cache, as far
//! as one session has filled it.

use std::collections::BTreeMap;

/// Names that are kept, of all mailboxes together. More are not.
const MOST: usize = 500;

/// INTERNALDATE.
pub const ARRIVAL: &str = "*arrival";
/// SAVEDATE.
pub const SAVING: &str = "*saving";
/// RFC822.SIZE.
pub const SIZE: &str = "*size";

/// Header fields, in lower case, and [`ARRIVAL`], [`SAVING`] and [`SIZE`].
#[derive(Debug, Default)]
pub struct Kept(BTreeMap<(u32, String), u32>);

impl Kept {
    /// Notes that these were read of all messages below a UID in a mailbox. With whatever is read of the file the subject is kept.
    pub fn keep<'a>(&mut self, uid_validity: u32, below: u32, names: impl IntoIterator<Item = &'a str>) {
        for name in names {
            let subject = (![ARRIVAL, SAVING].contains(&name)).then_some("subject");
            for name in [Some(name), subject].into_iter().flatten() {
                if self.0.len() < MOST {
                    self.0.insert((uid_validity, name.to_owned()), below);
                }
            }
        }
    }

    /// Whether it is known of a message.
    pub fn has(&self, (uid_validity, uid): (u32, u32), name: &str) -> bool {
        self.0.get(&(uid_validity, name.to_owned())).is_some_and(|below| uid < *below)
    }
}
