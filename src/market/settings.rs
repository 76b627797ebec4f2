//! Where events come from, as an operator says it.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::azuro::{self, Margin, Source};
use super::choice::{MarketName, names};
use super::polymarket::Prices;
use super::polymarket::gamma::{Discovery, GammaFilter, OfOneEvent};
use crate::config::{duration, words};

/// Where events come from.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the rows of settings explain each")]
pub struct MarketSettings {
    #[serde(deserialize_with = "names")]
    pub providers: Vec<MarketName>,
    pub polymarket: PolymarketChoice,
    pub azuro: AzuroChoice,
    #[serde(default)]
    pub file: FileChoice,
    pub manifold: Address,
    pub kalshi: Address,
    #[serde(default)]
    pub replay: Option<PathBuf>,
    pub replay_speed: f64,
    pub ifgames: IfGamesChoice,
    #[serde(deserialize_with = "duration")]
    pub horizon: Duration,
    #[serde(deserialize_with = "duration")]
    pub cutoff_before_end: Duration,
    pub max_events: usize,
    pub max_question_bytes: usize,
}

impl MarketSettings {
    /// The address of the chosen market's own server, where a simulator would answer.
    #[must_use]
    pub fn simulator_url(&self) -> &str {
        if self.providers.contains(&MarketName::Polymarket) { &self.polymarket.url } else { &self.azuro.url }
    }
}

/// What is asked of Polymarket.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the rows of settings explain each")]
pub struct PolymarketChoice {
    pub url: String,
    pub gamma_url: String,
    pub stream_url: String,
    pub prices: Prices,
    pub discovery: Discovery,
    pub min_volume: f64,
    pub min_liquidity: f64,
    #[serde(deserialize_with = "duration")]
    pub min_ahead: Duration,
    pub min_price: f64,
    pub max_price: f64,
    #[serde(default, deserialize_with = "words")]
    pub tags: Vec<String>,
    pub of_one_event: OfOneEvent,
}

impl PolymarketChoice {
    /// What is taken of the markets that Gamma tells of.
    #[must_use]
    pub fn filter(&self) -> GammaFilter {
        GammaFilter {
            min_volume: self.min_volume,
            min_liquidity: self.min_liquidity,
            min_ahead: self.min_ahead,
            price: (self.min_price, self.max_price),
            tags: self.tags.clone(),
            of_one_event: self.of_one_event,
        }
    }
}

/// One's own questions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the rows of settings explain each")]
pub struct FileChoice {
    #[serde(default)]
    pub path: Option<PathBuf>,
}

/// What is asked of the service of 2025.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the rows of settings explain each")]
pub struct IfGamesChoice {
    pub url: String,
    #[serde(deserialize_with = "duration")]
    pub resolve_every: Duration,
    pub report: bool,
}

/// A market of which nothing but its address is to be said.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the rows of settings explain each")]
pub struct Address {
    pub url: String,
}

/// What is asked of Azuro.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the rows of settings explain each")]
pub struct AzuroChoice {
    pub url: String,
    pub feed_url: String,
    pub source: Source,
    #[serde(deserialize_with = "words")]
    pub chains: Vec<String>,
    pub margin: Margin,
    pub per_game: usize,
    #[serde(default, deserialize_with = "words")]
    pub sports: Vec<String>,
    #[serde(default)]
    pub dictionary: Option<PathBuf>,
    pub prices: azuro::Prices,
    pub stream_url: String,
    #[serde(deserialize_with = "environments")]
    pub environments: Vec<(String, String)>,
}

/// Pairs of a chain and what the stream calls it, `polygon=PolygonUSDT`.
fn environments<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, String)>, D::Error> {
    let pair = |word: String| match word.split_once('=') {
        Some((chain, name)) if !chain.trim().is_empty() && !name.trim().is_empty() => {
            Ok((chain.trim().to_owned(), name.trim().to_owned()))
        }
        _ => Err(de::Error::custom(format!("`{word}` is not a chain and its name, such as polygon=PolygonUSDT"))),
    };
    words(deserializer)?.into_iter().map(pair).collect()
}
