//! Time-locked commits: weights sealed for a round of the beacon, which the chain opens and sets itself.

use super::{commits::MAX_UNREVEALED, weights::GivenWeights, *};
use crate::{
    localnet::{
        drand,
        runtime::{AccountId, MechId, NetUid, NetUidStorageIndex},
    },
    timelock::{self, Signature},
};
use codec::Encode;
use frame_support::{dispatch::DispatchResult, ensure};
use sp_core::H256;
use sp_io::hashing::blake2_256;
use std::collections::VecDeque;

impl<T: Config> Pallet<T> {
    /// The guard of sealed commits: stake, and a round that is not over.
    pub(crate) fn guard_timelocked(hotkey: &AccountId, netuid: NetUid, round: u64) -> Result<(), Error<T>> {
        Self::check_weights_stake(hotkey, netuid)?;
        ensure!(round >= drand::LastStoredRound::<T>::get(), Error::InvalidRevealRound);
        Ok(())
    }

    /// Keeps sealed weights until their round.
    ///
    /// # Errors
    /// After the guard, in this order: `MechanismDoesNotExist`, `CommitRevealDisabled`, `IncorrectCommitRevealVersion`,
    /// `HotKeyNotRegisteredInSubNet`, `CommittingWeightsTooFast`, `TooManyUnrevealedCommits`.
    pub(crate) fn do_commit_timelocked(
        hotkey: &AccountId,
        netuid: NetUid,
        mechanism: MechId,
        sealed: SealedWeights,
        round: u64,
        version: u16,
    ) -> DispatchResult {
        Self::guard_timelocked(hotkey, netuid, round)?;
        let known = version == CommitRevealWeightsVersion::<T>::get();
        let version = if known { Ok(()) } else { Err(Error::IncorrectCommitRevealVersion) };
        let uid = Self::check_committer(hotkey, netuid, mechanism, version)?;
        let (index, epoch) = (netuid.mechanism(mechanism), Self::commit_epoch(netuid));
        let mut queue = TimelockedWeightCommits::<T>::get(index, epoch);
        let own = queue.iter().filter(|(other, ..)| other == hotkey).count();
        ensure!(own < MAX_UNREVEALED, Error::<T>::TooManyUnrevealedCommits);
        let hash = H256(blake2_256(&sealed));
        queue.push_back((hotkey.clone(), Self::block(), sealed, round));
        TimelockedWeightCommits::<T>::insert(index, epoch, queue);
        Self::note_update(netuid, mechanism, uid);
        Self::deposit_event(Event::TimelockedWeightsCommitted(hotkey.clone(), index, hash, round));
        Ok(())
    }

    /// Opens and sets what was committed `RevealPeriodEpochs` ago and whose round is stored. What waits for its round is
    /// tried again in every block of this epoch; what was not opened in it is thrown away.
    pub(crate) fn reveal_timelocked() {
        let holds = |index| TimelockedWeightCommits::<T>::iter_key_prefix(index).next().is_some();
        let subnets = NetworksAdded::<T>::iter_keys().filter(|netuid| *netuid != NetUid::ROOT);
        let queues: Vec<(NetUid, MechId)> = subnets
            .flat_map(|netuid| Self::mechanisms(netuid).map(move |mechanism| (netuid, mechanism)))
            .filter(|(netuid, mechanism)| holds(netuid.mechanism(*mechanism)))
            .collect();
        if queues.is_empty() {
            return;
        }
        let deferred = Self::deferred_subnets();
        for (netuid, mechanism) in queues.into_iter().filter(|(netuid, _)| !deferred.contains(netuid)) {
            Self::reveal_queue(netuid, mechanism);
        }
    }

    fn reveal_queue(netuid: NetUid, mechanism: MechId) {
        let index = netuid.mechanism(mechanism);
        let epochs: Vec<u64> = TimelockedWeightCommits::<T>::iter_key_prefix(index).collect();
        let (now, period) = (Self::commit_epoch(netuid), RevealPeriodEpochs::<T>::get(netuid));
        let Some(due) = now.checked_sub(period) else { return };
        for epoch in epochs.into_iter().filter(|epoch| *epoch < due) {
            TimelockedWeightCommits::<T>::remove(index, epoch);
            tracing::debug!(target: "neuron::localnet", index = index.0, epoch, "sealed weights expired");
        }
        let mut waiting = VecDeque::new();
        for commit in TimelockedWeightCommits::<T>::take(index, due) {
            let Some(pulse) = drand::Pulses::<T>::get(commit.3) else {
                waiting.push_back(commit);
                continue;
            };
            let (hotkey, _, sealed, round) = commit;
            match Self::open_and_set(netuid, mechanism, &hotkey, &sealed, &pulse.signature) {
                Ok(()) => Self::deposit_event(Event::TimelockedWeightsRevealed(index, hotkey)),
                // The real chain says nothing either: whoever committed has to look.
                Err(reason) => tracing::debug!(
                    target: "neuron::localnet", index = index.0, %hotkey, round, %reason, "sealed weights were thrown away"
                ),
            }
        }
        if !waiting.is_empty() {
            TimelockedWeightCommits::<T>::insert(index, due, waiting);
        }
    }

    fn open_and_set(
        netuid: NetUid,
        mechanism: MechId,
        hotkey: &AccountId,
        sealed: &[u8],
        signature: &[u8],
    ) -> Result<(), String> {
        let signature = Signature::from_bytes(signature).map_err(|error| error.to_string())?;
        let payload = timelock::open(sealed, &signature).map_err(|error| error.to_string())?;
        if payload.hotkey.is_some_and(|named| named.0.encode() != hotkey.encode()) {
            return Err("they name another hotkey".into());
        }
        let timelock::Payload { uids, values, version_key, .. } = payload;
        Self::apply_weights(hotkey, netuid, mechanism, GivenWeights { uids, values, version_key })
            .map_err(|error| format!("{error:?}"))
    }

    /// Throws away all commits of a mechanism that is no more.
    pub(crate) fn forget_commits(index: NetUidStorageIndex) {
        drop(WeightCommits::<T>::clear_prefix(index, u32::MAX, None));
        drop(TimelockedWeightCommits::<T>::clear_prefix(index, u32::MAX, None));
    }
}
