//! What Honeypost records: [`Event`]s, each with the [`Attribution`] of its session.
//!
//! The catalogue in [`catalogue`] is the one place where an event and its fields are declared; the enum, its
//! serialisation and `docs/events.md` all come from it. No I/O and no clock here: identity, time and sequence are
//! stamped by the driver (`honeypost/src/pipeline.rs`).
//!
//! Read `catalogue.rs`, then `field.rs`, then `record.rs`; [`ecs`] says the same in the words of Elastic, [`attack`] names
//! the techniques of MITRE ATT&CK.

pub mod attack;
mod attribution;
pub mod catalogue;
pub mod docs;
pub mod ecs;
mod field;
mod record;

pub use attribution::{Attribution, Protocol};
pub use catalogue::Event;
pub use field::{Attachment, CloseReason, Field, Text};
pub use record::{Header, Record, write_line};
