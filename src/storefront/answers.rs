//! What answers are made of. Names are those of the 2025 reference where it has the same thing.

use serde::Serialize;

use crate::market::Review;
use crate::subnets::events::ledger::{EventRow, Listed, ScoredLine, state_name};
use crate::units::{Foreign, Identity, UnixMs};

/// The first and the last moment that are told: the year 1, and the end of the year 9999 anywhere on earth.
const SPAN: (i64, i64) = (-62_135_596_800_000, 253_402_207_200_000);

/// A time in RFC 3339, UTC, to the millisecond.
pub(super) fn time(at: UnixMs) -> String {
    let within = at.0.clamp(SPAN.0, SPAN.1);
    jiff::Timestamp::from_millisecond(within).map(|time| time.to_string()).unwrap_or_default()
}

/// An event.
#[derive(Debug, Serialize)]
pub(super) struct Event {
    unique_event_id: String,
    event_id: String,
    market_type: String,
    description: Foreign,
    state: &'static str,
    outcome: Option<f64>,
    opened_at: String,
    cutoff: String,
    ends_at: Option<String>,
    resolved_at: Option<String>,
    settled_at: Option<String>,
    /// What the market's oracle last said of the outcome, and when that was seen.
    review: Option<Review>,
    reviewed_at: Option<String>,
    interval_minutes: u32,
    /// The last price that is kept.
    price: Option<f64>,
    /// The mean of the miners when they were last asked.
    crowd: Option<f64>,
    miners_scored: u64,
}

impl From<Listed> for Event {
    fn from(listed: Listed) -> Self {
        let Listed { event, price, crowd, miners } = listed;
        Self {
            unique_event_id: event.key,
            event_id: event.id,
            market_type: event.provider,
            description: event.description,
            state: state_name(event.state),
            outcome: event.outcome,
            opened_at: time(event.opened_at),
            cutoff: time(event.cutoff),
            ends_at: event.ends_at.map(time),
            resolved_at: event.resolved_at.map(time),
            settled_at: event.settled_at.map(time),
            review: event.review.map(|seen| seen.review),
            reviewed_at: event.review.map(|seen| time(seen.at)),
            interval_minutes: event.interval_minutes,
            price,
            crowd,
            miners_scored: miners,
        }
    }
}

/// A page of events.
#[derive(Debug, Serialize)]
pub(super) struct Events {
    pub(super) events: Vec<Event>,
    pub(super) next_cursor: Option<String>,
}

/// A price of the first outcome.
#[derive(Debug, Serialize)]
pub(super) struct Price {
    pub(super) at: String,
    pub(super) price: f64,
}

/// A page of prices.
#[derive(Debug, Serialize)]
pub(super) struct Prices {
    pub(super) unique_event_id: String,
    pub(super) prices: Vec<Price>,
    pub(super) next_cursor: Option<String>,
}

/// A miner, as every row about one names it.
#[derive(Debug, Serialize)]
pub(super) struct Who {
    pub(super) miner_hotkey: String,
    /// Its slot, where the storefront knows the chain.
    pub(super) miner_uid: Option<u16>,
    /// The block of its registration: a hotkey that came back is somebody else.
    pub(super) registered_at: u64,
}

impl Who {
    pub(super) fn is(identity: &Identity, miner_uid: Option<u16>) -> Self {
        Self { miner_hotkey: identity.hotkey.ss58(), miner_uid, registered_at: identity.registered_at }
    }
}

/// A miner's score of an event.
#[derive(Debug, Serialize)]
pub(super) struct Score {
    #[serde(flatten)]
    pub(super) who: Who,
    pub(super) score: f64,
}

/// The scores of an event.
#[derive(Debug, Serialize)]
pub(super) struct Scores {
    pub(super) unique_event_id: String,
    pub(super) state: &'static str,
    pub(super) outcome: Option<f64>,
    pub(super) scores: Vec<Score>,
}

impl Scores {
    pub(super) fn of(event: EventRow, scores: Vec<Score>) -> Self {
        let EventRow { key: unique_event_id, state, outcome, .. } = event;
        Self { unique_event_id, state: state_name(state), outcome, scores }
    }
}

/// What a miner said beside its number.
#[derive(Debug, Serialize)]
pub(super) struct Reasoning {
    #[serde(flatten)]
    pub(super) who: Who,
    pub(super) at: String,
    pub(super) reasoning: Foreign,
}

/// What miners said about an event beside their numbers.
#[derive(Debug, Serialize)]
pub(super) struct Reasonings {
    pub(super) unique_event_id: String,
    pub(super) reasonings: Vec<Reasoning>,
}

/// How a miner stands.
#[derive(Debug, Serialize)]
pub(super) struct Standing {
    #[serde(flatten)]
    pub(super) who: Who,
    pub(super) average: f64,
    pub(super) reward: f64,
    /// The reward as a share of everybody's.
    pub(super) share: f64,
    pub(super) events_predicted: usize,
    /// Events in the window.
    pub(super) events: usize,
}

/// How everybody stands.
#[derive(Debug, Serialize)]
pub(super) struct Miners {
    pub(super) events: usize,
    pub(super) miners: Vec<Standing>,
}

/// A counted event in the life of a miner.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    unique_event_id: String,
    description: Foreign,
    outcome: f64,
    resolved_at: String,
    score: Option<f64>,
}

impl From<ScoredLine> for Line {
    fn from(line: ScoredLine) -> Self {
        let ScoredLine { event: unique_event_id, description, outcome, resolved_at, score } = line;
        Self { unique_event_id, description, outcome, resolved_at: time(resolved_at), score }
    }
}

/// A page of a miner's history.
#[derive(Debug, Serialize)]
pub(super) struct History {
    #[serde(flatten)]
    pub(super) who: Who,
    pub(super) history: Vec<Line>,
    pub(super) next_cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_moment_is_a_time_that_others_can_read() {
        assert_eq!(time(UnixMs(1_767_225_600_000)), "2026-01-01T00:00:00Z");
        assert_eq!(time(UnixMs(1_767_225_600_001)), "2026-01-01T00:00:00.001Z");
        assert_eq!(time(UnixMs(i64::MAX)), "9999-12-30T22:00:00Z");
        assert_eq!(time(UnixMs(i64::MIN)), "0001-01-01T00:00:00Z");
    }
}
