use super::*;
use crate::localnet::runtime::{MechId, NetUidStorageIndex, TaoBalance};
use frame_support::{assert_noop, assert_ok};
use sp_runtime::DispatchResult;

/// Two neurons beside the owner, `//validator` with a permit, long enough after registration to set weights.
fn with_validator(test: impl FnOnce(u16, u16)) {
    on_chain(|| {
        let (validator, miner) = (register("validator"), register("miner"));
        ValidatorPermit::<Runtime>::insert(EVENTS, vec![false, true, false]);
        // No epochs: one would take the permit from a neuron without stake.
        Tempo::<Runtime>::insert(EVENTS, 0);
        advance(100);
        test(validator, miner);
    });
}

fn set(signer: &str, netuid: NetUid, uids: &[u16], values: &[u16], version_key: u64) -> DispatchResult {
    Module::set_weights(signed(signer), netuid, uids.to_vec(), values.to_vec(), version_key)
}

#[test]
fn weights_are_stored_scaled_and_dated() {
    with_validator(|validator, miner| {
        assert_ok!(set("validator", EVENTS, &[miner, 0], &[10, 5], 0));
        assert_eq!(Weights::<Runtime>::get(EVENTS.main_mechanism(), validator), [(miner, 65_535), (0, 32_768)]);
        assert_eq!(LastUpdate::<Runtime>::get(EVENTS.main_mechanism())[usize::from(validator)], 101);
        assert!(happened(Event::WeightsSet(NetUidStorageIndex(155), validator)));
    });
}

#[test]
fn committed_weights_only() {
    with_validator(|_, miner| {
        CommitRevealWeightsEnabled::<Runtime>::insert(EVENTS, true);
        assert_noop!(set("validator", EVENTS, &[miner], &[1], 0), Failure::CommitRevealEnabled);
    });
}

#[test]
fn root_has_no_weights() {
    with_validator(|_, miner| {
        CommitRevealWeightsEnabled::<Runtime>::insert(NetUid::ROOT, false);
        assert_noop!(set("validator", NetUid::ROOT, &[miner], &[1], 0), Failure::CanNotSetRootNetworkWeights);
    });
}

#[test]
fn uids_and_weights_come_in_pairs() {
    with_validator(|_, miner| {
        assert_noop!(set("validator", EVENTS, &[miner], &[1, 2], 0), Failure::WeightVecNotEqualSize);
    });
}

#[test]
fn the_mechanism_must_exist() {
    with_validator(|_, miner| {
        CommitRevealWeightsEnabled::<Runtime>::insert(NOWHERE, false);
        assert_noop!(set("validator", NOWHERE, &[miner], &[1], 0), Failure::MechanismDoesNotExist);
        let in_second = Module::set_mechanism_weights(signed("validator"), EVENTS, MechId(1), vec![miner], vec![1], 0);
        assert_noop!(in_second, Failure::MechanismDoesNotExist);
        assert_ok!(Module::set_mechanism_weights(signed("validator"), EVENTS, MechId(0), vec![miner], vec![1], 0));
    });
}

#[test]
fn not_more_weights_than_neurons() {
    with_validator(|_, _| {
        assert_noop!(set("validator", EVENTS, &[0, 1, 2, 3], &[1; 4], 0), Failure::UidsLengthExceedUidsInSubNet);
    });
}

#[test]
fn the_hotkey_must_be_registered() {
    with_validator(|_, miner| {
        assert_noop!(set("stranger", EVENTS, &[miner], &[1], 0), Failure::HotKeyNotRegisteredInSubNet);
    });
}

#[test]
fn stake_below_the_threshold_sets_nothing() {
    with_validator(|_, miner| {
        StakeThreshold::<Runtime>::put(1_000_000_000);
        assert_noop!(set("validator", EVENTS, &[miner], &[1], 0), Failure::NotEnoughStakeToSetWeights);
        assert_ok!(Module::add_stake(signed("Alice"), account("validator"), EVENTS, TaoBalance(2_000_000_000)));
        assert_ok!(set("validator", EVENTS, &[miner], &[1], 0));
        // The owner's hotkey is exempt.
        assert_ok!(set("Owner//155", EVENTS, &[miner], &[1], 0));
    });
}

#[test]
fn old_version_keys_are_refused_and_newer_ones_are_not() {
    with_validator(|_, miner| {
        WeightsVersionKey::<Runtime>::insert(EVENTS, 7);
        assert_noop!(set("validator", EVENTS, &[miner], &[1], 6), Failure::IncorrectWeightVersionKey);
        assert_ok!(set("validator", EVENTS, &[miner], &[1], 8));
    });
}

#[test]
fn weights_have_a_rate_limit_from_registration_on() {
    with_validator(|_, miner| {
        assert_ok!(set("validator", EVENTS, &[miner], &[1], 0));
        advance(99);
        assert_noop!(set("validator", EVENTS, &[miner], &[1], 0), Failure::SettingWeightsTooFast);
        advance(1);
        assert_ok!(set("validator", EVENTS, &[miner], &[1], 0));
        let fresh = register("fresh");
        advance(50);
        assert_noop!(set("fresh", EVENTS, &[fresh], &[1], 0), Failure::SettingWeightsTooFast);
    });
}

#[test]
fn others_need_a_permit_oneself_does_not() {
    with_validator(|_, miner| {
        assert_noop!(set("miner", EVENTS, &[0], &[1], 0), Failure::NeuronNoValidatorPermit);
        MinAllowedWeights::<Runtime>::insert(EVENTS, 3);
        assert_ok!(set("miner", EVENTS, &[miner], &[1], 0));
    });
}

#[test]
fn a_uid_occurs_once_and_exists() {
    with_validator(|_, miner| {
        assert_noop!(set("validator", EVENTS, &[miner, miner], &[1, 2], 0), Failure::DuplicateUids);
        assert_noop!(set("validator", EVENTS, &[miner, 3], &[1, 2], 0), Failure::UidVecContainInvalidOne);
    });
}

#[test]
fn a_row_has_a_least_length_which_zeros_fill() {
    with_validator(|_, miner| {
        MinAllowedWeights::<Runtime>::insert(EVENTS, 2);
        assert_noop!(set("validator", EVENTS, &[miner], &[1], 0), Failure::WeightVecLengthIsLow);
        assert_ok!(set("validator", EVENTS, &[miner, 0], &[1, 0], 0));
    });
}

#[test]
fn the_earlier_check_wins() {
    with_validator(|_, miner| {
        // Wrong in every way: each remedy uncovers the next error.
        WeightsVersionKey::<Runtime>::insert(EVENTS, 7);
        MinAllowedWeights::<Runtime>::insert(EVENTS, 3);
        assert_noop!(set("miner", EVENTS, &[9, 9], &[1], 0), Failure::WeightVecNotEqualSize);
        assert_noop!(set("miner", EVENTS, &[9, 9], &[1, 1], 0), Failure::IncorrectWeightVersionKey);
        assert_noop!(set("miner", EVENTS, &[9, 9], &[1, 1], 7), Failure::NeuronNoValidatorPermit);
        assert_noop!(set("validator", EVENTS, &[9, 9], &[1, 1], 7), Failure::DuplicateUids);
        assert_noop!(set("validator", EVENTS, &[9, 8], &[1, 1], 7), Failure::UidVecContainInvalidOne);
        assert_noop!(set("validator", EVENTS, &[miner, 0], &[1, 1], 7), Failure::WeightVecLengthIsLow);
    });
}

#[test]
fn the_guard_sees_stake_and_rate_before_anything_else() {
    with_validator(|_, miner| {
        let call = |netuid| Call::<Runtime>::set_weights { netuid, dests: vec![], weights: vec![1], version_key: 0 };
        assert!(Module::guard(&account("validator"), &call(EVENTS)).is_ok());
        assert!(Module::guard(&account("stranger"), &call(EVENTS)).is_ok(), "dispatch says why it fails");
        assert_ok!(set("validator", EVENTS, &[miner], &[1], 0));
        let refused = Module::guard(&account("validator"), &call(EVENTS)).unwrap_err();
        assert_eq!(Refusal::from(&refused).code(), 6);
        StakeThreshold::<Runtime>::put(1);
        let refused = Module::guard(&account("stranger"), &call(EVENTS)).unwrap_err();
        assert_eq!(Refusal::from(&refused).code(), 1);
    });
}
