//! ENVELOPE on the wire (RFC 3501 section 7.4.2).

use bait::Message;
use bait::mime::{Address, Envelope, Value};

use crate::imap::string::{push_nstring, push_text};

/// Appends the parenthesised envelope.
pub fn render(envelope: &Envelope, out: &mut Vec<u8>) {
    out.push(b'(');
    push_value(out, envelope.date.as_ref());
    out.push(b' ');
    match &envelope.subject {
        Some(subject) => push_text(out, subject),
        None => push_nstring(out, None),
    }
    for list in
        [&envelope.from, &envelope.sender, &envelope.reply_to, &envelope.to, &envelope.cc, &envelope.bcc]
    {
        out.push(b' ');
        push_addresses(out, list);
    }
    out.push(b' ');
    push_value(out, envelope.in_reply_to.as_ref());
    out.push(b' ');
    push_value(out, envelope.message_id.as_ref());
    out.push(b')');
}

/// The same by itself.
pub fn rendered(envelope: &Envelope) -> Vec<u8> {
    let mut out = Vec::new();
    render(envelope, &mut out);
    out
}

/// The item, where Dovecot finds the envelope in the header fields that it has just kept for another item.
pub fn from_fields(message: &Message) -> Vec<u8> {
    let header = message.bytes.slice(message.header());
    [b"ENVELOPE ", &rendered(&Envelope::parse_kept(&header))[..]].concat()
}

/// A header value for machines.
pub fn push_value(out: &mut Vec<u8>, value: Option<&Value>) {
    push_nstring(out, value.map(|value| &value.bytes[..]));
}

fn push_addresses(out: &mut Vec<u8>, addresses: &[Address]) {
    if addresses.is_empty() {
        return out.extend_from_slice(b"NIL");
    }
    out.push(b'(');
    for address in addresses {
        let (name, route, mailbox, host) = match address {
            Address::Mailbox { name, route, mailbox, host } => {
                (name.as_deref(), route.as_deref(), mailbox.as_deref(), host.as_deref())
            }
            Address::GroupStart(name) => (None, None, Some(&name[..]), None),
            Address::GroupEnd => (None, None, None, None),
        };
        out.push(b'(');
        match name {
            Some(name) => push_text(out, &Value::text(name)),
            None => push_nstring(out, None),
        }
        for part in [route, mailbox, host] {
            out.push(b' ');
            push_nstring(out, part);
        }
        out.push(b')');
    }
    out.push(b')');
}
