//! What is behind the doors: one file a protocol, which makes its sessions from the configuration.

pub(crate) mod imap;
