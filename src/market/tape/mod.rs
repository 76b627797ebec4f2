//! Recorded markets, played back over the same HTTP API as the real one.
//!
//! A tape is read from a folder of recordings ([`load`]), and served ([`spawn`]) as the exchange would have shown it at
//! the clock's time: a market is there from its first price on, costs what it cost last, and ends as it ended. At what
//! speed is the clock's affair; for clients whose clock is the wall's, [`Tape::rebased`] moves the recording to now.

mod files;
mod line;
mod record;
mod recorded;
mod recordings;
mod rotate;
mod shapes;
mod table;
mod zst;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

pub use self::files::load;
pub use self::record::{Recorder, Recording};
pub use self::recorded::{Look, Recorded};
pub use self::rotate::Rotation;
use self::shapes::DAY_MS;
use super::exchange::{self, ByAnyId, Exchange, Server, Shown, Stage};
use super::truth::Truth;
use crate::clock::Clock;
use crate::units::{Probability, UnixMs};

/// Share of the way from the price to the outcome that the "truth" of a tape goes, see [`Tape`].
const HINDSIGHT: f64 = 0.5;

/// Markets per page of a list.
const PAGE: usize = 1000;

/// Rows and files that could not be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, schemars::JsonSchema, serde::Serialize)]
pub struct Unusable {
    /// Rows without a name, a number or a date where one is needed.
    pub bad_rows: usize,
    /// Prices of markets that are not in the list of markets.
    pub orphan_prices: usize,
    /// Markets recorded twice; the recording with more prices is kept.
    pub repeated: usize,
    /// Files of no known shape.
    pub unknown_files: usize,
}

/// A set of recorded markets.
///
/// Its [`Truth`] is hindsight, which only a recording can have: the point half way from the price to the outcome. It
/// gives forecasters of planted skill something to know; it is no probability that anybody could have had.
#[derive(Debug, Clone, Default)]
pub struct Tape {
    /// By opening time, then id.
    markets: Vec<Recorded>,
    places: HashMap<String, usize>,
    /// By provider, in the order of time.
    looks: HashMap<String, Vec<Look>>,
    unusable: Unusable,
}

impl Tape {
    /// A tape of `markets`; of two with the same id the one with more prices is kept.
    #[must_use]
    pub fn new(markets: Vec<Recorded>, mut unusable: Unusable) -> Self {
        let mut best: HashMap<String, Recorded> = HashMap::new();
        for market in markets {
            match best.get(&market.id) {
                Some(other) => {
                    unusable.repeated += 1;
                    if other.prices.len() < market.prices.len() {
                        best.insert(market.id.clone(), market);
                    }
                }
                None => {
                    best.insert(market.id.clone(), market);
                }
            }
        }
        let mut markets: Vec<Recorded> = best.into_values().collect();
        markets.sort_by(|a, b| (a.opens_at, &a.id).cmp(&(b.opens_at, &b.id)));
        let places = markets.iter().enumerate().map(|(place, market)| (market.id.clone(), place)).collect();
        Self { markets, places, looks: HashMap::new(), unusable }
    }

    /// The markets, oldest first.
    #[must_use]
    pub fn markets(&self) -> &[Recorded] {
        &self.markets
    }

    /// The same, with the looks at the markets that were recorded, each provider's in the order of time.
    pub(super) fn with_looks(mut self, looks: HashMap<String, Vec<Look>>) -> Self {
        self.looks = looks;
        self
    }

    /// The last look at `provider` by `at`; `None` when none was recorded by then.
    #[must_use]
    pub fn look(&self, provider: &str, at: UnixMs) -> Option<&Look> {
        let looks = self.looks.get(provider)?;
        looks.get(looks.partition_point(|look| look.at <= at).checked_sub(1)?)
    }

    /// What could not be used.
    #[must_use]
    pub fn unusable(&self) -> Unusable {
        self.unusable
    }

    /// The times between which something happens: the first opening, and the last price or outcome.
    #[must_use]
    pub fn span(&self) -> Option<(UnixMs, UnixMs)> {
        let first = self.markets.first()?.opens_at;
        let ends = self.markets.iter().flat_map(|market| {
            let outcome = market.settled.map(|(at, _)| at);
            outcome.into_iter().chain(market.void_at).chain(market.prices.last().map(|(at, _)| *at))
        });
        Some((first, ends.max().unwrap_or(first).max(first)))
    }

    /// The next moment after `now` at which a market opens, changes its price, or ends: where a stepped clock may go
    /// without missing anything.
    #[must_use]
    pub fn next_change(&self, now: UnixMs) -> Option<UnixMs> {
        let next = |market: &Recorded| {
            let price = market.prices.get(market.prices.partition_point(|(at, _)| *at <= now)).map(|(at, _)| *at);
            let unpriced = market.unpriced.get(market.unpriced.partition_point(|at| *at <= now)).copied();
            let events = [Some(market.opens_at), market.settled.map(|(at, _)| at), price, unpriced, market.void_at];
            events.into_iter().flatten().filter(|at| *at > now).min()
        };
        self.markets.iter().filter_map(next).min()
    }

    /// The markets that ended, with at least `points` prices from before their scheduled end: those that forecasts can
    /// be asked for and scored.
    #[must_use]
    pub fn only_scorable(self, points: usize) -> Self {
        self.only(|market| {
            let end = market.ends_at.unwrap_or(UnixMs(i64::MAX));
            market.settled.is_some() && market.prices.partition_point(|(at, _)| *at < end) >= points
        })
    }

    /// The markets that did not end with a fraction.
    #[must_use]
    pub fn only_decided(self) -> Self {
        let is_whole = |outcome: Probability| outcome == Probability::ONE || outcome == Probability::ZERO;
        self.only(|market| market.settled.is_none_or(|(_, outcome)| is_whole(outcome)))
    }

    fn only(self, keep: impl Fn(&Recorded) -> bool) -> Self {
        let (unusable, looks) = (self.unusable, self.looks);
        Self::new(self.markets.into_iter().filter(keep).collect(), unusable).with_looks(looks)
    }

    /// The same recording with its first moment at `start` and everything `speed` times as fast.
    #[must_use]
    pub fn rebased(self, start: UnixMs, speed: f64) -> Self {
        let Some((first, _)) = self.span() else { return self };
        let speed = if speed.is_finite() && speed > 0.0 { speed } else { 1.0 };
        self.moved(|at| start.plus_ms((at.since(first) as f64 / speed) as i64))
    }

    /// The same recording so many whole days later that its first moment lies after `now`: intervals of a day's grid fall
    /// where they fell.
    #[must_use]
    pub fn days_later(self, now: UnixMs) -> Self {
        let Some((first, _)) = self.span() else { return self };
        let days = now.since(first).div_euclid(DAY_MS) + 1;
        self.moved(|at| at.plus_ms(days.max(0).saturating_mul(DAY_MS)))
    }

    fn moved(mut self, moved: impl Fn(UnixMs) -> UnixMs) -> Self {
        for market in &mut self.markets {
            market.move_by(&moved);
        }
        for look in self.looks.values_mut().flatten() {
            look.at = moved(look.at);
        }
        self
    }

    pub(super) fn find(&self, id: &str, at: UnixMs) -> Option<&Recorded> {
        self.markets.get(*self.places.get(id)?).filter(|market| market.opens_at <= at)
    }

    pub(super) fn opened_by(&self, at: UnixMs) -> impl Iterator<Item = &Recorded> {
        self.markets.iter().take_while(move |market| market.opens_at <= at)
    }
}

impl Truth for Tape {
    fn truth(&self, id: &str, at: UnixMs) -> Option<Probability> {
        let market = self.find(id, at)?;
        let (when, outcome) = market.settled?;
        if when <= at {
            return Some(outcome);
        }
        let price = market.price(at)?.get();
        Probability::clamped(price + HINDSIGHT * (outcome.get() - price))
    }
}

impl Exchange for Tape {
    fn opened(&self, at: UnixMs, skip: usize, limit: usize) -> Vec<Shown> {
        self.opened_by(at).skip(skip).take(limit).map(|market| market.show(at)).collect()
    }

    fn trading(&self, at: UnixMs, skip: usize, limit: usize) -> Vec<Shown> {
        let trading = self.opened_by(at).filter(|market| market.stage(at) == Stage::Trading);
        trading.skip(skip).take(limit).map(|market| market.show(at)).collect()
    }

    fn market(&self, id: &str, at: UnixMs) -> Option<Shown> {
        self.find(id, at).map(|market| market.show(at))
    }
}

/// Why there is no tape.
#[derive(Debug, thiserror::Error)]
pub enum TapeError {
    /// The folder or a file in it cannot be read.
    #[error("the recording {path} cannot be read: {source}")]
    Read {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A recording cannot be written.
    #[error("the recording {path} cannot be written: {source}")]
    Write {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Nothing in the folder is a recorded market.
    #[error("{path} has no recorded market; docs/markets.md lists the files that can be read")]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// The port is taken, or not ours to take.
    #[error("the recording cannot be served on {listen}: {source}; choose another address with `--listen`")]
    Listen {
        /// The address asked for.
        listen: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A tape that is being served; dropping it stops the server and frees the port.
#[derive(Debug)]
pub struct Handle {
    server: Server,
    tape: Arc<Tape>,
}

impl Handle {
    /// The base URL of the API.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// What is served.
    #[must_use]
    pub fn tape(&self) -> Arc<Tape> {
        Arc::clone(&self.tape)
    }

    /// Its hindsight, by the ids of either API.
    #[must_use]
    pub fn all_truth(&self) -> Arc<dyn Truth> {
        Arc::new(ByAnyId(self.tape() as _))
    }
}

/// Serves `tape` on `listen` (port 0 takes a free one) at the times of `clock`; must be called inside a tokio runtime.
///
/// # Errors
/// [`TapeError::Listen`] when the address is taken.
pub fn spawn(tape: Tape, clock: Clock, listen: SocketAddr) -> Result<Handle, TapeError> {
    let tape = Arc::new(tape);
    let server = exchange::serve(Arc::clone(&tape) as _, clock, listen, PAGE)
        .map_err(|source| TapeError::Listen { listen, source })?;
    Ok(Handle { server, tape })
}
