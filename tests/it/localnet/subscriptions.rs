//! Subscriptions tell the present at once, and then every change.

use std::time::Duration;

use neuron::localnet::LocalnetConfig;
use serde_json::{Value, json};

use super::client::{Net, config, hex, start, storage_key, transfer};

async fn next(subscription: &mut subxt::rpcs::client::RpcSubscription<Value>) -> Value {
    subscription.next().await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_come_without_a_gap_from_the_present_one_on() {
    let net = start(config()).await;
    for (subscribe, unsubscribe) in [
        ("chain_subscribeNewHeads", "chain_unsubscribeNewHeads"),
        ("chain_subscribeNewHead", "chain_unsubscribeNewHead"),
        ("chain_subscribeFinalizedHeads", "chain_unsubscribeFinalizedHeads"),
        ("chain_subscribeAllHeads", "chain_unsubscribeAllHeads"),
    ] {
        let first = net.chain.block_number();
        let mut heads = net.subscribe(subscribe, json!([]), unsubscribe).await.unwrap();
        assert_eq!(next(&mut heads).await["number"], json!(format!("0x{first:x}")));
        net.chain.mine(20).await.unwrap();
        for number in first + 1..=first + 20 {
            assert_eq!(next(&mut heads).await["number"], json!(format!("0x{number:x}")), "{subscribe}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn storage_is_told_at_once_and_when_it_changes() {
    let net = start(config()).await;
    let (number, sudo) = (storage_key("System", "Number"), storage_key("Sudo", "Key"));
    let mut changes =
        net.subscribe("state_subscribeStorage", json!([[number, sudo]]), "state_unsubscribeStorage").await.unwrap();
    let first = next(&mut changes).await;
    assert_eq!(first["changes"].as_array().unwrap().len(), 2);
    assert_eq!(first["changes"][0], json!([number, "0x01000000"]));
    net.chain.mine(1).await.unwrap();
    let second = next(&mut changes).await;
    assert_eq!(second["changes"], json!([[number, "0x02000000"]]));
    assert_eq!(second["block"], net.ask("chain_getHead", json!([])).await.unwrap());
    let refused = net.subscribe("state_subscribeStorage", json!([]), "state_unsubscribeStorage").await.err().unwrap();
    assert_eq!(refused.code, -32602);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_runtime_version_is_told_at_once() {
    let net = start(config()).await;
    let mut versions =
        net.subscribe("state_subscribeRuntimeVersion", json!([]), "state_unsubscribeRuntimeVersion").await.unwrap();
    let asked = net.ask("state_getRuntimeVersion", json!([])).await.unwrap();
    assert_eq!(next(&mut versions).await, asked);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_is_readable_before_its_extrinsic_is_reported_and_unwatching_is_no_error() {
    let net = start(config()).await;
    let bytes = net.signed("//Alice", &transfer("//Bob", 1), 0, 0).await;
    let mut statuses = watch(&net, &bytes).await;
    assert_eq!(next(&mut statuses).await, json!("ready"));
    assert_eq!(next(&mut statuses).await, json!({ "broadcast": [] }));
    net.chain.mine(1).await.unwrap();
    let block = next(&mut statuses).await["inBlock"].clone();
    let read = net.ask("chain_getBlock", json!([block])).await.unwrap();
    assert_eq!(read["block"]["extrinsics"][1], json!(hex(&bytes)));
    let events = storage_key("System", "Events");
    assert!(net.ask("state_getStorageAt", json!([events, block])).await.unwrap().is_string());
    assert_eq!(next(&mut statuses).await, json!({ "finalized": block }));
    assert_eq!(net.ask("author_unwatchExtrinsic", json!(["gone"])).await.unwrap(), json!(false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_is_final_when_its_time_has_come_and_when_a_hundred_follow_it() {
    let net = start(LocalnetConfig { finality: Duration::from_secs(3_000), ..config() }).await;
    let final_height = async || {
        let hash = net.ask("chain_getFinalizedHead", json!([])).await.unwrap();
        let header = net.ask("chain_getHeader", json!([hash])).await.unwrap();
        u32::from_str_radix(header["number"].as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
    };
    assert_eq!(net.ask("dev_finality", json!([])).await.unwrap(), json!(3_000_000));
    let mut finals =
        net.subscribe("chain_subscribeFinalizedHeads", json!([]), "chain_unsubscribeFinalizedHeads").await.unwrap();
    let first = next(&mut finals).await["number"].clone();
    let bytes = net.signed("//Alice", &transfer("//Bob", 1), 0, 0).await;
    let mut statuses = watch(&net, &bytes).await;
    for word in [json!("ready"), json!({ "broadcast": [] })] {
        assert_eq!(next(&mut statuses).await, word);
    }
    net.chain.mine(100).await.unwrap();
    let block = next(&mut statuses).await["inBlock"].clone();
    assert!(block.is_string() && final_height().await == 1, "neither time nor blocks enough");
    net.chain.mine(1).await.unwrap();
    assert_eq!(next(&mut statuses).await, json!({ "finalized": block }));
    assert_eq!(final_height().await, 2, "a hundred follow it");

    // What was not final is when finality comes at once, head by head.
    assert_eq!(net.ask("dev_finality", json!([0])).await.unwrap(), json!(0));
    assert_eq!((final_height().await, net.chain.block_number()), (102, 102));
    assert_eq!(first, "0x1");
    for number in 2..=102 {
        assert_eq!(next(&mut finals).await["number"], format!("0x{number:x}"));
    }
    net.chain.mine(1).await.unwrap();
    assert_eq!(final_height().await, 103);
    // And a short time is one.
    assert_eq!(net.ask("dev_finality", json!([20])).await.unwrap(), json!(20));
    net.chain.mine(3).await.unwrap();
    while final_height().await < 106 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(net.ask("dev_finality", json!([4_000_000])).await.unwrap_err().code, -32602);
}

async fn watch(net: &Net, bytes: &[u8]) -> subxt::rpcs::client::RpcSubscription<Value> {
    net.subscribe("author_submitAndWatchExtrinsic", json!([hex(bytes)]), "author_unwatchExtrinsic").await.unwrap()
}
