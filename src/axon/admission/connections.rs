//! The connection rung: how many connections there may be, in all and of one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// The network that counts as one peer: an IPv4 address, or the /64 an IPv6 customer gets.
pub(crate) fn peer_network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// Counts open connections. Its table is bounded by the cap in all.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    open: Arc<Mutex<Open>>,
    cap: usize,
    cap_per_ip: usize,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_ip: HashMap<IpAddr, usize>,
}

/// One open connection; dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Place {
    open: Arc<Mutex<Open>>,
    ip: IpAddr,
}

/// There is no room for one more connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoRoom {
    /// The axon's cap is reached.
    InAll,
    /// The address's cap is reached.
    ForThisAddress,
}

impl Connections {
    pub(crate) fn new(cap: usize, cap_per_ip: usize) -> Self {
        Self { open: Arc::default(), cap, cap_per_ip }
    }

    /// A place for a connection from `ip`, if there is one.
    pub(crate) fn enter(&self, ip: IpAddr) -> Result<Place, NoRoom> {
        self.place(ip, self.cap_per_ip)
    }

    /// The same for an address that many callers share.
    pub(crate) fn enter_shared(&self, ip: IpAddr) -> Result<Place, NoRoom> {
        self.place(ip, self.cap)
    }

    fn place(&self, ip: IpAddr, cap_per_ip: usize) -> Result<Place, NoRoom> {
        let ip = peer_network(ip);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.all >= self.cap {
            return Err(NoRoom::InAll);
        }
        let count = open.by_ip.get(&ip).copied().unwrap_or_default();
        if count >= cap_per_ip {
            return Err(NoRoom::ForThisAddress);
        }
        open.by_ip.insert(ip, count + 1);
        open.all += 1;
        Ok(Place { open: Arc::clone(&self.open), ip })
    }

    /// How many are open now.
    pub(crate) fn open(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).all
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.all = open.all.saturating_sub(1);
        if let Some(count) = open.by_ip.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                open.by_ip.remove(&self.ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_per_address_and_given_back() {
        let connections = Connections::new(3, 2);
        let (a, b): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let first = connections.enter(a).unwrap();
        let _second = connections.enter(a).unwrap();
        assert_eq!(connections.enter(a).unwrap_err(), NoRoom::ForThisAddress);
        drop(connections.enter_shared(a).unwrap());
        let _third = connections.enter(b).unwrap();
        assert_eq!(connections.enter(b).unwrap_err(), NoRoom::InAll);
        drop(first);
        assert_eq!(connections.open(), 2);
        assert!(connections.enter(a).is_ok());
    }

    #[test]
    fn an_ipv6_customer_is_one_peer() {
        let [a, b, c]: [IpAddr; 3] =
            ["2001:db8::1", "2001:db8::ffff:2", "::ffff:192.0.2.1"].map(|text| text.parse().unwrap());
        assert_eq!(peer_network(a), peer_network(b));
        assert_eq!(peer_network(c), "192.0.2.1".parse::<IpAddr>().unwrap());
    }
}
