//! Whom to call, and whom not.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::units::Account;

/// An axon to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Target {
    /// Its hotkey: the signature is for it alone.
    pub hotkey: Account,
    /// Its address.
    pub ip: IpAddr,
    /// Its port.
    pub port: u16,
}

/// A target that is not called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// The address is private, loopback, or otherwise not of the internet. Anybody can write any address on the chain;
    /// a validator must not be led into its own network.
    #[error("{0} is not a public address; --dendrite.allow_private allows such addresses")]
    NotPublic(IpAddr),
    /// Nothing listens on port 0.
    #[error("port 0 means that the axon does not serve")]
    NoPort,
}

impl Target {
    /// The URL's authority: IPv6 in brackets.
    #[must_use]
    pub fn authority(&self) -> String {
        SocketAddr::new(self.ip, self.port).to_string()
    }

    /// Whether the target may be called.
    ///
    /// # Errors
    /// [`NotAllowed`], in its order.
    pub fn check(&self, allow_private: bool) -> Result<(), NotAllowed> {
        if !allow_private && !is_public(self.ip) {
            return Err(NotAllowed::NotPublic(self.ip));
        }
        if self.port == 0 { Err(NotAllowed::NoPort) } else { Ok(()) }
    }
}

/// Whether an address belongs to the internet (IANA's special-purpose registries).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => embedded_v4(ip).map_or_else(|| is_public_v6(ip), is_public_v4),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = match (a, b, c) {
        (0 | 10 | 127 | 240.., ..) | (192, 168, _) | (169, 254, _) => true,
        (100, 64..=127, _) | (172, 16..=31, _) | (198, 18..=19, _) => true,
        (192, 0, 0 | 2) | (198, 51, 100) | (203, 0, 113) => true,
        _ => ip.is_multicast(),
    };
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    // What is handed out of 2000::/3 is the internet; of it, documentation and Teredo are not.
    let [first, second, ..] = ip.segments();
    (0x2000..0x4000).contains(&first) && !(first == 0x2001 && matches!(second, 0 | 0xdb8))
}

/// The IPv4 address that an IPv6 address leads to: mapped, compatible, NAT64, 6to4.
fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match ip.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(ip: &str, port: u16) -> Target {
        Target { hotkey: Account([0; 32]), ip: ip.parse().unwrap(), port }
    }

    #[test]
    fn only_the_internet_is_called() {
        for public in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2002:808:808::1", "::ffff:8.8.8.8"] {
            assert_eq!(target(public, 8091).check(false), Ok(()), "{public}");
        }
        for private in [
            "0.0.0.0",
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "198.51.100.7",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::1",
            "2001:db8::1",
        ] {
            assert!(matches!(target(private, 8091).check(false), Err(NotAllowed::NotPublic(_))), "{private}");
            assert_eq!(target(private, 8091).check(true), Ok(()), "{private}");
        }
        assert_eq!(target("8.8.8.8", 0).check(false), Err(NotAllowed::NoPort));
    }

    #[test]
    fn ipv6_stands_in_brackets() {
        assert_eq!(target("::1", 8091).authority(), "[::1]:8091");
        assert_eq!(target("127.0.0.1", 8091).authority(), "127.0.0.1:8091");
    }
}
