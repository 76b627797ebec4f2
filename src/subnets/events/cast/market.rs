//! The market of a demonstration: simulated or recorded, and when to look at it.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use super::CastError;
use crate::clock::Clock;
use crate::market::polymarket::{Polymarket, PolymarketSettings};
use crate::market::simulator::{self, SimulatorConfig};
use crate::market::tape::{self, Tape};
use crate::market::{HttpSettings, Provider, Truth};
use crate::subnets::cast::Script;
use crate::units::UnixMs;

/// Simulated events, where nobody says how many.
const EVENTS: u64 = 60;
/// When simulated time begins: 2026-01-01.
const START: UnixMs = UnixMs::from_secs(1_767_225_600);
/// Between two looks at the simulated market: the step of its world.
const STEP: Duration = Duration::from_secs(3600);
/// Prices before its end that a recorded market must have to be scored.
const LEAST_PRICES: usize = 1;
/// Recorded markets are listed until their end, which may be years ahead.
const EVER: Duration = Duration::from_secs(50 * 365 * 24 * 3600);

/// Stops when dropped.
enum Exchange {
    Simulated(simulator::Handle),
    Recorded(tape::Handle),
}

/// A running market, and the times at which the demonstration looks at it.
pub(super) struct Market {
    exchange: Exchange,
    looks: Vec<UnixMs>,
    /// Events that will be scored.
    pub(super) events: u64,
}

impl Market {
    /// Starts it; `clock` stands at its first moment then.
    pub(super) fn open(script: &Script) -> Result<(Self, Clock), CastError> {
        match &script.replay {
            None => {
                let goal = script.goal.unwrap_or(EVENTS);
                let clock = Clock::stepped(START);
                let world = SimulatorConfig {
                    events: Some(goal),
                    start: Some(START),
                    ..SimulatorConfig::new(script.seed, clock.clone())
                };
                let exchange = Exchange::Simulated(simulator::spawn(world)?);
                Ok((Self { exchange, looks: Vec::new(), events: goal }, clock))
            }
            Some(folder) => {
                let tape = tape::load(folder)?.only_scorable(LEAST_PRICES);
                let looks = looks(&tape);
                let start = looks.first().copied().ok_or_else(|| CastError::NoRecording(folder.clone()))?;
                let events = tape.markets().len() as u64;
                let clock = Clock::stepped(start);
                let handle = tape::spawn(tape, clock.clone(), (Ipv4Addr::LOCALHOST, 0).into())?;
                Ok((Self { exchange: Exchange::Recorded(handle), looks, events }, clock))
            }
        }
    }

    /// A client of it.
    pub(super) fn provider(&self, clock: &Clock) -> Result<Arc<dyn Provider>, CastError> {
        let default = PolymarketSettings::default();
        let settings = match &self.exchange {
            Exchange::Simulated(handle) => PolymarketSettings { http: own_server(handle.url()), ..default },
            Exchange::Recorded(handle) => PolymarketSettings {
                http: own_server(handle.url()),
                cutoff_before_end: Duration::ZERO,
                max_ahead: EVER,
                ..default
            },
        };
        Ok(Arc::new(Polymarket::new(settings, clock.clone())?))
    }

    /// What the skilled miners know.
    pub(super) fn truth(&self) -> Arc<dyn Truth> {
        match &self.exchange {
            Exchange::Simulated(handle) => handle.world(),
            Exchange::Recorded(handle) => handle.tape(),
        }
    }

    /// Whether skill can be planted: a recording knows no probabilities, only how it ended.
    pub(super) const fn has_planted_skill(&self) -> bool {
        matches!(self.exchange, Exchange::Simulated(_))
    }

    /// The time from `now` to the next look; `None` when a recording is over.
    pub(super) fn until_next_look(&self, now: UnixMs) -> Option<Duration> {
        match &self.exchange {
            Exchange::Simulated(_) => Some(STEP),
            Exchange::Recorded(_) => {
                let next = self.looks.get(self.looks.partition_point(|at| *at <= now))?;
                u64::try_from(next.since(now)).ok().map(Duration::from_millis)
            }
        }
    }
}

/// No politeness towards ourselves.
fn own_server(url: String) -> HttpSettings {
    HttpSettings { spacing: Duration::ZERO, ..HttpSettings::at(url) }
}

/// Four looks at each recorded market: when it opens, twice in its life, and when its outcome is known.
fn looks(tape: &Tape) -> Vec<UnixMs> {
    let mut looks = BTreeSet::new();
    for market in tape.markets() {
        if let Some((settled, _)) = market.settled {
            let life = settled.since(market.opens_at);
            looks.extend([0, life / 3, life - life / 3, life].map(|age| market.opens_at.plus_ms(age)));
        }
    }
    looks.into_iter().collect()
}
