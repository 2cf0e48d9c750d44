//! What makes OpenSSL look like Dovecot 2.3 or Postfix 3.7 on Debian 12, which have OpenSSL 3.0.
//!
//! Everything that a peer can see is set here, and nothing is left to OpenSSL's defaults, which change from version to
//! version and with the machine's `openssl.cnf`. `docs/tls.md` has the measurements; a test takes the JARM.

use std::fmt;
use std::sync::Arc;

use clienthello::ClientHello;
use openssl::bn::BigNum;
use openssl::dh::Dh;
use openssl::error::ErrorStack;
use openssl::pkey::Params;
use openssl::ssl::{
    Ssl, SslContext, SslContextBuilder, SslMethod, SslMode, SslOptions, SslSessionCacheMode, SslVersion,
};

use super::identity::Identity;

/// The extensions by which a client asks to resume a session.
const SESSION_TICKET: u16 = 35;
const PRE_SHARED_KEY: u16 = 41;

/// TLS 1.3 with the suites of OpenSSL 3.0.
const CIPHERSUITES: &str = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256";

/// The server whose TLS is imitated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    /// IMAP and POP3.
    Dovecot,
    /// SMTP.
    Postfix,
}

macro_rules! signatures {
    () => {
        "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:ed448:\
         rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512:\
         rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:\
         RSA+SHA256:RSA+SHA384:RSA+SHA512:ECDSA+SHA224:RSA+SHA224"
    };
}

/// The option by which OpenSSL 3.6 lists three point formats, as every version before it did; those ignore it.
const LEGACY_EC_POINT_FORMATS: SslOptions = SslOptions::from_bits_retain(1 << 36);

/// What a server sets, where the two differ.
struct Settings {
    lowest: SslVersion,
    /// OpenSSL's security level for the certificate: 2 is Debian's default, Postfix asks for 0.
    level: u32,
    /// What a client may have a handshake signed with; the list of OpenSSL 3.0 at this level.
    signatures: &'static str,
    /// For TLS 1.2 and before.
    ciphers: &'static str,
    groups: &'static [(&'static str, u16)],
    /// The prime of RFC 3526 for `DHE`.
    prime: fn() -> Result<BigNum, ErrorStack>,
    /// How many tickets follow a TLS 1.3 handshake.
    tickets: usize,
    /// Whether it has a servername callback, and so acknowledges the name that a client gives (RFC 6066 section 3).
    acknowledges_name: bool,
}

/// `doveconf -d`: `ssl_cipher_list`, `ssl_min_protocol`; Debian's `ssl_dh`; the groups are the default of OpenSSL 3.0.
const DOVECOT: Settings = Settings {
    lowest: SslVersion::TLS1_2,
    level: 2,
    signatures: signatures!(),
    ciphers: "ALL:!kRSA:!SRP:!kDHd:!DSS:!aNULL:!eNULL:!EXPORT:!DES:!3DES:!MD5:!PSK:!RC4:!ADH:!LOW@STRENGTH",
    groups: &[
        ("X25519", 29),
        ("P-256", 23),
        ("X448", 30),
        ("P-521", 25),
        ("P-384", 24),
        ("ffdhe2048", 256),
        ("ffdhe3072", 257),
        ("ffdhe4096", 258),
        ("ffdhe6144", 259),
        ("ffdhe8192", 260),
    ],
    prime: BigNum::get_rfc3526_prime_4096,
    tickets: 2,
    acknowledges_name: true,
};

/// `postconf -d`: `tls_medium_cipherlist`, `smtpd_tls_protocols`, `tls_eecdh_auto_curves`; its own prime.
const POSTFIX: Settings = Settings {
    lowest: SslVersion::TLS1,
    level: 0,
    signatures: concat!(signatures!(), ":ECDSA+SHA1:RSA+SHA1"),
    ciphers: "aNULL:-aNULL:HIGH:MEDIUM:+RC4:@STRENGTH",
    groups: &[("X25519", 29), ("X448", 30), ("P-256", 23), ("P-521", 25), ("P-384", 24)],
    prime: BigNum::get_rfc3526_prime_2048,
    tickets: 1,
    acknowledges_name: false,
};

/// A server's TLS settings with a certificate; cheap to clone.
#[derive(Clone)]
pub(crate) struct Context {
    server: Server,
    identity: Arc<Identity>,
    ssl: SslContext,
    /// For clients without a usable key share.
    retry: SslContext,
}

impl fmt::Debug for Context {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.debug_struct("Context").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Context {
    /// Fails where OpenSSL does not take the certificate: a key too short for the server's security level, say.
    pub(crate) fn new(server: Server, identity: Arc<Identity>) -> Result<Self, ErrorStack> {
        let ssl = build(server, &identity, false)?;
        let retry = build(server, &identity, true)?;
        Ok(Self { server, identity, ssl, retry })
    }

    /// Whom it imitates.
    pub(crate) fn server(&self) -> Server {
        self.server
    }

    /// OpenSSL's state of a new connection, whose client says `hello`.
    ///
    /// Dovecot gives out tickets that never work: each connection has a process of its own, which takes the tickets' key
    /// with it. So who shows a ticket gets a context of its own.
    pub(crate) fn connection(&self, hello: Option<&ClientHello>) -> Result<Ssl, ErrorStack> {
        let retry = hello.is_some_and(|hello| self.server.settings().wants_retry(hello));
        if self.server == Server::Dovecot && hello.is_some_and(shows_ticket) {
            let own = build(self.server, &self.identity, retry)?;
            return Ssl::new(&own);
        }
        Ssl::new(if retry { &self.retry } else { &self.ssl })
    }
}

impl Server {
    fn settings(self) -> &'static Settings {
        match self {
            Self::Dovecot => &DOVECOT,
            Self::Postfix => &POSTFIX,
        }
    }
}

impl Settings {
    /// Whether a TLS 1.3 client has sent no share that could be used, and has to be asked for another.
    fn wants_retry(&self, hello: &ClientHello) -> bool {
        let usable = |share| self.groups.iter().any(|(_, group)| group == share);
        hello.supported_versions.contains(&0x0304) && !hello.key_shares.iter().any(usable)
    }

    /// OpenSSL 3.0 asks for the share that is the first in the server's list; since 3.5 it asks for the first in the
    /// client's, unless the server's list is cut into single groups. Otherwise the client's order decides in all of them.
    fn group_list(&self, retry: bool) -> String {
        const CUTS: i64 = 0x3050_0000;
        let names: Vec<&str> = self.groups.iter().map(|(name, _)| *name).collect();
        names.join(if retry && openssl::version::number() >= CUTS { "/" } else { ":" })
    }
}

fn shows_ticket(hello: &ClientHello) -> bool {
    let shown = |kind| hello.extensions.iter().any(|it| it.kind == kind && !it.data.is_empty());
    shown(SESSION_TICKET) || shown(PRE_SHARED_KEY)
}

fn build(server: Server, identity: &Identity, retry: bool) -> Result<SslContext, ErrorStack> {
    let settings = server.settings();
    let mut context = SslContextBuilder::new(SslMethod::tls_server())?;
    context.set_security_level(settings.level);
    context.set_min_proto_version(Some(settings.lowest))?;
    context.set_max_proto_version(Some(SslVersion::TLS1_3))?;
    context.set_cipher_list(settings.ciphers)?;
    context.set_ciphersuites(CIPHERSUITES)?;
    context.set_sigalgs_list(settings.signatures)?;
    context.set_groups_list(&settings.group_list(retry))?;
    let group = group((settings.prime)()?)?;
    context.set_tmp_dh(&group)?;
    context.set_num_tickets(settings.tickets)?;
    if settings.acknowledges_name {
        context.set_servername_callback(|_, _| Ok(()));
    }
    // Both let the client's order decide, and take no renegotiation from a client, as OpenSSL 3.0.
    context.clear_options(SslOptions::CIPHER_SERVER_PREFERENCE);
    context.set_options(
        SslOptions::ALL
            | SslOptions::NO_COMPRESSION
            | LEGACY_EC_POINT_FORMATS
            | SslOptions::SINGLE_DH_USE
            | SslOptions::SINGLE_ECDH_USE,
    );
    // A session has an id, and is never found again by it: the real ones have many processes and no common cache.
    context.set_session_cache_mode(SslSessionCacheMode::SERVER | SslSessionCacheMode::NO_INTERNAL);
    // Dovecot gives none; it would be seen in the length of a ticket.
    if server == Server::Postfix {
        context.set_session_id_context(b"mail")?;
    }
    // An idle connection holds no buffers. The others are what tokio-openssl expects.
    context.set_mode(
        SslMode::RELEASE_BUFFERS | SslMode::ENABLE_PARTIAL_WRITE | SslMode::ACCEPT_MOVING_WRITE_BUFFER,
    );
    identity.install(&mut context)?;
    // From here on the lists above decide alone: at level 2, OpenSSL 3.2 and later refuse `CCM_8`, which 3.0 takes.
    context.set_security_level(0);
    Ok(context.build())
}

/// The group of a prime whose generator is 2.
fn group(prime: BigNum) -> Result<Dh<Params>, ErrorStack> {
    Dh::from_pqg(prime, None, BigNum::from_u32(2)?)
}
