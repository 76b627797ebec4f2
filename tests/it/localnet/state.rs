//! `--state`: the chain goes on where it was, after a stop and after kill -9.

use std::fs::OpenOptions;
use std::io::{BufReader, Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use neuron::localnet::{LocalnetConfig, LocalnetError, spawn};
use serde_json::{Value, json};
use subxt::rpcs::client::RpcClient;

use super::client::{ask, config, start, transfer};
use crate::support::{Process, neuron};

fn kept(folder: &Path) -> LocalnetConfig {
    LocalnetConfig { state: Some(folder.to_owned()), ..config() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_goes_on_with_the_same_chain() {
    let folder = tempfile::tempdir().unwrap();
    let net = start(kept(folder.path())).await;
    let bytes = net.signed("//Alice", &transfer("//Bob", 77), 0, 0).await;
    net.submit(&bytes).await.unwrap();
    net.chain.mine(30).await.unwrap();
    let (height, genesis, bob) = (net.chain.block_number(), net.chain.genesis_hash(), net.free_balance("//Bob").await);
    let hashes = net.ask("chain_getBlockHash", json!([[1, 2, 30]])).await.unwrap();
    net.chain.stop().await.unwrap();

    // The genesis of the settings is not looked at: the chain is there.
    let mut other = kept(folder.path());
    other.genesis.seed = 99;
    let again = start(other).await;
    assert_eq!((again.chain.block_number(), again.chain.genesis_hash()), (height, genesis));
    assert_eq!(again.ask("chain_getBlockHash", json!([[1, 2, 30]])).await.unwrap(), hashes);
    assert_eq!(again.free_balance("//Bob").await, bob);
    // Old states too, and new blocks on top.
    let old = again.ask("chain_getBlockHash", json!([2])).await.unwrap();
    let number = super::client::storage_key("System", "Number");
    assert_eq!(again.ask("state_getStorage", json!([number, old])).await.unwrap(), json!("0x02000000"));
    let next = again.signed("//Alice", &transfer("//Bob", 1), 1, 0).await;
    again.submit(&next).await.unwrap();
    again.chain.mine(1).await.unwrap();
    assert_eq!(again.free_balance("//Bob").await, bob + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_belongs_to_one_chain_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = spawn(kept(folder.path())).await.unwrap();
    let second = spawn(kept(folder.path())).await.unwrap_err();
    assert!(matches!(second, LocalnetError::State(_)) && second.to_string().contains("--state"), "{second}");
    first.stop().await.unwrap();
    spawn(kept(folder.path())).await.unwrap().stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_torn_last_record_is_cut_off_and_a_foreign_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let chain = spawn(kept(folder.path())).await.unwrap();
    chain.mine(5).await.unwrap();
    let height = chain.block_number();
    chain.stop().await.unwrap();
    let file = folder.path().join("chain");
    let whole = std::fs::read(&file).unwrap();
    OpenOptions::new().append(true).open(&file).unwrap().write_all(&[200, 0, 0, 0, 1, 2, 3]).unwrap();
    let chain = spawn(kept(folder.path())).await.unwrap();
    assert_eq!(chain.block_number(), height);
    chain.stop().await.unwrap();

    // The last block's record itself, cut in the middle.
    std::fs::write(&file, &whole[..whole.len() - 10]).unwrap();
    let chain = spawn(kept(folder.path())).await.unwrap();
    assert_eq!(chain.block_number(), height - 1);
    chain.stop().await.unwrap();

    std::fs::write(&file, "my diary").unwrap();
    let refused = spawn(kept(folder.path())).await.unwrap_err();
    assert!(refused.to_string().contains("move it away"), "{refused}");
    assert_eq!(std::fs::read(&file).unwrap(), b"my diary");
}

/// `neuron localnet` as a process, and what it printed first.
pub fn process(folder: &Path, flags: &[&str]) -> (Process, Value) {
    let child = neuron()
        .args(["localnet", "--port", "0", "--block-time", "5ms", "--output", "json", "--state"])
        .arg(folder)
        .args(flags)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Process(child);
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut text = Vec::new();
    let mut byte = [0];
    // One JSON document ends with the line `}`.
    while !text.ends_with(b"\n}\n") {
        assert_eq!(output.read(&mut byte).unwrap(), 1, "it ended: {}", String::from_utf8_lossy(&text));
        text.push(byte[0]);
    }
    (child, serde_json::from_slice(&text).unwrap())
}

async fn height(rpc: &RpcClient) -> u64 {
    let header = ask(rpc, "chain_getHeader", json!([])).await.unwrap();
    u64::from_str_radix(&header["number"].as_str().unwrap()[2..], 16).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_survives_kill_9_and_stops_cleanly_on_sigterm() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, banner) = process(folder.path(), &[]);
    let rpc = RpcClient::from_insecure_url(banner["endpoint"].as_str().unwrap()).await.unwrap();
    ask(&rpc, "dev_mine", json!([20])).await.unwrap();
    let seen = height(&rpc).await;
    let hash = ask(&rpc, "chain_getBlockHash", json!([seen])).await.unwrap();
    child.kill();

    let (mut child, again) = process(folder.path(), &[]);
    assert_eq!(again["genesis_hash"], banner["genesis_hash"]);
    let rpc = RpcClient::from_insecure_url(again["endpoint"].as_str().unwrap()).await.unwrap();
    // What a client saw is there.
    assert!(height(&rpc).await >= seen);
    assert_eq!(ask(&rpc, "chain_getBlockHash", json!([seen])).await.unwrap(), hash);
    drop(rpc);

    let killed = std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(killed.success());
    let status = tokio::time::timeout(Duration::from_secs(30), tokio::task::spawn_blocking(move || child.wait())).await;
    assert!(status.unwrap().unwrap().unwrap().success());
}
