//! The evidence store: what it has taken survives the end of this process.

use std::sync::Arc;

use event::{Event, Record};
use store::{Piece, Spool, SpoolError, Trail};
use uuid::Uuid;

use super::{Archive, NotNow};

/// Octets that are kept of the fields of an event that is too large.
const BEGINNING: usize = 64 * 1024;

/// Evidence goes to the store's spool, and from there into the database.
pub(crate) struct StoreSink(pub(crate) Arc<Spool>);

impl Archive for StoreSink {
    fn keep(
        &self,
        session: Uuid,
        trail: &mut Trail,
        records: &[Record],
        wire: &[Piece],
    ) -> Result<(), NotNow> {
        let tell = |error: SpoolError| NotNow(error.to_string());
        match self.0.append(session, trail, records, wire) {
            Err(SpoolError::TooLarge { .. }) => {}
            result => return result.map_err(tell),
        }
        // Trying again would hold its session for ever. No command of ours makes such an event: the protocols' limits on
        // lines are far lower. All of it is appended at once still, so that nothing is taken twice.
        let records: Vec<Record> = records
            .iter()
            .map(|record| {
                if self.0.takes(record) {
                    return record.clone();
                }
                tracing::error!(%session, event = record.event.name(), "only the beginning of an event is recorded");
                shortened(record)
            })
            .collect();
        match self.0.append(session, trail, &records, wire) {
            Err(error @ SpoolError::TooLarge { .. }) => {
                tracing::error!(%error, events = records.len(), "they are lost");
                Ok(())
            }
            result => result.map_err(tell),
        }
    }
}

/// What stands for an event that is too large, in its place.
fn shortened(record: &Record) -> Record {
    let mut fields = serde_json::to_vec(&record.event).unwrap_or_default();
    fields.truncate(BEGINNING);
    let event = Event::ProtocolViolation { what: "event-too-large", line: fields.into() };
    Record { event, ..record.clone() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use event::{CloseReason, Text};
    use store::{Filter, Options, Reader, Writer};

    use super::*;
    use crate::pipeline::tests::attribution;

    fn closed() -> Event {
        Event::SessionClosed {
            reason: CloseReason::Peer,
            bytes_in: 0,
            bytes_out: 0,
            duration_ms: 0,
            wire_cut: 0,
            wire_sha256: String::new(),
            chain_sha256: String::new(),
        }
    }

    #[test]
    fn an_event_that_cannot_be_kept_leaves_its_beginning() {
        let folder = tempfile::tempdir().expect("a folder");
        let writer = Writer::open(folder.path(), &Options::default()).expect("opens");
        let attribution = attribution();
        let events = [
            Event::SessionOpened { personality: "decnet".into() },
            Event::SearchRun { mailbox: "INBOX".into(), criteria: Text::from(vec![0; 11 << 20]), matches: 0 },
            closed(),
        ];
        let records = (0..).zip(events).map(|(seq, event)| Record {
            id: uuid::Uuid::from_u128(seq.into()),
            time: jiff::Timestamp::now(),
            seq,
            attribution: attribution.clone(),
            event,
        });
        let sink = StoreSink(writer.spool());
        let records: Vec<_> = records.collect();
        sink.keep(attribution.session, &mut Trail::default(), &records, &[]).expect("taken");
        writer.flush(Duration::from_secs(20)).expect("stored");
        let reader = Reader::open(folder.path()).expect("a database");
        let stored: Vec<_> =
            reader.events(&Filter::default()).expect("readable").map(|event| event.expect("a row")).collect();
        let names: Vec<_> = stored.iter().map(|event| (event.seq, event.name.as_str())).collect();
        assert_eq!(names, [(0, "session.opened"), (1, "protocol.violation"), (2, "session.closed")]);
        let kept = &stored.get(1).expect("the second").fields;
        assert!(
            kept.contains("event-too-large") && kept.contains("INBOX") && kept.contains("u0000"),
            "{kept:.200}"
        );
    }
}
