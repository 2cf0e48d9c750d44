//! Which field of ours goes where.

use serde_json::{Map, Value, json};

use super::document::Document;
use super::outcome;

/// Puts the event's own fields in.
pub(super) fn put(event: &str, mut own: Map<String, Value>, document: &mut Document) {
    match event {
        "session.closed" => closed(&mut own, document),
        "auth.succeeded" | "auth.failed" => {
            document.set("event.outcome", if event == "auth.failed" { "failure" } else { "success" });
            let name = take(&mut own, "username");
            document.add("related.user", name.clone());
            document.set("user.name", name);
        }
        "command.received" => {
            let status = own.get("status").and_then(Value::as_str).unwrap_or_default();
            document.set("event.outcome", outcome(status));
            document.set("event.original", take(&mut own, "line"));
        }
        "message.read" if own.get("bait").and_then(Value::as_array).is_some_and(|bait| !bait.is_empty()) => {
            document.set("event.kind", "alert");
            document.set("rule.name", "Bait shown");
        }
        "mail.envelope" => {
            let accepted = take(&mut own, "accepted") == Value::Bool(true);
            document.set("event.outcome", if accepted { "success" } else { "failure" });
        }
        "mail.received" => {
            document.set("event.outcome", "success");
            document.set("email.direction", "inbound");
            received(&mut own, document);
        }
        "mailbox.appended" => {
            received(&mut own, document);
            document.set("file.size", take(&mut own, "bytes"));
        }
        "mail.refused" => {
            document.set("event.outcome", "failure");
            document.set("file.path", take(&mut own, "path"));
        }
        "protocol.violation" => {
            document.set("event.reason", take(&mut own, "what"));
            document.set("event.original", take(&mut own, "line"));
        }
        "tls.negotiated" => tls(&mut own, document),
        "tls.failed" => {
            document.set("event.outcome", "failure");
            hello(&mut own, document);
        }
        _ => {}
    }
    if event.starts_with("mail.") {
        envelope(&mut own, document);
    }
    document.set("event.reason", take(&mut own, "reason"));
    for (name, value) in own {
        // An empty password is evidence too.
        document.keep(&format!("honeypost.{}", name.replace('.', "_")), value);
    }
}

fn take(own: &mut Map<String, Value>, name: &str) -> Value {
    own.remove(name).unwrap_or_default()
}

fn closed(own: &mut Map<String, Value>, document: &mut Document) {
    let (received, sent) = (take(own, "bytes_in"), take(own, "bytes_out"));
    if let (Some(received), Some(sent)) = (received.as_u64(), sent.as_u64()) {
        document.set("network.bytes", received.saturating_add(sent));
    }
    document.set("source.bytes", received);
    document.set("destination.bytes", sent);
    // ECS counts nanoseconds.
    let duration = take(own, "duration_ms").as_u64().and_then(|ms| ms.checked_mul(1_000_000));
    document.set("event.duration", duration);
}

/// The SMTP envelope: the nearest that ECS has are the header's fields of the same meaning.
fn envelope(own: &mut Map<String, Value>, document: &mut Document) {
    let from = take(own, "mail_from");
    document.add("email.from.address", from.clone());
    document.set("email.sender.address", from);
    document.set("email.to.address", take(own, "rcpt_to"));
    document.set("email.local_id", take(own, "queue_id"));
}

fn received(own: &mut Map<String, Value>, document: &mut Document) {
    document.set("email.subject", take(own, "subject"));
    let sum = take(own, "sha256");
    document.add("related.hash", sum.clone());
    document.set("file.hash.sha256", sum);
    document.set("file.mime_type", "message/rfc822");
    document.set("file.path", take(own, "path"));
    document.set("file.size", take(own, "size"));
    let mut attachments = Vec::new();
    for mut attachment in
        own.remove("attachments").as_ref().and_then(Value::as_array).into_iter().flatten().cloned()
    {
        let mut part = |name: &str| attachment.get_mut(name).map(Value::take).unwrap_or_default();
        let (name, sum) = (part("name"), part("sha256"));
        document.add("related.hash", sum.clone());
        let mut file = Document::default();
        file.set("file.extension", extension(name.as_str().unwrap_or_default()));
        file.set("file.name", name);
        file.set("file.mime_type", part("media_type"));
        file.set("file.size", part("size"));
        file.set("file.hash.sha256", sum);
        attachments.push(file.into_value());
    }
    document.set("email.attachments", attachments);
    // ECS has room for one URL; all of them are in honeypost.urls.
    let first = own.get("urls").and_then(|urls| urls.get(0)).cloned();
    document.set("url.full", first);
}

/// Without its dot, as ECS writes it; only what looks like one.
fn extension(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, end))
            if !stem.is_empty() && end.len() <= 16 && end.bytes().all(|b| b.is_ascii_alphanumeric()) =>
        {
            end
        }
        _ => "",
    }
}

fn tls(own: &mut Map<String, Value>, document: &mut Document) {
    document.set("tls.established", true);
    // "TLSv1.3", "TLS 1.2" and "1.3" alike.
    let version = take(own, "version");
    let text = version.as_str().unwrap_or_default();
    let number = text.trim_start_matches(|c: char| !c.is_ascii_digit());
    if number.is_empty() {
        own.insert("version".to_owned(), version);
    } else {
        let ssl = text.get(..3).is_some_and(|name| name.eq_ignore_ascii_case("ssl"));
        document.set("tls.version_protocol", if ssl { "ssl" } else { "tls" });
        document.set("tls.version", number.replace('_', "."));
    }
    document.set("tls.cipher", take(own, "cipher"));
    if let Some(protocol) = own.get("alpn").and_then(Value::as_str) {
        // What was agreed on; a list is what was offered, and stays as it is.
        document.set("tls.next_protocol", json!(protocol));
        own.remove("alpn");
    }
    hello(own, document);
}

/// What the client said of itself.
fn hello(own: &mut Map<String, Value>, document: &mut Document) {
    let server_name = take(own, "sni");
    document.add("related.hosts", server_name.clone());
    document.set("tls.client.server_name", server_name);
    // ECS means the digest; the text that it is made of stays honeypost.ja3.
    let ja3 = take(own, "ja3_hash");
    document.add("related.hash", ja3.clone());
    document.set("tls.client.ja3", ja3);
}
