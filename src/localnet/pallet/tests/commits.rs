use super::*;
use crate::localnet::pallet::weights::GivenWeights;
use crate::localnet::runtime::{MechId, NetUidStorageIndex};
use codec::Compact;
use frame_support::{assert_noop, assert_ok};
use sp_core::H256;
use sp_runtime::{DispatchError, DispatchResult};

const SALT: [u16; 3] = [7, 8, 9];

fn given(miner: u16, value: u16) -> GivenWeights {
    GivenWeights { uids: vec![miner, 0], values: vec![value, 1], version_key: 0 }
}

fn hash(who: &str, index: NetUidStorageIndex, miner: u16, value: u16) -> H256 {
    Module::commit_hash(&account(who), index, &[miner, 0], &[value, 1], &SALT, 0)
}

fn commit(who: &str, miner: u16, value: u16) -> DispatchResult {
    Module::commit_weights(signed(who), EVENTS, hash(who, EVENTS.main_mechanism(), miner, value))
}

fn reveal(who: &str, miner: u16, value: u16) -> DispatchResult {
    Module::reveal_weights(signed(who), EVENTS, vec![miner, 0], vec![value, 1], SALT.to_vec(), 0)
}

/// What a reveal says behind the guard.
fn bare_reveal(who: &str, miner: u16, value: u16) -> DispatchResult {
    let hash = hash(who, EVENTS.main_mechanism(), miner, value);
    Module::do_reveal_weights(&account(who), EVENTS, MechId(0), given(miner, value), hash)
}

fn row(uid: u16) -> Vec<(u16, u16)> {
    Weights::<Runtime>::get(EVENTS.main_mechanism(), uid)
}

fn waiting(who: &str) -> usize {
    WeightCommits::<Runtime>::get(EVENTS.main_mechanism(), account(who)).map_or(0, |queue| queue.len())
}

#[test]
fn the_hash_is_that_of_the_clients() {
    let hash =
        Module::commit_hash(&AccountId::new([1; 32]), NetUidStorageIndex(1), &[0, 1], &[65_535, 1], &[1, 2, 3], 0);
    assert_eq!(format!("{hash:?}"), "0xdc69aa8ece2e5a5684c3ff3500fd48b27e32c320b8f72dcf59a7799785793ae8");
}

#[test]
fn what_was_committed_is_set_when_it_is_revealed() {
    with_committer(|validator, miner| {
        assert_ok!(commit("validator", miner, 2));
        let index = EVENTS.main_mechanism();
        let committed = hash("validator", index, miner, 2);
        let at = Module::block();
        assert!(happened(Event::WeightsCommitted(account("validator"), index, committed)));
        assert_eq!(LastUpdate::<Runtime>::get(index)[usize::from(validator)], at);
        let epoch = SubnetEpochIndex::<Runtime>::get(EVENTS);
        let queue = WeightCommits::<Runtime>::get(index, account("validator")).unwrap();
        assert_eq!(queue, [(committed, epoch, at, 0)]);
        next_epoch();
        assert!(row(validator).is_empty());
        assert_ok!(reveal("validator", miner, 2));
        assert_eq!(row(validator), [(miner, 65_535), (0, 32_768)]);
        assert!(happened(Event::WeightsRevealed(account("validator"), index, committed)));
        assert_eq!(LastUpdate::<Runtime>::get(index)[usize::from(validator)], at, "a reveal is no new update");
        assert_eq!(WeightCommits::<Runtime>::get(index, account("validator")), None);
    });
}

#[test]
fn plain_weights_are_refused_and_commits_where_they_are_not() {
    with_committer(|_, miner| {
        let plain = Module::set_weights(signed("validator"), EVENTS, vec![miner], vec![1], 0);
        assert_noop!(plain, Failure::CommitRevealEnabled);
        assert_ok!(commit("validator", miner, 1));
        CommitRevealWeightsEnabled::<Runtime>::insert(EVENTS, false);
        assert_noop!(commit("validator", miner, 1), Failure::CommitRevealDisabled);
        assert_noop!(bare_reveal("validator", miner, 1), Failure::CommitRevealDisabled);
        assert_noop!(commit("stranger", miner, 1), Failure::CommitRevealDisabled);
    });
}

#[test]
fn who_commits_is_looked_at_in_order() {
    with_committer(|_, miner| {
        let nowhere = Module::commit_weights(signed("validator"), NOWHERE, H256::zero());
        assert_noop!(nowhere, Failure::MechanismDoesNotExist);
        let second = Module::commit_mechanism_weights(signed("validator"), EVENTS, MechId(1), H256::zero());
        assert_noop!(second, Failure::MechanismDoesNotExist);
        assert_noop!(commit("stranger", miner, 1), Failure::HotKeyNotRegisteredInSubNet);
        WeightsSetRateLimit::<Runtime>::insert(EVENTS, 5);
        assert_ok!(commit("validator", miner, 1));
        assert_noop!(commit("validator", miner, 2), Failure::CommittingWeightsTooFast);
        let call = Call::commit_weights { netuid: EVENTS, commit_hash: H256::zero() };
        assert_eq!(refusal("validator", &call), Some(6));
        assert_eq!(refusal("stranger", &call), None, "dispatch says why");
        StakeThreshold::<Runtime>::put(u64::MAX);
        assert_noop!(commit("validator", miner, 2), Failure::NotEnoughStakeToSetWeights);
        assert_eq!(refusal("validator", &call), Some(1));
    });
}

#[test]
fn ten_commits_may_wait() {
    with_committer(|_, miner| {
        for value in 1..=10 {
            assert_ok!(commit("validator", miner, value));
        }
        assert_noop!(commit("validator", miner, 11), Failure::TooManyUnrevealedCommits);
        next_epoch();
        assert_noop!(commit("validator", miner, 11), Failure::TooManyUnrevealedCommits);
        // The later one is revealed, the earlier ones are given up.
        assert_ok!(reveal("validator", miner, 9));
        assert_eq!(waiting("validator"), 1);
        next_epoch();
        assert_ok!(commit("validator", miner, 11));
        assert_eq!(waiting("validator"), 1, "the tenth expired");
    });
}

#[test]
fn only_one_epoch_is_good_for_a_reveal() {
    with_committer(|validator, miner| {
        assert_noop!(reveal("validator", miner, 3), Failure::NoWeightsCommitFound);
        assert_noop!(bare_reveal("validator", miner, 3), Failure::NoWeightsCommitFound);
        assert_ok!(commit("validator", miner, 3));
        assert_noop!(reveal("validator", miner, 3), Failure::RevealTooEarly);
        assert_noop!(bare_reveal("validator", miner, 3), Failure::RevealTooEarly);
        let call = |value| Call::reveal_weights {
            netuid: EVENTS,
            uids: vec![miner, 0],
            values: vec![value, 1],
            salt: SALT.to_vec(),
            version_key: 0,
        };
        assert_eq!((refusal("validator", &call(3)), refusal("validator", &call(4))), (Some(17), Some(16)));
        next_epoch();
        assert_eq!(refusal("validator", &call(3)), None);
        assert_noop!(reveal("validator", miner, 4), Failure::NoWeightsCommitFound);
        assert_noop!(bare_reveal("validator", miner, 4), Failure::InvalidRevealCommitHashNotMatch);
        next_epoch();
        assert_noop!(reveal("validator", miner, 3), Failure::RevealTooEarly);
        assert_noop!(bare_reveal("validator", miner, 3), Failure::ExpiredWeightCommit);
        assert!(row(validator).is_empty());
    });
}

#[test]
fn a_longer_reveal_period_is_waited_for() {
    with_committer(|validator, miner| {
        RevealPeriodEpochs::<Runtime>::insert(EVENTS, 3);
        assert_ok!(commit("validator", miner, 3));
        for _ in 0..2 {
            next_epoch();
            assert_noop!(reveal("validator", miner, 3), Failure::RevealTooEarly);
        }
        next_epoch();
        assert_ok!(reveal("validator", miner, 3));
        assert!(!row(validator).is_empty());
    });
}

#[test]
fn revealed_weights_are_checked_like_others() {
    with_committer(|validator, miner| {
        assert_ok!(commit("validator", miner, 1));
        assert_ok!(commit("miner", miner, 1));
        next_epoch();
        assert_noop!(reveal("miner", miner, 1), Failure::NeuronNoValidatorPermit);
        assert_eq!(waiting("miner"), 1, "it can be tried again in this epoch");
        MinAllowedWeights::<Runtime>::insert(EVENTS, 3);
        assert_noop!(reveal("validator", miner, 1), Failure::WeightVecLengthIsLow);
        MinAllowedWeights::<Runtime>::insert(EVENTS, 1);
        assert_ok!(reveal("validator", miner, 1));
        assert!(!row(validator).is_empty());
    });
}

#[test]
fn a_batch_of_reveals_is_all_or_nothing() {
    with_committer(|validator, miner| {
        assert_ok!(commit("validator", miner, 1));
        assert_ok!(commit("validator", miner, 2));
        let batch = |values: &[u16], salts: usize| {
            Module::batch_reveal_weights(
                signed("validator"),
                EVENTS,
                vec![vec![miner, 0]; values.len()],
                values.iter().map(|value| vec![*value, 1]).collect(),
                vec![SALT.to_vec(); salts],
                vec![0; values.len()],
            )
        };
        assert_noop!(batch(&[1, 2], 1), Failure::InputLengthsUnequal);
        assert_noop!(batch(&[1, 2], 2), Failure::RevealTooEarly);
        next_epoch();
        assert_noop!(batch(&[1, 5], 2), Failure::NoWeightsCommitFound);
        assert_ok!(batch(&[1, 2], 2));
        assert_eq!(row(validator)[1], (0, 32_768), "the last one counts");
        assert_eq!(waiting("validator"), 0);
        let hashes = [1, 2].map(|value| hash("validator", EVENTS.main_mechanism(), miner, value)).to_vec();
        assert!(happened(Event::WeightsBatchRevealed(account("validator"), EVENTS, hashes)));
    });
}

#[test]
fn a_batch_of_commits_goes_on_after_a_failure() {
    with_committer(|_, miner| {
        let committed = hash("validator", EVENTS.main_mechanism(), miner, 1);
        let netuids = vec![Compact(NOWHERE), Compact(EVENTS)];
        let unequal = Module::batch_commit_weights(signed("validator"), netuids.clone(), vec![committed]);
        assert_noop!(unequal, Failure::InputLengthsUnequal);
        assert_ok!(Module::batch_commit_weights(signed("validator"), netuids.clone(), vec![committed; 2]));
        assert_eq!(waiting("validator"), 1);
        let why = DispatchError::from(Failure::MechanismDoesNotExist);
        assert!(happened(Event::BatchCompletedWithErrors()));
        assert!(happened(Event::BatchWeightItemFailed(NOWHERE, why)));
        assert!(happened(Event::BatchWeightsCompleted(netuids, account("validator"))));
        let call = Call::batch_commit_weights { netuids: vec![Compact(EVENTS)], commit_hashes: vec![] };
        assert_eq!(refusal("validator", &call), Some(18));
    });
}

#[test]
fn a_batch_of_plain_weights_sets_where_it_may() {
    with_committer(|validator, miner| {
        let rows = vec![vec![(Compact(miner), Compact(3u16))]];
        let set =
            || Module::batch_set_weights(signed("validator"), vec![Compact(EVENTS)], rows.clone(), vec![Compact(0u64)]);
        assert_ok!(set());
        let why = DispatchError::from(Failure::CommitRevealEnabled);
        assert!(happened(Event::BatchWeightItemFailed(EVENTS, why)));
        CommitRevealWeightsEnabled::<Runtime>::insert(EVENTS, false);
        assert_ok!(set());
        assert_eq!(row(validator), [(miner, 65_535)]);
    });
}

#[test]
fn weights_committed_before_a_miner_came_do_not_count_for_it() {
    with_committer(|_, miner| {
        let subject = (account("validator"), Module::block());
        assert_ok!(commit("validator", miner, 1));
        let index = EVENTS.main_mechanism();
        assert_eq!(Module::oldest_commits(EVENTS, index), std::slice::from_ref(&subject));
        advance(1);
        assert_ok!(commit("validator", miner, 2));
        assert_eq!(Module::oldest_commits(EVENTS, index), [subject], "the oldest");
        next_epoch();
        next_epoch();
        assert!(Module::oldest_commits(EVENTS, index).is_empty(), "expired");
    });
}
