use super::*;
use crate::localnet::runtime::AlphaBalance;
use frame_support::{assert_noop, assert_ok};
use sp_runtime::DispatchResult;

const TAO: u64 = 1_000_000_000;
const SERIES: NetUid = NetUid(8);

fn held(coldkey: &str, hotkey: &str, netuid: NetUid) -> u64 {
    Module::stake_of(&account(hotkey), &account(coldkey), netuid)
}

/// `//Bob` holds about a hundred alpha on `//validator`; `//other` is known as well.
fn with_stake(test: impl FnOnce()) {
    on_chain(|| {
        register("validator");
        register("other");
        assert_ok!(Module::add_stake(signed("Bob"), account("validator"), EVENTS, TaoBalance(100 * TAO)));
        test();
    });
}

fn swap(coldkey: &str, from: NetUid, to: NetUid, alpha: u64) -> DispatchResult {
    Module::swap_stake(signed(coldkey), account("validator"), from, to, AlphaBalance(alpha))
}

#[test]
fn within_a_subnet_stake_moves_without_a_fee() {
    with_stake(|| {
        let (before, pool) = (held("Bob", "validator", EVENTS), SubnetTAO::<Runtime>::get(EVENTS));
        let (from, to) = (account("validator"), account("other"));
        assert_ok!(Module::move_stake(signed("Bob"), from, to, EVENTS, EVENTS, AlphaBalance(30 * TAO)));
        assert_eq!(held("Bob", "other", EVENTS), 30 * TAO);
        assert!(held("Bob", "validator", EVENTS).abs_diff(before - 30 * TAO) <= 1);
        assert_eq!(SubnetTAO::<Runtime>::get(EVENTS), pool);
        let worth = TaoBalance(Module::alpha_price(EVENTS) * 30);
        assert!(happened(Event::StakeMoved(
            account("Bob"),
            account("validator"),
            EVENTS,
            account("other"),
            EVENTS,
            worth
        )));
    });
}

#[test]
fn across_subnets_one_leg_pays_the_fee() {
    with_stake(|| {
        let alpha = held("Bob", "validator", EVENTS);
        let tao = Module::quote_sell(EVENTS, alpha).unwrap().got;
        assert_ok!(swap("Bob", EVENTS, SERIES, u64::MAX));
        assert_eq!(held("Bob", "validator", EVENTS), 0);
        let got = held("Bob", "validator", SERIES);
        // The other pool is fresh: constant product, without a fee.
        let fair = 10_000 * u128::from(TAO) * u128::from(tao) / (10_000 * u128::from(TAO) + u128::from(tao));
        assert_eq!(u128::from(got), fair);
        let accounts = [EVENTS, SERIES].map(|netuid| System::account(Module::subnet_account(netuid)).data.free);
        assert_eq!(accounts, [EVENTS, SERIES].map(SubnetTAO::<Runtime>::get));
        assert!(happened(Event::StakeSwapped(account("Bob"), account("validator"), EVENTS, SERIES, TaoBalance(tao))));
    });
}

#[test]
fn stake_is_given_to_others_where_the_subnet_allows_it() {
    with_stake(|| {
        let give = || {
            let (to, hotkey) = (account("Charlie"), account("validator"));
            Module::transfer_stake(signed("Bob"), to, hotkey, EVENTS, EVENTS, AlphaBalance(10 * TAO))
        };
        assert_ok!(give());
        assert!(held("Charlie", "validator", EVENTS).abs_diff(10 * TAO) <= 1);
        assert!(StakingHotkeys::<Runtime>::get(account("Charlie")).contains(&account("validator")));
        TransferToggle::<Runtime>::insert(EVENTS, false);
        assert_noop!(give(), Failure::TransferDisallowed);
    });
}

#[test]
fn a_limit_on_a_swap_is_the_ratio_of_the_prices() {
    with_stake(|| {
        let alpha = held("Bob", "validator", EVENTS);
        let ratio = Module::alpha_price(EVENTS) * TAO / Module::alpha_price(SERIES);
        let limited = |alpha, limit, partial| {
            let (hotkey, limit) = (account("validator"), TaoBalance(limit));
            Module::swap_stake_limit(signed("Bob"), hotkey, EVENTS, SERIES, AlphaBalance(alpha), limit, partial)
        };
        assert_noop!(limited(alpha, ratio - TAO / 1000, false), Failure::SlippageTooHigh);
        assert_ok!(limited(alpha, ratio - TAO / 1000, true));
        let now = u128::from(Module::alpha_price(EVENTS)) * u128::from(TAO) / u128::from(Module::alpha_price(SERIES));
        assert!(now.abs_diff(u128::from(ratio - TAO / 1000)) < 1000, "{now}");
        assert!((TAO..alpha / 2).contains(&held("Bob", "validator", SERIES)));
    });
}

#[test]
fn each_refusal_to_move_has_its_name() {
    with_stake(|| {
        assert_noop!(swap("Bob", EVENTS, EVENTS, TAO), Failure::SameNetuid);
        assert_noop!(swap("Bob", EVENTS, NOWHERE, TAO), Failure::SubnetNotExists);
        assert_noop!(swap("Bob", EVENTS, SERIES, 1000), Failure::AmountTooLow);
        assert_noop!(swap("Charlie", EVENTS, SERIES, TAO), Failure::AmountTooLow);
        let nobody = Module::move_stake(
            signed("Bob"),
            account("validator"),
            account("nobody"),
            EVENTS,
            EVENTS,
            AlphaBalance(TAO),
        );
        assert_eq!(nobody, Err(Failure::HotKeyAccountNotExists.into()));
        SubtokenEnabled::<Runtime>::insert(SERIES, false);
        assert_noop!(swap("Bob", EVENTS, SERIES, TAO), Failure::SubtokenDisabled);
    });
}

#[test]
fn everything_leaves_all_subnets_at_once() {
    with_stake(|| {
        for netuid in [SERIES, NetUid::ROOT] {
            assert_ok!(Module::add_stake(signed("Bob"), account("validator"), netuid, TaoBalance(50 * TAO)));
        }
        assert_ok!(Module::unstake_all_alpha(signed("Bob"), account("validator")));
        assert_eq!((held("Bob", "validator", EVENTS), held("Bob", "validator", SERIES)), (0, 0));
        let on_root = held("Bob", "validator", NetUid::ROOT);
        assert!((197 * TAO..200 * TAO).contains(&on_root), "{on_root}");
        assert_noop!(Module::unstake_all_alpha(signed("Bob"), account("validator")), Failure::AmountTooLow);
        assert_ok!(Module::unstake_all(signed("Bob"), account("validator")));
        assert_eq!(held("Bob", "validator", NetUid::ROOT), 0);
        assert_eq!(free("Bob"), (1_000_000 - 200) * TAO + on_root);
    });
}

#[test]
fn recycled_alpha_leaves_the_issuance_and_burned_alpha_does_not() {
    with_stake(|| {
        let out = SubnetAlphaOut::<Runtime>::get(EVENTS);
        assert_ok!(Module::burn_alpha(signed("Bob"), account("validator"), AlphaBalance(TAO), EVENTS));
        assert_eq!(SubnetAlphaOut::<Runtime>::get(EVENTS), out);
        assert_ok!(Module::recycle_alpha(signed("Bob"), account("validator"), AlphaBalance(TAO), EVENTS));
        assert_eq!(SubnetAlphaOut::<Runtime>::get(EVENTS), out - TAO);
        let on_root = Module::burn_alpha(signed("Bob"), account("validator"), AlphaBalance(TAO), NetUid::ROOT);
        assert_eq!(on_root, Err(Failure::CannotBurnOrRecycleOnRootSubnet.into()));
        let held_before = held("Bob", "validator", EVENTS);
        let limit = Some(TaoBalance(2 * TAO));
        assert_ok!(Module::add_stake_burn(signed("Bob"), account("validator"), EVENTS, TaoBalance(TAO), limit));
        assert!(held("Bob", "validator", EVENTS).abs_diff(held_before) <= 1);
    });
}

#[test]
fn the_flow_of_a_subnet_is_what_came_in_less_what_went_out() {
    with_stake(|| {
        assert_eq!(SubnetTaoFlow::<Runtime>::get(EVENTS), 100 * TAO as i64);
        assert_ok!(swap("Bob", EVENTS, SERIES, u64::MAX));
        assert!(SubnetTaoFlow::<Runtime>::get(EVENTS).unsigned_abs() < TAO);
        let into = SubnetTaoFlow::<Runtime>::get(SERIES);
        assert!(into > 98 * TAO as i64);
        advance(1);
        let (block, average) = SubnetEmaTaoFlow::<Runtime>::get(SERIES).unwrap();
        assert_eq!((block, SubnetTaoFlow::<Runtime>::get(SERIES)), (2, 0));
        let expected = into as f64 * 29_597_889_189_277.0 / 2f64.powi(63);
        assert!((average.as_f64() - expected).abs() < 1.0, "{}", average.as_f64());
    });
}
