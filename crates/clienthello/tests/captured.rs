//! Hellos of real clients, against what others' programs make of the same octets. `hellos/README.md` says where from.

use std::fs;
use std::path::Path;

use clienthello::{ClientHello, Progress, Reader};

struct Captured {
    name: String,
    ja3: String,
    ja3_hash: String,
    ja4: String,
    wire: Vec<u8>,
}

fn captured() -> Vec<Captured> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hellos");
    let files = fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path());
    let mut all: Vec<Captured> = files
        .filter(|path| path.extension().is_some_and(|end| end == "txt"))
        .map(|path| read(&path))
        .collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}

fn read(path: &Path) -> Captured {
    let text = fs::read_to_string(path).expect("readable");
    let (facts, hexadecimal) = text.split_once("hello:\n").expect("a hello");
    let fact = |name: &str| {
        let line = facts.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.expect("every fact").to_owned()
    };
    let digits: String = hexadecimal.split_whitespace().collect();
    let octet = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("digits");
    Captured {
        name: path.file_stem().expect("a name").to_string_lossy().into_owned(),
        ja3: fact("ja3"),
        ja3_hash: fact("ja3_hash"),
        ja4: fact("ja4"),
        wire: (0..digits.len()).step_by(2).map(octet).collect(),
    }
}

fn complete(progress: Progress) -> (ClientHello, usize) {
    match progress {
        Progress::Complete { hello, octets } => (*hello, octets),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_fingerprints_are_those_of_other_programs() {
    let all = captured();
    assert!(all.len() >= 12, "{}", all.len());
    for Captured { name, ja3, ja3_hash, ja4, wire } in all {
        let (hello, octets) = complete(Reader::default().feed(&wire));
        assert_eq!(octets, wire.len(), "{name}");
        assert_eq!(hello.ja3(), ja3, "{name}");
        assert_eq!(hello.ja3_hash(), ja3_hash, "{name}");
        assert_eq!(hello.ja4(), ja4, "{name}");
    }
}

#[test]
fn what_the_clients_ask_for() {
    let all = captured();
    let hello = |name: &str| {
        let one = all.iter().find(|one| one.name == name).expect("captured");
        complete(Reader::default().feed(&one.wire)).0
    };
    let alpn = hello("openssl-tls12-alpn");
    assert_eq!(alpn.server_name.as_deref(), Some(&b"mail.example.com"[..]));
    assert_eq!(alpn.alpn, [b"imap"]);
    assert_eq!(alpn.legacy_version, 0x0303);
    assert!(alpn.supported_versions.is_empty());
    let curl = hello("curl-https");
    assert_eq!(curl.alpn, [&b"h2"[..], b"http/1.1"]);
    assert_eq!(curl.supported_versions, [0x0304, 0x0303, 0x0302, 0x0301]);
    assert_eq!(curl.key_shares, [29]);
    let old = hello("nmap-ssl-enum-ciphers");
    assert_eq!((old.legacy_version, old.extensions.len()), (0x0300, 0));
}
