//! The newer JSON-RPC: subxt on its `chainHead` backend alone, and the shapes and limits that the specification asks for.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use neuron::localnet::{LocalnetConfig, spawn};
use serde_json::{Value, json};
use subxt::backend::ChainHeadBackend;
use subxt::config::SubstrateConfig;
use subxt::rpcs::client::{RpcClient, RpcSubscription};
use subxt::{OnlineClient, dynamic};

use super::client::{Net, ask, config, free_balance, gives_bob_some, hex, start, storage_key, transfer};

/// A client that knows `chainHead_v1`, `transactionWatch_v1` and `chainSpec_v1` and nothing else.
async fn chain_head_client(url: &str) -> OnlineClient<SubstrateConfig> {
    let rpc = RpcClient::from_insecure_url(url).await.unwrap();
    let (backend, driver) = ChainHeadBackend::builder().build(rpc);
    tokio::spawn(driver.for_each(|_| std::future::ready(())));
    OnlineClient::from_backend(Arc::new(backend)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subxt_reads_and_submits_on_its_chain_head_backend() {
    let block_time = Duration::from_millis(30);
    let chain = spawn(LocalnetConfig { block_time, finality: block_time, ..config() }).await.unwrap();
    let client = chain_head_client(&chain.ws_url()).await;
    let before = free_balance(&client, "//Bob").await;

    // All of a map, and a runtime call.
    let at = client.at_current_block().await.unwrap();
    let names = dynamic::storage::<(u16,), dynamic::Value>("SubtensorModule", "SubnetIdentitiesV3");
    let mut subnets = at.storage().iter(names, ()).await.unwrap();
    let mut seen = 0;
    while let Some(entry) = subnets.next().await {
        entry.unwrap().value().decode().unwrap();
        seen += 1;
    }
    assert_eq!(seen, 2);
    let call = dynamic::runtime_api_call::<(), dynamic::Value>("Core", "version", ());
    let version = at.runtime_apis().call(call).await.unwrap();
    assert!(version.to_string().contains("node-subtensor"), "{version}");

    let events = gives_bob_some(&client).await;
    assert!(events.iter().any(|(_, event)| event == "Transfer"));
    assert_eq!(free_balance(&client, "//Bob").await, before + 12_000_000);

    let mut blocks = client.stream_blocks().await.unwrap();
    let first = blocks.next().await.unwrap().unwrap();
    let second = blocks.next().await.unwrap().unwrap();
    assert_eq!(second.number(), first.number() + 1);
}

/// A subscription that follows, with its id and what it was told at first.
struct Following {
    events: RpcSubscription<Value>,
    id: String,
    last_final: Value,
}

async fn follow(net: &Net, with_runtime: bool) -> Following {
    let mut events =
        net.subscribe("chainHead_v1_follow", json!([with_runtime]), "chainHead_v1_unfollow").await.unwrap();
    let id = events.subscription_id().unwrap().to_owned();
    let first = next(&mut events).await;
    assert_eq!(first["event"], "initialized");
    assert_eq!(first.get("finalizedBlockRuntime").is_some(), with_runtime);
    let last_final = first["finalizedBlockHashes"][0].clone();
    Following { events, id, last_final }
}

impl Following {
    async fn next(&mut self) -> Value {
        next(&mut self.events).await
    }

    /// Starts an operation, and gives its id.
    async fn start(&self, net: &Net, method: &str, block: &Value, more: Vec<Value>) -> String {
        let params = [vec![json!(self.id), block.clone()], more].concat();
        let answer = net.ask(method, json!(params)).await.unwrap();
        assert_eq!(answer["result"], "started", "{answer}");
        answer["operationId"].as_str().unwrap().to_owned()
    }
}

async fn next(events: &mut RpcSubscription<Value>) -> Value {
    tokio::time::timeout(Duration::from_secs(20), events.next()).await.expect("an event").unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_are_told_one_by_one_and_final_ones_later() {
    let net = start(LocalnetConfig { finality: Duration::from_secs(3_000), ..config() }).await;
    let mut following = follow(&net, true).await;
    let head = net.ask("chain_getHead", json!([])).await.unwrap();
    assert_eq!(following.next().await, json!({ "event": "bestBlockChanged", "bestBlockHash": head }));
    let mut parent = head;
    let mut told = Vec::new();
    net.chain.mine(3).await.unwrap();
    for _ in 0..3 {
        let block = following.next().await;
        assert_eq!((&block["event"], &block["parentBlockHash"]), (&json!("newBlock"), &parent));
        assert_eq!(block["newRuntime"], Value::Null);
        parent = block["blockHash"].clone();
        told.push(parent.clone());
        assert_eq!(following.next().await, json!({ "event": "bestBlockChanged", "bestBlockHash": parent }));
    }
    assert_eq!(net.ask("chain_getHead", json!([])).await.unwrap(), parent);
    net.ask("dev_finality", json!([0])).await.unwrap();
    // Together or one after the other, in their order.
    let mut finalized = Vec::new();
    while finalized.len() < told.len() {
        let event = following.next().await;
        assert_eq!((&event["event"], &event["prunedBlockHashes"]), (&json!("finalized"), &json!([])));
        finalized.extend(event["finalizedBlockHashes"].as_array().unwrap().clone());
    }
    assert_eq!(finalized, told);

    // An upgrade is told with its block.
    net.ask("dev_setSpecVersion", json!([430])).await.unwrap();
    let block = following.next().await;
    assert_eq!(block["newRuntime"]["spec"]["specVersion"], json!(430));
    assert!(block["newRuntime"]["spec"]["apis"].is_object());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_is_readable_and_what_was_let_go_is_not() {
    let net = start(config()).await;
    let mut following = follow(&net, true).await;
    let (id, block) = (following.id.clone(), following.last_final.clone());
    following.next().await;
    let header = net.ask("chainHead_v1_header", json!([id, block])).await.unwrap();
    let bytes = hex::decode(header.as_str().unwrap().trim_start_matches("0x")).unwrap();
    assert_eq!(json!(hex(sp_io::hashing::blake2_256(&bytes))), block);

    let body = following.start(&net, "chainHead_v1_body", &block, vec![]).await;
    let done = following.next().await;
    let read = net.ask("chain_getBlock", json!([block])).await.unwrap();
    assert_eq!((&done["operationId"], &done["value"]), (&json!(body), &read["block"]["extrinsics"]));

    let call = following.start(&net, "chainHead_v1_call", &block, vec![json!("Core_version"), json!("0x")]).await;
    let done = following.next().await;
    assert_eq!(done["operationId"], json!(call));
    assert_eq!(done["output"], net.ask("state_call", json!(["Core_version", "", block])).await.unwrap());
    following.start(&net, "chainHead_v1_call", &block, vec![json!("No_such"), json!("0x")]).await;
    let failed = following.next().await;
    assert!(failed["event"] == "operationError" && failed["error"].as_str().unwrap().contains("No_such"), "{failed}");

    let key = storage_key("System", "Number");
    let queries = json!([{ "key": key, "type": "value" }, { "key": "0xffff", "type": "value" }]);
    let read = following.start(&net, "chainHead_v1_storage", &block, vec![queries, Value::Null]).await;
    let items = following.next().await;
    assert_eq!(
        (&items["operationId"], &items["items"]),
        (&json!(read), &json!([{ "key": key, "value": "0x01000000" }]))
    );
    assert_eq!(following.next().await, json!({ "event": "operationStorageDone", "operationId": read }));

    let unpin = |hashes: Value| net.ask("chainHead_v1_unpin", json!([id, hashes]));
    assert_eq!(unpin(json!([block, block])).await.unwrap_err().code, -32804);
    assert_eq!(unpin(block.clone()).await.unwrap(), Value::Null);
    assert_eq!(unpin(block.clone()).await.unwrap_err().code, -32801);
    for method in ["chainHead_v1_header", "chainHead_v1_body"] {
        assert_eq!(net.ask(method, json!([id, block])).await.unwrap_err().code, -32801, "{method}");
    }
    // A subscription that is not there, or another connection's.
    assert_eq!(net.ask("chainHead_v1_header", json!(["gone", block])).await.unwrap(), Value::Null);
    let other = RpcClient::from_insecure_url(net.chain.ws_url()).await.unwrap();
    assert_eq!(
        ask(&other, "chainHead_v1_body", json!([id, block])).await.unwrap(),
        json!({ "result": "limitReached" })
    );
    let plain = follow(&net, false).await;
    let refused = net.ask("chainHead_v1_call", json!([plain.id, plain.last_final, "Core_version", "0x"])).await;
    assert_eq!(refused.unwrap_err().code, -32802);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_answer_waits_for_the_clients_word() {
    let net = start(config()).await;
    let pairs: Vec<Value> = (0..600u16).map(|n| json!([format!("0xee{n:04x}"), "0x01"])).collect();
    let block = net.ask("dev_setStorage", json!([pairs])).await.unwrap();
    let mut following = follow(&net, false).await;
    following.next().await;
    assert_eq!(following.last_final, block);
    let query = vec![json!([{ "key": "0xee", "type": "descendantsValues" }]), Value::Null];
    let read = following.start(&net, "chainHead_v1_storage", &block, query.clone()).await;
    let first = following.next().await["items"].as_array().unwrap().len();
    assert_eq!(following.next().await, json!({ "event": "operationWaitingForContinue", "operationId": read }));
    net.ask("chainHead_v1_continue", json!([following.id, read])).await.unwrap();
    assert_eq!(first + following.next().await["items"].as_array().unwrap().len(), 600);
    assert_eq!(following.next().await["event"], "operationStorageDone");

    // One that is stopped says nothing more; others go on meanwhile, up to the limit.
    let stopped = following.start(&net, "chainHead_v1_storage", &block, query.clone()).await;
    following.next().await;
    following.next().await;
    net.ask("chainHead_v1_stopOperation", json!([following.id, stopped])).await.unwrap();
    net.ask("chainHead_v1_continue", json!([following.id, stopped])).await.unwrap();
    let mut limit = 0;
    loop {
        let params = [vec![json!(following.id), block.clone()], query.clone()].concat();
        match net.ask("chainHead_v1_storage", json!(params)).await.unwrap()["result"].as_str().unwrap() {
            "started" => limit += 1,
            word => break assert_eq!(word, "limitReached"),
        }
    }
    assert_eq!(limit, 16);
    let mut told = Vec::new();
    for _ in 0..32 {
        told.push(following.next().await);
    }
    assert!(told.iter().all(|event| event["operationId"] != json!(stopped)), "{told:?}");
    let waiting = told.last().unwrap()["operationId"].clone();
    net.ask("chainHead_v1_continue", json!([following.id, waiting])).await.unwrap();
    following.next().await;
    following.next().await;
    assert_eq!(net.ask("chainHead_v1_continue", json!([following.id, waiting])).await.unwrap(), Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_holds_too_much_or_follows_too_often_is_stopped_and_blocks_go_on() {
    let net = start(LocalnetConfig { states_kept: 40, ..config() }).await;
    let mut following = follow(&net, false).await;
    net.chain.mine(60).await.unwrap();
    let stopped = async { while following.next().await != json!({ "event": "stop" }) {} };
    tokio::time::timeout(Duration::from_secs(20), stopped).await.unwrap();
    let block = json!(net.ask("chain_getHead", json!([])).await.unwrap());
    assert_eq!(net.ask("chainHead_v1_header", json!([following.id, block])).await.unwrap(), Value::Null);
    let mut follows = Vec::new();
    let refused = loop {
        match net.subscribe("chainHead_v1_follow", json!([false]), "chainHead_v1_unfollow").await {
            Ok(one) => follows.push(one),
            Err(refused) => break refused,
        }
    };
    assert_eq!((follows.len(), refused.code), (4, -32800));
    // A place is free again when one ends.
    drop(follows.pop());
    while net.subscribe("chainHead_v1_follow", json!([false]), "chainHead_v1_unfollow").await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watched_transaction_is_told_from_validated_to_finalized() {
    let net = start(LocalnetConfig { finality: Duration::from_secs(3_000), ..config() }).await;
    let watch = async |bytes: &[u8]| {
        let method = "transactionWatch_v1_submitAndWatch";
        net.subscribe(method, json!([hex(bytes)]), "transactionWatch_v1_unwatch").await.unwrap()
    };
    let bytes = net.signed("//Alice", &transfer("//Bob", 1), 0, 0).await;
    let mut statuses = watch(&bytes).await;
    assert_eq!(next(&mut statuses).await, json!({ "event": "validated" }));
    net.chain.mine(1).await.unwrap();
    let block = net.ask("chain_getHead", json!([])).await.unwrap();
    let place = json!({ "hash": block, "index": 1 });
    assert_eq!(next(&mut statuses).await, json!({ "event": "bestChainBlockIncluded", "block": place }));
    net.ask("dev_finality", json!([0])).await.unwrap();
    assert_eq!(next(&mut statuses).await, json!({ "event": "finalized", "block": place }));

    let stale = next(&mut watch(&bytes).await).await;
    assert_eq!(stale, json!({ "event": "invalid", "error": "Transaction is outdated" }));
    assert_eq!(next(&mut watch(&[1, 2]).await).await["event"], "invalid");

    // Broadcasting tells nothing; the chain shows the effect.
    let bytes = net.signed("//Alice", &transfer("//Bob", 5), 1, 0).await;
    let before = net.free_balance("//Bob").await;
    let id = net.ask("transaction_v1_broadcast", json!([hex(&bytes)])).await.unwrap();
    while net.chain.waiting() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    net.chain.mine(1).await.unwrap();
    assert_eq!(net.free_balance("//Bob").await, before + 5);
    assert_eq!(net.ask("transaction_v1_stop", json!([id])).await.unwrap(), Value::Null);
    assert_eq!(net.ask("transaction_v1_stop", json!(["x"])).await.unwrap_err().code, -32602);
    let future = net.signed("//Alice", &transfer("//Bob", 5), 90, 0).await;
    assert!(net.ask("transaction_v1_broadcast", json!([hex(&future)])).await.unwrap().is_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_answers_by_height_and_hash() {
    let net = start(LocalnetConfig { states_kept: 5, ..config() }).await;
    net.chain.mine(10).await.unwrap();
    let head = net.ask("chain_getHead", json!([])).await.unwrap();
    assert_eq!(net.ask("archive_v1_finalizedHeight", json!([])).await.unwrap(), json!(11));
    assert_eq!(net.ask("archive_v1_hashByHeight", json!([11])).await.unwrap(), json!([head]));
    assert_eq!(net.ask("archive_v1_hashByHeight", json!([12])).await.unwrap(), json!([]));
    assert_eq!(net.ask("archive_v1_genesisHash", json!([])).await.unwrap(), json!(hex(net.chain.genesis_hash())));
    let header = net.ask("archive_v1_header", json!([head])).await.unwrap();
    let bytes = hex::decode(header.as_str().unwrap().trim_start_matches("0x")).unwrap();
    assert_eq!(json!(hex(sp_io::hashing::blake2_256(&bytes))), head);
    let block = net.ask("chain_getBlock", json!([head])).await.unwrap();
    assert_eq!(net.ask("archive_v1_body", json!([head])).await.unwrap(), block["block"]["extrinsics"]);
    let unknown = json!(hex([7; 32]));
    for method in ["archive_v1_header", "archive_v1_body"] {
        assert_eq!(net.ask(method, json!([unknown])).await.unwrap(), Value::Null, "{method}");
    }
    let call = |block: Value, name: &'static str| net.ask("archive_v1_call", json!([block, name, "0x"]));
    assert_eq!(call(head.clone(), "Core_version").await.unwrap()["success"], json!(true));
    assert_eq!(call(head.clone(), "No_such").await.unwrap()["success"], json!(false));
    assert_eq!(call(unknown.clone(), "Core_version").await.unwrap(), Value::Null);
    let old = net.ask("archive_v1_hashByHeight", json!([3])).await.unwrap()[0].clone();
    let discarded = call(old.clone(), "Core_version").await.unwrap();
    assert!(discarded["error"].as_str().unwrap().contains("State already discarded"), "{discarded}");

    let number = storage_key("System", "Number");
    let events = async |method: &'static str, params: Value| {
        let mut events = net.subscribe(method, params, "archive_v1_stopStorage").await.unwrap();
        let mut told = Vec::new();
        loop {
            let event = next(&mut events).await;
            let name = event["event"].as_str().unwrap().to_owned();
            told.push(event);
            if name.ends_with("Done") || name.ends_with("Error") {
                return told;
            }
        }
    };
    let query = json!([{ "key": number, "type": "value" }]);
    let told = events("archive_v1_storage", json!([head, query, null])).await;
    assert_eq!(told[0], json!({ "event": "storage", "key": number, "value": "0x0b000000" }));
    assert_eq!(told[1], json!({ "event": "storageDone" }));
    let told = events("archive_v1_storage", json!([old, query])).await;
    assert_eq!(told[0]["event"], "storageError");

    net.ask("dev_setStorage", json!([[["0xee01", "0x01"], ["0xee02", "0x02"]]])).await.unwrap();
    let before = net.ask("dev_setStorage", json!([[["0xee00", "0x00"]]])).await.unwrap();
    let after = net.ask("dev_setStorage", json!([[["0xee01", null], ["0xee02", "0x03"], ["0xee03", "0x04"]]])).await;
    let items = json!([{ "key": "0xee", "returnType": "value" }]);
    let told = events("archive_v1_storageDiff", json!([after.unwrap(), items, before])).await;
    let change = |key: &str, kind: &str| json!({ "event": "storageDiff", "key": key, "type": kind });
    let with = |mut event: Value, value: &str| {
        event["value"] = json!(value);
        event
    };
    let expected = [
        change("0xee01", "deleted"),
        with(change("0xee02", "modified"), "0x03"),
        with(change("0xee03", "added"), "0x04"),
        json!({ "event": "storageDiffDone" }),
    ];
    assert_eq!(told, expected);
}
