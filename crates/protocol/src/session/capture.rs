//! Messages that a session takes in: what its driver is told of them, and what it tells.

use bytes::Bytes;
use event::Text;

/// The stages of taking in a message, in this order: [`Begin`](Self::Begin), any number of [`Write`](Self::Write),
/// then [`Commit`](Self::Commit) or [`Abort`](Self::Abort). In pieces, so that no message needs memory of its size. Or, at once,
/// [`Append`](Self::Append).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Capture {
    /// A message with this envelope begins.
    Begin(Box<Envelope>),
    /// More of its octets, as received (after dot-unstuffing).
    Write(Bytes),
    /// It is whole. The driver makes it durable, then calls [`Session::captured`](super::Session::captured).
    Commit,
    /// A message that is whole already, and is in a mailbox now: the driver makes it durable, and records that.
    Append(Box<Appended>),
    /// It will never be whole: the session ends in the middle of it, the peer gives it up, or it is over the limit on
    /// its size. What has come of it is evidence all the same.
    Abort(Abandoned),
}

/// Why a message will never be whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abandoned {
    /// The peer went away in the middle.
    Unfinished,
    /// It passed the limit on a message.
    TooLarge,
    /// It has been through too many hosts.
    TooManyHops,
    /// The peer took it back: RSET, or a new greeting, between two chunks (RFC 3030).
    Withdrawn,
}

/// The envelope of a message that is taken in (RFC 5321 section 2.3.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    /// What the client called itself in HELO or EHLO; empty where it said neither.
    pub helo: Text,
    /// Whether it said EHLO.
    pub extended: bool,
    /// Whether it had logged in (RFC 4954).
    pub authenticated: bool,
    /// Whether MAIL had the parameter SMTPUTF8 (RFC 6531).
    pub utf8: bool,
    /// MAIL FROM, without the angle brackets; empty for the null sender.
    pub mail_from: Text,
    /// Every accepted RCPT TO, without the angle brackets.
    pub rcpt_to: Vec<Text>,
    /// Those of them that are mailboxes of this host: for them it appears in INBOX.
    pub local: Vec<Text>,
}

/// A message that was put into a mailbox (RFC 3501 section 6.3.11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The mailbox's name, in UTF-8.
    pub mailbox: String,
    /// The UID that it got there.
    pub uid: u32,
    /// The flags that it was given, as IMAP writes them.
    pub flags: Text,
    /// The message, as it is in the mailbox.
    pub octets: Bytes,
}

/// What became of a captured message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Captured {
    /// It is on disk.
    Kept {
        /// Its name in the queue, in the imitated server's form.
        queue_id: String,
    },
    /// There is no room for it: a quota, or the disk.
    Full,
}
