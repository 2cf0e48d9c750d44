//! A persona's files, from reading to rendering: what is made of them, and what is refused in which words.

mod support;

use bait::persona::PersonaError;
use bait::{Flags, Installation};
use support::{Files, installation, text};

#[test]
fn the_mail_of_an_installation() {
    let persona = Files::small().load().unwrap();
    // A Monday, the day after New York's clocks went back.
    let corpus = persona.render(&installation("2026-11-02T20:00:00Z")).unwrap();
    let names: Vec<&str> = corpus.mailboxes.iter().map(|mailbox| mailbox.name.as_str()).collect();
    assert_eq!(names, ["INBOX", "Entwürfe", "R&D"]);
    let numbers: Vec<(u32, u32)> =
        corpus.mailboxes.iter().map(|one| (one.uid_validity, one.uid_next)).collect();
    assert_eq!(numbers, [(1_712_345_678, 3), (1_712_345_679, 2), (1_712_345_680, 1)]);

    let first = text(&corpus, "inbox", 1);
    assert!(first.contains("\r\nDate: Thu, 29 Oct 2026 09:12:44 -0400\r\n"), "{first}");
    assert!(first.contains("; Thu, 29 Oct 2026 13:12:45 +0000 (UTC)\r\n"), "{first}");
    assert!(first.contains("until 02 Nov 2026.\r\n{{ vault }}\r\n"), "{first}");
    assert!(!first.replace("\r\n", "").contains(['\r', '\n']), "every line ends in CRLF");
    let second = text(&corpus, "INBOX", 2);
    assert!(second.starts_with("Date: Mon, 02 Nov 2026 08:00:00 +0100\r\n"), "{second}");

    let message = corpus.message("INBOX", 1).unwrap();
    assert_eq!((message.uid, message.flags), (1, Flags::SEEN | Flags::ANSWERED));
    assert_eq!(message.internal_date.to_string(), "2026-10-29T13:12:47+00:00[UTC]");
    assert_eq!(
        corpus.message("INBOX", 2).unwrap().internal_date.to_string(),
        "2026-11-02T07:00:02+00:00[UTC]"
    );
    assert!(corpus.message("INBOX", 0).is_none() && corpus.message("INBOX", 3).is_none());

    let id = |text: &str| text.split("Message-ID: <").nth(1).unwrap().split('>').next().unwrap().to_owned();
    assert!(
        second.contains(&format!("In-Reply-To: <{}>\r\n", id(&first))),
        "the same name, the same characters"
    );
}

#[test]
fn slots_are_where_the_secrets_stand() {
    let persona = Files::small().load().unwrap();
    let corpus = persona.render(&installation("2026-11-02T20:00:00Z")).unwrap();
    let message = corpus.message("INBOX", 1).unwrap();
    let found: Vec<(&str, &[u8])> = message
        .slots
        .iter()
        .map(|slot| (slot.bait.id.as_str(), &message.bytes[slot.range.clone()]))
        .collect();
    let key = b"-----BEGIN KEY-----\r\nAAAA\r\n-----END KEY-----";
    assert_eq!(found, [("db-password", &b"hunter2"[..]), ("db-password", b"hunter2"), ("deploy-key", key)]);
    for slot in &message.slots {
        assert_eq!(slot.bait.value.as_bytes(), &message.bytes[slot.range.clone()]);
    }
    assert_eq!(message.bait_in(&(0..message.size())).len(), 2, "each secret once");
    assert!(message.bait_in(&(0..message.slots[0].range.start)).is_empty());
}

#[test]
fn an_installation_is_always_the_same_and_never_like_another() {
    let persona = Files::small().load().unwrap();
    let one = installation("2026-11-02T20:00:00Z");
    let other = Installation { seed: [8; 32], ..one };
    let of = |installation: &Installation| text(&persona.render(installation).unwrap(), "INBOX", 1);
    assert_eq!(of(&one), of(&one));
    assert_ne!(of(&one), of(&other));
    assert_eq!(of(&one).len(), of(&other).len());
}

#[test]
fn nothing_arrives_after_the_moment() {
    let persona = Files::small().load().unwrap();
    let last = |moment: &str| {
        let corpus = persona.render(&installation(moment)).unwrap();
        corpus.message("INBOX", 2).unwrap().internal_date.timestamp().to_string()
    };
    // 08:00:02 in Berlin is 07:00:02 UTC in winter, 06:00:02 in summer.
    assert_eq!(last("2026-11-02T07:00:02Z"), "2026-11-02T07:00:02Z");
    assert_eq!(last("2026-11-02T07:00:01Z"), "2026-11-01T07:00:02Z");
    assert_eq!(last("2026-07-01T06:00:02Z"), "2026-07-01T06:00:02Z");
    assert_eq!(last("2026-07-01T06:00:01Z"), "2026-06-30T06:00:02Z");
}

#[test]
fn an_installation_that_cannot_be_is_refused() {
    let persona = Files::small().load().unwrap();
    let good = installation("2026-11-02T20:00:00Z");
    for (installation, expected) in [
        (Installation { uid_validity: 0, ..good }, "UIDVALIDITY 0"),
        (Installation { uid_validity: u32::MAX, ..good }, "UIDVALIDITY 4294967295"),
        (Installation { moment: "1970-01-01T00:00:00Z".parse().unwrap(), ..good }, "moment"),
        (Installation { moment: "9998-12-30T22:00:00Z".parse().unwrap(), ..good }, "moment"),
    ] {
        let error = persona.render(&installation).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let files = Files::small();
    files.edit("mailboxes/INBOX/02-re-key.eml", "+++\nDate", "arrived = \"+9d\"\n+++\nDate");
    let error = files.load().unwrap().render(&good).unwrap_err().to_string();
    assert!(error.starts_with("mailboxes/INBOX/02-re-key.eml: arrives after the moment"), "{error}");
}

#[test]
fn line_ends_of_windows_are_as_good() {
    let files = Files::small();
    let expected =
        text(&files.load().unwrap().render(&installation("2026-11-02T20:00:00Z")).unwrap(), "INBOX", 1);
    files.write("mailboxes/INBOX/01-key.eml", support::FIRST.replace('\n', "\r\n"));
    files.write("persona.toml", support::MANIFEST.replace('\n', "\r\n"));
    assert_eq!(
        text(&files.load().unwrap().render(&installation("2026-11-02T20:00:00Z")).unwrap(), "INBOX", 1),
        expected
    );
}

/// Bends the files and gives the error, which must be one line.
fn refused(bend: impl FnOnce(&Files)) -> String {
    let files = Files::small();
    bend(&files);
    let error = files.load().expect_err("was taken").to_string();
    assert!(!error.contains('\n'), "{error}");
    error
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let error = refused(|files| std::fs::remove_file(files.path("persona.toml")).unwrap());
    assert!(error.contains("persona.toml: not found"), "{error}");
    let error = refused(|files| std::fs::remove_dir_all(files.root()).unwrap());
    assert!(error.contains("is not a folder"), "{error}");
    let error = refused(|files| files.write("mailboxes/INBOX/03.txt", "x"));
    assert!(error.starts_with("mailboxes/INBOX/03.txt: is no message"), "{error}");
    let error = refused(|files| files.write("mailboxes/INBOX/sub/03.eml", "x"));
    assert!(error.starts_with("mailboxes/INBOX/sub: is a folder"), "{error}");
    let error = refused(|files| files.write("mailboxes/Trash/01.eml", support::DRAFT));
    assert!(error.starts_with("mailboxes/Trash: belongs to no mailbox"), "{error}");
    let error = refused(|files| files.write("mailboxes/INBOX/01-key.eml", b"+++\nsent = \"\xff\"\n"));
    assert!(error.starts_with("mailboxes/INBOX/01-key.eml: line 2 is not UTF-8"), "{error}");
    let error = refused(|files| files.edit("mailboxes/INBOX/01-key.eml", "Subject", "Subj\rect"));
    assert!(error.contains("line 12 has a carriage return"), "{error}");
    let error = refused(|files| files.write("mailboxes/INBOX/01-key.eml", vec![b'x'; 8 * 1024 * 1024 + 1]));
    assert!(error.contains("the limit is 8388608 octets"), "{error}");
}

#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    use std::os::unix::fs::symlink;
    let error = refused(|files| symlink("/etc/passwd", files.path("mailboxes/INBOX/03.eml")).unwrap());
    assert!(error.starts_with("mailboxes/INBOX/03.eml: is a symbolic link"), "{error}");
    let error = refused(|files| symlink("/etc", files.path("mailboxes/Sent")).unwrap());
    assert!(error.starts_with("mailboxes/Sent: is not a folder"), "{error}");
    let error = refused(|files| {
        std::fs::rename(files.path("persona.toml"), files.path("other.toml")).unwrap();
        symlink("other.toml", files.path("persona.toml")).unwrap();
    });
    assert!(error.contains("persona.toml: is no regular file"), "{error}");
}

#[test]
fn an_error_tells_what_it_is() {
    let files = Files::small();
    files.edit("mailboxes/INBOX/02-re-key.eml", "{{date}}", "{{dote}}");
    match files.load().unwrap_err() {
        PersonaError::Value { file, line, value, .. } => {
            assert_eq!((file.as_str(), line, value.as_str()), ("mailboxes/INBOX/02-re-key.eml", 4, "dote"));
        }
        other => panic!("{other}"),
    }
}
