//! Whether evidence is as it was recorded: every session's chains are computed anew and compared.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use event::{Attribution, Header, Protocol};
use jiff::Timestamp;
use rusqlite::{Row, Statement, params};
use uuid::Uuid;

use crate::chain::Link;
use crate::error::StoreError;
use crate::filter::Filter;
use crate::payload::{self, WirePayload};
use crate::reader::Reader;
use crate::recording::Stored;
use crate::verdict::{Finding, Verdict};

/// Sessions between two calls of the closure that tells how far it is.
const STRIDE: u64 = 64;

/// A session's row.
struct Session {
    key: i64,
    attribution: Attribution,
    events: Option<i64>,
    link: Option<Link>,
}

const SESSIONS: &str = "SELECT key, id, sensor, protocol, src_ip, src_port, dst_ip, dst_port, events, link
    FROM session WHERE id >= ?1 AND id <= ?2 ORDER BY id";

const EVENTS: &str = "SELECT e.id, e.time, e.seq, n.name, e.tls, e.fields, e.link, e.key
    FROM event e JOIN name n ON n.code = e.name WHERE e.session = ?1 ORDER BY e.seq";

impl Reader {
    /// Verifies the session asked for, or those that began between the filter's times. `progress` hears now and then which
    /// share (0 to 1) is done.
    ///
    /// A server that goes on writing does not disturb it: it sees one moment of the database.
    pub fn verify(&self, filter: &Filter, mut progress: impl FnMut(f64)) -> Result<Verdict, StoreError> {
        let in_sqlite = |error| StoreError::sqlite(&self.path, error);
        let (first, last) = match &filter.session {
            Some(part) => {
                let id = self.session_id(part)?;
                (id, id)
            }
            None => (bound(filter.since, 0), bound(filter.until, u128::MAX >> 48)),
        };
        let moment = self.connection.unchecked_transaction().map_err(in_sqlite)?;
        let range = params![first.as_bytes().as_slice(), last.as_bytes().as_slice()];
        let all: i64 = moment
            .query_row("SELECT count(*) FROM session WHERE id >= ?1 AND id <= ?2", range, |row| row.get(0))
            .map_err(in_sqlite)?;
        let mut verdict = Verdict::default();
        let blocks = moment
            .query_row("SELECT (SELECT min(key) FROM wire_block), wire_blocks FROM deleted", [], |row| {
                Ok(Blocks { first: row.get(0)?, deleted: row.get(1)? })
            })
            .map_err(in_sqlite)?;
        let mut sessions = moment.prepare_cached(SESSIONS).map_err(in_sqlite)?;
        let mut events = moment.prepare_cached(EVENTS).map_err(in_sqlite)?;
        let mut rows = sessions.query(range).map_err(in_sqlite)?;
        while let Some(row) = rows.next().map_err(in_sqlite)? {
            match session(row).map_err(in_sqlite)? {
                Some(session) => self.verify_session(&session, &blocks, &mut events, &mut verdict)?,
                None => verdict.found(Finding::Session { key: row.get(0).map_err(in_sqlite)? }),
            }
            verdict.sessions += 1;
            if verdict.sessions.is_multiple_of(STRIDE) {
                #[expect(clippy::cast_precision_loss, reason = "a share, for a progress bar")]
                progress((verdict.sessions as f64 / all.max(1) as f64).min(1.0));
            }
        }
        if *filter == Filter::default() {
            let orphans = "SELECT count(*) FROM event WHERE session NOT IN (SELECT key FROM session)";
            let events: i64 = moment.query_row(orphans, [], |row| row.get(0)).map_err(in_sqlite)?;
            if events > 0 {
                verdict.found(Finding::Orphans { events: events.cast_unsigned() });
            }
        }
        progress(1.0);
        Ok(verdict)
    }

    fn verify_session(
        &self,
        session: &Session,
        blocks: &Blocks,
        events: &mut Statement<'_>,
        verdict: &mut Verdict,
    ) -> Result<(), StoreError> {
        let id = session.attribution.session;
        let seen = self.verify_events(session, events, verdict)?;
        if session.events.is_some_and(|events| events.cast_unsigned() > seen.next) {
            let events = session.events.unwrap_or_default().cast_unsigned() - seen.next;
            verdict.found(Finding::Missing { session: id, seq: seen.next, events });
        } else if session.link != seen.link && (session.link.is_some() || seen.next > 0) {
            verdict.found(Finding::Ending { session: id });
        }
        let wire = self.verify_wire(session, blocks, verdict)?;
        verdict.unclosed += u64::from(!seen.closed);
        verdict.lost += seen.lost;
        verdict.unlinked += seen.unlinked;
        if seen.wire.is_some_and(|told| told != wire.to_string()) {
            verdict.found(Finding::WireEnding { session: id });
        }
        Ok(())
    }

    fn verify_events(
        &self,
        session: &Session,
        events: &mut Statement<'_>,
        verdict: &mut Verdict,
    ) -> Result<Seen, StoreError> {
        let in_sqlite = |error| StoreError::sqlite(&self.path, error);
        let mut seen = Seen {
            next: 0,
            link: Some(Link::default()),
            key: 0,
            unlinked: 0,
            lost: 0,
            closed: false,
            wire: None,
        };
        let mut payload = Vec::new();
        let mut rows = events.query([session.key]).map_err(in_sqlite)?;
        while let Some(row) = rows.next().map_err(in_sqlite)? {
            let found = verify_event(session, row, &mut seen, &mut payload).map_err(in_sqlite)?;
            verdict.events += 1;
            if let Some(finding) = found {
                verdict.found(finding);
            }
        }
        Ok(seen)
    }

    /// Gives the link of the last stretch.
    fn verify_wire(
        &self,
        session: &Session,
        blocks: &Blocks,
        verdict: &mut Verdict,
    ) -> Result<Link, StoreError> {
        let id = session.attribution.session;
        let (mut link, mut next) = (Link::default(), 0);
        let mut payload = Vec::new();
        self.each_block(session.key, |Stored { block, chunks, link: told, content }| {
            let altered = Finding::Wire { session: id, block };
            let whole = match content {
                // Retention deletes the oldest first, and counts them.
                None if blocks.deleted == 0 || blocks.first.is_some_and(|first| first < block) => false,
                None => {
                    verdict.deleted += 1;
                    true
                }
                Some(Err(_)) => false,
                Some(Ok(stretches)) => {
                    verdict.chunks += stretches.len() as u64;
                    let mut whole = true;
                    for (number, chunk) in &stretches {
                        let (number, time) = (*number, chunk.time.as_microsecond());
                        let (flow, octets) = (chunk.flow, chunk.octets.as_slice());
                        payload.clear();
                        payload::put_wire(
                            &WirePayload { session: id, number, time, flow, octets },
                            &mut payload,
                        );
                        whole &= number == next;
                        link = link.next(&payload);
                        next = number.saturating_add(1);
                    }
                    whole && next == chunks && Some(link) == told
                }
            };
            if !whole {
                verdict.found(altered);
            }
            // What follows is looked at by itself.
            (link, next) = (told.unwrap_or_default(), chunks);
            Ok(())
        })?;
        Ok(link)
    }
}

fn verify_event(
    session: &Session,
    row: &Row<'_>,
    seen: &mut Seen,
    payload: &mut Vec<u8>,
) -> rusqlite::Result<Option<Finding>> {
    let id = session.attribution.session;
    let Ok(seq) = u64::try_from(row.get::<_, i64>(2)?) else {
        return Ok(Some(Finding::Altered { session: id, seq: seen.next }));
    };
    let (time, key): (i64, i64) = (row.get(1)?, row.get(7)?);
    let link = row.get_ref(6)?.as_blob_or_null()?.and_then(Link::of);
    let (name, fields) = (row.get_ref(3)?.as_str()?, row.get_ref(5)?.as_str()?);
    let missing = seq.saturating_sub(seen.next);
    let first_missing = seen.next;
    let before = seen.link;
    (seen.next, seen.link) = (seq + 1, link);
    if name == "session.closed" {
        (seen.closed, seen.wire) = (true, told(fields, "wire_sha256"));
        if let (Some(before), Some(told)) = (before, told(fields, "chain_sha256"))
            && before.to_string() != told
        {
            return Ok(Some(match missing {
                0 => Finding::Altered { session: id, seq },
                _ => Finding::Missing { session: id, seq: first_missing, events: missing },
            }));
        }
    }
    let altered = match missing {
        0 => Finding::Altered { session: id, seq },
        _ => Finding::Missing { session: id, seq: first_missing, events: missing },
    };
    // Their order is that of their numbers.
    let moved = key < time || key <= seen.key;
    seen.key = key;
    let link = match (session.link, before, link) {
        _ if moved => return Ok(Some(altered)),
        // A version that did not link.
        (None, _, None) if name != "session.closed" || told(fields, "chain_sha256").is_none() => {
            seen.unlinked += 1;
            return Ok((missing > 0).then_some(altered));
        }
        (_, Some(before), Some(link)) => (before, link),
        _ => return Ok(Some(altered)),
    };
    let (before, link) = link;
    let Ok(time) = Timestamp::from_microsecond(time) else {
        return Ok(Some(altered));
    };
    let attribution = Attribution { tls: row.get(4)?, ..session.attribution.clone() };
    let event_id = Uuid::from_bytes(row.get(0)?);
    let header = Header { id: event_id, time, event: name, seq, attribution: &attribution };
    payload.clear();
    if payload::put_event(&header, payload).is_err() {
        return Ok(Some(altered));
    }
    payload.extend_from_slice(fields.as_bytes());
    if before.next(payload) != link {
        return Ok(Some(altered));
    }
    seen.lost += missing;
    Ok(None)
}

/// A text among an event's fields.
fn told(fields: &str, name: &str) -> Option<String> {
    let fields: serde_json::Value = serde_json::from_str(fields).unwrap_or_default();
    fields.get(name).and_then(|value| value.as_str()).map(str::to_owned)
}

/// What there is of the wire record's blocks.
struct Blocks {
    /// The oldest.
    first: Option<i64>,
    /// How many retention has deleted.
    deleted: i64,
}

/// What the events of a session have shown so far.
struct Seen {
    /// The number that comes next.
    next: u64,
    /// The last one's link; `None` where it has none.
    link: Option<Link>,
    /// The last one's key.
    key: i64,
    /// Events that nothing vouches for.
    unlinked: u64,
    /// Events that were never recorded.
    lost: u64,
    /// Whether the session has ended.
    closed: bool,
    /// What that event says of the wire record's last link.
    wire: Option<String>,
}

/// The lowest `UUIDv7` of that time, with these bits behind it.
fn bound(time: Option<Timestamp>, rest: u128) -> Uuid {
    let Some(time) = time else {
        return if rest == 0 { Uuid::nil() } else { Uuid::max() };
    };
    let millis = u128::from(time.as_millisecond().max(0).cast_unsigned());
    Uuid::from_u128(millis << 80 | rest)
}

fn session(row: &Row<'_>) -> rusqlite::Result<Option<Session>> {
    let text = |column| row.get_ref(column)?.as_str().map_err(rusqlite::Error::from);
    let address = |ip, port| -> rusqlite::Result<Option<SocketAddr>> {
        let port = row.get(port)?;
        Ok(text(ip)?.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, port)))
    };
    let (Some(src), Some(dst), Some(protocol)) =
        (address(4, 5)?, address(6, 7)?, Protocol::from_name(text(3)?))
    else {
        return Ok(None);
    };
    Ok(Some(Session {
        key: row.get(0)?,
        attribution: Attribution {
            sensor: Arc::from(text(2)?),
            session: Uuid::from_bytes(row.get(1)?),
            protocol,
            tls: false,
            src,
            dst,
        },
        events: row.get(8)?,
        link: row.get_ref(9)?.as_blob_or_null()?.and_then(Link::of),
    }))
}
