//! The chain client stays connected: dead, silent, stalled, lagging and foreign endpoints, over real sockets.
#![cfg(feature = "localnet")]

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use jsonrpsee::RpcModule;
use jsonrpsee::server::{Server, ServerHandle};
use jsonrpsee::types::ErrorObjectOwned;
use neuron::subtensor::{Subtensor, SubtensorConfig, SubtensorError};
use serde_json::{Value, json};
use tokio::sync::watch;

/// Long enough for any of this to happen on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a fake node is, apart from its socket.
struct Node {
    /// The first byte of all its hashes: one per chain.
    chain: u8,
    height: watch::Sender<u64>,
    /// Answers nothing any more, with its sockets open.
    silent: AtomicBool,
    requests: AtomicU64,
}

impl Node {
    fn hash(&self, number: u64) -> String {
        format!("0x{:02x}{:062x}", self.chain, number)
    }

    fn header(&self, number: u64) -> Value {
        let zero = format!("0x{:064x}", 0);
        json!({
            "parentHash": self.hash(number.saturating_sub(1)), "number": format!("0x{number:x}"),
            "stateRoot": zero, "extrinsicsRoot": zero, "digest": { "logs": [] }
        })
    }

    /// Counts a request, and never lets it through when the node is silent.
    async fn admit(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if self.silent.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }
}

/// A node's socket; dropping it closes all its connections.
struct Fake {
    node: Arc<Node>,
    url: String,
    server: ServerHandle,
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = self.server.stop();
    }
}

impl Fake {
    async fn start(chain: u8, height: u64) -> Self {
        Self::start_at("127.0.0.1:0", chain, height).await
    }

    async fn start_at(address: &str, chain: u8, height: u64) -> Self {
        let height = watch::Sender::new(height);
        let node = Arc::new(Node { chain, height, silent: AtomicBool::new(false), requests: AtomicU64::new(0) });
        let mut module = RpcModule::from_arc(node.clone());
        module
            .register_async_method("chain_getBlockHash", |params, node, _| async move {
                node.admit().await;
                let number: Option<u64> = params.parse::<Vec<Option<u64>>>().unwrap().first().copied().flatten();
                Ok::<_, ErrorObjectOwned>(node.hash(number.unwrap_or(*node.height.borrow())))
            })
            .unwrap();
        module
            .register_async_method("chain_getFinalizedHead", |_, node, _| async move {
                node.admit().await;
                Ok::<_, ErrorObjectOwned>(node.hash(*node.height.borrow()))
            })
            .unwrap();
        module
            .register_async_method("chain_getHeader", |params, node, _| async move {
                node.admit().await;
                let hash: String = params.one().unwrap();
                Ok::<_, ErrorObjectOwned>(node.header(u64::from_str_radix(&hash[4..], 16).unwrap()))
            })
            .unwrap();
        module
            .register_subscription(
                "chain_subscribeNewHeads",
                "chain_newHead",
                "chain_unsubscribeNewHeads",
                |_, pending, node, _| async move {
                    let Ok(sink) = pending.accept().await else { return };
                    let mut heights = node.height.subscribe();
                    loop {
                        let header = node.header(*heights.borrow_and_update());
                        let message = serde_json::value::to_raw_value(&header).unwrap();
                        if sink.send(message).await.is_err() {
                            return;
                        }
                        tokio::select! {
                            () = sink.closed() => return,
                            changed = heights.changed() => if changed.is_err() { return },
                        }
                    }
                },
            )
            .unwrap();
        let server = Server::builder().build(address).await.unwrap();
        let url = format!("ws://{}", server.local_addr().unwrap());
        Self { node, url, server: server.start(module) }
    }

    /// New blocks for as long as the test runs.
    fn grow(&self) {
        let node = self.node.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(20)).await;
                node.height.send_modify(|height| *height += 1);
            }
        });
    }
}

fn config<'a>(endpoints: impl IntoIterator<Item = &'a str>) -> SubtensorConfig {
    SubtensorConfig { answer_deadline: Duration::from_millis(500), ..SubtensorConfig::new(endpoints) }
}

/// An address where nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("ws://{}", listener.local_addr().unwrap())
}

/// Waits until the client uses this endpoint.
async fn uses(chain: &Subtensor, url: &str) {
    let arrival = async {
        let mut blocks = chain.blocks();
        while chain.endpoint().as_deref() != Some(url) {
            // A new link shows itself by its blocks; the first may come just before it is offered.
            let _ = tokio::time::timeout(Duration::from_millis(50), blocks.changed()).await;
        }
    };
    tokio::time::timeout(PATIENCE, arrival).await.expect("the client does not move to the other endpoint");
}

#[tokio::test]
async fn an_unreachable_chain_names_each_endpoint_and_the_remedy() {
    let (first, second) = (nobody(), nobody());
    let error = Subtensor::connect(config([first.as_str(), second.as_str()])).await.unwrap_err();
    let text = error.to_string();
    for part in [first.as_str(), second.as_str(), "--subtensor.network", "--subtensor.chain_endpoint"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(matches!(Subtensor::connect(SubtensorConfig::new([""; 0])).await, Err(SubtensorError::NoEndpoint)));
}

#[tokio::test]
async fn a_dead_endpoint_is_replaced_by_the_next_and_found_again_later() {
    let (first, second) = (Fake::start(1, 10).await, Fake::start(1, 12).await);
    let (first_url, second_url) = (first.url.clone(), second.url.clone());
    let chain = Subtensor::connect(config([first_url.as_str(), second_url.as_str()])).await.unwrap();
    assert_eq!(chain.block_number().await.unwrap(), 10);
    drop(first);
    assert_eq!(chain.block_number().await.unwrap(), 12, "the second endpoint answers, and nobody noticed");
    assert_eq!(chain.endpoint(), Some(second_url));
}

#[tokio::test]
async fn an_open_socket_that_says_nothing_is_left() {
    let (first, second) = (Fake::start(1, 10).await, Fake::start(1, 12).await);
    let chain = Subtensor::connect(config([first.url.as_str(), second.url.as_str()])).await.unwrap();
    assert_eq!(chain.endpoint().as_ref(), Some(&first.url));
    first.node.silent.store(true, Ordering::Relaxed);
    assert_eq!(chain.block_number().await.unwrap(), 12);
    assert_eq!(chain.endpoint().as_ref(), Some(&second.url));
}

#[tokio::test]
async fn an_endpoint_without_new_blocks_is_left() {
    let (first, second) = (Fake::start(1, 10).await, Fake::start(1, 10).await);
    second.grow();
    let stall_after = Duration::from_millis(300);
    let endpoints = [first.url.as_str(), second.url.as_str()];
    let chain = Subtensor::connect(SubtensorConfig { stall_after, ..config(endpoints) }).await.unwrap();
    assert_eq!(chain.endpoint().as_ref(), Some(&first.url));
    uses(&chain, &second.url).await;
    let mut blocks = chain.blocks();
    tokio::time::timeout(PATIENCE, blocks.wait_for(|height| *height > 12)).await.unwrap().unwrap();
}

#[tokio::test]
async fn another_chain_is_refused_by_its_genesis() {
    let (ours, other) = (Fake::start(1, 10).await, Fake::start(2, 10).await);
    let mut genesis = [0; 32];
    genesis[0] = 1;
    let pinned = SubtensorConfig { genesis: Some(genesis), ..config([other.url.as_str()]) };
    let error = Subtensor::connect(pinned).await.unwrap_err().to_string();
    assert!(error.contains("another chain") && error.contains(&other.url), "{error}");
    // Not pinned: the first that answers sets the rule, and the other one does not take its place.
    let read_deadline = Duration::from_millis(700);
    let endpoints = [ours.url.as_str(), other.url.as_str()];
    let chain = Subtensor::connect(SubtensorConfig { read_deadline, ..config(endpoints) }).await.unwrap();
    drop(ours);
    let error = chain.block_number().await.unwrap_err().to_string();
    assert!(error.contains("another chain"), "{error}");
}

#[tokio::test]
async fn a_node_far_behind_is_used_only_when_no_other_is_left() {
    let (first, behind, third) = (Fake::start(1, 500).await, Fake::start(1, 10).await, Fake::start(1, 499).await);
    let endpoints = [first.url.as_str(), behind.url.as_str(), third.url.as_str()];
    let chain = Subtensor::connect(config(endpoints)).await.unwrap();
    drop(first);
    uses(&chain, &third.url).await;
    drop(third);
    uses(&chain, &behind.url).await;
    assert_eq!(chain.block_number().await.unwrap(), 10);
}

#[tokio::test]
async fn the_preferred_endpoint_is_taken_again_when_it_is_back() {
    let (first, second) = (nobody(), Fake::start(1, 12).await);
    let endpoints = [first.as_str(), second.url.as_str()];
    let prefer_after = Duration::from_millis(100);
    let chain = Subtensor::connect(SubtensorConfig { prefer_after, ..config(endpoints) }).await.unwrap();
    assert_eq!(chain.endpoint().as_ref(), Some(&second.url));
    let back = Fake::start_at(first.trim_start_matches("ws://"), 1, 13).await;
    uses(&chain, &back.url).await;
    assert_eq!(chain.block_number().await.unwrap(), 13);
}

#[tokio::test]
async fn a_client_that_is_dropped_lets_go_of_its_connection() {
    let node = Fake::start(1, 10).await;
    let chain = Subtensor::connect(config([node.url.as_str()])).await.unwrap();
    let copy = chain.clone();
    drop(chain);
    assert_eq!(copy.block_number().await.unwrap(), 10);
    drop(copy);
    // The node's only subscriber was the client's.
    let closed = async { node.node.height.closed().await };
    tokio::time::timeout(PATIENCE, closed).await.expect("the subscription outlives the client");
}
