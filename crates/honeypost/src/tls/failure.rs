//! Why a handshake did not come about: one of a fixed set of words for counting, and OpenSSL's own words for reading.

use std::fmt;
use std::io;

use clienthello::{NotTls, Progress};
use openssl::ssl;

use super::accept::Hello;
use super::identity::reasons;

/// A handshake that did not come about, and the stream for closing it.
#[derive(Debug)]
pub(crate) struct HandshakeFailure<S> {
    /// Why.
    pub(crate) reason: Reason,
    /// The same for people: what was wrong with the hello, what OpenSSL says, the name of the peer's alert.
    pub(crate) detail: String,
    /// What is known of the client, where it sent a hello.
    pub(crate) hello: Option<Hello>,
    /// All that was read before OpenSSL took over, at most 64 KiB and a little: evidence, whatever it is.
    pub(crate) received: Vec<u8>,
    /// The stream. What the imitated server says to such a peer (nothing, or an alert) has been said: only close it.
    /// None where OpenSSL could not even begin, for want of memory.
    pub(crate) stream: Option<S>,
    /// The imitated server leaves octets unread when it closes, so its kernel resets the connection. To look the same,
    /// set the socket's linger time to nought before closing.
    pub(crate) reset: bool,
}

/// The fixed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Printable characters: a client without TLS.
    PlainText,
    /// An HTTP request without TLS.
    Http,
    /// Something else that is no TLS.
    NotTls,
    /// The peer closed without a word.
    NoHello,
    /// The peer closed in the middle of its hello.
    TruncatedHello,
    /// TLS, and no hello that can be read.
    MalformedHello,
    /// No version of TLS in common.
    UnknownVersion,
    /// No cipher suite in common.
    NoSharedCipher,
    /// The peer sent an alert: it does not like the certificate, say.
    Alert,
    /// The peer took too long.
    Timeout,
    /// The peer closed after its hello.
    Closed,
    /// Anything else that OpenSSL does not like.
    Other,
}

impl Reason {
    /// The word that is recorded.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::PlainText => "plain-text",
            Self::Http => "http",
            Self::NotTls => "not-tls",
            Self::NoHello => "no-hello",
            Self::TruncatedHello => "truncated-hello",
            Self::MalformedHello => "malformed-hello",
            Self::UnknownVersion => "unknown-version",
            Self::NoSharedCipher => "no-shared-cipher",
            Self::Alert => "alert",
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::Other => "other",
        }
    }
}

/// `SSL_AD_REASON_OFFSET`: the peer's alerts are errors whose reason is this and the alert's number.
const ALERTS: i32 = 1000;
/// Numbers from OpenSSL's `sslerr.h`; they have been the same since 1.1.
const NO_SHARED_CIPHER: i32 = 193;
const UNEXPECTED_EOF: i32 = 294;
const VERSIONS: [i32; 5] = [252, 258, 259, 266, 396];

/// What ended a handshake.
#[derive(Debug)]
pub(super) enum Broken {
    /// OpenSSL did not go on.
    Tls(ssl::Error),
    /// The last flight could not be sent.
    Stream(io::Error),
}

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Tls(error) => match (error.ssl_error(), error.io_error()) {
                (Some(stack), _) => formatter.write_str(&reasons(stack)),
                (None, Some(error)) => error.fmt(formatter),
                (None, None) => formatter.write_str("the peer closed"),
            },
            Self::Stream(error) => error.fmt(formatter),
        }
    }
}

/// What to say of a handshake that OpenSSL gave up, after the reader had said `progress` of the first octets `received`.
pub(super) fn explain(progress: &Progress, received: &[u8], broken: &Broken) -> (Reason, String) {
    let detail = || broken.to_string();
    match progress {
        Progress::NotTls(NotTls::Http) => (Reason::Http, detail()),
        Progress::NotTls(NotTls::PlainText) => (Reason::PlainText, detail()),
        Progress::NotTls(NotTls::Binary) => (Reason::NotTls, detail()),
        Progress::Malformed(fault) => (Reason::MalformedHello, format!("{}: {}", fault.text(), detail())),
        // The peer closed before there was enough to tell.
        Progress::NeedMore => (short(received), detail()),
        Progress::Complete { .. } | Progress::NotTls(NotTls::Sslv2) => {
            let (reason, alert) = by_code(broken);
            (reason, alert.map_or_else(detail, |name| format!("{name}: {}", detail())))
        }
    }
}

/// The beginning of something, by its first octet.
fn short(received: &[u8]) -> Reason {
    match received.first() {
        None => Reason::NoHello,
        Some(22 | 0x80..) => Reason::TruncatedHello,
        Some(b'\t' | b'\n' | b'\r' | b' '..=b'~') => Reason::PlainText,
        Some(_) => Reason::NotTls,
    }
}

fn by_code(broken: &Broken) -> (Reason, Option<&'static str>) {
    let Broken::Tls(error) = broken else { return (Reason::Closed, None) };
    let Some(stack) = error.ssl_error() else { return (Reason::Closed, None) };
    let codes = || stack.errors().iter().map(openssl::error::Error::reason_code);
    if let Some(alert) = codes().find(|code| (ALERTS..ALERTS + 256).contains(code)) {
        return (Reason::Alert, Some(alert_name(alert - ALERTS)));
    }
    for code in codes() {
        match code {
            NO_SHARED_CIPHER => return (Reason::NoSharedCipher, None),
            UNEXPECTED_EOF => return (Reason::Closed, None),
            code if VERSIONS.contains(&code) => return (Reason::UnknownVersion, None),
            _ => {}
        }
    }
    (Reason::Other, None)
}

/// RFC 8446 section 6, and those of older versions.
fn alert_name(number: i32) -> &'static str {
    match number {
        0 => "close_notify",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        21 => "decryption_failed",
        22 => "record_overflow",
        30 => "decompression_failure",
        40 => "handshake_failure",
        41 => "no_certificate",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        60 => "export_restriction",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        90 => "user_canceled",
        100 => "no_renegotiation",
        109 => "missing_extension",
        110 => "unsupported_extension",
        111 => "certificate_unobtainable",
        112 => "unrecognized_name",
        113 => "bad_certificate_status_response",
        114 => "bad_certificate_hash_value",
        115 => "unknown_psk_identity",
        116 => "certificate_required",
        120 => "no_application_protocol",
        _ => "an unknown alert",
    }
}
