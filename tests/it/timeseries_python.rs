//! Time-series work with SDK 10 at the other end: its dendrite asks our miner, our validator asks its axons.

use std::process::Stdio;

use neuron::axon::Outcome;
use neuron::forecast::series::Persistence;
use neuron::subnets::timeseries::Protocol;
use neuron::subnets::timeseries::miner::memory::Memory;
use neuron::subnets::work::Peer;
use neuron::units::{Identity, Uid};
use serde_json::Value;

use crate::needs::{python, shared};
use crate::python_wire;
use crate::timeseries_round::{World, serve};

tests! { asynchronous: sdk_10_asks_our_miner_for_commitment_and_numbers, our_validator_takes_commitments_and_numbers_of_sdk_10 }

async fn ask(port: u16, hotkey: &str, synapses: &str) -> Value {
    let output = tokio::process::Command::new(python("NEURON_PYTHON"))
        .arg(shared("peers/dendrite_peer.py"))
        .args(["--port", &port.to_string(), "--hotkey", hotkey, "--synapses", synapses])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn result<'a>(report: &'a Value, synapse: &str) -> &'a Value {
    report["results"].as_array().unwrap().iter().find(|result| result["synapse"] == synapse).unwrap()
}

async fn sdk_10_asks_our_miner_for_commitment_and_numbers() {
    let world = World::new();
    let miner = world.miner(Persistence, Memory::fleeting());
    miner.refresh().await;
    let serving = serve(&miner, "//Bob", 0).await;
    let (port, hotkey) = (serving.axon.local_addr().port(), serving.axon.hotkey().to_owned());
    let committed = ask(port, &hotkey, "live-hash,training-backward").await;
    let hash = result(&committed, "live-hash")["hashed_predictions"].clone();
    assert!(hash.as_str().is_some_and(|hash| hash.len() == 64), "{committed:#}");
    world.clock.advance(std::time::Duration::from_secs(60));
    let shown = ask(port, &hotkey, "live").await;
    assert_eq!(result(&shown, "live")["predictions"].as_array().map(Vec::len), Some(100), "{shown:#}");
    // The peer hashes what it was shown, as the reference's validator does.
    assert_eq!(result(&shown, "live")["prediction_hash"], hash);
    let answered = serving.axon.snapshot();
    assert!(answered.routes.iter().flat_map(|r| &r.outcomes).any(|(outcome, _)| *outcome == Outcome::Answered));
}

async fn our_validator_takes_commitments_and_numbers_of_sdk_10() {
    let interpreter = (python("NEURON_PYTHON"), shared("peers"));
    let world = World::new();
    let closes: Vec<String> = (0..100).map(|i| format!("{}", 60_000.0 + f64::from(i) / 3.0)).collect();
    let python = python_wire::Peer::start(&interpreter, "axon_peer.py", &["--predictions", &closes.join(",")]);
    let miner = world.miner(Persistence, Memory::fleeting());
    miner.refresh().await;
    let ours = serve(&miner, "//Charlie", 0).await;
    let identity = Identity { hotkey: python.target.hotkey, registered_at: 3 };
    let peers = [Peer { uid: Uid(0), identity, target: python.target }, ours.peer];
    let validator = world.validator(Protocol::V6);
    let begun = validator.begin(&peers).await.unwrap().unwrap();
    assert_eq!(begun.answered, 2, "{begun:?}");
    world.clock.advance(std::time::Duration::from_secs(60));
    let revealed = validator.reveal(&peers).await.unwrap().unwrap();
    assert_eq!(revealed.answered, 2, "{revealed:?}");
    world.clock.advance(std::time::Duration::from_secs(10 * 3600));
    let registered: Vec<Identity> = peers.iter().map(|peer| peer.identity).collect();
    // LiveBackward goes to both.
    assert_eq!(validator.score(&peers, &registered).await.unwrap().scored, 1);
    assert!(validator.ledger.standings().await.unwrap().iter().any(|s| s.miner == identity && s.predicted == 1));
}
