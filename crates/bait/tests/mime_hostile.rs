//! Any bytes have a structure, in bounds, and at a cost that grows with their number and no faster.

use std::time::{Duration, Instant};

use bait::mime::{Content, Envelope, MOST_NESTED, MOST_PARTS, Part, SearchText, date, header};
use bytes::Bytes;
use proptest::prelude::*;

fn read(message: &Bytes) -> Part {
    let structure = Part::parse(message);
    check(message, &structure, 0..message.len(), 1);
    structure
}

/// Ranges lie within those around them, one behind the other, and lines are those of the body. Gives the parts' number.
fn check(message: &[u8], part: &Part, within: std::ops::Range<usize>, depth: usize) -> usize {
    assert!(depth <= MOST_NESTED, "too deep");
    assert!(
        within.start <= part.header.start && part.header.start <= part.header.end,
        "{part:?} in {within:?}"
    );
    assert!(part.header.end == part.body.start && part.body.start <= part.body.end, "{part:?}");
    assert!(part.body.end <= within.end, "{part:?} in {within:?}");
    let parts: &[Part] = match &part.content {
        Content::Leaf => &[],
        Content::Multipart(parts) => parts,
        Content::Message(_, part) => std::slice::from_ref(part),
    };
    if depth < 4 {
        assert_eq!(
            part.lines,
            message[part.body.clone()].split(|&byte| byte == b'\n').count() - 1,
            "{part:?}"
        );
    }
    let mut start = part.body.start;
    let mut count = 1;
    for inner in parts {
        count += check(message, inner, start..part.body.end, depth + 1);
        start = inner.body.end;
    }
    count
}

/// Everything there is to read of a message.
fn read_all(message: &Bytes) -> SearchText {
    let structure = read(message);
    let _ = Envelope::parse(&message.slice(structure.header.clone()));
    let text = SearchText::of(message, &structure);
    for field in header::fields(&message[structure.header.clone()]) {
        let _ = date::civil_date(field.value);
        let _ = date::sent_timestamp(field.value);
    }
    text
}

/// Pieces that mean something to some reader of mail.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&'static [u8]> = vec![
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b" ",
        b"\t",
        b"\r\n ",
        b"\r\n\r\n",
        b"--",
        b"--b\r\n",
        b"--b--\r\n",
        b"--bb\r\n",
        b"b",
        b":",
        b";",
        b",",
        b"<",
        b">",
        b"@",
        b"(",
        b")",
        b"\"",
        b"\\",
        b"=",
        b"?",
        b"=?",
        b"?=",
        b"=?utf-8?q?=C3?=",
        b"=?utf-8?b?w7w=?=",
        b"=3D",
        b"aGVsbG8=",
        b"[",
        b"]",
        b".",
        b"*",
        b"*0*=",
        b"%",
        b"\xfc",
        b"\xc3\xbc",
        b"x",
        b"From: ",
        b"To: a@b, c <d@e>",
        b"Subject: ",
        b"Date: 1 Jan 2024 10:00 +0100",
        b"MIME-Version: 1.0\r\n",
        b"Content-Type: text/html; charset=utf-16\r\n",
        b"Content-Type: text/plain; charset=iso-2022-jp\r\n",
        b"Content-Type: multipart/mixed; boundary=b\r\n",
        b"Content-Type: multipart/digest; boundary=\"bb\"\r\n",
        b"Content-Type: message/rfc822\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Transfer-Encoding: quoted-printable\r\n",
        b"Content-Disposition: attachment; filename",
        b"Content-Language: de, en",
        b"Content-ID: <",
    ];
    prop_oneof![9 => prop::sample::select(pieces).prop_map(<[u8]>::to_vec), 1 => prop::collection::vec(any::<u8>(), 0..9)]
}

proptest! {
    #[test]
    fn any_bytes_are_a_message(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        read_all(&bytes.into());
    }

    #[test]
    fn any_pieces_are_a_message(pieces in prop::collection::vec(piece(), 0..80)) {
        let message: Bytes = pieces.concat().into();
        let text = read_all(&message);
        let most = 12 * message.len() + 4 * MOST_PARTS;
        prop_assert!(text.body.len() <= most && text.header.len() <= most);
    }

    #[test]
    fn a_message_with_bare_line_feeds_has_the_same_tree(pieces in prop::collection::vec(piece(), 0..60)) {
        let feeds: Vec<u8> = pieces.concat().into_iter().filter(|&byte| byte != b'\r').collect();
        let mut lines = Vec::new();
        for &byte in &feeds {
            lines.extend((byte == b'\n').then_some(b'\r'));
            lines.push(byte);
        }
        let (feeds, lines) = (read(&feeds.into()), read(&lines.into()));
        prop_assert_eq!(shape(&feeds), shape(&lines));
    }
}

fn shape(part: &Part) -> String {
    let within = match &part.content {
        Content::Leaf => String::new(),
        Content::Multipart(parts) => parts.iter().map(shape).collect(),
        Content::Message(_, within) => shape(within),
    };
    format!("({:?} {:?} {} {within})", part.media.kind, part.media.subtype, part.lines)
}

#[test]
fn nesting_is_bounded() {
    for step in
        ["Content-Type: message/rfc822\r\n\r\n", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"]
    {
        let message: Bytes = step.repeat(10_000).into();
        let structure = read(&message);
        let (mut deepest, mut depth) = (&structure, 1);
        while let Content::Message(_, part) = &deepest.content {
            (deepest, depth) = (part, depth + 1);
        }
        if depth > 1 {
            assert_eq!(depth, MOST_NESTED);
            assert_eq!(deepest.media.kind, "application", "it is not what it says");
        }
        SearchText::of(&message, &structure);
    }
    let nested = numbered_levels(560_000);
    assert_eq!(check(nested.as_bytes(), &read(&nested.clone().into()), 0..nested.len(), 1), MOST_NESTED);
}

#[test]
fn parts_are_bounded() {
    let head = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
    let message: Bytes = [head, &"--b\r\n\r\nx\r\n".repeat(100_000), "--b--\r\n"].concat().into();
    let structure = read(&message);
    let Content::Multipart(parts) = &structure.content else { panic!("{:?}", structure.media) };
    assert_eq!(parts.len(), MOST_PARTS - 1);
    assert_eq!(parts.last().map(|last| last.body.end), Some(message.len()), "the last one holds the rest");
}

#[test]
fn addresses_are_bounded_over_the_whole_message() {
    let head = "Content-Type: multipart/digest; boundary=b\r\n\r\n";
    let to = format!("To: {}a@b\r\n", "a,".repeat(500));
    let message: Bytes = [head, &format!("--b\r\n\r\n{to}\r\n").repeat(500)].concat().into();
    let Content::Multipart(parts) = read(&message).content else { panic!("a digest") };
    let addresses: usize = parts
        .iter()
        .map(|part| if let Content::Message(envelope, _) = &part.content { envelope.to.len() } else { 0 })
        .sum();
    assert_eq!(addresses, 20_000);
}

/// Messages that would show it if some way through them were not linear: a head, and what is repeated behind it.
const COSTLY: [(&str, &str, &str); 18] = [
    ("parts", "Content-Type: multipart/mixed; boundary=b\r\n\r\n", "--b\r\n\r\n"),
    ("nested multiparts", "", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"),
    ("nested messages", "", "Content-Type: message/rfc822\r\n\r\n"),
    ("one long line", "Subject: ", "x"),
    ("long folds", "To: ", "\r\n a"),
    ("many fields", "", "A: b\r\n"),
    ("open comments", "To: ", "("),
    ("open quotes", "To: ", "\"a\\"),
    ("many addresses", "To: ", "a@b, "),
    ("broken addresses", "To: ", "<@a:\"b,"),
    ("groups", "To: ", "g:;,"),
    ("parameters", "Content-Type: a/b", ";a*1=b"),
    ("broken parameters", "Content-Type: a/b", ";(;\""),
    ("encoded words begun", "Subject: ", "=?a?q?"),
    ("encoded words", "Subject: ", "=?iso-8859-1?q?=FC?= "),
    ("base64", "Content-Transfer-Encoding: base64\r\n\r\n", "/////w=="),
    ("empty lines", "", "\r\n"),
    ("dashes", "Content-Type: multipart/mixed; boundary=x\r\n\r\n", "--\r\n"),
];

fn numbered_levels(size: usize) -> String {
    (0..size / 56).fold(String::new(), |levels, n| levels + &level(n))
}

fn level(n: usize) -> String {
    format!("Content-Type: multipart/mixed; boundary=b{n}-\r\n\r\n--b{n}-\r\n")
}

/// As many open boundaries as there may be, all but alike, and lines that are nearly theirs.
fn nearly_boundaries(size: usize) -> String {
    let long = "b".repeat(60);
    let level = |n| format!("Content-Type: multipart/mixed; boundary=\"{long}{n}\"\r\n\r\n--{long}{n}\r\n");
    let levels = (0..98).fold(String::new(), |levels, n| levels + &level(n));
    levels + "\r\n" + &format!("--{long}\r\n").repeat(size / 64)
}

/// The best of several runs: other work on the machine only ever adds.
fn cost(message: &Bytes) -> Duration {
    let run = || {
        let start = Instant::now();
        let structure = Part::parse(message);
        let _ = Envelope::parse(&message.slice(structure.header.clone()));
        SearchText::of(message, &structure);
        start.elapsed()
    };
    (0..4).map(|_| run()).min().unwrap_or_default()
}

#[test]
fn cost_is_linear() {
    const SMALL: usize = 30_000;
    const TIMES: usize = 8;
    let repeated = COSTLY.map(|(name, head, piece)| {
        let of = move |size: usize| [head, &piece.repeat(size / piece.len())].concat();
        (name, of(SMALL), of(SMALL * TIMES))
    });
    let numbered = ("numbered levels", numbered_levels(SMALL), numbered_levels(SMALL * TIMES));
    let nearly = ("near boundaries", nearly_boundaries(SMALL), nearly_boundaries(SMALL * TIMES));
    for (name, small, large) in repeated.into_iter().chain([numbered, nearly]) {
        let (small, large) = (cost(&small.into()), cost(&large.into()));
        // linear is 8 times as much, quadratic 64 times
        let most = small.max(Duration::from_micros(200)) * 4 * u32::try_from(TIMES).expect("small");
        assert!(large < most, "{name}: {small:?} for {SMALL} bytes, {large:?} for {TIMES} times as many");
    }
}
