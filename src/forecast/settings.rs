//! How a miner answers, as an operator says it.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::ensemble::{Combine, Named};
use crate::config::{duration, words};

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
    /// Asks a server.
    Http,
    /// Asks others of these, and takes their middle.
    Ensemble,
    /// Asks language models.
    Llm,
    /// Knows a simulator's truth.
    Skilled,
}

impl ForecasterKind {
    /// All there are.
    pub const ALL: [Self; 7] =
        [Self::Market, Self::Constant, Self::Exec, Self::Http, Self::Ensemble, Self::Llm, Self::Skilled];

    /// Its name on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Market => "market",
            Self::Constant => "constant",
            Self::Exec => "exec",
            Self::Http => "http",
            Self::Ensemble => "ensemble",
            Self::Llm => "llm",
            Self::Skilled => "skilled",
        }
    }

    /// The strategy of that name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// How to answer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the rows of settings explain each")]
pub struct ForecasterSettings {
    pub kind: ForecasterKind,
    pub constant: f64,
    pub command: Option<String>,
    pub url: Option<String>,
    pub token_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "members")]
    pub members: Vec<Named>,
    pub combine: Combine,
    pub trim: f64,
    pub quorum: usize,
    #[serde(deserialize_with = "duration")]
    pub deadline: Duration,
    #[serde(deserialize_with = "duration")]
    pub refresh: Duration,
    #[serde(deserialize_with = "duration")]
    pub least_refresh: Duration,
    pub price_move: f64,
    pub error: f64,
    pub presence: f64,
    pub seed: u64,
}

/// Names with weights, one a text or several with commas, each forecaster once.
fn members<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Named>, D::Error> {
    let words = words(deserializer)?;
    let members: Vec<Named> =
        words.iter().map(|word| word.parse().map_err(de::Error::custom)).collect::<Result<_, _>>()?;
    for (place, member) in members.iter().enumerate() {
        if members.iter().take(place).any(|before| before.kind == member.kind) {
            return Err(de::Error::custom(format!("the member `{}` is named twice", member.kind.as_str())));
        }
    }
    Ok(members)
}
