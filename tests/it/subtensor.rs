//! The chain client against a real chain, over real sockets: what is there and what is not, writes that happen once
//! although their connection dies, and a node that restarts.
#![cfg(feature = "localnet")]

use std::sync::atomic::Ordering;
use std::time::Duration;

use neuron::localnet::genesis::{GenesisConfig, SubnetGenesis};
use neuron::localnet::{self, LocalnetConfig};
use neuron::subtensor::{Subtensor, SubtensorConfig, SubtensorError};
use neuron::units::{Account, NetUid, Rao, Uid};
use neuron::wallet::{Keypair, Scheme};

use subxt::dynamic::{self, Value};
use subxt::tx::Payload;

use crate::localnet::client as raw;
use crate::relay::Relay;

pub const EVENTS: NetUid = NetUid(155);

pub fn key(uri: &str) -> Keypair {
    Keypair::from_uri(uri, Scheme::Sr25519).unwrap()
}

/// Fast blocks, short epochs, and no limits.
pub fn quick() -> LocalnetConfig {
    let events = SubnetGenesis { tempo: 5, weights_rate_limit: 0, serving_rate_limit: 0, ..SubnetGenesis::events() };
    LocalnetConfig {
        port: 0,
        block_time: Duration::from_millis(50),
        genesis: GenesisConfig { subnets: vec![events], ..GenesisConfig::default() },
        ..LocalnetConfig::default()
    }
}

pub async fn start(config: LocalnetConfig) -> (localnet::Handle, Subtensor) {
    let node = localnet::spawn(config).await.unwrap();
    let chain = Subtensor::connect(SubtensorConfig::new([node.ws_url()])).await.unwrap();
    (node, chain)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_said() {
    let (_node, chain) = start(quick()).await;
    assert!(matches!(chain.metagraph(NetUid(77)).await, Err(SubtensorError::NoSubnet(NetUid(77)))));
    assert!(matches!(chain.hyperparameters(NetUid(77)).await, Err(SubtensorError::NoSubnet(NetUid(77)))));
    assert_eq!(chain.balance(&Account([9; 32])).await.unwrap(), Rao(0));
    assert_eq!(chain.uid(EVENTS, &Account([9; 32])).await.unwrap(), None);
    assert_eq!(chain.axon(EVENTS, &Account([9; 32])).await.unwrap(), None);
    assert_eq!(chain.weights_of(EVENTS, Uid(200)).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_connection_dies_happens_once() {
    let node = localnet::spawn(quick()).await.unwrap();
    let (first, second) = (Relay::to(&node.ws_url()).await, Relay::to(&node.ws_url()).await);
    // The relay dies with its sockets open: only the missing answer tells.
    let answer_deadline = Duration::from_secs(1);
    let config = SubtensorConfig { answer_deadline, ..SubtensorConfig::new([&first.url, &second.url]) };
    let chain = Subtensor::connect(config).await.unwrap();
    let (bob, friend) = (key("//Bob"), Account([7; 32]));

    first.faults.dies_after_submission.store(true, Ordering::SeqCst);
    let inclusion = chain.transfer(&bob, &friend, Rao::from_tao(10)).await.unwrap();
    assert!(inclusion.finalised && inclusion.block > 0);
    assert_eq!(chain.endpoint().as_ref(), Some(&second.url));
    assert_eq!(first.faults.submissions.load(Ordering::SeqCst), 1, "the first relay handed it on");
    assert!(second.faults.submissions.load(Ordering::SeqCst) >= 1, "and the second got the same bytes");
    assert_eq!(chain.balance(&friend).await.unwrap(), Rao::from_tao(10), "once, not twice");
    // The next one has the next nonce.
    chain.transfer(&bob, &friend, Rao::from_tao(1)).await.unwrap();
    assert_eq!(chain.balance(&friend).await.unwrap(), Rao::from_tao(11));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_that_would_empty_the_account_is_refused_by_name() {
    let (_node, chain) = start(quick()).await;
    let (eve, friend) = (key("//Eve"), Account([7; 32]));
    let all = chain.balance(&eve.account()).await.unwrap();
    let error = chain.transfer(&eve, &friend, all).await.unwrap_err();
    let refusal = error.refusal().unwrap();
    assert!(refusal.block.is_some(), "it failed in a block: {error}");
    assert!(["Token", "Balances"].contains(&refusal.pallet.as_str()), "{error}");
    assert_eq!(chain.balance(&friend).await.unwrap(), Rao(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_restarts_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let config = LocalnetConfig { state: Some(folder.path().to_owned()), ..quick() };
    let (node, chain) = start(config.clone()).await;
    let (bob, friend) = (key("//Bob"), Account([7; 32]));
    chain.transfer(&bob, &friend, Rao::from_tao(1)).await.unwrap();
    let port = node.port();
    node.stop().await.unwrap();
    let _node = localnet::spawn(LocalnetConfig { port, ..config }).await.unwrap();
    assert_eq!(chain.balance(&friend).await.unwrap(), Rao::from_tao(1), "the same chain, the same state");
    chain.transfer(&bob, &friend, Rao::from_tao(1)).await.unwrap();
    assert_eq!(chain.balance(&friend).await.unwrap(), Rao::from_tao(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_of_one_key_at_once_all_arrive() {
    let (node, chain) = start(quick()).await;
    // The same key in another process, which cannot know our turn.
    let other = Subtensor::connect(SubtensorConfig::new([node.ws_url()])).await.unwrap();
    let (bob, friend) = (key("//Bob"), Account([7; 32]));
    let writes = (0..8).map(|index| {
        let (chain, bob) = (if index < 6 { chain.clone() } else { other.clone() }, bob.clone());
        tokio::spawn(async move { chain.transfer(&bob, &friend, Rao::from_tao(1)).await })
    });
    for write in writes.collect::<Vec<_>>() {
        write.await.unwrap().unwrap();
    }
    assert_eq!(chain.balance(&friend).await.unwrap(), Rao::from_tao(8));
}

/// `Sudo.sudo(System.set_storage(…))` that makes the runtime report another version from the next block on. Across 429 the
/// metadata changes with it: `NetUid` becomes a struct.
pub fn upgrade(spec_version: u32) -> impl Payload {
    let key = raw::storage_key("SubtensorModule", "SpecVersion");
    let key = Value::from_bytes(hex::decode(key.trim_start_matches("0x")).unwrap());
    let item = Value::unnamed_composite([key, Value::from_bytes(spec_version.to_le_bytes())]);
    let call = Value::unnamed_variant("set_storage", [Value::unnamed_composite([item])]);
    dynamic::transaction("Sudo", "sudo", (Value::unnamed_variant("System", [call]),))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_of_the_runtime_asks_nothing_of_us() {
    let net = raw::start(quick()).await;
    let chain = Subtensor::connect(SubtensorConfig::new([net.chain.ws_url()])).await.unwrap();
    let (bob, friend) = (key("//Bob"), Account([7; 32]));
    chain.transfer(&bob, &friend, Rao::from_tao(1)).await.unwrap();

    let bytes = net.signed("//Alice", &upgrade(500), 0, 0).await;
    // One is signed for the old runtime while the new one comes, and signed again.
    let (submitted, across) = tokio::join!(net.submit(&bytes), chain.transfer(&bob, &friend, Rao::from_tao(1)));
    submitted.unwrap();
    across.unwrap();
    let mut blocks = chain.blocks();
    let upgraded = async {
        loop {
            let version = net.ask("state_getRuntimeVersion", serde_json::json!([])).await.unwrap();
            if version["specVersion"] == 500 {
                return;
            }
            blocks.changed().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), upgraded).await.expect("the runtime does not change");
    chain.transfer(&bob, &friend, Rao::from_tao(1)).await.unwrap();
    assert_eq!(chain.balance(&friend).await.unwrap(), Rao::from_tao(3));
    assert_eq!(chain.hyperparameters(EVENTS).await.unwrap().tempo, 5);
    // Calls, keys and runtime APIs with a netuid in them go by the new metadata.
    let hotkey = key("//Bob//late").account();
    chain.burned_register(&bob, EVENTS, &hotkey).await.unwrap();
    assert!(chain.metagraph(EVENTS).await.unwrap().by_hotkey(&hotkey).is_some());
}
