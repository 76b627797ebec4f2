//! What goes into the ledger and what comes out: plain values.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::reviews::ReviewSeen;
use crate::market::{Beside, PriceSource, Quote};
use crate::scoring::admission::{EventState, Fate};
use crate::scoring::conditional::Conditional;
use crate::units::{Foreign, Identity, UnixMs};

/// An event to be offered, as a market lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewEvent {
    /// `{provider}-{id}`.
    pub key: String,
    /// The provider's name.
    pub provider: String,
    /// The provider's own id.
    pub id: String,
    /// The question.
    pub description: Foreign,
    /// When this validator first offers it; ignored when the event is known.
    pub opened_at: UnixMs,
    /// Answers count before this time; may move while the event is open.
    pub cutoff: UnixMs,
    /// When the provider expects the outcome.
    pub ends_at: Option<UnixMs>,
    /// What the provider says of it beside; may change while the event is open.
    #[serde(default, skip_serializing_if = "Beside::is_absent")]
    pub beside: Beside,
}

/// An event as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct EventRow {
    /// `{provider}-{id}`.
    pub key: String,
    /// The provider's name.
    pub provider: String,
    /// The provider's own id.
    pub id: String,
    /// The question.
    pub description: Foreign,
    /// When this validator first offered it.
    pub opened_at: UnixMs,
    /// Answers count before this time.
    pub cutoff: UnixMs,
    /// When the provider expects the outcome.
    pub ends_at: Option<UnixMs>,
    /// Length of its intervals.
    pub interval_minutes: u32,
    /// How it stands.
    pub state: EventState,
    /// The payout of the first outcome token, once resolved.
    pub outcome: Option<f64>,
    /// The provider's time of resolution, or when it was first seen final.
    pub resolved_at: Option<UnixMs>,
    /// When it was last settled here.
    pub settled_at: Option<UnixMs>,
    /// What the provider says of it beside.
    #[serde(default, skip_serializing_if = "Beside::is_absent")]
    pub beside: Beside,
    /// What the market's oracle last said of its outcome, and when that was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<ReviewSeen>,
}

#[cfg(test)]
impl EventRow {
    /// An open event of a market called `m`, for tests.
    pub(in crate::subnets::events) fn of_market_m(id: &str, cutoff: UnixMs) -> Self {
        Self {
            key: format!("m-{id}"),
            provider: "m".to_owned(),
            id: id.to_owned(),
            description: "?".into(),
            opened_at: UnixMs(0),
            cutoff,
            ends_at: None,
            interval_minutes: 240,
            state: EventState::Open,
            outcome: None,
            resolved_at: None,
            settled_at: None,
            beside: Beside::default(),
            review: None,
        }
    }
}

/// A change in the life of an event.
#[derive(Debug, Clone, Copy, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct EventChange {
    /// When it was seen here.
    pub at: UnixMs,
    /// How the event stood from then on.
    pub state: EventState,
    /// Its cutoff from then on.
    pub cutoff: UnixMs,
    /// Its outcome from then on.
    pub outcome: Option<f64>,
}

/// A price read from a market. Anything but a finite number in `0..=1` is no observation and is counted as dropped.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceRow {
    /// The event's key.
    pub event: Arc<str>,
    /// The price of the first outcome token.
    pub price: f64,
    /// When this process received it.
    pub at: UnixMs,
    /// What it is made of.
    pub source: PriceSource,
}

impl PriceRow {
    /// What a market said about the event of this key.
    #[must_use]
    pub fn of(key: &str, quote: Quote) -> Self {
        Self { event: key.into(), price: quote.price.get(), at: quote.at, source: quote.source }
    }
}

/// One answer of one miner for one event.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// Who answered.
    pub identity: Identity,
    /// The event's key.
    pub event: Arc<str>,
    /// The probability, any number: finite ones are clamped, others are counted as invalid.
    pub p: f64,
    /// When the complete answer arrived.
    pub at: UnixMs,
}

/// All that one query round brought.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tick {
    /// Names the round; a second tick of the same time changes nothing.
    pub at: UnixMs,
    /// Prices read around the round: those up to an answer are its reference.
    pub prices: Vec<PriceRow>,
    /// The answers, in order of arrival.
    pub submissions: Vec<Submission>,
    /// Conditional forecasts that arrived in this round; they speak from the next round on.
    pub conditions: Vec<ConditionSet>,
    /// What miners said beside their numbers.
    pub reasonings: Vec<Reasoning>,
    /// What was dropped before it came here, by reason; added to the counters.
    pub dropped: Vec<(String, u64)>,
}

/// What a miner said about an event beside its number. It replaces what it said before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reasoning {
    /// Who.
    pub identity: Identity,
    /// The event's key.
    pub event: Arc<str>,
    /// Its words.
    pub text: Foreign,
}

/// The conditional forecasts of one miner. They replace those it sent before, hold for a day, and end one by one with its
/// plain answers about the same event. At most `crate::scoring::conditional::MAX_PER_MINER` are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct ConditionSet {
    /// Who sent them.
    pub identity: Identity,
    /// In the miner's order: of several about one event the first that holds speaks. Events by key.
    pub rules: Vec<Conditional<Arc<str>>>,
}

/// What became of a tick.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TickReport {
    /// False when a tick of this time was recorded before: nothing changed.
    pub recorded: bool,
    /// Submissions by fate.
    pub fates: BTreeMap<String, u64>,
}

impl TickReport {
    pub(super) fn count(&mut self, name: &str) {
        *self.fates.entry(name.to_owned()).or_default() += 1;
    }

    /// Submissions that count.
    #[must_use]
    pub fn counted(&self) -> u64 {
        self.fates.get(fate_name(Fate::Scored)).copied().unwrap_or(0)
    }
}

/// The counter's name of a fate.
pub(super) const fn fate_name(fate: Fate) -> &'static str {
    match fate {
        Fate::Scored => "scored",
        Fate::Early => "early",
        Fate::Late => "late",
        Fate::Unpriced => "unpriced",
        Fate::Invalid => "invalid",
    }
}

/// How an event ended.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The payout of the first outcome token, in `0..=1`.
    Payout(f64),
    /// Cancelled, annulled or refunded: counts for nobody.
    Void,
}

/// A resolution to be recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolution {
    /// The event's key.
    pub event: String,
    /// How it ended.
    pub outcome: Outcome,
    /// When, by the provider.
    pub at: Option<UnixMs>,
    /// When this process saw it; stands in for a missing `at` the first time.
    pub seen: UnixMs,
}

/// What a resolution led to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Settlement {
    /// The event's key.
    pub event: String,
    /// Its state now.
    pub state: EventState,
    /// Reports counted before this time.
    pub close: UnixMs,
    /// Scores of the miners that predicted, by hotkey.
    pub scores: Vec<(Identity, f64)>,
    /// Whether anything differs from what the ledger held before.
    pub changed: bool,
    /// Interval statistics left out because the resolution fell inside them and their single reports were gone.
    pub inseparable: u32,
}

/// A miner's place in the average.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Standing {
    /// Who.
    pub identity: Identity,
    /// The average score, before the floor.
    pub average: f64,
    /// The reward before normalisation.
    pub reward: f64,
    /// Events of the window that it predicted.
    pub predicted: usize,
}

/// The averages of a window.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Standings {
    /// N, the counted events in the window: the same for everybody.
    pub events: usize,
    /// Every miner with a score in the window, by identity.
    pub miners: Vec<Standing>,
}

/// One line of a miner's history.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScoredLine {
    /// The event's key.
    pub event: String,
    /// The question.
    pub description: Foreign,
    /// The payout.
    pub outcome: f64,
    /// When it resolved.
    pub resolved_at: UnixMs,
    /// The miner's score; `None` when it did not predict.
    pub score: Option<f64>,
}

/// A miner's statistics on one event in one interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct IntervalLine {
    /// When the interval starts.
    pub start: UnixMs,
    /// What was kept of its reports.
    pub stats: crate::scoring::IntervalStats,
    /// How many of them came from its conditional forecasts.
    pub by_rule: u32,
}
