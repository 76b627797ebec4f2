use super::*;
use crate::localnet::{genesis::SubnetGenesis, runtime::TaoBalance};
use frame_support::assert_ok;

const TAO: u64 = 1_000_000_000;

/// One subnet with an epoch every ten blocks and no rate limits.
fn quick() -> GenesisConfig {
    let events = SubnetGenesis { tempo: 10, weights_rate_limit: 0, serving_rate_limit: 0, ..SubnetGenesis::events() };
    GenesisConfig { subnets: vec![events], ..GenesisConfig::default() }
}

fn validate(good: u16, poor: u16) {
    assert_ok!(Module::set_weights(signed("validator"), EVENTS, vec![good, poor], vec![3, 1], 0));
}

/// The walk of a demonstration: register, stake, permit, weights, and pay.
#[test]
fn weights_become_incentive_and_stake() {
    on_chain_of(&quick(), || {
        let (validator, good, poor) = (register("validator"), register("good"), register("poor"));
        assert_ok!(Module::add_stake(signed("Bob"), account("validator"), EVENTS, TaoBalance(100 * TAO)));
        assert!(!ValidatorPermit::<Runtime>::get(EVENTS)[usize::from(validator)]);
        advance(10);
        assert!(ValidatorPermit::<Runtime>::get(EVENTS)[usize::from(validator)], "a staked neuron has a permit");
        validate(good, poor);
        advance(20);
        let incentive = Incentive::<Runtime>::get(EVENTS.main_mechanism());
        let (a, b) = (incentive[usize::from(good)], incentive[usize::from(poor)]);
        assert!((49_100..49_200).contains(&a) && (16_330..16_420).contains(&b), "3 : 1 is {a} : {b}");
        assert_eq!(Dividends::<Runtime>::get(EVENTS)[usize::from(validator)], u16::MAX);
        let emission = Emission::<Runtime>::get(EVENTS);
        assert!(emission[usize::from(validator)] > emission[usize::from(good)]);
        // The owner of the subnet, `//Alice`, owns the miners, so theirs is burned; the validator's stakers are paid.
        assert_eq!(TotalHotkeyAlpha::<Runtime>::get(account("good"), EVENTS), 0);
        assert!(AlphaDividendsPerSubnet::<Runtime>::get(EVENTS, account("validator")) > 0);
        assert!(Module::stake_of(&account("validator"), &account("Bob"), EVENTS) > 100 * TAO);
        assert!(TotalHotkeyAlpha::<Runtime>::get(account("Owner//155"), EVENTS) > 0, "the owner's cut");
    });
}

#[test]
fn miners_of_others_are_paid_in_alpha_on_their_hotkey() {
    on_chain_of(&quick(), || {
        register("validator");
        assert_ok!(Module::burned_register(signed("Bob"), EVENTS, account("good")));
        assert_ok!(Module::burned_register(signed("Charlie"), EVENTS, account("poor")));
        assert_ok!(Module::add_stake(signed("Bob"), account("validator"), EVENTS, TaoBalance(100 * TAO)));
        advance(10);
        validate(2, 3);
        advance(20);
        let good = Module::stake_of(&account("good"), &account("Bob"), EVENTS);
        let poor = Module::stake_of(&account("poor"), &account("Charlie"), EVENTS);
        assert!(good > 2 * poor && poor > 0, "{good} and {poor}");
        // Ten blocks of one alpha, less 18 %, half of it for miners, for each epoch that saw the weights.
        let epochs = (good + poor) as f64 / (10.0 * 0.82 * 0.5 * TAO as f64);
        assert!((epochs - 2.0).abs() < 0.001, "{epochs}");
    });
}

#[test]
fn epochs_keep_their_tempo() {
    on_chain_of(&quick(), || {
        let mut epochs = Vec::new();
        let mut seen = SubnetEpochIndex::<Runtime>::get(EVENTS);
        for _ in 0..35 {
            let next = Module::next_epoch(EVENTS);
            advance(1);
            let index = SubnetEpochIndex::<Runtime>::get(EVENTS);
            if index != seen {
                assert_eq!(next, Some(Module::block()));
                epochs.push(Module::block());
                seen = index;
            }
        }
        assert_eq!(epochs.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>(), vec![10; epochs.len() - 1]);
        assert!(epochs.len() >= 3);
        Tempo::<Runtime>::insert(EVENTS, 0);
        advance(30);
        assert_eq!(SubnetEpochIndex::<Runtime>::get(EVENTS), seen);
    });
}

#[test]
fn too_many_epochs_wait_a_block() {
    on_chain(|| {
        MaxEpochsPerBlock::<Runtime>::put(1);
        for netuid in [NetUid(8), EVENTS] {
            LastEpochBlock::<Runtime>::insert(netuid, 0);
            Tempo::<Runtime>::insert(netuid, 5);
        }
        advance(4);
        assert!(happened(Event::EpochDeferred { netuid: EVENTS, from_block: 5, to_block: 6 }));
        assert_eq!(Module::next_epoch(EVENTS), Some(5));
        advance(1);
        assert_eq!(LastEpochBlock::<Runtime>::get(EVENTS), 6);
        assert_eq!(PendingEpochAt::<Runtime>::get(EVENTS), 0);
    });
}

#[test]
fn emission_goes_into_the_pool_at_the_present_price() {
    on_chain(|| {
        let (issuance, price) = (TotalIssuance::<Runtime>::get(), Module::alpha_price(EVENTS));
        advance(10);
        assert_eq!(TotalIssuance::<Runtime>::get() - issuance, 10 * TAO, "one TAO per block for both subnets");
        assert_eq!(Module::alpha_price(EVENTS), price);
        assert_eq!(SubnetTaoInEmission::<Runtime>::get(EVENTS), TAO / 2);
        assert_eq!(SubnetAlphaOut::<Runtime>::get(EVENTS), 10 * TAO);
        advance(20);
        assert!(SubnetMovingPrice::<Runtime>::get(EVENTS).bits > 0, "it moves slowly");
        SubnetEmissionEnabled::<Runtime>::insert(EVENTS, false);
        advance(1);
        assert_eq!(SubnetTaoInEmission::<Runtime>::get(EVENTS), 0);
        assert_eq!(SubnetTaoInEmission::<Runtime>::get(NetUid(8)), TAO);
    });
}
