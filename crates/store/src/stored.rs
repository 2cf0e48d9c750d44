//! An event as the database gives it back.

use event::{Attribution, Header};
use jiff::Timestamp;
use uuid::Uuid;

/// An event read back. Its own fields stay the JSON text that they were written as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its place in the order of arrival: ascending, and never less than the microseconds of `time`. For
    /// [`crate::Filter::after_key`].
    pub key: i64,
    /// The event's id, a `UUIDv7`.
    pub id: Uuid,
    /// When, in whole microseconds.
    pub time: Timestamp,
    /// From 0 in each session.
    pub seq: u64,
    /// Such as `auth.failed`.
    pub name: String,
    /// Who and where.
    pub attribution: Attribution,
    /// The JSON object of the event's own fields. Hostile text wherever it is shown.
    pub fields: String,
}

impl Stored {
    /// What its JSON begins with.
    pub fn header(&self) -> Header<'_> {
        Header {
            id: self.id,
            time: self.time,
            event: &self.name,
            seq: self.seq,
            attribution: &self.attribution,
        }
    }

    /// Writes the event as one JSON object without a line end: the very bytes that [`event::Record::write_json`] gives.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        event::write_line(&self.header(), self.fields.as_bytes(), out);
    }
}
