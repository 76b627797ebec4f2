//! A second address for a node, at the level of JSON-RPC, that can fail on purpose.
#![cfg(feature = "localnet")]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use jsonrpsee::RpcModule;
use jsonrpsee::server::{Server, ServerHandle};
use jsonrpsee::types::ErrorObjectOwned;
use serde_json::value::{RawValue, to_raw_value};
use subxt::rpcs::{Error, RpcClient, UserError};
use tokio::sync::Notify;

/// What the client under test uses.
const METHODS: [&str; 12] = [
    "chain_getBlockHash",
    "chain_getHeader",
    "chain_getBlock",
    "chain_getFinalizedHead",
    "state_getRuntimeVersion",
    "state_call",
    "state_getStorage",
    "state_queryStorageAt",
    "state_getKeysPaged",
    "system_accountNextIndex",
    "author_submitExtrinsic",
    "rpc_methods",
];

/// How a relay misbehaves.
#[derive(Debug, Default)]
pub struct Faults {
    /// Hands one transaction on, and then is gone without an answer.
    pub dies_after_submission: AtomicBool,
    /// Offers metadata 14 only, which does not describe runtime APIs.
    pub only_metadata_14: AtomicBool,
    /// Transactions handed on.
    pub submissions: AtomicU64,
    /// What was asked: methods, and with `state_call` the function.
    pub asked: Mutex<Vec<String>>,
    dying: Notify,
}

struct Inner {
    node: RpcClient,
    faults: Arc<Faults>,
}

/// The relay; dropping it closes its connections.
pub struct Relay {
    /// Its address.
    pub url: String,
    /// Its faults, which may change while it runs.
    pub faults: Arc<Faults>,
    server: ServerHandle,
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.server.stop();
    }
}

impl Relay {
    /// In front of the node at `url`.
    pub async fn to(url: &str) -> Self {
        let faults = Arc::new(Faults::default());
        let node = RpcClient::from_insecure_url(url).await.unwrap();
        let mut module = RpcModule::new(Inner { node, faults: faults.clone() });
        for method in METHODS {
            module
                .register_async_method(method, move |params, inner, _| {
                    let params = params.as_str().map(|text| RawValue::from_string(text.to_owned()).unwrap());
                    async move { inner.answer(method, params).await }
                })
                .unwrap();
        }
        module
            .register_subscription(
                "chain_subscribeNewHeads",
                "chain_newHead",
                "chain_unsubscribeNewHeads",
                |_, pending, inner, _| async move {
                    let Ok(sink) = pending.accept().await else { return };
                    let (name, end) = ("chain_subscribeNewHeads", "chain_unsubscribeNewHeads");
                    let mut heads =
                        inner.node.subscribe::<Box<RawValue>>(name, subxt::rpcs::rpc_params![], end).await.unwrap();
                    while let Some(Ok(head)) = heads.next().await {
                        if sink.send(head).await.is_err() {
                            return;
                        }
                    }
                },
            )
            .unwrap();
        let server = Server::builder().build("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", server.local_addr().unwrap());
        let server = server.start(module);
        tokio::spawn({
            let (faults, server) = (faults.clone(), server.clone());
            async move {
                faults.dying.notified().await;
                let _ = server.stop();
            }
        });
        Self { url, faults, server }
    }
}

impl Inner {
    async fn answer(&self, method: &str, params: Option<Box<RawValue>>) -> Result<Box<RawValue>, ErrorObjectOwned> {
        let text = params.as_ref().map(|p| p.get().to_owned()).unwrap_or_default();
        let function = if method == "state_call" { text.split('"').nth(1).unwrap_or_default() } else { "" };
        self.faults.asked.lock().unwrap().push(format!("{method} {function}").trim_end().to_owned());
        if self.faults.only_metadata_14.load(Ordering::SeqCst) && text.contains("Metadata_metadata_versions") {
            // SCALE of `vec![14_u32]`.
            return Ok(to_raw_value("0x040e000000").unwrap());
        }
        let answer = self.node.request_raw(method, params).await;
        if method == "author_submitExtrinsic" {
            self.faults.submissions.fetch_add(1, Ordering::SeqCst);
            if self.faults.dies_after_submission.load(Ordering::SeqCst) {
                self.faults.dying.notify_one();
                std::future::pending::<()>().await;
            }
        }
        answer.map_err(|error| match error {
            Error::User(UserError { code, message, data }) => ErrorObjectOwned::owned(code, message, data),
            other => ErrorObjectOwned::owned(-32603, other.to_string(), None::<()>),
        })
    }
}
