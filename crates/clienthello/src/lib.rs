//! Reads a TLS ClientHello as it comes off the wire, and takes its fingerprints: JA3 and JA4.
//!
//! No sockets, no clock, no TLS: whoever drives a connection feeds the octets here first, asks what they are, and then
//! hands the very same octets to the TLS library. No library tells the order of what a client offers, and that order is
//! what makes a client known.
//!
//! Read `reader.rs` (octets to a hello), `hello.rs` (what is in one), `ja3.rs` and `ja4.rs`.

#![deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod cursor;
mod hello;
mod ja3;
mod ja4;
mod reader;

pub use hello::{ClientHello, Extension};
pub use reader::{Fault, NotTls, Progress, Reader};

/// Octets as hexadecimal digits.
fn hexadecimal(octets: &[u8]) -> String {
    use std::fmt::Write as _;
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}"); // a string takes everything
        text
    })
}

/// Whether a value is one of those that mean nothing and keep servers tolerant (RFC 8701).
pub fn is_grease(value: u16) -> bool {
    let [high, low] = value.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}
