//! The fields of events that summaries need, borrowed from their JSON. A field that is not there is empty: an older or newer
//! Honeypost may have written it.

use std::borrow::Cow;

use serde::Deserialize;

/// `auth.succeeded`, `auth.failed`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Login<'a> {
    #[serde(borrow)]
    pub(crate) username: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) username_b64: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) password: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) password_b64: Option<Cow<'a, str>>,
}

/// `command.received`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Command<'a> {
    #[serde(borrow)]
    pub(crate) verb: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) line: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) line_b64: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) status: Cow<'a, str>,
}

/// `message.read`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Read<'a> {
    #[serde(borrow)]
    pub(crate) mailbox: Cow<'a, str>,
    pub(crate) uid: u64,
    #[serde(borrow)]
    pub(crate) section: Cow<'a, str>,
    pub(crate) bytes: u64,
    pub(crate) bait: Vec<String>,
}

/// `search.run`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Search<'a> {
    #[serde(borrow)]
    pub(crate) mailbox: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) criteria: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) criteria_b64: Option<Cow<'a, str>>,
    pub(crate) matches: u64,
}

/// `mail.envelope`, `mail.received`, `mail.refused`.
#[expect(clippy::struct_field_names, reason = "the names are the events'")]
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Mail<'a> {
    #[serde(borrow)]
    pub(crate) reason: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) mail_from: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) mail_from_b64: Option<Cow<'a, str>>,
    pub(crate) rcpt_to: Vec<String>,
    pub(crate) accepted: bool,
    pub(crate) size: u64,
    #[serde(borrow)]
    pub(crate) subject: Cow<'a, str>,
    pub(crate) attachments: Vec<Attachment>,
}

/// `mailbox.appended`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Appended<'a> {
    #[serde(borrow)]
    pub(crate) mailbox: Cow<'a, str>,
    pub(crate) bytes: u64,
    #[serde(borrow)]
    pub(crate) subject: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) subject_b64: Option<Cow<'a, str>>,
}

/// One of a mail's attachments.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Attachment {
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) sha256: String,
}

/// `mailbox.selected`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Selected<'a> {
    #[serde(borrow)]
    pub(crate) mailbox: Cow<'a, str>,
    pub(crate) read_only: bool,
}

/// `protocol.violation`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Violation<'a> {
    #[serde(borrow)]
    pub(crate) what: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) line: Cow<'a, str>,
}

/// `tls.negotiated`, `tls.failed`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Tls<'a> {
    #[serde(borrow)]
    pub(crate) version: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) cipher: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) reason: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) detail: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) sni: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) sni_b64: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) ja4: Cow<'a, str>,
}

/// `session.opened`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Opened<'a> {
    #[serde(borrow)]
    pub(crate) personality: Cow<'a, str>,
}

/// `session.closed`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Closed {
    pub(crate) reason: String,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) duration_ms: u64,
}

/// The fields, or none where they are not what they should be.
pub(crate) fn of<'a, T: Default + Deserialize<'a>>(fields: &'a str) -> T {
    serde_json::from_str(fields).unwrap_or_default()
}
