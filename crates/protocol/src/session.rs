//! What every protocol is to its driver: a function from input and time to ordered actions.

mod capture;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
pub use capture::{Abandoned, Appended, Capture, Captured, Envelope};
use event::{CloseReason, Event};

/// A point in time: how long after the driver's own start. Monotonic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub Duration);

impl Moment {
    /// This much later.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait))
    }
}

/// What the driver must do, in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Put the event into the pipeline. Comes before the [`Action::Send`] of the answer to what it records.
    Record(Event),
    /// Write these bytes.
    Send(Bytes),
    /// Do nothing for this long; what follows waits.
    Wait(Duration),
    /// Take in a message.
    Capture(Capture),
    /// Turn the connection into TLS, which begins with these octets that came already, then call [`Session::secured`].
    StartTls(Bytes),
    /// Close the connection. Nothing follows.
    Close(CloseReason),
}

/// The queue between a session and its driver. The driver drains it after each call.
#[derive(Debug, Default)]
pub struct Actions {
    list: Vec<Action>,
    text: BytesMut,
    queued: usize,
    halted: bool,
    /// The place behind a wait that was put in since the last drain; 0 where none was. Small, as every connection has it.
    held: u32,
}

/// A session pauses once it has queued this many octets; the rest comes when the peer has taken them.
const ENOUGH: usize = 64 * 1024;

/// A place in the queue, for an event that must stand before what follows it.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    place: usize,
    /// Whether it is older than the wait that was put in.
    before_wait: bool,
}

/// A body of at least this many octets is passed on as a shared slice instead of being copied.
const SHARE_FROM: usize = 8 * 1024;

impl Actions {
    /// Appends text to what is sent next.
    pub fn send(&mut self, text: &[u8]) {
        self.queued = self.queued.saturating_add(text.len());
        self.text.extend_from_slice(text);
    }

    /// Appends a piece of a message; a large one is shared, not copied.
    pub fn send_shared(&mut self, body: Bytes) {
        if body.len() < SHARE_FROM {
            return self.send(&body);
        }
        self.flush();
        self.queued = self.queued.saturating_add(body.len());
        self.list.push(Action::Send(body));
    }

    /// Takes back all text that was not drained yet, as a process that dies loses it.
    pub fn forget_text(&mut self) {
        self.text.clear();
        self.queued = 0;
        for action in &mut self.list {
            if let Action::Send(text) = action {
                text.clear();
            }
        }
    }

    /// Appends an action other than text.
    pub fn push(&mut self, action: Action) {
        self.flush();
        self.halted |= matches!(
            action,
            Action::Wait(_) | Action::Capture(Capture::Commit) | Action::StartTls(_) | Action::Close(_)
        );
        self.list.push(action);
    }

    /// Holds back the answers that were queued since the last drain, and what follows, for so long. Behind another wait it
    /// is one of its own.
    pub fn hold_back(&mut self, delay: Duration) {
        self.flush();
        let first = self.list.iter().position(|action| matches!(action, Action::Send(_)));
        match first.filter(|_| !self.halted) {
            Some(first) => {
                self.list.insert(first, Action::Wait(delay));
                (self.halted, self.held) = (true, u32::try_from(first.saturating_add(1)).unwrap_or(u32::MAX));
            }
            None => self.push(Action::Wait(delay)),
        }
    }

    /// Lets an answer that began at that place take this long: what is sent there comes later, or what is to come, where the
    /// answer is `unfinished`. Answers made in one go take their times together, and go out together. Where there is a wait
    /// already, that is the time it takes.
    pub(crate) fn take_time(&mut self, mark: Mark, time: Duration, unfinished: bool) {
        self.flush();
        if time.is_zero() || self.halts_to_wait() {
            return;
        }
        let is_text = |action: &Action| matches!(action, Action::Send(_));
        let text = self.list.iter().skip(mark.place).position(is_text);
        let text = text.map(|behind| mark.place.saturating_add(behind));
        let Some(at) = text.or_else(|| unfinished.then_some(self.list.len())) else { return };
        let before = self.list.iter_mut().find_map(|action| match action {
            Action::Wait(time) => Some(time),
            _ => None,
        });
        match before {
            Some(before) => *before = before.saturating_add(time),
            None => self.list.insert(at, Action::Wait(time)),
        }
    }

    /// Whether there is a wait that is more than the time of an answer.
    fn halts_to_wait(&self) -> bool {
        self.halted && self.list.iter().any(|action| matches!(action, Action::Wait(_)))
    }

    /// Appends what another queue holds.
    pub(crate) fn append(&mut self, other: &mut Self) {
        self.flush();
        other.flush();
        self.halted |= other.halted;
        self.queued = self.queued.saturating_add(std::mem::take(&mut other.queued));
        self.list.append(&mut other.list);
    }

    /// Appends an event.
    pub fn record(&mut self, event: Event) {
        self.push(Action::Record(event));
    }

    /// Remembers this place.
    pub fn mark(&mut self) -> Mark {
        self.flush();
        Mark { place: self.list.len(), before_wait: self.held == 0 }
    }

    /// Puts an event in at a place remembered since the last drain.
    pub fn record_at(&mut self, mark: Mark, event: Event) {
        self.flush();
        let held = usize::try_from(self.held).unwrap_or(usize::MAX);
        let moved = mark.before_wait && held > 0 && held <= mark.place;
        let place = mark.place.saturating_add(usize::from(moved));
        self.list.insert(place.min(self.list.len()), Action::Record(event));
    }

    /// Octets to be sent that the driver has not drained yet.
    pub fn queued(&self) -> usize {
        self.queued
    }

    /// Whether the session should do no more before the driver has drained: enough is queued, or the connection waits,
    /// changes or ends.
    pub fn full(&self) -> bool {
        self.halted || self.queued >= ENOUGH
    }

    /// Whether the connection is to end.
    pub(crate) fn closes(&self) -> bool {
        matches!(self.list.last(), Some(Action::Close(_)))
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.text.is_empty()
    }

    /// Takes everything out, in order. The queue keeps its memory for the next call.
    pub fn drain(&mut self) -> impl Iterator<Item = Action> + '_ {
        self.flush();
        self.queued = 0;
        self.halted = false;
        self.held = 0;
        self.list.drain(..)
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.list.push(Action::Send(self.text.split().freeze()));
        }
    }
}

/// How a session's work went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// One unit of input, or one long answer, is done.
    Done,
    /// There is more to do without further input.
    Paused,
    /// There is nothing to do without further input.
    Starved,
}

/// One connection's conversation.
///
/// The driver calls [`open`](Self::open) once, then [`receive`](Self::receive) with whatever arrived,
/// [`resume`](Self::resume) for as long as the session is [`pending`](Self::pending), and
/// [`expire`](Self::expire) when the [`deadline`](Self::deadline) has passed. It carries out all actions of a call
/// before the next one (and reads nothing from the peer meanwhile), so a session never owes more than one call's
/// worth of output. After [`Action::Close`] only [`finish`](Self::finish) is called.
pub trait Session: Send {
    /// The connection stands: greet.
    fn open(&mut self, now: Moment, out: &mut Actions);

    /// Bytes arrived, in any split.
    fn receive(&mut self, now: Moment, input: &[u8], out: &mut Actions);

    /// Whether there is more to do without further input: a long answer, pipelined commands.
    fn pending(&self) -> bool;

    /// Whether the imitated server reads before it goes on with what is pending: where the peer has closed its side, it does
    /// not go on at all.
    fn reads_first(&self) -> bool {
        false
    }

    /// Goes on with what is pending.
    fn resume(&mut self, now: Moment, out: &mut Actions);

    /// When [`expire`](Self::expire) is to be called, if nothing arrives before.
    fn deadline(&self) -> Option<Moment>;

    /// The deadline has passed.
    fn expire(&mut self, now: Moment, out: &mut Actions);

    /// Whether the imitated server has what it receives acknowledged at once (`TCP_QUICKACK`). Where it does not, a client that sends
    /// in small pieces and waits for acknowledgements (RFC 896) is slower by 40 ms each time.
    fn acknowledges_at_once(&self) -> bool {
        false
    }

    /// Whether the imitated server says TLS's word of parting (`close_notify`) also to a peer that has closed its side.
    fn answers_parting(&self) -> bool {
        false
    }

    /// How long the imitated server takes before it looks at the peer's TLS hello: after [`Action::StartTls`], or before
    /// [`open`](Self::open) where the connection `begins` with TLS.
    fn before_handshake(&mut self, begins: bool) -> Duration {
        let _ = begins;
        Duration::ZERO
    }

    /// TLS is on: after [`Action::StartTls`], which was the last action of its call, or before [`open`](Self::open) where the
    /// connection began with it.
    fn secured(&mut self, now: Moment) {
        let _ = now;
    }

    /// The answer to [`Capture::Commit`], which was the last action of its call.
    fn captured(&mut self, now: Moment, captured: Captured, out: &mut Actions) {
        let _ = (now, captured, out);
    }

    /// The mail that this peer sees may have changed: something has arrived for it, or another session of the same visitor
    /// has done something.
    fn mail_changed(&mut self, now: Moment, out: &mut Actions) {
        let _ = (now, out);
    }

    /// The session has ended, whoever ended it: records what was left unfinished or unanswered. The last call, also after
    /// [`Action::Close`]; only events may come of it, and captures: of a message that had come whole, or never will.
    fn finish(&mut self, out: &mut Actions);
}

#[cfg(test)]
mod tests {
    use event::Text;

    use super::*;

    fn command(out: &mut Actions, text: &[u8], milliseconds: u64) {
        let place = out.mark();
        out.send(text);
        out.take_time(place, Duration::from_millis(milliseconds), false);
        out.record_at(place, event(text));
    }

    fn event(text: &[u8]) -> Event {
        Event::ProtocolViolation { what: "unfinished", line: Text(Bytes::copy_from_slice(text)) }
    }

    /// What is done: texts, `+` and the name of events, milliseconds of waits.
    fn story(out: &mut Actions) -> String {
        let words = out.drain().map(|action| match action {
            Action::Send(text) => String::from_utf8_lossy(&text).into_owned(),
            Action::Wait(time) => time.as_millis().to_string(),
            Action::Record(Event::ProtocolViolation { line, .. }) => {
                format!("+{}", String::from_utf8_lossy(&line.0))
            }
            other => format!("{other:?}"),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn answers_of_one_batch_take_their_times_together() {
        let mut out = Actions::default();
        for (text, milliseconds) in [(b"a", 0), (b"b", 3), (b"c", 0), (b"d", 4)] {
            command(&mut out, text, milliseconds);
        }
        assert!(!out.full(), "the session need not stop for it");
        assert_eq!(story(&mut out), "+a a +b 7 b +c c +d d");
    }

    /// What takes time is no delay: a delay behind it holds back all that has been answered.
    #[test]
    fn a_delay_holds_back_what_takes_time() {
        let mut out = Actions::default();
        command(&mut out, b"a", 0);
        command(&mut out, b"b", 3);
        let place = out.mark();
        out.hold_back(Duration::from_secs(1));
        out.send(b"c");
        out.take_time(place, Duration::from_millis(5), false);
        out.record_at(place, event(b"c"));
        assert_eq!(story(&mut out), "+a 1000 a +b 3 b +c c");
        let place = out.mark();
        out.take_time(place, Duration::from_millis(5), false);
        assert_eq!(story(&mut out), "", "nothing is answered");
        out.take_time(place, Duration::from_millis(5), true);
        assert_eq!(story(&mut out), "5", "the answer is still to come");
    }
}
