//! What is not good gets the code and the text of a real node, and costs nobody else anything.

use neuron::localnet::LocalnetConfig;
use serde_json::{Value, json};
use subxt::dynamic::{self, Value as Dynamic};

use super::client::{Key, Net, Refused, config, hex, start, transfer};

fn invalid(data: &str) -> Refused {
    Refused { code: 1010, message: "Invalid Transaction".into(), data: data.into() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_refusal_has_its_code_and_data() {
    let net = start(config()).await;
    let good = net.signed("//Alice", &transfer("//Bob", 5), 0, 0).await;

    let mut forged = good.clone();
    let amount = forged.len() - 1;
    forged[amount] ^= 0x40;
    assert_eq!(net.submit(&forged).await.unwrap_err(), invalid("Transaction has a bad signature"));

    let poor = net.signed("//Nobody", &transfer("//Bob", 5), 0, 0).await;
    let payment = "Inability to pay some fees (e.g. account balance too low)";
    assert_eq!(net.submit(&poor).await.unwrap_err(), invalid(payment));

    let garbage = net.submit(&[1, 2, 3]).await.unwrap_err();
    assert_eq!(garbage.code, 1001);
    assert!(garbage.message.starts_with("Extrinsic has invalid format: "), "{}", garbage.message);
    let mut longer = good.clone();
    longer.push(0);
    assert_eq!(net.submit(&longer).await.unwrap_err().code, 1001);

    let hash = net.submit(&good).await.unwrap();
    assert_eq!(hash, json!(hex(sp_io::hashing::blake2_256(&good))));
    let again = net.submit(&good).await.unwrap_err();
    assert_eq!((again.code, again.data), (1013, hash.as_str().unwrap().to_owned()));

    let same_nonce = net.signed("//Alice", &transfer("//Bob", 6), 0, 0).await;
    let low = net.submit(&same_nonce).await.unwrap_err();
    assert_eq!(low.code, 1014);
    assert!(low.message.starts_with("Priority is too low: ("), "{}", low.message);

    net.chain.mine(1).await.unwrap();
    assert_eq!(net.submit(&good).await.unwrap_err(), invalid("Transaction is outdated"));
    assert_eq!(net.in_head().await, [hex(&good)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_signatures_among_many_cost_nobody_a_place() {
    let net = start(config()).await;
    let (mut good, mut forged) = (Vec::new(), Vec::new());
    for nonce in 0..10 {
        for key in ["//Alice", "//Bob", "//Charlie", "//Dave"] {
            let bytes = net.signed(key, &transfer("//Eve", 5), nonce, 0).await;
            if nonce % 3 == 0 {
                let mut other = bytes.clone();
                let amount = other.len() - 1;
                other[amount] ^= 0x40;
                forged.push(other);
            }
            good.push(bytes);
        }
    }
    // All at the same time, so that they are validated in batches, with forged ones in some of them.
    let mixed = good.iter().enumerate().flat_map(|(place, bytes)| [Some(bytes), forged.get(place)]).flatten();
    let outcomes = futures_util::future::join_all(mixed.clone().map(|bytes| net.submit(bytes))).await;
    for (bytes, outcome) in mixed.zip(outcomes) {
        let expected = match forged.contains(bytes) {
            true => Err(invalid("Transaction has a bad signature")),
            false => Ok(json!(hex(sp_io::hashing::blake2_256(bytes)))),
        };
        assert_eq!(outcome, expected);
    }
    net.chain.mine(1).await.unwrap();
    assert_eq!(net.in_head().await.len(), good.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_era_that_is_over_is_refused() {
    let net = start(config()).await;
    let short = net.signed("//Alice", &transfer("//Bob", 5), 0, 0).await;
    net.chain.mine(130).await.unwrap();
    // The birth block it was signed for is another one by now.
    assert_eq!(net.submit(&short).await.unwrap_err(), invalid("Transaction has a bad signature"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonces_in_the_pool_count_and_a_gap_waits() {
    let net = start(config()).await;
    let alice = Key::of("//Alice").account().ss58();
    let next = async || net.ask("account_nextIndex", json!([alice])).await.unwrap();
    assert_eq!(next().await, json!(0));
    let third = net.signed("//Alice", &transfer("//Bob", 3), 2, 0).await;
    let mut statuses =
        net.subscribe("author_submitAndWatchExtrinsic", json!([hex(&third)]), "author_unwatchExtrinsic").await.unwrap();
    assert_eq!(statuses.next().await.unwrap().unwrap(), json!("future"));
    assert_eq!(next().await, json!(0));
    for nonce in [0, 1] {
        let bytes = net.signed("//Alice", &transfer("//Bob", 3), nonce, 0).await;
        net.submit(&bytes).await.unwrap();
    }
    assert_eq!(next().await, json!(3));
    assert_eq!(statuses.next().await.unwrap().unwrap(), json!("ready"));
    assert_eq!(statuses.next().await.unwrap().unwrap(), json!({ "broadcast": [] }));
    assert_eq!(net.ask("author_pendingExtrinsics", json!([])).await.unwrap().as_array().unwrap().len(), 3);
    net.chain.mine(1).await.unwrap();
    let head = net.ask("chain_getHead", json!([])).await.unwrap();
    assert_eq!(statuses.next().await.unwrap().unwrap(), json!({ "inBlock": head }));
    assert_eq!(statuses.next().await.unwrap().unwrap(), json!({ "finalized": head }));
    assert_eq!(net.in_head().await.len(), 3);
    assert_eq!(next().await, json!(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_higher_tip_takes_the_place() {
    let net = start(config()).await;
    let cheap = net.signed("//Alice", &transfer("//Bob", 1), 0, 0).await;
    let mut statuses =
        net.subscribe("author_submitAndWatchExtrinsic", json!([hex(&cheap)]), "author_unwatchExtrinsic").await.unwrap();
    let dear = net.signed("//Alice", &transfer("//Bob", 2), 0, 1_000_000).await;
    let hash = net.submit(&dear).await.unwrap();
    for word in [json!("ready"), json!({ "broadcast": [] }), json!({ "usurped": hash })] {
        assert_eq!(statuses.next().await.unwrap().unwrap(), word);
    }
    net.chain.mine(1).await.unwrap();
    assert_eq!(net.in_head().await, [hex(&dear)]);
}

/// `System.set_code` asks the host for something that a native host has not: it panics in the runtime.
fn panicking() -> impl subxt::tx::Payload {
    let set_code = Dynamic::unnamed_variant("set_code", [Dynamic::from_bytes([0u8])]);
    dynamic::transaction("Sudo", "sudo", (Dynamic::unnamed_variant("System", [set_code]),))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_a_call_costs_that_extrinsic_alone() {
    let net = start(config()).await;
    let bad = net.signed("//Alice", &panicking(), 0, 0).await;
    let good = net.signed("//Bob", &transfer("//Eve", 5), 0, 0).await;
    let before = net.free_balance("//Alice").await;
    let mut statuses =
        net.subscribe("author_submitAndWatchExtrinsic", json!([hex(&bad)]), "author_unwatchExtrinsic").await.unwrap();
    net.submit(&good).await.unwrap();
    net.chain.mine(1).await.unwrap();
    assert_eq!(net.in_head().await, [hex(&good)]);
    for word in [json!("ready"), json!({ "broadcast": [] }), json!("invalid")] {
        assert_eq!(statuses.next().await.unwrap().unwrap(), word);
    }
    assert_eq!(net.free_balance("//Alice").await, before);
    assert_eq!(net.ask("author_pendingExtrinsics", json!([])).await.unwrap(), json!([]));
    // Alice's nonce is free again, and the chain goes on.
    let next = net.signed("//Alice", &transfer("//Bob", 5), 0, 0).await;
    net.submit(&next).await.unwrap();
    net.chain.mine(1).await.unwrap();
    assert_eq!(net.in_head().await, [hex(&next)]);
}

/// Deletes what the timestamp's hook insists on at the end of the block.
fn block_breaking() -> impl subxt::tx::Payload {
    let key = hex::decode(&super::client::storage_key("Timestamp", "DidUpdate")[2..]).unwrap();
    let keys = Dynamic::unnamed_composite([Dynamic::from_bytes(key)]);
    let kill = Dynamic::unnamed_variant("kill_storage", [keys]);
    dynamic::transaction("Sudo", "sudo", (Dynamic::unnamed_variant("System", [kill]),))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_breaks_its_block_is_found_and_dropped() {
    let net = start(config()).await;
    let others = ["//Bob", "//Charlie", "//Dave", "//Eve"];
    let mut good = Vec::new();
    for who in others {
        let bytes = net.signed(who, &transfer("//Ferdie", 5), 0, 0).await;
        net.submit(&bytes).await.unwrap();
        good.push(hex(&bytes));
    }
    let bad = net.signed("//Alice", &block_breaking(), 0, 0).await;
    net.submit(&bad).await.unwrap();
    net.chain.mine(1).await.unwrap();
    let mut included = net.in_head().await;
    included.sort();
    good.sort();
    assert_eq!(included, good);
    assert_eq!(net.ask("author_pendingExtrinsics", json!([])).await.unwrap(), json!([]));
    net.chain.mine(1).await.unwrap();
}

fn nested(levels: usize) -> Dynamic {
    let remark = Dynamic::unnamed_variant("remark", [Dynamic::from_bytes([7u8])]);
    (0..levels).fold(Dynamic::unnamed_variant("System", [remark]), |call, _| {
        Dynamic::unnamed_variant(
            "Utility",
            [Dynamic::unnamed_variant("batch_all", [Dynamic::unnamed_composite([call])])],
        )
    })
}

/// A signed extrinsic of batches in batches, with a signature of zeros. subxt would exhaust its own stack.
fn deep(levels: usize) -> Vec<u8> {
    let mut body: Vec<u8> = vec![0x84, 0];
    body.extend([1; 32]);
    body.push(1);
    body.extend([0; 64 + 4]);
    // Utility.batch_all of one call.
    body.extend([11, 2, 4].repeat(levels));
    // System.remark of nothing.
    body.extend([0, 0, 0]);
    codec::Encode::encode(&body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_nested_too_deep_are_refused_before_they_exhaust_a_stack() {
    let net = start(config()).await;
    let batch = |levels| dynamic::transaction("Utility", "batch_all", (Dynamic::unnamed_composite([nested(levels)]),));
    let fits = net.signed("//Alice", &batch(29), 0, 0).await;
    net.submit(&fits).await.unwrap();
    net.chain.mine(1).await.unwrap();
    assert_eq!(net.in_head().await, [hex(&fits)]);

    net.ask("payment_queryInfo", json!([hex(deep(30))])).await.unwrap();
    for levels in [40, 1_000, 1_000_000] {
        let bytes = deep(levels);
        assert_eq!(net.submit(&bytes).await.unwrap_err().code, 1001);
        let fee = net.ask("payment_queryInfo", json!([hex(&bytes)])).await.unwrap_err();
        assert_eq!(fee.code, 4003);
        let arguments = hex([&[2], &bytes[..], &[0; 32]].concat());
        let validity = net.ask("state_call", json!(["TaggedTransactionQueue_validate_transaction", arguments])).await;
        assert_eq!(validity.unwrap_err().code, 4003);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pruned_state_and_an_unknown_block_say_so() {
    let net = start(LocalnetConfig { states_kept: 3, blocks_kept: 8, ..config() }).await;
    net.chain.mine(9).await.unwrap();
    let hash = async |net: &Net, number: u64| net.ask("chain_getBlockHash", json!([number])).await.unwrap();
    let key = super::client::storage_key("System", "Number");
    let kept = hash(&net, 8).await;
    assert_eq!(net.ask("state_getStorage", json!([key, kept])).await.unwrap(), json!("0x08000000"));

    let pruned = hash(&net, 5).await;
    let text = format!(
        "Client error: Api called for an unknown Block: State already discarded for {}",
        pruned.as_str().unwrap()
    );
    for (method, params) in [
        ("state_getStorage", json!([key, pruned])),
        ("state_call", json!(["Core_version", "", pruned])),
        ("state_getRuntimeVersion", json!([pruned])),
        ("state_getKeysPaged", json!([key, 10, key, pruned])),
        ("state_queryStorageAt", json!([[key], pruned])),
    ] {
        let refused = net.ask(method, params).await.unwrap_err();
        assert_eq!((refused.code, refused.message), (4003, text.clone()), "{method}");
    }
    assert!(net.ask("chain_getHeader", json!([pruned])).await.unwrap()["number"] == "0x5");
    assert_eq!(hash(&net, 1).await, Value::Null);

    let nowhere = hex([9; 32]);
    let refused = net.ask("state_getStorage", json!([key, nowhere])).await.unwrap_err();
    let text = format!("Client error: UnknownBlock: Header was not found in the database: {nowhere}");
    assert_eq!((refused.code, refused.message), (4003, text));
    assert_eq!(net.ask("chain_getHeader", json!([nowhere])).await.unwrap(), Value::Null);
}
