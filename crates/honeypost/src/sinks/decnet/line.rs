//! A line of syslog as DECNET's templates write it: RFC 5424 with one SD-ELEMENT, `relay@55555`.
//!
//! Its collector ends the element at the first `]`, escaped or not. So parameters whose values hold one stand behind all
//! others: what is lost there is them alone. Readers of RFC 5424 see no difference.

use std::borrow::Cow;
use std::fmt::Write as _;

use jiff::Timestamp;

use crate::terminal;

/// The facility is local0 (16).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    Warning = 4,
    Info = 6,
}

/// What a line begins with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head<'a> {
    pub(super) severity: Severity,
    pub(super) time: Timestamp,
    /// HOSTNAME: the node's name.
    pub(super) node: &'a str,
    /// APP-NAME: the service.
    pub(super) app: &'a str,
    /// MSGID: the event.
    pub(super) event: &'static str,
}

/// The parameters of the SD-ELEMENT, in the order in which they were added.
#[derive(Debug, Default)]
pub(super) struct Fields<'a>(Vec<(&'static str, Cow<'a, str>)>);

impl<'a> Fields<'a> {
    /// Adds a value of ours, on one line.
    pub(super) fn ours(mut self, name: &'static str, value: impl Into<Cow<'a, str>>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    /// Adds text from a peer: what is no UTF-8 as U+FFFD, line ends and other control characters made visible.
    pub(super) fn theirs(self, name: &'static str, value: &'a [u8]) -> Self {
        let shown = shown(value);
        self.ours(name, shown)
    }

    /// The same of at most so many characters.
    pub(super) fn theirs_cut(self, name: &'static str, value: &'a [u8], most: usize) -> Self {
        let shown = cut(shown(value), most);
        self.ours(name, shown)
    }
}

/// Text from a peer on one line. Borrowed where nothing had to be changed.
pub(super) fn shown(value: &[u8]) -> Cow<'_, str> {
    match String::from_utf8_lossy(value) {
        Cow::Borrowed(text) => terminal::escape_only_deceiving(text),
        Cow::Owned(text) => Cow::Owned(terminal::escape_only_deceiving(&text).into_owned()),
    }
}

/// The first so many characters.
pub(super) fn cut(text: Cow<'_, str>, most: usize) -> Cow<'_, str> {
    match (text.char_indices().nth(most), text) {
        (None, text) => text,
        (Some((end, _)), Cow::Borrowed(text)) => Cow::Borrowed(text.get(..end).unwrap_or_default()),
        (Some((end, _)), Cow::Owned(mut text)) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}

/// Writes the line with its line end.
pub(super) fn write(head: &Head<'_>, fields: &Fields<'_>, message: &str, out: &mut String) {
    let Head { severity, time, node, app, event } = head;
    let priority = 16 * 8 + *severity as u8;
    let moment = format!("{time:.6}");
    let moment = moment.trim_end_matches('Z');
    write!(out, "<{priority}>1 {moment}+00:00 {node} {app} - {event} ").expect("writing to a string");
    if fields.0.is_empty() {
        out.push('-');
    } else {
        out.push_str("[relay@55555");
        let (last, first): (Vec<_>, Vec<_>) = fields.0.iter().partition(|(_, value)| value.contains(']'));
        for (name, value) in first.into_iter().chain(last) {
            write!(out, " {name}=\"").expect("writing to a string");
            for character in value.chars() {
                if matches!(character, '\\' | '"' | ']') {
                    out.push('\\');
                }
                out.push(character);
            }
            out.push('"');
        }
        out.push(']');
    }
    if !message.is_empty() {
        out.push(' ');
        out.push_str(message);
    }
    out.push('\n');
}
