//! Hostile, long and binary octets.

use super::*;

const STYLE: Style = Style { start: Timestamp::UNIX_EPOCH, colours: false, full: false };

fn line(octets: &[u8], style: Style) -> String {
    let said = Said::Line { side: Side::Client, octets: octets.to_vec(), decoded: None };
    style.entry(&Entry { time: Timestamp::UNIX_EPOCH, said }).into_iter().map(|piece| piece.text).collect()
}

#[test]
fn what_a_terminal_would_obey_is_visible() {
    for (octets, shown) in [
        (&b"a\x1b]0;owned\x07\r\n"[..], "a\\x1b]0;owned\\x07"),
        ("admin\u{202e}drowssap\r\n".as_bytes(), "admin\\u{202e}drowssap"),
        (b"caf\xe9 latin\r\n", "caf\\xe9 latin"),
        (b"PASS \\x1b\tz\r\n", "PASS \\\\x1b\\tz"),
        (b"one\rS: two\r\n", "one\\rS: two"),
        (b"bare newline\n", "bare newline\\n"),
        (b"no end", "no end"),
    ] {
        assert_eq!(line(octets, STYLE), format!("     0.000  C: {shown}\n"));
    }
}

#[test]
fn colours_end_with_their_line() {
    let style = Style { colours: true, ..STYLE };
    assert_eq!(line(b"x\n", style), "\x1b[2m     0.000\x1b[0m  \x1b[33mC: x\x1b[0;2m\\n\x1b[0m\x1b[0m\n");
    let decoded = Some(b"\0a\x1b\xff\0b".to_vec());
    let said = Said::Line { side: Side::Client, octets: b"AGE=\r\n".to_vec(), decoded };
    let [piece] = style.entry(&Entry { time: Timestamp::UNIX_EPOCH, said }).try_into().expect("one line");
    assert!(
        piece.text.ends_with("C: AGE=\x1b[0m  \x1b[1;35m= \\0a\\x1b\\xff\\0b\x1b[0m\n"),
        "{:?}",
        piece.text
    );
}

#[test]
fn long_lines_are_cut_between_characters() {
    let octets = ["x", &"é".repeat(2000)].concat();
    let shown = line(octets.as_bytes(), STYLE);
    assert!(shown.ends_with("éé… 3 kB more (--full)\n"), "{shown}");
    assert!(!shown.contains("\\x"), "{shown}");
    assert_eq!(line(octets.as_bytes(), Style { full: true, ..STYLE }), format!("     0.000  C: {octets}\n"));
    // No character at all: the cut is bounded.
    let shown = line(&[&b"text ".repeat(190)[..], &[0x80; 200]].concat(), STYLE);
    assert!(shown.contains("\\x80… 1") || shown.contains("octets more"), "{shown}");
}

#[test]
fn binary_is_a_short_hexdump() {
    let octets: Vec<u8> = [&b"\x16\x03\x01\x02\0\x01abc"[..], &[0xfe; 500]].concat();
    let shown = line(&octets, STYLE);
    assert_eq!(shown.lines().count(), 5, "{shown}");
    let first =
        "     0.000  C: 000000  16 03 01 02 00 01 61 62 63 fe fe fe fe fe fe fe  |......abc.......|\n";
    assert!(shown.starts_with(first), "{shown}");
    assert!(shown.ends_with("-- … 445 octets more (--full)\n"), "{shown}");
    assert_eq!(line(&octets, Style { full: true, ..STYLE }).lines().count(), 32);
}
