//! When weights are due, in which mode, and what stands in their way. Pure.

use schemars::JsonSchema;
use serde::Serialize;

use super::job::Mode;
use crate::subtensor::weights::{MechanismGround, WeightsGround};
use crate::units::BlockNumber;

/// The version of sealed commits that is known here: with the hotkey in the payload.
pub(super) const SEALED_VERSION: u16 = 4;
/// A beacon that the chain has not heard for so long will not open what is sealed in time, seconds.
const BEACON_SILENT_S: u64 = 600;
/// Blocks that a transaction needs between being sent and counting.
const LANDING: u64 = 2;

/// What an operator says about weights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WeightsPolicy {
    /// Blocks between two weights instead of the subnet's own rhythm.
    pub interval_blocks: Option<u64>,
    /// Which kind of commit, where the subnet wants one.
    pub commit: CommitBy,
}

/// Which kind of commit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CommitBy {
    /// Sealed as long as the chain takes that and its beacon speaks, else hashed.
    #[default]
    WhatWorks,
    /// Always a hash.
    Hash,
    /// Always sealed.
    Seal,
}

/// What the chain would refuse, or what nobody could reveal.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case", tag = "obstacle")]
pub enum Obstacle {
    /// The validator has no permit.
    NoPermit,
    /// Its stake is below the threshold, both in rao.
    LowStake {
        /// What it has.
        stake: u64,
        /// What it needs.
        threshold: u64,
    },
    /// The chain wants commits of a kind that is not known here, or that was not asked for.
    NoKnownCommit {
        /// The version that the chain asks for.
        version: Option<u16>,
    },
    /// No epoch ever runs, so nothing is ever revealed.
    NoEpochs,
}

impl std::fmt::Display for Obstacle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoPermit => f.write_str(
                "the hotkey has no validator permit: it needs enough stake to be among the subnet's validators; then \
                 wait for the next epoch",
            ),
            Self::LowStake { stake, threshold } => write!(
                f,
                "the hotkey's stake of {stake} rao is below the chain's threshold for weights, {threshold} rao: stake more on it"
            ),
            Self::NoKnownCommit { version } => {
                let version = version.map_or_else(|| "none".to_owned(), |version| version.to_string());
                write!(
                    f,
                    "the subnet wants a form of commits that this program does not know (version {version}): update \
                     `neuron`, or set `weights.commit = \"auto\"`"
                )
            }
            Self::NoEpochs => f.write_str("the subnet's tempo is 0: no epoch runs, so no commit is ever revealed"),
        }
    }
}

/// The way that the subnet asks for now.
///
/// # Errors
/// There is none that works.
pub fn mode(ground: &WeightsGround, policy: &WeightsPolicy) -> Result<Mode, Obstacle> {
    let rules = &ground.rules;
    if !rules.commit_reveal {
        return Ok(Mode::Plain);
    }
    if ground.epochs.tempo == 0 {
        return Err(Obstacle::NoEpochs);
    }
    let seals = rules.takes_sealed && rules.commit_version == Some(SEALED_VERSION);
    let speaks = ground.beacon.lag(ground.now).is_some_and(|lag| lag <= BEACON_SILENT_S);
    let (hash, seal) = match policy.commit {
        CommitBy::Hash => (rules.takes_hashes, false),
        CommitBy::Seal => (false, seals),
        CommitBy::WhatWorks => (rules.takes_hashes, seals && (speaks || !rules.takes_hashes)),
    };
    match (seal, hash) {
        (true, _) => Ok(Mode::Timelocked),
        (false, true) => Ok(Mode::Hashed),
        (false, false) => Err(Obstacle::NoKnownCommit { version: rules.commit_version }),
    }
}

/// What the chain would refuse whatever the weights are.
#[must_use]
pub fn obstacle(ground: &WeightsGround) -> Option<Obstacle> {
    if ground.is_owner {
        return None;
    }
    let (stake, threshold) = (ground.own.total_stake.0, ground.rules.stake_threshold.0);
    if stake < threshold {
        return Some(Obstacle::LowStake { stake, threshold });
    }
    (!ground.own.validator_permit).then_some(Obstacle::NoPermit)
}

/// The first block at which weights are due: late in an epoch, so that they are fresh when the chain counts them, and early
/// enough to land. Weights that were never set, or missed their time, are due as soon as the rate limit allows.
///
/// They are due once before each epoch, when the window opens in which the owner can change no rule any more, or half a tempo
/// before where that is longer than the tempo allows. `last` is the last update that is known, of chain or journal.
#[must_use]
pub fn due_at(
    ground: &WeightsGround,
    mechanism: &MechanismGround,
    policy: &WeightsPolicy,
    last: BlockNumber,
) -> BlockNumber {
    let allowed = last.saturating_add(ground.rules.rate_limit);
    if let Some(interval) = policy.interval_blocks {
        return allowed.max(last.saturating_add(interval));
    }
    let Some(next) = ground.epochs.next() else { return allowed };
    let period = ground.epochs.period().max(1);
    let lead = lead(ground);
    let is_first = mechanism.row.0.is_empty() && last <= ground.own.registered_at;
    let is_overdue = last.saturating_add(period).saturating_add(lead) < ground.block;
    if is_first || is_overdue {
        return allowed;
    }
    // The first epoch that these weights can reach, and that was not served yet.
    let soonest = allowed.max(ground.block).saturating_add(LANDING).max(last.saturating_add(lead).saturating_add(1));
    let missed = soonest.saturating_sub(next).div_ceil(period);
    let epoch = next.saturating_add(missed.saturating_mul(period));
    allowed.max(epoch.saturating_sub(lead))
}

/// So many blocks before an epoch its weights are due.
#[must_use]
pub fn lead(ground: &WeightsGround) -> u64 {
    ground.rules.freeze_window.min(ground.epochs.period() / 2).max(1)
}
