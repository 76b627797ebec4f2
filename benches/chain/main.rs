//! The chain client against a development chain of 256 neurons, beside SDK 10 on the same endpoint; and what that chain takes.
//! `scripts/bench-chain.sh` runs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_macros,
    unreachable_pub,
    reason = "a benchmark talks to a person and may panic"
)]

mod node;
mod relay;
mod weights;
mod wire;

use std::process::Command;
use std::time::{Duration, Instant};

use neuron::clock;
use neuron::role::Subnet;
use neuron::subtensor::{Subtensor, SubtensorConfig};
use neuron::timelock::{Payload, PublicKey, SecretKey, seal};
use neuron::units::Account;

use node::{EVENTS, Node};
use relay::Relay;

/// Metagraphs that are read.
const READS: usize = 20;
const SEALED: usize = 100;
/// A block of the main network.
const BLOCK: Duration = Duration::from_secs(12);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    match words[..] {
        ["node", block_ms, subnets] => {
            runtime.block_on(node::serve(Duration::from_millis(block_ms.parse().unwrap()), subnets.parse().unwrap()));
        }
        ["follow", url] => runtime.block_on(follow(url)),
        [] => {
            println!("| what | |\n|---|---|");
            runtime.block_on(metagraph());
            runtime.block_on(weights::inclusion());
            sealing();
            idle();
            runtime.block_on(weights::throughput());
        }
        ["metagraph"] => runtime.block_on(metagraph()),
        ["inclusion"] => runtime.block_on(weights::inclusion()),
        ["sealing"] => sealing(),
        ["idle"] => idle(),
        ["throughput"] => runtime.block_on(weights::throughput()),
        _ => panic!("run by scripts/bench-chain.sh"),
    }
}

/// The value in the middle.
pub(crate) fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

pub(crate) fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

async fn metagraph() {
    let node = Node::start(BLOCK, 1);
    let relay = Relay::to(node.port).await;
    let began = clock::monotonic();
    let chain = Subtensor::connect(SubtensorConfig::new([relay.url.as_str()])).await.unwrap();
    chain.metagraph(EVENTS).await.unwrap();
    let (first, asked_first) = (milliseconds(began), relay.requests());
    let mut times = Vec::new();
    for _ in 0..READS {
        let began = clock::monotonic();
        assert_eq!(chain.metagraph(EVENTS).await.unwrap().neurons.len(), node::NEURONS);
        times.push(milliseconds(began));
    }
    let each = (relay.requests() - asked_first) as f64 / READS as f64;
    let ours = median(times);
    println!("| metagraph of {} neurons, connected: ours | {ours:.2} ms, {each:.1} requests |", node::NEURONS);
    println!("| the first one, with connecting: ours | {first:.1} ms, {asked_first} requests |");
    let Ok(python) = std::env::var("NEURON_PYTHON") else {
        println!("| SDK 10 | SKIPPED: NEURON_PYTHON is not set |");
        return;
    };
    let relay = Relay::to(node.port).await;
    let mut command = Command::new(python);
    command.args(["-c", SDK, &relay.url, &EVENTS.0.to_string()]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said: serde_json::Value =
        serde_json::from_slice(output.stdout.rsplit(|b| *b == b'\n').nth(1).unwrap_or_default())
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    let times: Vec<f64> = said["ms"].as_array().unwrap().iter().map(|ms| ms.as_f64().unwrap()).collect();
    let (theirs, reads) = (median(times.clone()), times.len() + 1);
    println!("| metagraph, connected: SDK 10 | {theirs:.1} ms |");
    println!(
        "| the first one, with connecting: SDK 10 | {:.0} ms; {} requests for all {reads} reads |",
        said["first_ms"].as_f64().unwrap(),
        relay.requests()
    );
    println!("| times as fast | {:.0} |", theirs / ours);
}

const SDK: &str = r#"
import json, sys, time
import bittensor as bt
url, netuid = sys.argv[1], int(sys.argv[2])
began = time.perf_counter()
chain = bt.Subtensor(network=url)
assert len(chain.metagraph(netuid).hotkeys) == 256
first = time.perf_counter() - began
times = []
for _ in range(10):
    began = time.perf_counter()
    chain.metagraph(netuid)
    times.append(1e3 * (time.perf_counter() - began))
print(json.dumps({"first_ms": 1e3 * first, "ms": times}), flush=True)
"#;

fn sealing() {
    let beacon: PublicKey = SecretKey::from_seed(b"a beacon of our own").public();
    let payload = Payload {
        hotkey: Some(Account([7; 32])),
        uids: (0..256).collect(),
        values: (0..256).map(|value| 65_535 - value).collect(),
        version_key: 0,
    };
    let times = (0..SEALED as u64).map(|number| {
        let began = clock::monotonic();
        seal(&payload, 1_000 + number, &beacon).unwrap();
        milliseconds(began)
    });
    println!("| sealing a commit of 256 weights | {:.2} ms |", median(times.collect()));
}

/// A client that does what a role does while nothing is to be done: it follows blocks and reads the metagraph.
async fn follow(url: &str) {
    let chain = Subtensor::connect(SubtensorConfig::new([url])).await.unwrap();
    let subnet = Subnet::read(chain, EVENTS).await.unwrap();
    println!("following");
    loop {
        subnet.follow(BLOCK).await.unwrap();
    }
}

fn idle() {
    let seconds: u64 = std::env::var("NEURON_BENCH_SECONDS").map_or(60, |text| text.parse().unwrap());
    let node = Node::start(BLOCK, 1);
    let client = node::Child::start(&["follow", &format!("ws://127.0.0.1:{}", node.port)]);
    let (before, began) = (client.cpu_seconds(), clock::monotonic());
    std::thread::sleep(Duration::from_secs(seconds));
    let share = (client.cpu_seconds() - before) / began.elapsed().as_secs_f64();
    println!(
        "| a client that follows 256 neurons for {seconds} s, blocks of 12 s | {:.2} % of a core |",
        share * 100.0
    );
}
