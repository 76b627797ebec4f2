//! A line of a recording.

use serde::{Deserialize, Serialize};

use crate::market::{Event, PriceSource};
use crate::units::{Probability, UnixMs};

/// One thing that was seen: a look at a market, an event, its price, that it has none, or how it ended.
///
/// One struct and not an untagged enum: those cannot hold floats when a dependency switches on serde_json's
/// `arbitrary_precision`, as the development chain's do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) seen: UnixMs,
    /// The market that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) look: Option<String>,
    /// Why the look read nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) event: Option<Event>,
    /// The event that the rest is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) price: Option<Probability>,
    /// What the price is made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<PriceSource>,
    /// There is no price from now on.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) unpriced: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) outcome: Option<Probability>,
    /// It was cancelled.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) void: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl Line {
    pub(super) fn look(seen: UnixMs, market: &str, error: Option<String>) -> Self {
        Self { seen, look: Some(market.to_owned()), error, ..Self::default() }
    }

    pub(super) fn met(seen: UnixMs, event: Event) -> Self {
        Self { seen, event: Some(event), ..Self::default() }
    }

    pub(super) fn price(seen: UnixMs, key: &str, price: Probability, source: PriceSource) -> Self {
        Self { seen, key: Some(key.to_owned()), price: Some(price), source: Some(source), ..Self::default() }
    }

    pub(super) fn unpriced(seen: UnixMs, key: &str) -> Self {
        Self { seen, key: Some(key.to_owned()), unpriced: true, ..Self::default() }
    }

    pub(super) fn outcome(seen: UnixMs, key: &str, outcome: Probability) -> Self {
        Self { seen, key: Some(key.to_owned()), outcome: Some(outcome), ..Self::default() }
    }

    pub(super) fn void(seen: UnixMs, key: &str) -> Self {
        Self { seen, key: Some(key.to_owned()), void: true, ..Self::default() }
    }
}
