//! The Python SDK 10.5.0 against the development chain; `NEURON_PYTHON` names an interpreter that has it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use neuron::localnet::{LocalnetConfig, spawn};

use crate::needs::python;

tests! { asynchronous: the_python_sdk_reads_transfers_registers_and_sets_weights }

async fn the_python_sdk_reads_transfers_registers_and_sets_weights() {
    let python = python("NEURON_PYTHON");
    let mut config = LocalnetConfig { port: 0, block_time: Duration::from_millis(100), ..LocalnetConfig::default() };
    for subnet in &mut config.genesis.subnets {
        subnet.weights_rate_limit = 0;
        subnet.serving_rate_limit = 0;
    }
    let chain = spawn(config).await.unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/sdk10_chain.py");
    let home = tempfile::tempdir().unwrap();
    let url = chain.ws_url();
    let run = move || Command::new(python).arg(script).arg(url).arg("without-views").env("HOME", home.path()).output();
    let output = tokio::task::spawn_blocking(run).await.unwrap().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "stdout:\n{out}\nstderr:\n{err}");
    assert!(out.trim_end().ends_with("ALL GOOD"), "{out}");
}
