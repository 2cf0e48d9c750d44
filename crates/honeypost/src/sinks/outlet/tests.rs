use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;

const LONG: Duration = Duration::from_secs(20);

/// A writer that takes one write for each permission, and passes on what it took.
struct Slow {
    permissions: Receiver<io::Result<()>>,
    written: Sender<String>,
}

impl Write for Slow {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let _ = self.written.send("asked".into());
        self.permissions.recv().unwrap_or(Ok(()))?;
        let _ = self.written.send(String::from_utf8_lossy(octets).into_owned());
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn slow(room: usize) -> (Outlet<&'static str>, Ending, Sender<io::Result<()>>, Receiver<String>) {
    let (permit, permissions) = channel();
    let (written, seen) = channel();
    let press = |job, out: &mut Vec<u8>| match job {
        Job::Item(text) => writeln!(out, "{text}").expect("a vector"),
        Job::Gap(events) => writeln!(out, "gap {events}").expect("a vector"),
    };
    let (outlet, ending) = open("a test", Slow { permissions, written }, room, press).expect("a thread");
    (outlet, ending, permit, seen)
}

fn offer(outlet: &Outlet<&'static str>, item: &'static str) -> bool {
    outlet.offer(vec![Offer { item, events: 2, octets: item.len() }]).is_ok()
}

#[test]
fn a_blocked_writer_stalls_nobody_and_the_gap_stands_where_it_is() {
    let (outlet, ending, permit, seen) = slow(8);
    assert!(offer(&outlet, "one"));
    assert_eq!(seen.recv_timeout(LONG).as_deref(), Ok("asked"));
    // The thread is in its write now: what comes has the queue's room and no more.
    assert!(offer(&outlet, "four") && offer(&outlet, "five"));
    for _ in 0..1000 {
        assert!(!offer(&outlet, "lost"));
    }
    assert!(!offer(&outlet, ""), "nothing is taken behind a gap before the gap is told");
    drop(permit);
    let mut text = String::new();
    while !text.ends_with("gap 2002\n") {
        text.push_str(&seen.recv_timeout(LONG).expect("written").replace("asked", ""));
    }
    assert_eq!(text, "one\nfour\nfive\ngap 2002\n");
    assert!(offer(&outlet, "more"));
    drop(outlet);
    assert!(ending.wait(LONG));
    assert_eq!(seen.iter().last().as_deref(), Some("more\n"));
}

#[test]
fn what_is_larger_than_the_room_goes_alone() {
    let (outlet, ending, permit, seen) = slow(4);
    drop(permit);
    assert!(offer(&outlet, "larger than the room"));
    drop(outlet);
    assert!(ending.wait(LONG));
    assert_eq!(seen.iter().last().as_deref(), Some("larger than the room\n"));
}

#[test]
fn what_could_not_be_written_is_a_gap() {
    let (outlet, ending, permit, seen) = slow(100);
    permit.send(Err(ErrorKind::StorageFull.into())).expect("it waits");
    assert!(offer(&outlet, "one"));
    assert_eq!(seen.recv_timeout(LONG).as_deref(), Ok("asked"));
    permit.send(Err(ErrorKind::WouldBlock.into())).expect("it waits");
    drop(permit);
    assert!(offer(&outlet, "two"));
    drop(outlet);
    assert!(ending.wait(LONG));
    let text: Vec<String> = seen.iter().filter(|text| text != "asked").collect();
    assert_eq!(text.concat(), "gap 2\ntwo\n");
}

#[test]
fn a_closed_output_is_the_end() {
    let (outlet, ending, permit, _seen) = slow(100);
    permit.send(Err(ErrorKind::BrokenPipe.into())).expect("it waits");
    assert!(offer(&outlet, "one"));
    assert!(ending.wait(LONG));
    assert!(!offer(&outlet, "two"));
}

#[test]
fn an_end_is_not_waited_for_without_limit() {
    let (outlet, ending, _permit, seen) = slow(100);
    assert!(offer(&outlet, "one"));
    assert_eq!(seen.recv_timeout(LONG).as_deref(), Ok("asked"));
    drop(outlet);
    assert!(!ending.wait(Duration::from_millis(10)));
}

#[test]
fn a_line_that_was_cut_is_ended() {
    /// Takes three octets, fails, then takes all.
    struct Cut(u32, Sender<Vec<u8>>);
    impl Write for Cut {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0 += 1;
            let taken = match self.0 {
                1 => 3,
                2 => return Err(ErrorKind::StorageFull.into()),
                _ => octets.len(),
            };
            let _ = self.1.send(octets[..taken].to_vec());
            Ok(taken)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (written, seen) = channel();
    let press = |job, out: &mut Vec<u8>| writeln!(out, "{job:?}").expect("a vector");
    let (outlet, ending) = open("a test", Cut(0, written), 100, press).expect("a thread");
    assert!(offer(&outlet, "one"));
    let mut text = seen.recv_timeout(LONG).expect("written");
    // The first is in its write: the second comes behind.
    assert!(offer(&outlet, "two"));
    drop(outlet);
    assert!(ending.wait(LONG));
    text.extend(seen.iter().flatten());
    assert_eq!(String::from_utf8_lossy(&text), "Ite\nGap(2)\nItem(\"two\")\n");
}

#[test]
fn complaints_become_rare() {
    let mut complaint = Complaint::default();
    assert!(complaint.due() && !complaint.due());
    let earlier = |at: Instant| at.checked_sub(Duration::from_secs(2)).unwrap_or(at);
    complaint.last = complaint.last.map(|(at, pause)| (earlier(at), pause));
    assert!(complaint.due());
    assert_eq!(complaint.last.map(|(_, pause)| pause), Some(Duration::from_secs(2)));
}
