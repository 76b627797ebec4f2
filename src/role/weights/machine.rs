//! What is to be done next. Pure: the chain as it is at one block, and the journal, give one move.
//!
//! ```text
//! due → built → signed → sent → included ───────────────────────────────▶ shown          plain
//!                                   ├─▶ reveal_signed → reveal_sent → revealed ─▶ shown   hashed
//!                                   └─▶ revealed (by the chain) ─▶ shown                  time-locked
//! ```
//!
//! Nothing is sent twice: a transaction is in the journal before it is sent, and whoever finds it there looks for it in the
//! blocks before sending the same bytes again; a new job is opened only after every earlier one is in a block or never will
//! be, and only for an update of the chain that no job was included after.

use super::due::{self, Obstacle, WeightsPolicy};
use super::job::{Job, Mode, Stage};
use crate::subtensor::weights::{EpochRule, MechanismGround, WeightsGround};
use crate::units::BlockNumber;

/// After so many blocks in its epoch, a reveal by the chain is late.
const LATE_REVEAL: u64 = 10;
/// What stands in the way is looked at again after so many blocks.
const OBSTACLE_AGAIN: u64 = 5;

/// What becomes of a job, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ruling {
    pub(super) stage: Stage,
    pub(super) cause: Option<String>,
}

impl Ruling {
    pub(super) const fn to(stage: Stage) -> Self {
        Self { stage, cause: None }
    }

    pub(super) fn because(stage: Stage, cause: impl Into<String>) -> Self {
        Self { stage, cause: Some(cause.into()) }
    }
}

/// What to do next with one mechanism.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Move {
    /// Nothing before this block.
    Wait { until: BlockNumber, why: Wait },
    /// Build new weights.
    Open(Mode),
    /// Find out what became of the first transaction of a job; send it (again) if it may still be included.
    Settle { job: i64, send: bool },
    /// Sign the reveal of a job.
    Reveal { job: i64 },
    /// The same for the transaction of the reveal.
    SettleReveal { job: i64, send: bool },
    /// Write into the journal what is seen.
    Rule { job: i64, ruling: Ruling },
}

/// Why nothing is done.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", tag = "waits_for")]
pub enum Wait {
    /// The time when weights are due.
    Due,
    /// The epoch of a reveal.
    Reveal {
        /// The job that waits.
        job: i64,
        /// Whether its epoch has come and the chain should have revealed by now.
        late: bool,
    },
    /// The node that is asked: it is behind what was seen before.
    Node,
    /// What an operator has to do.
    Remedy(Obstacle),
}

/// The next move for one mechanism. `jobs`: its open jobs and the last one that was in a block, oldest first.
pub(super) fn next(ground: &WeightsGround, mechanism: &MechanismGround, jobs: &[Job], policy: &WeightsPolicy) -> Move {
    // A node that has not seen what another showed us knows neither our last update nor what became of it.
    let seen = jobs.iter().map(Job::seen_at).max().unwrap_or(0);
    if ground.block < seen {
        return Move::Wait { until: seen, why: Wait::Node };
    }
    let mut soonest: Option<(BlockNumber, Wait)> = None;
    for job in jobs.iter().filter(|job| !job.stage.is_end()) {
        match of_job(job, ground, mechanism, jobs) {
            Move::Wait { until, why } => {
                if soonest.as_ref().is_none_or(|(before, _)| until < *before) {
                    soonest = Some((until, why));
                }
            }
            other => return other,
        }
    }
    let (until, why) = match new_job(ground, mechanism, jobs, policy) {
        Move::Wait { until, why } => (until, why),
        open => return open,
    };
    match soonest {
        Some((before, why)) if before < until => Move::Wait { until: before, why },
        _ => Move::Wait { until, why },
    }
}

/// The last update of the chain or the journal, whichever is later.
pub(super) fn last_update(mechanism: &MechanismGround, jobs: &[Job]) -> BlockNumber {
    let included = jobs.iter().filter_map(|job| job.plan.included).map(|at| at.block).max();
    mechanism.last_update.max(included.unwrap_or(0))
}

fn new_job(ground: &WeightsGround, mechanism: &MechanismGround, jobs: &[Job], policy: &WeightsPolicy) -> Move {
    let due = due::due_at(ground, mechanism, policy, last_update(mechanism, jobs));
    if ground.block < due {
        return Move::Wait { until: due, why: Wait::Due };
    }
    let mode = due::obstacle(ground).map_or_else(|| due::mode(ground, policy), Err);
    match mode {
        Ok(mode) => Move::Open(mode),
        Err(obstacle) => Move::Wait { until: ground.block.saturating_add(OBSTACLE_AGAIN), why: Wait::Remedy(obstacle) },
    }
}

fn of_job(job: &Job, ground: &WeightsGround, mechanism: &MechanismGround, jobs: &[Job]) -> Move {
    let rule = |ruling| Move::Rule { job: job.id, ruling };
    // What would pay a stranger is not sent again.
    let send = job.changed_hands(&ground.metagraph).is_none();
    match job.stage {
        // Whoever built it signs at once. Found in the journal, it was left behind: cheaper built anew than judged.
        Stage::Built => rule(Ruling::because(Stage::Failed, "the process ended before the transaction was signed")),
        Stage::Signed | Stage::Sent => Move::Settle { job: job.id, send },
        Stage::RevealSigned | Stage::RevealSent => Move::SettleReveal { job: job.id, send },
        Stage::Included => match job.mode {
            Mode::Plain => rule(read_back(job, ground, mechanism, jobs)),
            Mode::Hashed => hashed(job, ground, mechanism),
            Mode::Timelocked => sealed(job, ground, mechanism, jobs),
        },
        Stage::Revealed => rule(read_back(job, ground, mechanism, jobs)),
        Stage::Shown | Stage::Failed | Stage::Lost | Stage::Superseded => {
            Move::Wait { until: BlockNumber::MAX, why: Wait::Due }
        }
    }
}

/// Does the chain show what it should?
fn read_back(job: &Job, ground: &WeightsGround, mechanism: &MechanismGround, jobs: &[Job]) -> Ruling {
    if job.is_shown(&mechanism.row, &ground.metagraph) {
        return Ruling::to(Stage::Shown);
    }
    if jobs.iter().any(|later| later.id > job.id && later.is_shown(&mechanism.row, &ground.metagraph)) {
        return Ruling::because(Stage::Superseded, "the chain already has later weights");
    }
    let by_others = job.mode == Mode::Plain && mechanism.last_update > job.seen_at();
    match by_others {
        true => {
            let cause = format!("the chain has other weights, of block {}", mechanism.last_update);
            Ruling::because(Stage::Superseded, cause)
        }
        false => Ruling::because(Stage::Lost, "the weights on the chain are not those that were written"),
    }
}

fn hashed(job: &Job, ground: &WeightsGround, mechanism: &MechanismGround) -> Move {
    let rule = |ruling| Move::Rule { job: job.id, ruling };
    let commit = mechanism.hashed.iter().find(|commit| Some(commit.hash) == job.plan.commit);
    let Some(commit) = commit else {
        return rule(match (job.is_shown(&mechanism.row, &ground.metagraph), ground.rules.commit_reveal) {
            (true, _) => Ruling::to(Stage::Revealed),
            (false, true) => Ruling::because(Stage::Lost, "the commit is no longer on the chain"),
            (false, false) => Ruling::because(Stage::Lost, "the subnet turned commit-reveal off before the reveal"),
        });
    };
    let epoch = match ground.epochs.rule {
        EpochRule::Counted { .. } => commit.epoch,
        EpochRule::Phased => ground.epochs.commit_epoch(commit.epoch),
    };
    let (now, target) = (ground.epochs.index(), epoch.saturating_add(ground.rules.reveal_period));
    if now < target {
        return until_epoch(job, ground, target);
    }
    if now > target {
        return rule(Ruling::because(Stage::Lost, "the epoch for the reveal passed without one"));
    }
    if !ground.rules.commit_reveal {
        return rule(Ruling::because(Stage::Lost, "the subnet turned commit-reveal off before the reveal"));
    }
    match job.changed_hands(&ground.metagraph) {
        Some(uid) => {
            let cause = format!("not revealed: uid {uid} has changed its owner since it was scored");
            rule(Ruling::because(Stage::Lost, cause))
        }
        None => Move::Reveal { job: job.id },
    }
}

fn sealed(job: &Job, ground: &WeightsGround, mechanism: &MechanismGround, jobs: &[Job]) -> Move {
    let Some(waiting) = &mechanism.sealed else {
        return Move::Wait { until: ground.block.saturating_add(1), why: Wait::Reveal { job: job.id, late: false } };
    };
    let Some(commit) = waiting.iter().find(|commit| Some(commit.hash) == job.plan.commit) else {
        let ruling = match read_back(job, ground, mechanism, jobs) {
            Ruling { stage: Stage::Shown, .. } => Ruling::to(Stage::Revealed),
            Ruling { stage: Stage::Lost, .. } => {
                Ruling::because(Stage::Lost, "the commit is no longer on the chain, and its weights never were")
            }
            other => other,
        };
        return Move::Rule { job: job.id, ruling };
    };
    let target = commit.epoch.saturating_add(ground.rules.reveal_period);
    if ground.epochs.index() < target {
        return until_epoch(job, ground, target);
    }
    let late = ground.block.saturating_sub(ground.epochs.began()) > LATE_REVEAL;
    Move::Wait { until: ground.block.saturating_add(1), why: Wait::Reveal { job: job.id, late } }
}

fn until_epoch(job: &Job, ground: &WeightsGround, epoch: u64) -> Move {
    // An epoch may come earlier than it looks now, but not without notice of some blocks.
    let soon = ground.block.saturating_add(1);
    let until = ground.epochs.begins(epoch).unwrap_or(soon).max(soon);
    Move::Wait { until, why: Wait::Reveal { job: job.id, late: false } }
}
