//! Mail protocols as state machines: input and `now` in, ordered actions out.
//!
//! No sockets, no clock, no files, no runtime: the driver is `honeypost/src/connection.rs`. Wire texts are data
//! (`personalities/*.toml`, read into [`Personality`]).
//!
//! Read `session.rs`, `framing.rs`, `personality.rs`, `sasl.rs`, then a protocol's own folder.

#![deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod credentials;
mod framing;
mod guest;
pub mod imap;
mod mail_process;
mod options;
mod pace;
mod penalty;
mod personality;
pub mod pop3;
mod reply;
mod sasl;
mod session;
pub mod smtp;
mod text;
mod visitor;
mod words;

pub use credentials::{Credentials, PairError};
pub use guest::{Doorman, Guest, Penalty, Stranger};
pub use mail_process::MailProcess;
pub use options::Options;
pub use penalty::{AuthRules, FailureQueue, Failures};
pub use personality::{Personality, PersonalityError};
pub use reply::Replies;
pub use session::{Abandoned, Action, Actions, Appended, Capture, Captured, Envelope, Mark, Moment, Session};
pub use text::{Slot, Text, TextError, Values};
pub use visitor::{Alone, Home, Lent, SharedWorld, Worlds};
