//! A tester's powers over JSON-RPC, and sealed extrinsics from key to effect.

use std::time::{Duration, Instant};

use chacha20poly1305::aead::Aead as _;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use ml_kem::{B32, EncapsulateDeterministic as _, Encoded, EncodedSizeUser as _, KemCore, MlKem768};
use neuron::localnet::{BlockMode, LocalnetConfig};
use serde_json::json;
use sp_io::hashing::{blake2_256, twox_128};
use subxt::dynamic;

use super::client::{Key, Net, config, hex, start, storage_key, transfer};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn balances_storage_time_and_version_change_in_a_block() {
    let net = start(config()).await;
    let bob = Key::of("//Bob").account().ss58();
    let before = net.chain.block_number();
    let block = net.ask("dev_setBalance", json!([bob, 7_000_000])).await.unwrap();
    assert_eq!((net.free_balance("//Bob").await, net.chain.block_number()), (7_000_000, before + 1));
    assert_eq!(net.ask("chain_getBlockHash", json!([])).await.unwrap(), block);

    let key = storage_key("SubtensorModule", "TxRateLimit");
    net.ask("dev_setStorage", json!([[[key, "0x2a00000000000000"]]])).await.unwrap();
    assert_eq!(net.ask("state_getStorage", json!([key])).await.unwrap(), json!("0x2a00000000000000"));
    net.ask("dev_setStorage", json!([[[key, null]]])).await.unwrap();
    assert_eq!(net.ask("state_getStorage", json!([key])).await.unwrap(), json!(null));

    let now = storage_key("Timestamp", "Now");
    let time = async || {
        let value = net.ask("state_getStorage", json!([now])).await.unwrap();
        let bytes = hex::decode(value.as_str().unwrap().trim_start_matches("0x")).unwrap();
        u64::from_le_bytes(bytes.try_into().unwrap())
    };
    let was = time().await;
    net.ask("dev_jumpTime", json!([86_400_000])).await.unwrap();
    assert_eq!(time().await, was + 12_000 + 86_400_000);
    net.chain.mine(1).await.unwrap();
    assert_eq!(time().await, was + 24_000 + 86_400_000, "and goes on from there");

    net.ask("dev_setSpecVersion", json!([430])).await.unwrap();
    let version = net.ask("state_getRuntimeVersion", json!([])).await.unwrap();
    assert_eq!(version["specVersion"], json!(430));
    for (method, wrong) in [
        ("dev_setBalance", json!(["nobody", 1])),
        ("dev_setStorage", json!([["0x00"]])),
        ("dev_setStorage", json!([[["zz", null]]])),
        ("dev_jumpTime", json!([u64::MAX])),
        ("dev_setSpecVersion", json!([u64::MAX])),
        ("dev_failNext", json!(["chain_getHeader", "x", "y"])),
    ] {
        assert_eq!(net.ask(method, wrong).await.unwrap_err().code, -32602, "{method}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planned_fault_meets_the_next_call_alone() {
    let net = start(config()).await;
    net.ask("dev_failNext", json!(["chain_getHeader", -32005, "slow down"])).await.unwrap();
    net.ask("chain_getBlockHash", json!([])).await.unwrap();
    let refused = net.ask("chain_getHeader", json!([])).await.unwrap_err();
    assert_eq!((refused.code, refused.message.as_str()), (-32005, "slow down"));
    net.ask("chain_getHeader", json!([])).await.unwrap();
    net.ask("dev_delayNext", json!(["chain_getHeader", 300])).await.unwrap();
    let start = Instant::now();
    net.ask("chain_getHeader", json!([])).await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(300));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_blocks_come_only_when_asked_for() {
    let net = start(neuron::localnet::LocalnetConfig { block_time: Duration::from_millis(20), ..config() }).await;
    assert_eq!(net.ask("dev_freeze", json!([true])).await.unwrap(), json!(true));
    // One may be under way.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let height = net.chain.block_number();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(net.chain.block_number(), height);
    net.ask("dev_mine", json!([2])).await.unwrap();
    assert_eq!(net.chain.block_number(), height + 2);
    net.ask("dev_freeze", json!([false])).await.unwrap();
    let moved = async {
        while net.chain.block_number() < height + 4 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), moved).await.expect("blocks go on");
}

/// What a client makes of a signed extrinsic: hash of the key, the length and bytes of the ML-KEM ciphertext, nonce, body.
fn seal(key: &[u8], plain: &[u8]) -> Vec<u8> {
    type Public = <MlKem768 as KemCore>::EncapsulationKey;
    let public = Public::from_bytes(&Encoded::<Public>::try_from(key).unwrap());
    let (encapsulated, secret) = public.encapsulate_deterministic(&B32::from([5; 32])).unwrap();
    let cipher = XChaCha20Poly1305::new_from_slice(&secret).unwrap();
    let nonce = [6; 24];
    let body = cipher.encrypt(XNonce::from_slice(&nonce), plain).unwrap();
    let length = u16::try_from(encapsulated.len()).unwrap().to_le_bytes();
    [&twox_128(key)[..], &length, &encapsulated, &nonce, &body].concat()
}

async fn next_key(net: &Net) -> Vec<u8> {
    let value = net.ask("state_getStorage", json!([storage_key("MevShield", "NextKey")])).await.unwrap();
    let bytes = hex::decode(value.as_str().unwrap().trim_start_matches("0x")).unwrap();
    // Two bytes of compact length.
    bytes[2..].to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sealed_is_executed_behind_its_carrier() {
    let net = start(config()).await;
    net.chain.mine(1).await.unwrap();
    let key = next_key(&net).await;
    assert_eq!(key.len(), 1184);
    let carry = async |nonce, sealed: Vec<u8>| {
        let call = dynamic::transaction("MevShield", "submit_encrypted", (dynamic::Value::from_bytes(sealed),));
        net.signed_for(8, "//Alice", &call, nonce, 0).await
    };
    let bob = net.free_balance("//Bob").await;
    let inner = net.signed("//Alice", &transfer("//Bob", 123), 1, 0).await;
    let carrier = carry(0, seal(&key, &inner)).await;
    net.submit(&carrier).await.unwrap();
    net.chain.mine(1).await.unwrap();
    assert_eq!(net.in_head().await, [hex(&carrier), hex(&inner)]);
    assert_eq!(net.free_balance("//Bob").await, bob + 123);

    // What does not open costs its carrier's fee, and nothing else.
    let mut broken = seal(&key, &inner);
    *broken.last_mut().unwrap() ^= 1;
    let carrier = carry(2, broken).await;
    net.submit(&carrier).await.unwrap();
    net.chain.mine(1).await.unwrap();
    assert_eq!(net.in_head().await, [hex(&carrier)]);
    // A key is good for a while, and then refused in the pool.
    net.chain.mine(25).await.unwrap();
    assert_ne!(next_key(&net).await, key);
    net.chain.mine(10).await.unwrap();
    let late = carry(3, seal(&key, &inner)).await;
    assert_eq!(net.submit(&late).await.unwrap_err().data, "Custom error: 24");
    // A carrier lives for eight blocks at most.
    let call = dynamic::transaction(
        "MevShield",
        "submit_encrypted",
        (dynamic::Value::from_bytes(seal(&next_key(&net).await, &inner)),),
    );
    let long = net.signed_for(16, "//Alice", &call, 3, 0).await;
    let refused = net.submit(&long).await.unwrap_err();
    assert_eq!((refused.code, refused.data.as_str()), (1010, "Transaction is outdated"));
    let nonsense = carry(3, blake2_256(b"x").to_vec()).await;
    assert_eq!(net.submit(&nonsense).await.unwrap_err().data, "Custom error: 23");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_goes_back_to_a_marked_moment() {
    let folder = tempfile::tempdir().unwrap();
    let kept = || LocalnetConfig { state: Some(folder.path().to_owned()), ..config() };
    let net = start(kept()).await;
    let mut heads = net.subscribe("chain_subscribeNewHeads", json!([]), "chain_unsubscribeNewHeads").await.unwrap();
    let mut follow = net.subscribe("chainHead_v1_follow", json!([false]), "chainHead_v1_unfollow").await.unwrap();
    assert_eq!(heads.next().await.unwrap().unwrap()["number"], "0x1");
    net.chain.mine(2).await.unwrap();
    let (before, height) = (net.free_balance("//Bob").await, net.chain.block_number());
    let head = net.ask("chain_getHead", json!([])).await.unwrap();
    let mark = net.ask("dev_snapshot", json!([])).await.unwrap();
    for _ in 0..2 {
        let bytes = net.signed("//Alice", &transfer("//Bob", 5), 0, 0).await;
        net.submit(&bytes).await.unwrap();
        net.chain.mine(3).await.unwrap();
        assert_eq!(net.free_balance("//Bob").await, before + 5);
        let later = net.ask("dev_snapshot", json!([])).await.unwrap();
        let waiting = net.signed("//Alice", &transfer("//Bob", 5), 1, 0).await;
        net.submit(&waiting).await.unwrap();

        assert_eq!(net.ask("dev_revert", json!([mark])).await.unwrap(), head);
        assert_eq!((net.free_balance("//Bob").await, net.chain.block_number()), (before, height));
        assert_eq!(
            (net.chain.waiting(), net.ask("chain_getFinalizedHead", json!([])).await.unwrap()),
            (0, head.clone())
        );
        assert_eq!(net.ask("dev_revert", json!([later])).await.unwrap_err().code, -32602);
    }
    // Who followed is told, or goes on from there.
    net.chain.mine(1).await.unwrap();
    let told = async {
        while follow.next().await.unwrap().unwrap()["event"] != "stop" {}
        let now = net.ask("chain_getHeader", json!([])).await.unwrap();
        while heads.next().await.unwrap().unwrap() != now {}
    };
    tokio::time::timeout(Duration::from_secs(20), told).await.unwrap();
    // And what is on disk is the chain as it is now.
    let head = net.ask("chain_getHead", json!([])).await.unwrap();
    net.chain.stop().await.unwrap();
    let again = start(kept()).await;
    assert_eq!(again.ask("chain_getHead", json!([])).await.unwrap(), head);
    assert_eq!(again.free_balance("//Bob").await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_acts_without_its_key() {
    let net = start(config()).await;
    let [bob, dave] = ["//Bob", "//Dave"].map(|uri| Key::of(uri).account());
    let before = (net.free_balance("//Bob").await, net.free_balance("//Dave").await);
    // Balances.transfer_keep_alive(Dave, 1000), in Bob's name.
    let call = hex([&[5, 3, 0][..], &dave.0, &[0xa1, 0x0f]].concat());
    let done = net.ask("dev_impersonate", json!([bob.ss58(), call])).await.unwrap();
    assert_eq!((&done["outcome"], &done["index"]), (&json!("done"), &json!(1)));
    assert_eq!(net.ask("chain_getHead", json!([])).await.unwrap(), done["block"]);
    assert_eq!(net.free_balance("//Dave").await, before.1 + 1000);
    assert!(net.free_balance("//Bob").await < before.0 - 1000, "with its fee");
    // A failure has its name, and what is no call is refused.
    let same = hex([&[7, 87][..], &bob.0, &[8, 0, 8, 0], &1u64.to_le_bytes()].concat());
    let failed = net.ask("dev_impersonate", json!([bob.ss58(), same])).await.unwrap();
    assert!(failed["outcome"].as_str().unwrap().starts_with("failed: "), "{failed}");
    assert_eq!(net.ask("dev_impersonate", json!([bob.ss58(), "0xffff"])).await.unwrap_err().code, -32602);

    // Any signature of Bob is good while it is on: here Alice's.
    let mut forged = net.signed("//Alice", &transfer("//Dave", 7), 2, 0).await;
    let alice = Key::of("//Alice").account();
    let place = forged.windows(32).position(|bytes| bytes == alice.0).unwrap();
    forged[place..place + 32].copy_from_slice(&bob.0);
    let refused = net.submit(&forged).await.unwrap_err();
    assert_eq!((refused.code, refused.data.as_str()), (1010, "Transaction has a bad signature"));
    net.ask("dev_impersonate", json!([bob.ss58(), true])).await.unwrap();
    net.submit(&forged).await.unwrap();
    net.chain.mine(1).await.unwrap();
    assert_eq!(net.free_balance("//Dave").await, before.1 + 1007);
    net.ask("dev_impersonate", json!([bob.ss58(), false])).await.unwrap();
    let mut again = net.signed("//Alice", &transfer("//Dave", 7), 3, 0).await;
    again[place..place + 32].copy_from_slice(&bob.0);
    assert_eq!(net.submit(&again).await.unwrap_err().code, 1010);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_are_made_when_an_extrinsic_comes_or_by_hand() {
    let net =
        start(LocalnetConfig { blocks: BlockMode::Extrinsic, block_time: Duration::from_millis(10), ..config() }).await;
    let first = net.chain.block_number();
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(net.chain.block_number(), first, "not by the clock");
    let bytes = net.signed("//Alice", &transfer("//Bob", 5), 0, 0).await;
    net.submit(&bytes).await.unwrap();
    net.chain.reaches(first + 1).await;
    assert_eq!(net.in_head().await, [hex(&bytes)]);

    assert_eq!(net.ask("dev_blocks", json!(["manual"])).await.unwrap()["mode"], "manual");
    let bytes = net.signed("//Alice", &transfer("//Bob", 5), 1, 0).await;
    net.submit(&bytes).await.unwrap();
    tokio::time::sleep(Duration::from_millis(60)).await;
    let status = net.ask("dev_status", json!([])).await.unwrap();
    assert_eq!(
        (&status["block"], &status["pool"], &status["blocks"]),
        (&json!(first + 1), &json!(1), &json!("manual"))
    );
    assert_eq!((&status["neurons"], &status["subnets"][1]["netuid"]), (&json!(2), &json!(155)));
    net.ask("dev_mine", json!([])).await.unwrap();
    assert_eq!(net.chain.waiting(), 0);
    assert_eq!(net.ask("dev_blocks", json!(["interval", 15])).await.unwrap()["blockTimeMs"], 15);
    net.chain.reaches(first + 5).await;
    assert_eq!(net.ask("dev_blocks", json!(["never"])).await.unwrap_err().code, -32602);
}

/// The first line of the answer to a request with this origin, or none.
async fn status_line(port: u16, head: &str, origin: Option<&str>, body: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let origin = origin.map(|origin| format!("Origin: {origin}\r\n")).unwrap_or_default();
    let mut socket = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let length = body.len();
    let request = format!(
        "{head} HTTP/1.1\r\nHost: localhost\r\n{origin}Content-Type: application/json\r\nContent-Length: {length}\r\n"
    );
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let more = if head.starts_with("GET") { upgrade } else { "Connection: close\r\n" };
    socket.write_all(format!("{request}{more}\r\n{body}").as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let length = socket.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..length]).lines().next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn web_pages_of_strangers_are_refused_also_at_the_upgrade() {
    let net = start(LocalnetConfig { origins: vec!["https://apps.example".into()], ..config() }).await;
    let port = net.chain.port();
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"system_chain","params":[]}"#;
    for (origin, good) in [
        (None, true),
        (Some("http://localhost:3000"), true),
        (Some("https://apps.example"), true),
        (Some("https://evil.example"), false),
        (Some("null"), false),
    ] {
        let post = status_line(port, "POST /", origin, call).await;
        let socket = status_line(port, "GET /", origin, "").await;
        let expected = if good { ("200", "101") } else { ("403", "403") };
        assert!(post.contains(expected.0) && socket.contains(expected.1), "{origin:?}: {post}, {socket}");
    }
    assert!(status_line(port, "OPTIONS /", Some("https://apps.example"), "").await.contains("204"));
}
