//! Where events come from, as an operator says it.

use std::time::Duration;

use serde::Deserialize;

use crate::config::duration;

/// Where events come from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the rows of settings explain each")]
pub struct MarketSettings {
    pub polymarket: EndpointSettings,
    #[serde(deserialize_with = "duration")]
    pub horizon: Duration,
    #[serde(deserialize_with = "duration")]
    pub cutoff_before_end: Duration,
    pub max_events: usize,
    pub max_question_bytes: usize,
}

/// One market.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the rows of settings explain each")]
pub struct EndpointSettings {
    pub url: String,
}
