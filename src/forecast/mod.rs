//! Strategies that answer.
//!
//! A strategy is one file here that implements [`Forecaster`]. It may take its time: what a miner answers on the wire
//! comes from a [`Cache`], which asks the strategy in the background.

pub mod backtest;
mod breaker;
mod build;
pub mod cache;
pub mod command;
mod constant;
pub mod ensemble;
mod follow_market;
pub mod forecastbench;
mod http;
pub mod llm;
pub mod openai;
pub mod planted;
pub mod program;
pub mod resolved;
pub mod series;
mod settings;
mod skilled;
mod spoken;
pub mod training;

use futures_util::future::BoxFuture;

pub use self::breaker::BreakerSettings;
pub use self::build::build;
pub use self::cache::{Cache, CacheSettings, Refreshed, Remembered};
pub use self::command::{Command, CommandSettings};
pub use self::constant::Constant;
pub use self::ensemble::Ensemble;
pub use self::follow_market::FollowMarket;
pub use self::http::{Http, ServerSettings};
pub use self::settings::{ForecasterKind, ForecasterSettings};
pub use self::skilled::{Skill, Skilled, Source};
use crate::market::{EventKey, MarketError};
use crate::scoring::conditional::Conditional;
use crate::units::{Foreign, Probability, UnixMs};

/// A question as a validator puts it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// `{provider}-{id}`.
    pub key: EventKey,
    /// The provider's name.
    pub provider: String,
    /// The provider's own id.
    pub id: String,
    /// The text, with the outcome whose probability is asked.
    pub description: Foreign,
    /// Answers count before this time, if the validator says so.
    pub cutoff: Option<UnixMs>,
}

/// What a strategy says about one question; the default abstains.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Forecast {
    /// The probability now.
    pub probability: Option<Probability>,
    /// What it is to be, depending on what the others think of another event: rules about the question's event, in
    /// order of precedence. They speak in the rounds in which no probability is given.
    pub conditions: Vec<Conditional<String>>,
}

impl From<Option<Probability>> for Forecast {
    fn from(probability: Option<Probability>) -> Self {
        Self { probability, conditions: Vec::new() }
    }
}

impl Forecast {
    /// Whether nothing is said.
    #[must_use]
    pub fn abstains(&self) -> bool {
        self.probability.is_none() && self.conditions.is_empty()
    }
}

/// A strategy.
pub trait Forecaster: Send + Sync + 'static {
    /// Its name in logs and on the command line.
    fn name(&self) -> &'static str;

    /// How many questions it likes to have at once; a slow one says few, so that new questions get their turn soon.
    fn batch(&self) -> usize {
        256
    }

    /// What there is to say about each of `questions`, in their order, at market time `now`.
    ///
    /// Nothing that goes wrong inside is an error here: it is logged where it happened, and the question abstained
    /// from. Missing answers at the end are abstentions too.
    fn forecast<'a>(&'a self, questions: &'a [Question], now: UnixMs) -> BoxFuture<'a, Vec<Forecast>>;
}

/// A strategy that cannot be set up.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ForecastError {
    /// A setting that cannot work.
    #[error("the forecaster `{forecaster}` cannot work with {setting} = {value}: it must be {rule}")]
    Setting {
        /// The strategy.
        forecaster: &'static str,
        /// The setting's name.
        setting: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        rule: &'static str,
    },
    /// Language models that cannot be asked.
    #[error("{0}")]
    Llm(String),
    /// The market it needs is misconfigured.
    #[error(transparent)]
    Market(#[from] MarketError),
}
