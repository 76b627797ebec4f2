//! Children, takes, identities, root and swaps of keys.

use super::*;
use frame_support::{assert_noop, assert_ok};
use std::collections::BTreeSet;

const TAO: u64 = 1_000_000_000;
const HALF: u64 = u64::MAX / 2;

/// One subnet with an epoch every ten blocks; `//validator` of `//Alice` with a hundred TAO of `//Bob`, and `//child` of
/// `//Charlie`.
fn family(test: impl FnOnce()) {
    let events = SubnetGenesis { tempo: 10, weights_rate_limit: 0, ..SubnetGenesis::events() };
    let subnets = vec![SubnetGenesis::timeseries(), events];
    on_chain_of(&GenesisConfig { subnets, ..GenesisConfig::default() }, || {
        register("validator");
        assert_ok!(Module::burned_register(signed("Charlie"), EVENTS, account("child")));
        assert_ok!(Module::add_stake(signed("Bob"), account("validator"), EVENTS, TaoBalance(100 * TAO)));
        PendingChildKeyCooldown::<Runtime>::put(1);
        test();
    });
}

fn name_children(children: Vec<(u64, AccountId)>) -> sp_runtime::DispatchResult {
    Module::set_children(signed("Alice"), account("validator"), EVENTS, children)
}

#[test]
fn a_child_gets_its_share_of_the_stake_after_the_cooldown() {
    family(|| {
        let stake = Module::stake_weight(&account("validator"), EVENTS);
        assert_ok!(name_children(vec![(HALF, account("child"))]));
        assert!(ChildKeys::<Runtime>::get(account("validator"), EVENTS).is_empty(), "not yet");
        next_epoch();
        assert_eq!(ChildKeys::<Runtime>::get(account("validator"), EVENTS), [(HALF, account("child"))]);
        assert_eq!(ParentKeys::<Runtime>::get(account("child"), EVENTS), [(HALF, account("validator"))]);
        let [parent, child] = ["validator", "child"].map(|key| Module::stake_weight(&account(key), EVENTS));
        assert!(child.abs_diff(parent) < 1000 && parent + child > stake, "{parent} and {child} of {stake}");
        assert_noop!(name_children(Vec::new()), Failure::TxRateLimitExceeded);
        advance(150);
        assert_ok!(name_children(Vec::new()));
        next_epoch();
        assert!(!ParentKeys::<Runtime>::contains_key(account("child"), EVENTS));
    });
}

#[test]
fn each_refusal_of_children_has_its_name() {
    family(|| {
        let child = |share| (share, account("child"));
        assert_noop!(
            Module::set_children(signed("Bob"), account("validator"), EVENTS, vec![child(1)]),
            Failure::NonAssociatedColdKey
        );
        assert_noop!(name_children(vec![(1, account("validator"))]), Failure::InvalidChild);
        assert_noop!(name_children(vec![child(1), child(2)]), Failure::DuplicateChild);
        assert_noop!(name_children(vec![child(u64::MAX), (1, account("other"))]), Failure::ProportionOverflow);
        assert_noop!(name_children(vec![child(1); 6]), Failure::TooManyChildren);
        ChildKeys::<Runtime>::insert(account("child"), EVENTS, vec![(1, account("validator"))]);
        assert_noop!(name_children(vec![child(1)]), Failure::ChildParentInconsistency);
        ChildKeys::<Runtime>::remove(account("child"), EVENTS);
        StakeThreshold::<Runtime>::put(u64::MAX);
        assert_noop!(name_children(vec![child(1)]), Failure::NotEnoughStakeToSetChildkeys);
    });
}

#[test]
fn parents_get_what_their_stake_earned_less_the_childs_take() {
    family(|| {
        ChildKeys::<Runtime>::insert(account("validator"), EVENTS, vec![(u64::MAX, account("child"))]);
        ParentKeys::<Runtime>::insert(account("child"), EVENTS, vec![(u64::MAX, account("validator"))]);
        assert_ok!(Module::set_childkey_take(signed("Charlie"), account("child"), EVENTS, 6553));
        let parts = Module::split_among_parents(&account("child"), EVENTS, 1_000_000);
        let (parent, child) = (parts[0].clone(), parts[1].clone());
        assert_eq!((parent.0, child.0), (account("validator"), account("child")));
        assert_eq!(parent.1 + child.1, 1_000_000);
        assert!(parent.1.abs_diff(900_000) < 50, "a tenth is the child's: {}", parent.1);
        assert_noop!(
            Module::set_childkey_take(signed("Charlie"), account("child"), EVENTS, 20_000),
            Failure::InvalidChildkeyTake
        );
    });
}

#[test]
fn a_take_goes_up_and_down_within_bounds() {
    family(|| {
        let (raise, lower) = (Module::increase_take, Module::decrease_take);
        assert_ok!(lower(signed("Alice"), account("validator"), 1000));
        assert_noop!(lower(signed("Alice"), account("validator"), 1000), Failure::DelegateTakeTooLow);
        assert_noop!(raise(signed("Alice"), account("validator"), 2000), Failure::DelegateTxRateLimitExceeded);
        TxDelegateTakeRateLimit::<Runtime>::put(0);
        assert_ok!(raise(signed("Alice"), account("validator"), 2000));
        assert_noop!(raise(signed("Alice"), account("validator"), 11_797), Failure::DelegateTakeTooHigh);
        assert_noop!(raise(signed("Bob"), account("validator"), 3000), Failure::NonAssociatedColdKey);
        let hopeless = Call::increase_take { hotkey: account("validator"), take: 11_797 };
        assert_eq!(refusal("Alice", &hopeless), Some(27));
    });
}

#[test]
fn identities_have_bounds_and_owners() {
    family(|| {
        let mut texts = vec![b"name".to_vec(); 7];
        let say = |who: &str, texts: &[Vec<u8>]| {
            let [a, b, c, d, e, f, g] = texts.to_vec().try_into().unwrap();
            Module::set_identity(signed(who), a, b, c, d, e, f, g)
        };
        assert_ok!(say("Charlie", &texts));
        assert_eq!(IdentitiesV2::<Runtime>::get(account("Charlie")).unwrap().name, b"name");
        assert_noop!(say("Dave", &texts), Failure::HotKeyNotRegisteredInNetwork);
        texts[0] = vec![b'x'; 257];
        assert_noop!(say("Charlie", &texts), Failure::InvalidIdentity);
        let identity = |who: &str| {
            let text = || b"x".to_vec();
            Module::set_subnet_identity(
                signed(who),
                EVENTS,
                text(),
                text(),
                text(),
                text(),
                text(),
                text(),
                text(),
                text(),
            )
        };
        assert_ok!(identity("Alice"));
        assert_noop!(identity("Bob"), Failure::NotSubnetOwner);
    });
}

#[test]
fn root_pays_its_stakers_what_their_validators_earned() {
    family(|| {
        for coldkey in ["Bob", "Dave"] {
            assert_ok!(Module::add_stake(signed(coldkey), account("validator"), NetUid::ROOT, TaoBalance(1000 * TAO)));
        }
        next_epoch();
        assert_ok!(Module::set_weights(signed("validator"), EVENTS, vec![2], vec![1], 0));
        next_epoch();
        next_epoch();
        let owed = Module::root_owed(&account("validator"), &account("Bob"), EVENTS);
        assert!(owed > TAO / 100, "{owed}");
        assert_eq!(owed, Module::root_owed(&account("validator"), &account("Dave"), EVENTS));
        assert!(RootAlphaDividendsPerSubnet::<Runtime>::get(EVENTS, account("validator")) > 0);
        // Who comes late is owed nothing of what was.
        assert_ok!(Module::add_stake(signed("Eve"), account("validator"), NetUid::ROOT, TaoBalance(1000 * TAO)));
        assert_eq!(Module::root_owed(&account("validator"), &account("Eve"), EVENTS), 0);

        let subnets = BTreeSet::from([EVENTS]);
        assert_ok!(Module::set_root_claim_type(signed("Bob"), RootClaimTypeEnum::Keep));
        let before = Module::stake_of(&account("validator"), &account("Bob"), EVENTS);
        assert_ok!(Module::claim_root(signed("Bob"), subnets.clone()));
        let kept = Module::stake_of(&account("validator"), &account("Bob"), EVENTS) - before;
        assert!(kept.abs_diff(owed) <= 2, "{kept} of {owed}");
        assert_eq!(Module::root_owed(&account("validator"), &account("Bob"), EVENTS), 0);
        assert_ok!(Module::claim_root(signed("Dave"), subnets));
        let on_root = Module::stake_of(&account("validator"), &account("Dave"), NetUid::ROOT);
        assert!(on_root > 1000 * TAO, "sold and staked on root");
        assert_noop!(Module::claim_root(signed("Dave"), BTreeSet::new()), Failure::InvalidSubnetNumber);
    });
}

#[test]
fn root_has_members() {
    family(|| {
        assert_ok!(Module::root_register(signed("Alice"), account("validator")));
        assert_eq!(Uids::<Runtime>::get(NetUid::ROOT, account("validator")), Some(0));
        assert!(Delegates::<Runtime>::contains_key(account("validator")));
        let again = Module::root_register(signed("Charlie"), account("child"));
        assert_eq!(again, Err(Failure::TooManyRegistrationsThisBlock.into()));
        advance(1);
        MaxAllowedUids::<Runtime>::insert(NetUid::ROOT, 1);
        assert_noop!(Module::root_register(signed("Charlie"), account("child")), Failure::StakeTooLowForRoot);
        assert_ok!(Module::add_stake(signed("Bob"), account("child"), NetUid::ROOT, TaoBalance(TAO)));
        assert_ok!(Module::root_register(signed("Charlie"), account("child")));
        assert_eq!(Uids::<Runtime>::get(NetUid::ROOT, account("validator")), None);
    });
}

#[test]
fn a_swapped_hotkey_keeps_seat_stakers_and_relations() {
    family(|| {
        let uid = Uids::<Runtime>::get(EVENTS, account("validator"));
        let stake = Module::stake_of(&account("validator"), &account("Bob"), EVENTS);
        ChildKeys::<Runtime>::insert(account("validator"), EVENTS, vec![(HALF, account("child"))]);
        ParentKeys::<Runtime>::insert(account("child"), EVENTS, vec![(HALF, account("validator"))]);
        let swap = |who: &str, netuid| Module::swap_hotkey(signed(who), account("validator"), account("fresh"), netuid);
        assert_noop!(swap("Bob", None), Failure::NonAssociatedColdKey);
        let before = free("Alice");
        assert_ok!(swap("Alice", None));
        assert_eq!(before - free("Alice"), TAO / 10);
        assert_eq!(Uids::<Runtime>::get(EVENTS, account("fresh")), uid);
        assert_eq!(Uids::<Runtime>::get(EVENTS, account("validator")), None);
        assert!(Module::stake_of(&account("fresh"), &account("Bob"), EVENTS).abs_diff(stake) <= 1);
        assert_eq!(ParentKeys::<Runtime>::get(account("child"), EVENTS), [(HALF, account("fresh"))]);
        assert!(!Owner::<Runtime>::contains_key(account("validator")));
        let again = Module::swap_hotkey(signed("Alice"), account("fresh"), account("other"), Some(EVENTS));
        assert_eq!(again, Err(Failure::HotKeySetTxRateLimitExceeded.into()));
        assert_eq!(TotalIssuance::<Runtime>::get(), pallet_balances::TotalIssuance::<Runtime>::get());
    });
}

#[test]
fn miners_are_paid_where_their_owner_chose() {
    family(|| {
        let choose = || Module::set_coldkey_auto_stake_hotkey(signed("Charlie"), EVENTS, account("validator"));
        assert_ok!(choose());
        assert_noop!(choose(), Failure::SameAutoStakeHotkeyAlreadySet);
        next_epoch();
        assert_ok!(Module::set_weights(signed("validator"), EVENTS, vec![2], vec![1], 0));
        next_epoch();
        next_epoch();
        assert!(Module::stake_of(&account("validator"), &account("Charlie"), EVENTS) > TAO);
        assert_eq!(Module::stake_of(&account("child"), &account("Charlie"), EVENTS), 0);
    });
}

#[test]
fn an_announced_swap_of_a_coldkey_freezes_it_and_moves_all() {
    family(|| {
        let (bob, new) = (account("Bob"), account("Bob's new key"));
        let hash = sp_core::H256(sp_io::hashing::blake2_256(new.as_ref()));
        ColdkeySwapAnnouncementDelay::<Runtime>::put(3);
        assert_ok!(Module::announce_coldkey_swap(signed("Bob"), hash));
        let stake = Call::add_stake { hotkey: account("validator"), netuid: EVENTS, amount_staked: TaoBalance(TAO) };
        assert_eq!(refusal("Bob", &stake), Some(0));
        assert_noop!(Module::swap_coldkey_announced(signed("Bob"), new.clone()), Failure::ColdkeySwapTooEarly);
        advance(3);
        let wrong = Module::swap_coldkey_announced(signed("Bob"), account("Eve"));
        assert_eq!(wrong, Err(Failure::AnnouncedColdkeyHashDoesNotMatch.into()));
        let held = Module::stake_of(&account("validator"), &bob, EVENTS);
        assert_ok!(Module::swap_coldkey_announced(signed("Bob"), new.clone()));
        assert_eq!(Module::stake_of(&account("validator"), &new, EVENTS), held);
        assert_eq!((free("Bob"), StakingHotkeys::<Runtime>::get(&bob).len()), (0, 0));
    });
}
