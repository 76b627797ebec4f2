//! A miner of time series: forecasts are ready before they are asked for, and what was committed is what is shown.

mod desk;
pub mod memory;
pub mod prepared;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use desk::Desk;
use memory::Memory;
use prepared::{Prepared, SPARE, known};

use super::schedule::{CLOSES, Schedule};
use super::settings::TimeseriesSettings;
use crate::axon::Builder;
use crate::clock::Clock;
use crate::config::Resolved;
use crate::forecast::series::{self, Strategy};
use crate::market::klines::INTERVAL;
use crate::market::klines::aggregate::Aggregate;
use crate::market::klines::samples::Times;
use crate::subnets::shown::{Block, Cell, Chart, Line};
use crate::subnets::work::{Duty, MinerNeeds, MinerWork, WorkError};
use crate::telemetry::Sheet;
use crate::units::UnixMs;

/// See the module. Cheap to clone; clones are the same miner.
#[derive(Clone)]
pub struct TimeseriesMiner(Arc<Inner>);

struct Inner {
    strategy: Arc<dyn Strategy>,
    market: Aggregate,
    memory: Memory,
    schedule: Schedule,
    clock: Clock,
    refresh: Duration,
    ready: RwLock<Option<Arc<Prepared>>>,
    record: RwLock<Record>,
}

/// How our forecasts did, as validators told us the truth.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Record {
    /// Forecasts whose truth we were told.
    pub judged: u64,
    /// Of them, those that were nearer than the last close.
    pub better_than_persistence: u64,
    /// The mean of our error over that of persistence: below 1 is skill.
    pub mean_ratio: f64,
}

impl fmt::Debug for TimeseriesMiner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeseriesMiner").field("strategy", &self.0.strategy.name()).finish_non_exhaustive()
    }
}

/// What a miner consists of.
pub struct MinerParts {
    /// What it says.
    pub strategy: Arc<dyn Strategy>,
    /// Where it sees prices.
    pub market: Aggregate,
    /// What it committed to.
    pub memory: Memory,
    /// The rhythm.
    pub schedule: Schedule,
    /// Market time.
    pub clock: Clock,
    /// Between two looks at the market.
    pub refresh: Duration,
}

impl fmt::Debug for MinerParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MinerParts").field("strategy", &self.strategy.name()).finish_non_exhaustive()
    }
}

/// Refuses a model that there is not, a rhythm that does not fit and exchanges that cannot be called.
///
/// # Errors
/// Those of the settings.
pub(super) fn check(resolved: &Resolved) -> Result<(), WorkError> {
    let settings = TimeseriesSettings::of(resolved)?;
    strategy(&settings)?;
    settings.schedule()?;
    settings.aggregate(&Clock::wall()).map(drop)
}

fn strategy(settings: &TimeseriesSettings) -> Result<Arc<dyn Strategy>, WorkError> {
    series::strategy(&settings.strategy()).map_err(|e| WorkError::Setting(e.to_string()))
}

/// A miner as the settings want it.
///
/// # Errors
/// No such model, an exchange that cannot be called, or the file of commitments cannot be opened.
pub(super) fn make(resolved: &Resolved, needs: MinerNeeds) -> Result<Arc<dyn MinerWork>, WorkError> {
    let clock = needs.clock;
    let settings = TimeseriesSettings::of(resolved)?;
    let core = resolved.settings()?;
    let netuid = core.netuid.unwrap_or_default();
    let file = format!("{}-{}-commitments.sqlite", core.wallet.name, core.wallet.hotkey);
    let path = core.db.directory.join(format!("netuid{netuid}")).join(file);
    let strategy = strategy(&settings)?;
    Ok(Arc::new(TimeseriesMiner::new(MinerParts {
        strategy,
        market: settings.aggregate(&clock)?,
        memory: Memory::at(&path)?,
        schedule: settings.schedule()?,
        clock,
        refresh: settings.timeseries.refresh,
    })))
}

impl TimeseriesMiner {
    /// A miner of these parts.
    #[must_use]
    pub fn new(parts: MinerParts) -> Self {
        let MinerParts { strategy, market, memory, schedule, clock, refresh } = parts;
        let (ready, record) = (RwLock::default(), RwLock::default());
        Self(Arc::new(Inner { strategy, market, memory, schedule, clock, refresh, ready, record }))
    }

    /// The forecast that is ready.
    #[must_use]
    pub fn ready(&self) -> Option<Arc<Prepared>> {
        self.0.ready.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How our forecasts did.
    #[must_use]
    pub fn record(&self) -> Record {
        *self.0.record.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the market, and forecasts anew when a candle is over. What goes wrong is logged, and the forecast before
    /// stays until it is too old.
    pub async fn refresh(&self) {
        let now = self.0.clock.now();
        let count = self.0.strategy.window().max(2);
        let first = INTERVAL.floor(now).plus_ms(-INTERVAL.ms() * (count as i64 - 1));
        let candles = match self.0.market.samples(Times::candles(first, count)).await {
            Ok(samples) => known(samples),
            Err(error) => {
                tracing::warn!("no new forecast: {error}");
                return;
            }
        };
        let Some(last) = candles.last().copied() else { return };
        if self.ready().is_some_and(|ready| ready.last_close_at >= last.closes_at()) {
            return;
        }
        match self.0.strategy.closes_after(&candles, CLOSES + SPARE).await {
            Ok(path) => {
                let prepared = Prepared { last_close_at: last.closes_at(), last_close: last.close, path };
                *self.0.ready.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(prepared));
            }
            Err(reason) => tracing::warn!(model = self.0.strategy.name(), "no new forecast: {reason}"),
        }
    }

    /// The closes that we expect from `start` on, as they are ready.
    fn closes_from(&self, start: UnixMs) -> Option<(Vec<f64>, f64)> {
        let ready = self.ready()?;
        Some((ready.closes_from(start, CLOSES)?, ready.last_close))
    }
}

impl MinerWork for TimeseriesMiner {
    fn serve(&self, axon: Builder) -> Builder {
        let desk = Desk::new(self.clone(), axon.hotkey().ss58());
        desk.serve(axon)
    }

    fn duties(&self) -> Vec<Duty> {
        let miner = self.clone();
        let refresh = move || {
            let miner = miner.clone();
            async move {
                miner.refresh().await;
                Ok(())
            }
        };
        vec![Duty::new("forecasts", self.0.refresh, Clock::wall(), refresh)]
    }

    fn manner(&self) -> String {
        format!("model `{}`", self.0.strategy.name())
    }

    fn status(&self) -> String {
        let record = self.record();
        let ready = if self.ready().is_some() { "a forecast is ready" } else { "no forecast yet" };
        if record.judged == 0 {
            return ready.to_owned();
        }
        let Record { judged, better_than_persistence, mean_ratio } = record;
        format!(
            "{ready}; {better_than_persistence} of {judged} forecasts were better than the last close (error ratio \
             {mean_ratio:.3})"
        )
    }

    fn show(&self) -> Vec<Block> {
        let Record { judged, better_than_persistence, mean_ratio } = self.record();
        let facts = vec![
            ("forecasts whose outcome a validator sent", Cell::Count(judged)),
            ("of them, better than the last close", Cell::Count(better_than_persistence)),
            (
                "error, as a share of the last close's",
                Cell::maybe((judged > 0).then_some(mean_ratio), |ratio| Cell::Number(ratio, 3)),
            ),
        ];
        let mut blocks = vec![Block::Facts(facts)];
        if let Some(ready) = self.ready() {
            let start = ready.last_close_at;
            let at = |(i, close): (usize, &f64)| ((start.0 + (i as i64 + 1) * INTERVAL.ms()) as f64, *close);
            let known = std::iter::once((start.0 as f64, ready.last_close));
            let points = known.chain(ready.path.iter().enumerate().map(at)).collect();
            let title = "The forecast that is ready".to_owned();
            blocks.push(Block::Chart(Chart {
                title,
                y: "dollars",
                lines: vec![Line::new("close", points)],
                ..Chart::default()
            }));
        }
        blocks
    }

    fn write(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let age = self.ready().map(|ready| self.0.clock.now().since(ready.last_close_at) as f64 / 1000.0);
        sheet.gauge(
            "neuron_miner_forecast_age_seconds",
            "Time since the last close that the forecast is computed from",
            age,
        )?;
        let record = self.record();
        sheet.counter("neuron_miner_forecasts_judged", "Forecasts whose outcome a validator sent", record.judged)?;
        let ratio = (record.judged > 0).then_some(record.mean_ratio);
        sheet.gauge("neuron_miner_error_ratio", "Mean error as a share of that of the last close", ratio)
    }
}
