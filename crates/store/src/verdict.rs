//! What verifying evidence comes to.

use uuid::Uuid;

/// Findings that are told one by one; the rest is counted.
const TOLD: usize = 1000;

/// What does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// This event, or the one before it, is not what was recorded.
    Altered {
        /// Whose.
        session: Uuid,
        /// Its number.
        seq: u64,
    },
    /// Events are missing between others, or at the end.
    Missing {
        /// Whose.
        session: Uuid,
        /// The first that is missing.
        seq: u64,
        /// How many.
        events: u64,
    },
    /// The events' own account of the session ends otherwise than the session's row says.
    Ending {
        /// Whose.
        session: Uuid,
    },
    /// This part of the wire record is not what was recorded, or something before it is missing.
    Wire {
        /// Whose.
        session: Uuid,
        /// The block that holds it.
        block: i64,
    },
    /// The wire record does not end where `session.closed` says.
    WireEnding {
        /// Whose.
        session: Uuid,
    },
    /// A session's row holds what this program does not write.
    Session {
        /// The row's key.
        key: i64,
    },
    /// Events whose session is not there.
    Orphans {
        /// How many.
        events: u64,
    },
}

/// What verifying found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Sessions looked at.
    pub sessions: u64,
    /// Events looked at.
    pub events: u64,
    /// Stretches of wire records looked at.
    pub chunks: u64,
    /// Sessions without `session.closed`: they go on, or the server was killed.
    pub unclosed: u64,
    /// Events that a version recorded which did not link: nothing vouches for them.
    pub unlinked: u64,
    /// Events that were never recorded, because the store took none: their numbers are missing and the chain goes on.
    pub lost: u64,
    /// Parts of wire records that retention has deleted.
    pub deleted: u64,
    /// What does not fit, the first of it.
    pub findings: Vec<Finding>,
    /// Further findings.
    pub further: u64,
}

impl Verdict {
    /// Whether everything fits.
    pub fn is_whole(&self) -> bool {
        self.findings.is_empty()
    }

    pub(crate) fn found(&mut self, finding: Finding) {
        if self.findings.len() < TOLD {
            self.findings.push(finding);
        } else {
            self.further += 1;
        }
    }
}
