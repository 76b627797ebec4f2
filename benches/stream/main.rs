//! Streams of text: what the axon adds to a chunk, what a chunk costs, what the gateway adds to the first one, and whether
//! memory stays where it is. `scripts/bench-stream.sh` runs it.
//!
//! The backend writes the time into each chunk; the client, another process on the same machine, compares it with the time at
//! which it reads the chunk from its socket. The same chunks sent by a bare hyper server say how much of that is the machine's.
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

mod client;
mod gateway;
mod long;
mod server;

use std::process::Command;

use client::{Heard, listen};
use server::{Server, serve};

/// Streams at once.
pub(crate) const STREAMS: usize = 200;
/// Chunks a second of each.
pub(crate) const PER_SECOND: u64 = 50;

/// How long a stream lasts, seconds; and how many rounds of such streams are counted.
fn asked_for(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (seconds, rounds) = (asked_for("NEURON_BENCH_SECONDS", 10), asked_for("NEURON_BENCH_ROUNDS", 3));
    match words[..] {
        ["serve", kind, chunks] => serve(kind, chunks.parse().unwrap()),
        [] => {
            streams(seconds, rounds);
            gateway::first_chunk();
        }
        ["streams"] => streams(seconds, rounds),
        ["gateway"] => gateway::first_chunk(),
        ["long"] => long::tenths(seconds, rounds),
        _ => panic!("run by scripts/bench-stream.sh"),
    }
}

/// `cores` are two for a server of ours; it shares them with the client, as a miner shares them with its kernel.
fn streams(seconds: u64, rounds: u64) {
    let chunks = seconds * PER_SECOND;
    println!("\n{STREAMS} streams at once, {PER_SECOND} chunks a second each, {seconds} s long, {rounds} rounds\n");
    println!("| server | chunks | p50 ms | p99 ms | p99.9 ms | CPU µs/chunk | resident MiB, by round |");
    println!("|---|---|---|---|---|---|---|");
    let bare = measured("bare hyper server (the machine)", &Server::own("bare", chunks), chunks, rounds);
    let axon = measured("axon", &Server::own("axon", chunks), chunks, rounds);
    let python = Server::python(18_293);
    match python.map(|server| measured("Python SDK 10 axon", &server, chunks, 1)) {
        Some(python) => println!(
            "\nThe axon adds {:.3} ms to a chunk at the median and {:.3} ms at p99; a chunk of the Python axon takes {:.1} times as \
             much CPU.",
            axon.p50_ms - bare.p50_ms,
            axon.p99_ms - bare.p99_ms,
            python.cpu_us / axon.cpu_us
        ),
        None => println!(
            "| Python SDK 10 axon | SKIPPED: NEURON_PYTHON is not set | | | | | |\n\nThe axon adds {:.3} ms to a chunk at the \
             median and {:.3} ms at p99.",
            axon.p50_ms - bare.p50_ms,
            axon.p99_ms - bare.p99_ms
        ),
    }
}

struct Row {
    p50_ms: f64,
    p99_ms: f64,
    cpu_us: f64,
}

fn measured(name: &str, server: &Server, chunks: u64, rounds: u64) -> Row {
    // A first, short one makes what is made once.
    listen(server, 20.min(chunks));
    let (cpu, mut delays, mut resident, mut heard) = (server.cpu_seconds(), Vec::new(), Vec::new(), 0);
    for _ in 0..rounds {
        let Heard { chunks: count, delays_ms } = listen(server, chunks);
        heard += count;
        delays.extend(delays_ms);
        resident.push(format!("{:.1}", server.rss_mib()));
    }
    let cpu_us = (server.cpu_seconds() - cpu) * 1e6 / heard.max(1) as f64;
    delays.sort_by(f64::total_cmp);
    let at = |share: f64| delays.get((delays.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN);
    let row = Row { p50_ms: at(0.5), p99_ms: at(0.99), cpu_us };
    let wanted = STREAMS as u64 * chunks * rounds;
    let missing = if heard < wanted { format!(" of {wanted}") } else { String::new() };
    let time = |share: f64| if delays.is_empty() { "–".to_owned() } else { format!("{:.3}", at(share)) };
    println!(
        "| {name} | {heard}{missing} | {} | {} | {} | {cpu_us:.1} | {} |",
        time(0.5),
        time(0.99),
        time(0.999),
        resident.join(", ")
    );
    row
}

/// This program again, to do something else.
pub(crate) fn myself() -> Command {
    Command::new(std::env::current_exe().unwrap())
}
