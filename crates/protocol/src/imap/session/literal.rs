//! Literals (RFC 3501 section 4.3, RFC 7888): which are let in, and how much of them is kept.

use std::sync::Arc;

use bytes::Bytes;
use event::{CloseReason, Event, Text};

use super::{Imap, Input};
use crate::framing::{Literal, announces, trim_line_end};
use crate::imap::append::{self, Next};
use crate::imap::command::{Reads, Request};
use crate::imap::reader::{self, Stop};
use crate::imap::texts::Phrase;
use crate::reply::received;
use crate::session::{Actions, Moment};

/// What comes of an announcement.
enum Verdict {
    /// It is one: so many octets of it are kept.
    Take(usize),
    /// It is one, and is passed over: the command goes on with the next line.
    Ignore,
    /// It is none, or comes too early: the command ends here.
    Refuse,
    /// It is more than the line limit allows.
    TooBig,
}

impl Imap {
    /// A command ends with what may announce a literal: let it in if the command may have one.
    pub(super) fn literal(&mut self, literal: Literal, cap: usize, now: Moment, out: &mut Actions) {
        let so_far = Bytes::copy_from_slice(self.framing.command_so_far());
        let verdict = if self.service.texts.mail_process.is_dovecot() {
            self.judge_as_dovecot(&so_far, literal, now, out)
        } else {
            self.judge_plainly(&so_far, literal, cap)
        };
        let request = Request::parse(&so_far);
        if *request.verb == *b"APPEND" && matches!(verdict, Verdict::Take(_) | Verdict::Ignore) {
            self.finish_before(&request.verb, &so_far, out);
        }
        match verdict {
            Verdict::Take(kept) if literal.size > kept as u64 => {
                self.overflowing = true;
                self.framing.cut_literal(kept);
            }
            Verdict::Take(_) => self.framing.accept_literal(),
            Verdict::Ignore => return self.framing.ignore_literal(),
            Verdict::Refuse => {
                // Dovecot asks for a mailbox' name of no octets before it finds fault with it.
                if *request.verb == *b"APPEND"
                    && request.arguments == b"{0}"
                    && self.state.account().is_some()
                {
                    let text = self.service.texts.reply(Phrase::Continue).fill(&[]);
                    out.send(&text);
                    out.send(b"\r\n");
                }
                let line = self.framing.refuse_literal();
                return self.command(&line, now, out);
            }
            Verdict::TooBig => {
                let line = Text(self.framing.refuse_literal());
                out.record(Event::ProtocolViolation { what: "literal-too-big", line });
                return self.farewell(Phrase::ByeLiteralTooBig, CloseReason::Violation, out);
            }
        }
        if literal.synchronizing {
            self.finish_before(&request.verb, &so_far, out);
            self.waiting.get_or_insert(now);
            out.record(received(&request.verb, trim_line_end(&so_far), self.state.name(), "+"));
            let text = self.service.texts.reply(Phrase::Continue).fill(&[]);
            out.send(&text);
            out.send(b"\r\n");
        }
    }

    fn judge_plainly(&self, so_far: &Bytes, literal: Literal, cap: usize) -> Verdict {
        let request = Request::parse(so_far);
        let allowed = request.tag.is_some() && request.row(&self.service.texts, &self.state).is_ok();
        if !announces(trim_line_end(so_far)) || (literal.synchronizing && !allowed) {
            Verdict::Refuse
        } else if literal.size > cap as u64 {
            Verdict::TooBig
        } else {
            Verdict::Take(cap)
        }
    }

    /// Dovecot takes a literal where it reads an argument; what stands behind the last argument is no literal.
    fn judge_as_dovecot(
        &mut self,
        so_far: &Bytes,
        literal: Literal,
        now: Moment,
        out: &mut Actions,
    ) -> Verdict {
        let (request, service) = (Request::parse(so_far), Arc::clone(&self.service));
        let texts = &service.texts;
        let logged_in = self.state.account().is_some();
        let known = if logged_in {
            !matches!(request.row(texts, &self.state), Err(Phrase::UnknownCommand))
        } else {
            // The login process reads on whatever the command, but for that of which it reads the line itself.
            *request.verb != *b"AUTHENTICATE"
        };
        if request.tag.is_none()
            || !known
            || request.row(texts, &self.state).err() == Some(Phrase::MissingCommand)
        {
            return Verdict::Refuse;
        }
        let append = logged_in && *request.verb == *b"APPEND";
        if append && self.overflowing {
            return Verdict::Take(0);
        }
        let room = texts.limits.command.saturating_sub(so_far.len());
        if append {
            let before = so_far.len().saturating_sub(request.behind_verb(so_far));
            let behind = so_far.get(before..).unwrap_or_default();
            let (verdict, failed) = match append::next(&self.state, &service, behind, before) {
                Next::Literal(wanted, failed) if wanted == literal => {
                    (Verdict::Take(room.min(texts.limits.append)), failed)
                }
                Next::Ignored(failed) => (Verdict::Ignore, failed),
                Next::TooBig => (Verdict::TooBig, None),
                _ => (Verdict::Refuse, None),
            };
            if let (Some(fault), false) = (failed, self.answered) {
                self.answered = true;
                self.turn(&Input::command(so_far, &request), now, out, |_, _| Err(fault));
            }
            return verdict;
        }
        let arguments = if logged_in { request.arguments } else { request.behind_word };
        match reader::read(arguments, request.rules(texts, logged_in)).stop {
            Stop::Literal(wanted) if wanted == literal => Verdict::Take(room),
            Stop::LiteralTooBig => Verdict::TooBig,
            _ => Verdict::Refuse,
        }
    }

    /// Dovecot carries a command out as soon as it has read its last argument: with a literal at the end that is before the
    /// line ends.
    pub(super) fn carry_out_early(&mut self, now: Moment, out: &mut Actions) -> bool {
        if !self.framing.has_whole_literal()
            || self.state.account().is_none()
            || !self.service.texts.mail_process.is_dovecot()
        {
            return false;
        }
        let so_far = Bytes::copy_from_slice(self.framing.command_so_far());
        let request = Request::parse_part(&so_far);
        let texts = &self.service.texts;
        let counted = request.known(texts).is_some_and(|row| matches!(row.reads, Reads::First(_)));
        if !counted || reader::read(request.arguments, request.rules(texts, true)).stop != Stop::Enough {
            return false;
        }
        let line = self.framing.take_so_far();
        let request = Request::parse_part(&line);
        self.carry_out(&line, &request, now, out);
        true
    }
}
