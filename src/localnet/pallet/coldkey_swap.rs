//! A coldkey that takes the place of another: announced by the hash of the new one, done after a delay, frozen in between.

use super::*;
use crate::localnet::runtime::{AccountId, NetUid};
use frame_support::{
    dispatch::DispatchResult,
    ensure,
    traits::{
        fungible::{Inspect, Mutate},
        tokens::{Fortitude, Preservation},
    },
};
use sp_core::H256;

/// Price of a first announcement, in rao; it is recycled.
const COST: u64 = 100_000_000;

impl<T: Config> Pallet<T> {
    fn block_u32() -> u32 {
        u32::try_from(Self::block()).unwrap_or(u32::MAX)
    }

    /// Freezes a coldkey, to be swapped for the one with this hash (blake2-256 of the account's bytes).
    ///
    /// # Errors
    /// `ColdkeySwapReannouncedTooEarly`, `NotEnoughBalanceToPaySwapColdKey`.
    pub(crate) fn do_announce_coldkey_swap(coldkey: &AccountId, hash: H256) -> DispatchResult {
        if let Some((from, _)) = ColdkeySwapAnnouncements::<T>::get(coldkey) {
            let earliest = from.saturating_add(ColdkeySwapReannouncementDelay::<T>::get());
            ensure!(Self::block_u32() >= earliest, Error::<T>::ColdkeySwapReannouncedTooEarly);
        } else {
            ensure!(Self::recycle(coldkey, COST), Error::<T>::NotEnoughBalanceToPaySwapColdKey);
        }
        let from = Self::block_u32().saturating_add(ColdkeySwapAnnouncementDelay::<T>::get());
        ColdkeySwapAnnouncements::<T>::insert(coldkey, (from, hash));
        Self::deposit_event(Event::ColdkeySwapAnnounced { who: coldkey.clone(), new_coldkey_hash: hash });
        Ok(())
    }

    /// Does the announced swap.
    ///
    /// # Errors
    /// In this order: `ColdkeySwapAnnouncementNotFound`, `AnnouncedColdkeyHashDoesNotMatch`, `ColdkeySwapTooEarly`,
    /// `ColdKeyAlreadyAssociated`, `NewColdKeyIsHotkey`.
    pub(crate) fn do_swap_coldkey_announced(old: &AccountId, new: &AccountId) -> DispatchResult {
        let (from, hash) =
            ColdkeySwapAnnouncements::<T>::get(old).ok_or(Error::<T>::ColdkeySwapAnnouncementNotFound)?;
        let announced = H256(sp_io::hashing::blake2_256(new.as_ref()));
        ensure!(announced == hash, Error::<T>::AnnouncedColdkeyHashDoesNotMatch);
        ensure!(Self::block_u32() >= from, Error::<T>::ColdkeySwapTooEarly);
        ColdkeySwapAnnouncements::<T>::remove(old);
        Self::do_swap_coldkey(old, new, 0)
    }

    /// Swaps a coldkey for a price in rao, which is recycled.
    ///
    /// # Errors
    /// `ColdKeyAlreadyAssociated`, `NewColdKeyIsHotkey`, `NotEnoughBalanceToPaySwapColdKey`.
    pub(crate) fn do_swap_coldkey(old: &AccountId, new: &AccountId, cost: u64) -> DispatchResult {
        ensure!(StakingHotkeys::<T>::get(new).is_empty(), Error::<T>::ColdKeyAlreadyAssociated);
        ensure!(!Owner::<T>::contains_key(new), Error::<T>::NewColdKeyIsHotkey);
        ensure!(Self::recycle(old, cost), Error::<T>::NotEnoughBalanceToPaySwapColdKey);
        Self::move_coldkey(old, new)?;
        Self::deposit_event(Event::ColdkeySwapped { old_coldkey: old.clone(), new_coldkey: new.clone() });
        Ok(())
    }

    fn move_coldkey(old: &AccountId, new: &AccountId) -> DispatchResult {
        for netuid in NetworksAdded::<T>::iter_keys().collect::<Vec<_>>() {
            if SubnetOwner::<T>::get(netuid) == *old {
                SubnetOwner::<T>::insert(netuid, new);
            }
            if let Some(hotkey) = AutoStakeDestination::<T>::take(old, netuid) {
                AutoStakeDestination::<T>::insert(new, netuid, &hotkey);
                AutoStakeDestinationColdkeys::<T>::mutate(hotkey, netuid, |coldkeys| {
                    for coldkey in coldkeys.iter_mut().filter(|coldkey| *coldkey == old) {
                        *coldkey = new.clone();
                    }
                });
            }
        }
        if let Some(identity) = IdentitiesV2::<T>::take(old) {
            IdentitiesV2::<T>::insert(new, identity);
        }
        if RootClaimType::<T>::contains_key(old) {
            RootClaimType::<T>::insert(new, RootClaimType::<T>::take(old));
        }
        for hotkey in StakingHotkeys::<T>::take(old) {
            Self::move_stakes(&hotkey, old, new);
        }
        let hotkeys = OwnedHotkeys::<T>::take(old);
        for hotkey in &hotkeys {
            Owner::<T>::insert(hotkey, new);
            Self::note_staking_hotkey(new, hotkey);
        }
        OwnedHotkeys::<T>::insert(new, hotkeys);
        let all = pallet_balances::Pallet::<T>::reducible_balance(old, Preservation::Expendable, Fortitude::Polite);
        if all > 0 {
            pallet_balances::Pallet::<T>::transfer(old, new, all, Preservation::Expendable)?;
        }
        Ok(())
    }

    /// All that `old` holds on a hotkey becomes `new`'s, with what it claimed.
    fn move_stakes(hotkey: &AccountId, old: &AccountId, new: &AccountId) {
        for netuid in AlphaV2::<T>::iter_key_prefix((hotkey, old)).collect::<Vec<NetUid>>() {
            AlphaV2::<T>::insert((hotkey, new, netuid), AlphaV2::<T>::take((hotkey, old, netuid)));
        }
        for netuid in RootClaimable::<T>::get(hotkey).into_keys() {
            RootClaimed::<T>::insert((netuid, hotkey, new), RootClaimed::<T>::take((netuid, hotkey, old)));
        }
        Self::note_staking_hotkey(new, hotkey);
    }

    /// Freezes a coldkey for good, until root decides: its owner says that it did not announce the swap.
    ///
    /// # Errors
    /// `ColdkeySwapAnnouncementNotFound`, `ColdkeySwapAlreadyDisputed`.
    pub(crate) fn do_dispute_coldkey_swap(coldkey: &AccountId) -> DispatchResult {
        let announced = ColdkeySwapAnnouncements::<T>::contains_key(coldkey);
        ensure!(announced, Error::<T>::ColdkeySwapAnnouncementNotFound);
        ensure!(!ColdkeySwapDisputes::<T>::contains_key(coldkey), Error::<T>::ColdkeySwapAlreadyDisputed);
        ColdkeySwapDisputes::<T>::insert(coldkey, Self::block_u32());
        Self::deposit_event(Event::ColdkeySwapDisputed { coldkey: coldkey.clone() });
        Ok(())
    }

    /// Takes an announcement back.
    ///
    /// # Errors
    /// `ColdkeySwapAnnouncementNotFound`, `ColdkeySwapClearTooEarly`.
    pub(crate) fn do_clear_coldkey_swap(coldkey: &AccountId) -> DispatchResult {
        let (from, _) =
            ColdkeySwapAnnouncements::<T>::get(coldkey).ok_or(Error::<T>::ColdkeySwapAnnouncementNotFound)?;
        let earliest = from.saturating_add(ColdkeySwapReannouncementDelay::<T>::get());
        ensure!(Self::block_u32() >= earliest, Error::<T>::ColdkeySwapClearTooEarly);
        ColdkeySwapAnnouncements::<T>::remove(coldkey);
        Self::deposit_event(Event::ColdkeySwapCleared { who: coldkey.clone() });
        Ok(())
    }

    /// Root ends a dispute: the coldkey is as free as before the announcement.
    pub(crate) fn do_reset_coldkey_swap(coldkey: &AccountId) {
        ColdkeySwapAnnouncements::<T>::remove(coldkey);
        ColdkeySwapDisputes::<T>::remove(coldkey);
        Self::deposit_event(Event::ColdkeySwapReset { who: coldkey.clone() });
    }

    /// What an account with an announced swap may still do.
    ///
    /// # Errors
    /// `ColdkeySwapAnnounced`, `ColdkeySwapDisputed`.
    pub fn check_not_frozen(who: &AccountId) -> Result<(), Error<T>> {
        ensure!(!ColdkeySwapDisputes::<T>::contains_key(who), Error::ColdkeySwapDisputed);
        ensure!(!ColdkeySwapAnnouncements::<T>::contains_key(who), Error::ColdkeySwapAnnounced);
        Ok(())
    }
}
