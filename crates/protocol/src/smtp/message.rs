//! Taking a message in: the octets behind DATA and BDAT go to the driver in pieces as they come, none is kept here.

use bytes::Bytes;
use event::{Event, Text};

use crate::reply::received;
use crate::session::{Abandoned, Action, Actions, Capture};
use crate::smtp::body::Ending;
use crate::smtp::session::{Said, Smtp};
use crate::smtp::state::{Committing, Stage, State};
use crate::smtp::tally::Tally;
use crate::smtp::texts::Phrase;
use crate::text::Slot;

impl Smtp {
    /// More of a message of DATA. `false` where nothing has come.
    pub(super) fn data(&mut self, out: &mut Actions) -> bool {
        let Stage::Data(data) = &mut self.stage else { return true };
        if self.input.is_empty() {
            return false;
        }
        let (read, mut octets, ending) = data.body.read(self.input.rest());
        self.input.take(read);
        let room = self.service.texts.limits.message.saturating_sub(data.octets);
        data.octets = data.octets.saturating_add(octets.len() as u64);
        if !data.over {
            let limits = &self.service.texts.limits;
            data.tally.add(&octets, limits);
            let over = octets.len() as u64 > room || data.tally.refusal(limits, false).is_some();
            octets.truncate(usize::try_from(room).unwrap_or(usize::MAX));
            if !octets.is_empty() {
                out.push(Action::Capture(Capture::Write(octets)));
            }
            if over {
                data.over = true;
                out.push(Action::Capture(Capture::Abort(Abandoned::TooLarge)));
            }
        }
        if let Some(ending) = ending {
            let (over, tally) = (data.over, data.tally);
            self.end_of_data(over, &tally, ending, out);
        }
        true
    }

    fn end_of_data(&mut self, over: bool, tally: &Tally, ending: Ending, out: &mut Actions) {
        if !ending.exact() {
            let line = Text::from(ending.sequence());
            out.record(Event::ProtocolViolation { what: "bare-newline", line });
        }
        let end = Committing { line: Bytes::from_static(b"."), verb: "DATA", state: "DATA", size: None };
        let phrase = match tally.refusal(&self.service.texts.limits, true) {
            _ if over => Phrase::MessageTooBig,
            None => return self.commit(end, out),
            Some((phrase, why)) => {
                out.push(Action::Capture(Capture::Abort(why)));
                phrase
            }
        };
        self.stage = Stage::Command;
        self.turn(&end.said(), self.last_input, out, |_, _| Err(phrase.into()));
        self.check_errors(out);
    }

    /// More of a chunk. `false` where nothing has come.
    pub(super) fn chunk(&mut self, out: &mut Actions) -> bool {
        let Stage::Chunk(chunk) = &mut self.stage else { return true };
        if chunk.left > 0 {
            let octets = self.input.take(usize::try_from(chunk.left).unwrap_or(usize::MAX));
            if octets.is_empty() {
                return false;
            }
            chunk.left = chunk.left.saturating_sub(octets.len() as u64);
            if let (None, State::Chunks(_, tally)) = (&chunk.fault, &mut self.dialogue.state) {
                tally.add(&octets, &self.service.texts.limits);
                out.push(Action::Capture(Capture::Write(octets)));
            }
            if chunk.left > 0 {
                return true;
            }
        }
        let Stage::Chunk(mut chunk) = std::mem::take(&mut self.stage) else { return true };
        if let (None, State::Chunks(_, tally)) = (&chunk.fault, &self.dialogue.state) {
            let tally = *tally;
            if let Some((phrase, why)) = tally.refusal(&self.service.texts.limits, chunk.last) {
                out.push(Action::Capture(Capture::Abort(why)));
                chunk.fault = Some(phrase.into());
                self.dialogue.state = if chunk.last { State::default() } else { State::Refusing(None) };
            } else if chunk.last {
                self.dialogue.state = State::default();
                let size = Some(tally.octets(true));
                self.commit(Committing { line: chunk.line, verb: "BDAT", state: chunk.state, size }, out);
                return true;
            }
        }
        let said = Said { verb: b"BDAT", line: &chunk.line, tokens: &[], state: chunk.state };
        self.turn(&said, self.last_input, out, |turn, _| match chunk.fault {
            Some(fault) => Err(fault),
            None => {
                turn.complete(&[(Slot::Octets, chunk.size.to_string().as_bytes())]);
                Ok(())
            }
        });
        self.check_errors(out);
        true
    }

    /// The message is whole: nothing goes on before it is on disk.
    fn commit(&mut self, end: Committing, out: &mut Actions) {
        self.stage = Stage::Committing(end);
        out.push(Action::Capture(Capture::Commit));
    }

    /// The same where the peer has gone away: nobody awaits the answer.
    pub(super) fn commit_unheard(&mut self, out: &mut Actions) {
        if let Stage::Committing(end) = &self.stage {
            out.record(received(end.verb.as_bytes(), &end.line, end.state, ""));
            self.stage = Stage::Command;
        }
    }

    /// Whatever is under way will not come to its end.
    pub(super) fn cut_short(&mut self, out: &mut Actions) {
        match std::mem::replace(&mut self.stage, Stage::Closed) {
            Stage::Data(data) if !data.over => {
                out.push(Action::Capture(Capture::Abort(Abandoned::Unfinished)));
            }
            Stage::Chunk(chunk) => out.record(received(b"BDAT", &chunk.line, chunk.state, "")),
            _ => {}
        }
        self.dialogue.abandon(Abandoned::Unfinished, out);
    }
}

impl Committing {
    /// What the last turn of a message answers to.
    pub(super) fn said(&self) -> Said<'_> {
        Said { verb: self.verb.as_bytes(), line: &self.line, tokens: &[], state: self.state }
    }
}
