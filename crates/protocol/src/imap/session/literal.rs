//! Literals (RFC 3501 section 4.3, RFC 7888): which are let in, and how much of them is kept.

use std::sync::Arc;

use bytes::Bytes;
use event::{CloseReason, Event, Text};

use super::{Imap, Input};
use crate::framing::{Literal, trim_line_end};
use crate::imap::append::judge_so_far;
use crate::imap::command::Request;
use crate::imap::texts::Phrase;
use crate::reply::received;
use crate::session::{Actions, Moment};

impl Imap {
    /// A command announces a literal: let it in if the command may have one.
    pub(super) fn literal(&mut self, literal: Literal, cap: usize, now: Moment, out: &mut Actions) {
        let so_far = Bytes::copy_from_slice(self.framing.command_so_far());
        let (request, texts) = (Request::parse(&so_far), Arc::clone(&self.service));
        let texts = &texts.texts;
        let allowed = request.tag.is_some() && request.row(texts, &self.state).is_ok();
        let append = allowed && *request.verb == *b"APPEND";
        let judged = if append && !self.overflowing {
            judge_so_far(&mut self.state, texts.separator, request.arguments, literal.size)
        } else {
            Ok(())
        };
        // One that comes without our leave is part of what was said, though the command is refused.
        if literal.synchronizing && (!allowed || judged.is_err()) {
            let line = self.framing.refuse_literal();
            match judged {
                Err(fault) if append => {
                    let request = Request::parse(&line);
                    self.turn(&Input::command(&line, &request), now, out, |_, _| Err(fault));
                }
                _ => self.command(&line, now, out),
            }
            return;
        }
        if append {
            let room = texts.limits.command.saturating_sub(so_far.len()).min(texts.limits.append);
            if literal.size > room as u64 || self.overflowing {
                self.overflowing = true;
                self.framing.cut_literal(room);
            } else {
                self.framing.accept_literal();
            }
        } else if literal.size > cap as u64 {
            let line = Text(self.framing.refuse_literal());
            out.record(Event::ProtocolViolation { what: "literal-too-big", line });
            return self.farewell(Phrase::ByeLiteralTooBig, CloseReason::Violation, out);
        } else {
            self.framing.accept_literal();
        }
        if literal.synchronizing {
            self.waiting.get_or_insert(now);
            out.record(received(&request.verb, trim_line_end(&so_far), self.state.name(), "+"));
            let text = self.service.texts.reply(Phrase::Continue).fill(&[]);
            out.send(&text);
            out.send(b"\r\n");
        }
    }
}
