//! What a session's events have come to so far.

use std::collections::{BTreeMap, BTreeSet};

use event::Attribution;
use event::attack::Technique;
use jiff::Timestamp;
use store::Stored;

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    /// Who and where.
    pub(super) attribution: Attribution,
    /// The source, by its number.
    pub(super) source: usize,
    /// Whether TLS was on at any time.
    pub(super) tls: bool,
    /// The first of its events that is exported.
    pub(super) first: Timestamp,
    /// The last of them.
    pub(super) last: Timestamp,
    /// When it was opened, where that is exported.
    pub(super) opened: Option<Timestamp>,
    /// When it was closed.
    pub(super) closed: Option<Timestamp>,
    /// Octets received, known when it is closed.
    pub(super) received: Option<u64>,
    /// Octets sent.
    pub(super) sent: Option<u64>,
    /// Its observables, by their numbers.
    pub(super) observed: BTreeSet<u32>,
    /// The decoy secrets that it was shown.
    pub(super) bait: BTreeSet<String>,
    /// How often it showed which technique.
    pub(super) techniques: BTreeMap<&'static Technique, u64>,
}

impl Session {
    /// A session of which this is the first event.
    pub(super) fn new(stored: &Stored, source: usize) -> Self {
        Self {
            attribution: stored.attribution.clone(),
            source,
            tls: false,
            first: stored.time,
            last: stored.time,
            opened: None,
            closed: None,
            received: None,
            sent: None,
            observed: BTreeSet::new(),
            bait: BTreeSet::new(),
            techniques: BTreeMap::new(),
        }
    }

    /// When its id was made, which is when it was accepted: the same whatever is exported of it.
    pub(super) fn accepted(&self) -> Timestamp {
        let milliseconds = self.attribution.session.as_u128() >> 80;
        let is_v7 = self.attribution.session.get_version_num() == 7;
        let milliseconds = i64::try_from(milliseconds).ok().filter(|_| is_v7);
        milliseconds.and_then(|at| Timestamp::from_millisecond(at).ok()).unwrap_or(self.first)
    }

    /// What is known when an export ends, never before [`accepted`](Self::accepted).
    pub(super) fn modified(&self) -> Timestamp {
        self.last.max(self.accepted())
    }
}
