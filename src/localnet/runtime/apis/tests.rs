use super::*;
use crate::localnet::{
    genesis::dev_account,
    pallet as chain,
    runtime::{RuntimeOrigin, TaoBalance, VERSION, dispatch_api, metadata_blob},
    testing::on_chain,
};
use codec::{Decode, Encode};
use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use frame_support::assert_ok;

const EVENTS: NetUid = NetUid(155);

fn account(name: &str) -> AccountId {
    AccountId::new(dev_account(name).0)
}

/// Calls by name, as `state_call` does.
fn ask<R: Decode>(name: &str, arguments: impl Encode) -> R {
    let answer = dispatch_api(name, &arguments.encode()).unwrap_or_else(|| unreachable!("no method {name}"));
    let mut rest = &answer[..];
    let result = R::decode(&mut rest).unwrap();
    assert!(rest.is_empty(), "{name} answers more than its type");
    result
}

/// A chain on which `//Bob` registered a hotkey and staked to it.
fn with_neuron(test: impl FnOnce(AccountId)) {
    on_chain(|| {
        let (bob, hotkey) = (RuntimeOrigin::signed(account("Bob")), account("hotkey"));
        assert_ok!(SubtensorModule::burned_register(bob.clone(), EVENTS, hotkey.clone()));
        assert_ok!(SubtensorModule::add_stake(bob, hotkey.clone(), EVENTS, TaoBalance(5_000_000_000)));
        let axon = RuntimeOrigin::signed(hotkey.clone());
        assert_ok!(SubtensorModule::serve_axon(axon, EVENTS, 1, 0x0808_0808, 8091, 4, 4, 0, 0));
        test(hotkey);
    });
}

#[test]
fn a_metagraph_has_all_neurons_and_the_settings() {
    with_neuron(|hotkey| {
        let graph: Metagraph = ask::<Option<_>>("SubnetInfoRuntimeApi_get_metagraph", EVENTS).unwrap();
        assert_eq!(graph.num_uids.0, 2);
        assert_eq!(graph.hotkeys[1], hotkey);
        assert_eq!(graph.coldkeys[1], account("Bob"));
        assert_eq!((graph.axons[1].port, graph.axons[1].block), (8091, 1));
        assert_eq!(graph.name.iter().map(|byte| byte.0).collect::<Vec<_>>(), b"events");
        assert!(graph.alpha_stake[1].0 > 4_900_000_000);
        assert_eq!(graph.total_stake[1], graph.alpha_stake[1]);
        for length in [graph.active.len(), graph.validator_permit.len(), graph.last_update.len(), graph.emission.len()]
        {
            assert_eq!(length, 2);
        }
        assert_eq!(ask::<Option<Metagraph>>("SubnetInfoRuntimeApi_get_metagraph", NetUid(77)), None);
        assert_eq!(ask::<Option<Metagraph>>("SubnetInfoRuntimeApi_get_mechagraph", (EVENTS, MechId(0))), Some(graph));
        assert_eq!(ask::<Option<Metagraph>>("SubnetInfoRuntimeApi_get_mechagraph", (EVENTS, MechId(1))), None);
    });
}

#[test]
fn a_selective_metagraph_has_what_was_asked_for() {
    with_neuron(|hotkey| {
        chain::ValidatorPermit::<Runtime>::insert(EVENTS, vec![false, true]);
        let ask = |numbers: Vec<u16>| {
            ask::<Option<SelectiveMetagraph>>("SubnetInfoRuntimeApi_get_selective_metagraph", (EVENTS, numbers))
                .unwrap()
        };
        let graph = ask(vec![52, 72, 3, 999]);
        assert_eq!(graph.hotkeys.unwrap()[1], hotkey);
        assert_eq!(graph.validators, Some(vec![1.into()]));
        assert!(graph.identity.flatten().is_some());
        assert_eq!((graph.name, graph.coldkeys, graph.commitments), (None, None, None));
    });
}

#[test]
fn neurons_are_listed_in_order_of_uid() {
    with_neuron(|hotkey| {
        let lite: Vec<NeuronInfoLite> = ask("NeuronInfoRuntimeApi_get_neurons_lite", EVENTS);
        let full: Vec<NeuronInfo> = ask("NeuronInfoRuntimeApi_get_neurons", EVENTS);
        assert_eq!(lite.iter().map(|neuron| neuron.uid.0).collect::<Vec<_>>(), [0, 1]);
        assert_eq!((&lite[1].hotkey, lite[1].axon_info.port), (&hotkey, 8091));
        assert_eq!(lite[1].stake[0].0, account("Bob"));
        assert_eq!(ask::<Option<NeuronInfo>>("NeuronInfoRuntimeApi_get_neuron", (EVENTS, 1u16)), Some(full[1].clone()));
        assert_eq!(ask::<Option<NeuronInfoLite>>("NeuronInfoRuntimeApi_get_neuron_lite", (EVENTS, 2u16)), None);
    });
}

#[test]
fn hyperparameters_agree_in_all_shapes() {
    with_neuron(|_| {
        let v1: SubnetHyperparams = ask::<Option<_>>("SubnetInfoRuntimeApi_get_subnet_hyperparams", EVENTS).unwrap();
        let v2: SubnetHyperparamsV2 =
            ask::<Option<_>>("SubnetInfoRuntimeApi_get_subnet_hyperparams_v2", EVENTS).unwrap();
        let v3: Vec<HyperparamEntry> =
            ask::<Option<_>>("SubnetInfoRuntimeApi_get_subnet_hyperparams_v3", EVENTS).unwrap();
        // The second shape is the first and more, so its bytes begin alike.
        assert!(v2.encode().starts_with(&v1.encode()));
        assert_eq!((v2.tempo.0, v2.yuma_version.0, v2.activity_cutoff.0), (100, 3, 1388));
        assert_eq!(v3.len(), 33);
        let named = |name: &str| v3.iter().find(|entry| entry.name == name.as_bytes()).map(|entry| entry.value.clone());
        assert_eq!(named("tempo"), Some(hyperparameters::HyperparamValue::U16(v2.tempo)));
        assert_eq!(named("commit_reveal_weights_enabled"), Some(hyperparameters::HyperparamValue::Bool(false)));
    });
}

#[test]
fn stakes_delegates_and_prices_are_told() {
    with_neuron(|hotkey| {
        let stakes: Vec<StakeInfo> = ask("StakeInfoRuntimeApi_get_stake_info_for_coldkey", account("Bob"));
        assert_eq!(stakes.len(), 1);
        assert!(stakes[0].stake.0 > 4_900_000_000 && stakes[0].is_registered);
        let key = (hotkey.clone(), account("Charlie"), EVENTS);
        let none: StakeInfo =
            ask::<Option<_>>("StakeInfoRuntimeApi_get_stake_info_for_hotkey_coldkey_netuid", key).unwrap();
        assert_eq!(none.stake.0, 0);
        let delegate: DelegateInfo = ask::<Option<_>>("DelegateInfoRuntimeApi_get_delegate", hotkey).unwrap();
        assert_eq!(delegate.nominators.len(), 1);
        assert_eq!(ask::<Vec<DelegateInfo>>("DelegateInfoRuntimeApi_get_delegates", ()), [delegate]);
        let prices: Vec<SubnetPrice> = ask("SwapRuntimeApi_current_alpha_price_all", ());
        assert_eq!(prices.len(), 3);
        let bought: SimSwapResult = ask("SwapRuntimeApi_sim_swap_tao_for_alpha", (EVENTS, 1_000_000_000u64));
        assert!(bought.alpha_amount > 900_000_000 && bought.tao_fee > 0);
    });
}

#[test]
fn the_economy_and_the_schedule_are_told() {
    with_neuron(|_| {
        let all: Vec<Option<DynamicInfo>> = ask("SubnetInfoRuntimeApi_get_all_dynamic_info", ());
        let numbers: Vec<u16> = all.iter().flatten().map(|info| info.netuid.0.0).collect();
        assert_eq!(numbers, [0, 8, 155]);
        let state: SubnetState = ask::<Option<_>>("SubnetInfoRuntimeApi_get_subnet_state", EVENTS).unwrap();
        assert_eq!(state.hotkeys.len(), 2);
        let next: Option<u64> = ask("SubnetInfoRuntimeApi_get_next_epoch_start_block", EVENTS);
        assert_eq!(next, SubtensorModule::next_epoch(EVENTS));
        assert!(next.is_some());
        assert_eq!(ask::<u64>("SubnetRegistrationRuntimeApi_get_network_registration_cost", ()), 1_000_000_000_000);
    });
}

#[test]
fn names_that_nobody_has_are_not_answered() {
    assert_eq!(dispatch_api("NeuronInfoRuntimeApi_get_everything", &[]), None);
}

#[test]
fn the_apis_are_in_the_metadata() {
    let metadata = RuntimeMetadataPrefixed::decode(&mut metadata_blob(15, VERSION.spec_version).unwrap()).unwrap();
    let RuntimeMetadata::V15(metadata) = metadata.1 else { unreachable!("not version 15") };
    for needed in [
        "Core",
        "Metadata",
        "TaggedTransactionQueue",
        "AccountNonceApi",
        "TransactionPaymentApi",
        "NeuronInfoRuntimeApi",
        "SubnetInfoRuntimeApi",
        "StakeInfoRuntimeApi",
        "DelegateInfoRuntimeApi",
        "SwapRuntimeApi",
    ] {
        assert!(metadata.apis.iter().any(|api| api.name == needed), "no {needed}");
    }
}
