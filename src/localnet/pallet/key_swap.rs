//! A hotkey that takes the place of another: its seats, its stakers, its relations.

use super::*;
use crate::localnet::runtime::{AccountId, MechId, NetUid};
use frame_support::{
    dispatch::DispatchResult,
    ensure,
    traits::{
        fungible::Mutate,
        tokens::{Fortitude, Precision, Preservation},
    },
};

/// Price of a swap in all subnets, in rao; it is recycled.
const COST: u64 = 100_000_000;
/// Price of a swap in one subnet, in rao.
const COST_IN_ONE: u64 = 1_000_000;
/// Blocks between two swaps in one subnet by one coldkey.
const INTERVAL_IN_ONE: u64 = 7200;

/// Both hotkeys of a swap, and what of the old one goes over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Swapped<'a> {
    /// Whose hotkeys.
    pub(crate) coldkey: &'a AccountId,
    /// The one that goes.
    pub(crate) old: &'a AccountId,
    /// The one that comes.
    pub(crate) new: &'a AccountId,
    /// Does the stake stay with the old one?
    pub(crate) keep_stake: bool,
}

impl<T: Config> Pallet<T> {
    /// Swaps a hotkey in one subnet, or in all.
    ///
    /// # Errors
    /// In this order: `NonAssociatedColdKey`, `NewHotKeyIsSameWithOld`, `HotKeySetTxRateLimitExceeded`,
    /// `HotKeyAlreadyRegisteredInSubNet`, `NewHotKeyNotCleanForRootSwap`, `SubnetNotExists`,
    /// `HotKeySwapOnSubnetIntervalNotPassed`, `NotEnoughBalanceToPaySwapHotKey`.
    pub(crate) fn do_swap_hotkey(swap: Swapped<'_>, netuid: Option<NetUid>) -> DispatchResult {
        let Swapped { coldkey, old, new, .. } = swap;
        ensure!(Owner::<T>::get(old) == *coldkey, Error::<T>::NonAssociatedColdKey);
        let foreign = Owner::<T>::contains_key(new) && Owner::<T>::get(new) != *coldkey;
        ensure!(!foreign, Error::<T>::NonAssociatedColdKey);
        ensure!(old != new, Error::<T>::NewHotKeyIsSameWithOld);
        let key = RateLimitKey::LastTxBlock(coldkey.clone());
        let (last, limit) = (LastRateLimitedBlock::<T>::get(&key), TxRateLimit::<T>::get());
        let waited = Self::block().saturating_sub(last);
        ensure!(last == 0 || limit == 0 || waited >= limit, Error::<T>::HotKeySetTxRateLimitExceeded);
        let places: Vec<NetUid> = netuid.map_or_else(|| NetworksAdded::<T>::iter_keys().collect(), |one| vec![one]);
        Self::check_new_hotkey(swap, &places)?;
        if let Some(one) = netuid {
            ensure!(NetworksAdded::<T>::get(one), Error::<T>::SubnetNotExists);
            Self::check_swap_interval(coldkey, one)?;
        }
        let cost = if netuid.is_some() { COST_IN_ONE } else { COST };
        ensure!(Self::recycle(coldkey, cost), Error::<T>::NotEnoughBalanceToPaySwapHotKey);
        LastRateLimitedBlock::<T>::insert(key, Self::block());
        Self::associate(coldkey, new)?;
        for place in &places {
            Self::swap_in_subnet(swap, *place);
        }
        Self::finish_swap(swap, netuid);
        Ok(())
    }

    fn check_new_hotkey(swap: Swapped<'_>, places: &[NetUid]) -> Result<(), Error<T>> {
        let seated = places.iter().any(|place| Uids::<T>::contains_key(place, swap.new));
        ensure!(!seated, Error::HotKeyAlreadyRegisteredInSubNet);
        let clean =
            TotalHotkeyAlpha::<T>::get(swap.new, NetUid::ROOT) == 0 && RootClaimable::<T>::get(swap.new).is_empty();
        ensure!(clean || !places.contains(&NetUid::ROOT), Error::NewHotKeyNotCleanForRootSwap);
        Ok(())
    }

    fn check_swap_interval(coldkey: &AccountId, netuid: NetUid) -> Result<(), Error<T>> {
        let last = LastHotkeySwapOnNetuid::<T>::get(netuid, coldkey);
        let waited = Self::block().saturating_sub(last);
        ensure!(last == 0 || waited >= INTERVAL_IN_ONE, Error::HotKeySwapOnSubnetIntervalNotPassed);
        Ok(())
    }

    /// Takes TAO out of circulation; it can be minted again. `false` when the account does not have it.
    pub(crate) fn recycle(coldkey: &AccountId, rao: u64) -> bool {
        let (preservation, precision) = (Preservation::Preserve, Precision::Exact);
        let paid = rao == 0
            || pallet_balances::Pallet::<T>::burn_from(coldkey, rao, preservation, precision, Fortitude::Polite)
                .is_ok();
        if paid {
            TotalIssuance::<T>::mutate(|sum| *sum = sum.saturating_sub(rao));
        }
        paid
    }

    fn swap_in_subnet(swap: Swapped<'_>, netuid: NetUid) {
        let Swapped { old, new, .. } = swap;
        if let Some(uid) = Uids::<T>::take(netuid, old) {
            Uids::<T>::insert(netuid, new, uid);
            Keys::<T>::insert(netuid, uid, new);
            IsNetworkMember::<T>::remove(old, netuid);
            IsNetworkMember::<T>::insert(new, netuid, true);
        }
        if let Some(axon) = Axons::<T>::take(netuid, old) {
            Axons::<T>::insert(netuid, new, axon);
        }
        if let Some(prometheus) = Prometheus::<T>::take(netuid, old) {
            Prometheus::<T>::insert(netuid, new, prometheus);
        }
        for index in (0..MechanismCountCurrent::<T>::get(netuid).0).map(|mechanism| netuid.mechanism(MechId(mechanism)))
        {
            if let Some(commits) = WeightCommits::<T>::take(index, old) {
                WeightCommits::<T>::insert(index, new, commits);
            }
        }
        if SubnetOwnerHotkey::<T>::get(netuid) == *old {
            SubnetOwnerHotkey::<T>::insert(netuid, new);
        }
        Self::swap_relations(swap, netuid);
        if !swap.keep_stake {
            Self::swap_stakes(swap, netuid);
        }
    }

    fn swap_relations(swap: Swapped<'_>, netuid: NetUid) {
        let Swapped { old, new, .. } = swap;
        let renamed = |relations: &mut Vec<(u64, AccountId)>| {
            for (_, other) in relations.iter_mut().filter(|(_, other)| other == old) {
                *other = new.clone();
            }
        };
        let children = ChildKeys::<T>::take(old, netuid);
        for (_, child) in &children {
            ParentKeys::<T>::mutate(child, netuid, renamed);
        }
        let parents = ParentKeys::<T>::take(old, netuid);
        for (_, parent) in &parents {
            ChildKeys::<T>::mutate(parent, netuid, renamed);
        }
        if !children.is_empty() {
            ChildKeys::<T>::insert(new, netuid, children);
        }
        if !parents.is_empty() {
            ParentKeys::<T>::insert(new, netuid, parents);
        }
        if PendingChildKeys::<T>::contains_key(netuid, old) {
            PendingChildKeys::<T>::insert(netuid, new, PendingChildKeys::<T>::take(netuid, old));
        }
        let payees = AutoStakeDestinationColdkeys::<T>::take(old, netuid);
        for payee in &payees {
            AutoStakeDestination::<T>::insert(payee, netuid, new);
        }
        if !payees.is_empty() {
            AutoStakeDestinationColdkeys::<T>::insert(new, netuid, payees);
        }
    }

    fn swap_stakes(swap: Swapped<'_>, netuid: NetUid) {
        let Swapped { old, new, .. } = swap;
        let stakers: Vec<AccountId> = AlphaV2::<T>::iter_key_prefix((old,))
            .filter(|(_, place)| *place == netuid)
            .map(|(coldkey, _)| coldkey)
            .collect();
        if netuid == NetUid::ROOT {
            RootClaimable::<T>::insert(new, RootClaimable::<T>::take(old));
        }
        for coldkey in stakers {
            let claims: Vec<(NetUid, u128)> = RootClaimable::<T>::get(new)
                .into_keys()
                .filter(|_| netuid == NetUid::ROOT)
                .map(|place| (place, RootClaimed::<T>::take((place, old, &coldkey))))
                .collect();
            let held = Self::stake_of(old, &coldkey, netuid);
            Self::debit_staker(old, &coldkey, netuid, held);
            Self::credit_staker(new, &coldkey, netuid, held);
            for (place, claimed) in claims {
                RootClaimed::<T>::insert((place, new, &coldkey), claimed);
            }
        }
        AlphaDividendsPerSubnet::<T>::insert(netuid, new, AlphaDividendsPerSubnet::<T>::take(netuid, old));
        LastHotkeyEmissionOnNetuid::<T>::insert(new, netuid, LastHotkeyEmissionOnNetuid::<T>::take(old, netuid));
    }

    fn finish_swap(swap: Swapped<'_>, netuid: Option<NetUid>) {
        let (coldkey, old_hotkey, new_hotkey) = (swap.coldkey.clone(), swap.old.clone(), swap.new.clone());
        if let Some(netuid) = netuid {
            LastHotkeySwapOnNetuid::<T>::insert(netuid, &coldkey, Self::block());
            Self::deposit_event(Event::HotkeySwappedOnSubnet { coldkey, old_hotkey, new_hotkey, netuid });
            return;
        }
        if Delegates::<T>::contains_key(swap.old) {
            Delegates::<T>::insert(swap.new, Delegates::<T>::take(swap.old));
        }
        if !swap.keep_stake {
            Owner::<T>::remove(swap.old);
            OwnedHotkeys::<T>::mutate(swap.coldkey, |hotkeys| hotkeys.retain(|hotkey| hotkey != swap.old));
        }
        Self::deposit_event(Event::HotkeySwapped { coldkey, old_hotkey, new_hotkey });
    }
}
