//! Reads an APPEND as far as it has come, as Dovecot does: message by message, with a fault where it is found. A fault may end
//! the command in the middle of a line, and what is left of it is then the next command.

use super::{Asked, New, date, kept, url};
use crate::framing::Literal;
use crate::imap::Service;
use crate::imap::arguments::Argument;
use crate::imap::flags;
use crate::imap::name::{decoded_text, missing, sound};
use crate::imap::reader::{self, Literals, Reading, Rules, Stop};
use crate::imap::state::State;
use crate::imap::texts::Phrase;
use crate::imap::turn::Fault;

/// Messages and parts in one command.
const MOST_LITERALS: usize = 500;

/// What an APPEND that has come so far needs.
#[derive(Debug)]
pub enum Next {
    /// The octets of the literal that it ends with. What has gone wrong already is told before they come.
    Literal(Literal, Option<Fault>),
    /// The next line: what it ends with is no literal. What has gone wrong already is told before it comes.
    Ignored(Option<Fault>),
    /// Nothing: it asks for a literal beyond all limits.
    TooBig,
    /// Nothing: this comes of it.
    Ended(Result<Asked, Fault>, Ending, Named),
}

/// The keywords that were named for a mailbox that there is.
#[derive(Debug, Default)]
pub struct Named {
    /// The mailbox, in UTF-8; empty where there is none.
    pub mailbox: String,
    /// The keywords.
    pub keywords: Vec<String>,
}

/// How much of what was read is no part of the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// Octets at the end that are the next command.
    pub rest: usize,
    /// Whether the line that comes next is thrown away.
    pub skip: bool,
}

/// Reads what has come: `behind` is all behind the verb, line ends included; `before` is how many octets the tag and the
/// verb take.
pub fn next(state: &State, service: &Service, behind: &[u8], before: usize) -> Next {
    let mut walk = Walk {
        state,
        service,
        behind,
        at: 0,
        asked: Asked { mailbox: String::new(), news: Vec::new() },
        failed: None,
        literals: 0,
        keywords: Vec::new(),
    };
    match walk.command(before) {
        Ok(()) => walk.ended_line(None),
        Err(next) => next,
    }
}

struct Walk<'a> {
    state: &'a State,
    service: &'a Service,
    behind: &'a [u8],
    at: usize,
    asked: Asked,
    /// What went wrong first: only that is told.
    failed: Option<Fault>,
    literals: usize,
    /// The keywords that were named.
    keywords: Vec<String>,
}

/// The message that is being put together from parts.
#[derive(Default)]
struct Composed {
    new: New,
    /// Whether its first part was `~{5}`.
    binary: bool,
    begun: bool,
}

impl<'a> Walk<'a> {
    fn rest(&self) -> &'a [u8] {
        self.behind.get(self.at..).unwrap_or_default()
    }

    fn read(&mut self, literals: Literals) -> Reading<'a> {
        let inside_list = literals == Literals::Parts;
        let limit = self.service.texts.limits.literal;
        let longest = self.service.texts.limits.longest_word(true);
        let rules = Rules { wanted: None, literals, inside_list, lists: None, before: 0, limit, longest };
        let reading = reader::read(self.rest(), rules);
        self.at = self.at.saturating_add(reading.end);
        reading
    }

    fn fail(&mut self, fault: impl Into<Fault>) {
        self.failed.get_or_insert_with(|| fault.into());
    }

    /// The command ends here; what is left is the next one.
    fn ended_here(&mut self, fault: Option<Fault>) -> Next {
        let rest = self.rest().len();
        self.ended(fault, Ending { rest, skip: false })
    }

    /// The command ends with this line.
    fn ended_line(&mut self, fault: Option<Fault>) -> Next {
        let skip = self.rest().is_empty() && !self.behind.is_empty();
        self.ended(fault, Ending { rest: 0, skip })
    }

    fn ended(&mut self, fault: Option<Fault>, ending: Ending) -> Next {
        let named =
            Named { mailbox: self.asked.mailbox.clone(), keywords: std::mem::take(&mut self.keywords) };
        let nothing = Asked { mailbox: String::new(), news: Vec::new() };
        let asked = match self.failed.take().or(fault) {
            Some(fault) => Err(fault),
            None => Ok(std::mem::replace(&mut self.asked, nothing)),
        };
        Next::Ended(asked, ending, named)
    }

    fn command(&mut self, before: usize) -> Result<(), Next> {
        let limit = self.service.texts.limits.literal;
        let rules = Rules {
            wanted: Some(1),
            literals: Literals::Strings,
            inside_list: false,
            lists: None,
            before,
            limit,
            longest: self.service.texts.limits.longest_word(true),
        };
        let Reading { arguments, stop, end } = reader::read(self.behind, rules);
        self.at = end;
        let fault = match stop {
            Stop::Enough => None,
            Stop::Literal(literal) => return Err(Next::Literal(literal, None)),
            Stop::LiteralTooBig => return Err(Next::TooBig),
            Stop::Fault(phrase, asked) => Some(Fault::with(phrase, if asked { &b"+"[..] } else { b"" })),
            _ => Some(Phrase::MissingArguments.into()),
        };
        if let Some(fault) = fault {
            self.at = self.at.min(self.behind.len().saturating_sub(1));
            return Err(self.ended_line(Some(fault)));
        }
        let Some(name) = arguments.first().and_then(Argument::string) else {
            return Err(self.ended_line(Some(Phrase::InvalidArguments.into())));
        };
        if let Err(fault) = self.open(name) {
            self.fail(fault);
        }
        while self.message()? {}
        Ok(())
    }

    /// The mailbox must be there.
    fn open(&mut self, name: &[u8]) -> Result<(), Fault> {
        let separator = self.service.texts.separator;
        let name = decoded_text(name)?;
        sound(&name, separator)?;
        let account = self.state.account().ok_or(Phrase::UnknownCommand)?;
        if account.world.folder(&name).is_none() {
            return Err(missing(Phrase::TryCreate, &name));
        }
        self.asked.mailbox = name;
        Ok(())
    }

    /// Reads one message. `false` when there was none any more.
    fn message(&mut self) -> Result<bool, Next> {
        let Reading { arguments, stop, .. } = self.read(Literals::Messages);
        match stop {
            Stop::Fault(phrase, _) => return Err(self.ended_here(Some(phrase.into()))),
            Stop::Ignored => return Err(Next::Ignored(self.failed.take())),
            Stop::LiteralTooBig => return Err(Next::TooBig),
            Stop::Literal(literal) => return Err(self.wanted(literal)),
            Stop::LineEnd if arguments.is_empty() => {
                let none = self.asked.news.is_empty().then(|| Phrase::MissingMessageSize.into());
                return if none.is_some() { Err(self.ended_line(none)) } else { Ok(false) };
            }
            _ => {}
        }
        let parts = match (&stop, reader::options(&arguments)) {
            (Stop::Message { part: false, .. }, []) => None,
            (Stop::Message { part: true, .. } | Stop::Enough, [_, Argument::List(parts)]) => Some(parts),
            _ => return Err(self.ended_line(Some(Phrase::InvalidArguments.into()))),
        };
        let new = self.options(&arguments)?;
        match (parts, stop) {
            (None, Stop::Message { literal, .. }) => {
                if literal.size == 0 {
                    self.fail(Phrase::ZeroByteMessage);
                    if literal.synchronizing {
                        return Err(self.ended_here(None));
                    }
                }
                let bytes = self.octets(literal)?;
                self.asked.news.push(New { bytes: kept(bytes), ..new });
            }
            (Some(parts), stop) => {
                if parts.is_empty() && stop == Stop::Enough {
                    return Err(self.ended_line(Some(Phrase::EmptyCatenate.into())));
                }
                let mut composed = Composed { new, ..Composed::default() };
                let mut open = self.parts(parts, &stop, &mut composed)?;
                while open {
                    let Reading { arguments, stop, .. } = self.read(Literals::Parts);
                    match stop {
                        Stop::Fault(phrase, _) => return Err(self.ended_line(Some(phrase.into()))),
                        Stop::LiteralTooBig => return Err(Next::TooBig),
                        Stop::Literal(literal) => return Err(self.wanted(literal)),
                        stop => open = self.parts(&arguments, &stop, &mut composed)?,
                    }
                }
                let New { bytes, .. } = &composed.new;
                let bytes = kept(bytes);
                self.asked.news.push(New { bytes, ..composed.new });
            }
            _ => {}
        }
        Ok(true)
    }

    /// `[(flags)] ["date"]`
    fn options(&mut self, arguments: &[Argument<'_>]) -> Result<New, Next> {
        let mut new = New::default();
        if self.failed.is_some() {
            return Ok(new);
        }
        let mut rest = arguments;
        if let [Argument::List(members), behind @ ..] = rest {
            match flags::parse(members) {
                Ok((flags, keywords)) => {
                    match flags::check(&keywords) {
                        Ok(()) => self.keywords.extend_from_slice(&keywords),
                        Err(fault) => self.fail(fault),
                    }
                    (new.flags, new.keywords) = (flags, keywords);
                }
                Err(fault) => return Err(self.ended_here(Some(fault))),
            }
            rest = behind;
        }
        if let ([Argument::Quoted(text), ..], None) = (rest, &self.failed) {
            match date::parse(text) {
                Some(date) => new.date = Some(date),
                None => return Err(self.ended_here(Some(Phrase::InvalidInternalDate.into()))),
            }
        }
        Ok(new)
    }

    /// Takes the parts that were read; `true` when more may come.
    fn parts(&mut self, parts: &[Argument<'_>], stop: &Stop, composed: &mut Composed) -> Result<bool, Next> {
        let mut rest = parts;
        while let [word, behind @ ..] = rest {
            let text = word.is_atom("TEXT");
            match behind {
                [url, behind @ ..] if word.is_atom("URL") && url.string().is_some() => {
                    self.url(url.string().unwrap_or_default(), composed);
                    rest = behind;
                }
                [] if text && matches!(stop, Stop::Message { .. }) => rest = &[],
                [] if text || word.is_atom("URL") => return Ok(false),
                _ => return Err(self.ended_here(Some(Phrase::InvalidArguments.into()))),
            }
        }
        let Stop::Message { literal, binary, .. } = stop else { return Ok(false) };
        if *binary && composed.begun && !composed.binary {
            self.fail(Phrase::BinaryNotFirst);
        }
        composed.binary |= *binary && !composed.begun;
        composed.begun = true;
        let octets = self.octets(*literal)?;
        composed.new.bytes.extend_from_slice(octets);
        Ok(true)
    }

    fn url(&mut self, text: &[u8], composed: &mut Composed) {
        composed.begun = true;
        if self.failed.is_none() {
            match url::fetch(text, self.state) {
                Ok(octets) => composed.new.bytes.extend_from_slice(&octets),
                Err(fault) => self.fail(fault),
            }
        }
    }

    /// A literal that the client may have to be asked for.
    fn wanted(&mut self, literal: Literal) -> Next {
        if literal.synchronizing && self.failed.is_some() {
            return self.ended_here(None);
        }
        Next::Literal(literal, self.failed.take())
    }

    /// The octets of a literal.
    fn octets(&mut self, literal: Literal) -> Result<&'a [u8], Next> {
        self.literals = self.literals.saturating_add(1);
        if self.literals > MOST_LITERALS {
            self.fail(Phrase::OverQuota);
        }
        if literal.synchronizing && self.failed.is_some() {
            return Err(self.ended_here(None));
        }
        let rest = self.rest();
        let size = usize::try_from(literal.size).unwrap_or(usize::MAX);
        match rest.get(..size).filter(|_| !rest.is_empty()) {
            Some(octets) => {
                self.at = self.at.saturating_add(size);
                Ok(octets)
            }
            None => Err(Next::Literal(literal, self.failed.take())),
        }
    }
}
