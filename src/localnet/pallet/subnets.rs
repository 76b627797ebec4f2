//! Creation of subnets.

use super::*;
use crate::localnet::runtime::{AccountId, NetUid};
use frame_support::PalletId;
use sp_runtime::traits::AccountIdConversion;

impl<T: Config> Pallet<T> {
    /// The block being executed, as the pallet stores it.
    #[must_use]
    pub fn block() -> u64 {
        use sp_runtime::SaturatedConversion;
        frame_system::Pallet::<T>::block_number().saturated_into()
    }

    /// The account that holds a subnet's TAO; nobody has its key.
    #[must_use]
    pub fn subnet_account(netuid: NetUid) -> AccountId {
        PalletId(*b"subtensr").into_sub_account_truncating(netuid)
    }

    /// Makes the root network, of which only stake is used.
    pub fn create_root() {
        NetworksAdded::<T>::insert(NetUid::ROOT, true);
        TotalNetworks::<T>::mutate(|count| *count = count.saturating_add(1));
        MaxAllowedUids::<T>::insert(NetUid::ROOT, 64);
        MaxAllowedValidators::<T>::insert(NetUid::ROOT, 64);
        Tempo::<T>::insert(NetUid::ROOT, 100);
        SubtokenEnabled::<T>::insert(NetUid::ROOT, true);
        TokenSymbol::<T>::insert(NetUid::ROOT, "Τ".as_bytes());
    }

    /// Makes a subnet with the settings of a freshly registered one, its owner's hotkey at uid 0, and a pool of `tao` and
    /// `alpha` (rao). It has to be started before anybody can stake.
    pub fn create_subnet(netuid: NetUid, owner: &AccountId, hotkey: &AccountId, tao: u64, alpha: u64, locked: u64) {
        let now = Self::block();
        NetworksAdded::<T>::insert(netuid, true);
        TotalNetworks::<T>::mutate(|count| *count = count.saturating_add(1));
        NetworkRegisteredAt::<T>::insert(netuid, now);
        SubnetOwner::<T>::insert(netuid, owner);
        SubnetOwnerHotkey::<T>::insert(netuid, hotkey);
        SubnetLocked::<T>::insert(netuid, locked);
        SubnetMechanism::<T>::insert(netuid, 1);
        SubnetTAO::<T>::insert(netuid, tao);
        SubnetAlphaIn::<T>::insert(netuid, alpha);
        Self::explicit_settings(netuid, now);
    }

    fn explicit_settings(netuid: NetUid, now: u64) {
        Tempo::<T>::insert(netuid, 360);
        ImmunityPeriod::<T>::insert(netuid, 5000);
        MinAllowedWeights::<T>::insert(netuid, 1);
        MaxAllowedUids::<T>::insert(netuid, 256);
        MaxAllowedValidators::<T>::insert(netuid, 64);
        Yuma3On::<T>::insert(netuid, true);
        Burn::<T>::insert(netuid, 1_000_000_000);
        SubnetEmissionEnabled::<T>::insert(netuid, false);
        LastEpochBlock::<T>::insert(netuid, now.saturating_sub(u64::from(netuid.0 % 360)));
    }

    /// Lets a subnet emit and its stake move, from block `first` on.
    pub fn start_subnet(netuid: NetUid, first: u64) {
        FirstEmissionBlockNumber::<T>::insert(netuid, first);
        SubtokenEnabled::<T>::insert(netuid, true);
    }
}
