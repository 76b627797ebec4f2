//! Weights on a development chain by every way: they land, are revealed, and are read back; what is forecast happens to the
//! last bit.
#![cfg(feature = "localnet")]

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use neuron::clock::Clock;
use neuron::ledger::{Fault, Ledger, LedgerError};
use neuron::localnet::LocalnetConfig;
use neuron::localnet::genesis::{GenesisConfig, SubnetGenesis};
use neuron::role::weights::{
    CommitBy, Mode, PastJob, Stage, WeightsExplanation, WeightsPolicy, WeightsStatus, WeightsWriter, forecast, history,
    row,
};
use neuron::role::{Subnet, WeightsOutcome};
use neuron::subnets::work::{Allotment, Shares};
use neuron::subtensor::{Neuron, Subtensor, SubtensorConfig};
use neuron::units::{Identity, Rao, Uid};
use neuron::wallet::Keypair;
use subxt::dynamic::{self, Value};

use crate::localnet::client::{self as raw, Net};
use crate::places::place;
use crate::subtensor::{EVENTS, key};
use crate::subtensor_neuron::permit;

const PATIENCE: Duration = Duration::from_secs(120);

/// The second to the last neuron earn 1, 2, 3, …
struct Rising;

impl Shares for Rising {
    fn shares<'a>(&'a self, registered: &'a [Identity]) -> BoxFuture<'a, Result<Allotment, LedgerError>> {
        let all = registered.iter().copied().zip((0..).map(f64::from)).collect();
        async move { Ok(Some(all)) }.boxed()
    }
}

fn subnet(commit_reveal: bool) -> SubnetGenesis {
    SubnetGenesis {
        tempo: 8,
        // Two mechanisms of 256 neurons are more than the chain allows.
        max_uids: 128,
        weights_rate_limit: 0,
        serving_rate_limit: 0,
        commit_reveal,
        ..SubnetGenesis::events()
    }
}

async fn net(block_time: Duration, commit_reveal: bool) -> (Net, Subtensor) {
    let genesis = GenesisConfig { subnets: vec![subnet(commit_reveal)], ..GenesisConfig::default() };
    let net = raw::start(LocalnetConfig { port: 0, block_time, genesis, ..LocalnetConfig::default() }).await;
    let chain = Subtensor::connect(SubtensorConfig::new([net.chain.ws_url()])).await.unwrap();
    (net, chain)
}

/// A validator with a permit, and two miners.
async fn staked(chain: &Subtensor) -> Arc<Keypair> {
    let (owner, validator) = (key("//Bob"), Arc::new(key("//V")));
    for hotkey in [validator.account(), key("//M1").account(), key("//M2").account()] {
        chain.burned_register(&owner, EVENTS, &hotkey).await.unwrap();
    }
    chain.add_stake(&owner, &validator.account(), EVENTS, Rao::from_tao(1000)).await.unwrap();
    permit(chain, chain.uid(EVENTS, &validator.account()).await.unwrap().unwrap()).await;
    validator
}

struct Writing {
    _folder: tempfile::TempDir,
    ledger: Ledger,
    subnet: Subnet,
    writer: WeightsWriter,
}

async fn writing(chain: &Subtensor, validator: &Arc<Keypair>, commit: CommitBy) -> Writing {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(place(folder.path().join("weights.sqlite")), &[]).unwrap();
    let subnet = Subnet::read(chain.clone(), EVENTS).await.unwrap();
    let policy = WeightsPolicy { interval_blocks: None, commit };
    let shares = Arc::new(Rising);
    let writer =
        WeightsWriter::new(Arc::clone(validator), subnet.clone(), ledger.clone(), shares, Clock::wall(), policy);
    Writing { _folder: folder, ledger, subnet, writer }
}

impl Writing {
    /// Writes, as a validator does, until `enough` of the jobs so far.
    async fn until(&self, enough: impl Fn(&[PastJob]) -> bool) -> Vec<PastJob> {
        let mut blocks = self.subnet.chain().blocks();
        let work = async {
            loop {
                match self.writer.set_when_due().await {
                    Ok(WeightsOutcome::NotDue { from_block, .. }) => {
                        blocks.wait_for(|block| *block >= from_block).await.unwrap();
                    }
                    Ok(_) => {}
                    // A mode that changed between build and send. The journal has it, and the next turn goes on.
                    Err(error) => assert!(error.to_string().contains("CommitReveal"), "{error}"),
                }
                let jobs = self.jobs().await;
                if enough(&jobs) {
                    return jobs;
                }
            }
        };
        tokio::time::timeout(PATIENCE, work).await.expect("the weights do not come")
    }

    /// Oldest first.
    async fn jobs(&self) -> Vec<PastJob> {
        let read = self.ledger.read(|connection| -> Result<_, Fault> { history(connection, 100) });
        read.await.unwrap().into_iter().rev().collect()
    }
}

fn shown(jobs: &[PastJob], mode: Mode) -> usize {
    jobs.iter().filter(|job| job.mode == mode.name() && job.stage == Stage::Shown.name()).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_every_way_weights_land_and_are_read_back() {
    for (mode, commit) in
        [(Mode::Plain, CommitBy::WhatWorks), (Mode::Hashed, CommitBy::Hash), (Mode::Timelocked, CommitBy::Seal)]
    {
        let (net, chain) = net(Duration::from_millis(60), mode != Mode::Plain).await;
        let validator = staked(&chain).await;
        let writing = writing(&chain, &validator, commit).await;
        let jobs = writing.until(|jobs| shown(jobs, mode) >= 3).await;
        assert!(
            jobs.iter().all(|job| job.mode == mode.name() && job.stage != "lost" && job.stage != "failed"),
            "{jobs:#?}"
        );
        let steps: Vec<&str> = jobs[0].steps.iter().map(|step| step.step.as_str()).collect();
        match mode {
            Mode::Plain => assert_eq!(steps, ["due", "built", "signed", "sent", "included", "shown"]),
            Mode::Timelocked => {
                assert_eq!(steps, ["due", "built", "signed", "sent", "included", "revealed", "shown"]);
            }
            Mode::Hashed => assert_eq!(
                steps,
                ["due", "built", "signed", "sent", "included", "reveal_signed", "reveal_sent", "revealed", "shown"]
            ),
        }
        let own = writing.subnet.now().neuron(&validator.account()).unwrap().uid;
        let expected = [(Uid(1), 21845), (Uid(2), 43690), (Uid(3), 65535)];
        assert_eq!(chain.weights_of(EVENTS, own).await.unwrap(), expected);

        let ground = chain.weights_ground(EVENTS, &validator.account(), true).await.unwrap();
        let policy = WeightsPolicy { commit, ..WeightsPolicy::default() };
        let status = WeightsStatus::of(&ground, &policy, &[]);
        assert_eq!((status.mode, status.obstacle, status.mechanisms.len()), (Some(mode), None, 1));
        assert_eq!(status.mechanisms[0].weights.0, expected);
        let shares: Vec<_> = ground.metagraph.neurons.iter().map(Neuron::identity).zip((0..).map(f64::from)).collect();
        let explained = WeightsExplanation::of(&ground, &policy, &[], Some(&shares));
        assert_eq!(explained.weights.iter().map(|line| line.value).collect::<Vec<_>>(), [21845, 43690, 65535]);
        assert_eq!(explained.round.is_some(), mode == Mode::Timelocked);
        net.chain.stop().await.unwrap();
    }
}

/// `Sudo.sudo(AdminUtils.<name>(…))` by `//Alice`.
async fn admin(net: &Net, nonce: u64, name: &str, value: Value) {
    let call = Value::named_variant(name, [("netuid", Value::u128(u128::from(EVENTS.0))), value_named(name, value)]);
    let sudo = dynamic::transaction("Sudo", "sudo", (Value::unnamed_variant("AdminUtils", [call]),));
    let bytes = net.signed("//Alice", &sudo, nonce, 0).await;
    net.submit(&bytes).await.unwrap();
}

fn value_named(call: &str, value: Value) -> (&'static str, Value) {
    match call {
        "sudo_set_mechanism_count" => ("mechanism_count", value),
        _ => ("enabled", value),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mode_that_changes_is_followed_and_every_mechanism_gets_its_weights() {
    let (net, chain) = net(Duration::from_millis(60), false).await;
    let validator = staked(&chain).await;
    let writing = writing(&chain, &validator, CommitBy::WhatWorks).await;
    writing.until(|jobs| shown(jobs, Mode::Plain) >= 1).await;
    admin(&net, 0, "sudo_set_mechanism_count", Value::u128(2)).await;
    let of = |jobs: &[PastJob], mechanism: u8, mode: Mode| {
        let own: Vec<PastJob> = jobs.iter().filter(|job| job.mechanism == mechanism).cloned().collect();
        shown(&own, mode)
    };
    writing.until(|jobs| of(jobs, 1, Mode::Plain) >= 1).await;
    admin(&net, 1, "sudo_set_commit_reveal_weights_enabled", Value::bool(true)).await;
    writing.until(|jobs| (0..2).all(|mechanism| of(jobs, mechanism, Mode::Timelocked) >= 2)).await;
    admin(&net, 2, "sudo_set_commit_reveal_weights_enabled", Value::bool(false)).await;
    let before = shown(&writing.jobs().await, Mode::Plain);
    let jobs = writing.until(|jobs| shown(jobs, Mode::Plain) >= before + 2).await;
    // What was under way when the mode changed may fail, or be let go; nothing is there twice.
    let mut seen: Vec<_> =
        jobs.iter().filter(|job| job.stage != "failed").map(|job| (job.mechanism, job.after)).collect();
    let all = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), all, "one job for each update of a mechanism");
    net.chain.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_forecast_happens_to_the_last_bit() {
    let (net, chain) = net(Duration::from_millis(60), false).await;
    let validator = staked(&chain).await;
    let (owner, other) = (key("//Bob"), key("//W"));
    chain.burned_register(&owner, EVENTS, &other.account()).await.unwrap();
    chain.add_stake(&owner, &other.account(), EVENTS, Rao::from_tao(700)).await.unwrap();
    permit(&chain, chain.uid(EVENTS, &other.account()).await.unwrap().unwrap()).await;
    chain.set_weights(&other, EVENTS, &[(Uid(2), 40_000), (Uid(3), 60_000)], 0).await.unwrap();
    // Blocks come by themselves, and stakes grow with each epoch: as often as it takes until nothing came between.
    for attempt in 0.. {
        assert!(attempt < 20, "an epoch came between in every attempt");
        let ground = chain.weights_ground(EVENTS, &validator.account(), false).await.unwrap();
        let weights = row(&ground, &[]);
        assert!(weights.0.is_empty(), "nobody's shares");
        let weights = neuron::subtensor::weights::Row(vec![(Uid(2), 65535), (Uid(3), 10_000 + attempt)]);
        let subnet = chain.before_epoch(&ground, 0).await.unwrap();
        let foretold = forecast(&subnet, &ground.metagraph, ground.own.uid, &weights);
        let set = chain.set_weights(&validator, EVENTS, &weights.0, 0).await.unwrap();
        if set.block + 1 >= foretold.epoch_block {
            continue;
        }
        net.chain.reaches(foretold.epoch_block).await;
        let after = chain.metagraph(EVENTS).await.unwrap();
        if after.block >= foretold.epoch_block + 8 {
            continue;
        }
        let own = after.by_hotkey(&validator.account()).unwrap();
        assert_eq!(own.validator_trust, foretold.validator_trust.forecast);
        assert_eq!(own.dividends, foretold.dividends.forecast);
        assert!(foretold.miners.len() >= 2 && foretold.miners.iter().any(|miner| miner.incentive.forecast > 0.0));
        for miner in &foretold.miners {
            let neuron = after.neuron(miner.uid).unwrap();
            assert_eq!(neuron.incentive, miner.incentive.forecast, "uid {}", miner.uid);
            assert_eq!(neuron.consensus, miner.consensus.forecast, "uid {}", miner.uid);
        }
        break;
    }
    net.chain.stop().await.unwrap();
}
