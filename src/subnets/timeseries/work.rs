//! A validator of time series as a part of a role: its duties, its shares, and what it tells about itself.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::ledger::{Rules, TimeseriesLedger, allotment};
use super::schedule::Schedule;
use super::settings::TimeseriesSettings;
use super::validator::{Protocol, Step, TimeseriesValidator};
use crate::clock::{self, Clock};
use crate::config::Resolved;
use crate::ledger::{LedgerError, Place, ReadOnly};
use crate::scoring::timeseries::chain::Spread;
use crate::scoring::timeseries::long_run::Start;
use crate::scoring::timeseries::volatility::PercentileTables;
use crate::subnets::past::{self, Next, Past};
use crate::subnets::work::{Allotment, ChainSeen, Duty, Peers, Shares, ValidatorNeeds, ValidatorWork, WorkError};
use crate::telemetry::{Gauges, Health, Registry, Sheet, facts};
use crate::units::Identity;

/// How often it is looked whether it is time to ask: windows are a minute long.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often it is looked what is over.
const SCORE_EVERY: Duration = Duration::from_secs(30);
/// How often old requests are forgotten.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);
/// How long requests are kept.
const KEPT_MS: i64 = 180 * 24 * 3_600_000;
/// The past that `--test_only_historical` goes through.
const PAST_MS: i64 = 30 * 24 * 3_600_000;
/// Time beyond some rounds before a validator without one counts as failing.
const SLACK: Duration = Duration::from_secs(600);

/// Refuses settings that cannot work.
///
/// # Errors
/// Those of the settings.
pub(super) fn check(resolved: &Resolved) -> Result<(), WorkError> {
    let settings = TimeseriesSettings::of(resolved)?;
    settings.schedule()?;
    settings.aggregate(&Clock::wall())?;
    rules(&settings).map(|_| ())
}

fn rules(settings: &TimeseriesSettings) -> Result<Rules, WorkError> {
    let mut tables = PercentileTables::built_in().map_err(|error| WorkError::Setting(error.to_string()))?;
    tables.rescale |= settings.timeseries.rescale_volatility;
    Ok(match settings.timeseries.protocol {
        Protocol::V6 => Rules { tables, start: Start::Mean, spread: Spread::V6 },
        Protocol::V4 => Rules { tables, start: Start::Plain, spread: Spread::V4 },
    })
}

/// A validator's part as the settings want it.
///
/// # Errors
/// A market's client cannot be made, or the settings contradict each other.
pub(super) fn make(resolved: &Resolved, needs: ValidatorNeeds) -> Result<Arc<dyn ValidatorWork>, WorkError> {
    let settings = TimeseriesSettings::of(resolved)?;
    let ValidatorNeeds { hotkey: _, dendrite, deadline: _, ledger, clock, peers } = needs;
    let is_past = settings.test_only_historical == 1;
    let past = is_past.then(|| Past::between(clock.now().plus_ms(-PAST_MS), clock.now()));
    let clock = past.as_ref().map_or(clock, |past| past.clock().clone());
    let mut schedule = settings.schedule()?;
    let protocol = if is_past { Protocol::V4 } else { settings.timeseries.protocol };
    if protocol == Protocol::V4 && !is_past {
        schedule.offset = delay(ledger.place(), schedule);
    }
    let validator = TimeseriesValidator {
        ledger: TimeseriesLedger::over(ledger, rules(&settings)?),
        dendrite,
        truth: settings.aggregate(&clock)?,
        clock,
        schedule,
        protocol,
        deadline: settings.timeseries.timeout,
    };
    Ok(Arc::new(TimeseriesWork::new(validator, peers, past)))
}

/// The delay of a validator of January 2024, 0 to 550 s: random, and the same after a restart, for it follows from the
/// ledger's name, which holds the hotkey.
fn delay(ledger: &Place, schedule: Schedule) -> Duration {
    let name = match ledger {
        Place::File(path) => path.file_name().and_then(|name| name.to_str()).unwrap_or_default(),
        Place::Database(address) => address.schema(),
    };
    let share = crate::market::simulator::uniform(&[crate::market::simulator::label(name)]);
    let most = schedule.period.min(Duration::from_secs(1800)).mul_f64(550.0 / 1800.0);
    schedule.offset + most.mul_f64(share)
}

/// Who earned what, from a ledger that somebody else writes.
///
/// # Errors
/// Those of the settings and of the file.
pub(super) fn shares_in(
    resolved: &Resolved,
    ledger: &ReadOnly,
    registered: &[Identity],
) -> Result<Allotment, WorkError> {
    let spread = rules(&TimeseriesSettings::of(resolved)?)?.spread;
    Ok(ledger.ask(|connection| allotment(connection, spread, registered))?)
}

/// See the module.
#[derive(Debug)]
pub struct TimeseriesWork {
    validator: TimeseriesValidator,
    peers: Arc<dyn Peers>,
    /// The past that is gone through, on whose clock the validator is then.
    past: Option<Past>,
    state: Mutex<State>,
    started: Instant,
}

#[derive(Debug, Default)]
struct State {
    rounds: u64,
    scored: u64,
    /// The last round, and when it was.
    last: Option<(Step, Instant)>,
}

impl TimeseriesWork {
    /// Rounds of `validator`; of `past` where it goes through that, on its clock.
    #[must_use]
    pub fn new(validator: TimeseriesValidator, peers: Arc<dyn Peers>, past: Option<Past>) -> Self {
        Self { validator, peers, past, state: Mutex::default(), started: clock::monotonic() }
    }

    /// What its steps are.
    #[must_use]
    pub const fn validator(&self) -> &TimeseriesValidator {
        &self.validator
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rounds begun since the start.
    #[must_use]
    pub fn rounds(&self) -> u64 {
        self.state().rounds
    }

    /// Miners that count in the last round.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.state().last.as_ref().map_or(0, |(step, _)| step.answered)
    }

    /// Asks, when it is time to.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn ask(&self) -> Result<(), LedgerError> {
        let peers = self.peers.now();
        let begun = self.validator.begin(&peers).await?;
        let revealed = self.validator.reveal(&peers).await?;
        self.state().rounds += u64::from(begun.is_some());
        for (what, step) in [("commitments", begun), ("numbers", revealed)] {
            let Some(step) = step else { continue };
            tracing::info!(asked = step.asked, answered = step.answered, fates = ?step.fates, "asked for {what}");
            self.state().last = Some((step, clock::monotonic()));
        }
        Ok(())
    }

    /// Scores what is over; how many requests.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn score(&self) -> Result<usize, LedgerError> {
        let peers = self.peers.now();
        let registered: Vec<Identity> = peers.iter().map(|peer| peer.identity).collect();
        let step = self.validator.score(&peers, &registered).await?;
        self.state().scored += step.scored as u64;
        Ok(step.scored)
    }

    /// The next round of the past.
    async fn past_round(&self) -> Result<(), LedgerError> {
        let Some(past) = &self.past else { return Ok(()) };
        match past.go_to(self.validator.schedule.next_round(past.clock().now())) {
            Next::Over => {}
            Next::JustOver => {
                for standing in self.validator.ledger.standings().await? {
                    tracing::info!(
                        hotkey = %standing.miner.hotkey, mean_share = standing.mean_share, mean_rmse = standing.mean_rmse,
                        requests = standing.predicted, weight = standing.weight, "the month of candles is over"
                    );
                }
            }
            Next::Moment => {
                self.ask().await?;
                self.score().await?;
            }
        }
        Ok(())
    }

    fn write(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let state = self.state();
        sheet.counter("neuron_validator_rounds", "Rounds begun", state.rounds)?;
        sheet.counter("neuron_validator_requests_scored", "Requests scored", state.scored)?;
        let last = state.last.as_ref();
        let age = last.map(|(_, at)| at.elapsed().as_secs_f64());
        sheet.gauge("neuron_validator_last_round_age_seconds", "Time since miners were asked", age)?;
        let number = |of: fn(&Step) -> usize| last.map(|(step, _)| of(step) as f64);
        sheet.gauge("neuron_validator_round_miners_asked", "Miners asked last", number(|step| step.asked))?;
        sheet.gauge("neuron_validator_round_miners_answered", "Of them, those that count", number(|step| step.answered))
    }
}

impl Shares for TimeseriesWork {
    fn shares<'a>(&'a self, registered: &'a [Identity]) -> BoxFuture<'a, Result<Allotment, LedgerError>> {
        self.validator.ledger.shares(registered).boxed()
    }
}

impl ValidatorWork for TimeseriesWork {
    fn duties(self: Arc<Self>) -> Vec<Duty> {
        let prune = async |work: Arc<Self>| {
            let ledger = &work.validator.ledger;
            let now = ledger.core().patient_now(&work.validator.clock).await?;
            ledger.prune(now.plus_ms(-KEPT_MS)).await?;
            Ok(())
        };
        let pruning = Duty::over(&self, "pruning", PRUNE_EVERY, Clock::wall(), prune).later();
        if self.past.is_some() {
            let past = async |work: Arc<Self>| Ok(work.past_round().await?);
            return vec![Duty::over(&self, "past rounds", past::PACE, Clock::wall(), past), pruning];
        }
        let ask = async |work: Arc<Self>| Ok(work.ask().await?);
        let score = async |work: Arc<Self>| {
            work.score().await?;
            Ok(())
        };
        vec![
            Duty::over(&self, "rounds", LOOK_EVERY, Clock::wall(), ask),
            Duty::over(&self, "scoring", SCORE_EVERY, Clock::wall(), score),
            pruning,
        ]
    }

    fn tell(&self, chain: ChainSeen) {
        let state = self.state();
        let Some((last, _)) = &state.last else {
            let next = self.validator.schedule.next_round(self.validator.clock.now());
            tracing::info!(block = chain.block, next_round_ms = next.0, "waiting for the next round");
            return;
        };
        tracing::info!(
            block = chain.block,
            rounds = state.rounds,
            scored = state.scored,
            weights_at_block = chain.weights_at,
            "{} of {} miners answered {:?}, {} rounds begun and {} requests scored since the start",
            last.answered,
            last.asked,
            last.fates,
            state.rounds,
            state.scored,
        );
    }

    fn register(self: Arc<Self>, registry: &mut Registry) {
        registry.register_collector(Box::new(Gauges(move |sheet: &mut Sheet<'_>| self.write(sheet))));
    }

    /// Failing when the last round, or the start, lies two periods and ten minutes back.
    fn health(&self) -> Health {
        let state = self.state();
        let age = state.last.as_ref().map_or(self.started, |(_, at)| *at).elapsed();
        let facts = facts([("rounds", state.rounds.into()), ("last_round_age_s", age.as_secs().into())]);
        let is_over = self.past.as_ref().is_some_and(Past::is_over);
        Health { ok: is_over || age <= self.validator.schedule.period * 2 + SLACK, facts }
    }
}
