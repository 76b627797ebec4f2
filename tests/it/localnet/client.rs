//! A chain that makes blocks only when told, and clients for it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use neuron::localnet::{Handle, LocalnetConfig, spawn};
use neuron::units::Account;
use serde_json::Value;
use sp_core::{Pair as _, sr25519};
use subxt::backend::CombinedBackend;
use subxt::config::{DefaultExtrinsicParamsBuilder, SubstrateConfig};
use subxt::dynamic;
use subxt::rpcs::client::{RpcClient, RpcParams};
use subxt::transactions::Signer;
use subxt::tx::Payload;
use subxt::utils::{AccountId32, H256, MultiAddress, MultiSignature};
use subxt::{OnlineClient, OnlineClientAtBlock, rpcs};

/// No block comes by itself within any test.
pub const NEVER: Duration = Duration::from_secs(3_600);

/// A running chain with a raw connection and subxt on it.
pub struct Net {
    pub chain: Handle,
    pub rpc: RpcClient,
    pub subxt: OnlineClient<SubstrateConfig>,
}

pub fn config() -> LocalnetConfig {
    LocalnetConfig { port: 0, block_time: NEVER, ..LocalnetConfig::default() }
}

pub async fn start(config: LocalnetConfig) -> Net {
    let chain = spawn(config).await.unwrap();
    let rpc = RpcClient::from_insecure_url(chain.ws_url()).await.unwrap();
    let subxt = subxt_client(&chain.ws_url()).await;
    Net { chain, rpc, subxt }
}

/// subxt's own client, put together as its `from_insecure_url` does; that one comes with wasm-bindgen.
pub async fn subxt_client(url: &str) -> OnlineClient<SubstrateConfig> {
    let rpc = RpcClient::from_insecure_url(url).await.unwrap();
    let (backend, driver) = CombinedBackend::builder().build(rpc).await.unwrap();
    tokio::spawn(driver.for_each(|_| std::future::ready(())));
    OnlineClient::from_backend(Arc::new(backend)).await.unwrap()
}

/// Sends 0.012 TAO of Alice's to Bob, waits until that is final, and tells the events by pallet and name.
pub async fn gives_bob_some(client: &OnlineClient<SubstrateConfig>) -> Vec<(String, String)> {
    let events = client
        .tx()
        .await
        .unwrap()
        .sign_and_submit_then_watch_default(&transfer("//Bob", 12_000_000), &Key::of("//Alice"))
        .await
        .unwrap()
        .wait_for_finalized_success()
        .await
        .unwrap();
    let events = events.iter().map(|event| event.unwrap());
    events.map(|event| (event.pallet_name().to_owned(), event.event_name().to_owned())).collect()
}

/// What a refusal says.
#[derive(Debug, PartialEq)]
pub struct Refused {
    pub code: i32,
    pub message: String,
    pub data: String,
}

impl Net {
    pub async fn ask(&self, method: &str, params: Value) -> Result<Value, Refused> {
        ask(&self.rpc, method, params).await
    }

    pub async fn subscribe(
        &self,
        method: &str,
        params: Value,
        unsubscribe: &str,
    ) -> Result<rpcs::client::RpcSubscription<Value>, Refused> {
        self.rpc.subscribe(method, positional(&params), unsubscribe).await.map_err(refused)
    }

    /// A signed extrinsic, not submitted.
    pub async fn signed(&self, who: &str, call: &impl Payload, nonce: u64, tip: u128) -> Vec<u8> {
        self.signed_for(128, who, call, nonce, tip).await
    }

    /// The same, living for so many blocks.
    pub async fn signed_for(&self, period: u64, who: &str, call: &impl Payload, nonce: u64, tip: u128) -> Vec<u8> {
        let params =
            DefaultExtrinsicParamsBuilder::<SubstrateConfig>::new().mortal(period).nonce(nonce).tip(tip).build();
        let mut tx = self.subxt.tx().await.unwrap();
        tx.create_signed(call, &Key::of(who), params).await.unwrap().encoded().to_vec()
    }

    pub async fn submit(&self, bytes: &[u8]) -> Result<Value, Refused> {
        self.ask("author_submitExtrinsic", serde_json::json!([hex(bytes)])).await
    }

    /// At the newest block; subxt's current one is that of which it was told last.
    pub async fn free_balance(&self, who: &str) -> u64 {
        let head = self.ask("chain_getHead", serde_json::json!([])).await.unwrap();
        let head: H256 = head.as_str().unwrap().parse().unwrap();
        free_balance_at(&self.subxt.at_block(head).await.unwrap(), who).await
    }

    /// The extrinsics of the newest block, its timestamp left out.
    pub async fn in_head(&self) -> Vec<String> {
        let block = self.ask("chain_getBlock", serde_json::json!([])).await.unwrap();
        let extrinsics = block["block"]["extrinsics"].as_array().unwrap();
        extrinsics[1..].iter().map(|extrinsic| extrinsic.as_str().unwrap().to_owned()).collect()
    }
}

pub async fn ask(rpc: &RpcClient, method: &str, params: Value) -> Result<Value, Refused> {
    rpc.request(method, positional(&params)).await.map_err(refused)
}

pub async fn free_balance(subxt: &OnlineClient<SubstrateConfig>, who: &str) -> u64 {
    free_balance_at(&subxt.at_current_block().await.unwrap(), who).await
}

async fn free_balance_at(at: &OnlineClientAtBlock<SubstrateConfig>, who: &str) -> u64 {
    let account = dynamic::storage::<([u8; 32],), dynamic::Value>("System", "Account");
    let value = at.storage().fetch(account, (Key::of(who).account().0,)).await.unwrap().decode().unwrap();
    let json = serde_json::to_value(&value).unwrap();
    json["data"]["free"].as_u64().unwrap()
}

fn positional(params: &Value) -> RpcParams {
    let mut list = RpcParams::new();
    for value in params.as_array().unwrap() {
        list.push(value).unwrap();
    }
    list
}

fn refused(error: rpcs::Error) -> Refused {
    let rpcs::Error::User(error) = error else { panic!("no answer: {error}") };
    let data = error.data.map(|data| serde_json::from_str::<Value>(data.get()).unwrap());
    Refused {
        code: error.code,
        message: error.message,
        data: data.map(|data| data.as_str().unwrap_or_default().to_owned()).unwrap_or_default(),
    }
}

/// A development key.
pub struct Key(sr25519::Pair);

impl Key {
    pub fn of(uri: &str) -> Self {
        Self(sr25519::Pair::from_string(uri, None).unwrap())
    }

    pub fn account(&self) -> Account {
        Account(self.0.public().0)
    }
}

impl Signer<SubstrateConfig> for Key {
    fn account_id(&self) -> AccountId32 {
        AccountId32(self.0.public().0)
    }

    fn sign(&self, payload: &[u8]) -> MultiSignature {
        MultiSignature::Sr25519(self.0.sign(payload).0)
    }
}

pub fn hex(bytes: impl AsRef<[u8]>) -> String {
    format!("0x{}", hex::encode(bytes))
}

pub fn transfer(to: &str, rao: u64) -> impl Payload + use<> {
    let to = MultiAddress::<AccountId32, ()>::Id(AccountId32(Key::of(to).account().0));
    dynamic::transaction("Balances", "transfer_keep_alive", (to, u128::from(rao)))
}

/// The storage key of a plain value.
pub fn storage_key(pallet: &str, item: &str) -> String {
    hex([sp_core_twox(pallet), sp_core_twox(item)].concat())
}

fn sp_core_twox(text: &str) -> [u8; 16] {
    sp_io::hashing::twox_128(text.as_bytes())
}
