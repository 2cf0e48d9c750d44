//! Sessions played with input in any split, for what must hold of every input.

use event::{Event, Text};
use protocol::{Action, Actions, Moment, Session};

/// What a session did, in order, however its output was cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// It sent these bytes.
    Sent(Vec<u8>),
    /// It did something else.
    Did(Action),
}

/// A session's whole life: these pieces arrive, then the peer goes away.
pub fn play<'a>(mut session: impl Session, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Done> {
    let mut out = Actions::default();
    let mut done = Vec::new();
    session.open(Moment::default(), &mut out);
    let mut closed = collect(&mut out, &mut done);
    for piece in pieces {
        if !closed {
            session.receive(Moment::default(), piece, &mut out);
            closed = collect(&mut out, &mut done);
        }
        while !closed && session.pending() {
            session.resume(Moment::default(), &mut out);
            assert!(out.queued() <= 256 * 1024, "one call owes {} octets", out.queued());
            closed = collect(&mut out, &mut done);
        }
    }
    session.finish(&mut out);
    // What lies behind the end of a closed connection depends on how it arrived.
    if !closed {
        collect(&mut out, &mut done);
    }
    done
}

/// The input in pieces of these lengths, over and over.
pub fn cut<'a>(input: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = input;
    let mut pieces = Vec::new();
    for length in lengths.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, behind) = rest.split_at((*length).min(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

/// The octets that events say were held back.
pub fn most_held_back(done: &[Done]) -> usize {
    let held = done.iter().map(|did| match did {
        Done::Did(Action::Record(Event::ProtocolViolation { line, .. })) => line.0.len(),
        _ => 0,
    });
    held.max().unwrap_or(0)
}

/// Drains the actions; says whether the connection is closed, or becomes TLS: what has come behind STARTTLS by then depends
/// on how it arrived.
pub fn collect(out: &mut Actions, done: &mut Vec<Done>) -> bool {
    let (mut closed, mut injected) = (false, false);
    for action in out.drain() {
        closed |= matches!(action, Action::Close(_) | Action::StartTls(_));
        injected |=
            matches!(action, Action::Record(Event::ProtocolViolation { what: "starttls-injection", .. }));
        if closed && (injected || matches!(action, Action::StartTls(_)))
            || injected && matches!(action, Action::Record(_))
        {
            continue;
        }
        match (action, done.last_mut()) {
            (Action::Send(bytes), Some(Done::Sent(before))) => before.extend_from_slice(&bytes),
            (Action::Send(bytes), _) => done.push(Done::Sent(bytes.to_vec())),
            (action, _) => done.push(Done::Did(action)),
        }
    }
    closed
}

/// How much of a line over the limit was kept depends on how it arrived: without that.
pub fn without_long_lines(mut done: Vec<Done>) -> Vec<Done> {
    for did in &mut done {
        if let Done::Did(Action::Record(Event::ProtocolViolation { what: "line-too-long", line })) = did {
            *line = Text::default();
        }
    }
    done
}
