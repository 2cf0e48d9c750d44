//! Whose address it is: a mailbox of this host, nobody's, or somewhere else's. How that is found: `resolve.rs`.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use crate::smtp::address_literal::address;

/// Where a recipient's mail would go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// To a mailbox of this host.
    Local,
    /// To this host, which takes it and keeps nothing of it.
    Absorbed,
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
/// Taken for every domain of ours: by RFC 5321 section 4.5.1, and by RFC 2142 section 2.
const ROLES: [&[u8]; 2] = [b"postmaster", b"abuse"];
/// Who gets mail for nobody (`empty_address_recipient`).
pub const NOBODY: &[u8] = b"MAILER-DAEMON";
/// Names of Postfix's own, which need no mailbox.
const ABSORBED: [&[u8]; 2] = [NOBODY, b"double-bounce"];

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
            users: names.chain(ROLES.map(<[u8]>::to_vec)).filter(|name| !name.is_empty()).collect(),
        }
    }

    /// Whether one of our mailboxes is called so.
    pub fn mailbox(&self, local: &[u8]) -> Destination {
        let name = local.to_ascii_lowercase();
        let user = name.split(|byte| *byte == DELIMITER).next().unwrap_or(&name);
        if self.users.contains(&name) || self.users.contains(user) {
            Destination::Local
        } else if ABSORBED.iter().any(|absorbed| absorbed.eq_ignore_ascii_case(local)) {
            Destination::Absorbed
        } else {
            Destination::Unknown
        }
    }

    /// Whether we take mail for this domain. `own` is an address of the host; the loopback address is one of every host's.
    pub fn is_ours(&self, domain: &[u8], own: Option<IpAddr>) -> bool {
        self.domains.contains(&domain.to_ascii_lowercase())
            || address(domain).is_some_and(|address| address == Ipv4Addr::LOCALHOST || Some(address) == own)
    }
}
