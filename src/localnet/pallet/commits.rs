//! Hashed commits: weights whose hash is published now, and which are revealed in the epoch `RevealPeriodEpochs` later, and
//! in no other.

use super::{weights::GivenWeights, *};
use crate::localnet::runtime::{AccountId, MechId, NetUid, NetUidStorageIndex};
use codec::{Compact, Encode};
use frame_support::{dispatch::DispatchResult, ensure};
use sp_core::H256;
use sp_io::hashing::blake2_256;
use std::collections::VecDeque;

/// Most commits of a hotkey that wait to be revealed, in one mechanism; sealed ones, in one epoch.
pub(crate) const MAX_UNREVEALED: usize = 10;

/// Hash, epoch and block of the commit, and a zero where older runtimes had the last block for the reveal.
type Queue = VecDeque<(H256, u64, u64, u64)>;

impl<T: Config> Pallet<T> {
    /// What is committed: the hash of hotkey, storage index, uids, values as given, salt and version key in SCALE.
    #[must_use]
    pub fn commit_hash(
        hotkey: &AccountId,
        index: NetUidStorageIndex,
        uids: &[u16],
        values: &[u16],
        salt: &[u16],
        version_key: u64,
    ) -> H256 {
        H256(blake2_256(&(hotkey, index, uids, values, salt, version_key).encode()))
    }

    /// The hashes of a batch.
    ///
    /// # Errors
    /// `InputLengthsUnequal`.
    pub(crate) fn batch_hashes(
        hotkey: &AccountId,
        netuid: NetUid,
        uids: &[Vec<u16>],
        values: &[Vec<u16>],
        salts: &[Vec<u16>],
        version_keys: &[u64],
    ) -> Result<Vec<H256>, Error<T>> {
        let equal = [values.len(), salts.len(), version_keys.len()].iter().all(|length| *length == uids.len());
        ensure!(equal, Error::InputLengthsUnequal);
        let rows = uids.iter().zip(values).zip(salts.iter().zip(version_keys));
        let index = netuid.main_mechanism();
        Ok(rows
            .map(|((uids, values), (salt, key))| Self::commit_hash(hotkey, index, uids, values, salt, *key))
            .collect())
    }

    /// The epoch that commits made now belong to: one that is due in this block has begun.
    #[must_use]
    pub fn commit_epoch(netuid: NetUid) -> u64 {
        SubnetEpochIndex::<T>::get(netuid).saturating_add(u64::from(Self::epoch_is_due(netuid)))
    }

    fn reveal_epoch(netuid: NetUid, committed: u64) -> u64 {
        committed.saturating_add(RevealPeriodEpochs::<T>::get(netuid))
    }

    pub(crate) fn is_expired(netuid: NetUid, committed: u64) -> bool {
        Self::commit_epoch(netuid) > Self::reveal_epoch(netuid, committed)
    }

    /// The guard of commits: stake and rate. A hotkey without uid passes the rate limit here.
    pub(crate) fn guard_commit(hotkey: &AccountId, netuid: NetUid, mechanism: MechId) -> Result<(), Error<T>> {
        Self::check_weights_stake(hotkey, netuid)?;
        let in_time = Uids::<T>::get(netuid, hotkey).is_none_or(|uid| Self::may_update(netuid, mechanism, uid));
        ensure!(in_time, Error::CommittingWeightsTooFast);
        Ok(())
    }

    /// The guard of reveals: stake, and commits whose epoch has come.
    pub(crate) fn guard_reveal(
        hotkey: &AccountId,
        netuid: NetUid,
        index: NetUidStorageIndex,
        hashes: &[H256],
    ) -> Result<(), Error<T>> {
        Self::check_weights_stake(hotkey, netuid)?;
        let queue = WeightCommits::<T>::get(index, hotkey).unwrap_or_default();
        for hash in hashes {
            let found = queue.iter().find(|(other, ..)| other == hash);
            let (_, epoch, ..) = found.ok_or(Error::NoWeightsCommitFound)?;
            ensure!(Self::commit_epoch(netuid) == Self::reveal_epoch(netuid, *epoch), Error::RevealTooEarly);
        }
        Ok(())
    }

    /// Commits the hash of weights.
    ///
    /// # Errors
    /// In this order: `MechanismDoesNotExist`, `CommitRevealDisabled`, `HotKeyNotRegisteredInSubNet`,
    /// `CommittingWeightsTooFast`, `TooManyUnrevealedCommits`.
    pub(crate) fn do_commit_weights(
        hotkey: &AccountId,
        netuid: NetUid,
        mechanism: MechId,
        hash: H256,
    ) -> DispatchResult {
        let uid = Self::check_committer(hotkey, netuid, mechanism, Ok(()))?;
        let index = netuid.mechanism(mechanism);
        let (mut queue, _) = Self::unexpired(netuid, WeightCommits::<T>::get(index, hotkey).unwrap_or_default());
        ensure!(queue.len() < MAX_UNREVEALED, Error::<T>::TooManyUnrevealedCommits);
        queue.push_back((hash, Self::commit_epoch(netuid), Self::block(), 0));
        WeightCommits::<T>::insert(index, hotkey, queue);
        Self::note_update(netuid, mechanism, uid);
        Self::deposit_event(Event::WeightsCommitted(hotkey.clone(), index, hash));
        Ok(())
    }

    /// The uid of somebody who may commit now. `version` is what a sealed commit has to pass in between.
    pub(crate) fn check_committer(
        hotkey: &AccountId,
        netuid: NetUid,
        mechanism: MechId,
        version: Result<(), Error<T>>,
    ) -> Result<u16, Error<T>> {
        Self::check_mechanism(netuid, mechanism)?;
        ensure!(CommitRevealWeightsEnabled::<T>::get(netuid), Error::CommitRevealDisabled);
        version?;
        let uid = Self::uid_of(netuid, hotkey)?;
        ensure!(Self::may_update(netuid, mechanism, uid), Error::CommittingWeightsTooFast);
        Ok(uid)
    }

    /// Commits in several subnets. What fails in one is told by an event, and the others go on.
    ///
    /// # Errors
    /// `InputLengthsUnequal`, `NotEnoughStakeToSetWeights` in any of them.
    pub(crate) fn do_batch_commit_weights(
        hotkey: &AccountId,
        netuids: Vec<Compact<NetUid>>,
        hashes: Vec<H256>,
    ) -> DispatchResult {
        Self::guard_batch(hotkey, &netuids, &[hashes.len()])?;
        let mut hashes = hashes.into_iter();
        Self::each_of_batch(hotkey, netuids, |netuid| {
            Self::do_commit_weights(hotkey, netuid, MechId(0), hashes.next().unwrap_or_default())
        });
        Ok(())
    }

    /// What the calls do: the guard, then [`Self::do_reveal_weights`]. So their errors for a commit that is not there or not
    /// due are the guard's.
    pub(crate) fn reveal_guarded(
        hotkey: &AccountId,
        netuid: NetUid,
        mechanism: MechId,
        given: GivenWeights,
        salt: &[u16],
    ) -> DispatchResult {
        let index = netuid.mechanism(mechanism);
        let hash = Self::commit_hash(hotkey, index, &given.uids, &given.values, salt, given.version_key);
        Self::guard_reveal(hotkey, netuid, index, &[hash])?;
        Self::do_reveal_weights(hotkey, netuid, mechanism, given, hash)
    }

    /// Reveals committed weights, whose [`Self::commit_hash`] is `hash`, and sets them; commits before it are given up.
    ///
    /// # Errors
    /// In this order: `CommitRevealDisabled`, `NoWeightsCommitFound`, `ExpiredWeightCommit`,
    /// `InvalidRevealCommitHashNotMatch`, `RevealTooEarly`, and those of [`Self::apply_weights`].
    pub(crate) fn do_reveal_weights(
        hotkey: &AccountId,
        netuid: NetUid,
        mechanism: MechId,
        given: GivenWeights,
        hash: H256,
    ) -> DispatchResult {
        let index = netuid.mechanism(mechanism);
        let mut queue = Self::revealable(hotkey, netuid, index)?;
        let place = queue.place_of::<T>(netuid, hash)?;
        Self::apply_weights(hotkey, netuid, mechanism, given)?;
        queue.give_up_to::<T>(hotkey, index, place);
        Self::deposit_event(Event::WeightsRevealed(hotkey.clone(), index, hash));
        Ok(())
    }

    /// Reveals several commits of the main mechanism; the last of them counts. All or none.
    ///
    /// # Errors
    /// As [`Self::do_reveal_weights`] for any of them, and `InputLengthsUnequal`.
    pub(crate) fn do_batch_reveal_weights(
        hotkey: &AccountId,
        netuid: NetUid,
        given: Vec<GivenWeights>,
        hashes: Vec<H256>,
    ) -> DispatchResult {
        let index = netuid.main_mechanism();
        let mut queue = Self::revealable(hotkey, netuid, index)?;
        let places: Result<Vec<usize>, Error<T>> =
            hashes.iter().map(|hash| queue.place_of::<T>(netuid, *hash)).collect();
        let last = places?.into_iter().max();
        for weights in given {
            Self::apply_weights(hotkey, netuid, MechId(0), weights)?;
        }
        if let Some(place) = last {
            queue.give_up_to::<T>(hotkey, index, place);
        }
        Self::deposit_event(Event::WeightsBatchRevealed(hotkey.clone(), netuid, hashes));
        Ok(())
    }

    fn revealable(hotkey: &AccountId, netuid: NetUid, index: NetUidStorageIndex) -> Result<Revealable, Error<T>> {
        ensure!(CommitRevealWeightsEnabled::<T>::get(netuid), Error::CommitRevealDisabled);
        let queue = WeightCommits::<T>::get(index, hotkey).ok_or(Error::NoWeightsCommitFound)?;
        let (waiting, expired) = Self::unexpired(netuid, queue);
        Ok(Revealable { waiting, expired })
    }

    /// The queue without what has expired, and the hashes of that.
    fn unexpired(netuid: NetUid, mut queue: Queue) -> (Queue, Vec<H256>) {
        let mut expired = Vec::new();
        while let Some((hash, epoch, ..)) = queue.front()
            && Self::is_expired(netuid, *epoch)
        {
            expired.push(*hash);
            queue.pop_front();
        }
        (queue, expired)
    }

    /// The block of the oldest commit of each hotkey that is neither revealed nor expired.
    pub(crate) fn oldest_commits(netuid: NetUid, index: NetUidStorageIndex) -> Vec<(AccountId, u64)> {
        let hashed = WeightCommits::<T>::iter_prefix(index).flat_map(|(hotkey, queue)| {
            queue.into_iter().map(move |(_, epoch, block, _)| (hotkey.clone(), epoch, block))
        });
        let sealed = TimelockedWeightCommits::<T>::iter_prefix(index)
            .flat_map(|(epoch, queue)| queue.into_iter().map(move |(hotkey, block, ..)| (hotkey, epoch, block)));
        let mut oldest: Vec<(AccountId, u64)> = hashed
            .chain(sealed)
            .filter(|(_, epoch, _)| !Self::is_expired(netuid, *epoch))
            .map(|(hotkey, _, block)| (hotkey, block))
            .collect();
        oldest.sort();
        oldest.dedup_by(|later, earlier| later.0 == earlier.0);
        oldest
    }
}

/// What a hotkey can still reveal, and what it no longer can.
struct Revealable {
    waiting: Queue,
    expired: Vec<H256>,
}

impl Revealable {
    /// Where the commit stands in the queue.
    fn place_of<T: Config>(&self, netuid: NetUid, hash: H256) -> Result<usize, Error<T>> {
        let Some(place) = self.waiting.iter().position(|(other, ..)| *other == hash) else {
            return Err(match (self.expired.contains(&hash), self.waiting.is_empty()) {
                (true, _) => Error::ExpiredWeightCommit,
                (false, true) => Error::NoWeightsCommitFound,
                (false, false) => Error::InvalidRevealCommitHashNotMatch,
            });
        };
        let epoch = self.waiting.get(place).map(|(_, epoch, ..)| *epoch).unwrap_or_default();
        let now = Pallet::<T>::commit_epoch(netuid);
        ensure!(now == Pallet::<T>::reveal_epoch(netuid, epoch), Error::RevealTooEarly);
        Ok(place)
    }

    /// Removes the commits up to and including this one.
    fn give_up_to<T: Config>(&mut self, hotkey: &AccountId, index: NetUidStorageIndex, place: usize) {
        let left = self.waiting.split_off(self.waiting.len().min(place.saturating_add(1)));
        if left.is_empty() {
            WeightCommits::<T>::remove(index, hotkey);
        } else {
            WeightCommits::<T>::insert(index, hotkey, left);
        }
    }
}
