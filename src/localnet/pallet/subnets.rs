//! Creation and start of subnets.

use super::*;
use crate::localnet::runtime::{AccountId, NetUid};
use frame_support::{
    PalletId,
    dispatch::DispatchResult,
    ensure,
    traits::{fungible::Inspect, fungible::Mutate, tokens::Preservation},
};
use sp_runtime::{DispatchError, SaturatedConversion, traits::AccountIdConversion};

impl<T: Config> Pallet<T> {
    /// The block being executed, as the pallet stores it.
    #[must_use]
    pub fn block() -> u64 {
        frame_system::Pallet::<T>::block_number().saturated_into()
    }

    /// The account that holds a subnet's TAO; nobody has its key.
    #[must_use]
    pub fn subnet_account(netuid: NetUid) -> AccountId {
        PalletId(*b"subtensr").into_sub_account_truncating(netuid)
    }

    /// Makes the root network: stake and members, no weights and no epochs.
    pub fn create_root() {
        NetworksAdded::<T>::insert(NetUid::ROOT, true);
        TotalNetworks::<T>::mutate(|count| *count = count.saturating_add(1));
        MaxAllowedUids::<T>::insert(NetUid::ROOT, 64);
        MaxAllowedValidators::<T>::insert(NetUid::ROOT, 64);
        Tempo::<T>::insert(NetUid::ROOT, 100);
        TargetRegistrationsPerInterval::<T>::insert(NetUid::ROOT, 1);
        SubtokenEnabled::<T>::insert(NetUid::ROOT, true);
        TokenSymbol::<T>::insert(NetUid::ROOT, "Τ".as_bytes());
    }

    /// Makes a subnet with the settings of a freshly registered one, its owner's hotkey at uid 0, and a pool of `tao` rao,
    /// which are already on the subnet's account, and `alpha`. It has to be started before anybody can stake.
    ///
    /// # Errors
    /// `NonAssociatedColdKey` when the hotkey belongs to somebody else.
    pub fn create_subnet(
        netuid: NetUid,
        owner: &AccountId,
        hotkey: &AccountId,
        tao: u64,
        alpha: u64,
    ) -> Result<(), Error<T>> {
        Self::associate(owner, hotkey)?;
        NetworksAdded::<T>::insert(netuid, true);
        TotalNetworks::<T>::mutate(|count| *count = count.saturating_add(1));
        NetworkRegisteredAt::<T>::insert(netuid, Self::block());
        SubnetOwner::<T>::insert(netuid, owner);
        SubnetOwnerHotkey::<T>::insert(netuid, hotkey);
        SubnetLocked::<T>::insert(netuid, tao);
        SubnetMechanism::<T>::insert(netuid, 1);
        SubnetTAO::<T>::insert(netuid, tao);
        SubnetAlphaIn::<T>::insert(netuid, alpha);
        TotalStake::<T>::mutate(|sum| *sum = sum.saturating_add(tao));
        Self::settings_of_new_subnet(netuid);
        Self::add_neuron(netuid, hotkey)?;
        Ok(())
    }

    fn settings_of_new_subnet(netuid: NetUid) {
        const TEMPO: u16 = 360;
        Tempo::<T>::insert(netuid, TEMPO);
        ImmunityPeriod::<T>::insert(netuid, 5000);
        MinAllowedWeights::<T>::insert(netuid, 1);
        MaxAllowedUids::<T>::insert(netuid, 256);
        MaxAllowedValidators::<T>::insert(netuid, 64);
        Yuma3On::<T>::insert(netuid, true);
        Burn::<T>::insert(netuid, 1_000_000_000);
        SubnetEmissionEnabled::<T>::insert(netuid, false);
        TokenSymbol::<T>::insert(netuid, symbol_of(netuid).to_string().into_bytes());
        // Subnets of different numbers have their epochs in different blocks.
        LastEpochBlock::<T>::insert(netuid, Self::block().saturating_sub(u64::from(netuid.0 % TEMPO)));
    }

    /// Lets a subnet emit from block `first` on, and its stake move.
    pub fn start_subnet(netuid: NetUid, first: u64) {
        FirstEmissionBlockNumber::<T>::insert(netuid, first);
        SubtokenEnabled::<T>::insert(netuid, true);
    }

    /// Registers a subnet for `coldkey`, which pays the lock cost; the lock becomes the pool's TAO.
    ///
    /// # Errors
    /// In this order: `NetworkTxRateLimitExceeded`, `NonAssociatedColdKey`, `SubnetLimitReached` (no subnet is pruned
    /// here), `CannotAffordLockCost`.
    pub(crate) fn do_register_network(coldkey: &AccountId, hotkey: &AccountId) -> Result<NetUid, DispatchError> {
        Self::check_network_rate()?;
        let foreign = Owner::<T>::contains_key(hotkey) && Owner::<T>::get(hotkey) != *coldkey;
        ensure!(!foreign, Error::<T>::NonAssociatedColdKey);
        // Root is not counted among the subnets.
        ensure!(TotalNetworks::<T>::get() <= SubnetLimit::<T>::get(), Error::<T>::SubnetLimitReached);
        let netuid = (1..=u16::MAX)
            .map(NetUid)
            .find(|netuid| !NetworksAdded::<T>::get(netuid))
            .ok_or(Error::<T>::SubnetLimitReached)?;
        let cost = Self::lock_cost();
        ensure!(pallet_balances::Pallet::<T>::balance(coldkey) >= cost, Error::<T>::CannotAffordLockCost);
        let account = Self::subnet_account(netuid);
        pallet_balances::Pallet::<T>::transfer(coldkey, &account, cost, Preservation::Preserve)
            .map_err(|_| Error::<T>::CannotAffordLockCost)?;
        Self::create_subnet(netuid, coldkey, hotkey, cost, cost)?;
        NetworkLastLockCost::<T>::put(cost);
        LastRateLimitedBlock::<T>::insert(RateLimitKey::NetworkLastRegistered, Self::block());
        Self::deposit_event(Event::NetworkAdded(netuid, 1));
        Ok(netuid)
    }

    /// The guard of subnet creation.
    pub(crate) fn check_network_rate() -> Result<(), Error<T>> {
        let last = LastRateLimitedBlock::<T>::get(RateLimitKey::NetworkLastRegistered);
        let waited = Self::block().saturating_sub(last);
        ensure!(last == 0 || waited >= NetworkRateLimit::<T>::get(), Error::NetworkTxRateLimitExceeded);
        Ok(())
    }

    /// What a subnet costs now, in rao: twice what the last one cost, falling by that over the reduction interval.
    #[must_use]
    pub fn lock_cost() -> u64 {
        let (last, least) = (NetworkLastLockCost::<T>::get(), NetworkMinLockCost::<T>::get());
        let last_block = LastRateLimitedBlock::<T>::get(RateLimitKey::NetworkLastRegistered);
        let factor = if last_block == 0 { 1 } else { 2 };
        let per_block = last.checked_div(NetworkLockReductionInterval::<T>::get()).unwrap_or(0);
        let waited = Self::block().saturating_sub(last_block);
        last.saturating_mul(factor).saturating_sub(per_block.saturating_mul(waited)).max(least)
    }

    /// The owner starts its subnet.
    ///
    /// # Errors
    /// In this order: `SubnetNotExists`, `BadOrigin` for others than the owner, `FirstEmissionBlockNumberAlreadySet`,
    /// `NeedWaitingMoreBlocksToStarCall`.
    pub(crate) fn do_start_call(coldkey: &AccountId, netuid: NetUid) -> DispatchResult {
        ensure!(NetworksAdded::<T>::get(netuid), Error::<T>::SubnetNotExists);
        ensure!(SubnetOwner::<T>::get(netuid) == *coldkey, DispatchError::BadOrigin);
        let started = FirstEmissionBlockNumber::<T>::get(netuid).is_some();
        ensure!(!started, Error::<T>::FirstEmissionBlockNumberAlreadySet);
        let earliest = NetworkRegisteredAt::<T>::get(netuid).saturating_add(StartCallDelay::<T>::get());
        ensure!(Self::block() >= earliest, Error::<T>::NeedWaitingMoreBlocksToStarCall);
        let first = Self::block().saturating_add(1);
        Self::start_subnet(netuid, first);
        Self::deposit_event(Event::FirstEmissionBlockNumberSet(netuid, first));
        Ok(())
    }
}

/// Greek letters in turn.
fn symbol_of(netuid: NetUid) -> char {
    char::from_u32(u32::from('α') + u32::from(netuid.0.wrapping_sub(1) % 17)).unwrap_or('α')
}
