//! The chain's tools as people use them, against the development chain: btcli and SDKs of two generations, polkadot-js, polkadot-api. Each walk is a
//! script that types the commands and checks every answer; `scripts/python-peers.sh` installs what they need.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use neuron::localnet::{LocalnetConfig, spawn};

use crate::needs::{self, python};
use crate::walks::Walk;

tests! { asynchronous: btcli_9_walks, btcli_11_walks, sdk_10_walks, sdk_11_walks, polkadot_js_walks, polkadot_api_walks }

/// A sealed extrinsic lives for eight blocks, in which a tool has to sign and send it.
const BLOCK_TIME: Duration = Duration::from_millis(250);

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// Runs a walk on a chain of its own; it tells how many steps it took, and that has to be all that its script has.
async fn walk(walk: &Walk, mut command: Command) {
    let mut config =
        LocalnetConfig { port: 0, block_time: BLOCK_TIME, finality: BLOCK_TIME, ..LocalnetConfig::default() };
    for subnet in &mut config.genesis.subnets {
        subnet.weights_rate_limit = 0;
        subnet.serving_rate_limit = 0;
    }
    let chain = spawn(config).await.unwrap();
    let home = tempfile::tempdir().unwrap();
    command.arg(script(walk.script)).arg(chain.ws_url());
    command.env("HOME", home.path()).env("COLUMNS", "200").env("PYTHONDONTWRITEBYTECODE", "1");
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "stdout:\n{out}\nstderr:\n{err}");
    let steps = out.trim_end().rsplit_once("ALL GOOD ").and_then(|(_, steps)| steps.parse().ok());
    assert!(steps.is_some_and(|steps: usize| steps >= walk.steps().len()), "{out}");
}

async fn python_walk(script: &str) {
    let it = Walk::of(script);
    walk(it, Command::new(python(it.peer))).await;
}

/// Runs a walk by Node with the packages in the folder that its variable names.
async fn node_walk(script: &str) {
    let it = Walk::of(script);
    let mut command = Command::new("node");
    command.env(it.peer, needs::node(it.peer));
    walk(it, command).await;
}

async fn btcli_9_walks() {
    python_walk("python/btcli9_walk.py").await;
}

async fn btcli_11_walks() {
    python_walk("python/btcli11_walk.py").await;
}

async fn sdk_10_walks() {
    python_walk("python/sdk10_walk.py").await;
}

async fn sdk_11_walks() {
    python_walk("python/sdk11_walk.py").await;
}

async fn polkadot_js_walks() {
    node_walk("node/polkadot_walk.mjs").await;
}

async fn polkadot_api_walks() {
    node_walk("node/papi_walk.mjs").await;
}
