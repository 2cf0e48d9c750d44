//! All sessions of a span, each whole, in the order of their beginnings, from one pass over the events.
//!
//! A session belongs to the span where one of its events does; what lies before and behind is then looked up. So many are
//! kept at once and no more: where a span has more sessions, the earliest are handed over while the pass goes on.

use std::collections::{BTreeSet, HashMap};

use event::Attribution;
use store::{Filter, Reader, Row};

use super::{Step, Summary};
use crate::commands::progress::Progress;
use crate::commands::reading;
use crate::commands::scope::Sources;

/// Sessions that are kept at once. One that has been silent for as long as it takes so many others to begin comes after them.
const MOST: usize = 100_000;

/// What is known of a session.
enum Known {
    /// `whole`: all of its events are in it. `wanted`: one of them is what was asked for.
    Held { summary: Box<Summary>, whole: bool, wanted: bool },
    /// Of another protocol or source, or handed over already.
    Done,
}

struct Window<'a, F> {
    reader: &'a Reader,
    filter: &'a Filter,
    sources: &'a Sources,
    session: Option<uuid::Uuid>,
    known: HashMap<i64, Known>,
    /// By beginning.
    order: BTreeSet<(i64, i64)>,
    most: usize,
    each: F,
}

/// Hands over every session of the span.
pub(crate) fn summaries(
    reader: &Reader,
    filter: &Filter,
    sources: &Sources,
    each: impl FnMut(&Summary) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    within(MOST, reader, filter, sources, each)
}

fn within(
    most: usize,
    reader: &Reader,
    filter: &Filter,
    sources: &Sources,
    each: impl FnMut(&Summary) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let session = reading::one_session(reader, filter)?;
    let (known, order) = (HashMap::new(), BTreeSet::new());
    let mut window = Window { reader, filter, sources, session, known, order, most, each };
    let mut failed = None;
    let mut progress = Progress::new("reading events");
    // By their names later: a session has other events too.
    let all = Filter { name: None, ..filter.clone() };
    reader.scan(
        &all,
        |share| progress.share(share),
        |row| {
            if failed.is_none() {
                failed = window.take(row).err();
            }
        },
    )?;
    drop(progress);
    failed.map_or(Ok(()), Err)?;
    while window.hand_over_first()? {}
    Ok(())
}

impl<F: FnMut(&Summary) -> anyhow::Result<()>> Window<'_, F> {
    fn take(&mut self, row: &Row<'_>) -> anyhow::Result<()> {
        let named = self.filter.name.as_deref().is_none_or(|name| name == row.name);
        match self.known.get_mut(&row.session) {
            Some(Known::Held { summary, whole, wanted }) => {
                *wanted |= named;
                if !*whole {
                    summary.add(&Step::from(row));
                    *whole = summary.closed.is_some();
                }
            }
            Some(Known::Done) if row.name == "session.closed" => {
                self.known.remove(&row.session);
            }
            Some(Known::Done) => {}
            None => self.begin(row, named)?,
        }
        if self.order.len() > self.most {
            self.hand_over_first()?;
        }
        Ok(())
    }

    fn begin(&mut self, row: &Row<'_>, wanted: bool) -> anyhow::Result<()> {
        let who = self.reader.session(row.session)?;
        let Some(who) = who.filter(|who| self.is_asked_for(who)) else {
            self.known.insert(row.session, Known::Done);
            return Ok(());
        };
        // One that began before the span.
        let whole = row.seq > 0;
        let summary = if whole {
            load(self.reader, who)?
        } else {
            let mut summary = Summary::new(who);
            summary.add(&Step::from(row));
            summary
        };
        self.order.insert((summary.begin, row.session));
        self.known.insert(row.session, Known::Held { summary: Box::new(summary), whole, wanted });
        Ok(())
    }

    fn is_asked_for(&self, who: &Attribution) -> bool {
        !super::is_our_own(who)
            && self.filter.protocol.is_none_or(|protocol| protocol == who.protocol)
            && self.session.is_none_or(|session| session == who.session)
            && self.sources.has(who.src.ip())
    }

    /// `false`: there is none.
    fn hand_over_first(&mut self) -> anyhow::Result<bool> {
        let Some((_, number)) = self.order.pop_first() else {
            return Ok(false);
        };
        let Some(Known::Held { mut summary, whole, wanted }) = self.known.remove(&number) else {
            return Ok(true);
        };
        if !whole {
            *summary = load(self.reader, summary.who.clone())?;
        }
        self.known.insert(number, Known::Done);
        if wanted {
            (self.each)(&summary)?;
        }
        Ok(true)
    }
}

/// All events of one session.
pub(crate) fn load(reader: &Reader, who: Attribution) -> anyhow::Result<Summary> {
    let filter = Filter { session: Some(who.session.into()), ..Filter::default() };
    let mut summary = Summary::new(who);
    for stored in reader.events(&filter)? {
        summary.add(&Step::from(&stored?));
    }
    Ok(summary)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use event::{CloseReason, Event, Record};
    use jiff::Timestamp;
    use store::{Options, Writer};

    use super::*;
    use crate::pipeline::tests::attribution;

    /// Sessions of these letters, an event a second: `a` opens session a, `A` closes it.
    fn store(folder: &std::path::Path, story: &str) -> Reader {
        let writer = Writer::open(folder, &Options::default()).expect("opens");
        let mut seqs: HashMap<char, (Attribution, u64, store::Trail)> = HashMap::new();
        for (second, letter) in (1..).zip(story.chars()) {
            let (who, seq, trail) = seqs
                .entry(letter.to_ascii_lowercase())
                .or_insert_with(|| (attribution(), 0, store::Trail::default()));
            who.src.set_port(u16::try_from(u32::from(letter.to_ascii_lowercase())).expect("ASCII"));
            let event = match (letter, *seq) {
                ('A'..='Z', _) => {
                    let (bytes_in, bytes_out) = (0, 0);
                    Event::SessionClosed {
                        reason: CloseReason::Peer,
                        bytes_in,
                        bytes_out,
                        duration_ms: 1,
                        wire_cut: 0,
                        wire_sha256: String::new(),
                        chain_sha256: String::new(),
                    }
                }
                (_, 0) => Event::SessionOpened { personality: "decnet".into() },
                _ => Event::ProtocolViolation { what: "unfinished", line: "x".into() },
            };
            let record = Record {
                id: crate::pipeline::id_at(Timestamp::now()),
                time: Timestamp::from_second(second).expect("in range"),
                seq: *seq,
                attribution: who.clone(),
                event,
            };
            *seq += 1;
            writer.spool().append(who.session, trail, &[record], &[]).expect("appended");
        }
        writer.flush(Duration::from_secs(20)).expect("stored");
        writer.close().expect("closed");
        Reader::open(folder).expect("a database")
    }

    fn told(reader: &Reader, most: usize, filter: &Filter) -> String {
        let mut told = String::new();
        within(most, reader, filter, &Sources::default(), |summary| {
            told.push(char::from(u8::try_from(summary.who.src.port()).expect("ASCII")));
            told.push_str(&summary.events.to_string());
            told.push(if summary.closed.is_some() { '.' } else { ' ' });
            Ok(())
        })
        .expect("readable");
        told
    }

    #[test]
    fn sessions_are_whole_and_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let reader = store(folder.path(), "abcaBdCeeAxyzZY");
        let second = |second| Some(Timestamp::from_second(second).expect("in range"));
        let all = Filter::default();
        for most in [1, 2, 100] {
            assert_eq!(told(&reader, most, &all), "a3.b2.c2.d1 e2 x1 y2.z2.", "{most}");
        }
        let late = Filter { since: second(7), until: second(8), ..Filter::default() };
        assert_eq!(told(&reader, 100, &late), "c2.e2 ");
        let until = Filter { until: second(2), ..Filter::default() };
        assert_eq!(told(&reader, 100, &until), "a3.b2.");
        let odd = Filter { name: Some("protocol.violation".into()), ..Filter::default() };
        assert_eq!(told(&reader, 100, &odd), "a3.e2 ");
    }
}
