//! Killed with SIGKILL at any moment, a validator's weights are on the chain exactly once per due time.
//!
//! A child process (this test binary again) writes weights on a chain that runs on here. It is killed at random moments and
//! started again on the same ledger. In the end the hotkey's nonce, which counts every transaction that was ever included,
//! must be that of the journal.
#![cfg(feature = "localnet")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use neuron::clock::Clock;
use neuron::ledger::{Fault, Ledger, LedgerError};
use neuron::localnet::LocalnetConfig;
use neuron::localnet::genesis::{GenesisConfig, SubnetGenesis};
use neuron::role::weights::{CommitBy, PastJob, WeightsPolicy, WeightsWriter, history};
use neuron::role::{Subnet, WeightsOutcome};
use neuron::subnets::work::{Allotment, Shares};
use neuron::subtensor::{Subtensor, SubtensorConfig};
use neuron::units::{Identity, Rao};

use crate::localnet::client as raw;
use crate::places::place;
use crate::subtensor::{EVENTS, key};
use crate::subtensor_neuron::permit;

const PLACE: &str = "WEIGHTS_KILL9_PLACE";
const CHAIN: &str = "WEIGHTS_KILL9_CHAIN";
const COMMIT: &str = "WEIGHTS_KILL9_COMMIT";
const HOTKEY: &str = "//Kill9";
/// Moments at which the child is killed, by mode; `NEURON_KILLS` takes another number, for a long run.
const KILLS: u64 = 24;

fn kills() -> u64 {
    std::env::var("NEURON_KILLS").map_or(KILLS, |number| number.parse().unwrap())
}

/// Shares that differ from time to time.
struct Moody;

impl Shares for Moody {
    fn shares<'a>(&'a self, registered: &'a [Identity]) -> BoxFuture<'a, Result<Allotment, LedgerError>> {
        let mood = Clock::wall().now().0 % 1000;
        let share = |place: i64| ((mood * 7 + place * 131) % 97) as f64 + 1.0;
        let all = (0..).zip(registered).map(|(place, who)| (*who, share(place))).collect();
        async move { Ok(Some(all)) }.boxed()
    }
}

fn open(folder: &Path) -> Ledger {
    for _ in 0..500 {
        match Ledger::open(place(folder.join("weights.sqlite")), &[]) {
            Err(LedgerError::InUse { .. }) => std::thread::sleep(Duration::from_millis(10)),
            other => return other.unwrap(),
        }
    }
    panic!("the ledger stays in use");
}

async fn writer(url: &str, ledger: Ledger, commit: CommitBy) -> (Subnet, WeightsWriter) {
    let chain = Subtensor::connect(SubtensorConfig::new([url])).await.unwrap();
    let subnet = Subnet::read(chain, EVENTS).await.unwrap();
    let policy = WeightsPolicy { interval_blocks: None, commit };
    let writer =
        WeightsWriter::new(Arc::new(key(HOTKEY)), subnet.clone(), ledger, Arc::new(Moody), Clock::wall(), policy);
    (subnet, writer)
}

/// Writes weights, as a validator does, until `enough`.
async fn write(subnet: &Subnet, writer: &WeightsWriter, mut enough: impl FnMut(&WeightsOutcome) -> bool) {
    let mut blocks = subnet.chain().blocks();
    loop {
        match writer.set_when_due().await {
            Ok(outcome) if enough(&outcome) => return,
            Ok(WeightsOutcome::NotDue { from_block, .. }) => {
                blocks.wait_for(|block| *block >= from_block).await.unwrap();
            }
            Ok(_) => {}
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// The child. Without its environment it is not meant to run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the body of the child process of the tests below"]
async fn child() {
    let Some(folder) = std::env::var_os(PLACE) else { return };
    let commit = if std::env::var(COMMIT).unwrap() == "hashed" { CommitBy::Hash } else { CommitBy::WhatWorks };
    let ledger = open(Path::new(&folder));
    let (subnet, writer) = writer(&std::env::var(CHAIN).unwrap(), ledger, commit).await;
    write(&subnet, &writer, |_| false).await;
}

fn start_child(folder: &Path, url: &str, commit: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "weights_kill9::child"])
        .envs([(PLACE, folder.to_str().unwrap()), (CHAIN, url), (COMMIT, commit)])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A number in `0..below` that follows from its arguments alone.
fn pseudo(a: u64, b: u64, below: u64) -> u64 {
    let mut x = a.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ b.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x ^= x >> 31;
    (x.wrapping_mul(0x94D0_49BB_1331_11EB) >> 20) % below.max(1)
}

async fn killed_at_random(commit: &str) {
    let events = SubnetGenesis {
        tempo: 8,
        weights_rate_limit: 0,
        serving_rate_limit: 0,
        commit_reveal: commit != "plain",
        ..SubnetGenesis::events()
    };
    let net = raw::start(LocalnetConfig {
        port: 0,
        block_time: Duration::from_millis(40),
        states_kept: 20_000,
        blocks_kept: 20_000,
        genesis: GenesisConfig { subnets: vec![events], ..GenesisConfig::default() },
        ..LocalnetConfig::default()
    })
    .await;
    let url = net.chain.ws_url();
    let chain = Subtensor::connect(SubtensorConfig::new([&url])).await.unwrap();
    let (owner, hotkey) = (key("//Bob"), key(HOTKEY).account());
    chain.burned_register(&owner, EVENTS, &hotkey).await.unwrap();
    chain.add_stake(&owner, &hotkey, EVENTS, Rao::from_tao(1000)).await.unwrap();
    permit(&chain, chain.uid(EVENTS, &hotkey).await.unwrap().unwrap()).await;

    let folder = tempfile::tempdir().unwrap();
    for round in 0..kills() {
        let mut child = start_child(folder.path(), &url, commit);
        // From before it has connected until a few epochs later.
        let alive = Duration::from_millis(60 + pseudo(round, commit.len() as u64, 900));
        tokio::time::sleep(alive).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }

    // A life in peace: until weights are shown that were due in it.
    let ledger = open(folder.path());
    let by = if commit == "hashed" { CommitBy::Hash } else { CommitBy::WhatWorks };
    let (subnet, writer) = writer(&url, ledger.clone(), by).await;
    let from = chain.block_number().await.unwrap();
    let peace = write(&subnet, &writer, |outcome| {
        matches!(outcome, WeightsOutcome::Advanced { stage, .. }
        if *stage == neuron::role::weights::Stage::Shown)
            && subnet.now().metagraph.block > from + 40
    });
    tokio::time::timeout(Duration::from_secs(60), peace).await.expect("no weights are shown in the end");

    let jobs = ledger.read(|connection| -> Result<_, Fault> { history(connection, 10_000) }).await.unwrap();
    let steps = |job: &PastJob, name: &str| job.steps.iter().filter(|step| step.step == name).count();
    let included: Vec<&PastJob> = jobs.iter().rev().filter(|job| steps(job, "included") > 0).collect();
    let revealed = jobs.iter().filter(|job| commit == "hashed" && steps(job, "revealed") > 0).count();
    let refused = jobs.iter().flat_map(|job| &job.steps);
    let refused =
        refused.filter(|step| step.cause.as_ref().is_some_and(|cause| cause.contains("failed in block"))).count();
    let nonce = net.ask("system_accountNextIndex", serde_json::json!([hotkey.ss58()])).await.unwrap();
    let on_chain = usize::try_from(nonce.as_u64().unwrap()).unwrap();
    assert_eq!(
        on_chain,
        included.len() + revealed + refused,
        "every transaction on the chain is in the journal, once: {jobs:#?}"
    );
    assert!(included.len() >= 10, "{} weights are too few to prove anything", included.len());
    let at = |job: &PastJob| job.steps.iter().find(|step| step.step == "included").unwrap().block;
    for pair in included.windows(2) {
        assert_eq!(pair[1].after, at(pair[0]), "one was due after the other, and no third came between");
    }
    let killed = jobs.iter().filter(|job| job.stage == "failed").count();
    eprintln!(
        "{commit}: {} kills, {} jobs, {} included, {killed} left behind unsent",
        kills(),
        jobs.len(),
        included.len()
    );
    net.chain.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_plain_weights_are_there_once_per_due_time() {
    killed_at_random("plain").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_hashed_weights_are_there_once_per_due_time() {
    killed_at_random("hashed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_time_locked_weights_are_there_once_per_due_time() {
    killed_at_random("timelocked").await;
}
