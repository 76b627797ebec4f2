//! Subscriptions tell the present at once, and then every change.

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
    net.chain.mine(1).await.unwrap();
    let block = next(&mut statuses).await["inBlock"].clone();
    let read = net.ask("chain_getBlock", json!([block])).await.unwrap();
    assert_eq!(read["block"]["extrinsics"][1], json!(hex(&bytes)));
    let events = storage_key("System", "Events");
    assert!(net.ask("state_getStorageAt", json!([events, block])).await.unwrap().is_string());
    assert_eq!(next(&mut statuses).await, json!({ "finalized": block }));
    assert_eq!(net.ask("author_unwatchExtrinsic", json!(["gone"])).await.unwrap(), json!(false));
}

async fn watch(net: &Net, bytes: &[u8]) -> subxt::rpcs::client::RpcSubscription<Value> {
    net.subscribe("author_submitAndWatchExtrinsic", json!([hex(bytes)]), "author_unwatchExtrinsic").await.unwrap()
}
