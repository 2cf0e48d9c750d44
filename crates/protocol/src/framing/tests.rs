//! Tests of the parent module.

use super::*;

const CAPS: Caps = Caps { line: 40, line_ends: false, literal: 20, command: 60 };

fn units(input: &[u8], chunk: usize) -> Vec<Unit> {
    let mut framing = Framing::default();
    let mut found = Vec::new();
    for piece in input.chunks(chunk) {
        framing.push(piece);
        while let Some(unit) = framing.next(&CAPS) {
            match &unit {
                Unit::Literal(_) if !announces(trim_line_end(framing.command_so_far())) => {
                    found.push(Unit::Command(framing.refuse_literal()));
                    continue;
                }
                Unit::Literal(_) => framing.accept_literal(),
                Unit::TooLong(kept) => framing.skip_line(kept),
                Unit::Command(_) => {}
            }
            found.push(match unit {
                // What was kept of a long line depends on how it arrived.
                Unit::TooLong(_) => Unit::TooLong(Bytes::new()),
                unit => unit,
            });
        }
    }
    found
}

#[test]
fn any_split_gives_the_same_units() {
    let input = b"a NOOP\r\nb LOGIN {5}\r\nad\r\nm {3+}\r\npw\n\r\nc LOGIN \"x{3}\r\nd X{3}\r\n\
        e 0123456789012345678901234567890123456789\r\nf NOOP\n\
        g 34567890123456789012345678901234567890\r\n";
    let whole = units(input, input.len());
    let literal = |size, synchronizing| Unit::Literal(Literal { size, synchronizing });
    assert_eq!(
        whole,
        [
            Unit::Command(Bytes::from_static(b"a NOOP\r\n")),
            literal(5, true),
            literal(3, false),
            Unit::Command(Bytes::from_static(b"b LOGIN {5}\r\nad\r\nm {3+}\r\npw\n\r\n")),
            Unit::Command(Bytes::from_static(b"c LOGIN \"x{3}\r\n")),
            Unit::Command(Bytes::from_static(b"d X{3}\r\n")),
            Unit::TooLong(Bytes::new()),
            Unit::Command(Bytes::from_static(b"f NOOP\n")),
            Unit::Command(Bytes::from_static(b"g 34567890123456789012345678901234567890\r\n")),
        ]
    );
    for chunk in 1..input.len() {
        assert_eq!(units(input, chunk), whole, "in pieces of {chunk}");
    }
}

#[test]
fn a_refused_literal_ends_the_command() {
    let mut framing = Framing::default();
    framing.push(b"a X {3+}\r\nb NOOP\r\n");
    assert!(matches!(framing.next(&CAPS), Some(Unit::Literal(_))));
    assert_eq!(&framing.refuse_literal()[..], b"a X {3+}\r\n");
    assert_eq!(framing.next(&CAPS), Some(Unit::Command(Bytes::from_static(b"b NOOP\r\n"))));
    assert_eq!(framing.buffer.capacity(), 0, "no memory is held while nothing is buffered");
}

#[test]
fn a_cut_literal_keeps_its_beginning() {
    for chunk in [1, 3, 100] {
        let mut framing = Framing::default();
        let mut found = Vec::new();
        for piece in b"a X {30}\r\n012345678901234567890123456789 y\r\nb NOOP\r\n".chunks(chunk) {
            framing.push(piece);
            while let Some(unit) = framing.next(&CAPS) {
                match unit {
                    Unit::Literal(_) => framing.cut_literal(4),
                    unit => found.push(unit),
                }
            }
        }
        let command = |text| Unit::Command(Bytes::from_static(text));
        assert_eq!(found, [command(b"a X {30}\r\n0123 y\r\n"), command(b"b NOOP\r\n")]);
    }
}

#[test]
fn an_endless_line_takes_no_memory() {
    let mut framing = Framing::default();
    framing.push(&[b'x'; 100]);
    let Some(Unit::TooLong(kept)) = framing.next(&CAPS) else { panic!("over the cap") };
    framing.skip_line(&kept);
    for _ in 0..1000 {
        framing.push(&[b'x'; 1000]);
        assert_eq!(framing.next(&CAPS), None);
        assert_eq!(framing.rest(), b"");
    }
}
