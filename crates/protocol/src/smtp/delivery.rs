//! What a message gets at its top on its way into a mailbox: Return-Path, Delivered-To and Received (RFC 5321 section
//! 4.4), as the personality words them.

use std::net::IpAddr;

use event::Text;
use jiff::ZonedDateTime;

use crate::session::Envelope;
use crate::smtp::Service;
use crate::smtp::address::Path;
use crate::text::Slot;

/// One message delivered to one recipient.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// Its envelope.
    pub envelope: &'a Envelope,
    /// The recipient, as the envelope names it.
    pub recipient: &'a Text,
    /// The client's name in the DNS; `None` where it has none.
    pub client_name: Option<&'a str>,
    /// The client's address.
    pub client_address: IpAddr,
    /// Whether it came over TLS.
    pub tls: bool,
    /// The message's name in the queue.
    pub queue_id: &'a str,
    /// When it was taken in.
    pub time: &'a ZonedDateTime,
}

impl Service {
    /// The header lines that delivery puts in front of a message, each with its CRLF.
    pub fn delivery_header(&self, delivery: &Delivery<'_>) -> Vec<u8> {
        let Delivery { envelope, recipient, client_name, client_address, tls, queue_id, time } = delivery;
        let written = |address: &Text, origin| {
            Path::parse(&address.0).map_or_else(|_| address.0.to_vec(), |path| path.written(origin))
        };
        let client = client_name.unwrap_or("unknown").as_bytes();
        let helo = match &envelope.helo.0[..] {
            b"" => client.to_vec(),
            name => name.iter().copied().map(harmless).collect(),
        };
        let address = match client_address.to_canonical() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("IPv6:{address}"),
        };
        let transport = transport(envelope, *tls);
        let date = time.strftime("%a, %e %b %Y %H:%M:%S %z (%Z)").to_string();
        let values: [(Slot, &[u8]); 10] = [
            (Slot::Node, self.node.as_bytes()),
            (Slot::Sender, &written(&envelope.mail_from, Some(&self.origin))),
            (Slot::Recipient, &written(recipient, Some(&self.origin))),
            (Slot::Original, &written(recipient, None)),
            (Slot::Helo, &helo),
            (Slot::Client, client),
            (Slot::Address, address.as_bytes()),
            (Slot::Transport, transport.as_bytes()),
            (Slot::Queue, queue_id.as_bytes()),
            (Slot::Date, date.as_bytes()),
        ];
        let texts = &self.texts.delivery;
        let last = if envelope.rcpt_to.len() > 1 { &texts.several } else { &texts.one };
        let mut header = Vec::new();
        for line in texts.lines.iter().chain(last) {
            header.extend_from_slice(&line.fill(&values));
            header.extend_from_slice(b"\r\n");
        }
        header
    }
}

/// The protocol as RFC 3848 and RFC 6531 section 4.3 name it.
fn transport(envelope: &Envelope, tls: bool) -> String {
    let base = match (envelope.utf8, envelope.extended) {
        (true, _) => "UTF8SMTP",
        (false, true) => "ESMTP",
        (false, false) => "SMTP",
    };
    let tls = if tls { "S" } else { "" };
    let login = if envelope.authenticated { "A" } else { "" };
    format!("{base}{tls}{login}")
}

/// What would confuse a reader of the header becomes `?`, as in Postfix.
fn harmless(byte: u8) -> u8 {
    if byte.is_ascii_control() || b" <>()\\\";@".contains(&byte) { b'?' } else { byte }
}

#[cfg(test)]
mod tests {

    use jiff::civil::date;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::smtp::Options;
    use crate::{Credentials, Personality};

    fn header(envelope: &Envelope, recipient: &str) -> String {
        let texts = Personality::builtin("decnet").unwrap().smtp;
        let options = Options {
            node: "mail.example.com".into(),
            local_domains: vec!["example.com".into()],
            ..Options::default()
        };
        let service = Service::new(texts, &Credentials::default(), options);
        let time = date(2026, 11, 3).at(19, 16, 42, 0).to_zoned_datetime(TimeZone::UTC).unwrap();
        let delivery = Delivery {
            envelope,
            recipient: &Text::copy(recipient.as_bytes()),
            client_name: None,
            client_address: "::ffff:192.0.2.7".parse().unwrap(),
            tls: false,
            queue_id: "055FC2101DA",
            time: &time,
        };
        String::from_utf8(service.delivery_header(&delivery)).unwrap()
    }

    /// As Postfix 3.7.11 wrote it into a Maildir.
    #[test]
    fn one_recipient() {
        let envelope = Envelope {
            helo: "x".into(),
            extended: true,
            mail_from: "a@example.net".into(),
            rcpt_to: vec!["mail@example.com".into()],
            ..Envelope::default()
        };
        let expected = "Return-Path: <a@example.net>\r\n\
            X-Original-To: mail@example.com\r\n\
            Delivered-To: mail@example.com\r\n\
            Received: from x (unknown [192.0.2.7])\r\n\
            \tby mail.example.com (Postfix) with ESMTP id 055FC2101DA\r\n\
            \tfor <mail@example.com>; Tue,  3 Nov 2026 19:16:42 +0000 (UTC)\r\n";
        assert_eq!(header(&envelope, "mail@example.com"), expected);
    }

    /// As Postfix 3.7.11 wrote it into a Maildir.
    #[test]
    fn several_recipients_and_odd_names() {
        let envelope = Envelope {
            helo: "x y".into(),
            rcpt_to: vec!["mail".into(), "news+tag@example.com".into()],
            ..Envelope::default()
        };
        let expected = "Return-Path: <>\r\n\
            X-Original-To: mail\r\n\
            Delivered-To: mail@example.com\r\n\
            Received: from x?y (unknown [192.0.2.7])\r\n\
            \tby mail.example.com (Postfix) with SMTP id 055FC2101DA;\r\n\
            \tTue,  3 Nov 2026 19:16:42 +0000 (UTC)\r\n";
        assert_eq!(header(&envelope, "mail"), expected);
        let envelope = Envelope {
            authenticated: true,
            utf8: true,
            mail_from: "\"a b\"@example.net".into(),
            rcpt_to: vec!["\"mail\"@localhost".into()],
            ..Envelope::default()
        };
        let header = header(&envelope, "\"mail\"@localhost");
        assert!(
            header.starts_with("Return-Path: <\"a b\"@example.net>\r\nX-Original-To: mail@localhost\r\n")
        );
        assert!(header.contains("Received: from unknown (unknown [192.0.2.7])\r\n"));
        assert!(header.contains("with UTF8SMTPA id") && header.contains("for <mail@localhost>;"));
    }
}
