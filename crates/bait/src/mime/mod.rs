//! The structure of a message, from its raw bytes: header fields, addresses, the tree of MIME parts, decoded text.
//!
//! Total: any bytes give a structure, as a mail server must serve whatever it was sent (RFC 5322, RFC 2045). Nothing
//! is decoded except for [`SearchText`]; offsets are into the message.

mod envelope;
mod part;
mod search;

pub mod date;
pub mod header;

pub use envelope::{Address, Envelope, Value};
pub use header::header_end;
pub use part::{Content, Disposition, MediaType, Parameter, Part};
pub use search::{SearchText, fold};
