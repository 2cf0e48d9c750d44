//! What holds for every input: nothing panics, and however the octets are cut, the same is said of them.

use clienthello::{Progress, Reader};
use proptest::prelude::*;

/// A hello of random content in a sound frame, cut into records of random sizes, with noise behind it.
fn hello() -> impl Strategy<Value = Vec<u8>> {
    let extension = (prop_oneof![0_u16..60, any::<u16>()], prop::collection::vec(any::<u8>(), 0..20));
    let extensions = prop::collection::vec(extension, 0..12);
    let ciphers = prop::collection::vec(any::<u16>(), 0..20);
    let noise = prop::collection::vec(any::<u8>(), 0..30);
    (ciphers, extensions, 1_usize..200, noise).prop_map(|(ciphers, extensions, size, noise)| {
        let mut body = [&[3, 3][..], &[0; 32], &[0]].concat();
        let ciphers: Vec<u8> = ciphers.into_iter().flat_map(u16::to_be_bytes).collect();
        let extensions: Vec<u8> = extensions
            .into_iter()
            .flat_map(|(kind, data)| {
                [&kind.to_be_bytes()[..], &(u16::try_from(data.len()).expect("short")).to_be_bytes(), &data]
                    .concat()
            })
            .collect();
        for part in [&ciphers[..], &[1, 0], &extensions] {
            if part != [1, 0] {
                body.extend(u16::try_from(part.len()).expect("short").to_be_bytes());
            }
            body.extend(part);
        }
        let length = u32::try_from(body.len()).expect("short").to_be_bytes();
        let message = [&[1], &length[1..], &body].concat();
        let mut wire: Vec<u8> = message
            .chunks(size)
            .flat_map(|part| {
                [&[22, 3, 1][..], &u16::try_from(part.len()).expect("short").to_be_bytes(), part].concat()
            })
            .collect();
        wire.extend(noise);
        wire
    })
}

/// A hello with a few octets changed, or noise that begins like TLS, or noise.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let damaged = (hello(), prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4));
    let damaged = damaged.prop_map(|(mut wire, changes)| {
        for (at, octet) in changes {
            let at = at.index(wire.len());
            wire[at] = octet;
        }
        wire
    });
    let noise = prop::collection::vec(any::<u8>(), 0..400);
    let like_tls = noise.clone().prop_map(|noise| [&[22, 3, 1, 0][..], &noise].concat());
    prop_oneof![6 => hello(), 6 => damaged, 2 => like_tls, 1 => noise]
}

fn fed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Progress, Vec<u8>) {
    let mut reader = Reader::default();
    let mut said = reader.feed(&[]);
    for piece in pieces {
        let now = reader.feed(piece);
        assert!(said == Progress::NeedMore || said == now, "{said:?} became {now:?}");
        said = now;
    }
    (said, reader.into_wire())
}

proptest! {
    #[test]
    fn any_cut_says_the_same(input in input(), size in 1_usize..50) {
        let (whole, wire) = fed([&input[..]]);
        prop_assert_eq!(&wire, &input);
        prop_assert_eq!(fed(input.chunks(size)), (whole, wire));
    }

    #[test]
    fn a_sound_frame_is_a_hello_with_fingerprints(wire in hello()) {
        let Progress::Complete { hello, octets } = fed([&wire[..]]).0 else { panic!("not complete") };
        prop_assert!(octets <= wire.len());
        prop_assert_eq!(hello.ja3_hash().len(), 32);
        prop_assert_eq!(hello.ja4().len(), 36);
        prop_assert!(hello.ja4_raw().starts_with(&hello.ja4()[..10]));
    }

    #[test]
    fn noise_has_fingerprints_or_none(input in input()) {
        if let (Progress::Complete { hello, .. }, _) = fed([&input[..]]) {
            prop_assert_eq!(hello.ja4().len(), 36);
        }
    }
}
