//! The neurons of a subnet at genesis: seats, stake, axons, weights, and what a last epoch is said to have found.

use std::net::{IpAddr, SocketAddr};

use frame_support::traits::fungible::Mutate;

use super::NeuronGenesis;
use super::account_id;
use crate::localnet::pallet::{self, AxonInfo, Pallet};
use crate::localnet::runtime::{AccountId, Balances, NetUid, Runtime};

/// When the weights count as set: an epoch leaves out those for neurons that registered in the same block or later.
const WEIGHTS_SET_AT: u64 = 1;

/// As clients announce it.
const PROTOCOL: u8 = 4;

/// Seats the neurons behind the owner's, which is there already; one with the owner's hotkey is that. Must run in externalities.
pub(super) fn seat(netuid: NetUid, neurons: &[NeuronGenesis]) {
    let mut seated = Vec::with_capacity(neurons.len());
    for neuron in neurons {
        let (hotkey, coldkey) = (account_id(neuron.hotkey), account_id(neuron.coldkey));
        let uid = match pallet::Uids::<Runtime>::get(netuid, &hotkey) {
            Some(uid) => Ok(uid),
            None => Pallet::<Runtime>::associate(&coldkey, &hotkey)
                .and_then(|()| Pallet::<Runtime>::add_neuron(netuid, &hotkey)),
        };
        let Ok(uid) = uid else {
            tracing::error!(netuid = netuid.0, hotkey = %neuron.hotkey, "the neuron could not be seated");
            continue;
        };
        stake(netuid, &hotkey, &coldkey, neuron);
        if let Some(axon) = neuron.axon {
            pallet::Axons::<Runtime>::insert(netuid, &hotkey, announced(axon));
        }
        if !neuron.weights.is_empty() {
            pallet::Weights::<Runtime>::insert(netuid.main_mechanism(), uid, neuron.weights.clone());
        }
        seated.push((uid, neuron));
    }
    found(netuid, &seated);
}

/// Alpha of the subnet, outside of its pool, and TAO on root. Of one hotkey in several subnets the largest stake on root counts.
fn stake(netuid: NetUid, hotkey: &AccountId, coldkey: &AccountId, neuron: &NeuronGenesis) {
    if neuron.stake.0 > 0 {
        Pallet::<Runtime>::credit_staker(hotkey, coldkey, netuid, neuron.stake.0);
        pallet::SubnetAlphaOut::<Runtime>::mutate(netuid, |sum| *sum = sum.saturating_add(neuron.stake.0));
    }
    let has = pallet::TotalHotkeyAlpha::<Runtime>::get(hotkey, NetUid::ROOT);
    let more = neuron.root_stake.0.saturating_sub(has);
    // Stake on root is TAO, which the network's account holds.
    if more > 0 && Balances::mint_into(&Pallet::<Runtime>::subnet_account(NetUid::ROOT), more).is_ok() {
        Pallet::<Runtime>::credit_staker(hotkey, coldkey, NetUid::ROOT, more);
        pallet::SubnetTAO::<Runtime>::mutate(NetUid::ROOT, |sum| *sum = sum.saturating_add(more));
        pallet::SubnetAlphaOut::<Runtime>::mutate(NetUid::ROOT, |sum| *sum = sum.saturating_add(more));
        pallet::TotalStake::<Runtime>::mutate(|sum| *sum = sum.saturating_add(more));
    }
}

fn announced(axon: SocketAddr) -> AxonInfo {
    let (ip, ip_type) = match axon.ip() {
        IpAddr::V4(ip) => (u128::from(u32::from(ip)), 4),
        IpAddr::V6(ip) => (u128::from(ip), 6),
    };
    AxonInfo { ip, ip_type, port: axon.port(), protocol: PROTOCOL, ..AxonInfo::default() }
}

/// What an epoch writes, until the next one does.
fn found(netuid: NetUid, seated: &[(u16, &NeuronGenesis)]) {
    fn put<V: Copy>(list: &mut [V], seated: &[(u16, &NeuronGenesis)], value: impl Fn(&NeuronGenesis) -> V) {
        for (uid, neuron) in seated {
            if let Some(place) = list.get_mut(usize::from(*uid)) {
                *place = value(neuron);
            }
        }
    }
    let setters: Vec<_> = seated.iter().copied().filter(|(_, neuron)| !neuron.weights.is_empty()).collect();
    pallet::LastUpdate::<Runtime>::mutate(netuid.main_mechanism(), |list| put(list, &setters, |_| WEIGHTS_SET_AT));
    pallet::ValidatorPermit::<Runtime>::mutate(netuid, |list| put(list, seated, |neuron| neuron.permit));
    pallet::ValidatorTrust::<Runtime>::mutate(netuid, |list| put(list, seated, |n| n.last_epoch.validator_trust));
    pallet::Consensus::<Runtime>::mutate(netuid, |list| put(list, seated, |n| n.last_epoch.consensus));
    pallet::Dividends::<Runtime>::mutate(netuid, |list| put(list, seated, |n| n.last_epoch.dividends));
    pallet::Emission::<Runtime>::mutate(netuid, |list| put(list, seated, |n| n.last_epoch.emission.0));
    pallet::Incentive::<Runtime>::mutate(netuid.main_mechanism(), |list| {
        put(list, seated, |neuron| neuron.last_epoch.incentive);
    });
}
