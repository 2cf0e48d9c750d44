//! A captured message: its lines, and the copy that they speak of.

use std::fs;

use event::Attachment;

use super::super::collector::read_strictly;
use super::*;

fn received(path: &str) -> Event {
    Event::MailReceived {
        queue_id: "4X1abc".into(),
        mail_from: "x@y.example".into(),
        rcpt_to: vec!["a@b.example".into(), "c@d.example".into()],
        size: 42,
        sha256: "0123456789abcdef".repeat(4),
        subject: Text::from("[urgent] \"pay\"\r\nnow"),
        path: path.into(),
        attachments: vec![Attachment {
            name: "in]voice\".pdf".into(),
            media_type: "application/pdf".into(),
            size: 7,
            sha256: "ab".repeat(32),
        }],
        urls: vec!["http://example.org/]x".into()],
    }
}

#[test]
fn a_captured_message() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data_dir, quarantine) = (folder.path().join("data"), folder.path().join("quarantine"));
    fs::create_dir_all(data_dir.join("mail")).expect("made");
    fs::create_dir(&quarantine).expect("made");
    let message = b"From: =?utf-8?Q?B=C3=B6b?=\r\n <bob@y.example>\r\nTo: a@b.example\r\nMessage-ID: <1@y>\r\n\
        Date: Mon, 2 Nov 2026 10:00:00 +0000\r\nContent-Type: Multipart/Mixed; boundary=x\r\n\
        Authentication-Results: mx; xdkim=pass dkim = pass (ok); spf=passed\r\nX-Mailer: m\xff\r\n\r\nbody \xff\0";
    fs::write(data_dir.join("mail/one.eml"), message).expect("writable");
    let shelf = || Shelf {
        data_dir: data_dir.clone(),
        quarantine: Some(quarantine.clone()),
        complaint: outlet::Complaint::default(),
    };
    let written = lines(names(&[]), shelf(), Protocol::Smtp, vec![received("mail/one.eml")]);
    let stored_as = "2023-11-14T22:13:20Z_0123456789ab_4X1abc.eml";
    assert_eq!(written.len(), 3, "{written:#?}");
    assert!(
        written[1].ends_with(
            "smtp - message_accepted [relay@55555 src=\"192.0.2.1\" mail_from=\"<x@y.example>\" \
             rcpt_to=\"<a@b.example>,<c@d.example>\" body_bytes=\"42\" truncated=\"0\" msg_id=\"4X1abc\"]"
        ),
        "{written:#?}"
    );
    let strict = read_strictly(&written[2]).expect("RFC 5424");
    let order: Vec<&str> = strict.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        order.join(" "),
        "src msg_id stored_as sha256 size truncated mail_from rcpt_to from_hdr to_hdr date_hdr message_id_hdr content_type \
         return_path x_mailer dkim_signed spf_pass attachment_count subject attachments_json urls_json"
    );
    let strictly =
        |name: &str| strict.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    assert_eq!(strictly("subject"), Some("[urgent] \"pay\"\\r\\nnow"));
    assert_eq!(strictly("urls_json"), Some("[\"http://example.org/]x\"]"));
    let manifest: serde_json::Value =
        serde_json::from_str(strictly("attachments_json").expect("there")).expect("JSON");
    assert_eq!(manifest[0]["filename"], "in]voice\".pdf");
    let found = read(&written[2]).expect("the collector's form");
    for (name, value) in [
        ("stored_as", stored_as),
        ("size", "42"),
        ("from_hdr", "Böb <bob@y.example>"),
        ("content_type", "multipart/mixed"),
        ("return_path", ""),
        ("x_mailer", "m\u{fffd}"),
        ("dkim_signed", "1"),
        ("spf_pass", "0"),
        ("attachment_count", "1"),
    ] {
        assert_eq!(found.field(name), value, "{name}");
    }
    assert_eq!(fs::read(quarantine.join(stored_as)).expect("copied"), message);
    assert_eq!(fs::read_dir(&quarantine).expect("a folder").count(), 1);

    // Where there is no copy there is no line that speaks of one.
    fs::remove_file(data_dir.join("mail/one.eml")).expect("removed");
    let written = lines(names(&[]), shelf(), Protocol::Smtp, vec![received("mail/one.eml"), closed()]);
    let events: Vec<String> = written.iter().map(|line| read(line).expect(line).event).collect();
    assert_eq!(events, ["startup", "message_accepted", "disconnect"]);
    // Without a place for copies, the fields of the event are there, those of the file are not.
    let written = lines(names(&[]), nowhere(), Protocol::Smtp, vec![received("mail/one.eml")]);
    let found = read(&written[2]).expect("the collector's form");
    assert_eq!((found.field("stored_as"), found.fields.get("from_hdr")), (stored_as, None));
}
