//! What stands between the sessions and a sink beside the store: a sink that panics costs itself alone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use event::Record;

use super::counters::Counters;
use super::outlet::Complaint;
use super::{NotNow, Sink};

/// A sink whose panics end here.
pub(super) struct Guard {
    pub(super) sink: Box<dyn Sink>,
    pub(super) counters: Arc<Counters>,
    pub(super) complaint: Mutex<Complaint>,
}

impl Sink for Guard {
    fn offer(&self, batch: &[Record]) -> Result<(), NotNow> {
        catch_unwind(AssertUnwindSafe(|| self.sink.offer(batch))).unwrap_or_else(|_| {
            // A sink counts what it is offered as its last step, so nothing of this batch is counted yet.
            let events = u64::try_from(batch.len()).unwrap_or(u64::MAX);
            self.counters.panics.add(1);
            self.counters.offered.add(events);
            self.counters.dropped.add(events);
            let name = self.counters.name;
            if self.complaint.lock().unwrap_or_else(PoisonError::into_inner).due() {
                tracing::error!(
                    "{name} failed by a mistake of Honeypost's and lacks events; the store has them"
                );
            }
            Err(NotNow(format!("{name} failed")))
        })
    }
}

#[cfg(test)]
mod tests {
    use event::Event;

    use super::*;
    use crate::config::WhenStoreFull;
    use crate::pipeline::Ledger;
    use crate::pipeline::Pipeline;
    use crate::pipeline::tests::{Kept, attribution};

    struct Panics;

    impl Sink for Panics {
        fn offer(&self, _batch: &[Record]) -> Result<(), NotNow> {
            panic!("a mistake")
        }
    }

    #[tokio::test]
    async fn a_session_does_not_notice_a_sink_that_panics() {
        let (kept, counters) = (Kept::default(), Arc::new(Counters::new("a test")));
        let guard = |sink| Guard { sink, counters: Arc::clone(&counters), complaint: Mutex::default() };
        let after = Kept::default();
        let sinks: Vec<Box<dyn Sink>> = vec![Box::new(guard(Box::new(Panics))), Box::new(after.clone())];
        let mut ledger =
            Ledger::new(Pipeline::new(Box::new(kept.clone()), sinks, 0, WhenStoreFull::Wait), attribution());
        let opened = ledger.open("decnet");
        let opened = ledger.stamp(opened);
        ledger.append(&[opened]).await;
        let event = ledger.stamp(Event::MailboxSelected { mailbox: "INBOX".into(), read_only: false });
        ledger.append(&[event.clone(), event]).await;
        assert_eq!((kept.story(), after.story().len()), (after.story(), 3));
        assert_eq!((counters.offered.get(), counters.dropped.get(), counters.panics.get()), (3, 3, 2));
    }
}
