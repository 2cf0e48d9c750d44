//! A connection's way into the pipeline: what it sent and got, numbered, chained, and recorded before the next word.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use event::{Attribution, CloseReason, Event, Record};
use jiff::Timestamp;
use store::{Flow, Piece, Trail};

use super::{Batch, Pipeline, id_at};

/// One connection's evidence, from `session.opened` to `session.closed`. Dropped before the latter (a panic, an abort), it
/// records the end itself.
pub(crate) struct Ledger {
    pipeline: Arc<Pipeline>,
    attribution: Attribution,
    seq: u64,
    trail: Trail,
    opened: Instant,
    open: bool,
    /// Octets received.
    bytes_in: u64,
    /// Octets sent.
    bytes_out: u64,
    /// What is recorded with the next events.
    wire: Vec<Piece>,
    /// Octets of the wire record, and those that it lacks.
    wire_kept: u64,
    wire_cut: u64,
    /// What is missing and not told yet.
    lost: Option<Box<Lost>>,
}

/// What could not be recorded.
#[derive(Debug, Clone, Copy, Default)]
struct Lost {
    events: u64,
    /// Octets of the wire record.
    wire: u64,
}

impl Ledger {
    /// The ledger of a connection that was accepted just now.
    pub(crate) fn new(pipeline: Arc<Pipeline>, attribution: Attribution) -> Self {
        Self {
            pipeline,
            attribution,
            seq: 0,
            trail: Trail::default(),
            opened: Instant::now(),
            open: false,
            bytes_in: 0,
            bytes_out: 0,
            wire: Vec::new(),
            wire_kept: 0,
            wire_cut: 0,
            lost: None,
        }
    }

    /// The beginning, which must be stamped and recorded before anything else.
    pub(crate) fn open(&mut self, personality: &str) -> Event {
        self.open = true;
        Event::SessionOpened { personality: personality.to_owned() }
    }

    /// Who and where.
    pub(crate) fn attribution(&self) -> &Attribution {
        &self.attribution
    }

    /// Gives an event its identity. It is recorded once [`append`](Self::append) returns.
    pub(crate) fn stamp(&mut self, event: Event) -> Record {
        let time = Timestamp::now();
        let seq = self.seq;
        self.seq += 1;
        Record { id: id_at(time), time, seq, attribution: self.attribution.clone(), event }
    }

    /// Notes what the peer sent. It is recorded with the next events, or by [`append`](Self::append) of none.
    pub(crate) fn received(&mut self, octets: &[u8]) {
        self.bytes_in += octets.len() as u64;
        let kept = self.room_for(octets.len());
        if let Some(kept) = octets.get(..kept).filter(|kept| !kept.is_empty()) {
            self.note(Flow::Received, Bytes::copy_from_slice(kept));
        }
    }

    /// Whether the peer has sent anything.
    pub(crate) fn has_received(&self) -> bool {
        self.bytes_in > 0
    }

    /// TLS is on from here.
    pub(crate) fn secured(&mut self) {
        self.attribution.tls = true;
    }

    /// Notes the records of a TLS hello, which are no octets of the conversation.
    pub(crate) fn hello(&mut self, records: &[u8]) {
        let kept = self.room_for(records.len());
        if let Some(kept) = records.get(..kept).filter(|kept| !kept.is_empty()) {
            self.note(Flow::ClientHello, Bytes::copy_from_slice(kept));
        }
    }

    /// Notes what is about to be sent.
    pub(crate) fn sending(&mut self, octets: &Bytes) {
        let kept = self.room_for(octets.len());
        if kept > 0 {
            self.note(Flow::Sent, octets.slice(..kept));
        }
    }

    /// Counts octets that the peer has taken.
    pub(crate) fn sent(&mut self, octets: usize) {
        self.bytes_out += octets as u64;
    }

    /// Notes that the peer did not take the last of what was sent.
    pub(crate) fn unsent(&mut self, octets: &[u8]) {
        let kept = self.room_for(octets.len());
        if let Some(kept) = octets.get(..kept).filter(|kept| !kept.is_empty()) {
            self.note(Flow::Unsent, Bytes::copy_from_slice(kept));
        }
    }

    fn note(&mut self, flow: Flow, octets: Bytes) {
        self.wire.push(Piece { time: Timestamp::now(), flow, octets });
    }

    /// How many of so many octets the wire record takes.
    fn room_for(&mut self, octets: usize) -> usize {
        let left = self.pipeline.wire_limit.saturating_sub(self.wire_kept);
        let kept = octets.min(usize::try_from(left).unwrap_or(usize::MAX));
        self.wire_kept += kept as u64;
        self.wire_cut += (octets - kept) as u64;
        kept
    }

    /// Whether there is a part of the wire record that is not recorded yet.
    pub(crate) fn is_pending(&self) -> bool {
        !self.wire.is_empty()
    }

    /// Hands events and what was noted before them to the sinks, waiting for the store as long as it takes. Never returns
    /// where it gave up.
    pub(crate) async fn append(&mut self, records: &[Record]) {
        if records.is_empty() && self.wire.is_empty() {
            return;
        }
        let wire = std::mem::take(&mut self.wire);
        let batch = Batch { session: self.attribution.session, wire: &wire, records };
        let recorded = self.pipeline.append(batch, &mut self.trail).await;
        if !recorded {
            self.lose(records.len(), &wire);
        } else if self.lost.is_some() {
            Box::pin(self.confess()).await;
        }
    }

    fn lose(&mut self, events: usize, wire: &[Piece]) {
        let octets = wire.iter().map(|piece| piece.octets.len() as u64).sum::<u64>();
        let lost = self.lost.get_or_insert_default();
        lost.events += events as u64;
        lost.wire += octets;
        self.wire_cut += octets;
    }

    /// Records what is lost.
    async fn confess(&mut self) {
        let Some(Lost { events, wire }) = self.lost.as_deref().copied() else { return };
        let confession = [self.stamp(Event::EvidenceLost { events, wire })];
        let batch = Batch { session: self.attribution.session, wire: &[], records: &confession };
        if self.pipeline.append(batch, &mut self.trail).await {
            self.lost = None;
        } else {
            self.lose(1, &[]);
        }
    }

    /// Records the end.
    pub(crate) async fn close(&mut self, reason: CloseReason) {
        // The end vouches for all of the wire record: it must be there before.
        self.append(&[]).await;
        let closed = self.closing(reason);
        self.append(&[closed]).await;
        self.open = false;
    }

    fn closing(&mut self, reason: CloseReason) -> Record {
        let duration_ms = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.stamp(Event::SessionClosed {
            reason,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            duration_ms,
            wire_cut: self.wire_cut,
            wire_sha256: self.trail.wire().to_string(),
            chain_sha256: self.trail.events().to_string(),
        })
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        if self.open {
            let session = self.attribution.session;
            let wire = std::mem::take(&mut self.wire);
            let mut trail = self.trail;
            let noted = self.pipeline.offer(Batch { session, wire: &wire, records: &[] }, &mut trail);
            self.trail = trail;
            let closed = [self.closing(CloseReason::Error)];
            let closed = Batch { session, wire: &[], records: &closed };
            if let Err(reason) = noted.and_then(|()| self.pipeline.offer(closed, &mut trail)) {
                self.pipeline.store.lost(closed.records);
                tracing::error!(%reason, %session, "the end of a session is not recorded");
            }
        }
    }
}
