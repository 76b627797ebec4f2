//! The whole job in one process, over real sockets on loopback ports: a development chain, a validator, and the cast that
//! the kind of work brings, miners of known skill. Market time is stepped from tick to tick and blocks are made on demand, so that the same
//! seed gives the same result, however fast the machine is.

mod error;
mod report;
mod stage;

use std::path::PathBuf;
use std::time::Instant;

use crate::clock::monotonic;
use crate::ledger::Place;
use crate::role::Watch;
use crate::role::weights::Mode;
use crate::units::{Foreign, UnixMs};

pub use error::DemoError;
pub use report::{MinerLine, Report, WeightsLine, ranking_matches};
use stage::Stage;

/// Ticks without anything open after which a demonstration is over, beside the number of scored things.
const QUIET_TICKS: u32 = 96;

/// What is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoConfig {
    /// The kind of work.
    pub task: String,
    /// Things to score until the end: events, requests; what the cast finds enough where nobody says.
    pub goal: Option<u64>,
    /// Everything random is drawn from it.
    pub seed: u64,
    /// A folder of recordings to play instead of a simulation.
    pub replay: Option<PathBuf>,
    /// The markets it is played on, by name; empty leaves the choice to the kind of work.
    pub markets: Vec<String>,
    /// How the subnet wants its weights.
    pub weights: Mode,
    /// Where the ledger is kept; a file that goes away with the demonstration unless said.
    pub ledger: Option<Place>,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Ticks so far.
    pub tick: u64,
    /// Market time.
    pub at: UnixMs,
    /// What is scored, in the plural: `events`.
    pub things: &'static str,
    /// Things with a score.
    pub scored: u64,
    /// Things to score until the end.
    pub goal: u64,
    /// Things open now.
    pub open: usize,
    /// Some of them with a number worth seeing, such as a price.
    pub shown: Vec<(f64, Foreign)>,
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
/// There is no such cast, any part failed, or nothing was scored for too long.
pub async fn run(config: &DemoConfig, watch: impl FnMut(&Progress)) -> Result<Report, DemoError> {
    let demo = Demo::set(config).await?;
    let report = demo.play(watch).await?;
    demo.strike().await?;
    Ok(report)
}

/// A demonstration that is set up: for who wants to look behind the stage, or to stay after the end. Dropped, everything of it
/// stops.
pub struct Demo {
    stage: Stage,
    seed: u64,
    began: Instant,
}

impl std::fmt::Debug for Demo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Demo").field("seed", &self.seed).finish_non_exhaustive()
    }
}

impl Demo {
    /// Sets everything up; nothing has been asked yet.
    ///
    /// # Errors
    /// There is no such cast, or any part failed.
    pub async fn set(config: &DemoConfig) -> Result<Self, DemoError> {
        let began = monotonic();
        Ok(Self { stage: Stage::set(config).await?, seed: config.seed, began })
    }

    /// What there is to look at of its validator.
    #[must_use]
    pub fn watch(&self) -> Watch {
        self.stage.watch()
    }

    /// Plays it to its end, which is read back from the chain. `watch` is told after every tick.
    ///
    /// # Errors
    /// Any part failed, or nothing was scored for too long.
    pub async fn play(&self, mut watch: impl FnMut(&Progress)) -> Result<Report, DemoError> {
        let stage = &self.stage;
        let (goal, things) = (stage.goal(), stage.things());
        let mut progress = Progress {
            tick: 0,
            at: UnixMs::default(),
            things,
            scored: 0,
            goal,
            open: 0,
            shown: Vec::new(),
            answered: 0,
            block: 0,
            gains: Vec::new(),
            weights: Vec::new(),
        };
        let mut quiet = 0;
        while progress.scored < goal {
            let scene = stage.tick().await?;
            quiet = if scene.open > 0 || scene.scored > 0 { 0 } else { quiet + 1 };
            if let Some(weights) = stage.weigh_when_due().await? {
                progress.weights = stage.by_name(&weights);
            }
            progress.tick += 1;
            progress.at = scene.at;
            progress.scored += scene.scored;
            progress.open = scene.open;
            progress.shown = scene.shown;
            progress.answered = scene.answered;
            progress.block = stage.block();
            progress.gains = stage.gains().await?;
            watch(&progress);
            if progress.scored < goal && (quiet > QUIET_TICKS || !stage.advance()) {
                return Err(DemoError::NothingHappens { scored: progress.scored, goal, things });
            }
        }
        stage.last_epoch().await?;
        let (miners, weights) = (stage.lines().await?, stage.weights().await?);
        Ok(Report {
            things,
            scored: progress.scored,
            ranking_matches: ranking_matches(&miners),
            seconds: self.began.elapsed().as_secs_f64(),
            max_rss_mb: report::max_rss_mb(),
            blocks: stage.block(),
            seed: self.seed,
            weights,
            miners,
        })
    }

    /// Ends everything and frees every port.
    ///
    /// # Errors
    /// The chain does not stop.
    pub async fn strike(self) -> Result<(), DemoError> {
        self.stage.strike().await
    }
}
