//! What the command line asks for.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};

use crate::fidelity::Service;

/// A real server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Real {
    /// One that runs there.
    At(SocketAddr),
    /// One that is started here.
    Started,
}

/// The options of `cargo xtask fidelity`.
#[derive(Default)]
pub(super) struct Wanted {
    /// None means all.
    pub(super) services: Vec<Service>,
    /// The real server to take the expected answers from.
    pub(super) real: Option<Real>,
    /// The real server whose answers are written into the sessions.
    pub(super) record: Option<Real>,
    /// A server of ours that runs already.
    pub(super) ours: Option<SocketAddr>,
    /// Only sessions whose file names hold this.
    pub(super) only: Option<String>,
}

impl Wanted {
    /// Reads them.
    pub(super) fn parse(arguments: &[&str]) -> Result<Self> {
        let mut wanted = Self::default();
        let mut words = arguments.iter().copied().peekable();
        while let Some(word) = words.next() {
            match word {
                "--real" | "--record" => {
                    let address = words.next_if(|next| next.contains(':')).map(|text| address(word, text));
                    let real = Some(address.transpose()?.map_or(Real::Started, Real::At));
                    *(if word == "--real" { &mut wanted.real } else { &mut wanted.record }) = real;
                }
                "--ours" => {
                    wanted.ours = Some(address(word, words.next().context("--ours needs HOST:PORT")?)?);
                }
                "--only" => {
                    wanted.only = Some(words.next().context("--only needs a part of a name")?.to_owned());
                }
                name => match Service::of(name) {
                    Some(service) => wanted.services.push(service),
                    None => {
                        bail!("`{name}` is neither a service (imap, pop3, smtp, submission) nor an option")
                    }
                },
            }
        }
        Ok(wanted)
    }
}

fn address(option: &str, text: &str) -> Result<SocketAddr> {
    text.parse().with_context(|| format!("{option} {text}: not an address and a port"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines() {
        let wanted = Wanted::parse(&["smtp", "--real", "127.0.0.1:25", "--only", "bdat"]).unwrap();
        assert_eq!(wanted.real, Some(Real::At("127.0.0.1:25".parse().unwrap())));
        assert_eq!((wanted.services, wanted.only.as_deref()), (vec![Service::Smtp], Some("bdat")));
        let wanted = Wanted::parse(&["--record", "imap"]).unwrap();
        assert_eq!((wanted.services, wanted.record), (vec![Service::Imap], Some(Real::Started)));
        assert!(Wanted::parse(&["--ours"]).is_err() && Wanted::parse(&["nntp"]).is_err());
    }
}
