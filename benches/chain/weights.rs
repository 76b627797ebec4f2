//! Weights: how long a transaction takes beyond the block, and how many of them the development chain takes in a second.

use std::time::Duration;

use futures_util::future::join_all;
use neuron::clock;
use neuron::subtensor::weights::{Row, SignedCall, WeightsCall};
use neuron::subtensor::{Subtensor, SubtensorConfig};
use neuron::units::Uid;

use crate::node::{EVENTS, NEURONS, Node, hotkey};
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

/// Everybody sets weights for everybody, in one block; several blocks.
pub async fn throughput() {
    let rounds: usize = std::env::var("NEURON_BENCH_ROUNDS").map_or(10, |text| text.parse().unwrap());
    let mut node = Node::start(Duration::from_secs(3600));
    let chain = Subtensor::connect(SubtensorConfig::new([node.url()])).await.unwrap();
    let keys: Vec<_> = (1..NEURONS).map(hotkey).collect();
    let (mut posting_s, mut making_s, mut chain_s, mut taken) = (0.0, 0.0, 0.0, 0);
    for round in 0..rounds {
        let mut signed = Vec::new();
        for key in &keys {
            let call = WeightsCall::Set { row: row(round as u16), version_key: 0 };
            signed.push(chain.sign_weights(key, (EVENTS, 0), &call, true).await.unwrap());
        }
        let (began, chain_began) = (clock::monotonic(), node.cpu_seconds());
        let refused = join_all(signed.iter().map(|signed: &SignedCall| chain.post(signed))).await;
        let refused: Vec<_> = refused.into_iter().filter_map(Result::unwrap).collect();
        assert!(refused.is_empty(), "{:?}", refused.first());
        posting_s += began.elapsed().as_secs_f64();
        let began = clock::monotonic();
        taken += node.mine();
        making_s += began.elapsed().as_secs_f64();
        chain_s += node.cpu_seconds() - chain_began;
        let own = chain.weights_of(EVENTS, Uid(1)).await.unwrap();
        assert_eq!(own.len(), NEURONS, "they are in the block");
    }
    assert_eq!(taken, rounds * keys.len(), "all of them");
    let rate = |seconds: f64| taken as f64 / seconds;
    println!(
        "| {taken} set_weights of 256 entries, signatures included | {:.0} a second: {:.0} a second into the pool over one \
         websocket, {:.0} a second into blocks; {:.0} a second of the chain's own processor time |",
        rate(posting_s + making_s),
        rate(posting_s),
        rate(making_s),
        rate(chain_s)
    );
}
