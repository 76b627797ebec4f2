//! Weights: how long a transaction takes beyond the block, and how many of them the development chain takes in a second.

use std::time::Duration;

use neuron::clock;
use neuron::subtensor::weights::{Row, WeightsCall};
use neuron::subtensor::{Subtensor, SubtensorConfig};
use neuron::units::Uid;

use crate::node::{EVENTS, NEURONS, Node, hotkey, subnets};
use crate::wire::{Requests, Wire};
use crate::{median, milliseconds};

const ROUNDS: usize = 20;
const BLOCK: Duration = Duration::from_millis(500);

fn row(first: u16) -> Row {
    Row((0..NEURONS as u16).map(|uid| (Uid(uid), u16::MAX - (uid + first) % 256)).collect())
}

/// A call that is sent when a block was just made is in the next one: what it takes beyond that is ours and the node's.
pub async fn inclusion() {
    let node = Node::start(BLOCK, 1);
    let chain = Subtensor::connect(SubtensorConfig::new([node.url()])).await.unwrap();
    let (key, mut blocks) = (hotkey(EVENTS, 1), chain.blocks());
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

/// Subnets whose validators all set weights. Each account has one call under way at a time.
const SUBNETS: u16 = 10;

/// Everybody sets weights for everybody on ten subnets, several times: in one block after all have come, and in blocks that are
/// made while they come.
///
/// Calls are signed and put into frames beforehand. What is measured begins when the first frame is sent and ends when all calls
/// are in a block: reading from the line, JSON, validation with its signature, the pool, execution, events, the state's root. The
/// client sends bytes and counts answers, on the same cores.
pub async fn throughput() {
    let rounds: usize = std::env::var("NEURON_BENCH_ROUNDS").map_or(4, |text| text.parse().unwrap());
    let mut node = Node::start(Duration::from_secs(3600), SUBNETS);
    let chain = Subtensor::connect(SubtensorConfig::new([node.url()])).await.unwrap();
    let all = subnets(SUBNETS).flat_map(|netuid| (1..NEURONS).map(move |uid| (netuid, hotkey(netuid, uid))));
    let keys: Vec<_> = all.collect();
    let mut wire = Wire::to(node.port);
    let (mut posting, mut making, mut both) = (Spent::default(), Spent::default(), Spent::default());
    for round in 0..2 * rounds {
        let mut requests = Requests::default();
        for (netuid, key) in &keys {
            let call = WeightsCall::Set { row: row(round as u16), version_key: 0 };
            let signed = chain.sign_weights(key, (*netuid, 0), &call, true).await.unwrap();
            requests.push("author_submitExtrinsic", &signed.bytes);
        }
        let refused = if round % 2 == 0 {
            let refused = posting.adding(&mut node, |_| wire.ask(&requests));
            making.adding(&mut node, |node| while node.mine() > 0 {});
            refused
        } else {
            both.adding(&mut node, |node| as_they_come(node, &mut wire, &requests))
        };
        assert!(refused.is_empty(), "{:?}", refused.first());
        for netuid in subnets(SUBNETS) {
            let own = chain.weights_of(netuid, Uid(NEURONS as u16 - 1)).await.unwrap();
            assert_eq!(own, row(round as u16).0, "they are in a block");
        }
    }
    let taken = rounds * keys.len();
    let rate = |seconds: f64| taken as f64 / seconds;
    let each = |seconds: f64| 1e6 / rate(seconds);
    println!(
        "| {taken} set_weights of 256 entries, signatures included, into blocks as they come | {:.0} a second; of the chain's \
         own processor time {:.0} µs each |",
        rate(both.wall),
        each(both.chain)
    );
    println!(
        "| as many into the pool, and then into blocks | {:.0} a second over one websocket, {:.0} a second into blocks: {:.0} one \
         after the other; {:.0} µs and {:.0} µs |",
        rate(posting.wall),
        rate(making.wall),
        rate(posting.wall + making.wall),
        each(posting.chain),
        each(making.chain)
    );
}

/// Sends all, and makes blocks until all are in one. What was refused.
fn as_they_come(node: &mut Node, wire: &mut Wire, requests: &Requests) -> Vec<String> {
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| wire.ask(requests));
        loop {
            let all_came = asking.is_finished();
            if node.mine() == 0 && all_came {
                return asking.join().unwrap();
            }
        }
    })
}
