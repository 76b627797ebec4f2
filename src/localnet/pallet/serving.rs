//! Announcing endpoints.

use super::*;
use crate::localnet::runtime::{AccountId, NetUid};
use frame_support::ensure;
use std::net::{Ipv4Addr, Ipv6Addr};

impl<T: Config> Pallet<T> {
    /// May `hotkey` announce this axon?
    ///
    /// # Errors
    /// In this order: `HotKeyNotRegisteredInNetwork`, `InvalidIpType`, `InvalidIpAddress`, `ServingRateLimitExceeded`,
    /// `InvalidPort`.
    pub(crate) fn check_axon(hotkey: &AccountId, netuid: NetUid, axon: &AxonInfo) -> Result<(), Error<T>> {
        ensure!(Uids::<T>::contains_key(netuid, hotkey), Error::HotKeyNotRegisteredInNetwork);
        check_address(axon.ip_type, axon.ip)?;
        let before = Axons::<T>::get(netuid, hotkey).map_or(0, |axon| axon.block);
        Self::check_serving_rate(netuid, before)?;
        ensure!(axon.port != 0, Error::InvalidPort);
        Ok(())
    }

    /// May `hotkey` announce these metrics?
    ///
    /// # Errors
    /// In this order: `InvalidIpType`, `InvalidIpAddress`, `HotKeyNotRegisteredInNetwork`, `ServingRateLimitExceeded`,
    /// `InvalidPort`. Unlike an axon's, the address may not be zero.
    pub(crate) fn check_prometheus(
        hotkey: &AccountId,
        netuid: NetUid,
        prometheus: &PrometheusInfo,
    ) -> Result<(), Error<T>> {
        check_address(prometheus.ip_type, prometheus.ip)?;
        ensure!(prometheus.ip != 0, Error::InvalidIpAddress);
        ensure!(Uids::<T>::contains_key(netuid, hotkey), Error::HotKeyNotRegisteredInNetwork);
        let before = Prometheus::<T>::get(netuid, hotkey).map_or(0, |prometheus| prometheus.block);
        Self::check_serving_rate(netuid, before)?;
        ensure!(prometheus.port != 0, Error::InvalidPort);
        Ok(())
    }

    fn check_serving_rate(netuid: NetUid, before: u64) -> Result<(), Error<T>> {
        let limit = ServingRateLimit::<T>::get(netuid);
        let waited = Self::block().saturating_sub(before);
        ensure!(limit == 0 || before == 0 || waited >= limit, Error::ServingRateLimitExceeded);
        Ok(())
    }

    /// Stores an axon that was checked.
    pub(crate) fn store_axon(hotkey: AccountId, netuid: NetUid, mut axon: AxonInfo) {
        axon.block = Self::block();
        Axons::<T>::insert(netuid, &hotkey, axon);
        Self::deposit_event(Event::AxonServed(netuid, hotkey));
    }

    /// Stores metrics that were checked.
    pub(crate) fn store_prometheus(hotkey: AccountId, netuid: NetUid, mut prometheus: PrometheusInfo) {
        prometheus.block = Self::block();
        Prometheus::<T>::insert(netuid, &hotkey, prometheus);
        Self::deposit_event(Event::PrometheusServed(netuid, hotkey));
    }
}

/// Refuses only the loopback address itself and the largest address; private ranges and zero pass, as on the real chain.
fn check_address<T>(ip_type: u8, ip: u128) -> Result<(), Error<T>> {
    let valid = match ip_type {
        4 => ip < u128::from(u32::MAX) && ip != u128::from(u32::from(Ipv4Addr::LOCALHOST)),
        6 => ip < u128::MAX && ip != u128::from(Ipv6Addr::LOCALHOST),
        _ => return Err(Error::InvalidIpType),
    };
    ensure!(valid, Error::InvalidIpAddress);
    Ok(())
}
