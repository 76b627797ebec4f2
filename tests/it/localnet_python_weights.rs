//! Weights that the Python SDKs commit are revealed by the development chain. Their clock is a library of ours.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::localnet::client::start;
use crate::localnet::weights::{committed, genesis_before, pulse};
use crate::needs::python;
use crate::support::fixture;

tests! {
    asynchronous: weights_that_sdk_10_commits_are_revealed, weights_that_sdk_11_commits_are_revealed,
        both_sdks_commit_to_a_runtime_whose_netuid_is_a_struct
}

/// Compiles the library that makes a process see a clock of ours.
fn fake_clock(folder: &Path) -> PathBuf {
    let library = folder.join("fake_clock.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/fake_clock.c");
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let made = Command::new(compiler).args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).status();
    assert!(made.unwrap().success());
    library
}

/// Runs a script of an SDK whose clock is the chain's, so that it seals for a round whose signature is known.
async fn an_sdk_commits(variable: &str, script: &str, spec_version: u32) {
    let python = python(variable);
    let vectors: Value = serde_json::from_str(&fixture("timelock.json")).unwrap();
    let (round, signature) = pulse(&vectors);
    // Sealed in block 194, revealed in the epoch of block 200; the SDKs ask for the round of the third block after.
    let mut config = committed(genesis_before(round, 203));
    config.genesis.spec_version = spec_version;
    let net = start(config).await;
    let home = tempfile::tempdir().unwrap();
    let mut run = Command::new(python);
    run.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(script))
        .args([&net.chain.ws_url(), "194", &round.to_string(), signature])
        .env("HOME", home.path())
        .env("LD_PRELOAD", fake_clock(home.path()));
    let output = tokio::task::spawn_blocking(move || run.output()).await.unwrap().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "stdout:\n{out}\nstderr:\n{err}");
    assert!(out.trim_end().ends_with("ALL GOOD"), "{out}");
}

async fn weights_that_sdk_10_commits_are_revealed() {
    an_sdk_commits("NEURON_PYTHON", "sdk10_weights.py", 425).await;
}

async fn weights_that_sdk_11_commits_are_revealed() {
    an_sdk_commits("NEURON_PYTHON11", "sdk11_weights.py", 425).await;
}

async fn both_sdks_commit_to_a_runtime_whose_netuid_is_a_struct() {
    an_sdk_commits("NEURON_PYTHON", "sdk10_weights.py", 429).await;
    an_sdk_commits("NEURON_PYTHON11", "sdk11_weights.py", 429).await;
}
