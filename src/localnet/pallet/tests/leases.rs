//! Leased subnets, from the crowdloan to the end of the lease.

use super::*;
use crate::localnet::crowdloan::types::{MINIMUM_BLOCK_DURATION, MINIMUM_DEPOSIT};
use crate::localnet::runtime::{AlphaBalance, Crowdloan, Proxy, ProxyType, RuntimeCall};
use frame_support::{assert_noop, assert_ok};
use sp_runtime::{Percent, traits::Dispatchable as _};

const TAO: u64 = 1_000_000_000;

fn lease_call(end_block: Option<u32>) -> RuntimeCall {
    Call::<Runtime>::register_leased_network { emissions_share: Percent::from_percent(30), end_block }.into()
}

/// A crowdloan of Alice's with Bob and Charlie, of which `beyond` is left when the subnet is paid; finalized.
fn leased(end_block: Option<u32>, beyond: u64) -> LeaseOf {
    let cap = Module::lock_cost() + beyond;
    let call = Some(Box::new(lease_call(end_block)));
    let end = System::block_number() + MINIMUM_BLOCK_DURATION;
    assert_ok!(Crowdloan::create(signed("Alice"), MINIMUM_DEPOSIT, TAO, cap, end, call, None));
    assert_ok!(Crowdloan::contribute(signed("Bob"), 0, cap / 2));
    assert_ok!(Crowdloan::contribute(signed("Charlie"), 0, cap));
    assert_ok!(Crowdloan::finalize(signed("Alice"), 0));
    SubnetLeases::<Runtime>::get(0).unwrap()
}

#[test]
fn a_crowdloan_leases_a_subnet_and_what_is_left_goes_back() {
    on_chain(|| {
        let (before, beyond) = (["Alice", "Bob", "Charlie"].map(free), 100 * TAO);
        let cost = Module::lock_cost();
        let lease = leased(None, beyond);
        assert_eq!((lease.beneficiary.clone(), lease.end_block), (account("Alice"), None));
        assert_eq!(SubnetOwner::<Runtime>::get(lease.netuid), lease.coldkey);
        assert_eq!(SubnetOwnerHotkey::<Runtime>::get(lease.netuid), lease.hotkey);
        assert_eq!(
            (SubnetUidToLeaseId::<Runtime>::get(lease.netuid), NextSubnetLeaseId::<Runtime>::get()),
            (Some(0), 1)
        );
        // The deposit of the proxy is a part of the cost.
        let deposit = 93_000_000;
        assert_eq!(lease.cost, cost + deposit);
        let paid: Vec<u64> =
            ["Alice", "Bob", "Charlie"].iter().zip(before).map(|(name, had)| had - free(name)).collect();
        assert_eq!(paid.iter().sum::<u64>(), lease.cost, "nobody else paid, and nothing is left over");
        let share = SubnetLeaseShares::<Runtime>::get(0, account("Bob")).as_f64();
        assert!((share - 0.5).abs() < 1e-9 && paid[1].abs_diff(lease.cost / 2) < TAO, "{share} {paid:?}");
        assert!(!SubnetLeaseShares::<Runtime>::contains_key(0, account("Alice")));

        // Alice runs it without its key.
        FirstEmissionBlockNumber::<Runtime>::remove(lease.netuid);
        System::set_block_number(1_000_000);
        let start = Box::new(Call::<Runtime>::start_call { netuid: lease.netuid }.into());
        assert_ok!(Proxy::proxy(signed("Alice"), lease.coldkey.into(), Some(ProxyType::SubnetLeaseBeneficiary), start));
        assert!(FirstEmissionBlockNumber::<Runtime>::get(lease.netuid).is_some());
    });
}

#[test]
fn a_lease_is_made_by_the_creator_of_a_crowdloan_and_within_it_alone() {
    on_chain(|| {
        let outside = lease_call(None).dispatch(signed("Alice")).unwrap_err().error;
        assert_eq!(outside, crate::localnet::crowdloan::Error::<Runtime>::InvalidCrowdloanId.into());
        let cap = Module::lock_cost() + TAO;
        let end = System::block_number() + MINIMUM_BLOCK_DURATION;
        let past = Some(Box::new(lease_call(Some(System::block_number()))));
        assert_ok!(Crowdloan::create(signed("Alice"), MINIMUM_DEPOSIT, TAO, cap, end, past, None));
        assert_ok!(Crowdloan::contribute(signed("Bob"), 0, cap));
        let finalize = RuntimeCall::from(crate::localnet::crowdloan::Call::<Runtime>::finalize { crowdloan_id: 0 });
        let refused = finalize.dispatch(signed("Alice")).unwrap_err().error;
        assert_eq!(refused, Failure::LeaseCannotEndInThePast.into());
    });
}

#[test]
fn the_owners_cut_is_shared_and_added_up_between_payments() {
    on_chain(|| {
        let lease = leased(None, 10 * TAO);
        Module::credit_staker(&lease.hotkey, &lease.coldkey, lease.netuid, 10 * TAO);
        System::set_block_number(150);
        Module::share_lease(lease.netuid, 1_000);
        assert_eq!(AccumulatedLeaseDividends::<Runtime>::get(0), AlphaBalance(300));
        System::set_block_number(200);
        Module::share_lease(lease.netuid, 2_000);
        assert_eq!(AccumulatedLeaseDividends::<Runtime>::get(0), AlphaBalance(0));
        let of = |name: &str| Module::stake_of(&lease.hotkey, &account(name), lease.netuid);
        assert!(of("Bob").abs_diff(450) <= 1, "{}", of("Bob"));
        // The beneficiary has what the others leave; shares of a pool are rounded.
        assert!((of("Alice") + of("Bob") + of("Charlie")).abs_diff(900) <= 3);
        let (contributor, alpha) = (account("Bob"), AlphaBalance(450));
        assert!(happened(Event::SubnetLeaseDividendsDistributed { lease_id: 0, contributor, alpha }));

        // What cannot be paid waits.
        System::set_block_number(300);
        Module::share_lease(lease.netuid, 1_000 * TAO);
        assert_eq!(AccumulatedLeaseDividends::<Runtime>::get(0), AlphaBalance(300 * TAO));
    });
}

#[test]
fn after_the_lease_the_subnet_is_the_beneficiarys() {
    on_chain(|| {
        let lease = leased(Some(500), TAO);
        register("mine");
        let end = |name: &str, hotkey: &str| Module::terminate_lease(signed(name), 0, account(hotkey));
        assert_noop!(Module::terminate_lease(signed("Alice"), 7, account("mine")), Failure::LeaseDoesNotExist);
        assert_noop!(end("Bob", "mine"), Failure::ExpectedBeneficiaryOrigin);
        assert_noop!(end("Alice", "mine"), Failure::LeaseHasNotEnded);
        System::set_block_number(500);
        // Nothing is shared any more.
        Module::share_lease(lease.netuid, 1_000);
        assert_eq!(AccumulatedLeaseDividends::<Runtime>::get(0), AlphaBalance(0));
        assert_noop!(end("Alice", "nobody"), Failure::BeneficiaryDoesNotOwnHotkey);
        assert_ok!(end("Alice", "mine"));
        assert_eq!(SubnetOwner::<Runtime>::get(lease.netuid), account("Alice"));
        assert_eq!(SubnetOwnerHotkey::<Runtime>::get(lease.netuid), account("mine"));
        assert!(SubnetLeases::<Runtime>::get(0).is_none() && SubnetLeaseShares::<Runtime>::iter().next().is_none());
        assert!(pallet_proxy::Proxies::<Runtime>::get(&lease.coldkey).0.is_empty());
    });
}

#[test]
fn a_perpetual_lease_never_ends() {
    on_chain(|| {
        leased(None, TAO);
        register("mine");
        System::set_block_number(1_000_000);
        assert_noop!(Module::terminate_lease(signed("Alice"), 0, account("mine")), Failure::LeaseHasNoEndBlock);
    });
}
