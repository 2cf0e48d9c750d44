//! The structure of a message, from its raw bytes: header fields, addresses, the tree of MIME parts, decoded text.
//!
//! Total: any bytes give a structure, as a mail server must serve whatever it was sent (RFC 5322, RFC 2045). Nothing
//! is decoded except for [`SearchText`]; offsets are into the message.

mod address;
mod address_text;
mod binary;
mod collation;
mod content;
mod decode;
mod encoded_word;
mod entities;
mod envelope;
mod html;
mod lexer;
mod message_id;
mod parameter;
mod part;
mod quoted_printable;
mod search;
mod structure;

pub mod date;
pub mod header;

pub use address::Address;
pub use address_text::write_addresses;
pub use binary::{Decoded, Undecodable, decoded, decoded_size};
pub use collation::fold;
pub use encoded_word::decode as decode_words;
pub use envelope::{Envelope, Value};
pub use header::header_end;
pub use html::without_markup;
pub use message_id::message_ids;
pub use part::{Content, Disposition, MOST_NESTED, MOST_PARTS, MediaType, Parameter, Part};
pub use search::{SearchText, body_text};
