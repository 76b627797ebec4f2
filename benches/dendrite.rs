//! One tick of a validator: 256 axons asked about 500 events; `scripts/bench-wire.sh dendrite` runs it.
//!
//! The axons are ours, each with its own hotkey and port, in a process of their own, so that the dendrite's CPU time is
//! its own. The Python dendrite asks one of the same axons the same question, one query after another on eight tasks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_macros,
    reason = "a benchmark talks to a person and may panic"
)]

#[path = "common/fill.rs"]
mod fill;
#[path = "common/swarm.rs"]
mod swarm;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use neuron::clock;
use neuron::dendrite::{Deadlines, Dendrite, DendriteConfig, Target};
use neuron::subnets::events::synapse::{EventPrediction, EventPredictionSynapse};
use neuron::wallet::{Keypair, Scheme};

use swarm::Swarm;

const AXONS: usize = 256;
const EVENTS: usize = 500;
const TICKS: u32 = 4;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.as_slice() {
        [serve, axons] if serve == "serve" => swarm::serve(axons.parse().unwrap()),
        [] => report(),
        _ => panic!("run by scripts/bench-wire.sh"),
    }
}

/// CPU time of a process, user and system, in s.
fn cpu_seconds(process: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // The kernel's unit is a hundredth of a second on every Linux in use.
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn question() -> EventPredictionSynapse {
    let event = |number: usize| {
        let words = format!(
            "Will event number {number} resolve to yes before the end of the quarter? {}",
            "Details follow. ".repeat(12)
        );
        (
            format!("ifgames-{number}"),
            EventPrediction::ask(format!("{number:08}-aaaa"), "llm".into(), words.into(), Some(1_752_000_000)),
        )
    };
    EventPredictionSynapse { events: (0..EVENTS).map(event).collect(), ..Default::default() }
}

fn report() {
    let axons = Swarm::start(AXONS);
    let serving = axons.process.id().to_string();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let config = DendriteConfig { allow_private: true, ..DendriteConfig::default() };
    let dendrite = Dendrite::new(config, Arc::new(Keypair::from_uri("//Alice", Scheme::Sr25519).unwrap())).unwrap();
    let deadlines = Deadlines { total: Duration::from_secs(60), per_peer: Duration::from_secs(60) };
    let question = question();
    let tick = || {
        let answers = runtime.block_on(dendrite.broadcast(&axons.targets, &question, deadlines)).unwrap();
        for answer in answers {
            let events = answer.result.unwrap().events;
            assert!(events.len() == EVENTS && events.values().all(|event| event.probability == Some(0.5)));
        }
    };
    // The first tick opens the connections, the second is the first in the dialect of the others.
    tick();
    tick();
    let (own, theirs) = (cpu_seconds("self"), cpu_seconds(&serving));
    let mut walls = Vec::new();
    for _ in 0..TICKS {
        let started = clock::monotonic();
        tick();
        walls.push(started.elapsed().as_secs_f64());
    }
    let queries = f64::from(TICKS) * AXONS as f64;
    let per_query = |before: f64, after: f64| (after - before) / queries * 1000.0;
    let own = per_query(own, cpu_seconds("self"));
    let theirs = per_query(theirs, cpu_seconds(&serving));
    walls.sort_by(f64::total_cmp);
    let size = serde_json::to_vec(&question).unwrap().len() / 1000;

    println!("\n### Dendrite: one tick, {AXONS} axons, {EVENTS} events ({size} kB each way)\n");
    println!("| what | figure |\n|---|---|");
    println!(
        "| wall time, best and worst of {TICKS} ticks, axons included | {:.2} s, {:.2} s |",
        walls[0],
        walls[walls.len() - 1]
    );
    println!("| CPU of the dendrite per query | {own:.2} ms |");
    println!("| CPU of an axon per query | {theirs:.2} ms |");
    if let Some(python) = python_cpu_ms(&axons.targets[0]) {
        println!("| CPU of the Python SDK 10 dendrite per query, same question, same axon | {python:.2} ms |");
        println!("| ratio | {:.0} |", python / own);
    }
}

/// What the Python dendrite spends on the same question to one of the axons; `None` without it.
fn python_cpu_ms(target: &Target) -> Option<f64> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/peers/bench_axon.py");
    let Some(python) = std::env::var_os("NEURON_PYTHON").filter(|_| script.exists()) else {
        eprintln!("SKIPPED: no Python dendrite to compare with (scripts/python-peers.sh, ../shared/peers)");
        return None;
    };
    let output = Command::new(python)
        .arg(script)
        .args(["--client", "dendrite", "--levels", "8", "--seconds", "8", "--events", &EVENTS.to_string()])
        .args(["--target", &target.authority(), "--hotkey", &target.hotkey.ss58()])
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| {
        panic!("{e}: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    });
    report["levels"][0]["client_cpu_ms_per_request"].as_f64()
}
