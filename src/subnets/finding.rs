//! What was found when something was looked at, with what to do about it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It works, but an operator should know.
    Odd,
    /// It does not work.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Finding {
    /// Where: chain, wallet, market.
    pub area: &'static str,
    /// What.
    pub what: String,
    /// How it is.
    pub verdict: Verdict,
    /// What was seen.
    pub seen: String,
    /// What to do; `None` when nothing is to be done.
    pub remedy: Option<String>,
}

impl Finding {
    /// Something that is as it should be.
    pub fn good(area: &'static str, what: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { area, what: what.into(), verdict: Verdict::Good, seen: seen.into(), remedy: None }
    }

    /// Something that works and should be known.
    pub fn odd(
        area: &'static str,
        what: impl Into<String>,
        seen: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { verdict: Verdict::Odd, remedy: Some(remedy.into()), ..Self::good(area, what, seen) }
    }

    /// Something that does not work.
    pub fn bad(
        area: &'static str,
        what: impl Into<String>,
        seen: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { verdict: Verdict::Bad, ..Self::odd(area, what, seen, remedy) }
    }
}

/// A length of time as a person reads it.
#[must_use]
pub fn took(duration: Duration) -> String {
    if duration.as_secs() > 0 {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!("{} ms", duration.as_millis())
    }
}
