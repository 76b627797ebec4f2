//! A chain that starts from files is the one that they describe, to whoever reads it.

use neuron::localnet::scenario::{Scenario, fork};
use neuron::localnet::{LocalnetConfig, spawn};
use neuron::subtensor::{AxonInfo, Metagraph, Neuron, Stored, Subtensor, SubtensorConfig};
use neuron::units::{NetUid, Uid};
use serde_json::json;

use super::client::config;

const FILE: &str = r#"
    [[subnet]]
    netuid = 42
    tempo = 7

    [[subnet.neuron]]
    hotkey = "//Miner//1"
    coldkey = "//Miner"
    axon = "127.0.0.2:8091"

    [[subnet.neuron]]
    hotkey = "//Valid//1"
    coldkey = "//Valid"
    stake = 5000
    permit = true
    weights = { 1 = 65535 }
"#;

async fn connected(config: LocalnetConfig) -> (neuron::localnet::Handle, Subtensor) {
    let chain = spawn(config).await.unwrap();
    let client = Subtensor::connect(SubtensorConfig::new([chain.ws_url()])).await.unwrap();
    (chain, client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_declared_subnet_and_the_fork_of_its_metagraph_look_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let [file, saved, rows] = ["subnets.toml", "42.json", "weights.json"].map(|name| folder.path().join(name));
    std::fs::write(&file, FILE).unwrap();
    let mut declared = config();
    declared.genesis.subnets = Scenario::load(&file).unwrap().subnets;
    let (first, reader) = connected(declared).await;
    let metagraph = reader.metagraph(NetUid(42)).await.unwrap();
    let validator = metagraph.neuron(Uid(2)).unwrap();
    assert_eq!((metagraph.neurons.len(), validator.alpha_stake.as_tao()), (3, 5_000.0));
    assert_eq!(metagraph.neuron(Uid(1)).unwrap().axon.as_ref().unwrap().socket().to_string(), "127.0.0.2:8091");

    // What an epoch makes of it is in the fork as well.
    first.mine(16).await.unwrap();
    let metagraph = reader.metagraph(NetUid(42)).await.unwrap();
    let miner = metagraph.neuron(Uid(1)).unwrap();
    assert!(miner.incentive > 0.99 && miner.emission.0 > 0, "the declared weights count: {miner:?}");
    metagraph.save(&saved).unwrap();
    std::fs::write(&rows, json!({ "netuid": 42, "rows": { "2": [[1, 65535]] } }).to_string()).unwrap();
    let mut forked = config();
    forked.genesis.subnets = vec![fork(&saved, Some(&rows), &[]).unwrap()];
    let (_second, reader) = connected(forked).await;
    let again = reader.metagraph(NetUid(42)).await.unwrap();
    let told = |metagraph: &Metagraph| -> Vec<_> {
        let one = |n: &Neuron| {
            let axon = n.axon.as_ref().map(AxonInfo::socket);
            (n.uid, n.hotkey, n.coldkey, axon, n.alpha_stake, n.validator_permit, n.emission, n.incentive.to_bits())
        };
        metagraph.neurons.iter().map(one).collect()
    };
    assert_eq!(told(&again), told(&metagraph));
    let weights = reader.storage("SubtensorModule.Weights", &[42.into(), 2.into()], 1).await.unwrap();
    assert_eq!(weights, Stored::Value(json!([[1, 65535]])));
}
