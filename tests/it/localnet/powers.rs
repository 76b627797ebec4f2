//! A tester's powers over JSON-RPC, and sealed extrinsics from key to effect.

use std::time::{Duration, Instant};

use chacha20poly1305::aead::Aead as _;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use ml_kem::{B32, EncapsulateDeterministic as _, Encoded, EncodedSizeUser as _, KemCore, MlKem768};
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
        net.signed("//Alice", &call, nonce, 0).await
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
    let nonsense = carry(3, blake2_256(b"x").to_vec()).await;
    assert_eq!(net.submit(&nonsense).await.unwrap_err().data, "Custom error: 23");
}
