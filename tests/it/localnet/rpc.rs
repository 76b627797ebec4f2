//! The shapes that real clients count on.

use neuron::localnet::{LocalnetConfig, LocalnetError, spawn};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::client::{Key, config, free_balance, gives_bob_some, hex, start, storage_key, subxt_client, transfer};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subxt_connects_reads_transfers_and_sees_the_events() {
    let chain = spawn(LocalnetConfig { block_time: Duration::from_millis(20), ..config() }).await.unwrap();
    let client = subxt_client(&chain.ws_url()).await;
    let before = free_balance(&client, "//Bob").await;
    let seen = gives_bob_some(&client).await;
    for expected in
        [("Balances", "Transfer"), ("TransactionPayment", "TransactionFeePaid"), ("System", "ExtrinsicSuccess")]
    {
        assert!(seen.iter().any(|(pallet, event)| (pallet.as_str(), event.as_str()) == expected), "{seen:?}");
    }
    assert_eq!(free_balance(&client, "//Bob").await, before + 12_000_000);

    // A failing call is in the block, and fails by name.
    let too_much = client
        .tx()
        .await
        .unwrap()
        .sign_and_submit_then_watch_default(&transfer("//Bob", u64::MAX), &Key::of("//Alice"))
        .await
        .unwrap()
        .wait_for_finalized_success()
        .await;
    let too_much = format!("{:?}", too_much.err().unwrap());
    assert!(too_much.contains("Underflow"), "{too_much}");

    let mut blocks = client.stream_blocks().await.unwrap();
    let first = blocks.next().await.unwrap().unwrap().number();
    assert_eq!(blocks.next().await.unwrap().unwrap().number(), first + 1);
    chain.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_hash_to_their_blocks_and_link_to_their_parents() {
    let net = start(config()).await;
    net.chain.mine(5).await.unwrap();
    let mut hash = net.ask("chain_getFinalizedHead", json!([])).await.unwrap();
    assert_eq!(net.ask("chain_getHead", json!([])).await.unwrap(), hash);
    for number in (0..=6).rev() {
        let header = net.ask("chain_getHeader", json!([hash])).await.unwrap();
        assert_eq!(header["number"], json!(format!("0x{number:x}")));
        assert_eq!(net.ask("chain_getBlockHash", json!([number])).await.unwrap(), hash);
        let block = net.subxt.at_block(subxt::utils::H256(bytes32(&hash))).await;
        if number > 0 {
            // subxt computes the hash anew from the header's SCALE bytes.
            assert_eq!(hex(block.unwrap().block_hash()), hash.as_str().unwrap());
        }
        hash = header["parentHash"].clone();
    }
    assert_eq!(hash, json!(hex([0; 32])));
    let genesis = json!(hex(net.chain.genesis_hash()));
    let many = net.ask("chain_getBlockHash", json!([[0, "0x0", 99]])).await.unwrap();
    assert_eq!(many, json!([genesis, genesis, null]));
}

fn bytes32(hash: &Value) -> [u8; 32] {
    hex::decode(&hash.as_str().unwrap()[2..]).unwrap().try_into().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_page_and_queries_answer_in_one_group_with_nulls() {
    let net = start(config()).await;
    let prefix = storage_key("System", "Account");
    let all = net.ask("state_getKeys", json!([prefix])).await.unwrap();
    let all = all.as_array().unwrap();
    assert!(all.len() >= 6);
    let (mut start_key, mut paged) = (prefix.clone(), Vec::new());
    loop {
        let page = net.ask("state_getKeysPaged", json!([prefix, 2, start_key, null])).await.unwrap();
        let Some(last) = page.as_array().unwrap().last() else { break };
        start_key = last.as_str().unwrap().to_owned();
        paged.extend(page.as_array().unwrap().iter().cloned());
    }
    assert_eq!(&paged, all);
    let refused = net.ask("state_getKeysPaged", json!([prefix, 1_001, prefix])).await.unwrap_err();
    assert_eq!((refused.code, refused.message.as_str()), (4002, "count exceeds maximum value. value: 1001, max: 1000"));

    let missing = format!("{prefix}00");
    let head = net.ask("chain_getHead", json!([])).await.unwrap();
    let groups = net.ask("state_queryStorageAt", json!([[missing, all[0]], null])).await.unwrap();
    let value = net.ask("state_getStorageAt", json!([all[0], null])).await.unwrap();
    assert_eq!(groups, json!([{ "block": head, "changes": [[missing, null], [all[0], value]] }]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_versions_and_runtime_calls_answer_as_sdks_ask() {
    let net = start(config()).await;
    let versions = net.ask("state_call", json!(["Metadata_metadata_versions", ""])).await.unwrap();
    assert_eq!(versions, json!("0x0c0e0000000f00000010000000"));
    // Bare hex, prefixed hex, and a version that does not exist.
    let bare = net.ask("state_call", json!(["Metadata_metadata_at_version", "0f000000", null])).await.unwrap();
    let prefixed = net.ask("state_callAt", json!(["Metadata_metadata_at_version", "0x0f000000"])).await.unwrap();
    assert_eq!(bare, prefixed);
    assert!(bare.as_str().unwrap()[..20].contains("6d657461"));
    let none = net.ask("state_call", json!(["Metadata_metadata_at_version", "0x63000000"])).await.unwrap();
    assert_eq!(none, json!("0x00"));
    assert!(net.ask("state_getMetadata", json!([])).await.unwrap().as_str().unwrap().starts_with("0x6d6574610e"));

    let version = net.ask("state_getRuntimeVersion", json!([null])).await.unwrap();
    assert_eq!((&version["specName"], &version["transactionVersion"]), (&json!("node-subtensor"), &json!(1)));
    assert!(version["apis"].as_array().unwrap().iter().any(|api| api == &json!(["0xdf6acb689907609b", 5])));

    let unknown = net.ask("state_call", json!(["No_such_api", ""])).await.unwrap_err();
    let text = "Client error: Execution failed: Other: Exported method No_such_api is not found";
    assert_eq!((unknown.code, unknown.message.as_str()), (4003, text));
    let short = net.ask("state_call", json!(["AccountNonceApi_account_nonce", "0102"])).await.unwrap_err();
    assert!(short.code == 4003 && short.message.starts_with("Client error: Execution failed: Runtime panicked: "));

    let transfer = net.signed("//Alice", &transfer("//Bob", 1), 0, 0).await;
    let fee = net.ask("payment_queryInfo", json!([hex(&transfer)])).await.unwrap();
    assert!(fee["partialFee"].as_str().unwrap().parse::<u64>().unwrap() > 0 && fee["class"] == "normal");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_listed_method_is_served_and_no_half_family_is_listed() {
    let net = start(config()).await;
    let list = net.ask("rpc_methods", json!([])).await.unwrap();
    let names: Vec<&str> = list["methods"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!(names.is_sorted());
    for needed in [
        "account_nextIndex",
        "author_pendingExtrinsics",
        "author_submitAndWatchExtrinsic",
        "author_submitExtrinsic",
        "author_unwatchExtrinsic",
        "chain_getBlock",
        "chain_getBlockHash",
        "chain_getFinalizedHead",
        "chain_getHead",
        "chain_getHeader",
        "chain_subscribeAllHeads",
        "chain_subscribeFinalizedHeads",
        "chain_subscribeNewHead",
        "chain_subscribeNewHeads",
        "payment_queryInfo",
        "rpc_methods",
        "state_call",
        "state_getKeysPaged",
        "state_getMetadata",
        "state_getRuntimeVersion",
        "state_getStorage",
        "state_getStorageAt",
        "state_queryStorageAt",
        "state_subscribeRuntimeVersion",
        "state_subscribeStorage",
        "system_accountNextIndex",
        "system_chain",
        "system_health",
        "system_name",
        "system_properties",
        "system_version",
    ] {
        assert!(names.contains(&needed), "{needed} is not listed");
    }
    // Clients choose how they speak by the first name of a family that they see, so each is whole.
    let families: [(&str, &[&str]); 5] = [
        (
            "chainHead_v1_",
            &["body", "call", "continue", "follow", "header", "stopOperation", "storage", "unfollow", "unpin"],
        ),
        (
            "archive_v1_",
            &[
                "body",
                "call",
                "finalizedHeight",
                "genesisHash",
                "hashByHeight",
                "header",
                "stopStorage",
                "stopStorageDiff",
                "storage",
                "storageDiff",
            ],
        ),
        ("chainSpec_v1_", &["chainName", "genesisHash", "properties"]),
        ("transaction_v1_", &["broadcast", "stop"]),
        ("transactionWatch_v1_", &["submitAndWatch", "unwatch"]),
    ];
    for (prefix, whole) in families {
        let served: Vec<&str> = names.iter().filter_map(|name| name.strip_prefix(prefix)).collect();
        assert_eq!(served, whole, "{prefix}");
    }
    let head = net.chain.block_number();
    net.ask("dev_mine", json!([3])).await.unwrap();
    assert_eq!(net.chain.block_number(), head + 3);
}

/// A POST as curl sends it.
async fn post(port: u16, body: &str) -> Value {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_answers_on_the_same_port_with_batches_and_the_type_of_each_id() {
    let net = start(config()).await;
    let port = net.chain.port();
    let one = post(port, r#"{"jsonrpc":"2.0","id":"Fy1","method":"system_chain","params":[]}"#).await;
    assert_eq!(one, json!({ "jsonrpc": "2.0", "id": "Fy1", "result": "Bittensor" }));
    let batch = post(
        port,
        r#"[{"jsonrpc":"2.0","id":1,"method":"system_name"},{"jsonrpc":"2.0","id":"b","method":"no_such"}]"#,
    )
    .await;
    let batch = batch.as_array().unwrap();
    assert!(batch.iter().any(|answer| answer["id"] == 1 && answer["result"] == "neuron localnet"));
    assert!(batch.iter().any(|answer| answer["id"] == "b" && answer["error"]["code"] == -32601));
    assert_eq!(post(port, "[]").await["error"]["code"], -32600);
    assert_eq!(post(port, "{").await["error"]["code"], -32700);
    let named = post(port, r#"{"jsonrpc":"2.0","id":1,"method":"chain_getHeader","params":{"hash":null}}"#).await;
    assert_eq!(named["error"]["code"], -32602);

    // More than any extrinsic: refused without being read into memory, and the node goes on.
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let head =
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    socket.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 413");
    assert_eq!(net.ask("system_chainType", json!([])).await.unwrap(), json!("Development"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_taken_port_is_named_and_dropping_or_stopping_frees_it() {
    let chain = spawn(config()).await.unwrap();
    let port = chain.port();
    let taken = spawn(LocalnetConfig { port, ..config() }).await.unwrap_err();
    assert!(matches!(taken, LocalnetError::PortInUse(p) if p == port));
    assert!(taken.to_string().contains("--port"), "{taken}");
    // With a client that stays connected.
    let client = subxt_client(&chain.ws_url()).await;
    chain.stop().await.unwrap();
    let chain = spawn(LocalnetConfig { port, ..config() }).await.unwrap();
    drop(client);
    drop(chain);
    // Dropping cannot wait, so the port is free a moment later.
    let freed = async {
        while spawn(LocalnetConfig { port, ..config() }).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), freed).await.expect("the port is never freed");
}

#[tokio::test]
async fn a_block_time_of_zero_is_refused() {
    let refused = spawn(LocalnetConfig { block_time: Duration::ZERO, ..config() }).await.unwrap_err();
    assert!(refused.to_string().contains("--block-time"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_banner_tells_accounts_subnets_and_endpoint() {
    let chain = spawn(config()).await.unwrap();
    let banner = chain.banner().await.unwrap();
    assert_eq!(banner.accounts[0].address, Key::of("//Alice").account());
    assert!(banner.accounts.iter().all(|account| account.balance_rao.0 > 0));
    assert_eq!(banner.subnets.iter().map(|subnet| subnet.netuid).collect::<Vec<_>>(), [8, 155]);
    let text = banner.to_string();
    assert!(text.ends_with(&format!("Listening on {}", chain.ws_url())), "{text}");
}
