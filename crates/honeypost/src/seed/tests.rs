use std::fs::{self, File};
use std::time::Duration;

use bait::Mailbox;

use super::*;

fn corpus() -> Corpus {
    let mailbox = |name: &str, uid_validity| {
        let at = Timestamp::UNIX_EPOCH.to_zoned_datetime(TimeZone::UTC);
        let first = Message::new(1, Flags::SEEN, at, Bytes::from_static(b"A: b\r\n\r\n"), Vec::new());
        Arc::new(Mailbox { name: name.into(), uid_validity, uid_next: 2, messages: vec![Arc::new(first)] })
    };
    Corpus { mailboxes: vec![mailbox("INBOX", 7), mailbox("Sent", 8)], subscriptions: Vec::new() }
}

/// Writes a file as old as that many seconds after the epoch's first day.
fn write(path: &Path, text: &[u8], second: u64) {
    fs::write(path, text).expect("writable");
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400 + second);
    File::options().append(true).open(path).and_then(|file| file.set_modified(time)).expect("settable");
}

fn inbox(path: &Path) -> Vec<(u32, String, String)> {
    let mut corpus = corpus();
    append(path, &mut corpus).expect("readable");
    assert_eq!(corpus.mailboxes[1].messages.len(), 1);
    let inbox = &corpus.mailboxes[0];
    assert_eq!(inbox.uid_next as usize, inbox.messages.len() + 1);
    let tell = |message: &Arc<Message>| {
        let text = String::from_utf8(message.bytes.to_vec()).expect("UTF-8");
        (message.uid, text, format!("{} {}", message.internal_date.timestamp(), message.flags))
    };
    inbox.messages.iter().skip(1).map(tell).collect()
}

#[test]
fn files_come_in_the_order_of_their_times() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("deep")).expect("made");
    write(&at("deep/a.eml"), b"Subject: two\nDate: Thu, 01 Jan 1970 03:00:00 +0100\n\nline\n.\n", 9);
    write(&at("z.EML"), b"Subject: one\r\n\r\nno line end", 5);
    write(&at(".hidden.eml"), b"Subject: no\n\n", 1);
    write(&at("notes.txt"), b"Subject: no\n\n", 1);
    write(&at("broken.eml"), b"Hi,\n\nno header\n", 2);
    write(&at("broken.json"), b"{", 2);
    write(&at("future.eml"), b"Date: Thu, 01 Jan 2199 03:00:00 +0100\n\n", 11);
    let found = inbox(folder.path());
    assert_eq!(
        found,
        [
            (2, "Subject: one\r\n\r\nno line end\r\n".into(), "1970-01-02T00:00:05Z ".into()),
            (
                3,
                "Subject: two\r\nDate: Thu, 01 Jan 1970 03:00:00 +0100\r\n\r\nline\r\n.\r\n".into(),
                "1970-01-01T02:00:02Z ".into()
            ),
            (4, "Date: Thu, 01 Jan 2199 03:00:00 +0100\r\n\r\n".into(), "1970-01-02T00:00:11Z ".into()),
        ]
    );
}

#[test]
fn lists_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("seeds.json");
    let list = serde_json::json!([
        {"from_addr": "anna@example.org", "to_addr": "b@example.org", "subject": "S\r\nBcc: x", "body": "one\n\ntwo"},
        {"from_addr": "a@example.org", "from_name": "Änna", "to_addr": "b@example.org", "subject": "x", "body": "é",
         "date": "Thu, 01 Jan 1970 05:00:00 +0000", "flags": ["\\Seen", "\\flagged"]},
        {"from_addr": "a@example.org", "to_addr": "b@example.org", "subject": "x", "body": "Subject: whole\n\nmail"},
        {"from_addr": "a@example.org", "to_addr": "b@example.org", "subject": "x"},
        {"from_addr": "a@example.org", "to_addr": "b@example.org", "subject": "x", "body": "y", "flags": ["\\Odd"]},
        "text",
    ]);
    write(&file, list.to_string().as_bytes(), 60);
    let texts: Vec<_> =
        inbox(&file).into_iter().map(|(uid, text, rest)| format!("{uid} {rest}\n{text}")).collect();
    assert_eq!(
        texts,
        [
            "2 1970-01-02T00:01:02Z \nDate: Fri, 02 Jan 1970 00:01:00 +0000\r\nFrom: anna <anna@example.org>\r\n\
             To: b@example.org\r\nSubject: S  Bcc: x\r\n\r\none\r\n\r\ntwo\r\n",
            "3 1970-01-01T05:00:02Z \\Flagged \\Seen\nDate: Thu, 01 Jan 1970 05:00:00 +0000\r\n\
             From: =?utf-8?B?w4RubmE=?= <a@example.org>\r\nTo: b@example.org\r\nSubject: x\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\né\r\n",
            "4 1970-01-02T00:01:00Z \nSubject: whole\r\n\r\nmail\r\n",
        ]
    );
}

#[test]
fn what_is_no_seed_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = folder.path().join("notes.txt");
    fs::write(&text, "x").expect("writable");
    assert!(matches!(append(&text, &mut corpus()), Err(SeedError::Kind)));
    let missing = folder.path().join("missing");
    assert!(matches!(append(&missing, &mut corpus()), Err(SeedError::Unreadable { .. })));
    fs::remove_file(&text).expect("removed");
    assert_eq!(inbox(folder.path()), []);
}
