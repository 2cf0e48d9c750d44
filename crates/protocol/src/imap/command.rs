//! The command table, and how a command is taken apart: tag, verb, arguments.

use std::borrow::Cow;

use bytes::Bytes;

use crate::framing::trim_line_end;
use crate::imap::reader::{Literals, Rules};
use crate::imap::state::State;
use crate::imap::texts::{ImapTexts, Phrase};
use crate::imap::turn::{Fault, Turn};
use crate::imap::{
    append, copy, disabled, expunge, fetch, folders, list, login, mailbox, metadata, notify, search, status,
    store, updates,
};
use crate::words::upper_case;

/// In which states a command may come (RFC 3501 section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// In every state.
    Any,
    /// Only before login.
    NotAuthenticated,
    /// Only after login.
    Authenticated,
    /// Only with a mailbox open.
    Selected,
}

impl Phase {
    fn allows(self, state: &State) -> bool {
        match self {
            Self::Any => true,
            Self::NotAuthenticated => matches!(state, State::NotAuthenticated),
            Self::Authenticated => !matches!(state, State::NotAuthenticated),
            Self::Selected => matches!(state, State::Selected(..)),
        }
    }
}

/// How many arguments a command reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// All that there are.
    All,
    /// No more than so many.
    First(usize),
    /// In a way of its own.
    Itself,
}

/// One verb: name, when it is allowed, what it does.
#[derive(Debug)]
pub struct Row {
    /// In upper case; `UID FETCH` is a verb of its own.
    pub verb: &'static str,
    /// When it is allowed.
    pub phase: Phase,
    /// How many of its arguments Dovecot reads. What stands behind them is not even looked at.
    pub reads: Reads,
    /// What it does.
    pub run: fn(&mut Turn<'_>, &mut State) -> Result<(), Fault>,
}

/// Every command that the engine has. A personality takes part in those that it has words for.
pub static TABLE: &[Row] = &[
    Row { verb: "CAPABILITY", phase: Phase::Any, reads: Reads::First(0), run: login::capability },
    Row { verb: "NOOP", phase: Phase::Any, reads: Reads::First(0), run: notify::noop },
    Row { verb: "LOGOUT", phase: Phase::Any, reads: Reads::First(0), run: login::logout },
    Row { verb: "ID", phase: Phase::Any, reads: Reads::All, run: login::id },
    Row { verb: "ENABLE", phase: Phase::Any, reads: Reads::All, run: login::enable },
    Row { verb: "STARTTLS", phase: Phase::NotAuthenticated, reads: Reads::First(0), run: login::starttls },
    Row { verb: "LOGIN", phase: Phase::NotAuthenticated, reads: Reads::All, run: login::login },
    Row {
        verb: "AUTHENTICATE",
        phase: Phase::NotAuthenticated,
        reads: Reads::First(0),
        run: login::authenticate,
    },
    Row { verb: "SELECT", phase: Phase::Authenticated, reads: Reads::All, run: mailbox::select },
    Row { verb: "EXAMINE", phase: Phase::Authenticated, reads: Reads::All, run: mailbox::examine },
    Row { verb: "LIST", phase: Phase::Authenticated, reads: Reads::All, run: list::list },
    Row { verb: "LSUB", phase: Phase::Authenticated, reads: Reads::All, run: list::lsub },
    Row { verb: "STATUS", phase: Phase::Authenticated, reads: Reads::First(2), run: status::status },
    Row { verb: "XLIST", phase: Phase::Authenticated, reads: Reads::All, run: list::list },
    Row { verb: "NAMESPACE", phase: Phase::Authenticated, reads: Reads::First(0), run: folders::namespace },
    Row { verb: "CREATE", phase: Phase::Authenticated, reads: Reads::First(1), run: folders::create },
    Row { verb: "DELETE", phase: Phase::Authenticated, reads: Reads::First(1), run: folders::delete },
    Row { verb: "RENAME", phase: Phase::Authenticated, reads: Reads::First(2), run: folders::rename },
    Row { verb: "SUBSCRIBE", phase: Phase::Authenticated, reads: Reads::First(1), run: folders::subscribe },
    Row {
        verb: "UNSUBSCRIBE",
        phase: Phase::Authenticated,
        reads: Reads::First(1),
        run: folders::unsubscribe,
    },
    Row { verb: "APPEND", phase: Phase::Authenticated, reads: Reads::Itself, run: append::append },
    Row { verb: "NOTIFY", phase: Phase::Authenticated, reads: Reads::All, run: notify::notify },
    Row { verb: "CANCELUPDATE", phase: Phase::Authenticated, reads: Reads::All, run: updates::cancel_update },
    Row { verb: "GENURLAUTH", phase: Phase::Authenticated, reads: Reads::First(0), run: disabled::urlauth },
    Row { verb: "RESETKEY", phase: Phase::Authenticated, reads: Reads::First(0), run: disabled::urlauth },
    Row { verb: "URLFETCH", phase: Phase::Authenticated, reads: Reads::First(0), run: disabled::urlauth },
    Row { verb: "GETMETADATA", phase: Phase::Authenticated, reads: Reads::All, run: metadata::get },
    Row { verb: "SETMETADATA", phase: Phase::Authenticated, reads: Reads::First(2), run: metadata::set },
    Row { verb: "X-STATE", phase: Phase::Authenticated, reads: Reads::All, run: disabled::state },
    Row { verb: "X-CANCEL", phase: Phase::Authenticated, reads: Reads::First(1), run: disabled::cancel },
    Row { verb: "IDLE", phase: Phase::Authenticated, reads: Reads::First(0), run: mailbox::idle },
    Row { verb: "CLOSE", phase: Phase::Selected, reads: Reads::First(0), run: mailbox::close },
    Row { verb: "UNSELECT", phase: Phase::Selected, reads: Reads::First(0), run: mailbox::unselect },
    Row { verb: "CHECK", phase: Phase::Selected, reads: Reads::First(0), run: mailbox::check },
    Row { verb: "EXPUNGE", phase: Phase::Selected, reads: Reads::First(0), run: expunge::expunge },
    // These look at their arguments before they look for a mailbox.
    Row {
        verb: "UID EXPUNGE",
        phase: Phase::Authenticated,
        reads: Reads::First(1),
        run: expunge::uid_expunge,
    },
    Row { verb: "COPY", phase: Phase::Authenticated, reads: Reads::First(2), run: copy::copy },
    Row { verb: "UID COPY", phase: Phase::Authenticated, reads: Reads::First(2), run: copy::uid_copy },
    Row { verb: "MOVE", phase: Phase::Authenticated, reads: Reads::First(2), run: copy::move_ },
    Row { verb: "UID MOVE", phase: Phase::Authenticated, reads: Reads::First(2), run: copy::uid_move },
    Row { verb: "STORE", phase: Phase::Selected, reads: Reads::All, run: store::store },
    Row { verb: "UID STORE", phase: Phase::Selected, reads: Reads::All, run: store::uid_store },
    Row { verb: "SORT", phase: Phase::Selected, reads: Reads::All, run: search::sort },
    Row { verb: "UID SORT", phase: Phase::Selected, reads: Reads::All, run: search::uid_sort },
    Row { verb: "THREAD", phase: Phase::Selected, reads: Reads::All, run: search::thread },
    Row { verb: "UID THREAD", phase: Phase::Selected, reads: Reads::All, run: search::uid_thread },
    Row { verb: "FETCH", phase: Phase::Selected, reads: Reads::All, run: fetch::fetch },
    Row { verb: "UID FETCH", phase: Phase::Selected, reads: Reads::All, run: fetch::uid_fetch },
    Row { verb: "SEARCH", phase: Phase::Selected, reads: Reads::All, run: search::search },
    Row { verb: "UID SEARCH", phase: Phase::Selected, reads: Reads::All, run: search::uid_search },
];

/// A command taken apart. Nothing is judged yet but the tag.
#[derive(Debug)]
pub struct Request<'a> {
    /// The tag; `None` where there is none that could be one.
    pub tag: Option<&'a [u8]>,
    /// The verb in upper case, `UID FETCH` as one; may be anything.
    pub verb: Cow<'a, [u8]>,
    /// What stands behind the verb, without the last line end.
    pub arguments: &'a [u8],
    /// The same behind the verb's first word: the login process knows no verb of two.
    pub behind_word: &'a [u8],
}

impl<'a> Request<'a> {
    /// Takes a command apart.
    pub fn parse(line: &'a Bytes) -> Self {
        Self::parse_part(trim_line_end(line))
    }

    /// The same of the beginning of a command, whose end is no line end.
    pub fn parse_part(content: &'a [u8]) -> Self {
        let (tag, rest) = name(content);
        let (first, behind_word) = name(rest);
        let mut arguments = behind_word;
        let mut verb: Cow<'a, [u8]> = upper_case(first);
        if *verb == *b"UID" {
            let (second, behind) = name(arguments);
            if !second.is_empty() {
                verb = Cow::Owned([b"UID ", &*upper_case(second)].concat());
                arguments = behind;
            }
        }
        Self { tag: is_tag(tag).then_some(tag), verb, arguments, behind_word }
    }

    /// Whether what has come of a line begins with what can be no tag.
    pub fn has_bad_tag(coming: &[u8]) -> bool {
        let (tag, _) = name(coming);
        !is_tag(tag)
    }

    /// Octets behind the verb in the whole command, line ends included.
    pub fn behind_verb(&self, whole: &[u8]) -> usize {
        let tag = name(whole).1;
        let mut behind = name(tag).1;
        if self.verb.starts_with(b"UID ") {
            behind = name(behind).1;
        }
        behind.len()
    }

    /// The row of its verb, if it is in the table and the personality knows it.
    pub fn known(&self, texts: &ImapTexts) -> Option<&'static Row> {
        let known = |row: &&Row| row.verb.as_bytes() == &*self.verb && texts.completed.contains_key(row.verb);
        TABLE.iter().find(known)
    }

    /// How its arguments are read, as Dovecot does.
    pub fn rules(&self, texts: &ImapTexts, logged_in: bool) -> Rules {
        // The login process reads the whole line, whatever the command.
        let reads =
            if logged_in { self.known(texts).map_or(Reads::All, |row| row.reads) } else { Reads::All };
        let tag = self.tag.unwrap_or(b"*").len();
        let verb = if logged_in {
            &self.verb
        } else {
            self.verb.split(|octet| *octet == b' ').next().unwrap_or_default()
        };
        Rules {
            wanted: match reads {
                Reads::All => None,
                Reads::First(count) => Some(count),
                Reads::Itself => Some(1),
            },
            literals: Literals::Strings,
            inside_list: false,
            lists: (!logged_in).then_some(1),
            before: tag.saturating_add(verb.len()).saturating_add(2),
            limit: if logged_in { texts.limits.literal } else { texts.limits.login_literal },
            longest: texts.limits.longest_word(logged_in),
        }
    }

    /// The row of its verb, if it is in the table, the personality knows it and the state allows it.
    pub fn row(&self, texts: &ImapTexts, state: &State) -> Result<&'static Row, Phrase> {
        let logged_in = state.account().is_some();
        let joined = !logged_in && self.verb.starts_with(b"UID ");
        if texts.mail_process.is_dovecot() && !joined && !is_verb(&self.verb) {
            return Err(Phrase::MissingCommand);
        }
        match self.known(texts) {
            Some(row) if row.phase.allows(state) => Ok(row),
            Some(Row { phase: Phase::Selected, .. }) if logged_in => Err(Phrase::NoMailboxSelected),
            _ if self.verb.is_empty() => Err(Phrase::MissingCommand),
            _ => Err(Phrase::UnknownCommand),
        }
    }
}

/// A tag or a command's name, and what stands behind the space that ends it. A line's end, or a CR within it, ends it too.
fn name(text: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memchr3(b' ', b'\r', b'\n', text).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
    (name, rest.strip_prefix(b" ").unwrap_or(rest))
}

/// Whether Dovecot takes it for the name of a command; `UID` alone is none.
fn is_verb(verb: &[u8]) -> bool {
    let name = verb.strip_prefix(b"UID ").unwrap_or(verb);
    !name.is_empty() && verb != b"UID" && !name.iter().any(|octet| is_special(*octet))
}

/// What neither a tag nor a command's name may have.
const fn is_special(octet: u8) -> bool {
    matches!(octet, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\' | b']')
        || octet < b' '
        || !octet.is_ascii()
}

/// `tag = 1*<any ASTRING-CHAR except "+">` (RFC 3501 section 9), as Dovecot has it: DEL may be in one, and `]` may not.
fn is_tag(word: &[u8]) -> bool {
    !word.is_empty() && !word.iter().any(|octet| is_special(*octet) || *octet == b'+')
}
