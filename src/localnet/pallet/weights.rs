//! Setting weights.

use super::*;
use crate::{
    localnet::runtime::{AccountId, MechId, NetUid},
    yuma,
};
use frame_support::{dispatch::DispatchResult, ensure};
use std::collections::BTreeSet;

impl<T: Config> Pallet<T> {
    /// Sets the weights of `hotkey`.
    ///
    /// # Errors
    /// In this order, after the guards ([`Self::guard`]): `CommitRevealEnabled`, `CanNotSetRootNetworkWeights`,
    /// `WeightVecNotEqualSize`, `MechanismDoesNotExist`, `UidsLengthExceedUidsInSubNet`, `HotKeyNotRegisteredInSubNet`,
    /// `NotEnoughStakeToSetWeights`, `IncorrectWeightVersionKey`, `SettingWeightsTooFast`, `NeuronNoValidatorPermit`,
    /// `DuplicateUids`, `UidVecContainInvalidOne`, `WeightVecLengthIsLow`.
    pub(crate) fn do_set_weights(
        hotkey: &AccountId,
        netuid: NetUid,
        mechanism: MechId,
        uids: Vec<u16>,
        values: &[u16],
        version_key: u64,
    ) -> DispatchResult {
        Self::guard_weights(hotkey, netuid)?;
        ensure!(!CommitRevealWeightsEnabled::<T>::get(netuid), Error::<T>::CommitRevealEnabled);
        ensure!(netuid != NetUid::ROOT, Error::<T>::CanNotSetRootNetworkWeights);
        ensure!(uids.len() == values.len(), Error::<T>::WeightVecNotEqualSize);
        let exists = NetworksAdded::<T>::get(netuid) && mechanism.0 < MechanismCountCurrent::<T>::get(netuid).0;
        ensure!(exists, Error::<T>::MechanismDoesNotExist);
        let size = SubnetworkN::<T>::get(netuid);
        ensure!(uids.len() <= usize::from(size), Error::<T>::UidsLengthExceedUidsInSubNet);
        let uid = Self::uid_of(netuid, hotkey)?;
        Self::check_weights_stake(hotkey, netuid)?;
        let required = WeightsVersionKey::<T>::get(netuid);
        ensure!(required == 0 || version_key >= required, Error::<T>::IncorrectWeightVersionKey);
        Self::check_weights_rate(netuid, uid)?;
        let itself = uids.as_slice() == [uid];
        if !itself {
            Self::check_permit(hotkey, netuid, uid)?;
        }
        ensure!(uids.iter().collect::<BTreeSet<_>>().len() == uids.len(), Error::<T>::DuplicateUids);
        ensure!(uids.iter().all(|target| *target < size), Error::<T>::UidVecContainInvalidOne);
        let least = usize::from(MinAllowedWeights::<T>::get(netuid).min(size));
        ensure!(itself || uids.len() >= least, Error::<T>::WeightVecLengthIsLow);
        // The largest allowed share is one for every subnet, so no row exceeds it.
        Self::store_weights(netuid, uid, uids, values);
        Ok(())
    }

    fn store_weights(netuid: NetUid, uid: u16, uids: Vec<u16>, values: &[u16]) {
        let index = netuid.main_mechanism();
        let row: Vec<(u16, u16)> = uids.into_iter().zip(yuma::stored_weights(values)).collect();
        Weights::<T>::insert(index, uid, row);
        LastUpdate::<T>::mutate(index, |blocks| {
            if let Some(block) = blocks.get_mut(usize::from(uid)) {
                *block = Self::block();
            }
        });
        Self::deposit_event(Event::WeightsSet(index, uid));
    }

    /// The guard of all calls that set weights: stake and rate. A hotkey without uid passes the rate limit here.
    pub(crate) fn guard_weights(hotkey: &AccountId, netuid: NetUid) -> Result<(), Error<T>> {
        Self::check_weights_stake(hotkey, netuid)?;
        match Uids::<T>::get(netuid, hotkey) {
            Some(uid) if !CommitRevealWeightsEnabled::<T>::get(netuid) => Self::check_weights_rate(netuid, uid),
            _ => Ok(()),
        }
    }

    fn check_weights_stake(hotkey: &AccountId, netuid: NetUid) -> Result<(), Error<T>> {
        let enough = Self::stake_weight(hotkey, netuid) >= StakeThreshold::<T>::get();
        ensure!(enough || SubnetOwnerHotkey::<T>::get(netuid) == *hotkey, Error::NotEnoughStakeToSetWeights);
        Ok(())
    }

    fn check_weights_rate(netuid: NetUid, uid: u16) -> Result<(), Error<T>> {
        let last = LastUpdate::<T>::get(netuid.main_mechanism()).get(usize::from(uid)).copied().unwrap_or(0);
        let waited = Self::block().saturating_sub(last);
        ensure!(last == 0 || waited >= WeightsSetRateLimit::<T>::get(netuid), Error::SettingWeightsTooFast);
        Ok(())
    }

    fn check_permit(hotkey: &AccountId, netuid: NetUid, uid: u16) -> Result<(), Error<T>> {
        let permit = ValidatorPermit::<T>::get(netuid).get(usize::from(uid)).copied().unwrap_or(false);
        ensure!(permit || SubnetOwnerHotkey::<T>::get(netuid) == *hotkey, Error::NeuronNoValidatorPermit);
        Ok(())
    }
}
