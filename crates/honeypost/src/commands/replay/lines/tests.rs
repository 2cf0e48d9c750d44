//! Times, orders and ends of what is cut.

use super::*;
use crate::commands::replay::tests::{chunk, start};

fn shown(protocol: Protocol, chunks: &[Chunk]) -> Vec<(i64, String)> {
    let millis = |time: Timestamp| time.as_millisecond() - start().as_millisecond();
    let said = |said: &Said| match said {
        Said::Line { side, octets, .. } => format!("{side:?} {}", octets.escape_ascii()),
        Said::Block { side, octets, .. } => format!("{side:?} holds {}", octets.escape_ascii()),
        other => format!("{other:?}"),
    };
    entries(protocol, chunks).map(|entry| (millis(entry.time), said(&entry.said))).collect()
}

#[test]
fn a_line_has_the_time_and_the_place_of_its_first_octet() {
    let chunks = [
        chunk(1, Flow::Received, b"NO"),
        chunk(2, Flow::Sent, b"* hurry\r\n* up"),
        chunk(3, Flow::Received, b"OP\r\nx"),
        chunk(4, Flow::Sent, b"!\r\n"),
    ];
    assert_eq!(
        shown(Protocol::Imap, &chunks),
        [
            (1, "Client NOOP\\r\\n".to_owned()),
            (2, "Server * hurry\\r\\n".to_owned()),
            (2, "Server * up!\\r\\n".to_owned()),
            (3, "Client x".to_owned()),
        ]
    );
}

#[test]
fn lines_of_a_message_have_their_own_times() {
    let chunks = [
        chunk(1, Flow::Received, b"DATA\r\n"),
        chunk(2, Flow::Received, b"one\r\nt"),
        chunk(3, Flow::Received, b"wo\r\nthree\r\n."),
        chunk(4, Flow::Received, b"\r\n"),
    ];
    let entries: Vec<Entry> = entries(Protocol::Smtp, &chunks).collect();
    let Some(Entry { said: Said::Block { octets, times, .. }, .. }) = entries.get(1) else {
        panic!("{entries:?}")
    };
    assert_eq!(octets, b"one\r\ntwo\r\nthree\r\n");
    let at = |offset| times.at(offset).map(|time| time.as_millisecond() - start().as_millisecond());
    assert_eq!((at(0), at(5), at(6), at(9)), (Some(2), Some(2), Some(3), Some(3)));
    assert_eq!(entries.get(2).map(|dot| dot.time), Some(chunk(3, Flow::Sent, b"").time), "the dot's own");
}

#[test]
fn tls_begins_anew() {
    let chunks = [
        chunk(1, Flow::Received, b"a LOGIN {900}\r\nabc"),
        chunk(2, Flow::ClientHello, b"12345"),
        chunk(2, Flow::ClientHello, b"678"),
        chunk(3, Flow::Received, b"b NOOP\r\n"),
    ];
    assert_eq!(
        shown(Protocol::Imap, &chunks),
        [
            (1, "Client a LOGIN {900}\\r\\n".to_owned()),
            (1, "Client holds abc".to_owned()),
            (2, "ClientHello(8)".to_owned()),
            (3, "Client b NOOP\\r\\n".to_owned()),
        ]
    );
}
