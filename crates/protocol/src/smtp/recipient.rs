//! Whose address it is: a mailbox of this host, nobody's, or somewhere else's.

use std::collections::BTreeSet;

use crate::smtp::address::Path;

/// Where a recipient's mail would go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// To a mailbox of this host.
    Local,
    /// To this host, which has no such mailbox.
    Unknown,
    /// Through this host to another one.
    Foreign,
}

/// The domains and mailboxes of this host.
#[derive(Debug, Default)]
pub struct Directory {
    domains: BTreeSet<Vec<u8>>,
    users: BTreeSet<Vec<u8>>,
}

/// What separates a user's name from an extension of his own (Debian's `recipient_delimiter`).
const DELIMITER: u8 = b'+';
/// Taken for every domain of ours (RFC 5321 section 4.5.1).
const POSTMASTER: &[u8] = b"postmaster";
/// What in a local part asks for the mail to be sent on.
const ROUTING: &[u8] = b"@%!";

impl Directory {
    /// Domains, and users as local parts or whole addresses; letter case does not matter.
    pub fn new<'a>(
        domains: impl IntoIterator<Item = &'a str>,
        users: impl IntoIterator<Item = &'a [u8]>,
    ) -> Self {
        let local_part = |user: &'a [u8]| user.split(|byte| *byte == b'@').next().unwrap_or(user);
        let names = users.into_iter().map(|user| local_part(user).to_ascii_lowercase());
        Self {
            domains: domains.into_iter().map(|domain| domain.to_ascii_lowercase().into_bytes()).collect(),
            users: names.chain([POSTMASTER.to_vec()]).filter(|name| !name.is_empty()).collect(),
        }
    }

    /// Where mail to this address would go. As Postfix does it without `allow_untrusted_routing`: an address here
    /// that routes to elsewhere is elsewhere.
    pub fn destination(&self, path: &Path) -> Destination {
        let local = path.local.as_slice();
        match &path.domain {
            Some(domain) if !self.is_ours(domain) => Destination::Foreign,
            Some(_) => self.mailbox(local),
            None => match (split_at(local, b'!', false), split_at(local, b'%', true)) {
                (Some((host, user)), _) | (None, Some((user, host))) if self.is_ours(host) => {
                    self.mailbox(user)
                }
                (None, None) => self.mailbox(local),
                _ => Destination::Foreign,
            },
        }
    }

    fn mailbox(&self, local: &[u8]) -> Destination {
        if local.iter().any(|byte| ROUTING.contains(byte)) {
            return Destination::Foreign;
        }
        let name = local.to_ascii_lowercase();
        let (user, _) = split_at(&name, DELIMITER, false).unwrap_or((&name, &[]));
        if self.users.contains(&name) || self.users.contains(user) {
            Destination::Local
        } else {
            Destination::Unknown
        }
    }

    fn is_ours(&self, domain: &[u8]) -> bool {
        self.domains.contains(&domain.strip_suffix(b".").unwrap_or(domain).to_ascii_lowercase())
    }
}

/// What stands before and behind the first or last of this octet.
fn split_at(text: &[u8], mark: u8, last: bool) -> Option<(&[u8], &[u8])> {
    let at = if last { memchr::memrchr(mark, text) } else { memchr::memchr(mark, text) }?;
    let (before, behind) = text.split_at_checked(at)?;
    Some((before, behind.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each as Postfix 3.7.11 answered it.
    #[test]
    fn destinations_as_postfix_sees_them() {
        let users: [&[u8]; 2] = [b"admin", b"Info@Example.com"];
        let directory = Directory::new(["example.com", "mail.example.com", "localhost"], users);
        for (text, expected) in [
            ("<admin@example.com>", Destination::Local),
            ("<ADMIN@EXAMPLE.COM>", Destination::Local),
            ("<admin+x@example.com>", Destination::Local),
            ("<admin@example.com.>", Destination::Local),
            ("<admin@localhost>", Destination::Local),
            ("<info@mail.example.com>", Destination::Local),
            ("<Postmaster@example.com>", Destination::Local),
            ("<postmaster>", Destination::Local),
            ("<admin%example.com>", Destination::Local),
            ("<\"admin\"@example.com>", Destination::Local),
            ("<victim>", Destination::Unknown),
            ("<nobody@example.com>", Destination::Unknown),
            ("<+x@example.com>", Destination::Unknown),
            ("<\"ad min\"@example.com>", Destination::Unknown),
            ("<victim@example.org>", Destination::Foreign),
            ("<postmaster@foreign.example>", Destination::Foreign),
            ("<victim%example.org@example.com>", Destination::Foreign),
            ("<\"victim@example.org\"@example.com>", Destination::Foreign),
            ("<@example.com:victim@example.org>", Destination::Foreign),
            ("<example.org!victim>", Destination::Foreign),
            ("<foo!admin@example.com>", Destination::Foreign),
            ("<admin@sub.example.com>", Destination::Foreign),
            ("<x@y@example.com>", Destination::Foreign),
            ("<admin@[1.2.3.4]>", Destination::Foreign),
        ] {
            let path = Path::parse(text.as_bytes()).unwrap();
            assert_eq!(directory.destination(&path), expected, "{text}");
        }
    }
}
