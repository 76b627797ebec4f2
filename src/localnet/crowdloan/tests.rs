use super::types::{MINIMUM_BLOCK_DURATION, MINIMUM_DEPOSIT, REFUND_CONTRIBUTORS_LIMIT};
use super::*;
use crate::localnet::genesis::{account_id, dev_account};
use crate::localnet::runtime::{AccountId, Balances, Crowdloan, Runtime, RuntimeCall, RuntimeOrigin, System};
use crate::localnet::testing::on_chain;
use frame_support::traits::Bounded;
use frame_support::traits::fungible::{Inspect as _, Mutate as _};
use frame_support::{assert_noop, assert_ok};
use sp_runtime::traits::Dispatchable as _;

type Failure = Error<Runtime>;

const TAO: u64 = 1_000_000_000;
const CAP: u64 = 30 * TAO;

fn account(name: &str) -> AccountId {
    account_id(dev_account(name))
}

fn signed(name: &str) -> RuntimeOrigin {
    RuntimeOrigin::signed(account(name))
}

fn end() -> u32 {
    System::block_number() + MINIMUM_BLOCK_DURATION
}

/// Alice raises for Charlie.
fn for_charlie() -> CrowdloanId {
    let id = NextCrowdloanId::<Runtime>::get();
    let target = Some(account("Charlie"));
    assert_ok!(Crowdloan::create(signed("Alice"), MINIMUM_DEPOSIT, TAO, CAP, end(), None, target));
    id
}

fn info(id: CrowdloanId) -> InfoOf {
    Crowdloans::<Runtime>::get(id).unwrap()
}

#[test]
fn what_was_raised_goes_to_the_target() {
    on_chain(|| {
        let id = for_charlie();
        let before = Balances::balance(&account("Charlie"));
        assert_noop!(Crowdloan::finalize(signed("Alice"), id), Failure::CapNotRaised);
        // More than what is left: that much.
        assert_ok!(Crowdloan::contribute(signed("Bob"), id, CAP));
        assert_eq!((info(id).raised, info(id).contributors_count), (CAP, 2));
        assert_eq!(Contributions::<Runtime>::get(id, account("Bob")), Some(CAP - MINIMUM_DEPOSIT));
        assert_noop!(Crowdloan::contribute(signed("Dave"), id, TAO), Failure::CapRaised);
        assert_noop!(Crowdloan::finalize(signed("Bob"), id), Failure::InvalidOrigin);
        assert_ok!(Crowdloan::finalize(signed("Alice"), id));
        assert_eq!(Balances::balance(&account("Charlie")), before + CAP);
        assert!(info(id).finalized);
        assert_noop!(Crowdloan::withdraw(signed("Bob"), id), Failure::AlreadyFinalized);
        assert_noop!(Crowdloan::dissolve(signed("Alice"), id), Failure::AlreadyFinalized);
    });
}

#[test]
fn a_call_is_done_by_the_creator_who_sees_which_crowdloan_it_is() {
    on_chain(|| {
        let call = RuntimeCall::from(frame_system::Call::remark_with_event { remark: b"raised".to_vec() });
        assert_ok!(Crowdloan::create(signed("Alice"), MINIMUM_DEPOSIT, TAO, CAP, end(), Some(Box::new(call)), None));
        assert_ok!(Crowdloan::contribute(signed("Bob"), 0, CAP));
        assert_ok!(Crowdloan::finalize(signed("Alice"), 0));
        let remarked = System::events().into_iter().any(|record| {
            matches!(record.event, crate::localnet::runtime::RuntimeEvent::System(frame_system::Event::Remarked { sender, .. })
                if sender == account("Alice"))
        });
        assert!(remarked && CurrentCrowdloanId::<Runtime>::get().is_none());

        // One that fails takes everything back with it.
        let call = RuntimeCall::from(Call::<Runtime>::finalize { crowdloan_id: 1 });
        assert_ok!(Crowdloan::create(signed("Alice"), MINIMUM_DEPOSIT, TAO, CAP, end(), Some(Box::new(call)), None));
        assert_ok!(Crowdloan::contribute(signed("Bob"), 1, CAP));
        let failed = RuntimeCall::from(Call::<Runtime>::finalize { crowdloan_id: 1 }).dispatch(signed("Alice"));
        assert_eq!(failed.unwrap_err().error, Failure::AlreadyFinalizing.into());
        assert!(CurrentCrowdloanId::<Runtime>::get().is_none() && !info(1).finalized);
    });
}

#[test]
fn a_call_of_any_length_is_kept() {
    on_chain(|| {
        let text = vec![7; 5_000];
        let long = || Box::new(RuntimeCall::from(frame_system::Call::remark_with_event { remark: text.clone() }));
        let create = || Crowdloan::create(signed("Alice"), MINIMUM_DEPOSIT, TAO, CAP, end(), Some(long()), None);
        let kept = || pallet_preimage::PreimageFor::<Runtime>::iter().count();
        assert_ok!(create());
        assert!(matches!(info(0).call, Some(Bounded::Lookup { len: 5_000.., .. })));
        assert_eq!(kept(), 1);
        assert_ok!(Crowdloan::contribute(signed("Bob"), 0, CAP));
        assert_ok!(Crowdloan::finalize(signed("Alice"), 0));
        let hash = sp_core::H256(sp_io::hashing::blake2_256(&text));
        let sender = account("Alice");
        System::assert_has_event(frame_system::Event::Remarked { sender, hash }.into());

        // A crowdloan that is gone needs none. (The pallet counts a call that is noted twice once, here as there.)
        assert_ok!(create());
        assert_eq!(kept(), 1);
        assert_ok!(Crowdloan::dissolve(signed("Alice"), 1));
        assert_eq!(kept(), 0);
    });
}

#[test]
fn everybody_gets_his_part_back() {
    on_chain(|| {
        let id = for_charlie();
        let had = ["Alice", "Bob", "Dave"].map(|name| Balances::balance(&account(name)));
        assert_ok!(Crowdloan::contribute(signed("Bob"), id, 3 * TAO));
        assert_ok!(Crowdloan::contribute(signed("Dave"), id, 2 * TAO));
        assert_ok!(Crowdloan::contribute(signed("Alice"), id, TAO));
        assert_ok!(Crowdloan::withdraw(signed("Bob"), id));
        assert_noop!(Crowdloan::withdraw(signed("Bob"), id), Failure::NoContribution);
        // The creator's deposit stays.
        assert_ok!(Crowdloan::withdraw(signed("Alice"), id));
        assert_noop!(Crowdloan::withdraw(signed("Alice"), id), Failure::DepositCannotBeWithdrawn);
        assert_noop!(Crowdloan::dissolve(signed("Alice"), id), Failure::NotReadyToDissolve);
        assert_noop!(Crowdloan::refund(signed("Dave"), id), Failure::InvalidOrigin);
        assert_ok!(Crowdloan::refund(signed("Alice"), id));
        assert_eq!((info(id).raised, info(id).contributors_count), (MINIMUM_DEPOSIT, 1));
        assert_ok!(Crowdloan::dissolve(signed("Alice"), id));
        let have = ["Alice", "Bob", "Dave"].map(|name| Balances::balance(&account(name)));
        assert_eq!(have, [had[0] + MINIMUM_DEPOSIT, had[1], had[2]]);
        assert_noop!(Crowdloan::contribute(signed("Bob"), id, TAO), Failure::InvalidCrowdloanId);
        assert_eq!(for_charlie(), id + 1, "no number is used twice");
    });
}

#[test]
fn many_are_paid_back_in_parts() {
    on_chain(|| {
        let id = for_charlie();
        assert_ok!(Crowdloan::update_cap(signed("Alice"), id, 1_000 * TAO));
        let many = REFUND_CONTRIBUTORS_LIMIT + 7;
        for number in 0..many {
            let somebody = AccountId::new([number as u8 + 1; 32]);
            Balances::set_balance(&somebody, 2 * TAO);
            assert_ok!(Crowdloan::contribute(RuntimeOrigin::signed(somebody), id, TAO));
        }
        assert_eq!(info(id).contributors_count, many + 1);
        assert_ok!(Crowdloan::refund(signed("Alice"), id));
        assert_eq!(info(id).contributors_count, 8);
        assert_ok!(Crowdloan::refund(signed("Alice"), id));
        assert_eq!((info(id).contributors_count, info(id).raised), (1, MINIMUM_DEPOSIT));
    });
}

#[test]
fn limits_are_kept_and_changed_by_the_creator_alone() {
    on_chain(|| {
        let target = || Some(account("Charlie"));
        let create = |deposit, least, cap, end, target| {
            Crowdloan::create(signed("Alice"), deposit, least, cap, end, None, target)
        };
        let (deposit, now) = (MINIMUM_DEPOSIT, System::block_number());
        assert_noop!(create(deposit - 1, TAO, CAP, end(), target()), Failure::DepositTooLow);
        assert_noop!(create(deposit, TAO, deposit, end(), target()), Failure::CapTooLow);
        assert_noop!(create(deposit, 1, CAP, end(), target()), Failure::MinimumContributionTooLow);
        assert_noop!(create(deposit, TAO, CAP, end(), None), Failure::InvalidFinalizationConfig);
        assert_noop!(create(deposit, TAO, CAP, now, target()), Failure::CannotEndInPast);
        assert_noop!(create(deposit, TAO, CAP, now + 2, target()), Failure::BlockDurationTooShort);
        assert_noop!(create(deposit, TAO, CAP, u32::MAX, target()), Failure::BlockDurationTooLong);

        let id = for_charlie();
        assert_noop!(Crowdloan::contribute(signed("Bob"), id, TAO - 1), Failure::ContributionTooLow);
        assert_noop!(Crowdloan::update_cap(signed("Bob"), id, CAP), Failure::InvalidOrigin);
        assert_noop!(Crowdloan::update_cap(signed("Alice"), id, 1), Failure::CapTooLow);
        let most = Some(MINIMUM_DEPOSIT + TAO);
        assert_noop!(
            Crowdloan::set_max_contribution(signed("Alice"), id, Some(TAO)),
            Failure::MaximumContributionTooLow
        );
        assert_ok!(Crowdloan::set_max_contribution(signed("Alice"), id, most));
        assert_noop!(Crowdloan::update_min_contribution(signed("Alice"), id, CAP), Failure::MinimumContributionTooHigh);
        assert_ok!(Crowdloan::contribute(signed("Bob"), id, CAP));
        assert_eq!(Contributions::<Runtime>::get(id, account("Bob")), most);
        assert_noop!(Crowdloan::contribute(signed("Bob"), id, TAO), Failure::MaxContributionReached);
        assert_ok!(Crowdloan::update_end(signed("Alice"), id, end() + 100));
        System::set_block_number(end() + 200);
        assert_noop!(Crowdloan::contribute(signed("Dave"), id, TAO), Failure::ContributionPeriodEnded);
    });
}
