//! Any octets, cut at the first one's value: nothing panics, and the cut changes nothing.

#![no_main]

use clienthello::{Progress, Reader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((size, wire)) = input.split_first() else { return };
    let mut pieces = Reader::default();
    for piece in wire.chunks(usize::from(*size).max(1)) {
        pieces.feed(piece);
    }
    let whole = Reader::default().feed(wire);
    assert_eq!(pieces.feed(&[]), whole);
    if let Progress::Complete { hello, .. } = whole {
        assert_eq!(hello.ja3_hash().len(), 32);
        assert_eq!(hello.ja4().len(), 36);
    }
});
