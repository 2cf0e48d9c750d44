//! Keeping house: deletes captured mail that is too old or too much, in small steps, each recorded; and forgets what
//! visitors no longer see.
//!
//! These events belong to no connection. Their session is one of Honeypost's own, a new one at each start, without
//! `session.opened` and `session.closed`; both of its addresses are `0.0.0.0:0`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use event::{Attribution, Event, Protocol};
use jiff::Timestamp;
use tokio::sync::watch;

use super::Mailroom;
use super::capture::Expired;
use super::quota::Kept;
use crate::pipeline::{Ledger, Pipeline, id_at};

/// How often.
const PERIOD: Duration = Duration::from_mins(1);
/// Messages that are deleted in one step, and what is waited before the next.
const STEP: usize = 64;
const PAUSE: Duration = Duration::from_millis(50);

/// Keeps house until Honeypost ends.
pub(crate) async fn keep_house(
    room: Arc<Mailroom>,
    pipeline: Arc<Pipeline>,
    sensor: Arc<str>,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut ledger = Ledger::new(pipeline, own(sensor));
    loop {
        room.visitors.expire(Timestamp::now());
        while let Some(event) = step(&room).await {
            let record = ledger.stamp(event);
            ledger.append(&[record]).await;
            tokio::time::sleep(PAUSE).await;
            if *shutdown.borrow() {
                return;
            }
        }
        tokio::select! {
            biased;
            _ = shutdown.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}

async fn step(room: &Arc<Mailroom>) -> Option<Event> {
    let room = Arc::clone(room);
    tokio::task::spawn_blocking(move || room.expire(Timestamp::now())).await.ok()?
}

/// Who keeps house.
fn own(sensor: Arc<str>) -> Attribution {
    let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    Attribution {
        sensor,
        session: id_at(Timestamp::now()),
        protocol: Protocol::Smtp,
        tls: false,
        src: nowhere,
        dst: nowhere,
    }
}

impl Mailroom {
    /// One step: deletes some messages that are too old, or else some of the oldest where there are too many. `None`: none
    /// is.
    pub(super) fn expire(&self, now: Timestamp) -> Option<Event> {
        let mut expired = Expired::default();
        let oldest = now.checked_sub(self.keep).unwrap_or(Timestamp::MIN);
        self.delete_some(&mut expired, || self.quota.take_older(oldest));
        if let Some(event) = expired.event_because("age") {
            return Some(event);
        }
        let mut expired = Expired::default();
        let limit = self.keep_size?;
        self.delete_some(&mut expired, || {
            if self.quota.octets() > limit { self.quota.take_oldest(None) } else { None }
        });
        expired.event()
    }

    fn delete_some(&self, expired: &mut Expired, mut next: impl FnMut() -> Option<Kept>) {
        for _ in 0..STEP {
            let Some(kept) = next() else { return };
            self.delete(kept.name, kept.extent);
            self.delete_empty(kept.name.folder());
            expired.count(kept.octets);
        }
    }

    /// Deletes a day's folder, and those of its month and year, where nothing is left in them.
    fn delete_empty(&self, mut folder: PathBuf) {
        // `mail` itself stays.
        while folder.components().count() > 1 && std::fs::remove_dir(self.directory.join(&folder)).is_ok() {
            folder.pop();
        }
    }
}
