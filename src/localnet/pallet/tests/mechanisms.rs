use super::*;
use crate::localnet::runtime::{AdminUtils, MechId, SubtensorModule};
use frame_support::{assert_noop, assert_ok};

const SECOND: MechId = MechId(1);

/// Two mechanisms of 128 neurons at most, without commit-reveal.
fn with_two(test: impl FnOnce(u16, u16)) {
    with_committer(|validator, miner| {
        CommitRevealWeightsEnabled::<Runtime>::insert(EVENTS, false);
        MaxAllowedUids::<Runtime>::insert(EVENTS, 128);
        assert_ok!(AdminUtils::sudo_set_mechanism_count(RuntimeOrigin::root(), EVENTS, MechId(2)));
        test(validator, miner);
    });
}

fn set(mechanism: MechId, miner: u16) {
    let sent = Module::set_mechanism_weights(signed("validator"), EVENTS, mechanism, vec![miner], vec![1], 0);
    assert_ok!(sent);
}

#[test]
fn each_mechanism_has_weights_and_incentive_of_its_own() {
    with_two(|validator, miner| {
        let other = register("other");
        advance(1);
        set(MechId(0), miner);
        set(SECOND, other);
        let second = EVENTS.mechanism(SECOND);
        assert_eq!(second.0, 155 + 4096);
        assert_eq!(Weights::<Runtime>::get(second, validator), [(other, 65_535)]);
        assert!(happened(Event::WeightsSet(second, validator)));
        next_epoch();
        let incentive = |index| Incentive::<Runtime>::get(index);
        let main = incentive(EVENTS.main_mechanism());
        assert_eq!((main[usize::from(miner)], main[usize::from(other)]), (65_535, 0));
        assert_eq!(incentive(second)[usize::from(other)], 65_535);
        assert!(!Bonds::<Runtime>::get(second, validator).is_empty());
        let emission = Emission::<Runtime>::get(EVENTS);
        let (a, b) = (emission[usize::from(miner)], emission[usize::from(other)]);
        assert!(a > 0 && a.abs_diff(b) <= 1, "half each: {a} and {b}");
    });
}

#[test]
fn the_owner_splits_the_emission() {
    with_two(|_, miner| {
        let other = register("other");
        advance(1);
        let split = |shares: &[u16]| {
            AdminUtils::sudo_set_mechanism_emission_split(RuntimeOrigin::root(), EVENTS, Some(shares.to_vec()))
        };
        for wrong in [&[][..], &[65_534], &[30_000, 30_000, 5_535], &[65_535, 1]] {
            assert_noop!(split(wrong), Failure::InvalidValue);
        }
        assert_ok!(split(&[16_384, 49_151]));
        set(MechId(0), miner);
        set(SECOND, other);
        next_epoch();
        let emission = Emission::<Runtime>::get(EVENTS);
        let (a, b) = (emission[usize::from(miner)] as f64, emission[usize::from(other)] as f64);
        assert!((b / a - 3.0).abs() < 0.001, "{a} and {b}");
        assert_ok!(split(&[65_535]));
        assert_eq!(SubtensorModule::split_emission(EVENTS, 1001), [1001, 0]);
        let even = AdminUtils::sudo_set_mechanism_emission_split(RuntimeOrigin::root(), EVENTS, None);
        assert_ok!(even);
        assert_eq!(SubtensorModule::split_emission(EVENTS, 1001), [501, 500]);
    });
}

#[test]
fn counts_have_bounds_and_what_is_removed_is_forgotten() {
    with_committer(|_, _| {
        let count = |count| AdminUtils::sudo_set_mechanism_count(RuntimeOrigin::root(), EVENTS, MechId(count));
        assert_noop!(count(2), Failure::TooManyUIDsPerMechanism);
        MaxAllowedUids::<Runtime>::insert(EVENTS, 64);
        assert_noop!(count(0), Failure::InvalidValue);
        assert_noop!(count(3), Failure::InvalidValue);
        assert_ok!(AdminUtils::sudo_set_max_mechanism_count(RuntimeOrigin::root(), MechId(4)));
        assert_ok!(count(3));
        let hash = sp_core::H256::zero();
        assert_ok!(Module::commit_mechanism_weights(signed("validator"), EVENTS, MechId(2), hash));
        let third = EVENTS.mechanism(MechId(2));
        assert_eq!(LastUpdate::<Runtime>::get(third).len(), usize::from(SubnetworkN::<Runtime>::get(EVENTS)));
        assert!(WeightCommits::<Runtime>::contains_key(third, account("validator")));
        assert_ok!(count(1));
        assert!(!WeightCommits::<Runtime>::contains_key(third, account("validator")));
        assert!(LastUpdate::<Runtime>::get(third).is_empty());
    });
}

#[test]
fn hashed_weights_of_a_mechanism_are_its_own() {
    with_committer(|validator, miner| {
        MaxAllowedUids::<Runtime>::insert(EVENTS, 128);
        assert_ok!(AdminUtils::sudo_set_mechanism_count(RuntimeOrigin::root(), EVENTS, MechId(2)));
        let index = EVENTS.mechanism(SECOND);
        let hash = Module::commit_hash(&account("validator"), index, &[miner], &[1], &[4], 0);
        assert_ok!(Module::commit_mechanism_weights(signed("validator"), EVENTS, SECOND, hash));
        next_epoch();
        let reveal = |mechanism| {
            Module::reveal_mechanism_weights(signed("validator"), EVENTS, mechanism, vec![miner], vec![1], vec![4], 0)
        };
        assert_noop!(reveal(MechId(0)), Failure::NoWeightsCommitFound);
        assert_ok!(reveal(SECOND));
        assert_eq!(Weights::<Runtime>::get(index, validator), [(miner, 65_535)]);
    });
}

#[test]
fn with_one_mechanism_nothing_is_weighted() {
    let outcome = crate::yuma::Outcome {
        active: vec![true],
        validator_permit: vec![false],
        stake: vec![7],
        stake_weight: vec![u16::MAX],
        consensus: vec![1],
        validator_trust: vec![2],
        incentive: vec![3],
        dividends: vec![4],
        emission: vec![u64::MAX],
        server_emission: vec![6],
        validator_emission: vec![5],
        bonds: vec![vec![(0, 1)]],
    };
    for emission in [0, 1, u64::MAX] {
        let merged = super::super::mechanisms::merged(vec![(emission, outcome.clone())]);
        assert_eq!(merged, Some(outcome.clone()), "{emission}");
    }
    let both = super::super::mechanisms::merged(vec![(3, outcome.clone()), (1, outcome.clone())]).unwrap();
    assert_eq!((both.emission[0], both.server_emission[0]), (u64::MAX, 12));
    assert_eq!((both.stake_weight[0], both.dividends[0]), (65_534, 4), "49151 and 16383, each rounded down");
}
