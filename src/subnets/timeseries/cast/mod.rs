//! The cast of a demonstration: a recorded or simulated price, six miners of known skill, and three that cheat.

mod cheats;
mod planted;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};

use super::ledger::{Rules, TimeseriesLedger};
use super::miner::memory::Memory;
use super::miner::{MinerParts, TimeseriesMiner};
use super::schedule::{CLOSES, Schedule};
use super::validator::{Protocol, TimeseriesValidator};
use super::work::TimeseriesWork;
use crate::clock::Clock;
use crate::forecast::series::{Persistence, Pure, Strategy};
use crate::ledger::LedgerError;
use crate::market::MarketError;
use crate::market::klines::aggregate::Aggregate;
use crate::market::klines::files::FileError;
use crate::market::klines::series::Series;
use crate::market::klines::{Exchange, INTERVAL, KlineSource, VENUES, VenueSettings, files, server, venue};
use crate::scoring::timeseries::chain::Spread;
use crate::scoring::timeseries::long_run::Start;
use crate::scoring::timeseries::volatility::{PercentileTables, TableError};
use crate::subnets::cast::{Cast, Member, Play, Scene, Script, Seat, Standing};
use crate::subnets::work::{MinerWork, Peers, Shares, ValidatorNeeds, WorkError};
use crate::units::UnixMs;
use cheats::{Cheat, Overheard, Trick};
use planted::{CAST, How, Planted};

/// When simulated time begins: 2026-01-01.
const START: UnixMs = UnixMs::from_secs(1_767_225_600);
/// Requests in a month: what is played when nobody says otherwise.
const MONTH: u64 = 30 * 48;
/// Candles before the first round.
const BEFORE: usize = 300;
/// Candles in a round.
const PER_ROUND: usize = 6;
/// Candles after the last round: its forecast, the hour until it is looked up, and some.
const AFTER: usize = CLOSES + 24;
/// How long an answer of our own server may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why the cast of time series cannot play.
#[derive(Debug, thiserror::Error)]
pub(super) enum CastError {
    /// The recording.
    #[error(transparent)]
    Files(#[from] FileError),
    /// A recording that ends before anything can be scored.
    #[error("the longest recording under {path} has {candles} candles, and {least} are needed", least = BEFORE + PER_ROUND + AFTER)]
    Short {
        /// The folder.
        path: PathBuf,
        /// What it has.
        candles: usize,
    },
    /// The server of candles.
    #[error("the candles cannot be served: {0}")]
    Server(std::io::Error),
    /// A client of it.
    #[error(transparent)]
    Market(#[from] MarketError),
    /// The tables of volatility.
    #[error(transparent)]
    Tables(#[from] TableError),
}

impl From<CastError> for WorkError {
    fn from(error: CastError) -> Self {
        Self::Cast(Box::new(error))
    }
}

/// Makes the cast.
pub(super) fn make(script: &Script) -> Result<Box<dyn Cast>, WorkError> {
    script.names_no_market()?;
    Ok(Box::new(TimeseriesCast::new(script)?))
}

/// See the module.
struct TimeseriesCast {
    market: server::Handle,
    clock: Clock,
    seed: u64,
    goal: u64,
    /// What miners see of the market: one look for all.
    seen: Aggregate,
    miners: Vec<TimeseriesMiner>,
    best: Overheard,
}

/// The longest recording of the folder, or a price of our own; and the rounds that fit into it.
fn prices(script: &Script) -> Result<(Series, u64), CastError> {
    let wanted = script.goal.unwrap_or(MONTH);
    let Some(folder) = &script.replay else {
        let candles = BEFORE + AFTER + PER_ROUND * usize::try_from(wanted).unwrap_or(0);
        return Ok((Series::simulated(script.seed, START, candles), wanted));
    };
    let longest = files::load(folder)?.into_iter().next().map(|recorded| recorded.series).unwrap_or_default();
    let candles = longest.span().map_or(0, |span| span.count());
    let rounds = candles.saturating_sub(BEFORE + AFTER) / PER_ROUND;
    if rounds == 0 {
        return Err(CastError::Short { path: folder.clone(), candles });
    }
    tracing::info!(recording = longest.name, candles, rounds, "the longest recording is played");
    Ok((longest, wanted.min(rounds as u64)))
}

/// The first `count` venues, all served by `market`.
fn venues(market: &server::Handle, clock: &Clock, count: usize) -> Result<Aggregate, CastError> {
    let client = |name: &str| -> Result<Option<Arc<dyn KlineSource>>, MarketError> {
        let Some(venue) = venue(name) else { return Ok(None) };
        let settings = VenueSettings { url: market.url(), ..VenueSettings::of(venue) };
        Ok(Some(Arc::new(Exchange::new(venue, settings, clock.clone())?)))
    };
    let sources = VENUES.iter().take(count).filter_map(|venue| client(venue.name).transpose());
    Ok(Aggregate::new(sources.collect::<Result<_, _>>()?, PATIENCE))
}

impl TimeseriesCast {
    fn new(script: &Script) -> Result<Self, CastError> {
        let (series, goal) = prices(script)?;
        let begin = series.span().map_or(START, |span| span.from).plus_ms(BEFORE as i64 * INTERVAL.ms());
        let clock = Clock::stepped(Schedule::default().next_round(begin));
        let market = server::spawn(Arc::new(series), clock.clone(), (Ipv4Addr::LOCALHOST, 0).into())
            .map_err(CastError::Server)?;
        let seen = venues(&market, &clock, 1)?;
        Ok(Self { market, clock, seed: script.seed, goal, seen, miners: Vec::new(), best: Overheard::default() })
    }

    fn honest(&self, strategy: Arc<dyn Strategy>) -> TimeseriesMiner {
        TimeseriesMiner::new(MinerParts {
            strategy,
            market: self.seen.clone(),
            memory: Memory::fleeting(),
            schedule: Schedule::default(),
            clock: self.clock.clone(),
            refresh: Duration::ZERO,
        })
    }

    fn seat(&mut self, index: usize) -> Seat {
        let how = CAST.get(index).map_or(How::Cheat(Trick::Late), |member| member.how);
        let work: Arc<dyn MinerWork> = match how {
            How::Cheat(trick) => {
                let naive = self.honest(Arc::new(Pure::new(Box::new(Persistence))));
                self.miners.push(naive.clone());
                Arc::new(Cheat {
                    trick,
                    naive,
                    best: self.best.clone(),
                    clock: self.clock.clone(),
                    own: OnceLock::new(),
                })
            }
            How::Skilled(skill) => {
                let knows =
                    Planted { series: self.market.series(), skill, seed: self.seed.wrapping_mul(100) + index as u64 };
                let miner = self.honest(Arc::new(knows));
                self.miners.push(miner.clone());
                if index == 0 { Arc::new(self.best.listen_to(miner)) } else { Arc::new(miner) }
            }
            How::Persists => {
                let miner = self.honest(Arc::new(Pure::new(Box::new(Persistence))));
                self.miners.push(miner.clone());
                Arc::new(miner)
            }
        };
        Seat::Miner(work)
    }
}

impl Cast for TimeseriesCast {
    fn members(&self) -> Vec<Member> {
        CAST.iter().map(|member| Member { name: member.name, planted_skill: Some(member.expected_share) }).collect()
    }

    fn clock(&self) -> Clock {
        self.clock.clone()
    }

    fn miner(&mut self, index: usize) -> BoxFuture<'_, Result<Seat, WorkError>> {
        ready(Ok(self.seat(index))).boxed()
    }

    fn rise(self: Box<Self>, needs: ValidatorNeeds) -> Result<Box<dyn Play>, WorkError> {
        let tables = PercentileTables::built_in().map_err(CastError::Tables)?;
        let rules = Rules { tables, start: Start::Mean, spread: Spread::V6 };
        let ledger = TimeseriesLedger::over(needs.ledger, rules);
        let validator = TimeseriesValidator {
            ledger: ledger.clone(),
            dendrite: needs.dendrite,
            clock: needs.clock,
            schedule: Schedule::default(),
            truth: venues(&self.market, &self.clock, 3)?,
            protocol: Protocol::V6,
            deadline: needs.deadline,
        };
        let work = Arc::new(TimeseriesWork::new(validator, Arc::clone(&needs.peers), None));
        let Self { market, clock, goal, miners, .. } = *self;
        Ok(Box::new(TimeseriesPlay { work, ledger, peers: needs.peers, market, clock, goal, miners }))
    }
}

/// The play of [`TimeseriesCast`].
struct TimeseriesPlay {
    work: Arc<TimeseriesWork>,
    ledger: TimeseriesLedger,
    peers: Arc<dyn Peers>,
    market: server::Handle,
    clock: Clock,
    goal: u64,
    miners: Vec<TimeseriesMiner>,
}

impl TimeseriesPlay {
    /// One round: fresh forecasts, commitments, a minute later the numbers, and what is over by then.
    async fn round(&self) -> Result<Scene, LedgerError> {
        let begun = self.clock.now();
        for miner in &self.miners {
            miner.refresh().await;
        }
        let peers = self.peers.now();
        let is_asking = self.work.rounds() < self.goal;
        if is_asking {
            self.work.ask().await?;
        }
        self.clock.advance(Schedule::default().reveal_after);
        self.work.ask().await?;
        let scored = self.work.score().await?;
        let open = self.ledger.open_requests().await?.len();
        let price = self.miners.first().and_then(TimeseriesMiner::ready).map_or(0.0, |ready| ready.last_close);
        let note = format!("BTC/USD; {open} forecasts of {} wait for their end", peers.len());
        Ok(Scene {
            at: begun,
            scored: scored as u64,
            open,
            shown: vec![(price, note.into())],
            answered: self.work.answered(),
        })
    }
}

impl Play for TimeseriesPlay {
    fn shares(&self) -> Arc<dyn Shares> {
        Arc::clone(&self.work) as _
    }

    fn scored_things(&self) -> &'static str {
        "requests"
    }

    fn goal(&self) -> u64 {
        self.goal
    }

    fn scene(&self) -> BoxFuture<'_, Result<Scene, WorkError>> {
        async move { Ok(self.round().await?) }.boxed()
    }

    fn advance(&self) -> bool {
        let now = self.clock.now();
        let wait = Schedule::default().next_round(now).since(now);
        self.clock.advance(Duration::from_millis(u64::try_from(wait).unwrap_or(0)));
        let ends = self.market.series().span().map_or(now, |span| span.until);
        // An hour after the last close everything is scored, or never will be.
        self.clock.now().since(ends) < 2 * 3_600_000
    }

    fn standings(&self) -> BoxFuture<'_, Result<Vec<Standing>, WorkError>> {
        async move {
            let standing = |of: &super::ledger::Standing| Standing {
                hotkey: of.miner.hotkey,
                mean_gain: of.mean_share,
                predicted: of.predicted,
            };
            Ok(self.ledger.standings().await?.iter().map(standing).collect())
        }
        .boxed()
    }
}
