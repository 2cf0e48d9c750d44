//! The evidence store: what it has taken survives the end of this process.

use std::sync::Arc;

use event::Record;
use store::{Spool, SpoolError};

use super::{NotNow, Sink};

/// Events go to the store's spool, and from there into the database.
pub(crate) struct StoreSink(pub(crate) Arc<Spool>);

impl Sink for StoreSink {
    fn offer(&self, batch: &[Record]) -> Result<(), NotNow> {
        match self.0.append(batch) {
            Err(SpoolError::TooLarge { .. }) => {}
            result => return result.map_err(|error| NotNow(error.to_string())),
        }
        // One of them can never be kept, and trying again would hold its session for ever. No command of ours makes such an
        // event: the protocols' limits on lines are far lower.
        for record in batch {
            match self.0.append(std::slice::from_ref(record)) {
                Err(error @ SpoolError::TooLarge { .. }) => {
                    tracing::error!(%error, event = record.event.name(), "an event is lost");
                }
                result => result.map_err(|error| NotNow(error.to_string()))?,
            }
        }
        Ok(())
    }
}
