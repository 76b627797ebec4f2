//! Proxies of one's own in front of an axon: whose word about the caller's address is believed.

use std::net::IpAddr;
use std::str::FromStr;

use http::HeaderMap;

/// The header in which proxies name the caller, and each proxy before them.
const FORWARDED_FOR: &str = "x-forwarded-for";
/// Addresses of the header that are looked at, from its end.
const MOST: usize = 16;

/// Networks of proxies. From any other address the header is ignored: whoever calls could write it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies(Vec<Network>);

/// An address, or a network as `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

/// A text that names no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address, and not a network such as 10.0.0.0/8 or fd00::/8")]
pub struct NotANetwork(String);

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let refuse = || NotANetwork(text.to_owned());
        let (address, prefix) = text.trim().split_once('/').map_or((text.trim(), None), |(a, p)| (a, Some(p)));
        let address = address.parse::<IpAddr>().map_err(|_| refuse())?.to_canonical();
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(longest), |prefix| prefix.parse().map_err(|_| refuse()))?;
        if prefix <= longest { Ok(Self { address, prefix }) } else { Err(refuse()) }
    }
}

impl Network {
    fn has(&self, ip: IpAddr) -> bool {
        // An IPv4 address is never in a network of IPv6, not even as a number.
        let bits = |ip: IpAddr| match ip {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
            IpAddr::V6(v6) => (v6.to_bits(), 128),
        };
        let ((own, width), (other, other_width)) = (bits(self.address), bits(ip));
        let differs = own ^ other;
        width == other_width && differs.checked_shr(width - self.prefix).unwrap_or(0) == 0
    }
}

impl FromIterator<Network> for Proxies {
    fn from_iter<I: IntoIterator<Item = Network>>(networks: I) -> Self {
        Self(networks.into_iter().collect())
    }
}

impl Proxies {
    /// No proxies: nobody is believed.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Whether `ip` is one of them.
    #[must_use]
    pub fn have(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.0.iter().any(|network| network.has(ip))
    }

    /// Who calls: `peer` itself, or what it says when it is a proxy. Each proxy adds whom it heard at the end, so the first
    /// address from the end that is none of ours is the caller; what it says itself is not looked at.
    #[must_use]
    pub fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut caller = peer.to_canonical();
        let lines = headers.get_all(FORWARDED_FOR).iter().rev().map(|line| line.to_str().unwrap_or_default());
        for address in lines.flat_map(|line| line.rsplit(',')).take(MOST) {
            if !self.have(caller) {
                break;
            }
            // Whatever it is, it is nobody's address: then the proxy answers for it.
            let Ok(address) = address.trim().parse::<IpAddr>() else { break };
            caller = address.to_canonical();
        }
        caller
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(networks: &[&str]) -> Proxies {
        networks.iter().map(|text| text.parse::<Network>().unwrap()).collect()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        let ours = proxies(&["127.0.0.1", "10.0.0.0/8", "fd00::/8", "0.0.0.0/32"]);
        for inside in ["127.0.0.1", "10.255.0.1", "fd12::1", "::ffff:10.0.0.1", "0.0.0.0"] {
            assert!(ours.have(ip(inside)), "{inside}");
        }
        for outside in ["127.0.0.2", "11.0.0.1", "fe00::1", "::1", "::a00:1"] {
            assert!(!ours.have(ip(outside)), "{outside}");
        }
        assert!(proxies(&["0.0.0.0/0"]).have(ip("8.8.8.8")) && !proxies(&["0.0.0.0/0"]).have(ip("::1")));
        for wrong in ["", "10.0.0.0/33", "fd00::/129", "10.0.0/8", "10.0.0.0/x", "host", "10.0.0.0/-1"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_a_proxy_is_believed_and_nobody_behind_it() {
        let ours = proxies(&["10.0.0.0/8"]);
        let caller = |peer: &str, lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(FORWARDED_FOR, line.parse().unwrap());
            }
            ours.caller(ip(peer), &headers).to_string()
        };
        assert_eq!(caller("10.0.0.1", &["203.0.113.7"]), "203.0.113.7");
        assert_eq!(caller("10.0.0.1", &["6.6.6.6, 203.0.113.7, 10.0.0.2"]), "203.0.113.7", "a lie before a truth");
        assert_eq!(caller("10.0.0.1", &["6.6.6.6", "203.0.113.7,10.0.0.2"]), "203.0.113.7");
        assert_eq!(caller("203.0.113.9", &["6.6.6.6"]), "203.0.113.9", "no proxy of ours");
        assert_eq!(caller("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(caller("10.0.0.1", &["unknown"]), "10.0.0.1");
        assert_eq!(
            caller("10.0.0.1", &["203.0.113.7, _hidden"]),
            "10.0.0.1",
            "nothing is read behind what is no address"
        );
        assert_eq!(caller("::ffff:10.0.0.1", &["2001:db8::1"]), "2001:db8::1");
        let long = vec!["10.0.0.3"; 1000].join(",");
        assert_eq!(caller("10.0.0.1", &[&format!("6.6.6.6,{long}")]), "10.0.0.3");
    }
}
