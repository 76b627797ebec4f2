//! Setting weights: what is checked, and what is stored.

use super::{raw_list::RawList, *};
use crate::{
    localnet::runtime::{AccountId, MechId, NetUid},
    yuma,
};
use codec::Compact;
use frame_support::{dispatch::DispatchResult, ensure};

/// Weights as a validator gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GivenWeights {
    /// Whom.
    pub(crate) uids: Vec<u16>,
    /// How much, in the order of `uids`.
    pub(crate) values: Vec<u16>,
    /// The validator's version.
    pub(crate) version_key: u64,
}

/// Whether no uid is there twice.
fn are_distinct(uids: &[u16]) -> bool {
    let mut seen = [0_u64; 1 << (u16::BITS - u64::BITS.ilog2())];
    uids.iter().all(|uid| {
        let (word, bit) = (usize::from(*uid >> u64::BITS.ilog2()), 1 << (u32::from(*uid) % u64::BITS));
        let Some(word) = seen.get_mut(word) else { return false };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    })
}

impl<T: Config> Pallet<T> {
    /// Sets the weights of `hotkey` at once.
    ///
    /// # Errors
    /// After the guard ([`Self::guard`]) `CommitRevealEnabled`, then those of [`Self::apply_weights`].
    pub(crate) fn do_set_weights(
        hotkey: &AccountId,
        netuid: NetUid,
        mechanism: MechId,
        given: GivenWeights,
    ) -> DispatchResult {
        Self::guard_weights(hotkey, netuid, mechanism)?;
        Self::set_plain_weights(hotkey, netuid, mechanism, given)
    }

    fn set_plain_weights(hotkey: &AccountId, netuid: NetUid, mechanism: MechId, given: GivenWeights) -> DispatchResult {
        ensure!(!CommitRevealWeightsEnabled::<T>::get(netuid), Error::<T>::CommitRevealEnabled);
        Self::apply_weights(hotkey, netuid, mechanism, given)
    }

    /// Sets weights in several subnets. What fails in one is told by an event, and the others go on.
    ///
    /// # Errors
    /// `InputLengthsUnequal`, `NotEnoughStakeToSetWeights` in any of them.
    pub(crate) fn do_batch_set_weights(
        hotkey: &AccountId,
        netuids: Vec<Compact<NetUid>>,
        rows: Vec<Vec<(Compact<u16>, Compact<u16>)>>,
        version_keys: Vec<Compact<u64>>,
    ) -> DispatchResult {
        Self::guard_batch(hotkey, &netuids, &[rows.len(), version_keys.len()])?;
        let mut rows = rows.into_iter().zip(version_keys.into_iter().map(|key| key.0));
        Self::each_of_batch(hotkey, netuids, |netuid| {
            let (row, version_key) = rows.next().unwrap_or_default();
            let (uids, values) = row.into_iter().map(|(uid, value)| (uid.0, value.0)).unzip();
            let given = GivenWeights { uids, values, version_key };
            Self::set_plain_weights(hotkey, netuid, MechId(0), given)
        });
        Ok(())
    }

    /// Does `item` for each subnet and tells how it went.
    pub(crate) fn each_of_batch(
        hotkey: &AccountId,
        netuids: Vec<Compact<NetUid>>,
        mut item: impl FnMut(NetUid) -> DispatchResult,
    ) {
        let mut failed = false;
        for Compact(netuid) in &netuids {
            let Err(error) = item(*netuid) else { continue };
            if !failed {
                Self::deposit_event(Event::BatchCompletedWithErrors());
            }
            failed = true;
            Self::deposit_event(Event::BatchWeightItemFailed(*netuid, error));
        }
        Self::deposit_event(Event::BatchWeightsCompleted(netuids, hotkey.clone()));
    }

    /// Checks weights and stores them, plain ones as well as revealed ones. Nothing is changed when it fails.
    ///
    /// # Errors
    /// In this order: `CanNotSetRootNetworkWeights`, `WeightVecNotEqualSize`, `MechanismDoesNotExist`,
    /// `UidsLengthExceedUidsInSubNet`, `HotKeyNotRegisteredInSubNet`, `NotEnoughStakeToSetWeights`,
    /// `IncorrectWeightVersionKey`, `SettingWeightsTooFast` (only without commit-reveal), `NeuronNoValidatorPermit`,
    /// `DuplicateUids`, `UidVecContainInvalidOne`, `WeightVecLengthIsLow`.
    pub(crate) fn apply_weights(
        hotkey: &AccountId,
        netuid: NetUid,
        mechanism: MechId,
        given: GivenWeights,
    ) -> DispatchResult {
        let GivenWeights { uids, values, version_key } = given;
        ensure!(netuid != NetUid::ROOT, Error::<T>::CanNotSetRootNetworkWeights);
        ensure!(uids.len() == values.len(), Error::<T>::WeightVecNotEqualSize);
        Self::check_mechanism(netuid, mechanism)?;
        let size = SubnetworkN::<T>::get(netuid);
        ensure!(uids.len() <= usize::from(size), Error::<T>::UidsLengthExceedUidsInSubNet);
        let uid = Self::uid_of(netuid, hotkey)?;
        Self::check_weights_stake(hotkey, netuid)?;
        let required = WeightsVersionKey::<T>::get(netuid);
        ensure!(required == 0 || version_key >= required, Error::<T>::IncorrectWeightVersionKey);
        let plain = !CommitRevealWeightsEnabled::<T>::get(netuid);
        ensure!(!plain || Self::may_update(netuid, mechanism, uid), Error::<T>::SettingWeightsTooFast);
        let itself = uids.as_slice() == [uid];
        if !itself {
            Self::check_permit(hotkey, netuid, uid)?;
        }
        ensure!(are_distinct(&uids), Error::<T>::DuplicateUids);
        ensure!(uids.iter().all(|target| *target < size), Error::<T>::UidVecContainInvalidOne);
        let least = usize::from(MinAllowedWeights::<T>::get(netuid).min(size));
        ensure!(itself || uids.len() >= least, Error::<T>::WeightVecLengthIsLow);
        // The largest allowed share is one for every subnet, so no row exceeds it.
        let row: Vec<(u16, u16)> = uids.into_iter().zip(yuma::stored_weights(&values)).collect();
        let index = netuid.mechanism(mechanism);
        Weights::<T>::insert(index, uid, row);
        if plain {
            Self::note_update(netuid, mechanism, uid);
        }
        Self::deposit_event(Event::WeightsSet(index, uid));
        Ok(())
    }

    /// Notes that the neuron set or committed weights in this block.
    pub(crate) fn note_update(netuid: NetUid, mechanism: MechId, uid: u16) {
        LastUpdate::<T>::mutate(netuid.mechanism(mechanism), |blocks| {
            if let Some(block) = blocks.get_mut(usize::from(uid)) {
                *block = Self::block();
            }
        });
    }

    /// The guard of plain weights: stake and rate. A hotkey without uid passes the rate limit here.
    pub(crate) fn guard_weights(hotkey: &AccountId, netuid: NetUid, mechanism: MechId) -> Result<(), Error<T>> {
        Self::check_weights_stake(hotkey, netuid)?;
        match Uids::<T>::get(netuid, hotkey) {
            Some(uid) if !CommitRevealWeightsEnabled::<T>::get(netuid) => {
                ensure!(Self::may_update(netuid, mechanism, uid), Error::SettingWeightsTooFast);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The guard of batches: lists of one length, and stake in every subnet.
    pub(crate) fn guard_batch(
        hotkey: &AccountId,
        netuids: &[Compact<NetUid>],
        lengths: &[usize],
    ) -> Result<(), Error<T>> {
        ensure!(lengths.iter().all(|length| *length == netuids.len()), Error::InputLengthsUnequal);
        netuids.iter().try_for_each(|netuid| Self::check_weights_stake(hotkey, netuid.0))
    }

    /// Stake that weights need; the owner's hotkey is exempt.
    pub(crate) fn check_weights_stake(hotkey: &AccountId, netuid: NetUid) -> Result<(), Error<T>> {
        let enough = Self::weighs_enough(hotkey, netuid);
        ensure!(enough || SubnetOwnerHotkey::<T>::get(netuid) == *hotkey, Error::NotEnoughStakeToSetWeights);
        Ok(())
    }

    /// Is the rate limit since the last weights or commit over?
    pub(crate) fn may_update(netuid: NetUid, mechanism: MechId, uid: u16) -> bool {
        let limit = WeightsSetRateLimit::<T>::get(netuid);
        if limit == 0 {
            return true;
        }
        let last: u64 =
            RawList::at(&LastUpdate::<T>::hashed_key_for(netuid.mechanism(mechanism))).item(uid).unwrap_or(0);
        last == 0 || Self::block().saturating_sub(last) >= limit
    }

    fn check_permit(hotkey: &AccountId, netuid: NetUid, uid: u16) -> Result<(), Error<T>> {
        let permit = RawList::at(&ValidatorPermit::<T>::hashed_key_for(netuid)).item(uid).unwrap_or(false);
        ensure!(permit || SubnetOwnerHotkey::<T>::get(netuid) == *hotkey, Error::NeuronNoValidatorPermit);
        Ok(())
    }
}
