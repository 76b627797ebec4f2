//! Where events come from, as an operator says it.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::azuro::{Margin, Source};
use super::choice::{MarketName, names, words};
use crate::config::duration;

/// Where events come from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the rows of settings explain each")]
pub struct MarketSettings {
    #[serde(deserialize_with = "names")]
    pub providers: Vec<MarketName>,
    pub polymarket: EndpointSettings,
    pub azuro: AzuroChoice,
    #[serde(default)]
    pub file: FileChoice,
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

/// One market.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the rows of settings explain each")]
pub struct EndpointSettings {
    pub url: String,
}

/// One's own questions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the rows of settings explain each")]
pub struct FileChoice {
    #[serde(default)]
    pub path: Option<PathBuf>,
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
}
