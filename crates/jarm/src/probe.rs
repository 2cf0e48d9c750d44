//! The ten ClientHellos. Their values are the definition's, down to two protocols written as one.

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

/// One of the ten.
pub(crate) struct Probe {
    version: Version,
    ciphers: Ciphers,
    order: Order,
    grease: bool,
    /// Leaves the protocols out that everybody speaks.
    rare_protocols: bool,
    supported: Supported,
    /// The order of protocols and supported versions.
    extensions: Order,
}

#[derive(Clone, Copy, PartialEq)]
enum Version {
    Tls11,
    Tls12,
    Tls13,
}

#[derive(Clone, Copy, PartialEq)]
enum Ciphers {
    All,
    /// Without those of TLS 1.3.
    No13,
}

#[derive(Clone, Copy)]
enum Order {
    Forward,
    Reverse,
    TopHalf,
    BottomHalf,
    MiddleOut,
}

#[derive(Clone, Copy, PartialEq)]
enum Supported {
    No,
    UpTo12,
    UpTo13,
}

/// All ten, in the order of the hash.
pub(crate) const ALL: [Probe; 10] = {
    use Ciphers::{All, No13};
    use Order::{BottomHalf, Forward, MiddleOut, Reverse, TopHalf};
    use Supported::{No, UpTo12, UpTo13};
    use Version::{Tls11, Tls12, Tls13};
    [
        probe(Tls12, All, Forward, false, false, UpTo12, Reverse),
        probe(Tls12, All, Reverse, false, false, UpTo12, Forward),
        probe(Tls12, All, TopHalf, false, false, No, Forward),
        probe(Tls12, All, BottomHalf, false, true, No, Forward),
        probe(Tls12, All, MiddleOut, true, true, No, Reverse),
        probe(Tls11, All, Forward, false, false, No, Forward),
        probe(Tls13, All, Forward, false, false, UpTo13, Reverse),
        probe(Tls13, All, Reverse, false, false, UpTo13, Forward),
        probe(Tls13, No13, Forward, false, false, UpTo13, Forward),
        probe(Tls13, All, MiddleOut, true, false, UpTo13, Reverse),
    ]
};

const fn probe(
    version: Version,
    ciphers: Ciphers,
    order: Order,
    grease: bool,
    rare_protocols: bool,
    supported: Supported,
    extensions: Order,
) -> Probe {
    Probe { version, ciphers, order, grease, rare_protocols, supported, extensions }
}

const CIPHERS: &[u16] = &[
    0x0016, 0x0033, 0x0067, 0xc09e, 0xc0a2, 0x009e, 0x0039, 0x006b, 0xc09f, 0xc0a3, 0x009f, 0x0045, 0x00be,
    0x0088, 0x00c4, 0x009a, 0xc008, 0xc009, 0xc023, 0xc0ac, 0xc0ae, 0xc02b, 0xc00a, 0xc024, 0xc0ad, 0xc0af,
    0xc02c, 0xc072, 0xc073, 0xcca9, 0x1302, 0x1301, 0xcc14, 0xc007, 0xc012, 0xc013, 0xc027, 0xc02f, 0xc014,
    0xc028, 0xc030, 0xc060, 0xc061, 0xc076, 0xc077, 0xcca8, 0x1305, 0x1304, 0x1303, 0xcc13, 0xc011, 0x000a,
    0x002f, 0x003c, 0xc09c, 0xc0a0, 0x009c, 0x0035, 0x003d, 0xc09d, 0xc0a1, 0x009d, 0x0041, 0x00ba, 0x0084,
    0x00c0, 0x0007, 0x0004, 0x0005,
];

const PROTOCOLS: &[&[u8]] = &[
    b"\x08http/0.9",
    b"\x08http/1.0",
    b"\x08http/1.1",
    b"\x06spdy/1",
    b"\x06spdy/2",
    b"\x06spdy/3\x02h2",
    b"\x03h2c",
    b"\x02hq",
];
const RARE_PROTOCOLS: &[&[u8]] =
    &[b"\x08http/0.9", b"\x08http/1.0", b"\x06spdy/1", b"\x06spdy/2", b"\x06spdy/3", b"\x03h2c", b"\x02hq"];

impl Order {
    fn of<T: Copy>(self, list: &[T]) -> Vec<T> {
        let middle = list.len() / 2;
        let odd = list.len() % 2;
        let (before, after) = (&list[..middle], &list[middle + odd..]);
        let centre = list[middle..middle + odd].iter().copied();
        match self {
            Self::Forward => list.to_vec(),
            Self::Reverse => list.iter().rev().copied().collect(),
            Self::BottomHalf => after.to_vec(),
            Self::TopHalf => centre.chain(before.iter().rev().copied()).collect(),
            Self::MiddleOut => {
                let pairs = after.iter().zip(before.iter().rev());
                centre.chain(pairs.flat_map(|(after, before)| [*after, *before])).collect()
            }
        }
    }
}

impl Probe {
    /// The record to send to a server of this name.
    pub(crate) fn hello(&self, host: &str) -> Vec<u8> {
        let (record, legacy) = match self.version {
            Version::Tls11 => (0x0302, 0x0302),
            Version::Tls12 => (0x0303, 0x0303),
            Version::Tls13 => (0x0301, 0x0303_u16),
        };
        let mut random = rand::rng();
        let mut body = legacy.to_be_bytes().to_vec();
        body.extend(random.random::<[u8; 32]>());
        body.extend(vector8(&random.random::<[u8; 32]>()));
        body.extend(vector16(&self.cipher_octets()));
        body.extend([1, 0]);
        body.extend(vector16(&self.extension_octets(host)));
        let length = u32::try_from(body.len()).expect("a short hello").to_be_bytes();
        let message = [&[1], &length[1..], &body].concat();
        [&[22][..], &u16::to_be_bytes(record), &vector16(&message)].concat()
    }

    fn cipher_octets(&self) -> Vec<u8> {
        let list: Vec<u16> = CIPHERS
            .iter()
            .copied()
            .filter(|cipher| self.ciphers == Ciphers::All || cipher >> 8 != 0x13)
            .collect();
        let first = self.grease.then(grease);
        first.into_iter().chain(self.order.of(&list)).flat_map(u16::to_be_bytes).collect()
    }

    fn extension_octets(&self, host: &str) -> Vec<u8> {
        let mut all = Vec::new();
        let mut extension = |kind: u16, data: &[u8]| {
            all.extend(kind.to_be_bytes());
            all.extend(vector16(data));
        };
        if self.grease {
            extension(grease(), &[]);
        }
        let name = [&[0][..], &vector16(host.as_bytes())].concat();
        extension(0, &vector16(&name));
        extension(23, &[]);
        extension(1, &[1]);
        extension(0xff01, &[0]);
        extension(10, &[0, 8, 0, 29, 0, 23, 0, 24, 0, 25]);
        extension(11, &[1, 0]);
        extension(35, &[]);
        let protocols = if self.rare_protocols { RARE_PROTOCOLS } else { PROTOCOLS };
        extension(16, &vector16(&self.extensions.of(protocols).concat()));
        extension(13, &[0, 18, 4, 3, 8, 4, 4, 1, 5, 3, 8, 5, 5, 1, 8, 6, 6, 1, 2, 1]);
        let share = [&[0, 29, 0, 32][..], &rand::rng().random::<[u8; 32]>()].concat();
        let first = if self.grease { [&grease().to_be_bytes()[..], &[0, 1, 0]].concat() } else { Vec::new() };
        extension(51, &vector16(&[first, share].concat()));
        extension(45, &[1, 1]);
        let offered: &[u16] = match self.supported {
            Supported::UpTo12 => &[0x0301, 0x0302, 0x0303],
            Supported::UpTo13 => &[0x0301, 0x0302, 0x0303, 0x0304],
            Supported::No => return all,
        };
        let first = self.grease.then(grease);
        let versions: Vec<u8> =
            first.into_iter().chain(self.extensions.of(offered)).flat_map(u16::to_be_bytes).collect();
        extension(43, &vector8(&versions));
        all
    }
}

fn grease() -> u16 {
    let nibbles: Vec<u16> = (0..16).collect();
    0x0a0a | (nibbles.choose(&mut rand::rng()).expect("sixteen of them") * 0x1010)
}

fn vector8(octets: &[u8]) -> Vec<u8> {
    [&[u8::try_from(octets.len()).expect("short")], octets].concat()
}

fn vector16(octets: &[u8]) -> Vec<u8> {
    [&u16::try_from(octets.len()).expect("short").to_be_bytes()[..], octets].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_orders_of_the_definition() {
        let (odd, even) = ([1, 2, 3, 4, 5], [1, 2, 3, 4]);
        assert_eq!(Order::MiddleOut.of(&odd), [3, 4, 2, 5, 1]);
        assert_eq!(Order::MiddleOut.of(&even), [3, 2, 4, 1]);
        assert_eq!(Order::TopHalf.of(&odd), [3, 2, 1]);
        assert_eq!(Order::TopHalf.of(&even), [2, 1]);
        assert_eq!(Order::BottomHalf.of(&odd), [4, 5]);
        assert_eq!(Order::BottomHalf.of(&even), [3, 4]);
        assert_eq!(Order::Reverse.of(&odd), [5, 4, 3, 2, 1]);
    }

    #[test]
    fn every_probe_says_its_own_length() {
        for probe in &ALL {
            let hello = probe.hello("mail.example.com");
            assert_eq!(usize::from(u16::from_be_bytes([hello[3], hello[4]])), hello.len() - 5);
            assert_eq!(usize::from(u16::from_be_bytes([hello[7], hello[8]])), hello.len() - 9);
        }
    }
}
