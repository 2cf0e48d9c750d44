//! The catalogue: every event and every field, with what it means. `docs/events.md` is generated from here.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::field::{Attachment, CloseReason, Field, Text};

/// One event in the catalogue, for documentation.
#[derive(Debug)]
pub struct Entry {
    /// Its name, as the JSON field `event` carries it.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// Its own fields, in the order in which they are written.
    pub fields: &'static [FieldEntry],
}

/// One field of an [`Entry`].
#[derive(Debug)]
pub struct FieldEntry {
    /// Its name in JSON.
    pub name: &'static str,
    /// What it holds: `text`, `number`, `word` ...
    pub shape: &'static str,
    /// What it means.
    pub doc: &'static str,
}

/// Declares the enum, its names, its serialisation and the catalogue from one list.
macro_rules! events {
    ($(
        $(#[doc = $doc:literal])+
        $variant:ident = $name:literal {
            $( $(#[doc = $field_doc:literal])+ $field:ident: $ty:ty, )*
        }
    )+) => {
        /// One recorded fact, without identity: the driver stamps who, where and when (see [`crate::Record`]).
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Event { $(
            $(#[doc = $doc])+
            $variant { $( $(#[doc = $field_doc])+ $field: $ty, )* },
        )+ }

        impl Event {
            /// The event's name, such as `auth.failed`.
            pub const fn name(&self) -> &'static str {
                match self { $( Self::$variant { .. } => $name, )+ }
            }

            /// Octets that its fields hold beside the enum's own, about: for queues that are bounded in octets.
            pub fn weight(&self) -> usize {
                match self { $( Self::$variant { $( $field, )* } => 0 $( + $field.weight() )*, )+ }
            }
        }

        /// Writes the event's own fields as one JSON object.
        impl Serialize for Event {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                match self { $(
                    Self::$variant { $( $field, )* } => { $( $field.put(stringify!($field), &mut map)?; )* }
                )+ }
                map.end()
            }
        }

        /// Every event there is.
        pub static CATALOGUE: &[Entry] = &[ $( Entry {
            name: $name,
            doc: concat!($($doc, "\n"),+),
            fields: &[ $( FieldEntry {
                name: stringify!($field),
                shape: <$ty as Field>::SHAPE,
                doc: concat!($($field_doc, "\n"),+),
            }, )* ],
        }, )+ ];
    };
}

events! {
    /// A connection was accepted.
    SessionOpened = "session.opened" {
        /// The personality that answers it.
        personality: String,
    }

    /// A connection ended. The last event of its session.
    SessionClosed = "session.closed" {
        /// `logout`, `peer` (it hung up), `timeout`, `violation` (too many bad commands, a line over the limit), `limit`
        /// (of ours, on connections), `shutdown` or `error`.
        reason: CloseReason,
        /// Octets received.
        bytes_in: u64,
        /// Octets sent.
        bytes_out: u64,
        /// From accept to close, in milliseconds.
        duration_ms: u64,
        /// Octets that the wire record lacks because it reached `wire.max-per-session`.
        wire_cut: u64,
        /// The last link of the wire record's hash chain, in hexadecimal ([evidence.md](evidence.md)).
        wire_sha256: String,
        /// The link of the event before this one in the session's hash chain, in hexadecimal.
        chain_sha256: String,
    }

    /// TLS is on: the handshake is done. The events that follow in its session are encrypted on the wire.
    TlsNegotiated = "tls.negotiated" {
        /// The version, in OpenSSL's words: `TLSv1.3`.
        version: &'static str,
        /// The suite, in OpenSSL's words.
        cipher: String,
        /// Whether an earlier session of the client goes on.
        resumed: bool,
        /// Whether the client showed a certificate, although it was not asked for one.
        client_certificate: bool,
        /// The host name that the client asked for; empty where it named none.
        sni: Text,
        /// The protocols that the client offered.
        alpn: Vec<Text>,
        /// The JA3 string of its hello; this, `ja3_hash` and `ja4` are empty where it was in the form of SSL 2.0.
        ja3: String,
        /// The JA3 itself, the MD5 of the string.
        ja3_hash: String,
        /// The JA4 of its hello.
        ja4: String,
    }

    /// A TLS handshake that did not come about.
    TlsFailed = "tls.failed" {
        /// `plain-text`, `http`, `not-tls` (what came was no TLS), `no-hello`, `truncated-hello` (the peer closed before or within
        /// its hello), `malformed-hello`, `unknown-version`, `no-shared-cipher` (nothing in common), `alert` (the peer gave up),
        /// `timeout`, `closed`, `other`, or `plain-port` (a hello where no TLS is spoken, or not yet).
        reason: &'static str,
        /// The same for people, in OpenSSL's words where it had any; the name of the peer's alert.
        detail: String,
        /// The host name that the client asked for; empty where it named none, or sent no hello.
        sni: Text,
        /// The protocols that the client offered.
        alpn: Vec<Text>,
        /// The JA3 string of its hello.
        ja3: String,
        /// The JA3 itself, the MD5 of the string.
        ja3_hash: String,
        /// The JA4 of its hello.
        ja4: String,
    }

    /// A login that was let in.
    AuthSucceeded = "auth.succeeded" {
        /// `LOGIN` for IMAP's plain command, `USER` for POP3's USER and PASS, else the SASL mechanism (`PLAIN`, `LOGIN`).
        mechanism: &'static str,
        /// The user name as tried.
        username: Text,
        /// The password as tried.
        password: Text,
    }

    /// A login that was refused.
    AuthFailed = "auth.failed" {
        /// `LOGIN` for IMAP's plain command, `USER` for POP3's USER and PASS, else the SASL mechanism (`PLAIN`, `LOGIN`).
        mechanism: &'static str,
        /// The user name as tried.
        username: Text,
        /// The password as tried.
        password: Text,
    }

    /// A command, or a line that answers a challenge of ours. Comes before the events that it caused.
    CommandReceived = "command.received" {
        /// The verb in upper case; the mechanism's or command's verb for a continuation line; empty where there was none.
        verb: Text,
        /// The bytes as received, with their literals, without the last line end.
        line: Text,
        /// The session's state when it came, such as `NOT_AUTHENTICATED`.
        state: &'static str,
        /// What we answered: `OK`, `NO`, `BAD`, `BYE` or `+` (a continuation request) in IMAP, `+OK`, `-ERR` or `+` in POP3, the
        /// reply code such as `250` in SMTP; empty where the session ended before it could be answered.
        status: &'static str,
    }

    /// A mailbox was opened with SELECT or EXAMINE.
    MailboxSelected = "mailbox.selected" {
        /// Its name.
        mailbox: String,
        /// Whether with EXAMINE.
        read_only: bool,
    }

    /// A message, or a part of one, was shown: recorded just before it is sent. Where the session then ended with `error`
    /// or `timeout`, its last octets may not have arrived.
    MessageRead = "message.read" {
        /// The mailbox's name.
        mailbox: String,
        /// The message's UID in that mailbox.
        uid: u64,
        /// What of it: a section of RFC 3501 section 6.4.5 (`HEADER`, `TEXT`, `1.2`; empty for the whole message), or `RFC822`,
        /// `RFC822.HEADER`, `RFC822.TEXT`; in POP3 empty for RETR, `TOP n` for the header and n lines.
        section: Text,
        /// Octets of the message.
        bytes: u64,
        /// The ids of the secrets that were shown whole or in part.
        bait: Vec<String>,
    }

    /// A message was put into a mailbox by IMAP's APPEND: a draft, or what an intruder leaves behind. It is kept like mail that
    /// was sent, and within the same quotas; as it was received it is in the `line` of the command before it.
    MailboxAppended = "mailbox.appended" {
        /// The mailbox's name.
        mailbox: String,
        /// The UID that it got there.
        uid: u64,
        /// The flags that it was given, as IMAP writes them.
        flags: Text,
        /// Octets of the message.
        bytes: u64,
        /// SHA-256 of these octets, in hexadecimal; empty where there was no room for it.
        sha256: String,
        /// The Subject, decoded.
        subject: Text,
        /// Where it is kept, below the data directory; empty where there was no room for it.
        path: String,
        /// The attachments, as far as they could be read.
        attachments: Vec<Attachment>,
        /// The URLs in its text, each once.
        urls: Vec<String>,
    }

    /// A search: what an intruder looks for.
    SearchRun = "search.run" {
        /// The mailbox's name.
        mailbox: String,
        /// The criteria as received.
        criteria: Text,
        /// How many messages matched.
        matches: u64,
    }

    /// A sender or a recipient was named (MAIL FROM, RCPT TO).
    MailEnvelope = "mail.envelope" {
        /// The sender as named, without the angle brackets.
        mail_from: Text,
        /// The recipients named so far, accepted or not, without the angle brackets; the last 32 of a longer list.
        rcpt_to: Vec<Text>,
        /// Whether the last of them was accepted.
        accepted: bool,
    }

    /// A message was taken in, and is on disk.
    MailReceived = "mail.received" {
        /// Its name in the queue, as the peer was told.
        queue_id: String,
        /// The sender, without the angle brackets.
        mail_from: Text,
        /// The accepted recipients, without the angle brackets.
        rcpt_to: Vec<Text>,
        /// Octets as received, after dot-unstuffing.
        size: u64,
        /// SHA-256 of these octets, in hexadecimal.
        sha256: String,
        /// The Subject, decoded.
        subject: Text,
        /// Where it is kept, below the data directory.
        path: String,
        /// The attachments, as far as they could be read.
        attachments: Vec<Attachment>,
        /// The URLs in its text, each once.
        urls: Vec<String>,
    }

    /// A message that was offered is not kept whole.
    MailRefused = "mail.refused" {
        /// `quota-message`, `quota-source`, `quota-total`, `disk` (no room), `unfinished` (the peer went
        /// away in the middle), `withdrawn` (the peer took it back, or broke
        /// off, between two chunks) or `hops` (it has been through too many hosts).
        reason: &'static str,
        /// The sender, without the angle brackets.
        mail_from: Text,
        /// The accepted recipients, without the angle brackets.
        rcpt_to: Vec<Text>,
        /// Octets that had arrived.
        size: u64,
        /// Its name in the queue, where the peer was told that it was taken (`mail.when-full = "accept-and-discard"`); else
        /// empty.
        queue_id: String,
        /// Where what has come of an unfinished message is kept, below the data directory; else empty.
        path: String,
    }

    /// Captured mail was deleted: too old, too much, or to make room for what its session sends. Where no session caused it,
    /// `session` is one of Honeypost's own and the addresses are `0.0.0.0`.
    MailExpired = "mail.expired" {
        /// `age` or `size`.
        reason: &'static str,
        /// How many messages.
        messages: u64,
        /// Octets that they took on the disk, in blocks.
        size: u64,
    }

    /// The store could not take events of this session, and `store.when-full` let it go on: they are missing, and so are their
    /// numbers.
    EvidenceLost = "evidence.lost" {
        /// How many events.
        events: u64,
        /// Octets of the wire record, which `wire_cut` counts too.
        wire: u64,
    }

    /// Input that no honest client sends, or that was left unfinished.
    ProtocolViolation = "protocol.violation" {
        /// `line-too-long`, `literal-too-big`, `too-many-bad-commands`, `bare-newline` (a message ended by another sequence than
        /// CRLF.CRLF, which is how mail is smuggled), `unfinished` (input that was still to be answered, or without its end,
        /// when the session closed, or that came after our last word: its first 16 KiB), `starttls-injection` (what stood in the
        /// clear behind STARTTLS), `tls-hello-on-plain-port` (its first 64 KiB; `tls.failed` beside it tells whose it is, where it
        /// came whole), `event-too-large` (stands for an event
        /// that does not fit into the store; `line` is the beginning of its fields).
        what: &'static str,
        /// The bytes concerned, as far as they were kept.
        line: Text,
    }
}
