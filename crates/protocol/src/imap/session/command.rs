//! From a command's octets to its turn, and what Dovecot finds in them before it looks at their meaning.

use bytes::Bytes;
use event::{CloseReason, Event, Text};

use super::{Imap, Input};
use crate::framing::trim_line_end;
use crate::imap::append::{self, Ending, Next};
use crate::imap::command::Request;
use crate::imap::state::{Stage, State};
use crate::imap::texts::Phrase;
use crate::imap::turn::{Fault, Turn};
use crate::reply::received;
use crate::session::{Actions, Moment, Step};

impl Imap {
    pub(super) fn command(&mut self, line: &Bytes, now: Moment, out: &mut Actions) {
        let request = Request::parse(line);
        let dovecot = self.service.texts.mail_process.is_dovecot();
        if dovecot && self.state.account().is_none() && self.too_wordy(trim_line_end(line)) {
            return self.farewell(Phrase::ByeLineTooLong, CloseReason::Violation, out);
        }
        // Where a fault ends an APPEND, what is left of its line is the next command.
        let append = dovecot && self.state.account().is_some() && *request.verb == *b"APPEND";
        let ending = (append && request.tag.is_some() && !self.overflowing).then(|| {
            let before = line.len().saturating_sub(request.behind_verb(line));
            append::next(&self.state, &self.service, line.get(before..).unwrap_or_default(), before)
        });
        let logged_in = self.state.account().is_some();
        if std::mem::take(&mut self.answered) {
            self.overflowing = false;
            out.record(received(&request.verb, trim_line_end(line), self.state.name(), "NO"));
        } else {
            self.carry_out(line, &request, now, out);
        }
        let limits = &self.service.texts.limits;
        let room = limits.login_literal.saturating_add(limits.login_word.unwrap_or(usize::MAX));
        if dovecot
            && !logged_in
            && line.len() > room
            && *request.verb != *b"AUTHENTICATE"
            && !matches!(self.stage, Stage::Closed)
        {
            // The login process has given the line up, and cannot hold the rest of it.
            return self.farewell(Phrase::ByeLineTooLong, CloseReason::Violation, out);
        }
        if let (Some(Next::Ended(_, Ending { rest, skip }, _)), false) =
            (ending, matches!(self.stage, Stage::Closed))
        {
            self.framing.unread(line.get(line.len().saturating_sub(rest)..).unwrap_or_default());
            if skip {
                self.framing.skip_next_line();
            }
        }
    }

    pub(super) fn carry_out(&mut self, line: &Bytes, request: &Request<'_>, now: Moment, out: &mut Actions) {
        let overflowing = std::mem::take(&mut self.overflowing);
        self.turn(&Input::command(line, request), now, out, |turn, state| {
            let texts = &turn.service.texts;
            if texts.mail_process.is_dovecot() {
                holds(turn, request)?;
            }
            if request.tag.is_none() {
                return Err(Phrase::InvalidTag.into());
            }
            let row = request.row(texts, state);
            if texts.mail_process.is_dovecot() {
                as_dovecot(turn, request, row.err())?;
            }
            let row = row?;
            if overflowing {
                return Err(Phrase::OverQuota.into());
            }
            (row.run)(turn, state)
        });
    }

    /// Whether a line, or what has come of it, has a word that Dovecot's login process cannot hold.
    ///
    /// The response that AUTHENTICATE may have is held elsewhere.
    pub(super) fn too_wordy(&self, line: &[u8]) -> bool {
        if *Request::parse_part(line).verb == *b"AUTHENTICATE" {
            return false;
        }
        let longest = |limit| {
            let mut quoted = false;
            let ends = |octet: &u8| {
                quoted ^= *octet == b'"';
                (*octet == b' ' && !quoted) || matches!(octet, b'(' | b')' | b'\n')
            };
            line.split(ends).any(|word| word.len() > limit)
        };
        self.service.texts.limits.login_word.is_some_and(|limit| line.len() > limit && longest(limit))
    }

    /// Whether the line that is coming cannot become a command: Dovecot answers a character that no tag may have before
    /// the line ends.
    pub(super) fn hopeless(&self) -> bool {
        let coming = self.framing.rest();
        matches!(self.stage, Stage::Command)
            && self.service.texts.mail_process.is_dovecot()
            && self.framing.command_so_far().is_empty()
            && !matches!(coming, [] | b"\r")
            && Request::has_bad_tag(coming)
    }

    /// What has come of a word before login is more than Dovecot's login process holds.
    pub(super) fn overflow(&mut self, out: &mut Actions) -> Step {
        if !matches!(self.stage, Stage::Command) {
            return Step::Starved;
        }
        let line = Text(self.framing.discard());
        out.record(Event::ProtocolViolation { what: "line-too-long", line });
        self.farewell(Phrase::ByeLineTooLong, CloseReason::Violation, out);
        Step::Done
    }

    /// A line passed its cap. A login process hangs up; after login the line is refused and thrown away.
    pub(super) fn too_long(&mut self, kept: &Bytes, now: Moment, out: &mut Actions) {
        out.record(Event::ProtocolViolation { what: "line-too-long", line: Text(kept.clone()) });
        if matches!(self.state, State::NotAuthenticated) {
            return self.farewell(Phrase::ByeLineTooLong, CloseReason::Violation, out);
        }
        self.framing.skip_line(kept);
        if self.service.texts.mail_process.is_dovecot() && matches!(self.stage, Stage::Command) {
            // Dovecot's mail process has no limit on lines. What it cannot hold of this one has come already.
            return self.command(kept, now, out);
        }
        let request = Request::parse(kept);
        let input = Input { line: &Bytes::new(), ..Input::command(kept, &request) };
        self.turn(&input, now, out, |_, _| Err(Phrase::ArgumentTooLong.into()));
    }
}

/// Dovecot's mail process reads the tag and the command's name as a whole, and can hold so much of them.
fn holds(turn: &mut Turn<'_>, request: &Request<'_>) -> Result<(), Fault> {
    let longest = turn.service.texts.limits.longest_word(turn.logged_in);
    if request.tag.is_some_and(|tag| tag.len() > longest) {
        turn.tag = Bytes::from_static(b"*");
        return Err(Phrase::TagTooLong.into());
    }
    let name = request.verb.strip_prefix(b"UID ").unwrap_or(&request.verb);
    if name.len() > longest { Err(Phrase::VerbTooLong.into()) } else { Ok(()) }
}

/// What Dovecot finds before it looks at what a command means: the login process reads the arguments of every command, also
/// of those that it does not know; the mail process those of a command that has no mailbox to work on.
fn as_dovecot(turn: &mut Turn<'_>, request: &Request<'_>, refused: Option<Phrase>) -> Result<(), Fault> {
    let texts = &turn.service.texts;
    let tag = request.tag.unwrap_or_default();
    if turn.logged_in {
        if refused == Some(Phrase::NoMailboxSelected) {
            turn.parse()?;
        }
        return Ok(());
    }
    if texts.limits.login_tag.is_some_and(|limit| tag.len() > limit) {
        turn.tag = Bytes::from_static(b"*");
        return Err(Phrase::InvalidTag.into());
    }
    if refused == Some(Phrase::MissingCommand) {
        return Ok(());
    }
    if !matches!(&*request.verb, b"AUTHENTICATE" | b"ID") {
        turn.read(request.behind_word)?;
    }
    if refused.is_some() && tag.eq_ignore_ascii_case(b"LOGIN") {
        return Err(Phrase::TagIsCommand.into());
    }
    Ok(())
}
