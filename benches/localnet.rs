//! The development chain by itself: until it is ready, a day of blocks, epochs, memory over many blocks.
//! `scripts/bench-localnet.sh` runs it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_macros,
    reason = "a benchmark talks to a person and may panic"
)]

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use neuron::clock::monotonic;
use neuron::localnet::genesis::{GenesisConfig, LastEpoch, NeuronGenesis, SubnetGenesis};
use neuron::localnet::{BlockMode, Handle, LocalnetConfig, spawn};
use neuron::units::{Account, Rao};

/// Blocks of 12 s in a day.
const DAY: u32 = 24 * 3600 / 12;
/// Neurons of a subnet of the main network.
const FULL: u16 = 256;
const STARTS: usize = 20;
/// Epochs that are measured.
const EPOCHS: usize = 5;
const TEMPO: u16 = 20;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    match words[..] {
        [] => {
            println!("| what | |\n|---|---|");
            // Each in a process of its own: what one has left behind is no part of the next.
            for part in ["ready", "day", "epoch", "memory"] {
                let status = Command::new(std::env::current_exe().unwrap()).arg(part).status().unwrap();
                assert!(status.success(), "{part} failed");
            }
        }
        ["ready"] => {
            runtime.block_on(ready());
            process();
        }
        ["day"] => runtime.block_on(day()),
        ["epoch"] => runtime.block_on(epochs()),
        ["memory"] => runtime.block_on(memory()),
        _ => panic!("run by scripts/bench-localnet.sh"),
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// Somebody, by a number.
fn account(kind: u8, number: usize) -> Account {
    let mut key = [kind; 32];
    key[..8].copy_from_slice(&(number as u64).to_le_bytes());
    Account(key)
}

/// A subnet with that many neurons, of which the first, but for the owner's, have permits and weights on all others.
fn subnet(netuid: u16, validators: u16, neurons: u16) -> SubnetGenesis {
    let neuron = |uid: u16| NeuronGenesis {
        hotkey: account(netuid as u8, usize::from(uid)),
        coldkey: account(0xc0, usize::from(netuid)),
        stake: Rao::from_tao(100 + u64::from(uid)),
        root_stake: Rao(0),
        axon: None,
        permit: uid <= validators,
        weights: match uid <= validators {
            true => (0..neurons).map(|of| (of, 1 + (of.wrapping_mul(31) ^ uid.wrapping_mul(17)) % 60_000)).collect(),
            false => Vec::new(),
        },
        last_epoch: LastEpoch::default(),
    };
    SubnetGenesis {
        netuid,
        max_uids: neurons,
        max_validators: validators,
        weights_rate_limit: 0,
        tempo: TEMPO,
        neurons: (1..neurons).map(neuron).collect(),
        ..SubnetGenesis::events()
    }
}

fn chain_of(subnets: Vec<SubnetGenesis>) -> LocalnetConfig {
    LocalnetConfig {
        port: 0,
        blocks: BlockMode::Manual,
        genesis: GenesisConfig { subnets, ..GenesisConfig::default() },
        ..LocalnetConfig::default()
    }
}

/// Two full subnets.
fn two() -> LocalnetConfig {
    chain_of(vec![subnet(8, 64, FULL), subnet(155, 64, FULL)])
}

async fn ready() {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let config = two();
        let began = monotonic();
        let chain = spawn(config).await.unwrap();
        times.push(milliseconds(began));
        chain.stop().await.unwrap();
    }
    println!("| ready, 2 subnets of {FULL} neurons, as a library | {:.1} ms |", median(times));
}

/// The program itself with its own two subnets, until it says where it listens.
fn process() {
    let once = || {
        let began = monotonic();
        let mut child = Command::new(env!("CARGO_BIN_EXE_neuron"));
        let mut child = child.args(["localnet", "--port", "0"]).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.map_while(Result::ok).any(|line| line.contains("127.0.0.1:")), "it ended before it listened");
        let took = milliseconds(began);
        child.kill().unwrap();
        child.wait().unwrap();
        took
    };
    println!(
        "| from its start until `neuron localnet` says where it listens | {:.1} ms |",
        median((0..STARTS).map(|_| once()).collect())
    );
}

async fn day() {
    let chain = spawn(two()).await.unwrap();
    let began = monotonic();
    chain.mine(DAY).await.unwrap();
    let took = began.elapsed().as_secs_f64();
    println!(
        "| 24 h of 12 s blocks ({DAY}), 2 subnets of {FULL} neurons, an epoch of each every {TEMPO} blocks | {took:.2} s |"
    );
    let mut slow = two();
    slow.genesis.subnets.iter_mut().for_each(|subnet| subnet.tempo = 360);
    let chain = spawn(slow).await.unwrap();
    let began = monotonic();
    chain.mine(DAY).await.unwrap();
    println!("| the same with the main network's tempo of 360 | {:.2} s |", began.elapsed().as_secs_f64());
}

async fn epochs() {
    for (validators, neurons) in [(FULL, FULL), (1_024, 4_096)] {
        let chain = spawn(chain_of(vec![subnet(155, validators, neurons)])).await.unwrap();
        let (epoch, other) = epoch(&chain).await;
        println!(
            "| an epoch of {validators} validators × {neurons} neurons, all weights set | {:.1} ms (a block without one: {other:.2} ms) |",
            epoch - other
        );
    }
}

/// The time of a block with an epoch and of one without: of every `TEMPO` blocks one has an epoch, and it is the longest.
async fn epoch(chain: &Handle) -> (f64, f64) {
    let (mut with, mut all) = (Vec::new(), Vec::new());
    for _ in 0..EPOCHS {
        let mut times = Vec::new();
        for _ in 0..TEMPO {
            let began = monotonic();
            chain.mine(1).await.unwrap();
            times.push(milliseconds(began));
        }
        with.push(times.iter().copied().fold(0.0, f64::max));
        all.extend(times);
    }
    (median(with), median(all))
}

/// Megabytes of this process that are in memory.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<f64>().unwrap() / 1e3
}

async fn memory() {
    let blocks: u32 = std::env::var("NEURON_BENCH_BLOCKS").map_or(1_000_000, |text| text.parse().unwrap());
    let mut config = two();
    config.genesis.subnets.iter_mut().for_each(|subnet| subnet.tempo = 360);
    (config.states_kept, config.blocks_kept) = (256, 256);
    let chain = spawn(config).await.unwrap();
    let (began, mut seen) = (monotonic(), Vec::new());
    for _ in 0..10 {
        chain.mine(blocks / 10).await.unwrap();
        seen.push(format!("{:.0}", resident()));
    }
    println!(
        "| memory after each tenth of {blocks} blocks, `--history 256` | {} MB; {:.0} blocks a second |",
        seen.join(", "),
        f64::from(blocks) / began.elapsed().as_secs_f64()
    );
}
