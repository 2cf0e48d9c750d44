//! The mail that Honeypost shows: personas, mailboxes, messages, and the secrets placed in them.
//!
//! A *persona* is an invented organisation as files ([`persona`], format in `personas/README.md`). Rendered for one
//! installation (its moment in time, its seed) it becomes a [`Corpus`]: mailboxes of [`Message`]s, which are plain
//! bytes with known [`Slot`]s where a secret stands. [`mime`] reads the structure of any message, ours or an
//! intruder's. No sockets and no clock; files are read only by [`persona::Source`] and
//! [`maildir_tree`], and written only by [`maildir`].
//!
//! Read `corpus.rs`, `message.rs`, then `persona/mod.rs` and `mime/mod.rs`.

mod budget;
mod corpus;
mod flags;
mod folder;
mod listing;
pub mod mailbox_name;
pub mod maildir;
pub mod maildir_tree;
mod message;
pub mod mime;
pub mod persona;
mod world;

pub use budget::Budget;
pub use corpus::{Corpus, Mailbox};
pub use flags::Flags;
pub use folder::{Entry, Folder, Marks};
pub use listing::{Node, Numbers};
pub use message::{Bait, Message, Slot};
pub use persona::{Installation, Persona};
pub use world::{Base, Counted, Full, World};
