//! The cast of a demonstration: a market, and six miners of known skill.

mod garbage;
mod market;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::ledger::{EventsLedger, Options};
use super::registry::Limits;
use super::work::EventsWork;
use super::{EventsMiner, EventsValidator, Reports};
use crate::clock::Clock;
use crate::forecast::planted::{How, PLANTED, Planted};
use crate::forecast::{Cache, CacheSettings, FollowMarket, ForecastError, Forecaster, Skilled, Source};
use crate::ledger::LedgerError;
use crate::market::simulator::SimulatorError;
use crate::market::tape::TapeError;
use crate::market::{MarketError, MarketName};
use crate::subnets::cast::{Cast, Member, Play, Scene, Script, Seat, Standing};
use crate::subnets::work::{Peers, Shares, ValidatorNeeds, WorkError};
use garbage::GarbageAxon;
use market::Market;

/// Forecasts are made anew at every step of market time.
const AT_EVERY_TICK: Duration = Duration::from_millis(1);
/// Nothing is forgotten within a demonstration.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);
/// Recorded markets may be long over before their outcome is known.
const VOID_AFTER: Duration = Duration::from_secs(30 * 24 * 3600);
/// Events open, and looked up, at once.
const MANY: usize = 1_000;

/// Why the cast of events cannot play.
#[derive(Debug, thiserror::Error)]
pub(super) enum CastError {
    /// The simulated market.
    #[error(transparent)]
    Simulator(#[from] SimulatorError),
    /// The recorded market.
    #[error(transparent)]
    Tape(#[from] TapeError),
    /// Nothing to play.
    #[error("{} has no recorded market that ended and had prices before; docs/markets.md says which recordings can be \
             played", .0.display())]
    NoRecording(PathBuf),
    /// A market nobody knows.
    #[error("there is no market `{named}` to play on; choose from {}, {} and {}", MarketName::Polymarket.as_str(), MarketName::Azuro.as_str(), MarketName::IfGames.as_str())]
    NoSuchMarket {
        /// What was asked for.
        named: String,
    },
    /// One market has prices and the other has none.
    #[error("events with and without a price are not scored by the same rule: play ifgames alone")]
    NotTogether,
    /// The market client.
    #[error(transparent)]
    Market(#[from] MarketError),
    /// A strategy.
    #[error(transparent)]
    Forecast(#[from] ForecastError),
    /// The axon of the miner that answers garbage.
    #[error("the garbage miner cannot serve: {0}")]
    Garbage(std::io::Error),
}

impl From<CastError> for WorkError {
    fn from(error: CastError) -> Self {
        Self::Cast(Box::new(error))
    }
}

/// Makes the cast.
pub(super) fn make(script: &Script) -> Result<Box<dyn Cast>, WorkError> {
    let (market, clock) = Market::open(script)?;
    Ok(Box::new(EventsCast { market, clock, script: script.clone(), caches: Vec::new(), garbage: Vec::new() }))
}

/// See the module.
struct EventsCast {
    market: Market,
    clock: Clock,
    script: Script,
    caches: Vec<Cache>,
    garbage: Vec<GarbageAxon>,
}

/// A seed of its own for the miner number `index`.
const fn seed_of(seed: u64, index: usize) -> u64 {
    seed.wrapping_mul(100).wrapping_add(index as u64)
}

impl EventsCast {
    /// The strategy of a miner; `None` for the one that has none. Where there is no truth to know, on recorded markets, the
    /// skilled ones know the market's price and are off by their error.
    fn forecaster(&self, how: How, index: usize) -> Result<Option<Arc<dyn Forecaster>>, CastError> {
        Ok(match how {
            How::Garbage => None,
            How::FollowsMarket => Some(Arc::new(FollowMarket::new(self.market.providers(&self.clock)?))),
            How::Skilled { .. } => match how.skill(seed_of(self.script.seed, index)) {
                Some(skill) => Some(Arc::new(Skilled::new(skill, Source::Here(self.market.truth()))?)),
                None => None,
            },
        })
    }

    async fn seat(&mut self, index: usize) -> Result<Seat, CastError> {
        let how = PLANTED.get(index).map_or(How::Garbage, |planted| planted.how);
        let Some(forecaster) = self.forecaster(how, index)? else {
            let axon = GarbageAxon::spawn(self.script.address).await?;
            let seat = Seat::Stranger(axon.address);
            self.garbage.push(axon);
            return Ok(seat);
        };
        let settings = CacheSettings { refresh: AT_EVERY_TICK, forget_after: NEVER, ..CacheSettings::default() };
        let cache = Cache::new(forecaster, settings, self.clock.clone());
        self.caches.push(cache.clone());
        Ok(Seat::Miner(Arc::new(EventsMiner::new(cache))))
    }
}

impl Cast for EventsCast {
    fn members(&self) -> Vec<Member> {
        let member = |planted: &Planted| Member {
            name: planted.name,
            planted_skill: self.market.has_planted_skill().then_some(planted.expected_gain),
        };
        PLANTED.iter().map(member).collect()
    }

    fn clock(&self) -> Clock {
        self.clock.clone()
    }

    fn miner(&mut self, index: usize) -> BoxFuture<'_, Result<Seat, WorkError>> {
        async move { Ok(self.seat(index).await?) }.boxed()
    }

    fn rise(self: Box<Self>, needs: ValidatorNeeds) -> Result<Box<dyn Play>, WorkError> {
        let ValidatorNeeds { hotkey, dendrite, deadline, ledger, clock, peers } = needs;
        let ledger = EventsLedger::over(ledger, Options { rules: self.market.rules(), ..Options::default() });
        let limits = Limits {
            max_question_bytes: MANY,
            max_events: MANY,
            void_after: VOID_AFTER,
            lookups: MANY,
            // Nothing is corrected in a demonstration.
            dispute_window: Duration::ZERO,
        };
        let markets = self.market.providers(&self.clock)?;
        let events = EventsValidator::new(markets, ledger.clone(), dendrite, clock.clone(), limits, deadline);
        let reporter = self.market.reporter(hotkey)?;
        let reports = |reporter| Reports::new(reporter, ledger.clone(), Arc::clone(&peers), clock.clone());
        let reports = reporter.map(reports);
        let work = EventsWork::new(events, Arc::clone(&peers), clock, AT_EVERY_TICK, 0.0);
        let Self { market, clock, caches, garbage, .. } = *self;
        Ok(Box::new(EventsPlay {
            work: Arc::new(work),
            reports,
            ledger,
            peers,
            market,
            clock,
            caches,
            _garbage: garbage,
        }))
    }
}

/// The play of [`EventsCast`].
struct EventsPlay {
    work: Arc<EventsWork>,
    reports: Option<Reports>,
    ledger: EventsLedger,
    peers: Arc<dyn Peers>,
    market: Market,
    clock: Clock,
    caches: Vec<Cache>,
    _garbage: Vec<GarbageAxon>,
}

impl EventsPlay {
    /// Fresh forecasts, one round of questions.
    async fn tick(&self) -> Result<Scene, WorkError> {
        for cache in &self.caches {
            cache.refresh().await;
        }
        let summary = self.work.events().tick(&self.peers.now()).await?;
        if let Some(reports) = &self.reports {
            reports.tell().await?;
        }
        let scored = summary.settled.iter().filter(|settlement| !settlement.scores.is_empty()).count();
        Ok(Scene {
            at: summary.at,
            scored: scored as u64,
            open: summary.open_events,
            shown: summary.quoted.into_iter().map(|quoted| (quoted.price, quoted.description)).collect(),
            answered: summary.answered,
        })
    }

    async fn read_standings(&self) -> Result<Vec<Standing>, LedgerError> {
        let standings = self.ledger.standings().await?;
        let standing = |standing: &super::ledger::Standing| Standing {
            hotkey: standing.identity.hotkey,
            mean_gain: standing.average,
            predicted: standing.predicted,
        };
        Ok(standings.miners.iter().map(standing).collect())
    }
}

impl Play for EventsPlay {
    fn shares(&self) -> Arc<dyn Shares> {
        Arc::clone(&self.work) as _
    }

    fn scored_things(&self) -> &'static str {
        "events"
    }

    fn goal(&self) -> u64 {
        self.market.events
    }

    fn scene(&self) -> BoxFuture<'_, Result<Scene, WorkError>> {
        self.tick().boxed()
    }

    fn advance(&self) -> bool {
        let step = self.market.until_next_look(self.clock.now());
        step.inspect(|step| self.clock.advance(*step)).is_some()
    }

    fn standings(&self) -> BoxFuture<'_, Result<Vec<Standing>, WorkError>> {
        async move { Ok(self.read_standings().await?) }.boxed()
    }
}
