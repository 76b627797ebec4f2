//! The operator's walk of the README, run as it is written there, on ports of this test.
#![cfg(feature = "localnet")]

use std::os::unix::process::CommandExt as _;
use std::process::Stdio;

use crate::support::free_port;
use crate::wallet_walk::{block, on_machine, said};

#[test]
fn from_nothing_to_weights_and_back_to_a_balance() {
    let (home, carried) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let script = block("operator").replace("9944", &free_port().to_string()).replace("8091", &free_port().to_string());
    // What it starts goes with it: one group, and the trap of the walk.
    let mut command = on_machine("timeout", home.path(), carried.path());
    let output = command.args(["200", "bash", "-euc", &script]).stdin(Stdio::null()).process_group(0).output().unwrap();
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("is uid 1 of subnet 155"), "{text}");
    assert!(stdout.contains("1: 50.00 %"), "half of the weights are the miner's: {text}");
    // Emission: more came back than was staked is not certain after fees, but the neuron has earned something.
    let row = stdout.lines().find(|line| line.trim_start().starts_with("155") && line.contains("127.0.0.2")).unwrap();
    assert!(row.contains("yes"), "it has a permit: {row}");
    let last = stdout.lines().rev().find(|line| line.ends_with('τ')).unwrap();
    assert!(last.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() > 1_500.0, "{last}");
}
