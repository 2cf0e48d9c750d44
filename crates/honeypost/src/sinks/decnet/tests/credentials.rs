//! Whatever an intruder sends: one line, and no password lost.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::super::collector::read_strictly;
use super::*;

#[test]
fn a_password_with_everything_in_it() {
    for (username, password) in [
        (&b"admin"[..], &b"a]b\"c\\d"[..]),
        (b"ad]min", b"]]"),
        (b"\"\\", b"\\"),
        (b"a\r\nb\0\x1b[2J", b"\0\x01\n\r\x7f"),
        (b"\xff\xfe", b"p\xc3\x28\xff"),
        ("ädmin\u{2028}".as_bytes(), "pässwörd\u{202e}".as_bytes()),
        (b"", b""),
    ] {
        for protocol in Protocol::ALL {
            let event = Event::AuthFailed {
                mechanism: "PLAIN",
                username: Text::copy(username),
                password: Text::copy(password),
            };
            let mut line = String::new();
            names(&[]).translate(&record(protocol, event), None, &mut line);
            check_credentials(&line, username, password);
        }
    }
}

/// One line, from which the collector has both to the octet, and the name as text where it can.
fn check_credentials(line: &str, username: &[u8], password: &[u8]) {
    let line = line.strip_suffix('\n').expect("a line");
    assert!(!line.contains(|character: char| character.is_control()), "{line:?}");
    assert_eq!(line.lines().count(), 1);
    let found = read(line).expect(line);
    assert_eq!(STANDARD.decode(found.field("secret_b64")).expect("base64"), password, "{line}");
    assert!(found.field("src") == "192.0.2.1" && (found.priority == 132 || found.priority == 134));
    match found.fields.get("username_b64") {
        Some(exact) => assert_eq!(STANDARD.decode(exact).expect("base64"), username, "{line}"),
        None => {
            assert_eq!(found.field("username").as_bytes(), username, "{line}");
            assert_eq!(found.field("principal").as_bytes(), username, "{line}");
        }
    }
    let strict = read_strictly(line).expect("RFC 5424");
    assert!(strict.iter().any(|(name, _)| name == "secret_printable") && strict.len() >= 5);
}

proptest! {
    #[test]
    fn any_credentials_survive(
        username in prop_oneof![any::<Vec<u8>>(), "[]\"\\\\a=\\[ -]{0,12}".prop_map(String::into_bytes)],
        password in prop_oneof![any::<Vec<u8>>(), "[]\"\\\\a=\\[ -]{0,12}".prop_map(String::into_bytes)],
    ) {
        let event = Event::AuthSucceeded {
            mechanism: "PLAIN",
            username: Text::copy(&username),
            password: Text::copy(&password),
        };
        let mut line = String::new();
        names(&[]).translate(&record(Protocol::Smtp, event), None, &mut line);
        check_credentials(&line, &username, &password);
    }

    #[test]
    fn any_command_is_one_line(octets in any::<Vec<u8>>(), tail in "[]\"\\\\a-]{0,200}") {
        let octets = [octets, tail.into_bytes()].concat();
        for protocol in Protocol::ALL {
            let event = Event::CommandReceived {
                verb: Text::copy(&octets),
                line: Text::copy(&octets),
                state: "SELECTED",
                status: "500",
            };
            let mut line = String::new();
            names(&[]).translate(&record(protocol, event), None, &mut line);
            let line = line.strip_suffix('\n').expect("a line");
            prop_assert!(!line.contains(char::is_control), "{:?}", line);
            let found = read(line).expect(line);
            prop_assert_eq!(found.field("src"), "192.0.2.1");
            let strict = read_strictly(line).expect("RFC 5424");
            for (name, value) in &strict {
                prop_assert!(value.chars().count() <= 128 || name == "cmd", "{}", line);
            }
        }
    }
}
