//! TLS as the imitated server does it. Not here: who asks for TLS and when (`listen.rs`, `connection.rs`).
//!
//! [`Tls`] holds the certificate and one context a server; [`accept`] makes a TLS stream of a plain one and tells what the
//! client is. Read `context.rs` (what makes OpenSSL look like Dovecot or Postfix), `certificate.rs`, `accept.rs`.
//! `docs/tls.md` says how all of it was measured.

mod accept;
mod certificate;
mod context;
mod failure;
mod held;
mod identity;
mod snakeoil;

use std::sync::{PoisonError, RwLock};

use event::Protocol;
use openssl::error::ErrorStack;

pub(crate) use accept::{Handshake, Hello, Limits, TlsStream, accept};
pub(crate) use certificate::Certificate;
pub(crate) use context::{Context, Server};
pub(crate) use failure::{HandshakeFailure, Reason};
pub(crate) use identity::{CertificateError, Source};

/// What connections need to become TLS; shared by all.
#[derive(Debug)]
pub(crate) struct Handshakes {
    /// The certificate.
    pub(crate) tls: Tls,
    /// What bounds them.
    pub(crate) limits: Limits,
}

impl Handshakes {
    /// The context for a new connection.
    pub(crate) fn context(&self, protocol: Protocol) -> Context {
        self.tls.context(match protocol {
            Protocol::Imap | Protocol::Pop3 => Server::Dovecot,
            Protocol::Smtp => Server::Postfix,
        })
    }
}

/// A certificate, and what is made of it: one context for each server that is imitated.
#[derive(Debug)]
pub(crate) struct Tls {
    certificate: RwLock<Certificate>,
    contexts: RwLock<[Context; 2]>,
}

impl Tls {
    /// Reads the certificate; where none is given, makes it at the first start. Takes a moment then.
    pub(crate) fn open(source: Source) -> Result<Self, CertificateError> {
        let certificate = Certificate::open(source)?;
        let contexts = contexts(&certificate)
            .map_err(|cause| CertificateError::unusable(certificate.source(), &cause))?;
        Ok(Self { certificate: RwLock::new(certificate), contexts: RwLock::new(contexts) })
    }

    /// The context for a new connection. Cheap.
    pub(crate) fn context(&self, server: Server) -> Context {
        let contexts = self.contexts.read().unwrap_or_else(PoisonError::into_inner);
        let [dovecot, postfix] = &*contexts;
        match server {
            Server::Dovecot => dovecot.clone(),
            Server::Postfix => postfix.clone(),
        }
    }

    /// Looks whether the certificate's files have changed, and if so reads them: for a timer. What cannot be used is told
    /// in a warning, once, and the old one stays. Blocks on the disk. Tells whether there is a new one.
    pub(crate) fn reload_if_changed(&self) -> bool {
        self.reload_by(Certificate::reload_if_changed)
    }

    /// Reads the certificate's files again, whether they look changed or not: for a signal.
    pub(crate) fn reload(&self) -> bool {
        self.reload_by(Certificate::reload)
    }

    fn reload_by(&self, reload: fn(&mut Certificate) -> bool) -> bool {
        let mut certificate = self.certificate.write().unwrap_or_else(PoisonError::into_inner);
        if !reload(&mut certificate) {
            return false;
        }
        match contexts(&certificate) {
            Ok(new) => {
                *self.contexts.write().unwrap_or_else(PoisonError::into_inner) = new;
                true
            }
            Err(cause) => {
                let error = CertificateError::unusable(certificate.source(), &cause);
                tracing::warn!("{error}; the old certificate stays in use");
                false
            }
        }
    }
}

fn contexts(certificate: &Certificate) -> Result<[Context; 2], ErrorStack> {
    let context = |server| Context::new(server, certificate.identity().clone());
    Ok([context(Server::Dovecot)?, context(Server::Postfix)?])
}

#[cfg(test)]
pub(crate) mod tests;
