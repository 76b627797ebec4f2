//! A storefront: what a validator of events knows, as an API that programs read.
//!
//! Events, prices, what the miners say together (mean, median, and the community prediction of the 2025 reference under its
//! own routes), scores, miners with their histories, and a stream of what changes. The document of the API is
//! `openapi.json`, served as it is. Whoever reads has a key, of which only the hash is kept ([`crate::gateway::KeyFile`]).
//!
//! Each answer is read from the ledger by a connection of its own, which can only read: the validator's writes never wait
//! for it, whatever is asked.

mod answers;
mod door;
mod events;
mod forecast;
mod forecasts;
mod learning;
mod miners;
mod paging;
mod problem;
mod routes;
mod shelf;
mod stream;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::clock::Clock;
use crate::config::Resolved;
use crate::gateway::{KeysError, Limits, serve};
use crate::ledger::{LedgerError, Place, ReadOnly};
use crate::role::{Subnet, Watch};
use crate::scoring::Rules;
use crate::scoring::ranks::RANKS;
use crate::subnets::events::KIND;
use crate::subnets::events::ledger::SCHEMA;
use crate::subnets::events::settings::EventsSettings;
use crate::subnets::work::{Kind, WorkError};

pub use forecasts::forecasts;

/// Connections at once.
const CONNECTIONS: usize = 1024;

/// The document that describes the API (OpenAPI 3.1).
pub const OPENAPI: &str = include_str!("openapi.json");

/// What a storefront shows.
#[derive(Debug, Clone)]
pub struct Source {
    /// The ledger.
    pub ledger: Place,
    /// The rules by which it scores.
    pub rules: Rules,
    /// Where a miner's uid is looked up; `None` for a ledger at rest, which knows miners by hotkey alone.
    pub subnet: Option<Subnet>,
    /// Whose time tells which interval is the current one.
    pub clock: Clock,
    /// How far a replica may be behind the ledger: what is older is not told.
    pub oldest: Duration,
    /// On how many ranks of miners `community_prediction_lr` is learnt.
    pub ranks: usize,
}

impl Source {
    /// A running validator.
    ///
    /// # Errors
    /// [`StorefrontError::Kind`], [`StorefrontError::Settings`].
    pub fn of(watch: &Watch, kind: &Kind, resolved: &Resolved) -> Result<Self, StorefrontError> {
        let ledger = watch.ledger.clone().filter(|_| shows(kind)).ok_or(StorefrontError::Kind { kind: kind.name })?;
        let rules = rules(resolved)?;
        Ok(Self {
            ledger,
            rules,
            subnet: Some(watch.subnet.clone()),
            clock: Clock::wall(),
            oldest: Duration::MAX,
            ranks: RANKS,
        })
    }

    /// A ledger that nobody needs to be writing.
    ///
    /// # Errors
    /// [`StorefrontError::Ledger`], [`StorefrontError::Settings`].
    pub fn at_rest(ledger: impl Into<Place>, resolved: &Resolved) -> Result<Self, StorefrontError> {
        let ledger = ledger.into();
        ReadOnly::open(&ledger, SCHEMA)?;
        let rules = rules(resolved)?;
        Ok(Self { ledger, rules, subnet: None, clock: Clock::wall(), oldest: Duration::MAX, ranks: RANKS })
    }

    /// Learns `community_prediction_lr` on so many ranks.
    #[must_use]
    pub const fn on_ranks(mut self, ranks: usize) -> Self {
        self.ranks = ranks;
        self
    }

    /// Tells nothing that is older than that, where a replica is read.
    #[must_use]
    pub const fn no_older_than(mut self, oldest: Duration) -> Self {
        self.oldest = oldest;
        self
    }
}

/// Whether there is a storefront for a kind of work.
#[must_use]
pub fn shows(kind: &Kind) -> bool {
    kind.name == KIND.name
}

fn rules(resolved: &Resolved) -> Result<Rules, StorefrontError> {
    let settings = EventsSettings::of(resolved).map_err(WorkError::from)?;
    Ok(settings.rules()?)
}

/// Why there is no storefront.
#[derive(Debug, thiserror::Error)]
pub enum StorefrontError {
    /// The port is taken, or not ours to take.
    #[error("the storefront cannot be served on {address}: {source}; choose another `--storefront.port`")]
    Port {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// Nobody could come in.
    #[error("{}: the storefront has no keys; create one with `neuron storefront key add NAME`", .0.display())]
    NoKeys(PathBuf),
    /// The file of keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The settings.
    #[error(transparent)]
    Settings(#[from] WorkError),
    /// Another kind of work.
    #[error("there is no storefront for {kind}: remove `--storefront.port`")]
    Kind {
        /// Its name.
        kind: &'static str,
    },
}

/// A port that is taken and not served yet, so that one in use is known before anything else begins.
#[derive(Debug)]
pub struct StorefrontPort {
    listener: TcpListener,
    address: SocketAddr,
    door: door::Door,
}

/// A storefront that is open; dropping it frees the port.
#[derive(Debug)]
pub struct Storefront {
    address: SocketAddr,
    _serving: AbortOnDropHandle<()>,
    _pulse: AbortOnDropHandle<()>,
    _learning: AbortOnDropHandle<()>,
}

impl StorefrontPort {
    /// Takes it, for whoever has a key in `keys`. That file is read again when it changes.
    ///
    /// # Errors
    /// [`StorefrontError::Port`], [`StorefrontError::NoKeys`], [`StorefrontError::Keys`].
    pub async fn take(address: SocketAddr, keys: &Path) -> Result<Self, StorefrontError> {
        let door = door::Door::of(keys)?;
        if door.keys().is_empty() {
            return Err(StorefrontError::NoKeys(keys.to_owned()));
        }
        let failed = |source| StorefrontError::Port { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, door })
    }

    /// Opens it.
    #[must_use]
    pub fn serve(self, source: Source) -> Storefront {
        let Self { listener, address, door } = self;
        let (pulse, beating) = stream::Pulse::of(source.ledger.clone());
        let shop = shelf::Shop::new(source);
        let learning = AbortOnDropHandle::new(tokio::spawn(learning::learn(shop.clone())));
        let router = routes::router(routes::Front::new(shop, door, pulse));
        // Everybody may come by one proxy.
        let limits = Limits { per_address: CONNECTIONS, connections: CONNECTIONS, ..Limits::default() };
        let (serving, pulse) = (serve(listener, router, limits), AbortOnDropHandle::new(beating));
        Storefront { address, _serving: serving, _pulse: pulse, _learning: learning }
    }
}

impl Storefront {
    /// Where it listens, with the port that was taken.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }
}
