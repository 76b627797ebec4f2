//! Proof of work: the hash rate of our solver on one core and on all, of the native solver of SDK 11 in the same run, and of
//! SHA-256 and Keccak-256 of short messages with nothing else: one by one, and sixteen at once. `scripts/bench-pow.sh` runs it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_macros,
    reason = "a benchmark talks to a person and may panic"
)]

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use fearless_simd::Level;
use neuron::clock::monotonic;
use neuron::subtensor::Puzzle;
use neuron::subtensor::seals::{LANES, Start};
use neuron::units::{Account, NetUid};
use sha2::{Digest as _, Sha256};
use sha3::Keccak256;

/// Nobody solves this while it is measured: 2⁶³ hashes are needed.
const PUZZLE: Puzzle = Puzzle {
    netuid: NetUid(8),
    block: 5,
    block_hash: [0x11; 32],
    hotkey: Account([0x22; 32]),
    coldkey: Account([0x33; 32]),
    difficulty: 1 << 63,
};
/// Between two looks at the time.
const BATCH: u64 = 10_000;

fn main() {
    let seconds: u64 = std::env::var("NEURON_BENCH_SECONDS").map_or(10, |text| text.parse().unwrap());
    let time = Duration::from_secs(seconds);
    let cores = std::thread::available_parallelism().unwrap();
    let (one_by_one, at_once) = (one_by_one(time), sixteen_at_once(time));
    let one = solver(NonZeroUsize::MIN, time);
    let all = solver(cores, time);
    let theirs = sdk(time);

    println!("| what | million hashes a second | |\n|---|---|---|");
    println!("| SHA-256 and Keccak-256 one by one, nothing else, one core | {:.3} | |", one_by_one / 1e6);
    println!("| the same sixteen at once | {:.3} | the limit |", at_once / 1e6);
    println!("| our solver, one core | {:.3} | {:.0} % of the limit |", one / 1e6, 100.0 * one / at_once);
    println!("| our solver, {cores} cores | {:.3} | {:.2} times one |", all / 1e6, all / one);
    match theirs {
        Some(rate) => println!(
            "| `bittensor_core.pow_mine_cpu`, one core's time | {:.3} | ours is {:.1} times as fast |",
            rate / 1e6,
            one / rate
        ),
        None => println!("| `bittensor_core.pow_mine_cpu` | SKIPPED | NEURON_PYTHON11 is not set |"),
    }
}

/// Hashes a second of our search.
fn solver(threads: NonZeroUsize, time: Duration) -> f64 {
    let (stop, tried) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let began = monotonic();
        let search = scope.spawn(|| PUZZLE.search(threads, 0, &stop, &tried));
        std::thread::sleep(time);
        let rate = tried.load(Relaxed) as f64 / began.elapsed().as_secs_f64();
        stop.store(true, Relaxed);
        assert!(search.join().unwrap().is_none(), "a puzzle that nobody can solve was solved");
        rate
    })
}

/// The same two functions on messages that fill one of their blocks. No result waits for another.
fn one_by_one(time: Duration) -> f64 {
    measured(time, |first| {
        for number in first..first + LANES as u64 {
            black_box(Keccak256::digest(Sha256::digest(message(number))));
        }
    })
}

/// As the solver does it.
fn sixteen_at_once(time: Duration) -> f64 {
    let (level, start) = (Level::new(), Start::new(black_box(&[7; 128])));
    measured(time, |first| {
        black_box(start.ends_of_seals(level, first as u32));
    })
}

fn message(number: u64) -> [u8; 32] {
    let mut message = [0; 32];
    message[..8].copy_from_slice(&number.to_le_bytes());
    black_box(message)
}

/// Hashes a second of what makes [`LANES`], of messages from a number on.
fn measured(time: Duration, some: impl Fn(u64)) -> f64 {
    let (began, mut hashes) = (monotonic(), 0_u64);
    while began.elapsed() < time {
        for _ in 0..BATCH {
            some(hashes);
            hashes += LANES as u64;
        }
    }
    hashes as f64 / began.elapsed().as_secs_f64()
}

/// Hashes of SDK 11 for each second of the processor's time: whether it takes one core or several.
fn sdk(time: Duration) -> Option<f64> {
    let python = std::env::var("NEURON_PYTHON11").ok()?;
    let Puzzle { netuid, block_hash, hotkey, coldkey, difficulty, .. } = PUZZLE;
    let prefix = [b"subtensor-pow-register-v1".as_slice(), &netuid.0.to_le_bytes(), &block_hash, &hotkey.0, &coldkey.0];
    let mut command = Command::new(python);
    command.args(["-c", SDK, &hex::encode(prefix.concat()), &difficulty.to_string(), &time.as_secs().to_string()]);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let said: Vec<&str> = text.split_whitespace().collect();
    let [rate, seal] = said[..] else { panic!("{text}{}", String::from_utf8_lossy(&output.stderr)) };
    assert_eq!(seal, hex::encode(PUZZLE.seal(7)), "it hashes something else");
    Some(rate.parse().unwrap())
}

const SDK: &str = r"
import sys, time
import bittensor_core
prefix, difficulty, seconds = bytes.fromhex(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
_, seal = bittensor_core.pow_mine_cpu(prefix, 1, 7, 1)
began, used, start, attempts = time.monotonic(), time.process_time(), 0, 500_000
while time.monotonic() - began < seconds:
    assert bittensor_core.pow_mine_cpu(prefix, difficulty, start, attempts) is None
    start += attempts
print(start / (time.process_time() - used), bytes(seal).hex())
";
