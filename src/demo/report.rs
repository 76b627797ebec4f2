//! What a demonstration ends with.

use schemars::JsonSchema;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::role::weights::Mode;

/// The result, as `--output json` prints it.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[schemars(extend("patternProperties" = { "_scored$": { "type": "integer", "description": "How many events, or whatever the kind of work calls them, were scored." } }))]
pub struct Report {
    /// What was scored, in the plural: `events`.
    #[schemars(skip)]
    pub things: &'static str,
    /// How many of them; in JSON under `events_scored`, or what they are called.
    #[schemars(skip)]
    pub scored: u64,
    /// Whether the miners' gains are in the order of their planted skill.
    pub ranking_matches: bool,
    /// Real time it took.
    pub seconds: f64,
    /// The largest resident memory of the process, MB; 0 where the system does not tell.
    pub max_rss_mb: f64,
    /// Blocks the chain made.
    pub blocks: u64,
    /// What it was drawn from.
    pub seed: u64,
    /// How weights got onto the chain.
    pub weights: WeightsLine,
    /// The cast, best planted skill first.
    pub miners: Vec<MinerLine>,
}

/// How weights got onto the chain.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct WeightsLine {
    /// The way that the subnet asked for.
    pub mode: Mode,
    /// Commits that were included.
    pub committed: usize,
    /// Of them, those whose weights were revealed.
    pub revealed: usize,
    /// Whether the weights that the chain shows in the end are those of the last job that came to its end.
    pub read_back_equal: bool,
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { things, scored, ranking_matches, seconds, max_rss_mb, blocks, seed, weights, miners } = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(&format!("{things}_scored"), scored)?;
        map.serialize_entry("ranking_matches", ranking_matches)?;
        map.serialize_entry("seconds", seconds)?;
        map.serialize_entry("max_rss_mb", max_rss_mb)?;
        map.serialize_entry("blocks", blocks)?;
        map.serialize_entry("seed", seed)?;
        map.serialize_entry("weights", weights)?;
        map.serialize_entry("miners", miners)?;
        map.end()
    }
}

/// One miner at the end.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize)]
pub struct MinerLine {
    /// Its name.
    pub name: &'static str,
    /// The mean gain that its skill earns in the long run; `None` where skill cannot be planted.
    pub planted_skill: Option<f64>,
    /// Its mean gain, as the ledger has it.
    pub mean_gain: f64,
    /// Things it predicted.
    pub predicted: usize,
    /// The validator's weight on it, read back from the chain.
    pub weight: u16,
    /// Its incentive at the last epoch, `0.0..=1.0`, read back from the chain.
    pub incentive: f64,
    /// What the chain has paid it, in TAO (alpha of the subnet).
    pub emission_tao: f64,
}

/// Whether gains, weights and incentives fall as the planted skill falls; those of equal skill may come in any order.
/// Without planted skills: whether weights and incentives follow the gains.
#[must_use]
pub fn ranking_matches(miners: &[MinerLine]) -> bool {
    let pairs = miners.iter().enumerate().flat_map(|(i, a)| miners.iter().skip(i + 1).map(move |b| (a, b)));
    pairs.into_iter().all(|(a, b)| {
        let skill = |miner: &MinerLine| miner.planted_skill.unwrap_or(miner.mean_gain);
        let (better, worse) = if skill(a) >= skill(b) { (a, b) } else { (b, a) };
        let gains = if skill(better) > skill(worse) {
            better.mean_gain > worse.mean_gain || better.planted_skill.is_none()
        } else {
            true
        };
        let paid = better.mean_gain < worse.mean_gain
            || (better.weight >= worse.weight && better.incentive >= worse.incentive);
        gains && paid
    })
}

/// The high-water mark of this process's memory, MB, where the system tells.
pub(super) fn max_rss_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kb: Option<f64> = line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse().ok());
    kb.map_or(0.0, |kb| kb * 1024.0 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(planted: f64, gain: f64, weight: u16) -> MinerLine {
        MinerLine {
            name: "x",
            planted_skill: Some(planted),
            mean_gain: gain,
            predicted: 1,
            weight,
            incentive: f64::from(weight) / 65535.0,
            emission_tao: 0.0,
        }
    }

    #[test]
    fn equals_may_come_in_any_order_and_others_may_not() {
        assert!(ranking_matches(&[line(0.2, 0.3, 9), line(0.1, 0.1, 3), line(0.0, 0.0, 0), line(0.0, 0.0, 0)]));
        assert!(!ranking_matches(&[line(0.2, 0.1, 3), line(0.1, 0.3, 9)]));
        assert!(!ranking_matches(&[line(0.2, 0.3, 3), line(0.1, 0.1, 9)]), "the better one must not be paid less");
    }
}
