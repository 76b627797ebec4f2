//! The outside worlds that list questions, price them and tell how they ended.
//!
//! A market is one file or folder here that implements [`Provider`]. Rules about prices and outcomes: two-token markets whose
//! prices do not sum to 1 within 0.05, and prices that are not finite numbers in `0..=1`, are no observation at all.

mod asked;
pub mod azuro;
mod beside;
mod choice;
mod exchange;
mod fields;
pub mod file;
mod http;
pub mod ifgames;
pub mod kalshi;
pub mod klines;
pub mod manifold;
pub mod polymarket;
pub mod replay;
mod review;
mod settings;
pub mod simulator;
mod skipped;
mod source;
mod stream;
pub mod tape;
mod truth;

use std::fmt;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

pub(crate) use self::asked::split_outcome;
pub use self::asked::text as asked_text;
pub use self::beside::Beside;
pub use self::choice::{MarketName, providers, providers_as};
pub(crate) use self::http::{BrokenBody, beginning_of, body_of, client_of, is_loopback, retry_after};
pub use self::http::{HttpSettings, install_tls};
pub use self::review::Review;
pub use self::settings::{Address, AzuroChoice, FileChoice, IfGamesChoice, MarketSettings, PolymarketChoice};
pub use self::source::PriceSource;
pub use self::truth::{Truth, TruthClient};
use crate::units::{Foreign, Probability, UnixMs};

/// Names one event for ever: `{provider}-{id}`, as on the wire.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventKey(pub String);

impl EventKey {
    /// The key of event `id` of `provider`.
    #[must_use]
    pub fn new(provider: &str, id: &str) -> Self {
        Self(format!("{provider}-{id}"))
    }
}

impl fmt::Display for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A binary question as a market lists it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// `{provider}-{id}`.
    pub key: EventKey,
    /// The provider's name: `polymarket`, `azuro`.
    pub provider: String,
    /// The provider's own id: for Polymarket the condition id, for Azuro the outcome's.
    pub id: String,
    /// The question, and the label of the outcome whose probability is asked (the first listed token).
    pub description: Foreign,
    /// Answers count before this time.
    pub cutoff: UnixMs,
    /// When the provider expects the outcome, when it says so.
    pub ends_at: Option<UnixMs>,
    /// What it says of the event beside.
    #[serde(default, skip_serializing_if = "Beside::is_absent")]
    pub beside: Beside,
}

/// The state of an event at its provider.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Resolution {
    /// Trading, or closed and waiting for an outcome.
    Open,
    /// It ended.
    Resolved {
        /// The payout of the first listed outcome token: 1 when it won, 0 when it lost, 0.5 for a split.
        outcome: Probability,
        /// When, as the provider tells it.
        at: Option<UnixMs>,
    },
    /// Cancelled, annulled or refunded.
    Void,
}

/// A price of the first listed outcome token, as read at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quote {
    /// The price, read as a probability.
    pub price: Probability,
    /// When this process received it.
    pub at: UnixMs,
    /// What it is made of.
    #[serde(default)]
    pub source: PriceSource,
}

/// An event with what a poll saw of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listing {
    /// The question.
    pub event: Event,
    /// A usable price, if there was one.
    pub quote: Option<Quote>,
    /// How it stands.
    pub resolution: Resolution,
}

/// What went wrong between this process and a market.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MarketError {
    /// No answer at all, after the retries.
    #[error("{provider}: no answer from {url} ({reason}); check the network and `--market.{provider}.url`")]
    Unreachable {
        /// The provider's name.
        provider: &'static str,
        /// What was asked, without query secrets.
        url: String,
        /// The last failure.
        reason: Foreign,
    },
    /// An answer that is an error.
    #[error("{provider}: {url} answered HTTP {status}: {text}")]
    Refused {
        /// The provider's name.
        provider: &'static str,
        /// What was asked.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of its explanation.
        text: Foreign,
    },
    /// An answer that does not have the documented shape.
    #[error("{provider}: the answer of {url} is not {expected}: {reason}")]
    Malformed {
        /// The provider's name.
        provider: &'static str,
        /// What was asked.
        url: String,
        /// What was expected.
        expected: &'static str,
        /// Where the parser stopped.
        reason: Foreign,
    },
    /// An answer that says that it does not serve callers from here.
    #[error(
        "{provider} refuses callers from this region (HTTP {status}: {text}); run in a region that it serves, or name \
         another server with `--market.{provider}.url`"
    )]
    Region {
        /// The provider's name.
        provider: &'static str,
        /// The HTTP status: 403, 451.
        status: u16,
        /// The beginning of its explanation.
        text: Foreign,
    },
    /// A setting that cannot work.
    #[error("{provider}: `{url}` cannot be used as `--market.{provider}.url`: {reason}")]
    Misconfigured {
        /// The provider's name.
        provider: &'static str,
        /// The address as configured.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A websocket's address that cannot work.
    #[error("{provider}: `{url}` cannot be used as `--market.{provider}.stream_url`: {reason}")]
    Stream {
        /// The provider's name.
        provider: &'static str,
        /// The address as configured.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A look that failed when it was recorded.
    #[error("{provider}: at this time of the recording the market could not be read: {reason}")]
    WasNotRead {
        /// The provider's name.
        provider: &'static str,
        /// What was said then.
        reason: Foreign,
    },
    /// A recording that cannot be played.
    #[error("{0}; see `--market.replay`")]
    Recording(String),
    /// The list of what outcomes are called.
    #[error("azuro: {0}")]
    Dictionary(String),
    /// A file of questions.
    #[error("file: {} cannot be used: {reason}; see `--market.file.path`", path.display())]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        reason: Foreign,
    },
    /// The provider does not know the event (any more).
    #[error("{provider}: there is no event {id}")]
    Unknown {
        /// The provider's name.
        provider: &'static str,
        /// The provider's id of the event.
        id: Foreign,
    },
}

/// A market: lists events with prices, and reports on single ones until they end.
pub trait Provider: Send + Sync + 'static {
    /// The provider's name, the prefix of its [`EventKey`]s.
    fn name(&self) -> &'static str;

    /// All events offered now, each with its price of this moment. One malformed entry never costs the others.
    fn list(&self) -> BoxFuture<'_, Result<Vec<Listing>, MarketError>>;

    /// One event, by the provider's id, whether still listed or long over.
    fn fetch<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Listing, MarketError>>;

    /// Prices of these events, by id, from another source than the one that `list` and `fetch` take them from; of those that
    /// it has. Nothing where a market has no other source.
    fn second<'a>(&'a self, _ids: &'a [String]) -> BoxFuture<'a, Result<Vec<(String, Quote)>, MarketError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// How the market's oracle stands to the outcomes of these events, by id, of those that it has looked at. Nothing where a
    /// market has no oracle that says so.
    fn reviews<'a>(&'a self, _ids: &'a [String]) -> BoxFuture<'a, Result<Vec<(String, Review)>, MarketError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// The price changes, by id, that came by themselves since the last call, oldest first. Nothing where a market tells nothing
    /// between two looks.
    fn between_looks(&self) -> Vec<(String, Quote)> {
        Vec::new()
    }
}
