//! A full disk: a small tmpfs, which only root can mount.

use std::process::Command;

use super::*;

/// A tmpfs of so many blocks of 4096 octets.
struct Small(TempDir);

impl Small {
    fn mount(blocks: u32) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let size = format!("size={}", blocks * 4096);
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        let why = "SKIPPED: mail on a full disk was not tested, because mounting a tmpfs needs root";
        writeln!(io::stderr(), "{why}").expect("standard error");
        None
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// Whatever step the disk fails at, nothing half-written is left, the connection stays, and there is room again later.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_and_leaves_nothing_half_written() {
    let mut outcomes = (0, 0);
    for blocks in 1..40 {
        let Some(disk) = Small::mount(blocks) else { return };
        let Ok(room) = Mailroom::open(
            disk.0.path(),
            &settings(|_| {}),
            Visitors::new(Arc::new(Corpus::default()), Box::new(|_| Vec::new()), Duration::from_mins(1)),
        ) else {
            continue;
        };
        let message = vec![b'x'; 70_000];
        let steps = vec![whole(&message, 8192, false), whole(&message, 8192, false), whole(b"y", 1, false)];
        let mut peer = Peer::connect(&room, steps).await;
        let answers = [peer.step().await, peer.step().await, peer.step().await];
        let events = peer.leave().await;
        let mut kept = 0;
        for (event, answer) in events.iter().zip(&answers) {
            match event {
                Event::MailReceived { path, size, .. } => {
                    kept += 2;
                    outcomes.0 += 1;
                    assert!(answer.starts_with("250 "), "{answer}");
                    assert_eq!(fs::metadata(disk.0.path().join(path)).expect("there").len(), *size);
                }
                Event::MailRefused { reason: "disk", .. } => {
                    outcomes.1 += 1;
                    assert_eq!(answer, "452");
                }
                event => panic!("{event:?}"),
            }
        }
        assert_eq!(events.len(), 3, "{blocks} blocks");
        let files = files(disk.0.path());
        assert_eq!(files.len(), kept, "{blocks} blocks: {files:?}");
        // What was refused is not counted.
        let held: u64 = files
            .iter()
            .filter(|(path, _)| !path.ends_with("json"))
            .map(|(_, size)| quota::charge(*size))
            .sum();
        assert_eq!(room.quota.octets(), held);
    }
    assert!(outcomes.0 > 10 && outcomes.1 > 10, "{outcomes:?}");
}
