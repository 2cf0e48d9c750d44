//! The files, as tshark reads them. Where it is not installed (Debian: `tshark`) these tests say so and pass.

use std::path::Path;
use std::process::{Command, Stdio};

use super::*;
use crate::commands::replay::tests::{chunk, conversation, imap, start};

/// What tshark prints of a file; nothing where it is not installed.
fn tshark(file: &[u8], arguments: &[&str]) -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|folder| Path::new(&folder).join("tshark").is_file()) {
        // Past the test harness, which would swallow it.
        let _ = writeln!(io::stderr(), "SKIPPED: replay/pcap/tests.rs needs tshark (Debian: tshark)");
        return None;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("session.pcap");
    std::fs::write(&path, file).expect("written");
    let mut command = Command::new("tshark");
    command.arg("-n").arg("-r").arg(&path).args([
        "-o",
        "tcp.check_checksum:TRUE",
        "-o",
        "ip.check_checksum:TRUE",
    ]);
    // Without a home, it has nobody's settings.
    let output =
        command.args(arguments).env("HOME", folder.path()).stdin(Stdio::null()).output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn file(attribution: &Attribution, chunks: &[Chunk], reason: &str, real_ports: bool) -> Vec<u8> {
    let time = chunks.last().map_or(start(), |chunk| chunk.time);
    let closed = Closed { time, reason: reason.to_owned(), cut: 0 };
    let mut file = Vec::new();
    write(attribution, start(), chunks, Some(&closed), real_ports, &mut file).expect("written");
    file
}

/// The octets of both directions as tshark puts them together.
fn followed(file: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let text = tshark(file, &["-q", "-z", "follow,tcp,raw,0"])?;
    let (mut peer, mut server) = (Vec::new(), Vec::new());
    for line in text.lines().skip_while(|line| !line.starts_with("Node 1")).skip(1) {
        let side = if line.starts_with('\t') { &mut server } else { &mut peer };
        let pairs = line.trim().as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
        side.extend(pairs.map_while(|pair| u8::from_str_radix(pair, 16).ok()));
    }
    Some((peer, server))
}

fn said(chunks: &[Chunk], flow: Flow) -> Vec<u8> {
    chunks.iter().filter(|chunk| chunk.flow == flow).flat_map(|chunk| chunk.octets.clone()).collect()
}

/// Neither bad checksums nor anything else that Wireshark would complain about.
fn is_clean(file: &[u8]) {
    let filter = "tcp.analysis.flags || tcp.checksum.status == 0 || ip.checksum.status == 0 || _ws.malformed";
    if let Some(complaints) = tshark(file, &["-Y", filter]) {
        assert_eq!(complaints, "");
    }
}

#[test]
fn wireshark_reads_imap() {
    let chunks = imap();
    let conversation = conversation(Protocol::Imap, chunks.clone());
    let file = file(&conversation.attribution, &chunks, "logout", false);
    is_clean(&file);
    let Some(octets) = followed(&file) else { return };
    assert_eq!(octets, (said(&chunks, Flow::Received), said(&chunks, Flow::Sent)));
    let fields = ["-Y", "imap", "-T", "fields", "-e", "tcp.dstport", "-e", "imap.request"];
    let requests = tshark(&file, &fields).unwrap_or_default();
    assert!(requests.contains("143\ta AUTHENTICATE PLAIN"), "{requests}");
    let times =
        ["-Y", "tcp.len > 0", "-T", "fields", "-e", "frame.time_epoch", "-e", "ip.src", "-e", "tcp.srcport"];
    let times = tshark(&file, &times).unwrap_or_default();
    assert!(times.contains("1795456801.000000000\t192.0.2.7\t40022\n"), "{times}");
    let ends = tshark(&file, &["-Y", "tcp.flags.fin == 1", "-T", "fields", "-e", "tcp.srcport"]);
    assert_eq!(ends.as_deref(), Some("143\n40022\n"));
}

#[test]
fn many_octets_over_ipv6_arrive_whole() {
    let body: Vec<u8> = (0..300_000_u32).flat_map(u32::to_be_bytes).collect();
    let chunks = [chunk(1, Flow::Sent, &body), chunk(2, Flow::Received, &body), chunk(1, Flow::Sent, b"\0")];
    let mut attribution = conversation(Protocol::Pop3, Vec::new()).attribution;
    attribution.src = "[2001:db8::7]:40022".parse().expect("an address");
    attribution.dst = "[2001:db8::1]:1110".parse().expect("an address");
    let file = file(&attribution, &chunks, "error", true);
    is_clean(&file);
    let Some(octets) = followed(&file) else { return };
    assert!(octets == (said(&chunks, Flow::Received), said(&chunks, Flow::Sent)));
    let reset =
        tshark(&file, &["-Y", "tcp.flags.reset == 1", "-T", "fields", "-e", "ipv6.src", "-e", "tcp.dstport"]);
    assert_eq!(reset.as_deref(), Some("2001:db8::7\t1110\n"));
}

#[test]
fn what_did_not_arrive_is_not_there() {
    let chunks = [
        chunk(0, Flow::Sent, b"220 mail\r\n"),
        chunk(1, Flow::Received, b"HELP\r\n"),
        chunk(2, Flow::Sent, b"214 a\r\n"),
        chunk(3, Flow::Sent, b"214 b\r\n"),
        chunk(4, Flow::Unsent, b"a\r\n214 b\r\n"),
    ];
    let mut attribution = conversation(Protocol::Smtp, Vec::new()).attribution;
    // The same kind of address, written in two ways.
    attribution.dst = "[::ffff:198.51.100.1]:1587".parse().expect("an address");
    let file = file(&attribution, &chunks, "error", false);
    is_clean(&file);
    let Some((_, server)) = followed(&file) else { return };
    assert_eq!(server, b"220 mail\r\n214 ");
    let to = tshark(&file, &["-Y", "smtp.req", "-T", "fields", "-e", "ip.dst", "-e", "tcp.dstport"]);
    assert_eq!(to.as_deref(), Some("198.51.100.1\t587\n"));
}

#[test]
fn ports_are_those_of_the_protocol() {
    for (protocol, recorded, expected) in [
        (Protocol::Imap, 1993, 143),
        (Protocol::Pop3, 995, 110),
        (Protocol::Smtp, 465, 25),
        (Protocol::Smtp, 1025, 25),
        (Protocol::Smtp, 1587, 587),
    ] {
        assert_eq!(standard_port(protocol, recorded), expected);
    }
}

#[test]
fn what_tls_carried_is_read_as_well() {
    let chunks = [
        chunk(0, Flow::Sent, b"* OK ready.\r\n"),
        chunk(1, Flow::Received, b"a STARTTLS\r\n"),
        chunk(2, Flow::Sent, b"a OK Begin TLS negotiation now.\r\n"),
        chunk(3, Flow::ClientHello, &[22; 517]),
        chunk(4, Flow::Received, b"b LOGIN admin admin\r\n"),
        chunk(5, Flow::Sent, b"b OK Logged in.\r\n"),
    ];
    let attribution = conversation(Protocol::Imap, Vec::new()).attribution;
    let file = file(&attribution, &chunks, "logout", false);
    is_clean(&file);
    let requests = tshark(&file, &["-Y", "imap", "-T", "fields", "-e", "imap.request"]);
    assert!(requests.is_none_or(|requests| requests.contains("b LOGIN admin admin")));
}
