//! A neuron's life on a real chain, over real sockets: registration, serving, stake, weights, and each refusal by name.
#![cfg(feature = "localnet")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::Ordering;
use std::time::Duration;

use neuron::localnet::LocalnetConfig;
use neuron::localnet::genesis::{GenesisConfig, SubnetGenesis};
use neuron::localnet::runtime::COMPOSITE_SINCE;
use neuron::subtensor::{Announcement, Retry, Subtensor, SubtensorConfig, SubtensorError};
use neuron::units::{Account, NetUid, Rao, Uid};

use crate::relay::Relay;
use crate::subtensor::{EVENTS, key, quick, start};

/// Long enough for any of this on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a neuron has its validator permit, which the next epoch gives.
pub async fn permit(chain: &Subtensor, uid: Uid) {
    let permitted = async {
        let mut blocks = chain.blocks();
        while !chain.metagraph(EVENTS).await.unwrap().neuron(uid).unwrap().validator_permit {
            blocks.changed().await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, permitted).await.expect("no permit");
}

/// The name under which the chain refused.
fn refused<T: std::fmt::Debug>(outcome: Result<T, SubtensorError>) -> String {
    let error = outcome.unwrap_err();
    let refusal = error.refusal().unwrap_or_else(|| panic!("no refusal: {error}"));
    assert!(!refusal.cause.as_raw().is_empty() && !refusal.next_step.is_empty(), "{refusal:?}");
    assert!(error.to_string().contains(&refusal.name), "{error}");
    refusal.name.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_neuron_registers_serves_is_staked_on_and_sets_weights() {
    a_neurons_life(quick()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_neuron_lives_alike_where_a_netuid_is_a_struct() {
    let genesis = GenesisConfig { spec_version: COMPOSITE_SINCE, ..quick().genesis };
    a_neurons_life(LocalnetConfig { genesis, ..quick() }).await;
}

async fn a_neurons_life(config: LocalnetConfig) {
    let (_node, chain) = start(config).await;
    let (coldkey, hotkey) = (key("//Bob"), key("//Bob//validator"));
    let (owner, account) = (coldkey.account(), hotkey.account());

    let terms = chain.hyperparameters(EVENTS).await.unwrap();
    assert_eq!((terms.tempo, terms.weights_rate_limit, terms.commit_reveal_weights_enabled), (5, 0, false));
    assert_eq!(terms.neurons, 1, "the subnet's owner is there from the start");
    let price = terms.burn.unwrap();

    let before = chain.balance(&owner).await.unwrap();
    let registered = chain.burned_register(&coldkey, EVENTS, &account).await.unwrap();
    assert_eq!(registered.uid, Uid(1));
    assert!(registered.inclusion.unwrap().finalised);
    let paid = before.0 - chain.balance(&owner).await.unwrap().0;
    assert!(paid >= price.0 / 2 && paid < 2 * Rao::PER_TAO, "{paid} rao at a price of {price}");
    let again = chain.burned_register(&coldkey, EVENTS, &account).await.unwrap();
    assert_eq!((again.uid, again.inclusion), (Uid(1), None), "a second registration costs nothing");
    assert_eq!(chain.owner(&account).await.unwrap(), Some(owner));
    assert_eq!(chain.owner(&Account([9; 32])).await.unwrap(), None);

    let announcement = Announcement { ip: IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3)), port: 8091, version: 10_005_000 };
    assert!(chain.serve_axon(&hotkey, EVENTS, announcement).await.unwrap().is_some());
    assert_eq!(chain.serve_axon(&hotkey, EVENTS, announcement).await.unwrap(), None, "served once");

    chain.add_stake(&coldkey, &account, EVENTS, Rao::from_tao(100)).await.unwrap();
    let stake = chain.stake(&account, &owner, EVENTS).await.unwrap();
    assert!(stake > Rao::from_tao(50), "{stake} alpha for 100 TAO");
    permit(&chain, registered.uid).await;

    let metagraph = chain.metagraph(EVENTS).await.unwrap();
    let neuron = metagraph.by_hotkey(&account).unwrap();
    assert_eq!((neuron.uid, neuron.hotkey, neuron.coldkey), (Uid(1), account, owner));
    let axon = neuron.axon.clone().unwrap();
    assert_eq!((axon.ip, axon.port, axon.version, axon.protocol), (announcement.ip, 8091, 10_005_000, 4));
    assert!(neuron.registered_at > 0 && neuron.registered_at <= metagraph.block);
    assert!(neuron.total_stake > Rao::from_tao(50));
    assert_eq!(metagraph.neuron(Uid(0)).unwrap().axon, None);

    chain.set_weights(&hotkey, EVENTS, &[(Uid(0), 100), (Uid(1), 50)], 0).await.unwrap();
    // The chain scales the largest to 65535.
    assert_eq!(chain.weights_of(EVENTS, Uid(1)).await.unwrap(), [(Uid(0), 65535), (Uid(1), 32768)]);

    let positions = chain.stakes(&owner).await.unwrap();
    assert!(
        positions.iter().any(|p| (p.hotkey, p.netuid, p.is_registered) == (account, EVENTS, true)),
        "{positions:?}"
    );

    chain.remove_stake(&coldkey, &account, EVENTS, Rao::from_tao(40)).await.unwrap();
    assert!(chain.stake(&account, &owner, EVENTS).await.unwrap() < stake);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_has_its_name_and_a_remedy() {
    let events = SubnetGenesis {
        tempo: 5,
        weights_rate_limit: 1000,
        serving_rate_limit: 1000,
        weights_version: 7,
        min_allowed_weights: 2,
        ..SubnetGenesis::events()
    };
    let poor = key("//Poor");
    let funded = vec![(poor.account(), Rao(600_000_000))];
    let genesis = GenesisConfig { subnets: vec![events], funded, ..GenesisConfig::default() };
    let (_node, chain) = start(LocalnetConfig { genesis, ..quick() }).await;
    let (coldkey, hotkey, stranger) = (key("//Bob"), key("//Bob//validator"), key("//Stranger"));
    let account = hotkey.account();

    // Registration.
    assert_eq!(refused(chain.burned_register(&coldkey, NetUid(77), &account).await), "SubnetNotExists");
    let root = chain.burned_register(&coldkey, NetUid(0), &account).await;
    assert_eq!(refused(root), "RegistrationNotPermittedOnRootSubnet");
    assert_eq!(refused(chain.burned_register(&poor, EVENTS, &account).await), "NotEnoughBalanceToStake");
    assert_eq!(refused(chain.burned_register(&stranger, EVENTS, &account).await), "Payment");
    chain.burned_register(&coldkey, EVENTS, &account).await.unwrap();

    // Serving: refused in the pool, with a number instead of a name.
    let at = |ip| Announcement { ip, port: 8091, version: 1 };
    let home = at(IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3)));
    assert_eq!(refused(chain.serve_axon(&stranger, EVENTS, home).await), "HotKeyNotRegisteredInNetwork");
    let loopback = at(IpAddr::V4(Ipv4Addr::LOCALHOST));
    assert_eq!(refused(chain.serve_axon(&hotkey, EVENTS, loopback).await), "InvalidIpAddress");
    let no_port = Announcement { port: 0, ..home };
    assert_eq!(refused(chain.serve_axon(&hotkey, EVENTS, no_port).await), "InvalidPort");
    chain.serve_axon(&hotkey, EVENTS, home).await.unwrap();
    let moved = at(IpAddr::V4(Ipv4Addr::new(10, 1, 2, 4)));
    assert_eq!(refused(chain.serve_axon(&hotkey, EVENTS, moved).await), "ServingRateLimitExceeded");

    // Stake.
    let dust = chain.add_stake(&coldkey, &account, EVENTS, Rao(1000)).await;
    assert_eq!(refused(dust), "AmountTooLow");
    let nobody = chain.add_stake(&coldkey, &Account([9; 32]), EVENTS, Rao::from_tao(1)).await;
    assert_eq!(refused(nobody), "HotKeyAccountNotExists");

    // Weights.
    let two = [(Uid(0), 1), (Uid(1), 1)];
    assert_eq!(refused(chain.set_weights(&stranger, EVENTS, &two, 7).await), "HotKeyNotRegisteredInSubNet");
    let error = chain.set_weights(&hotkey, EVENTS, &two, 7).await.unwrap_err();
    // `LastUpdate` is the registration's block, so the limit holds from the start.
    assert!(
        ["SettingWeightsTooFast", "RateLimitExceeded"].contains(&error.refusal().unwrap().name.as_str()),
        "{error}"
    );
    assert!(matches!(error.retry(), Retry::After(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weights_need_the_subnets_version_and_a_permit() {
    let events = SubnetGenesis { weights_version: 7, tempo: 1000, weights_rate_limit: 0, ..SubnetGenesis::events() };
    let genesis = GenesisConfig { subnets: vec![events], ..GenesisConfig::default() };
    let (_node, chain) = start(LocalnetConfig { genesis, ..quick() }).await;
    let (coldkey, hotkey) = (key("//Bob"), key("//Bob//validator"));
    chain.burned_register(&coldkey, EVENTS, &hotkey.account()).await.unwrap();
    let two = [(Uid(0), 1), (Uid(1), 1)];
    assert_eq!(refused(chain.set_weights(&hotkey, EVENTS, &two, 6).await), "IncorrectWeightVersionKey");
    assert_eq!(refused(chain.set_weights(&hotkey, EVENTS, &two, 7).await), "NeuronNoValidatorPermit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_metagraph_reads_the_same_from_storage() {
    let (node, chain) = start(quick()).await;
    let coldkey = key("//Bob");
    for name in ["//Bob//one", "//Bob//two"] {
        let hotkey = key(name);
        chain.burned_register(&coldkey, EVENTS, &hotkey.account()).await.unwrap();
        chain.add_stake(&coldkey, &hotkey.account(), EVENTS, Rao::from_tao(5)).await.unwrap();
        let ip = IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3));
        chain.serve_axon(&hotkey, EVENTS, Announcement { ip, port: 8091, version: 1 }).await.unwrap();
    }
    permit(&chain, Uid(2)).await;
    let relay = Relay::to(&node.ws_url()).await;
    relay.faults.only_metadata_14.store(true, Ordering::SeqCst);
    let without_apis = Subtensor::connect(SubtensorConfig::new([&relay.url])).await.unwrap();
    let (one, owner) = (key("//Bob//one").account(), coldkey.account());
    let positions = async {
        loop {
            let (api, storage) = tokio::try_join!(chain.stakes(&owner), without_apis.stakes(&owner)).unwrap();
            // Dividends come with every epoch: the stakes of one moment.
            if api == storage {
                return assert_eq!(api.iter().filter(|position| position.netuid == EVENTS).count(), 2);
            }
        }
    };
    tokio::time::timeout(PATIENCE, positions).await.expect("an epoch between any two readings");
    let whole = async {
        loop {
            let stake = || without_apis.stake(&one, &owner, EVENTS);
            let (before, metagraph, after) = (stake().await, without_apis.metagraph(EVENTS).await, stake().await);
            // Without an epoch in between: nobody else has a stake on it.
            if before.as_ref().unwrap() == after.as_ref().unwrap() {
                let alpha = metagraph.unwrap().by_hotkey(&one).unwrap().alpha_stake;
                return assert_eq!(after.unwrap(), alpha);
            }
        }
    };
    tokio::time::timeout(PATIENCE, whole).await.expect("an epoch between any two readings");
    // The other way, nothing but the API and the one column that it lacks.
    let relay_with_apis = Relay::to(&node.ws_url()).await;
    let with_apis = Subtensor::connect(SubtensorConfig::new([&relay_with_apis.url])).await.unwrap();
    with_apis.metagraph(EVENTS).await.unwrap();
    let asked = std::mem::take(&mut *relay_with_apis.faults.asked.lock().unwrap());
    let called = |name: &str| asked.iter().filter(|asked| asked.starts_with(name)).count();
    assert_eq!(called("state_call SubnetInfoRuntimeApi_get_metagraph"), 1, "{asked:?}");
    assert_eq!((called("state_getStorage"), called("state_queryStorageAt")), (1, 0), "{asked:?}");
    let asked = std::mem::take(&mut *relay.faults.asked.lock().unwrap());
    assert!(!asked.iter().any(|asked| asked.contains("SubnetInfoRuntimeApi")), "{asked:?}");
    // Blocks go on: compare two readings that found the same one.
    let compared = async {
        loop {
            let (api, storage) = tokio::try_join!(chain.metagraph(EVENTS), without_apis.metagraph(EVENTS)).unwrap();
            if api.block == storage.block {
                return assert_eq!(api, storage);
            }
        }
    };
    tokio::time::timeout(PATIENCE, compared).await.expect("never the same block");
}
