//! Weights: how long a transaction takes beyond the block, and how many of them the development chain takes in a second.

use std::time::Duration;

use neuron::clock;
use neuron::subtensor::weights::{Row, WeightsCall};
use neuron::subtensor::{Subtensor, SubtensorConfig};
use neuron::units::Uid;

use crate::node::{EVENTS, NEURONS, Node, hotkey};
use crate::wire::{Requests, Wire};
use crate::{median, milliseconds};

const ROUNDS: usize = 20;
const BLOCK: Duration = Duration::from_millis(500);

fn row(first: u16) -> Row {
    Row((0..NEURONS as u16).map(|uid| (Uid(uid), u16::MAX - (uid + first) % 256)).collect())
}

/// A call that is sent when a block was just made is in the next one: what it takes beyond that is ours and the node's.
pub async fn inclusion() {
    let node = Node::start(BLOCK);
    let chain = Subtensor::connect(SubtensorConfig::new([node.url()])).await.unwrap();
    let (key, mut blocks) = (hotkey(1), chain.blocks());
    let mut beyond = Vec::new();
    for round in 0..ROUNDS {
        blocks.changed().await.unwrap();
        let began = clock::monotonic();
        chain.set_weights(&key, EVENTS, &row(round as u16).0, 0).await.unwrap();
        beyond.push(milliseconds(began) - BLOCK.as_secs_f64() * 1e3);
    }
    let most = beyond.iter().copied().fold(f64::MIN, f64::max);
    println!(
        "| set_weights of 256 to inclusion, beyond the block time | {:.1} ms; at most {most:.1} ms |",
        median(beyond)
    );
}

/// Seconds.
#[derive(Default)]
struct Spent {
    wall: f64,
    /// Of the chain's processor time; the kernel counts in 1/100 s.
    chain: f64,
}

impl Spent {
    fn adding<R>(&mut self, node: &mut Node, what: impl FnOnce(&mut Node) -> R) -> R {
        let (began, chain_began) = (clock::monotonic(), node.cpu_seconds());
        let result = tokio::task::block_in_place(|| what(node));
        self.wall += began.elapsed().as_secs_f64();
        self.chain += node.cpu_seconds() - chain_began;
        result
    }
}

/// Everybody sets weights for everybody, in one block; several blocks.
///
/// Calls are signed and put into frames beforehand. What is measured begins when the first frame is sent and ends when all calls
/// are in a block: reading from the line, JSON, validation with its signature, the pool, execution, events, the state's root. The
/// client sends bytes and counts answers, on the same cores.
pub async fn throughput() {
    let rounds: usize = std::env::var("NEURON_BENCH_ROUNDS").map_or(40, |text| text.parse().unwrap());
    let mut node = Node::start(Duration::from_secs(3600));
    let chain = Subtensor::connect(SubtensorConfig::new([node.url()])).await.unwrap();
    let keys: Vec<_> = (1..NEURONS).map(hotkey).collect();
    let mut wire = Wire::to(node.port);
    let (mut posting, mut making, mut taken) = (Spent::default(), Spent::default(), 0);
    for round in 0..rounds {
        let mut requests = Requests::default();
        for key in &keys {
            let call = WeightsCall::Set { row: row(round as u16), version_key: 0 };
            let signed = chain.sign_weights(key, (EVENTS, 0), &call, true).await.unwrap();
            requests.push("author_submitExtrinsic", &signed.bytes);
        }
        let refused = posting.adding(&mut node, |_| wire.ask(&requests));
        assert!(refused.is_empty(), "{:?}", refused.first());
        taken += making.adding(&mut node, Node::mine);
        let own = chain.weights_of(EVENTS, Uid(1)).await.unwrap();
        assert_eq!(own.len(), NEURONS, "they are in the block");
    }
    assert_eq!(taken, rounds * keys.len(), "all of them");
    let rate = |seconds: f64| taken as f64 / seconds;
    println!(
        "| {taken} set_weights of 256 entries, signatures included | {:.0} a second: {:.0} a second into the pool over one \
         websocket, {:.0} a second into blocks; of the chain's own processor time {:.0} µs each: {:.0} µs and {:.0} µs |",
        rate(posting.wall + making.wall),
        rate(posting.wall),
        rate(making.wall),
        1e6 / rate(posting.chain + making.chain),
        1e6 / rate(posting.chain),
        1e6 / rate(making.chain)
    );
}
