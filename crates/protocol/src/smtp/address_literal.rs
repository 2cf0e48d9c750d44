//! Addresses of hosts in square brackets (RFC 5321 section 4.1.3), as Postfix reads them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How IPv6 is announced.
const IPV6: &str = "IPv6:";

/// Whether this is one: `[192.0.2.1]` or `[IPv6:2001:db8::1]`.
pub fn is_address_literal(literal: &[u8]) -> bool {
    let Some(text) = inside(literal) else { return false };
    match text.split_at_checked(IPV6.len()) {
        Some((tag, address)) if tag.eq_ignore_ascii_case(IPV6) => address.parse::<Ipv6Addr>().is_ok(),
        _ => is_ipv4(text),
    }
}

/// The address that it is looked up as.
pub fn address(literal: &[u8]) -> Option<IpAddr> {
    let text = inside(literal)?;
    if let Some((tag, address)) = text.split_at_checked(IPV6.len())
        && tag.eq_ignore_ascii_case(IPV6)
    {
        return address.parse::<Ipv6Addr>().ok().map(IpAddr::from);
    }
    let mut octets = [0; 4];
    for (octet, digits) in octets.iter_mut().zip(is_ipv4(text).then_some(text)?.split('.')) {
        // Whoever looks the address up then reads octal behind a nought.
        let radix = if digits.starts_with('0') { 8 } else { 10 };
        *octet = u8::from_str_radix(digits, radix).ok()?;
    }
    Some(Ipv4Addr::from(octets).into())
}

fn inside(literal: &[u8]) -> Option<&str> {
    std::str::from_utf8(literal.strip_prefix(b"[")?.strip_suffix(b"]")?).ok()
}

/// Four numbers up to 255, with noughts before them at will; the first is none, unless they all are.
fn is_ipv4(text: &str) -> bool {
    let octet = |digits: &str| {
        let number = digits.trim_start_matches('0');
        let digit = |byte: u8| byte.is_ascii_digit();
        (!digits.is_empty() && digits.bytes().all(digit)).then_some(())?;
        if number.is_empty() { Some(0) } else { number.parse::<u8>().ok() }
    };
    let octets: Option<Vec<u8>> = text.split('.').map(octet).collect();
    octets.is_some_and(|octets| {
        octets.len() == 4 && (octets.first() != Some(&0) || octets.iter().all(|octet| *octet == 0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each as Postfix 3.7.11 answered it.
    #[test]
    fn literals_as_postfix_reads_them() {
        for good in
            ["[127.0.0.1]", "[127.0.0.01]", "[0.0.0.0]", "[001.2.3.255]", "[IPv6:::1]", "[ipv6:fe80::1]"]
        {
            assert!(is_address_literal(good.as_bytes()), "{good}");
        }
        for bad in [
            "[]",
            "[1.2.3]",
            "[1.2.3.256]",
            "[0.1.2.3]",
            "[1.2.3.4.5]",
            "[+1.2.3.4]",
            "[IPv6:x]",
            "[::1]",
            "1.2.3.4",
        ] {
            assert!(!is_address_literal(bad.as_bytes()), "{bad}");
        }
        let address = |literal: &str| address(literal.as_bytes()).map(|address| address.to_string());
        for (literal, expected) in [
            ("[127.0.0.1]", Some("127.0.0.1")),
            ("[0177.0.0.01]", Some("127.0.0.1")),
            ("[ipv6:FD00:0::2]", Some("fd00::2")),
            ("[127.0.0.08]", None),
            ("[0300.0.2.1]", None),
            ("127.0.0.1", None),
        ] {
            assert_eq!(address(literal).as_deref(), expected, "{literal}");
        }
    }
}
