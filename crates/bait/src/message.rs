//! A message: its bytes, where its secrets stand, and what is read from the bytes once and kept.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use jiff::ZonedDateTime;

use crate::flags::Flags;
use crate::mime::{Envelope, Part, SearchText, date, header_end};

/// One secret placed in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bait {
    /// Its name within the persona, such as `vpn-password`.
    pub id: String,
    /// What it is, such as `aws-key`, `db-url`, `github-token`, `password`.
    pub kind: String,
    /// The secret itself.
    pub value: String,
}

/// Where a secret stands in a message. As wide as the secret, so that another of the same width changes no offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The octets of the message that it takes.
    pub range: Range<usize>,
    /// What stands there.
    pub bait: Arc<Bait>,
}

/// One message as a mailbox holds it.
#[derive(Debug)]
pub struct Message {
    /// Its UID in its mailbox.
    pub uid: u32,
    /// The flags that a new session sees.
    pub flags: Flags,
    /// When it arrived (INTERNALDATE), with the server's zone.
    pub internal_date: ZonedDateTime,
    /// The message with CRLF line ends, header and body.
    pub bytes: Bytes,
    /// The secrets in it, by ascending position.
    pub slots: Vec<Slot>,
    /// The base name of its file, where that is known.
    file_name: Option<Arc<str>>,
    read: Arc<Read>,
}

/// What is read from the bytes, once for all copies of a message.
#[derive(Debug, Default)]
struct Read {
    structure: OnceLock<Part>,
    envelope: OnceLock<Envelope>,
    envelope_text: OnceLock<Bytes>,
    search: OnceLock<SearchText>,
}

impl Message {
    /// A message of these parts; `bytes` with CRLF line ends, `slots` by ascending position.
    pub fn new(uid: u32, flags: Flags, internal_date: ZonedDateTime, bytes: Bytes, slots: Vec<Slot>) -> Self {
        Self { uid, flags, internal_date, bytes, slots, file_name: None, read: Arc::default() }
    }

    /// The same with a file of that base name.
    #[must_use]
    pub fn named(self, file_name: &str) -> Self {
        Self { file_name: Some(file_name.into()), ..self }
    }

    /// The same message elsewhere. What was read from it is shared.
    #[must_use]
    pub fn again(&self, uid: u32, flags: Flags) -> Self {
        let (internal_date, bytes) = (self.internal_date.clone(), self.bytes.clone());
        let (slots, file_name) = (self.slots.clone(), Some(self.file_name()));
        Self { uid, flags, internal_date, bytes, slots, file_name, read: Arc::clone(&self.read) }
    }

    /// The base name of its file in a Maildir: the one that it has come with, or one as Dovecot would have given it. It never
    /// changes, and its copies keep it.
    pub fn file_name(&self) -> Arc<str> {
        if let Some(name) = &self.file_name {
            return Arc::clone(name);
        }
        self.name_of(self.internal_date.timestamp().as_second())
    }

    /// The same, with a name that Dovecot would give its file at this time, in seconds since 1970.
    #[must_use]
    pub fn stored_at(self, seconds: i64) -> Self {
        Self { file_name: Some(self.name_of(seconds)), ..self }
    }

    fn name_of(&self, seconds: i64) -> Arc<str> {
        let noise = noise(&self.bytes, self.uid);
        let (micros, process) = (noise % 1_000_000, noise >> 32 & 0x7fff);
        let line_ends = memchr::memmem::find_iter(&self.bytes, b"\r\n").count();
        let wire = self.size();
        format!("{seconds}.M{micros:06}P{process}.mail,S={},W={wire}", wire - line_ends).into()
    }

    /// RFC822.SIZE.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The header's octets, with the empty line that ends it (`BODY[HEADER]`).
    pub fn header(&self) -> Range<usize> {
        0..header_end(&self.bytes)
    }

    /// The octets behind the header (`BODY[TEXT]`).
    pub fn body(&self) -> Range<usize> {
        header_end(&self.bytes)..self.bytes.len()
    }

    /// The MIME structure, read at the first call.
    pub fn structure(&self) -> &Part {
        self.read.structure.get_or_init(|| Part::parse(&self.bytes))
    }

    /// The envelope (RFC 3501 section 7.4.2), read at the first call.
    pub fn envelope(&self) -> &Envelope {
        self.read.envelope.get_or_init(|| Envelope::parse(&self.bytes.slice(self.header())))
    }

    /// The envelope as IMAP writes it, kept: every client asks for it, of every message. `write` always gives the same.
    pub fn envelope_text(&self, write: impl FnOnce(&Envelope) -> Vec<u8>) -> &Bytes {
        self.read.envelope_text.get_or_init(|| write(self.envelope()).into())
    }

    /// The decoded, case-folded text that SEARCH looks in, made at the first call.
    pub fn search_text(&self) -> &SearchText {
        self.read.search.get_or_init(|| SearchText::of(&self.bytes, self.structure()))
    }

    /// The time in the Date header, as written there, disregarding its zone (RFC 3501 section 6.4.4, SENTON), in seconds since
    /// 1970 as Dovecot keeps them.
    pub fn sent_seconds(&self) -> Option<i64> {
        date::civil_seconds(self.envelope().date.as_ref()?.bytes.as_ref())
    }

    /// The secrets that stand wholly or partly in these octets, each once.
    pub fn bait_in(&self, shown: &Range<usize>) -> Vec<&Arc<Bait>> {
        let mut found: Vec<&Arc<Bait>> = Vec::new();
        for slot in &self.slots {
            let overlaps = slot.range.start < shown.end && shown.start < slot.range.end;
            if overlaps && !found.iter().any(|bait| bait.id == slot.bait.id) {
                found.push(&slot.bait);
            }
        }
        found
    }
}

/// A number that looks like chance, the same for the same message: FNV-1a.
fn noise(bytes: &[u8], uid: u32) -> u64 {
    let octets = bytes.iter().copied().chain(uid.to_le_bytes());
    let hash = octets.fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    });
    hash ^ (hash >> 32)
}
