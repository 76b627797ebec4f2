//! The whole job in one process, over real sockets on loopback ports: a development chain, a market, a validator and six
//! miners of known skill. Market time is stepped from tick to tick and blocks are made on demand, so that the same
//! seed gives the same result, however fast the machine is.

mod cast;
mod error;
mod market;
mod report;
mod stage;

use std::path::PathBuf;

use crate::clock::monotonic;
use crate::role::WeightsOutcome;
use crate::subnets::events::Quoted;
use crate::units::UnixMs;

pub use cast::Role;
pub use error::DemoError;
pub use report::{MinerLine, Report, ranking_matches};
use stage::Stage;

/// Ticks without an open event after which a demonstration is over, beside the number of scored events.
const QUIET_TICKS: u32 = 96;

/// What is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoConfig {
    /// Events until the end.
    pub events: u64,
    /// Everything random is drawn from it.
    pub seed: u64,
    /// A folder of recorded markets to play instead of simulated ones.
    pub replay: Option<PathBuf>,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Ticks so far.
    pub tick: u64,
    /// Market time.
    pub at: UnixMs,
    /// Events with a score.
    pub scored: u64,
    /// Events asked for.
    pub events: u64,
    /// Events open now.
    pub open: usize,
    /// Some open events with their prices.
    pub quoted: Vec<Quoted>,
    /// Miners that answered in this tick.
    pub answered: usize,
    /// The newest block.
    pub block: u64,
    /// Each miner's name and mean gain so far.
    pub gains: Vec<(&'static str, f64)>,
    /// The weights written last, by miner.
    pub weights: Vec<(&'static str, u16)>,
}

/// Plays it. `watch` is told after every tick.
///
/// # Errors
/// Any part failed, or no event ended for too long.
pub async fn run(config: &DemoConfig, mut watch: impl FnMut(&Progress)) -> Result<Report, DemoError> {
    let began = monotonic();
    let stage = Stage::set(config).await?;
    let events = stage.events();
    let mut progress = Progress {
        tick: 0,
        at: UnixMs::default(),
        scored: 0,
        events,
        open: 0,
        quoted: Vec::new(),
        answered: 0,
        block: 0,
        gains: Vec::new(),
        weights: Vec::new(),
    };
    let mut quiet = 0;
    while progress.scored < events {
        let summary = stage.tick().await?;
        let scored = summary.settled.iter().filter(|settlement| !settlement.scores.is_empty()).count();
        quiet = if summary.open_events > 0 || scored > 0 { 0 } else { quiet + 1 };
        if let WeightsOutcome::Set { weights, .. } = stage.weigh_when_due().await? {
            progress.weights = stage.by_name(&weights);
        }
        progress.tick += 1;
        progress.at = summary.at;
        progress.scored += scored as u64;
        progress.open = summary.open_events;
        progress.quoted = summary.quoted;
        progress.answered = summary.answered;
        progress.block = stage.block();
        progress.gains = stage.gains().await?;
        watch(&progress);
        if progress.scored < events && (quiet > QUIET_TICKS || !stage.advance()) {
            return Err(DemoError::NothingHappens { scored: progress.scored, events });
        }
    }
    stage.last_epoch().await?;
    let miners = stage.lines().await?;
    let blocks = stage.block();
    stage.strike().await?;
    Ok(Report {
        events_scored: progress.scored,
        ranking_matches: ranking_matches(&miners),
        seconds: began.elapsed().as_secs_f64(),
        max_rss_mb: report::max_rss_mb(),
        blocks,
        seed: config.seed,
        miners,
    })
}
