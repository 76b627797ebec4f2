//! Committed weights on the running chain: sealed for its own beacon and for drand's, by us. Those of the Python SDKs are
//! in `localnet_python_weights.rs`.

use std::path::Path;

use neuron::localnet::genesis::{GenesisConfig, SubnetGenesis, dev_account};
use neuron::localnet::{LocalnetConfig, LocalnetError, PulseError};
use neuron::timelock::{Payload, PublicKey, Schedule, seal};
use neuron::units::UnixMs;
use serde_json::{Value, json};
use subxt::dynamic::{self, Value as Dynamic};
use subxt::rpcs::client::RpcClient;

use super::client::{Net, ask, config, start, storage_key};
use super::state::process;
use crate::support::{fixture, neuron};

/// Milliseconds of chain time per block.
const BLOCK_MS: i64 = 12_000;

/// Commit-reveal on, an epoch every ten blocks from block 10 on, no rate limits. Block 0 is at `time`.
pub fn committed(time: UnixMs) -> LocalnetConfig {
    let events = SubnetGenesis {
        tempo: 10,
        weights_rate_limit: 0,
        serving_rate_limit: 0,
        commit_reveal: true,
        ..SubnetGenesis::events()
    };
    LocalnetConfig { genesis: GenesisConfig { time, subnets: vec![events], ..GenesisConfig::default() }, ..config() }
}

/// The time of block 0 that lets `block` be made just after `round` of quicknet.
pub fn genesis_before(round: u64, block: i64) -> UnixMs {
    UnixMs::from_secs(Schedule::QUICKNET.time_of(round) as i64 + 4).plus_ms(-block * BLOCK_MS)
}

/// Sends calls of a key that is nobody else's here, one per block.
struct Sender<'a> {
    net: &'a Net,
    uri: &'static str,
    nonce: u64,
}

impl Sender<'_> {
    async fn send(&mut self, pallet: &str, call: &str, arguments: Vec<Dynamic>) {
        let call = dynamic::transaction(pallet, call, arguments);
        let bytes = self.net.signed(self.uri, &call, self.nonce, 0).await;
        self.net.submit(&bytes).await.unwrap();
        self.net.chain.mine(1).await.unwrap();
        self.nonce += 1;
    }
}

fn account(uri: &str) -> Dynamic {
    Dynamic::from_bytes(dev_account(uri.trim_start_matches('/')).0)
}

/// `//Validator`, with a permit, at uid 1; the owner's neuron is at uid 0.
async fn validator(net: &Net) -> Sender<'_> {
    let mut bob = Sender { net, uri: "//Bob", nonce: 0 };
    let netuid = || Dynamic::u128(155);
    bob.send("SubtensorModule", "burned_register", vec![netuid(), account("//Validator")]).await;
    let stake = vec![account("//Validator"), netuid(), Dynamic::u128(100_000_000_000)];
    bob.send("SubtensorModule", "add_stake", stake).await;
    to_block(net, 11).await;
    Sender { net, uri: "//Validator", nonce: 0 }
}

async fn to_block(net: &Net, block: u64) {
    net.chain.mine(u32::try_from(block - net.chain.block_number()).unwrap()).await.unwrap();
}

fn sealed(round: u64, key: &PublicKey) -> Vec<Dynamic> {
    let hotkey = Some(dev_account("Validator"));
    let payload = Payload { hotkey, uids: vec![0, 1], values: vec![1, 2], version_key: 0 };
    let commit = seal(&payload, round, key).unwrap();
    let (netuid, mechanism, version) = (Dynamic::u128(155), Dynamic::u128(0), Dynamic::u128(4));
    vec![netuid, mechanism, Dynamic::from_bytes(commit), Dynamic::u128(round.into()), version]
}

/// What the chain stores for the validator, by SCALE: an empty text where there is nothing.
async fn row(net: &Net) -> String {
    let index = [155u16.to_le_bytes(), 1u16.to_le_bytes()].concat();
    let key = format!("{}{}", storage_key("SubtensorModule", "Weights"), hex::encode(index));
    let found = net.ask("state_getStorage", json!([key])).await.unwrap();
    found.as_str().unwrap_or_default().to_owned()
}

/// Uids 0 and 1 with 32768 and 65535.
const REVEALED: &str = "0x08000000800100ffff";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sealed_for_the_chains_own_beacon_is_revealed_in_its_epoch() {
    let net = start(committed(GenesisConfig::default().time)).await;
    let mut validator = validator(&net).await;
    let beacon = net.chain.beacon().await.unwrap();
    assert!(beacon.running && beacon.last_stored_round > 0, "{beacon:?}");
    // Block 20 begins the epoch in which it can be revealed; its round comes three blocks later.
    let time = GenesisConfig::default().time.plus_ms(23 * BLOCK_MS);
    let round = beacon.schedule().round_at(time.0 as u64 / 1000);
    let commit = sealed(round, &beacon.key().unwrap());
    validator.send("SubtensorModule", "commit_timelocked_mechanism_weights", commit).await;
    to_block(&net, 23).await;
    assert_eq!(net.chain.beacon().await.unwrap().last_stored_round, round);
    assert_eq!(row(&net).await, "", "the pulse is in this block, the reveal in the next");
    to_block(&net, 24).await;
    assert_eq!(row(&net).await, REVEALED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_beacon_reveals_nothing_and_later_makes_up_for_it() {
    let net = start(committed(GenesisConfig::default().time)).await;
    let mut validator = validator(&net).await;
    assert_eq!(net.ask("dev_beacon", json!([false])).await.unwrap()["running"], json!(false));
    let beacon = net.chain.beacon().await.unwrap();
    let last = beacon.last_stored_round;
    let soon = || sealed(last + 40, &beacon.key().unwrap());
    validator.send("SubtensorModule", "commit_timelocked_mechanism_weights", soon()).await;
    to_block(&net, 29).await;
    assert_eq!(net.chain.beacon().await.unwrap().last_stored_round, last);
    let on = net.ask("dev_beacon", json!([true])).await.unwrap();
    assert_eq!((&on["running"], on["lastStoredRound"].as_u64()), (&json!(true), Some(last)));
    // Within the epoch it is early enough.
    to_block(&net, 30).await;
    assert_eq!(net.chain.beacon().await.unwrap().last_stored_round, last + 50, "fifty rounds a block");
    assert_eq!(row(&net).await, "", "and with the epoch of this block it is too late");

    validator
        .send("SubtensorModule", "commit_timelocked_mechanism_weights", sealed(last + 100, &beacon.key().unwrap()))
        .await;
    net.chain.run_beacon(false);
    to_block(&net, 45).await;
    net.chain.run_beacon(true);
    to_block(&net, 48).await;
    assert_eq!(row(&net).await, REVEALED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_pulse_opens_what_was_sealed_for_quicknet() {
    let vectors: Value = serde_json::from_str(&fixture("timelock.json")).unwrap();
    let (round, signature) = pulse(&vectors);
    let net = start(committed(genesis_before(round, 23))).await;
    let mut validator = validator(&net).await;
    let commit = sealed(round, &PublicKey::QUICKNET);
    validator.send("SubtensorModule", "commit_timelocked_mechanism_weights", commit).await;
    let wrong = net.ask("dev_putPulse", json!([round + 1, signature])).await.unwrap_err();
    assert!(wrong.data.contains("was signed neither by"), "{wrong:?}");
    assert_eq!(net.ask("dev_putPulse", json!([round, signature])).await.unwrap(), json!("quicknet"));
    to_block(&net, 24).await;
    assert_eq!(row(&net).await, REVEALED);
    let bytes: [u8; 48] = hex::decode(signature).unwrap().try_into().unwrap();
    let late = net.chain.put_pulse(round, bytes).await.unwrap_err();
    assert!(matches!(late, LocalnetError::Pulse(PulseError::Past { .. })), "{late}");
    let forgotten = net.ask("dev_putPulse", json!([])).await.unwrap_err();
    assert_eq!((forgotten.code, forgotten.data.as_str()), (-32602, "parameter 0 must be a round"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_keeps_the_beacons_key_and_a_sleeping_beacon_stores_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let asleep = LocalnetConfig { state: Some(folder.path().to_owned()), ..config() };
    let net = start(asleep.clone()).await;
    net.chain.mine(5).await.unwrap();
    let before = net.chain.beacon().await.unwrap();
    assert_eq!(before.last_stored_round, 0);
    net.chain.stop().await.unwrap();
    let again = start(asleep.clone()).await;
    assert_eq!(again.chain.beacon().await.unwrap().public_key, before.public_key);
    let mut other = asleep;
    other.state = None;
    other.genesis.seed = 1;
    let other = start(other).await;
    assert_ne!(other.chain.beacon().await.unwrap().public_key, before.public_key);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_for_a_round_that_is_over_never_gets_into_a_block() {
    let net = start(committed(GenesisConfig::default().time)).await;
    validator(&net).await;
    let last = net.chain.beacon().await.unwrap().last_stored_round;
    let late = sealed(last - 1, &PublicKey::QUICKNET);
    let call = dynamic::transaction("SubtensorModule", "commit_timelocked_mechanism_weights", late);
    let bytes = net.signed("//Validator", &call, 0, 0).await;
    let refused = net.submit(&bytes).await.unwrap_err();
    assert_eq!((refused.code, refused.data.as_str()), (1010, "Custom error: 15"));
    // Pulses are the author's to give: an unsigned `Drand.write_pulse` of nothing, with an anonymous fetcher.
    let pulses = [[4, 26, 0].as_slice(), &[0; 4], &[0], &[1], &[0; 32], &[0]].concat();
    let unsigned = [[(pulses.len() as u8) << 2].as_slice(), &pulses].concat();
    let refused = net.submit(&unsigned).await.unwrap_err();
    assert_eq!(refused.code, 1011, "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_turns_commit_reveal_on_and_takes_a_file_of_pulses() {
    let vectors: Value = serde_json::from_str(&fixture("timelock.json")).unwrap();
    let (round, signature) = pulse(&vectors);
    let folder = tempfile::tempdir().unwrap();
    let pulses = folder.path().join("pulses.json");
    std::fs::write(&pulses, json!([{"round": round, "signature": signature}]).to_string()).unwrap();
    let flags = ["--pulses", pulses.to_str().unwrap()];
    assert_eq!(last_round(&folder.path().join("one"), &flags).await, round, "all that a sleeping beacon has");
    assert!(last_round(&folder.path().join("two"), &["--commit-reveal"]).await > round, "its own, of 2026");

    std::fs::write(&pulses, "[{]").unwrap();
    let refused = neuron().args(["localnet", "--port", "0"]).args(flags).output().unwrap();
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("pulses.json") && said.contains("expected drand's pulses as JSON"), "{said}");
}

/// The newest round that a process with these flags has stored when it serves.
async fn last_round(state: &Path, flags: &[&str]) -> u64 {
    let (mut child, banner) = process(state, flags);
    let status = match RpcClient::from_insecure_url(banner["endpoint"].as_str().unwrap()).await {
        Ok(rpc) => ask(&rpc, "dev_beacon", json!([])).await.ok(),
        Err(_) => None,
    };
    child.kill();
    status.and_then(|status| status["lastStoredRound"].as_u64()).unwrap_or_default()
}

pub fn pulse(vectors: &Value) -> (u64, &str) {
    (vectors["meta"]["round"].as_u64().unwrap(), vectors["meta"]["signature_hex"].as_str().unwrap())
}
