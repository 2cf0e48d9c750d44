//! The structure of a message, from its raw bytes: header fields, addresses, the tree of MIME parts, decoded text.
//!
//! Total: any bytes give a structure, as a mail server must serve whatever it was sent (RFC 5322, RFC 2045). Nothing
//! is decoded except for [`SearchText`]; offsets are into the message.

mod address;
mod address_text;
mod content;
mod decode;
mod encoded_word;
mod envelope;
mod lexer;
mod parameter;
mod part;
mod search;
mod structure;

pub mod date;
pub mod header;
pub mod html;

pub use address::Address;
pub use decode::TransferEncoding;
pub use encoded_word::decode as decode_words;
pub use envelope::{Envelope, Value};
pub use header::header_end;
pub use part::{Content, Disposition, MOST_NESTED, MOST_PARTS, MediaType, Parameter, Part};
pub use search::{SearchText, fold};
