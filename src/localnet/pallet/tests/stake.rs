use super::*;
use crate::localnet::runtime::{AlphaBalance, TaoBalance};
use frame_support::{assert_noop, assert_ok};
use sp_runtime::DispatchResult;

const TAO: u64 = 1_000_000_000;

fn add(coldkey: &str, netuid: NetUid, tao: u64) -> DispatchResult {
    Module::add_stake(signed(coldkey), account("validator"), netuid, TaoBalance(tao))
}

fn remove(coldkey: &str, netuid: NetUid, alpha: u64) -> DispatchResult {
    Module::remove_stake(signed(coldkey), account("validator"), netuid, AlphaBalance(alpha))
}

fn held(coldkey: &str, netuid: NetUid) -> u64 {
    Module::stake_of(&account("validator"), &account(coldkey), netuid)
}

#[test]
fn stake_is_bought_from_the_pool_and_sold_back() {
    on_chain(|| {
        register("validator");
        let (before, pool) = (free("Bob"), SubnetTAO::<Runtime>::get(EVENTS));
        assert_ok!(add("Bob", EVENTS, 100 * TAO));
        let alpha = held("Bob", EVENTS);
        assert_eq!(free("Bob"), before - 100 * TAO);
        assert!((98 * TAO..100 * TAO).contains(&alpha), "the price is one, less slippage and fee: {alpha}");
        assert_eq!(TotalHotkeyAlpha::<Runtime>::get(account("validator"), EVENTS), alpha);
        assert!(StakingHotkeys::<Runtime>::get(account("Bob")).contains(&account("validator")));
        assert_ok!(remove("Bob", EVENTS, u64::MAX));
        assert_eq!(held("Bob", EVENTS), 0);
        let lost = before - free("Bob");
        assert!((TAO / 20..TAO / 5).contains(&lost), "only the two fees are lost: {lost}");
        assert!(SubnetTAO::<Runtime>::get(EVENTS).abs_diff(pool) < TAO / 100);
    });
}

#[test]
fn the_subnets_account_holds_what_the_pool_says() {
    on_chain(|| {
        register("validator");
        assert_ok!(add("Bob", EVENTS, 100 * TAO));
        advance(50);
        assert_ok!(remove("Bob", EVENTS, 30 * TAO));
        let account = System::account(Module::subnet_account(EVENTS)).data.free;
        assert_eq!(account, SubnetTAO::<Runtime>::get(EVENTS));
        assert_eq!(TotalIssuance::<Runtime>::get(), pallet_balances::TotalIssuance::<Runtime>::get());
    });
}

#[test]
fn stake_on_root_is_one_to_one() {
    on_chain(|| {
        register("validator");
        assert_ok!(add("Bob", NetUid::ROOT, 5 * TAO));
        assert_eq!(held("Bob", NetUid::ROOT), 5 * TAO);
        let weight = Module::stake_weight(&account("validator"), EVENTS);
        assert!((TAO / 5..TAO * 3 / 10).contains(&weight), "a share of {weight} counts");
        assert_ok!(remove("Bob", NetUid::ROOT, 5 * TAO));
        assert_eq!(free("Bob"), 1_000_000 * TAO);
    });
}

#[test]
fn stakers_share_what_the_hotkey_earns() {
    on_chain(|| {
        register("validator");
        assert_ok!(add("Bob", EVENTS, 30 * TAO));
        assert_ok!(add("Charlie", EVENTS, 10 * TAO));
        let (bob, charlie) = (held("Bob", EVENTS), held("Charlie", EVENTS));
        Module::credit_hotkey(&account("validator"), EVENTS, bob + charlie);
        assert!(held("Bob", EVENTS).abs_diff(2 * bob) <= 2);
        assert!(held("Charlie", EVENTS).abs_diff(2 * charlie) <= 2);
        assert_ok!(remove("Charlie", EVENTS, u64::MAX));
        assert!(held("Bob", EVENTS).abs_diff(2 * bob) <= 2);
    });
}

#[test]
fn each_refusal_to_add_has_its_name() {
    on_chain(|| {
        assert_noop!(add("Bob", EVENTS, 10_000_001 * TAO), Failure::InsufficientLiquidity);
        assert_noop!(add("Bob", NOWHERE, TAO), Failure::SubnetNotExists);
        assert_noop!(add("Bob", EVENTS, 2_000_000), Failure::AmountTooLow);
        assert_noop!(add("pauper", EVENTS, TAO), Failure::NotEnoughBalanceToStake);
        assert_noop!(add("Bob", EVENTS, TAO), Failure::HotKeyAccountNotExists);
        SubtokenEnabled::<Runtime>::insert(EVENTS, false);
        assert_noop!(add("Bob", EVENTS, TAO), Failure::SubtokenDisabled);
    });
}

#[test]
fn each_refusal_to_remove_has_its_name() {
    on_chain(|| {
        register("validator");
        assert_noop!(remove("Bob", NOWHERE, TAO), Failure::SubtokenDisabled);
        assert_noop!(remove("Bob", EVENTS, TAO), Failure::AmountTooLow);
        assert_ok!(add("Bob", EVENTS, TAO));
        assert_noop!(remove("Bob", EVENTS, 1000), Failure::AmountTooLow);
        assert_ok!(remove("Bob", EVENTS, TAO / 2));
    });
}

#[test]
fn quotes_are_what_swaps_do() {
    on_chain(|| {
        register("validator");
        let quote = Module::quote_buy(EVENTS, 100 * TAO).unwrap();
        assert_ok!(add("Bob", EVENTS, 100 * TAO));
        assert_eq!(held("Bob", EVENTS), quote.got);
        assert!(quote.slippage > 0 && quote.fee == 100 * TAO * 33 / 65_535);
        assert!(Module::alpha_price(EVENTS) > TAO, "buying raises the price");
        SubnetTAO::<Runtime>::insert(EVENTS, 999_999);
        assert_eq!(Module::quote_sell(EVENTS, TAO), None);
    });
}

#[test]
fn a_limit_holds_the_price() {
    on_chain(|| {
        register("validator");
        let limit = TAO + TAO / 100;
        let add = |amount, partial| {
            let (hotkey, limit) = (account("validator"), TaoBalance(limit));
            Module::add_stake_limit(signed("Bob"), hotkey, EVENTS, TaoBalance(amount), limit, partial)
        };
        assert_noop!(add(1000 * TAO, false), Failure::SlippageTooHigh);
        assert_ok!(add(1000 * TAO, true));
        let price = Module::alpha_price(EVENTS);
        assert!(price <= limit && price > limit - TAO / 10_000, "{price}");
        assert_noop!(add(TAO, true), Failure::SlippageTooHigh);
        let remove = |amount, limit, partial| {
            let hotkey = account("validator");
            Module::remove_stake_limit(signed("Bob"), hotkey, EVENTS, AlphaBalance(amount), TaoBalance(limit), partial)
        };
        assert_noop!(remove(u64::MAX, TAO, true), Failure::NotEnoughStakeToWithdraw);
        assert_noop!(remove(held("Bob", EVENTS), price - 10_000, false), Failure::SlippageTooHigh);
        assert_ok!(remove(held("Bob", EVENTS), price - TAO / 1000, true));
        assert!(Module::alpha_price(EVENTS).abs_diff(price - TAO / 1000) < TAO / 10_000);
        assert!(held("Bob", EVENTS) > 0);
    });
}

#[test]
fn everything_can_be_sold_at_once() {
    on_chain(|| {
        register("validator");
        assert_ok!(add("Bob", EVENTS, 100 * TAO));
        let sell = |limit| Module::remove_stake_full_limit(signed("Bob"), account("validator"), EVENTS, limit);
        assert_noop!(sell(Some(TaoBalance(2 * TAO))), Failure::SlippageTooHigh);
        assert_ok!(sell(Some(TaoBalance(TAO / 2))));
        assert_eq!(held("Bob", EVENTS), 0);
        assert_noop!(sell(None), Failure::AmountTooLow);
    });
}

#[test]
fn on_root_a_limit_is_all_or_nothing() {
    on_chain(|| {
        assert_eq!((Module::buyable(NetUid::ROOT, TAO), Module::buyable(NetUid::ROOT, TAO - 1)), (u64::MAX, 0));
        assert_eq!((Module::sellable(NetUid::ROOT, TAO), Module::sellable(NetUid::ROOT, TAO + 1)), (u64::MAX, 0));
        assert_eq!(Module::sellable(EVENTS, 0), u64::MAX);
    });
}
