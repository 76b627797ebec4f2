//! The operator's walk of the README, and those of the first hour, run as they are written there, on ports of this test.
#![cfg(feature = "localnet")]

use std::os::unix::process::CommandExt as _;
use std::process::Stdio;

use crate::support::free_port;
use crate::wallet_walk::{block, block_of, on_machine, said};

/// Ports that pages name, to be replaced by free ones.
const PORTS: [&str; 7] = ["9944", "8900", "8091", "8092", "9101", "9102", "8090"];

/// Runs a walk to its end, which must be good, and gives back what it printed to stdout and to both.
fn walked(mut script: String) -> (String, String) {
    for port in PORTS {
        script = script.replace(port, &free_port().to_string());
    }
    let (home, carried) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // What it starts goes with it: one group, and the trap of the walk.
    let mut command = on_machine("timeout", home.path(), carried.path());
    let output = command.args(["240", "bash", "-euc", &script]).stdin(Stdio::null()).process_group(0).output().unwrap();
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    (String::from_utf8_lossy(&output.stdout).into_owned(), text)
}

#[test]
fn the_first_hour_of_a_miner_ends_with_its_report() {
    let (stdout, text) = walked(block_of("docs/first-hour.md", "miner of events"));
    assert!(stdout.contains("gain"), "{text}");
    assert!(stdout.contains("registration"), "the doctor has looked: {text}");
}

#[test]
fn the_first_hour_of_a_validator_ends_with_weights() {
    let (stdout, text) = walked(block_of("docs/first-hour.md", "validator of events"));
    assert!(stdout.contains("incentive"), "{text}");
}

#[test]
fn the_other_kinds_of_the_first_hour_rank_right() {
    for name in ["time series", "prompting in the demonstration"] {
        let (stdout, text) = walked(block_of("docs/first-hour.md", name));
        assert!(stdout.contains("true"), "{text}");
    }
}

#[test]
fn from_nothing_to_weights_and_back_to_a_balance() {
    let (stdout, text) = walked(block("operator"));
    assert!(stdout.contains("is uid 1 of subnet 155"), "{text}");
    assert!(stdout.contains("1: 50.00 %"), "half of the weights are the miner's: {text}");
    // Emission: more came back than was staked is not certain after fees, but the neuron has earned something.
    let row = stdout.lines().find(|line| line.trim_start().starts_with("155") && line.contains("127.0.0.2")).unwrap();
    assert!(row.contains("yes"), "it has a permit: {row}");
    let last = stdout.lines().rev().find(|line| line.ends_with('τ')).unwrap();
    assert!(last.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() > 1_500.0, "{last}");
}
