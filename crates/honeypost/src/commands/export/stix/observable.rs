//! Observables: what was seen, as the objects that every producer of STIX has for it.
//!
//! What a peer wrote is text, cut at [`MOST`] octets: a bundle is for exchange, the exact evidence is in the store. What is no
//! address or digest does not become one.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use serde_json::{Value, json};

use super::object::{Object, exact, id_of, observable, own_observable};
use super::session::Session;

/// Octets that a text of a peer's may have here.
pub(super) const MOST: usize = 4 * 1024;

/// An address, IPv4 also where it came as IPv6.
pub(super) fn address(ip: IpAddr) -> Object {
    let ip = ip.to_canonical();
    observable(
        if ip.is_ipv4() { "ipv4-addr" } else { "ipv6-addr" },
        json!({"value": ip.to_string()}),
        Value::Null,
    )
}

/// The connection of a session, as far as its events tell.
pub(super) fn traffic(session: &Session) -> Object {
    let (src, dst) = (session.attribution.src, session.attribution.dst);
    let of = |at: SocketAddr| id_of(&address(at.ip())).to_owned();
    let mut protocols = vec![if src.ip().to_canonical().is_ipv4() { "ipv4" } else { "ipv6" }, "tcp"];
    if session.tls {
        protocols.push("tls");
    }
    protocols.push(session.attribution.protocol.name());
    let mut contributing = json!({
        "start": exact(session.opened.unwrap_or(session.first)),
        "src_ref": of(src),
        "dst_ref": of(dst),
        "src_port": src.port(),
        "dst_port": dst.port(),
        "protocols": protocols,
    });
    if let Some(closed) = session.closed {
        contributing["end"] = exact(closed).into();
    }
    // What has an end must not be active (section 6.12).
    let active = session.closed.map(|_| false);
    observable(
        "network-traffic",
        contributing,
        json!({"is_active": active, "src_byte_count": session.received, "dst_byte_count": session.sent}),
    )
}

/// A login as it was tried. Its contributing property is the name alone, which would make one object of all passwords tried
/// with it: so the id is ours.
pub(super) fn account(fields: &Value) -> Object {
    let part = |name: &str| fields.get(name).and_then(Value::as_str);
    let (login, password) = (part("username").unwrap_or_default(), part("password").unwrap_or_default());
    own_observable(
        "user-account",
        &json!([login, part("username_b64"), password, part("password_b64")]),
        json!({"account_login": cut(login), "credential": cut(password)}),
    )
}

/// An e-mail address, where it is one: a dot-atom, `@` and a domain (RFC 5321 section 4.1.2), no longer than may be.
pub(super) fn email_address(text: &str) -> Option<Object> {
    let (local, domain) = text.rsplit_once('@')?;
    let atom = |atom: &str| {
        !atom.is_empty()
            && atom.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
    };
    let label = |label: &str| {
        let plain = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        plain && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    let sound = text.len() <= 254 && local.split('.').all(atom) && domain.split('.').all(label);
    sound.then(|| observable("email-addr", json!({"value": text}), Value::Null))
}

/// A URL of a mail's text, with what may not stand in one (RFC 3986 section 2) percent-encoded.
pub(super) fn url(text: &str) -> Option<Object> {
    let (scheme, rest) = text.split_once("://")?;
    let named = scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    if !named
        || !scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        || rest.is_empty()
        || text.len() > MOST
    {
        return None;
    }
    let mut value = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte) {
            value.push(char::from(byte));
        } else {
            write!(value, "%{byte:02X}").expect("writing to a string");
        }
    }
    Some(observable("url", json!({"value": value}), Value::Null))
}

/// A file by its SHA-256, and the name that it was sent with. Its octets are not in the bundle.
pub(super) fn file(
    sum: Option<&str>,
    name: Option<&str>,
    size: Option<u64>,
    media_type: Option<&str>,
) -> Option<Object> {
    let sum = sum.filter(|sum| sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let mut contributing = json!({"hashes": {"SHA-256": sum}});
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        contributing["name"] = cut(name).into();
    }
    Some(observable("file", contributing, json!({"size": size, "mime_type": media_type})))
}

/// A captured mail by its envelope and subject. Sender and subject, its contributing properties, are the same for all mails of
/// a campaign: so the id is ours.
pub(super) fn email(
    session: &Session,
    fields: &Value,
    from: Option<&str>,
    to: &[String],
    parts: &[Value],
) -> Object {
    let part = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut properties = json!({
        "subject": cut(part("subject")),
        "from_ref": from,
        "is_multipart": !parts.is_empty(),
    });
    if !to.is_empty() {
        properties["to_refs"] = to.into();
    }
    if !parts.is_empty() {
        properties["body_multipart"] = parts.into();
    }
    let known_by = json!([session.attribution.session.to_string(), part("queue_id"), part("sha256")]);
    own_observable("email-message", &known_by, properties)
}

/// No more than [`MOST`] octets, and an ellipsis where that was not all.
pub(super) fn cut(text: &str) -> String {
    if text.len() <= MOST {
        return text.to_owned();
    }
    let end = (0..=MOST).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(object: Option<Object>) -> Option<String> {
        object.and_then(|object| Some(object.get("value")?.as_str()?.to_owned()))
    }

    #[test]
    fn what_is_no_address_is_none() {
        for text in ["a@b.test", "o'brien+x@mail.b-c.test"] {
            assert_eq!(value(email_address(text)).as_deref(), Some(text));
        }
        for text in
            ["", "@", "a@", "@b", "a b@c", "a@b c", "a..b@c", "a@-b", "a@b\0", "\u{fffd}@b", "a@b'] OR [c"]
        {
            assert_eq!(value(email_address(text)), None, "{text:?}");
        }
        assert_eq!(value(email_address(&format!("{}@b.test", "a".repeat(300)))), None);
    }

    #[test]
    fn urls_are_urls() {
        assert_eq!(value(url("http://x.test/a?b=c#d")).as_deref(), Some("http://x.test/a?b=c#d"));
        assert_eq!(
            value(url("http://ü.test/<\"'\\ \0")).as_deref(),
            Some("http://%C3%BC.test/%3C%22'%5C%20%00")
        );
        for text in ["", "x", "://a", "1a://b", "http://", "ja va://x"] {
            assert_eq!(value(url(text)), None, "{text:?}");
        }
    }

    #[test]
    fn logins_differ_by_password() {
        let tried = |password: &str| account(&json!({"username": "admin", "password": password}));
        assert_ne!(id_of(&tried("a")), id_of(&tried("b")));
        let long = "é".repeat(1 << 19);
        let [one, other] = [tried(&long), tried(&format!("{long}x"))];
        assert_ne!(id_of(&one), id_of(&other), "what was cut away counts");
        assert!(one["credential"].as_str().is_some_and(|text| text.len() <= MOST + 3 && text.ends_with('…')));
    }
}
