//! How a miner answers, as an operator says it.

use std::time::Duration;

use serde::Deserialize;

use crate::config::duration;

/// A strategy's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForecasterKind {
    /// Copies the price.
    Market,
    /// Says one number.
    Constant,
    /// Asks a program.
    Exec,
    /// Knows a simulator's truth.
    Skilled,
}

/// How to answer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the rows of settings explain each")]
pub struct ForecasterSettings {
    pub kind: ForecasterKind,
    pub constant: f64,
    pub command: Option<String>,
    #[serde(deserialize_with = "duration")]
    pub deadline: Duration,
    #[serde(deserialize_with = "duration")]
    pub refresh: Duration,
    pub error: f64,
    pub presence: f64,
    pub seed: u64,
}
