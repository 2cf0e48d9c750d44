//! Messages that were put into a mailbox.

use protocol::Appended;

use super::super::quota::charge;
use super::*;

const DRAFT: &[u8] = b"Subject: invoice\r\n\r\nPay at http://pay.example/now\r\n";

fn draft(uid: u32) -> Vec<Capture> {
    let (mailbox, flags) = ("Drafts".to_owned(), "\\Draft".into());
    vec![Capture::Append(Box::new(Appended { mailbox, uid, flags, octets: Bytes::from_static(DRAFT) }))]
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_kept_like_mail_that_was_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let (room, _) = mailroom(&folder, &settings(|_| {}));
    let mut peer = Peer::connect(&room, [draft(7)]).await;
    assert_eq!(peer.step().await, "354");
    let events = peer.leave().await;
    let [Event::MailboxAppended { mailbox, uid, flags, bytes, sha256, subject, path, attachments, urls }] =
        events.as_slice()
    else {
        panic!("{events:?}")
    };
    let told = (mailbox.as_str(), *uid, flags.lossy(), *bytes, subject.lossy(), attachments.len());
    assert_eq!(told, ("Drafts", 7, "\\Draft".into(), DRAFT.len() as u64, "invoice".into(), 0));
    assert_eq!(urls, &["http://pay.example/now"]);
    assert_eq!(*sha256, hex(&Sha256::digest(DRAFT)));
    let file = folder.path().join(path);
    assert_eq!(fs::read(&file).expect("kept"), DRAFT);
    let sidecar = fs::read(file.with_extension("json")).expect("beside it");
    let sidecar: serde_json::Value = serde_json::from_slice(&sidecar).expect("JSON");
    assert_eq!((sidecar["mailbox"].as_str(), sidecar["whole"].as_bool()), (Some("Drafts"), Some(true)));
    assert!(sidecar.get("queue_id").is_none(), "it was in no queue");
    drop(Mailroom::open(folder.path(), &settings(|_| {}), Arc::clone(&room.visitors)).expect("opens again"));
    assert_eq!(files(folder.path()).len(), 2, "a start changes nothing of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_room_it_is_recorded_all_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let small = settings(|mail| mail.max_per_source = crate::config::Size(charge(DRAFT.len() as u64)));
    let (room, _) = mailroom(&folder, &small);
    let mut peer = Peer::connect(&room, [draft(1), draft(2)]).await;
    for _ in 0..2 {
        assert_eq!(peer.step().await, "354");
    }
    let paths = peer.leave().await.into_iter().map(|event| match event {
        Event::MailboxAppended { path, sha256, .. } => (path.is_empty(), sha256.is_empty()),
        other => panic!("{other:?}"),
    });
    assert_eq!(paths.collect::<Vec<_>>(), [(false, false), (true, true)]);
}
