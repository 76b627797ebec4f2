//! What the oracle of a market says of an outcome, before and after that counts as final.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How an outcome stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Review {
    /// Somebody has named one; it is final when nobody objects.
    Proposed,
    /// Somebody objects.
    Disputed,
    /// It is final.
    Resolved,
}

/// Each of them.
const ALL: [Review; 3] = [Review::Proposed, Review::Disputed, Review::Resolved];

impl Review {
    /// The word for it, as the UMA oracle has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Disputed => "disputed",
            Self::Resolved => "resolved",
        }
    }

    /// What that word means; `None` for any other.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        ALL.into_iter().find(|review| review.name().eq_ignore_ascii_case(word))
    }
}

impl fmt::Display for Review {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
