use super::*;
use frame_support::{assert_noop, assert_ok};

/// A tiny subnet in which everybody but the owner can be pruned after ten blocks.
fn tiny() -> GenesisConfig {
    let mut config = GenesisConfig::default();
    for subnet in &mut config.subnets {
        subnet.max_uids = 3;
        subnet.immunity_period = 10;
    }
    config
}

#[test]
fn a_neuron_gets_the_next_uid_and_pays_the_price() {
    on_chain(|| {
        let before = free("Alice");
        let pool = SubnetAlphaIn::<Runtime>::get(EVENTS);
        assert_eq!((register("a"), register("b")), (1, 2));
        // One TAO, and a factor of 1.26 for the second.
        assert_eq!(before - free("Alice"), 1_000_000_000 + 1_260_000_000);
        assert!(SubnetAlphaIn::<Runtime>::get(EVENTS) < pool, "the price buys alpha, and that is gone");
        assert_eq!(SubnetworkN::<Runtime>::get(EVENTS), 3);
        assert_eq!(Keys::<Runtime>::get(EVENTS, 2), account("b"));
        assert_eq!(Owner::<Runtime>::get(account("b")), account("Alice"));
        assert_eq!(BlockAtRegistration::<Runtime>::get(EVENTS, 2), 1);
        assert_eq!(LastUpdate::<Runtime>::get(EVENTS.main_mechanism()), [0, 1, 1]);
        assert_eq!(Active::<Runtime>::get(EVENTS), [true; 3]);
        assert_eq!(RAORecycledForRegistration::<Runtime>::get(EVENTS), before - free("Alice"));
        assert!(happened(Event::NeuronRegistered(EVENTS, 2, account("b"))));
    });
}

#[test]
fn the_price_falls_back_to_its_least() {
    on_chain(|| {
        register("a");
        let raised = Burn::<Runtime>::get(EVENTS);
        advance(360);
        assert!(Burn::<Runtime>::get(EVENTS).abs_diff(raised / 2) < 1000);
        MinBurn::<Runtime>::insert(EVENTS, 500_000_000);
        advance(360);
        assert_eq!(Burn::<Runtime>::get(EVENTS), 500_000_000);
    });
}

#[test]
fn each_refusal_has_its_name() {
    on_chain(|| {
        let attempt = |coldkey: &str, netuid| Module::burned_register(signed(coldkey), netuid, account("hotkey"));
        assert_noop!(attempt("Alice", NetUid::ROOT), Failure::RegistrationNotPermittedOnRootSubnet);
        assert_noop!(attempt("Alice", NOWHERE), Failure::SubnetNotExists);
        assert_noop!(attempt("pauper", EVENTS), Failure::NotEnoughBalanceToStake);
        let limited = |limit| Module::register_limit(signed("Alice"), EVENTS, account("hotkey"), limit);
        assert_noop!(limited(999_999_999), Failure::RegistrationPriceLimitExceeded);
        assert_ok!(limited(1_000_000_000));
        assert_noop!(attempt("Alice", EVENTS), Failure::HotKeyAlreadyRegisteredInSubNet);
        assert_noop!(attempt("Bob", NetUid(8)), Failure::NonAssociatedColdKey);
        NetworkRegistrationAllowed::<Runtime>::insert(EVENTS, false);
        assert_noop!(attempt("Alice", EVENTS), Failure::SubNetRegistrationDisabled);
    });
}

#[test]
fn a_full_subnet_replaces_the_neuron_that_earned_least() {
    on_chain_of(&tiny(), || {
        MinNonImmuneUids::<Runtime>::insert(EVENTS, 0);
        let (earning, idle) = (register("earning"), register("idle"));
        advance(10);
        Emission::<Runtime>::insert(EVENTS, vec![0, 5, 1]);
        Weights::<Runtime>::insert(EVENTS.main_mechanism(), earning, vec![(earning, 9), (idle, 7)]);
        Weights::<Runtime>::insert(EVENTS.main_mechanism(), idle, vec![(earning, 9)]);
        Axons::<Runtime>::insert(EVENTS, account("idle"), AxonInfo::default());
        assert_eq!(register("newcomer"), idle);
        assert_eq!(Uids::<Runtime>::get(EVENTS, account("idle")), None);
        assert!(!IsNetworkMember::<Runtime>::get(account("idle"), EVENTS));
        assert!(!Axons::<Runtime>::contains_key(EVENTS, account("idle")));
        assert_eq!(Weights::<Runtime>::get(EVENTS.main_mechanism(), earning), [(earning, 9), (idle, 0)]);
        assert!(Weights::<Runtime>::get(EVENTS.main_mechanism(), idle).is_empty());
        assert_eq!(BlockAtRegistration::<Runtime>::get(EVENTS, idle), 11);
        assert_eq!(SubnetworkN::<Runtime>::get(EVENTS), 3);
    });
}

#[test]
fn of_equal_neurons_the_oldest_goes_and_immunity_protects_the_young() {
    on_chain_of(&tiny(), || {
        MinNonImmuneUids::<Runtime>::insert(EVENTS, 0);
        let first = register("first");
        advance(1);
        let second = register("second");
        advance(9);
        assert_eq!(Module::neuron_to_prune(EVENTS), Some(first));
        Emission::<Runtime>::insert(EVENTS, vec![0, 1, 0]);
        assert_eq!(Module::neuron_to_prune(EVENTS), Some(first), "the second is still immune");
        advance(1);
        Emission::<Runtime>::insert(EVENTS, vec![0, 1, 0]);
        assert_eq!(Module::neuron_to_prune(EVENTS), Some(second));
    });
}

#[test]
fn with_few_past_immunity_an_immune_one_goes_and_without_one_nobody() {
    on_chain_of(&tiny(), || {
        let first = register("first");
        register("second");
        assert_eq!(Module::neuron_to_prune(EVENTS), Some(first));
        advance(10);
        // Both are past immunity, but that is not more than ten.
        let attempt = Module::burned_register(signed("Alice"), EVENTS, account("late"));
        assert_noop!(attempt, Failure::NoNeuronIdAvailable);
    });
}

#[test]
fn a_hotkey_can_be_claimed_before_it_registers() {
    on_chain(|| {
        assert_ok!(Module::try_associate_hotkey(signed("Bob"), account("hotkey")));
        assert_ok!(Module::try_associate_hotkey(signed("Alice"), account("hotkey")));
        assert_eq!(Owner::<Runtime>::get(account("hotkey")), account("Bob"));
        assert_eq!(OwnedHotkeys::<Runtime>::get(account("Bob")), [account("hotkey")]);
    });
}
