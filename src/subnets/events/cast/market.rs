//! The market of a demonstration: simulated or recorded, and when to look at it.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use super::CastError;
use crate::clock::Clock;
use crate::market::azuro::{Azuro, AzuroSettings};
use crate::market::ifgames::{IfGames, IfGamesSettings, Reporter};
use crate::market::polymarket::{Polymarket, PolymarketSettings};
use crate::market::simulator::{self, SimulatorConfig};
use crate::market::tape::{self, Tape};
use crate::market::{HttpSettings, MarketName, Provider, Truth};
use crate::scoring::Rules;
use crate::subnets::cast::Script;
use crate::units::UnixMs;
use crate::wallet::Keypair;

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
    /// The APIs it is read through.
    names: Vec<MarketName>,
    looks: Vec<UnixMs>,
    /// Events that will be scored.
    pub(super) events: u64,
}

impl Market {
    /// Starts it; `clock` stands at its first moment then.
    pub(super) fn open(script: &Script) -> Result<(Self, Clock), CastError> {
        let names = names(&script.markets)?;
        // What is listed by two markets is two events.
        let times = names.len() as u64;
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
                Ok((Self { exchange, names, looks: Vec::new(), events: goal * times }, clock))
            }
            Some(folder) => {
                let tape = tape::load(folder)?.only_scorable(LEAST_PRICES);
                // Azuro knows no fractions: it cancels, and what is cancelled is not scored.
                let tape = if names.contains(&MarketName::Azuro) { tape.only_decided() } else { tape };
                let looks = looks(&tape);
                let start = looks.first().copied().ok_or_else(|| CastError::NoRecording(folder.clone()))?;
                let events = tape.markets().len() as u64 * times;
                let clock = Clock::stepped(start);
                let handle = tape::spawn(tape, clock.clone(), (Ipv4Addr::LOCALHOST, 0).into())?;
                Ok((Self { exchange: Exchange::Recorded(handle), names, looks, events }, clock))
            }
        }
    }

    /// Clients of it, one for each API.
    pub(super) fn providers(&self, clock: &Clock) -> Result<Vec<Arc<dyn Provider>>, CastError> {
        let provider = |name: &MarketName| -> Result<Arc<dyn Provider>, CastError> {
            Ok(match name {
                MarketName::File | MarketName::Manifold | MarketName::Kalshi => {
                    return Err(CastError::NoSuchMarket { named: name.as_str().to_owned() });
                }
                MarketName::IfGames => Arc::new(IfGames::new(self.ifgames(), clock.clone())?),
                MarketName::Polymarket => Arc::new(Polymarket::new(self.polymarket(), clock.clone())?),
                MarketName::Azuro => Arc::new(Azuro::new(self.azuro(), clock.clone())?),
            })
        };
        self.names.iter().map(provider).collect()
    }

    fn polymarket(&self) -> PolymarketSettings {
        let default = PolymarketSettings { http: self.own_server(), ..PolymarketSettings::default() };
        match &self.exchange {
            Exchange::Simulated(_) => default,
            Exchange::Recorded(_) => {
                PolymarketSettings { cutoff_before_end: Duration::ZERO, max_ahead: EVER, ..default }
            }
        }
    }

    fn azuro(&self) -> AzuroSettings {
        let default = AzuroSettings { http: self.own_server(), ..AzuroSettings::default() };
        match &self.exchange {
            Exchange::Simulated(_) => default,
            Exchange::Recorded(_) => AzuroSettings { max_ahead: EVER, ..default },
        }
    }

    fn ifgames(&self) -> IfGamesSettings {
        IfGamesSettings { http: self.own_server(), resolve_every: Duration::ZERO }
    }

    /// Who is told what miners said and scored, where somebody wants to know.
    pub(super) fn reporter(&self, hotkey: Arc<Keypair>) -> Result<Option<Reporter>, CastError> {
        let wanted = self.names.contains(&MarketName::IfGames);
        Ok(wanted.then(|| Reporter::new(self.ifgames(), hotkey)).transpose()?)
    }

    /// The rules that its events can be scored by.
    pub(super) fn rules(&self) -> Rules {
        if self.has_prices() { Rules::default() } else { Rules::of_2025() }
    }

    /// Whether its events have a price to beat.
    fn has_prices(&self) -> bool {
        !self.names.contains(&MarketName::IfGames)
    }

    /// No politeness towards ourselves.
    fn own_server(&self) -> HttpSettings {
        let url = match &self.exchange {
            Exchange::Simulated(handle) => handle.url(),
            Exchange::Recorded(handle) => handle.url(),
        };
        HttpSettings { spacing: Duration::ZERO, ..HttpSettings::at(url) }
    }

    /// What the skilled miners know.
    pub(super) fn truth(&self) -> Arc<dyn Truth> {
        match &self.exchange {
            Exchange::Simulated(handle) => handle.all_truth(),
            Exchange::Recorded(handle) => handle.all_truth(),
        }
    }

    /// Whether skill can be planted: a recording knows no probabilities, only how it ended; and what is planted is a gain on a
    /// price.
    pub(super) fn has_planted_skill(&self) -> bool {
        matches!(self.exchange, Exchange::Simulated(_)) && self.has_prices()
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

/// The markets of these names, each once; Polymarket where none is named.
fn names(words: &[String]) -> Result<Vec<MarketName>, CastError> {
    let names = MarketName::each(words).map_err(|word| CastError::NoSuchMarket { named: word.to_owned() })?;
    if names.len() > 1 && names.contains(&MarketName::IfGames) {
        return Err(CastError::NotTogether);
    }
    Ok(if names.is_empty() { vec![MarketName::Polymarket] } else { names })
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
