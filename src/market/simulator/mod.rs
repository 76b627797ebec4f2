//! A market of our own, served over the same HTTP APIs as the real ones.
//!
//! Every event has a hidden probability that is a martingale and ends in a draw ([`World`]); the quoted price is that
//! probability some time ago, off by a set amount. What is served is a function of (seed, event, market time) alone:
//! how often and when it is polled changes nothing, and a restarted simulator goes on where it was.

mod random;
mod world;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::random::normal;
pub use self::random::{label, sign, uniform};
pub use self::world::{World, off_by};
use super::exchange::{self, ByAnyId, Server};
use super::truth::Truth;
use crate::clock::Clock;
use crate::units::{Probability, UnixMs};

/// Names of the columns of chance: what one draw decides never moves another.
pub(crate) mod draw {
    pub(crate) const NAME: u64 = 1;
    pub(crate) const PRIOR: u64 = 2;
    pub(crate) const OUTCOME: u64 = 3;
    pub(crate) const PATH: u64 = 4;
    pub(crate) const QUOTE: u64 = 5;
}

/// A simulated market.
///
/// The defaults make an hourly tick meaningful: an event opens every hour and lives two days (with Polymarket's
/// cutoff a day before the end, a day of answers), its price is an hour old and 0.15 off. Someone who knows the hidden
/// probability then gains 0.023 per event on the price, see `docs/markets.md`.
#[derive(Debug, Clone)]
pub struct SimulatorConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What the world is drawn from.
    pub seed: u64,
    /// How many events there will be; `None` for an endless supply.
    pub events: Option<u64>,
    /// When the first event opens. `None`: now, when the number of events is limited; for an endless supply
    /// 2024-01-01, so that a restart shows the same events.
    pub start: Option<UnixMs>,
    /// Time between the openings of two events.
    pub spacing: Duration,
    /// Time from the opening of an event to its end.
    pub horizon: Duration,
    /// Time from the end of an event until its outcome is told; closed without a winner meanwhile.
    pub dispute: Duration,
    /// Market time stands still for this long; every state holds for one whole step.
    pub step: Duration,
    /// How old the knowledge in a price is.
    pub lag: Duration,
    /// How far a price is from that knowledge, in `0.0..=0.4`.
    pub error: f64,
    /// How much is learnt about an event while it lives: the variance that its log odds gather. 1 moves an even
    /// question to 0.3 or 0.7, give or take.
    pub information: f64,
    /// Markets per page of a list.
    pub page_size: usize,
    /// Market time.
    pub clock: Clock,
}

impl SimulatorConfig {
    /// The defaults, on a free loopback port.
    #[must_use]
    pub fn new(seed: u64, clock: Clock) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed,
            events: None,
            start: None,
            spacing: Duration::from_secs(3600),
            horizon: Duration::from_secs(48 * 3600),
            dispute: Duration::ZERO,
            step: Duration::from_secs(3600),
            lag: Duration::from_secs(3600),
            error: 0.15,
            information: 1.0,
            page_size: 1000,
            clock,
        }
    }
}

/// Why there is no simulator.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// The port is taken, or not ours to take.
    #[error("the market simulator cannot listen on {listen}: {source}; choose another address with `--listen`")]
    Listen {
        /// The address asked for.
        listen: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A world that cannot be.
    #[error("the market simulator cannot work with {setting} = {value}: it must be {rule}")]
    Setting {
        /// The setting's name.
        setting: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        rule: &'static str,
    },
}

/// A running simulator; dropping it stops it and frees the port.
#[derive(Debug)]
pub struct Handle {
    server: Server,
    world: Arc<World>,
}

impl Handle {
    /// The base URL of the API, for `PolymarketSettings::http`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// The world behind it, for forecasters in this process that are allowed to look.
    #[must_use]
    pub fn world(&self) -> Arc<World> {
        Arc::clone(&self.world)
    }

    /// What the world knows, by the ids of either API.
    #[must_use]
    pub fn all_truth(&self) -> Arc<dyn Truth> {
        Arc::new(ByAnyId(self.world() as _))
    }

    /// The hidden probability of an event by its condition id; `None` for a stranger, or before it opened.
    #[must_use]
    pub fn truth(&self, id: &str, at: UnixMs) -> Option<Probability> {
        self.world.truth(id, at)
    }
}

/// Starts a simulator; must be called inside a tokio runtime.
///
/// # Errors
/// [`SimulatorError`] when a setting makes no sense or the address is taken.
pub fn spawn(config: SimulatorConfig) -> Result<Handle, SimulatorError> {
    let world = Arc::new(World::new(&config)?);
    let server = exchange::serve(Arc::clone(&world) as _, config.clock, config.listen, config.page_size)
        .map_err(|source| SimulatorError::Listen { listen: config.listen, source })?;
    Ok(Handle { server, world })
}
