//! When an idling client hears the next sign of life. Dovecot has them at certain seconds of the time of day for each client,
//! so that all connections of a phone wake it at once (src/lib-imap/imap-keepalive.c).

use std::net::IpAddr;

use crate::guest::Guest;
use crate::imap::Service;
use crate::session::Moment;

/// When the next one is due.
pub fn keep_alive(service: &Service, guest: &Guest, user: &[u8], now: Moment) -> Moment {
    let interval = service.texts.times.still_here_s;
    if !service.texts.mail_process.is_dovecot() {
        return now.after(service.texts.times.still_here());
    }
    let phase = guest.address.and_then(of_address).unwrap_or_else(|| crc32fast::hash(user));
    let seconds = u64::try_from(service.wall_clock(now).as_second()).unwrap_or_default();
    // The sum is one of 64 bits there.
    let into = seconds.saturating_add(u64::from(phase)).checked_rem(interval).unwrap_or_default();
    now.after(std::time::Duration::from_secs(interval.saturating_sub(into)))
}

/// What Dovecot makes of an address; `None` where many may share it. It means private networks, but looks at the octets of
/// an IPv4 address from behind: those that end in 10, in 127, in 168.192 or in 16 to 31.172.
fn of_address(address: IpAddr) -> Option<u32> {
    match address {
        IpAddr::V4(address) => match address.octets() {
            [.., 10 | 127] | [.., 168, 192] | [.., 16..=31, 172] => None,
            octets => Some(u32::from_le_bytes(octets)),
        },
        IpAddr::V6(address) => {
            let octets = address.octets();
            if matches!(octets.first(), Some(0xfc | 0xfd)) {
                return None;
            }
            Some(octets.iter().fold(0_u32, |hash, octet| {
                let hash = (hash << 4).wrapping_add(u32::from(*octet));
                let high = hash & 0xf000_0000;
                if high == 0 { hash } else { (hash ^ (high >> 24)) ^ high }
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second in which the real server sent a sign of life, by address and user.
    #[test]
    fn signs_of_life_come_when_dovecot_sends_them() {
        for (address, user, second) in [
            ("127.24.9.77", "user", 1_795_480_593_u64),
            ("127.24.0.127", "admin", 1_795_480_594),
            ("127.24.3.10", "user", 1_795_480_615),
            ("127.24.0.1", "admin", 1_795_480_633),
        ] {
            let address: IpAddr = address.parse().unwrap();
            let phase = of_address(address).unwrap_or_else(|| crc32fast::hash(user.as_bytes()));
            let rest = (second + u64::from(phase)) % 120;
            assert!(rest == 119 || rest == 0, "{address} {user}: {rest}");
        }
        assert_eq!(of_address("203.0.168.192".parse().unwrap()), None);
        assert_eq!(of_address("192.168.0.5".parse().unwrap()), Some(0x0500_a8c0));
    }
}
