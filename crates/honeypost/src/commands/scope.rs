//! Which sources are meant: `--source` of the commands that read evidence, and the span of those that count sessions.

use std::net::IpAddr;

use clap::Args;
use ipnet::IpNet;

use super::reading::Which;

/// Which sources.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Sources {
    /// Only from here: an address, or a network such as 198.51.100.0/24
    #[arg(long, value_name = "IP", value_parser = network)]
    pub(crate) source: Option<IpNet>,
}

/// The span of a report.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Span {
    /// Only what happened since: 2026-11-23, 2026-11-23T18:00:00Z, or 45m, 2h, 3d ago
    #[arg(long, value_name = "T")]
    pub(crate) since: Option<String>,
    /// Only what happened until then: as --since
    #[arg(long, value_name = "T")]
    pub(crate) until: Option<String>,
    /// Only this protocol: imap, pop3, smtp
    #[arg(long, value_name = "P")]
    pub(crate) protocol: Option<String>,
    #[command(flatten)]
    pub(crate) sources: Sources,
}

impl Span {
    /// The same as the filter of all commands.
    pub(super) fn which(&self) -> Which {
        let Self { since, until, protocol, .. } = self.clone();
        Which { since, until, protocol, ..Which::default() }
    }
}

impl Sources {
    /// Whether this address is meant.
    pub(super) fn has(&self, address: IpAddr) -> bool {
        self.source.is_none_or(|network| network.contains(&address.to_canonical()))
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
    address.or_else(|_| text.parse()).map_err(|_| {
        "expected an address such as 198.51.100.7, or a network such as 198.51.100.0/24 or 2001:db8::/32"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_network_of_one() {
        let of = |text: &str| Sources { source: Some(network(text).expect("a network")) };
        let at = |text: &str| text.parse().expect("an address");
        for (named, inside, outside) in [
            ("198.51.100.7", "198.51.100.7", "198.51.100.8"),
            ("198.51.100.9/24", "198.51.100.255", "198.51.101.0"),
            ("198.51.100.7", "::ffff:198.51.100.7", "::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
        ] {
            assert!(of(named).has(at(inside)) && !of(named).has(at(outside)), "{named}");
        }
        assert!(Sources::default().has(at("::1")));
        assert!(network("198.51.100.0/33").is_err() && network("example.net").is_err());
    }
}
