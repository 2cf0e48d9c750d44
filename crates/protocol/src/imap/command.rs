//! The command table, and how a command is taken apart: tag, verb, arguments.

use std::borrow::Cow;

use bytes::Bytes;

use crate::framing::trim_line_end;
use crate::imap::state::State;
use crate::imap::texts::{ImapTexts, Phrase};
use crate::imap::turn::{Fault, Turn};
use crate::imap::{
    append, copy, disabled, expunge, fetch, folders, list, login, mailbox, search, status, store,
};
use crate::words::{upper_case, word};

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

/// One verb: name, when it is allowed, what it does.
#[derive(Debug)]
pub struct Row {
    /// In upper case; `UID FETCH` is a verb of its own.
    pub verb: &'static str,
    /// When it is allowed.
    pub phase: Phase,
    /// What it does.
    pub run: fn(&mut Turn<'_>, &mut State) -> Result<(), Fault>,
}

/// Every command that the engine has. A personality takes part in those that it has words for.
pub static TABLE: &[Row] = &[
    Row { verb: "CAPABILITY", phase: Phase::Any, run: login::capability },
    Row { verb: "NOOP", phase: Phase::Any, run: login::noop },
    Row { verb: "LOGOUT", phase: Phase::Any, run: login::logout },
    Row { verb: "ID", phase: Phase::Any, run: login::id },
    Row { verb: "ENABLE", phase: Phase::Any, run: login::enable },
    Row { verb: "STARTTLS", phase: Phase::NotAuthenticated, run: login::starttls },
    Row { verb: "LOGIN", phase: Phase::NotAuthenticated, run: login::login },
    Row { verb: "AUTHENTICATE", phase: Phase::NotAuthenticated, run: login::authenticate },
    Row { verb: "SELECT", phase: Phase::Authenticated, run: mailbox::select },
    Row { verb: "EXAMINE", phase: Phase::Authenticated, run: mailbox::examine },
    Row { verb: "LIST", phase: Phase::Authenticated, run: list::list },
    Row { verb: "LSUB", phase: Phase::Authenticated, run: list::lsub },
    Row { verb: "STATUS", phase: Phase::Authenticated, run: status::status },
    Row { verb: "XLIST", phase: Phase::Authenticated, run: list::list },
    Row { verb: "NAMESPACE", phase: Phase::Authenticated, run: folders::namespace },
    Row { verb: "CREATE", phase: Phase::Authenticated, run: folders::create },
    Row { verb: "DELETE", phase: Phase::Authenticated, run: folders::delete },
    Row { verb: "RENAME", phase: Phase::Authenticated, run: folders::rename },
    Row { verb: "SUBSCRIBE", phase: Phase::Authenticated, run: folders::subscribe },
    Row { verb: "UNSUBSCRIBE", phase: Phase::Authenticated, run: folders::unsubscribe },
    Row { verb: "APPEND", phase: Phase::Authenticated, run: append::append },
    Row { verb: "NOTIFY", phase: Phase::Authenticated, run: disabled::notify },
    Row { verb: "CANCELUPDATE", phase: Phase::Authenticated, run: disabled::cancel_update },
    Row { verb: "GENURLAUTH", phase: Phase::Authenticated, run: disabled::urlauth },
    Row { verb: "RESETKEY", phase: Phase::Authenticated, run: disabled::urlauth },
    Row { verb: "URLFETCH", phase: Phase::Authenticated, run: disabled::urlauth },
    Row { verb: "GETMETADATA", phase: Phase::Authenticated, run: disabled::metadata },
    Row { verb: "SETMETADATA", phase: Phase::Authenticated, run: disabled::metadata },
    Row { verb: "IDLE", phase: Phase::Authenticated, run: mailbox::idle },
    Row { verb: "CLOSE", phase: Phase::Selected, run: mailbox::close },
    Row { verb: "UNSELECT", phase: Phase::Selected, run: mailbox::unselect },
    Row { verb: "CHECK", phase: Phase::Selected, run: mailbox::check },
    Row { verb: "EXPUNGE", phase: Phase::Selected, run: expunge::expunge },
    // These look at their arguments before they look for a mailbox.
    Row { verb: "UID EXPUNGE", phase: Phase::Authenticated, run: expunge::uid_expunge },
    Row { verb: "COPY", phase: Phase::Authenticated, run: copy::copy },
    Row { verb: "UID COPY", phase: Phase::Authenticated, run: copy::uid_copy },
    Row { verb: "MOVE", phase: Phase::Authenticated, run: copy::move_ },
    Row { verb: "UID MOVE", phase: Phase::Authenticated, run: copy::uid_move },
    Row { verb: "STORE", phase: Phase::Selected, run: store::store },
    Row { verb: "UID STORE", phase: Phase::Selected, run: store::uid_store },
    Row { verb: "SORT", phase: Phase::Selected, run: search::sort },
    Row { verb: "UID SORT", phase: Phase::Selected, run: search::uid_sort },
    Row { verb: "THREAD", phase: Phase::Selected, run: search::thread },
    Row { verb: "UID THREAD", phase: Phase::Selected, run: search::uid_thread },
    Row { verb: "FETCH", phase: Phase::Selected, run: fetch::fetch },
    Row { verb: "UID FETCH", phase: Phase::Selected, run: fetch::uid_fetch },
    Row { verb: "SEARCH", phase: Phase::Selected, run: search::search },
    Row { verb: "UID SEARCH", phase: Phase::Selected, run: search::uid_search },
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
}

impl<'a> Request<'a> {
    /// Takes a command apart.
    pub fn parse(line: &'a Bytes) -> Self {
        let content = trim_line_end(line);
        let (tag, rest) = word(content);
        let (first, mut arguments) = word(rest);
        let mut verb: Cow<'a, [u8]> = upper_case(first);
        if *verb == *b"UID" {
            let (second, behind) = word(arguments);
            if !second.is_empty() {
                verb = Cow::Owned([b"UID ", &*upper_case(second)].concat());
                arguments = behind;
            }
        }
        Self { tag: is_tag(tag).then_some(tag), verb, arguments }
    }

    /// Whether what has come of a line begins with what can be no tag.
    pub fn has_bad_tag(coming: &[u8]) -> bool {
        let (tag, _) = word(coming);
        !is_tag(tag.strip_suffix(b"\r").unwrap_or(tag))
    }

    /// The row of its verb, if it is in the table, the personality knows it and the state allows it.
    pub fn row(&self, texts: &ImapTexts, state: &State) -> Result<&'static Row, Phrase> {
        let known = |row: &&Row| row.verb.as_bytes() == &*self.verb && texts.completed.contains_key(row.verb);
        match TABLE.iter().find(known) {
            Some(row) if row.phase.allows(state) => Ok(row),
            Some(Row { phase: Phase::Selected, .. }) if state.account().is_some() => {
                Err(Phrase::NoMailboxSelected)
            }
            _ if self.verb.is_empty() => Err(Phrase::MissingCommand),
            _ if texts.mail_process.is_dovecot()
                && state.account().is_some()
                && self.verb.iter().any(u8::is_ascii_control) =>
            {
                Err(Phrase::MissingCommand)
            }
            _ if *self.verb == *b"UID" && texts.mail_process.is_dovecot() => Err(Phrase::MissingCommand),
            _ => Err(Phrase::UnknownCommand),
        }
    }
}

/// `tag = 1*<any ASTRING-CHAR except "+">` (RFC 3501 section 9).
fn is_tag(word: &[u8]) -> bool {
    let special = |byte: &u8| matches!(byte, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\' | b'+');
    !word.is_empty() && word.iter().all(|byte| byte.is_ascii_graphic() && !special(byte))
}
