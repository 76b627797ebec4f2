//! What people are told about weights: how they stand, what would be written now and why, what was written before.

use schemars::JsonSchema;
use serde::Serialize;

use super::due::{self, WeightsPolicy};
use super::job::{Job, Mode};
use super::{build, machine};
use crate::ledger::sql::Connection;
use crate::ledger::{Fault, WeightStep, weight_jobs};
use crate::scoring::weights::read_back;
use crate::subtensor::weights::{Beacon, Hash32, MechId, MechanismGround, Row, WeightRules, WeightsGround};
use crate::units::{Account, BlockNumber, Identity, NetUid, Uid};

/// How a validator's weights stand on the chain.
#[derive(Debug, Clone, JsonSchema, Serialize)]
pub struct WeightsStatus {
    /// The subnet.
    pub netuid: NetUid,
    /// The validator.
    pub hotkey: Account,
    /// Its slot.
    pub uid: Uid,
    /// The block at which this is so.
    pub block: BlockNumber,
    /// The way that weights would be written now; `None` when something stands in it.
    pub mode: Option<Mode>,
    /// What that is, and what to do.
    pub obstacle: Option<String>,
    /// The number of the running epoch.
    pub epoch: u64,
    /// The block of the next one.
    pub next_epoch: Option<BlockNumber>,
    /// The rules.
    pub rules: WeightRules,
    /// The beacon for sealed commits, where the subnet wants commits.
    pub beacon: Option<Beacon>,
    /// What there is, by mechanism.
    pub mechanisms: Vec<MechanismStatus>,
}

/// One mechanism's weights.
#[derive(Debug, Clone, JsonSchema, Serialize)]
pub struct MechanismStatus {
    /// Which.
    pub mechanism: MechId,
    /// The block of the last weights or commit; `None` when there never was one.
    pub last_update: Option<BlockNumber>,
    /// Blocks since then.
    pub age_blocks: Option<u64>,
    /// The first block at which new ones are due.
    pub due_at: BlockNumber,
    /// Blocks until then.
    pub blocks_to_go: u64,
    /// The weights that count now, as stored.
    pub weights: Row,
    /// Commits that wait for their reveal.
    pub commits: Vec<Waiting>,
    /// Jobs of the journal that are not at their end.
    pub jobs: Vec<OpenJob>,
}

/// A commit that waits.
#[derive(Debug, Clone, JsonSchema, Serialize)]
pub struct Waiting {
    /// Its hash.
    pub hash: Hash32,
    /// How it will be revealed.
    pub mode: Mode,
    /// The epoch in which that is.
    pub reveal_epoch: u64,
    /// The block at which that epoch begins, as it looks now.
    pub reveal_block: Option<BlockNumber>,
    /// The round of the beacon that opens it.
    pub round: Option<u64>,
}

/// A job on its way.
#[derive(Debug, Clone, JsonSchema, Serialize)]
pub struct OpenJob {
    /// The ledger's number.
    pub id: i64,
    /// The way.
    pub mode: Mode,
    /// How far.
    pub stage: super::Stage,
}

impl WeightsStatus {
    /// From the chain and, where there is one, the journal.
    #[must_use]
    pub fn of(ground: &WeightsGround, policy: &WeightsPolicy, jobs: &[Job]) -> Self {
        let way = due::obstacle(ground).map_or_else(|| due::mode(ground, policy), Err);
        Self {
            netuid: ground.epochs.netuid,
            hotkey: ground.own.hotkey,
            uid: ground.own.uid,
            block: ground.block,
            mode: way.as_ref().ok().copied(),
            obstacle: way.err().map(|obstacle| obstacle.to_string()),
            epoch: ground.epochs.index(),
            next_epoch: ground.epochs.next(),
            rules: ground.rules.clone(),
            beacon: ground.rules.commit_reveal.then(|| ground.beacon.clone()),
            mechanisms: ground.mechanisms.iter().map(|m| of_mechanism(ground, m, policy, jobs)).collect(),
        }
    }
}

fn of_mechanism(
    ground: &WeightsGround,
    mechanism: &MechanismGround,
    policy: &WeightsPolicy,
    jobs: &[Job],
) -> MechanismStatus {
    let jobs: Vec<Job> = jobs.iter().filter(|job| job.mechanism == mechanism.mechanism).cloned().collect();
    let last = machine::last_update(mechanism, &jobs);
    let never = mechanism.row.0.is_empty() && last <= ground.own.registered_at;
    let due_at = due::due_at(ground, mechanism, policy, last);
    let period = ground.rules.reveal_period;
    let hashed = mechanism.hashed.iter().map(|c| (c.hash, Mode::Hashed, c.epoch, None));
    let sealed = mechanism.sealed.iter().flatten().map(|c| (c.hash, Mode::Timelocked, c.epoch, Some(c.round)));
    let waiting = hashed.chain(sealed).map(|(hash, mode, epoch, round)| {
        let reveal_epoch = epoch.saturating_add(period);
        Waiting { hash, mode, reveal_epoch, reveal_block: ground.epochs.begins(reveal_epoch), round }
    });
    MechanismStatus {
        mechanism: mechanism.mechanism,
        last_update: (!never).then_some(last),
        age_blocks: (!never).then(|| ground.block.saturating_sub(last)),
        due_at,
        blocks_to_go: due_at.saturating_sub(ground.block),
        weights: mechanism.row.clone(),
        commits: waiting.collect(),
        jobs: jobs
            .iter()
            .filter(|job| !job.stage.is_end())
            .map(|job| OpenJob { id: job.id, mode: job.mode, stage: job.stage })
            .collect(),
    }
}

/// What would be written now, and why.
#[derive(Debug, Clone, JsonSchema, Serialize)]
pub struct WeightsExplanation {
    /// How things stand.
    #[serde(flatten)]
    pub status: WeightsStatus,
    /// Why this mode.
    pub why: String,
    /// The version key that would be sent: the chain's own.
    pub version_key: u64,
    /// The block at which a commit of now would be revealed, where one is made.
    pub reveal_block: Option<BlockNumber>,
    /// The round that it would be sealed for.
    pub round: Option<u64>,
    /// Why there would be no numbers; `None` when there are some.
    pub nothing: Option<String>,
    /// The numbers, by uid.
    pub weights: Vec<WeightLine>,
}

/// One weight.
#[derive(Debug, Clone, JsonSchema, Serialize)]
pub struct WeightLine {
    /// The slot.
    pub uid: Uid,
    /// Who is in it.
    pub hotkey: Account,
    /// What it earned, `0.0..=1.0`.
    pub share: f64,
    /// The number that is sent.
    pub value: u16,
    /// The share that the number stands for on the chain.
    pub rounded: f64,
    /// The number that the chain has now.
    pub on_chain: u16,
}

impl WeightsExplanation {
    /// From the chain and the shares of now.
    #[must_use]
    pub fn of(
        ground: &WeightsGround,
        policy: &WeightsPolicy,
        jobs: &[Job],
        shares: Option<&[(Identity, f64)]>,
    ) -> Self {
        let status = WeightsStatus::of(ground, policy, jobs);
        let row = shares.map(|shares| build::row(ground, shares)).unwrap_or_default();
        let nothing = match (shares, row.0.is_empty()) {
            (None, _) => Some("no miner has earned anything yet, or too few things were scored".to_owned()),
            (Some(_), true) => Some("no miner that is registered now has a positive share".to_owned()),
            (Some(_), false) => None,
        };
        let commits = matches!(status.mode, Some(Mode::Hashed | Mode::Timelocked));
        Self {
            why: why(ground, policy, &status),
            version_key: ground.rules.version_key,
            reveal_block: commits.then(|| ground.epochs.reveal_block(ground.rules.reveal_period)).flatten(),
            round: (status.mode == Some(Mode::Timelocked)).then(|| ground.reveal_round()).flatten(),
            nothing,
            weights: lines(ground, shares.unwrap_or_default(), &row),
            status,
        }
    }
}

fn why(ground: &WeightsGround, policy: &WeightsPolicy, status: &WeightsStatus) -> String {
    let lag = ground.beacon.lag(ground.now);
    match (status.mode, policy.commit) {
        (None, _) => status.obstacle.clone().unwrap_or_default(),
        (Some(Mode::Plain), _) => "commit-reveal is off".to_owned(),
        (Some(mode), due::CommitBy::Hash | due::CommitBy::Seal) => format!("`weights.commit` says {mode}"),
        (Some(Mode::Timelocked), _) => "commit-reveal is on, and the chain takes sealed commits".to_owned(),
        (Some(Mode::Hashed), _) if !ground.rules.takes_sealed => {
            "commit-reveal is on, and the runtime takes hashes only".to_owned()
        }
        (Some(Mode::Hashed), _) if ground.rules.commit_version != Some(due::SEALED_VERSION) => {
            "commit-reveal is on, and the chain takes sealed commits of another version".to_owned()
        }
        (Some(Mode::Hashed), _) => match lag {
            Some(lag) => {
                format!("the chain has not heard from its beacon for {lag} s: sealed weights would not open in time")
            }
            None => "the chain has never heard from its beacon: sealed weights would not open".to_owned(),
        },
    }
}

fn lines(ground: &WeightsGround, shares: &[(Identity, f64)], row: &Row) -> Vec<WeightLine> {
    let rounded = read_back(&row.0);
    let shown = ground.mechanisms.first().map(|mechanism| mechanism.row.clone()).unwrap_or_default();
    let line = |neuron: &crate::subtensor::Neuron| {
        let of = |row: &Row| row.0.iter().find(|(uid, _)| *uid == neuron.uid).map_or(0, |(_, value)| *value);
        WeightLine {
            uid: neuron.uid,
            hotkey: neuron.hotkey,
            share: shares.iter().find(|(who, _)| *who == neuron.identity()).map_or(0.0, |(_, share)| *share),
            value: of(row),
            rounded: rounded.iter().find(|(uid, _)| *uid == neuron.uid).map_or(0.0, |(_, share)| *share),
            on_chain: of(&shown),
        }
    };
    let matters = |line: &WeightLine| line.share > 0.0 || line.value > 0 || line.on_chain > 0;
    ground.metagraph.neurons.iter().map(line).filter(matters).collect()
}

/// A job of the journal with what happened to it.
#[derive(Debug, Clone, JsonSchema, Serialize)]
pub struct PastJob {
    /// The ledger's number.
    pub id: i64,
    /// The mechanism.
    pub mechanism: MechId,
    /// The way.
    pub mode: String,
    /// How far it came.
    pub stage: String,
    /// The chain's last update when it became due.
    pub after: BlockNumber,
    /// The hash of the commit.
    pub commit: Option<Hash32>,
    /// The round it was sealed for.
    pub round: Option<u64>,
    /// The numbers, by uid.
    pub weights: Row,
    /// The steps, in their order.
    pub steps: Vec<WeightStep>,
}

/// The last `count` jobs of a ledger, newest first.
///
/// # Errors
/// Those of the file.
pub fn history(connection: &Connection, count: usize) -> Result<Vec<PastJob>, Fault> {
    let past = |kept: crate::ledger::WeightJob| -> Result<PastJob, Fault> {
        let steps = weight_jobs::steps(connection, kept.id)?;
        let (mode, stage) = (kept.mode.clone(), kept.stage.clone());
        let (id, mechanism, after) = (kept.id, kept.mechanism, kept.after);
        let weights = Row(kept.weights.iter().map(|(uid, value)| (Uid(*uid), *value)).collect());
        let plan = Job::of(kept).map(|job| job.plan).unwrap_or_default();
        Ok(PastJob { id, mechanism, mode, stage, after, commit: plan.commit, round: plan.round, weights, steps })
    };
    weight_jobs::last(connection, count)?.into_iter().map(past).collect()
}

/// The jobs of a ledger that matter for what comes next.
///
/// # Errors
/// Those of the file.
pub fn open_jobs(connection: &Connection) -> Result<Vec<Job>, Fault> {
    super::journal::jobs(connection)
}
