//! Names that nobody has.

use rand::RngExt as _;

/// Twelve letters, another word each time.
pub(crate) fn word() -> String {
    let mut random = rand::rng();
    (0..12).map(|_| char::from(random.random_range(b'a'..=b'z'))).collect()
}
