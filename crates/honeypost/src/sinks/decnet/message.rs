//! A captured message: its two lines, what its header tells, and the copy that DECNET fetches.
//!
//! Runs in the outlet's thread, as it reads and writes files. The header's claims (`dkim_signed`, `spf_pass`) are the
//! sender's own, as they are in DECNET: nobody has checked a signature.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use bait::mime::header::fields;
use bait::mime::{decode_words, header_end};
use event::{Attachment, Event, Record};
use serde_json::json;

use super::super::outlet::Complaint;
use super::line::{self, Severity, cut, shown};
use super::translate::{Names, bracketed, bracketed_list, source};
use crate::config::Config;

/// Octets of a message that are looked at for its header.
const MOST_HEADER: u64 = 256 * 1024;
/// URLs in a line.
const MOST_URLS: usize = 64;

/// Where captured mail is, and where DECNET wants a copy.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) data_dir: PathBuf,
    pub(super) quarantine: Option<PathBuf>,
    pub(super) complaint: Complaint,
}

/// Roughly the octets that a `mail.received` takes in memory.
pub(super) fn weight(record: &Record) -> usize {
    let Event::MailReceived { mail_from, rcpt_to, subject, attachments, urls, .. } = &record.event else {
        return 0;
    };
    let recipients: usize = rcpt_to.iter().map(|recipient| recipient.0.len() + 32).sum();
    let attachments: usize = attachments.iter().map(|file| file.name.len() + 256).sum();
    let urls: usize = urls.iter().map(|url| url.len() + 24).sum();
    1024 + mail_from.0.len() + subject.0.len() + recipients + attachments + urls
}

impl Shelf {
    /// The places that the configuration names.
    pub(super) fn of(config: &Config) -> Self {
        Self {
            data_dir: config.data_dir().to_owned(),
            quarantine: config.decnet_quarantine_dir().map(Path::to_owned),
            complaint: Complaint::default(),
        }
    }

    /// Writes `message_accepted`, and `message_stored` unless the copy that it would speak of could not be made.
    pub(super) fn lines(&mut self, names: &Names, record: &Record, out: &mut String) {
        let Event::MailReceived {
            queue_id,
            mail_from,
            rcpt_to,
            size,
            sha256,
            subject,
            path,
            attachments,
            urls,
        } = &record.event
        else {
            return;
        };
        let (sender, recipients) = (bracketed(mail_from), bracketed_list(rcpt_to));
        let fields = source(record)
            .ours("mail_from", &sender)
            .ours("rcpt_to", &recipients)
            .ours("body_bytes", size.to_string())
            .ours("truncated", "0")
            .ours("msg_id", shown(queue_id.as_bytes()));
        line::write(&names.head(record, Severity::Info, "message_accepted"), &fields, "", out);

        let stored_as = stored_as(record, queue_id, sha256);
        let kept = self.data_dir.join(path);
        if let Some(folder) = &self.quarantine
            && let Err(error) = copy(&kept, &folder.join(&stored_as))
        {
            if self.complaint.due() {
                let (folder, kept) = (folder.display(), kept.display());
                tracing::warn!(%error, "decnet.quarantine-dir {folder}: no copy of {kept}, nor a line about it");
            }
            return;
        }
        let header = header(&kept);
        let claims = header.as_deref().map(Claims::read);
        let mut fields = source(record)
            .ours("msg_id", shown(queue_id.as_bytes()))
            .ours("stored_as", stored_as)
            .ours("sha256", sha256)
            .ours("size", size.to_string())
            .ours("truncated", "0")
            .ours("mail_from", sender)
            .ours("rcpt_to", recipients)
            .theirs_cut("subject", &subject.0, 512);
        if let Some(claims) = &claims {
            fields = fields
                .ours("from_hdr", claims.field("From", 256))
                .ours("to_hdr", claims.field("To", 512))
                .ours("date_hdr", claims.field("Date", 64))
                .ours("message_id_hdr", claims.field("Message-ID", 256))
                .ours("content_type", claims.content_type())
                .ours("return_path", claims.field("Return-Path", 256))
                .ours("x_mailer", claims.field("X-Mailer", 256))
                .ours("dkim_signed", if claims.passes("dkim") { "1" } else { "0" })
                .ours("spf_pass", if claims.passes("spf") { "1" } else { "0" });
        }
        let urls: Vec<&String> = urls.iter().take(MOST_URLS).collect();
        fields = fields
            .ours("attachment_count", attachments.len().to_string())
            .ours("attachments_json", manifest(attachments))
            .ours("urls_json", json!(urls).to_string());
        line::write(&names.head(record, Severity::Info, "message_stored"), &fields, "", out);
    }
}

/// The file's name in DECNET's form: `2026-11-23T19:01:30Z_` + 12 digits of the hash + `_` + the queue id + `.eml`.
fn stored_as(record: &Record, queue_id: &str, sha256: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    let safe: String =
        queue_id.chars().take(32).map(|character| if plain(character) { character } else { '_' }).collect();
    let safe = if safe.is_empty() { "msg" } else { &safe };
    let moment = format!("{:.0}", record.time);
    format!("{moment}_{}_{safe}.eml", sha256.get(..12).unwrap_or(sha256))
}

/// Copies a message for others to read, under its name only once it is whole.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let unfinished = to.with_extension("eml.part");
    let done = (|| {
        let mut source = File::open(from)?;
        let mut copy =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&unfinished)?;
        io::copy(&mut source, &mut copy)?;
        copy.flush()?;
        std::fs::rename(&unfinished, to)
    })();
    if done.is_err() {
        let _ = std::fs::remove_file(&unfinished);
    }
    done
}

/// The header of a kept message, as much as is looked at.
fn header(kept: &Path) -> Option<Vec<u8>> {
    let mut start = Vec::new();
    File::open(kept).ok()?.take(MOST_HEADER).read_to_end(&mut start).ok()?;
    start.truncate(header_end(&start));
    Some(start)
}

fn manifest(attachments: &[Attachment]) -> String {
    let entries: Vec<_> = attachments
        .iter()
        .map(|file| {
            json!({
                "filename": file.name, "content_type": file.media_type,
                "size": file.size, "sha256": file.sha256,
            })
        })
        .collect();
    json!(entries).to_string()
}

/// What a header says of its message.
struct Claims<'a>(Vec<(&'a [u8], String)>);

impl<'a> Claims<'a> {
    fn read(header: &'a [u8]) -> Self {
        Self(fields(header).map(|field| (field.name, decode_words(&field.unfolded()))).collect())
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value.trim())
    }

    /// The first field of that name; empty where there is none.
    fn field(&self, name: &str, most: usize) -> Cow<'_, str> {
        cut(shown(self.all(name).next().unwrap_or_default().as_bytes()), most)
    }

    /// The media type, without parameters.
    fn content_type(&self) -> String {
        let named = self.all("Content-Type").next().unwrap_or_default();
        let media = named.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic());
        match media.split_once('/') {
            Some((kind, subtype)) if plain(kind) && plain(subtype) && !subtype.contains('/') => media,
            _ => "text/plain".to_owned(),
        }
    }

    /// Whether some Authentication-Results field says `METHOD=pass`.
    fn passes(&self, method: &str) -> bool {
        self.all("Authentication-Results").any(|results| {
            let results = results.to_ascii_lowercase();
            let within = |character: char| character.is_alphanumeric() || character == '_';
            results.match_indices(method).any(|(at, _)| {
                let (before, behind) = (results.get(..at), results.get(at + method.len()..));
                let verdict =
                    behind.and_then(|rest| rest.trim_start().strip_prefix('=')).map(str::trim_start);
                let rest = verdict.and_then(|verdict| verdict.strip_prefix("pass"));
                !before.is_some_and(|before| before.ends_with(within))
                    && rest.is_some_and(|rest| !rest.starts_with(within))
            })
        })
    }
}
