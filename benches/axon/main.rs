//! The axon's capacity, memory, and calm under attack; `scripts/bench-wire.sh` runs it.
//!
//! Servers run as processes of their own, so that their CPU time and memory can be read. The client signs beforehand and
//! reads little, so that it costs little. The limit it is compared with is a bare axum handler that parses the same body,
//! verifies one signature, makes one, and says nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_macros,
    unreachable_pub,
    reason = "a benchmark talks to a person and may panic"
)]

mod attack;
mod client;
#[path = "../common/fill.rs"]
mod fill;
mod memory;
mod server;
mod signatures;

use std::process::Command;

use attack::attack;
use client::{Run, honest, load};
use memory::{memory, nonces};
use server::{Server, serve};
use signatures::signatures;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["serve", kind, threads] => serve(kind, threads.parse().unwrap()),
        ["attack", port] => attack(port.parse().unwrap()),
        [] => {
            capacity();
            memory();
            calm();
            signatures();
        }
        ["capacity"] => capacity(),
        ["memory"] => memory(),
        ["nonces"] => nonces(),
        ["calm"] => calm(),
        ["signatures"] => signatures(),
        _ => panic!("run by scripts/bench-wire.sh"),
    }
}

fn capacity() {
    let pinned = Command::new("taskset").arg("--version").output().is_ok();
    println!("| server | cores | requests/s | p50 ms | p99 ms | CPU ms/request | of the limit | failures |");
    println!("|---|---|---|---|---|---|---|---|");
    let row = |name: &str, cores: &str, run: &Run, limit: Option<&Run>| {
        let share = limit.map_or("–".into(), |limit| format!("{:.0} %", 100.0 * limit.cpu_ms / run.cpu_ms));
        println!(
            "| {name} | {cores} | {:.0} | {:.2} | {:.2} | {:.3} | {share} | {} |",
            run.per_second, run.p50_ms, run.p99_ms, run.cpu_ms, run.failures
        );
    };
    for (threads, cores, label) in [(1, Some("0"), "1"), (2, None, "2 (shared with the client)")] {
        let cores = cores.filter(|_| pinned);
        let measure = |kind: &str| {
            let server = Server::own(kind, threads, cores);
            load(&server, 20);
            load(&server, 120)
        };
        let limit = measure("bare");
        row("bare handler (the limit)", label, &limit, None);
        row("axon", label, &measure("axon"), Some(&limit));
    }
    match Server::python(18_291) {
        Some(python) => {
            load(&python, 2);
            row("Python SDK 10 axon", "1", &load(&python, 12), None);
        }
        None => println!("| Python SDK 10 axon | | SKIPPED: NEURON_PYTHON is not set | | | | | |"),
    }
}

fn calm() {
    println!("\n| honest callers (8, 25 requests/s each) | p50 ms | p99 ms | failures |\n|---|---|---|---|");
    let server = Server::own("axon", 2, None);
    let print =
        |name: &str, run: &Run| println!("| {name} | {:.2} | {:.2} | {} |", run.p50_ms, run.p99_ms, run.failures);
    honest(&server, 10);
    print("alone", &honest(&server, 50));
    let mut attacker = Command::new(std::env::current_exe().unwrap());
    attacker.args(["attack", &server.port.to_string()]);
    let attacker = Server::start(&mut attacker, |_| 0);
    print("under forged signatures, replays, dripping heads and missing bodies", &honest(&server, 50));
    drop(attacker);
    print("after it", &honest(&server, 50));
}
