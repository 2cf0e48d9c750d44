//! The characters of `hex`, `HEX` and `digits`: different in every installation, the same for the same name.
//!
//! Part of what an installation promises to itself: a new version of Honeypost must derive the same characters from the
//! same seed, or message ids change under an intruder's eyes. So it is written down here, and a test holds it:
//! the octets are the `ChaCha20` key stream (D. J. Bernstein's, 64-bit counter from 0, 64-bit nonce) whose key is the
//! installation's seed and whose nonce is FNV-1a (64 bits) of the NAME; a hexadecimal digit is an octet's low four
//! bits; a decimal digit is an octet modulo ten, where octets from 250 on are passed over.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Which characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alphabet {
    /// `0-9a-f`
    LowerHex,
    /// `0-9A-F`; the same digits as [`Self::LowerHex`] for the same name.
    UpperHex,
    /// `0-9`
    Digits,
}

/// So many characters for a name.
pub(crate) fn characters(seed: &[u8; 32], name: &str, alphabet: Alphabet, width: usize) -> String {
    let mut stream = Stream::new(seed, name);
    (0..width)
        .map(|_| match alphabet {
            Alphabet::LowerHex => char::from(b"0123456789abcdef"[usize::from(stream.octet() & 15)]),
            Alphabet::UpperHex => char::from(b"0123456789ABCDEF"[usize::from(stream.octet() & 15)]),
            Alphabet::Digits => loop {
                let octet = stream.octet();
                if octet < 250 {
                    break char::from(b'0' + octet % 10);
                }
            },
        })
        .collect()
}

/// The octets for a name.
struct Stream {
    source: ChaCha20Rng,
    block: [u8; 64],
    used: usize,
}

impl Stream {
    fn new(seed: &[u8; 32], name: &str) -> Self {
        let mut source = ChaCha20Rng::from_seed(*seed);
        source.set_stream(fnv1a(name.as_bytes()));
        Self { source, block: [0; 64], used: 64 }
    }

    fn octet(&mut self) -> u8 {
        if self.used == self.block.len() {
            self.source.fill_bytes(&mut self.block);
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    /// The key stream of key 0 and nonce 0 begins 76 b8 e0 ad (RFC 8439, appendix A.1, test vector 1).
    #[test]
    fn the_octets_are_chacha20s() {
        let mut source = ChaCha20Rng::from_seed([0; 32]);
        let mut octets = [0; 4];
        source.fill_bytes(&mut octets);
        assert_eq!(octets, [0x76, 0xb8, 0xe0, 0xad]);
    }

    #[test]
    fn the_derivation_stays_as_it_is() {
        let seed: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        assert_eq!(characters(&seed, "mid-aws", Alphabet::LowerHex, 12), "591785fbb919");
        assert_eq!(characters(&seed, "mid-aws", Alphabet::UpperHex, 12), "591785FBB919");
        assert_eq!(characters(&seed, "mid-aws", Alphabet::Digits, 12), "973127333336");
    }

    #[test]
    fn names_and_seeds_tell_apart() {
        let of = |seed: u8, name: &str| characters(&[seed; 32], name, Alphabet::LowerHex, 200);
        assert_eq!(of(1, "a"), of(1, "a"));
        assert_ne!(of(1, "a"), of(1, "b"));
        assert_ne!(of(1, "a"), of(2, "a"));
        assert!(characters(&[3; 32], "n", Alphabet::Digits, 500).bytes().all(|byte| byte.is_ascii_digit()));
    }
}
