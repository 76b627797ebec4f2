//! Games as a subgraph told them some day, for playing them again.

use serde::Deserialize;
use serde_json::Value;

use super::odds::Margin;
use super::titles::Titles;
use super::wire::{Condition, Game, Status};
use crate::market::{Resolution, asked};
use crate::units::{Probability, UnixMs};

/// One question about a recorded game, the one that would have been asked.
#[derive(Debug, PartialEq)]
pub(crate) struct Past {
    pub(crate) id: String,
    pub(crate) question: String,
    pub(crate) rules: String,
    pub(crate) label: String,
    pub(crate) starts_at: UnixMs,
    /// From the odds that are in the recording, of no known time: those of a condition that is over are its last.
    pub(crate) price: Option<Probability>,
    /// The outcome, with the time when it was known if that was recorded.
    pub(crate) settled: Option<(Option<UnixMs>, Probability)>,
}

/// The question of a recorded game; `None` when it has none, or was cancelled.
pub(crate) fn past(game: &Value) -> Option<Past> {
    let mut game = Game::deserialize(game).ok()?;
    let starts_at = game.starts_at()?;
    let (conditions, _) = game.conditions();
    let can_be_asked = |condition: &&Condition| condition.status() != Status::Void && condition.is_exclusive();
    let condition = conditions.iter().find(can_be_asked)?;
    let outcome = condition.first()?;
    let (text, _) = condition.text(outcome, &game, &Titles::default());
    let (text, label) = asked::split_outcome(&text);
    let (question, rules) = text.split_once('\n').unwrap_or((text, ""));
    let settled = match condition.resolution(outcome, Some(game.status())) {
        Resolution::Resolved { outcome, at } => Some((at, outcome)),
        Resolution::Open => None,
        Resolution::Void => return None,
    };
    Some(Past {
        id: outcome.id()?.to_owned(),
        question: question.to_owned(),
        rules: rules.to_owned(),
        label: label.unwrap_or_default().to_owned(),
        starts_at,
        price: condition.price(outcome, Margin::default()),
        settled,
    })
}
