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

/// What a server sets, where the two differ.
struct Settings {
    lowest: SslVersion,
    /// OpenSSL's security level: 2 is Debian's default, Postfix asks for 0.
    level: u32,
    /// For TLS 1.2 and before.
    ciphers: &'static str,
    groups: &'static str,
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
    ciphers: "ALL:!kRSA:!SRP:!kDHd:!DSS:!aNULL:!eNULL:!EXPORT:!DES:!3DES:!MD5:!PSK:!RC4:!ADH:!LOW@STRENGTH",
    groups: "X25519:P-256:X448:P-521:P-384:ffdhe2048:ffdhe3072:ffdhe4096:ffdhe6144:ffdhe8192",
    prime: BigNum::get_rfc3526_prime_4096,
    tickets: 2,
    acknowledges_name: true,
};

/// `postconf -d`: `tls_medium_cipherlist`, `smtpd_tls_protocols`, `tls_eecdh_auto_curves`; its own prime.
const POSTFIX: Settings = Settings {
    lowest: SslVersion::TLS1,
    level: 0,
    ciphers: "aNULL:-aNULL:HIGH:MEDIUM:+RC4:@STRENGTH",
    groups: "X25519:X448:P-256:P-521:P-384",
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
}

impl fmt::Debug for Context {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.debug_struct("Context").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Context {
    /// Fails where OpenSSL does not take the certificate: a key too short for the server's security level, say.
    pub(crate) fn new(server: Server, identity: Arc<Identity>) -> Result<Self, ErrorStack> {
        let ssl = build(server, &identity)?;
        Ok(Self { server, identity, ssl })
    }

    /// Whom it imitates.
    pub(crate) fn server(&self) -> Server {
        self.server
    }

    /// OpenSSL's state of a new connection, whose client says `hello`.
    ///
    /// Dovecot gives out tickets that never work: each connection has a process of its own, which takes the tickets' key
    /// with it. So who shows a ticket gets a context of its own; nobody shows one to an innocent server for long.
    pub(crate) fn connection(&self, hello: Option<&ClientHello>) -> Result<Ssl, ErrorStack> {
        let resumes = hello.is_some_and(|hello| {
            let asks = |kind| hello.extensions.iter().any(|it| it.kind == kind && !it.data.is_empty());
            asks(SESSION_TICKET) || asks(PRE_SHARED_KEY)
        });
        match self.server {
            Server::Dovecot if resumes => {
                let own = build(self.server, &self.identity)?;
                Ssl::new(&own)
            }
            _ => Ssl::new(&self.ssl),
        }
    }
}

fn build(server: Server, identity: &Identity) -> Result<SslContext, ErrorStack> {
    let settings = match server {
        Server::Dovecot => DOVECOT,
        Server::Postfix => POSTFIX,
    };
    let mut context = SslContextBuilder::new(SslMethod::tls_server())?;
    context.set_security_level(settings.level);
    context.set_min_proto_version(Some(settings.lowest))?;
    context.set_max_proto_version(Some(SslVersion::TLS1_3))?;
    context.set_cipher_list(settings.ciphers)?;
    context.set_ciphersuites(CIPHERSUITES)?;
    context.set_groups_list(settings.groups)?;
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
            | SslOptions::SINGLE_DH_USE
            | SslOptions::SINGLE_ECDH_USE,
    );
    // A session has an id, and is never found again by it: the real ones have many processes and no common cache.
    context.set_session_cache_mode(SslSessionCacheMode::SERVER | SslSessionCacheMode::NO_INTERNAL);
    context.set_session_id_context(b"mail")?;
    // An idle connection holds no buffers. The others are what tokio-openssl expects.
    context.set_mode(
        SslMode::RELEASE_BUFFERS | SslMode::ENABLE_PARTIAL_WRITE | SslMode::ACCEPT_MOVING_WRITE_BUFFER,
    );
    identity.install(&mut context)?;
    Ok(context.build())
}

/// The group of a prime whose generator is 2.
fn group(prime: BigNum) -> Result<Dh<Params>, ErrorStack> {
    Dh::from_pqg(prime, None, BigNum::from_u32(2)?)
}
