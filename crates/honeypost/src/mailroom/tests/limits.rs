//! Quotas by message, by source and in total, each with every policy; and retention.

use super::*;
use crate::mailroom::quota::charge;

const MESSAGE: u64 = 10_000;

/// Offers so many messages of [`MESSAGE`] octets. Gives the answers and the events.
async fn offer(room: &Arc<Mailroom>, size: u64, messages: usize) -> (Vec<String>, Vec<Event>) {
    let message = vec![b'x'; usize::try_from(size).expect("small")];
    let mut peer = Peer::connect(room, vec![whole(&message, 1000, false); messages]).await;
    let mut answers = Vec::new();
    for _ in 0..messages {
        answers.push(peer.step().await);
    }
    (answers, peer.leave().await)
}

fn names(events: &[Event]) -> Vec<String> {
    let name = |event: &Event| match event {
        Event::MailRefused { reason, queue_id, .. } => {
            format!("mail.refused {reason}{}", if queue_id.is_empty() { "" } else { " accepted" })
        }
        Event::MailExpired { reason, messages, size } => format!("mail.expired {reason} {messages} {size}"),
        event => event.name().to_owned(),
    };
    events.iter().map(name).collect()
}

/// Offers three messages where two have room, with that policy; by source and in total.
async fn third_of_two(
    when_full: WhenFull,
    by_source: bool,
) -> (Vec<String>, Vec<String>, Vec<(String, u64)>) {
    let folder = tempfile::tempdir().expect("a folder");
    let room_for_two = crate::config::Size(2 * charge(MESSAGE));
    let (room, _) = mailroom(
        &folder,
        &settings(|settings| {
            settings.when_full = when_full;
            *(if by_source { &mut settings.max_per_source } else { &mut settings.max_total }) = room_for_two;
        }),
    );
    let (answers, events) = offer(&room, MESSAGE, 3).await;
    assert_eq!(room.quota.octets(), 2 * charge(MESSAGE));
    let files = files(folder.path());
    assert_eq!(files.len(), 4, "{files:?}");
    (answers, names(&events), files)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_quota_refuses() {
    for (by_source, reason) in [(true, "quota-source"), (false, "quota-total")] {
        let (answers, events, _) = third_of_two(WhenFull::Refuse, by_source).await;
        assert!(answers[0].starts_with("250 ") && answers[1].starts_with("250 "));
        assert_eq!(answers[2], "452");
        assert_eq!(events, ["mail.received", "mail.received", &format!("mail.refused {reason}")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_quota_drops_the_oldest() {
    for by_source in [true, false] {
        let (answers, events, _) = third_of_two(WhenFull::DropOldest, by_source).await;
        assert!(answers.iter().all(|answer| answer.starts_with("250 ")), "{answers:?}");
        let expired = format!("mail.expired size 1 {}", charge(MESSAGE));
        assert_eq!(events, ["mail.received", "mail.received", expired.as_str(), "mail.received"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_quota_accepts_and_discards() {
    for (by_source, reason) in [(true, "quota-source"), (false, "quota-total")] {
        let (answers, events, _) = third_of_two(WhenFull::AcceptAndDiscard, by_source).await;
        assert!(answers.iter().all(|answer| answer.len() > "250 00000".len()), "{answers:?}");
        assert_eq!(events, ["mail.received", "mail.received", &format!("mail.refused {reason} accepted")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_too_large_is_not_kept() {
    for (when_full, answer, accepted) in [
        (WhenFull::Refuse, "452", ""),
        (WhenFull::DropOldest, "452", ""),
        (WhenFull::AcceptAndDiscard, "250 ", " accepted"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = settings(|settings| {
            settings.max_size = crate::config::Size(MESSAGE);
            settings.when_full = when_full;
        });
        let (room, _) = mailroom(&folder, &settings);
        let (answers, events) = offer(&room, MESSAGE + 1, 1).await;
        assert!(answers[0].starts_with(answer), "{answers:?}");
        assert_eq!(names(&events), [format!("mail.refused quota-message{accepted}")]);
        assert!(matches!(events[0], Event::MailRefused { size, .. } if size == MESSAGE + 1));
        assert_eq!((files(folder.path()).len(), room.quota.octets()), (0, 0));
        assert!(offer(&room, MESSAGE, 1).await.0[0].starts_with("250 "), "exactly as large as it may be");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_can_never_have_room_drops_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings(|settings| {
        settings.max_per_source = crate::config::Size(2 * charge(MESSAGE));
        settings.when_full = WhenFull::DropOldest;
    });
    let (room, _) = mailroom(&folder, &settings);
    offer(&room, MESSAGE, 1).await;
    let (answers, events) = offer(&room, 3 * MESSAGE, 1).await;
    assert_eq!(
        (answers, names(&events)),
        (vec!["452".to_owned()], vec!["mail.refused quota-source".to_owned()])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_counts_what_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings(|settings| settings.max_per_source = crate::config::Size(2 * charge(MESSAGE)));
    let (room, _) = mailroom(&folder, &settings);
    offer(&room, MESSAGE, 2).await;
    drop(room);
    let (room, _) = mailroom(&folder, &settings);
    assert_eq!(room.quota.octets(), 2 * charge(MESSAGE));
    assert_eq!(offer(&room, MESSAGE, 1).await.0, ["452"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_mail_expires_in_steps() {
    let folder = tempfile::tempdir().expect("a folder");
    let (room, _) = mailroom(&folder, &settings(|_| {}));
    offer(&room, 100, 70).await;
    let now = Timestamp::now();
    assert_eq!(room.expire(now), None, "nothing is old");
    let later = now + Duration::from_hours(24 * 91);
    let expired =
        |messages: u64| Event::MailExpired { reason: "age", messages, size: messages * charge(100) };
    assert_eq!(room.expire(later), Some(expired(64)));
    assert_eq!(room.expire(later), Some(expired(6)));
    assert_eq!(room.expire(later), None);
    assert_eq!((files(folder.path()).len(), room.quota.octets()), (0, 0));
    let left: Vec<_> = fs::read_dir(folder.path().join("mail")).expect("there").collect();
    assert_eq!(left.len(), 1, "the folders of days are gone: {left:?}");
    // And the day's folder is made again.
    assert!(offer(&room, 100, 1).await.0[0].starts_with("250 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_mail_expires() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings(|settings| settings.keep_size = Some(crate::config::Size(2 * charge(MESSAGE))));
    let (room, _) = mailroom(&folder, &settings);
    offer(&room, MESSAGE, 5).await;
    let size = 3 * charge(MESSAGE);
    assert_eq!(room.expire(Timestamp::now()), Some(Event::MailExpired { reason: "size", messages: 3, size }));
    assert_eq!(room.expire(Timestamp::now()), None);
    assert_eq!(files(folder.path()).len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn keeping_house_records_what_expires() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings(|settings| settings.keep_size = Some(crate::config::Size(1)));
    let (room, _) = mailroom(&folder, &settings);
    offer(&room, MESSAGE, 1).await;
    let kept = KeptEvents::default();
    let (stop, shutdown) = watch::channel(false);
    let house = tokio::spawn(keep_house(room, kept.pipeline(), "s1".into(), shutdown));
    while kept.story().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.send(true).expect("listening");
    house.await.expect("no panic");
    assert_eq!(kept.story(), ["mail.expired"]);
    let records = kept.records.lock().expect("no panic");
    assert!(records[0].attribution.src.ip().is_unspecified());
}
