//! A connection takes in a message: its session's captures go to the mailroom, and what came of them into the pipeline.

use event::Event;
use protocol::{Abandoned, Action, Capture, Captured};

use super::Connection;
use crate::mailroom::Done;

impl<S> Connection<S> {
    /// Does one step of taking in a message. At its end: what became of it, which is on disk and recorded by then.
    pub(super) async fn take_in(&mut self, step: Capture) -> Option<Captured> {
        match step {
            Capture::Begin(envelope) => {
                // A session that forgot the last one.
                let events = self.intake.abort(Abandoned::Unfinished).await;
                self.record(events).await;
                self.intake.begin(self.ledger.attribution(), *envelope);
            }
            Capture::Write(octets) => {
                if self.intake.write(&octets) {
                    self.flush().await;
                }
            }
            Capture::Commit => {
                let Done { events, captured, arrival } = self.intake.commit().await;
                self.record(events).await;
                if let Some(arrival) = arrival {
                    self.intake.deliver(&arrival);
                }
                return Some(captured);
            }
            Capture::Append(appended) => {
                let events = self.intake.append(self.ledger.attribution(), *appended).await;
                self.record(events).await;
            }
            Capture::Abort(why) => {
                let events = self.intake.abort(why).await;
                self.record(events).await;
            }
        }
        None
    }

    /// Writes what has come and is only in memory: of a message, and of the wire record.
    pub(super) async fn flush(&mut self) {
        let events = self.intake.flush().await;
        self.record(events).await;
    }

    /// Records and takes in what is queued for a peer that is no longer there.
    pub(super) async fn carry_on(&mut self, actions: impl Iterator<Item = Action>) {
        let mut events = Vec::new();
        for action in actions {
            match action {
                Action::Record(event) => events.push(event),
                Action::Capture(step) => {
                    self.record(std::mem::take(&mut events)).await;
                    Box::pin(self.take_in(step)).await;
                }
                _ => {}
            }
        }
        self.record(events).await;
    }

    pub(super) async fn record(&mut self, events: Vec<Event>) {
        let records: Vec<_> = events.into_iter().map(|event| self.ledger.stamp(event)).collect();
        self.ledger.append(&records).await;
    }
}
