//! What tells one installation from another: UIDVALIDITY, UIDs, POP3's unique ids, names of queued mail. Two data directories
//! have nothing of it in common, and one keeps it over a restart.

mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use common::Server;

/// What a visitor sees of an installation.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    /// `[UIDVALIDITY n]` of each mailbox, INBOX first.
    validities: Vec<String>,
    /// The UIDs of INBOX.
    uids: String,
    /// UIDL of the maildrop.
    unique_ids: Vec<String>,
}

fn connect(address: SocketAddr) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(address).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("settable");
    BufReader::new(stream)
}

/// Says a line and reads up to the line that begins so.
fn ask(peer: &mut BufReader<TcpStream>, line: &str, last: &str) -> Vec<String> {
    peer.get_mut().write_all(format!("{line}\r\n").as_bytes()).expect("written");
    let mut answer = Vec::new();
    loop {
        let mut line = String::new();
        assert!(peer.read_line(&mut line).expect("readable") > 0, "closed behind {answer:?}");
        let done = line.starts_with(last);
        answer.push(line.trim_end().to_owned());
        if done {
            return answer;
        }
    }
}

/// Where a listener of that name listens.
fn at(server: &Server, name: &str) -> SocketAddr {
    let found = server.said.lines().find_map(|line| {
        let (listener, address) = line.trim().split_once(' ')?;
        (listener == name).then(|| address.trim().parse().expect("an address"))
    });
    found.unwrap_or_else(|| panic!("no {name} in {}", server.said))
}

fn look(data: &Path) -> (Seen, String) {
    const ANY: &str = "127.0.0.1:0";
    let flags = ["--personality", "dovecot-2.3", "--pop3", ANY, "--smtp", ANY];
    let server = Server::start(data, &flags);
    let mut imap = connect(at(&server, "IMAP"));
    ask(&mut imap, "a LOGIN admin admin", "a OK");
    let mut validities = Vec::new();
    for mailbox in ["INBOX", "Sent", "Drafts"] {
        let answer = ask(&mut imap, &format!("b EXAMINE {mailbox}"), "b ");
        validities.extend(answer.into_iter().filter(|line| line.contains("[UIDVALIDITY ")));
    }
    ask(&mut imap, "c EXAMINE INBOX", "c OK");
    let uids = ask(&mut imap, "d UID SEARCH ALL", "d OK").remove(0);
    let mut pop3 = connect(at(&server, "POP3"));
    ask(&mut pop3, "USER admin", "+OK");
    ask(&mut pop3, "PASS admin", "+OK Logged in");
    let unique_ids = ask(&mut pop3, "UIDL", ".");
    let mut smtp = connect(at(&server, "SMTP"));
    ask(&mut smtp, "EHLO peer.example", "250 ");
    ask(&mut smtp, "MAIL FROM:<a@peer.example>", "250");
    ask(&mut smtp, "RCPT TO:<postmaster>", "250");
    ask(&mut smtp, "DATA", "354");
    let queued =
        ask(&mut smtp, "Subject: x\r\n\r\nx\r\n.", "250 2.0.0 Ok: queued as ").pop().expect("an answer");
    let queue_id = queued.rsplit(' ').next().expect("a name").to_owned();
    drop((imap, pop3, smtp));
    server.signal("TERM");
    server.end();
    (Seen { validities, uids, unique_ids }, queue_id)
}

#[test]
fn an_installation_keeps_its_numbers_and_shares_them_with_no_other() {
    let (one, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let (first, queued) = look(one.path());
    // UIDVALIDITY is the second in which the mailboxes came to be, as with Dovecot.
    std::thread::sleep(Duration::from_millis(1_100));
    let (second, other_queued) = look(other.path());
    let (again, queued_again) = look(one.path());
    assert!(first.validities.len() >= 2, "{first:?}");
    assert_eq!(first.validities, again.validities, "over a restart");
    assert_eq!(
        first.uids,
        again.uids.get(..first.uids.len()).unwrap_or_default(),
        "what came since stands behind"
    );
    assert_eq!(
        first.unique_ids[1..first.unique_ids.len() - 1],
        again.unique_ids[1..first.unique_ids.len() - 1]
    );
    for (mine, theirs) in first.validities.iter().zip(&second.validities) {
        assert_ne!(mine, theirs, "of another installation");
    }
    let ids = |seen: &Seen| -> Vec<String> {
        seen.unique_ids.iter().filter_map(|line| Some(line.split_once(' ')?.1.to_owned())).collect()
    };
    assert!(ids(&first).len() > 3, "{first:?}");
    assert!(ids(&first)[1..].iter().all(|id| !ids(&second)[1..].contains(id)), "{first:?} {second:?}");
    for id in [&queued, &other_queued, &queued_again] {
        // Postfix: five digits of the microseconds, then the inode.
        assert!(
            id.len() > 8 && id.bytes().all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte)),
            "{id}"
        );
    }
    assert!(queued != queued_again && queued != other_queued);
}
