//! What a world holds, shares and refuses.

use super::*;
use jiff::Timestamp;
use jiff::tz::TimeZone;

fn date() -> ZonedDateTime {
    Timestamp::UNIX_EPOCH.to_zoned_datetime(TimeZone::UTC)
}

fn corpus(uids: &[u32]) -> Corpus {
    let message =
        |uid: &u32| Arc::new(Message::new(*uid, Flags::NONE, date(), Bytes::from_static(b"x"), Vec::new()));
    let messages: Vec<_> = uids.iter().map(message).collect();
    let uid_next = uids.last().map_or(1, |uid| uid + 1);
    let inbox = Mailbox { name: "INBOX".into(), uid_validity: 7, uid_next, messages };
    Corpus { mailboxes: vec![Arc::new(inbox)], subscriptions: Vec::new() }
}

fn uids(world: &World) -> Vec<u32> {
    world.folder("inbox").unwrap().entries().map(|entry| entry.message.uid).collect()
}

fn put(world: &mut World, flags: Flags, octets: Bytes) -> Result<u32, Full> {
    world.append("INBOX", (flags, &[]), date(), octets, 0, &mut Counted::default())
}

#[test]
fn what_arrives_after_an_append_has_a_uid_of_its_own() {
    let mut world = World::new(&corpus(&[3]));
    assert_eq!(put(&mut world, Flags::SEEN, Bytes::from_static(b"y")), Ok(4));
    world.arrive(&corpus(&[3, 4]));
    assert_eq!(uids(&world), [3, 4, 5]);
    world.arrive(&corpus(&[3, 4, 9]));
    assert_eq!(uids(&world), [3, 4, 5, 9]);
    world.folder_mut("INBOX").unwrap().expunge([4, 9]);
    assert_eq!(uids(&world), [3, 5]);
}

#[test]
fn there_is_an_end_to_everything() {
    let mut world = World::new(&corpus(&[3]));
    let big = Bytes::from(vec![b'x'; MOST_OCTETS / 2]);
    assert!(put(&mut world, Flags::NONE, big.clone()).is_ok());
    assert!(put(&mut world, Flags::NONE, big.clone()).is_ok());
    assert_eq!(put(&mut world, Flags::NONE, big), Err(Full));
    let all: Vec<Entry> = world.folder("INBOX").unwrap().entries().collect();
    let copies = (0..10_000).take_while(|_| world.copy(&all, &[], "INBOX").is_ok()).count();
    assert!(copies * all.len() <= MOST_ADDED);
    let made = (0..10_000).take_while(|number| world.create(&format!("box-{number}")).is_ok()).count();
    assert_eq!(made, MOST_FOLDERS - 1);
    let folder = world.folder_mut("INBOX").unwrap();
    let names: Vec<String> = (0..1000).map(|number| format!("k{number}")).collect();
    assert_eq!(folder.keyword_bits(&names), u64::MAX);
}

#[test]
fn worlds_share_what_is_not_changed_and_nothing_else() {
    let base = Base::new(&corpus(&[3, 4]));
    let budget = Arc::new(Budget::new(10_000));
    let mut one = World::of(&base, Arc::clone(&budget));
    let mut other = World::of(&base, Arc::clone(&budget));
    let list = |world: &World| Arc::clone(world.folder("INBOX").unwrap().list());
    one.forget_recent("INBOX");
    assert_eq!(one.changes(), 0);
    one.look_at("INBOX");
    assert!(Arc::ptr_eq(&list(&one), &list(&other)) && one.changes() > 0);
    one.folder_mut("INBOX").unwrap().expunge([3]);
    put(&mut one, Flags::NONE, Bytes::from(vec![b'x'; 5_000])).unwrap();
    assert_eq!((uids(&one), uids(&other)), (vec![4, 5], vec![3, 4]));
    assert!(one.changes() > 0 && other.changes() == 0);
    let more = put(&mut other, Flags::NONE, Bytes::from(vec![b'x'; 5_000]));
    assert_eq!(more, Err(Full), "the room of both together");
    assert_eq!(uids(&other), [3, 4]);
    drop(one);
    assert_eq!(budget.used(), 0);
    assert!(put(&mut other, Flags::NONE, Bytes::from(vec![b'x'; 5_000])).is_ok());
}

#[test]
fn what_is_gone_is_remembered_with_its_marks() {
    let mut world = World::new(&corpus(&[3, 4]));
    let folder = world.folder_mut("INBOX").unwrap();
    let first = folder.entries().next().unwrap();
    folder.mark(&first, Flags::DELETED, 0);
    folder.count_change();
    assert_eq!((folder.expunge([3, 9]), folder.expunge([3])), (1, 0));
    assert!(folder.is_gone(3) && !folder.is_gone(4) && !folder.is_gone(9));
    // Who does not know yet that it is gone marks it all the same.
    assert!(folder.mark(&first, Flags::SEEN, 0));
    assert_eq!(folder.last_marks(3).unwrap().flags, Flags::SEEN);
    assert_eq!(folder.expunged_since(3).collect::<Vec<_>>(), [3]);
    assert_eq!(folder.expunged_since(4).count(), 0);
}

#[test]
fn what_arrives_is_bounded_too() {
    let mut world = World::new(&corpus(&[3]));
    let big = |uid| {
        let bytes = Bytes::from(vec![b'x'; MOST_OCTETS / 2]);
        Arc::new(Message::new(uid, Flags::RECENT, date(), bytes, Vec::new()))
    };
    for last in 4..10 {
        let messages = (4..=last).map(big).collect();
        let inbox = Mailbox { name: "INBOX".into(), uid_validity: 7, uid_next: last + 1, messages };
        world.arrive(&Corpus { mailboxes: vec![Arc::new(inbox)], subscriptions: Vec::new() });
    }
    assert_eq!(uids(&world), [3, 4, 5]);
    assert_eq!(world.folder("INBOX").unwrap().uid_next, 10);
}

#[test]
fn names_move_with_all_below() {
    let mut world = World::new(&corpus(&[3]));
    for name in ["a", "a.b", "ab"] {
        world.create(name).unwrap();
    }
    assert!(world.has_children("a", '.') && !world.has_children("ab", '.'));
    assert!(world.rename("a", "x.y", '.'));
    let names: Vec<&str> = world.folders().map(|folder| folder.name.as_str()).collect();
    assert_eq!(names, ["INBOX", "x.y", "x.y.b", "ab"]);
    assert!(world.delete("x.y", '.') && world.is_left_behind("x.y") && !world.delete("x.y", '.'));
}

#[test]
fn the_index_of_mailboxes_keeps_names_in_their_order_and_is_bounded() {
    let mut world = World::new(&corpus(&[3]));
    world.create("a.b").unwrap();
    let names = |world: &mut World| world.nodes('.').iter().map(|node| node.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&mut world), ["INBOX", "a", "a.b"]);
    let before = world.nodes('.');
    // A mailbox that has another name is found under it once the names are read.
    world.rename("a.b", "c", '.');
    assert!(world.is_list_behind() && names(&mut world) == ["INBOX", "a", "a.b"]);
    world.refresh_list();
    let after = world.nodes('.');
    assert!(!world.is_list_behind() && names(&mut world) == ["INBOX", "c"]);
    assert_eq!(after[1].uid_validity, before[2].uid_validity);
    assert!(after[1].uid > before[2].uid);
    world.delete("c", '.');
    assert_eq!((names(&mut world), world.next_node()), (vec!["INBOX".to_owned()], after[1].uid + 1));
    for number in 0..MOST_FOLDERS - 1 {
        world.create(&format!("n{number}{}", ".x".repeat(20))).unwrap();
    }
    assert_eq!(names(&mut world).len(), 1_000);
}

#[test]
fn who_adds_to_what_nobody_has_looked_at_takes_in_what_was_waiting() {
    let waiting = Message::new(3, Flags::RECENT, date(), Bytes::from_static(b"x"), Vec::new());
    let messages = vec![Arc::new(waiting)];
    let inbox = Arc::new(Mailbox { name: "INBOX".into(), uid_validity: 7, uid_next: 4, messages });
    let corpus = Corpus { mailboxes: vec![inbox], subscriptions: Vec::new() };
    for looked_at in [false, true] {
        let mut world = World::new(&corpus);
        if looked_at {
            world.look_at("INBOX");
        }
        put(&mut world, Flags::NONE, Bytes::from_static(b"x")).unwrap();
        assert_eq!(world.folder("INBOX").unwrap().numbers().recent, 1 + usize::from(looked_at));
    }
}
