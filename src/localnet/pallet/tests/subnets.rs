use super::*;
use frame_support::{assert_noop, assert_ok};
use sp_runtime::DispatchError;

#[test]
fn a_subnet_is_registered_started_and_used() {
    on_chain(|| {
        let before = free("Bob");
        assert_ok!(Module::register_network(signed("Bob"), account("hotkey")));
        let netuid = NetUid(1);
        assert!(happened(Event::NetworkAdded(netuid, 1)));
        assert_eq!(before - free("Bob"), 1_000_000_000_000);
        assert_eq!(SubnetOwner::<Runtime>::get(netuid), account("Bob"));
        assert_eq!(Uids::<Runtime>::get(netuid, account("hotkey")), Some(0));
        assert!(CommitRevealWeightsEnabled::<Runtime>::get(netuid));
        assert_noop!(Module::start_call(signed("Alice"), netuid), DispatchError::BadOrigin);
        assert_ok!(Module::start_call(signed("Bob"), netuid));
        assert!(happened(Event::FirstEmissionBlockNumberSet(netuid, 2)));
        assert_noop!(Module::start_call(signed("Bob"), netuid), Failure::FirstEmissionBlockNumberAlreadySet);
        assert_noop!(Module::start_call(signed("Bob"), NOWHERE), Failure::SubnetNotExists);
        advance(400);
        assert!(SubnetEpochIndex::<Runtime>::get(netuid) > 0);
    });
}

#[test]
fn each_refusal_has_its_name() {
    on_chain(|| {
        let attempt = |coldkey: &str, hotkey: &str| Module::register_network(signed(coldkey), account(hotkey));
        assert_noop!(attempt("Dave", "Owner//155"), Failure::NonAssociatedColdKey);
        assert_noop!(attempt("pauper", "hotkey"), Failure::CannotAffordLockCost);
        SubnetLimit::<Runtime>::put(2);
        assert_noop!(attempt("Bob", "hotkey"), Failure::SubnetLimitReached);
        SubnetLimit::<Runtime>::put(3);
        assert_ok!(attempt("Bob", "hotkey"));
        assert_noop!(attempt("Bob", "other"), Failure::NetworkTxRateLimitExceeded);
        StartCallDelay::<Runtime>::put(10);
        assert_noop!(Module::start_call(signed("Bob"), NetUid(1)), Failure::NeedWaitingMoreBlocksToStarCall);
    });
}

#[test]
fn the_lock_cost_doubles_and_falls_back() {
    on_chain(|| {
        let least = Module::lock_cost();
        assert_ok!(Module::register_network(signed("Bob"), account("hotkey")));
        assert_eq!(Module::lock_cost(), 2 * least);
        System::set_block_number(100_800);
        assert!(Module::lock_cost() < 2 * least * 51 / 100);
    });
}
