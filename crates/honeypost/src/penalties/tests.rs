use protocol::Personality;

use super::*;

fn penalties(slow: bool) -> Arc<Penalties> {
    let rules = Personality::builtin("dovecot-2.3").expect("it is built in").auth;
    Penalties::new(rules, slow, Timestamp::from_second(1_795_000_000).expect("in range"))
}

fn guest(penalties: &Arc<Penalties>, protocol: Protocol, address: &str) -> Guest {
    penalties.guest(protocol, "x", address.parse().expect("an address"))
}

fn at(seconds: u64) -> Moment {
    Moment(Duration::from_secs(seconds))
}

fn wait(guest: &Guest, seconds: u64) -> u64 {
    guest.doorman.penalty(at(seconds)).wait.as_secs()
}

#[test]
fn an_address_waits_for_its_own_failures_in_every_protocol() {
    let penalties = penalties(true);
    let imap = guest(&penalties, Protocol::Imap, "192.0.2.1");
    assert_eq!(imap.doorman.failed(at(10), Penalty::default(), Some(1)), Some(Duration::from_secs(2)));
    assert_eq!(wait(&imap, 12), 4);
    drop(imap);
    for protocol in [Protocol::Pop3, Protocol::Smtp] {
        assert_eq!(wait(&guest(&penalties, protocol, "192.0.2.1"), 12), 4);
    }
    assert_eq!(wait(&guest(&penalties, Protocol::Imap, "192.0.2.2"), 12), 0);
    assert_eq!(wait(&guest(&penalties, Protocol::Imap, "192.0.2.1"), 25), 0, "forgiven");
}

#[test]
fn an_ipv6_network_of_48_bits_is_one() {
    let penalties = penalties(true);
    guest(&penalties, Protocol::Imap, "2001:db8:1:2::3").doorman.failed(at(1), Penalty::default(), None);
    assert_eq!(wait(&guest(&penalties, Protocol::Imap, "2001:db8:1:ffff::1"), 2), 4);
    assert_eq!(wait(&guest(&penalties, Protocol::Imap, "2001:db8:2::1"), 2), 0);
}

#[test]
fn an_operator_may_have_nobody_wait() {
    let penalties = penalties(false);
    let guest = guest(&penalties, Protocol::Imap, "192.0.2.1");
    assert_eq!(guest.doorman.failed(at(1), Penalty::default(), None), Some(Duration::from_secs(2)));
    assert_eq!(wait(&guest, 2), 0);
}

#[test]
fn mail_is_open_ten_times_to_an_address() {
    let penalties = penalties(true);
    let come = |protocol, address| guest(&penalties, protocol, address);
    let mut inside: Vec<_> = (0..10).map(|_| come(Protocol::Imap, "192.0.2.1")).collect();
    assert!(inside.iter().all(|guest| guest.doorman.admit(b"admin")));
    assert!(!come(Protocol::Imap, "192.0.2.1").doorman.admit(b"admin"));
    assert!(come(Protocol::Imap, "192.0.2.1").doorman.admit(b"root"));
    assert!(come(Protocol::Imap, "192.0.2.2").doorman.admit(b"admin"));
    assert!(come(Protocol::Pop3, "192.0.2.1").doorman.admit(b"admin"));
    inside.pop();
    assert!(come(Protocol::Imap, "192.0.2.1").doorman.admit(b"admin"));
    drop(inside);
    assert!(penalties.lock().open.is_empty(), "nothing is kept of who is gone");
}

#[test]
fn connections_are_counted_while_they_last() {
    let penalties = penalties(true);
    let first = guest(&penalties, Protocol::Smtp, "192.0.2.1");
    assert_eq!((first.doorman.connections(), first.doorman.connections()), (1, 1));
    assert_eq!(guest(&penalties, Protocol::Smtp, "192.0.2.1").doorman.connections(), 2);
    assert_eq!(guest(&penalties, Protocol::Smtp, "192.0.2.2").doorman.connections(), 1);
    drop(first);
    assert!(penalties.lock().connections.is_empty());
}

#[test]
fn a_flood_of_addresses_is_bounded() {
    let penalties = penalties(true);
    for number in 0..u32::try_from(MOST_ADDRESSES).expect("it fits") + 10 {
        let address = IpAddr::V4(number.into());
        let guest = penalties.guest(Protocol::Imap, "x", address);
        guest.doorman.failed(at(1), Penalty::default(), None);
    }
    assert!(penalties.lock().failures.len() <= MOST_ADDRESSES);
}
