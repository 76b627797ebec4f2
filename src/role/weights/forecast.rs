//! What consensus will make of weights before they are sent: the chain's own arithmetic on the chain's own state, with our row
//! in the place of ours.

use schemars::JsonSchema;
use serde::Serialize;

use crate::subtensor::Metagraph;
use crate::subtensor::weights::Row;
use crate::units::{Account, BlockNumber, Uid};
use crate::yuma::{self, Outcome, Subnet, stored_weights};

/// A share before and after, `0.0..=1.0`.
#[derive(Debug, Clone, Copy, PartialEq, JsonSchema, Serialize)]
pub struct Moves {
    /// What the chain shows, from the last epoch.
    pub shown: f64,
    /// What the next epoch gives when the weights on the chain stay as they are.
    pub kept: f64,
    /// What it gives with the new ones.
    pub forecast: f64,
    /// The difference that the new ones make: `forecast − kept`.
    pub change: f64,
}

impl Moves {
    fn of(shown: f64, kept: Option<&u16>, forecast: Option<&u16>) -> Self {
        let share = |value: Option<&u16>| f64::from(value.copied().unwrap_or(0)) / f64::from(u16::MAX);
        let (kept, forecast) = (share(kept), share(forecast));
        Self { shown, kept, forecast, change: forecast - kept }
    }
}

/// One neuron that gets something, before or after.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize)]
pub struct MinerForecast {
    /// Its slot.
    pub uid: Uid,
    /// Who it is.
    pub hotkey: Account,
    /// Our weight on it, as the chain would store it.
    pub weight: u16,
    /// The weight that the majority of stake agrees on; ours above it is cut off.
    pub consensus: Moves,
    /// Its share of what miners get.
    pub incentive: Moves,
}

/// What the next epoch will make of a row.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize)]
pub struct WeightsForecast {
    /// The block whose state it starts from.
    pub block: BlockNumber,
    /// The block of the epoch.
    pub epoch_block: BlockNumber,
    /// The validator.
    pub uid: Uid,
    /// How much of its weights the consensus keeps.
    pub validator_trust: Moves,
    /// Its share of what validators get.
    pub dividends: Moves,
    /// Whoever has a weight or an incentive, before or after, by uid.
    pub miners: Vec<MinerForecast>,
}

/// Runs the epoch twice: with the weights that the chain has, and with `row` as those of `uid`. Commits of others stay
/// sealed; ours are taken as revealed.
#[must_use]
pub fn forecast(subnet: &Subnet, metagraph: &Metagraph, uid: Uid, row: &Row) -> WeightsForecast {
    let kept = yuma::epoch(subnet);
    let (uids, values) = row.columns();
    let stored: Vec<(u16, u16)> = uids.into_iter().zip(stored_weights(&values)).collect();
    let mut ours = subnet.clone();
    if let Some(own) = ours.neurons.get_mut(usize::from(uid.0)) {
        own.weights.clone_from(&stored);
        own.last_update = Some(metagraph.block.saturating_add(1));
        own.committed_at = None;
    }
    let with_ours = yuma::epoch(&ours);
    let moves = |shown: f64, column: fn(&Outcome) -> &Vec<u16>, at: usize| {
        Moves::of(shown, column(&kept).get(at), column(&with_ours).get(at))
    };
    let own = metagraph.neuron(uid);
    let at = usize::from(uid.0);
    let miners = metagraph.neurons.iter().map(|neuron| {
        let at = usize::from(neuron.uid.0);
        MinerForecast {
            uid: neuron.uid,
            hotkey: neuron.hotkey,
            weight: stored.iter().find(|(of, _)| *of == neuron.uid.0).map_or(0, |(_, weight)| *weight),
            consensus: moves(neuron.consensus, |outcome| &outcome.consensus, at),
            incentive: moves(neuron.incentive, |outcome| &outcome.incentive, at),
        }
    });
    let matters = |miner: &MinerForecast| {
        let shares = [miner.incentive.shown, miner.incentive.kept, miner.incentive.forecast];
        miner.weight > 0 || shares.into_iter().any(|share| share > 0.0)
    };
    WeightsForecast {
        block: metagraph.block,
        epoch_block: subnet.block,
        uid,
        validator_trust: moves(own.map_or(0.0, |n| n.validator_trust), |outcome| &outcome.validator_trust, at),
        dividends: moves(own.map_or(0.0, |n| n.dividends), |outcome| &outcome.dividends, at),
        miners: miners.filter(matters).collect(),
    }
}
