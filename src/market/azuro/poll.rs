//! What a walk through the pages of games finds, and what it leaves out.

use std::collections::HashSet;
use std::fmt;

use super::NAME;
use super::feed::Followed;
use super::settings::AzuroSettings;
use super::wire::{Condition, Game, Outcome, Status};
use crate::market::skipped::write_counts;
use crate::market::{Event, EventKey, Listing, Resolution};
use crate::units::{UnixMs, millis};

/// Why games of the last poll, or their conditions, are not among its listings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Not the documented shape, or no time that can be read.
    pub malformed: usize,
    /// Outcomes without an id.
    pub unnamed: usize,
    /// Games that have started.
    pub started: usize,
    /// Games that start too far ahead.
    pub too_far_ahead: usize,
    /// Games that are over or cancelled.
    pub not_trading: usize,
    /// Games of sports that are not asked for.
    pub other_sports: usize,
    /// Games met before in the same poll, on another page or another chain.
    pub repeated: usize,
    /// Games without a condition that can be asked about: nobody knows what its outcomes are called, or several of them
    /// happen together.
    pub no_question: usize,
}

/// The reasons with their counts: `3 too far ahead, 1 malformed`.
impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.no_question, "without a question"),
            (self.too_far_ahead, "too far ahead"),
            (self.started, "started"),
            (self.not_trading, "not trading"),
            (self.other_sports, "of other sports"),
            (self.unnamed, "without an id"),
            (self.repeated, "repeated"),
            (self.malformed, "malformed"),
        ];
        write_counts(f, counts)
    }
}

/// See the module.
#[derive(Default)]
pub(super) struct Poll {
    pub(super) listings: Vec<Listing>,
    games: HashSet<String>,
    ids: HashSet<String>,
    pub(super) skipped: Skipped,
    /// What the stream calls the chain whose games are read, where there is a stream.
    pub(super) environment: Option<String>,
    /// What is to be followed there.
    pub(super) followed: Vec<Followed>,
}

impl Poll {
    /// Takes a game of a page; whether it was a new one.
    pub(super) fn take(&mut self, entry: &str, now: UnixMs, settings: &AzuroSettings) -> bool {
        let Ok(mut game) = serde_json::from_str::<Game>(entry) else {
            self.skipped.malformed += 1;
            return true;
        };
        let (Some(name), Some(start)) = (game.name(), game.starts_at()) else {
            self.skipped.malformed += 1;
            return true;
        };
        if !self.games.insert(name.clone()) {
            self.skipped.repeated += 1;
            return false;
        }
        let latest = now.plus_ms(millis(settings.max_ahead));
        let skipped = &mut self.skipped;
        if start <= now {
            skipped.started += 1;
        } else if start > latest {
            skipped.too_far_ahead += 1;
        } else if matches!(game.status(), Status::Resolved | Status::Void) {
            skipped.not_trading += 1;
        } else if !game.is_of(&settings.sports) {
            skipped.other_sports += 1;
        } else {
            self.questions((&mut game, name), start, now, settings);
        }
        true
    }

    /// The first outcome of each of its first conditions that can be asked about. One that is held for now keeps its place, so
    /// that everybody asks the same, and the price comes later.
    fn questions(&mut self, (game, name): (&mut Game, String), start: UnixMs, now: UnixMs, settings: &AzuroSettings) {
        let (conditions, unreadable) = game.conditions();
        self.skipped.malformed += unreadable;
        let mut taken = 0;
        for condition in conditions {
            if taken == settings.per_game {
                break;
            }
            if matches!(condition.status(), Status::Resolved | Status::Void) || !condition.is_exclusive() {
                continue;
            }
            let Some(outcome) = condition.first() else { continue };
            let Some(id) = outcome.id() else {
                self.skipped.unnamed += 1;
                continue;
            };
            let (text, is_known) = condition.text(outcome, game, &settings.titles);
            if is_known && self.ids.insert(id.to_owned()) {
                taken += 1;
                let id = id.to_owned();
                let event = event(&id, text, start);
                let quote = condition.quote(outcome, settings.margin, now);
                self.listings.push(Listing { event, quote, resolution: Resolution::Open });
                if let Some(environment) = self.environment.clone() {
                    self.followed.push(Followed { id, environment, game: name.clone(), condition });
                }
            }
        }
        self.skipped.no_question += usize::from(taken == 0);
    }
}

/// The listing of one outcome that was asked for by its id.
pub(super) fn single(
    id: &str,
    outcome: &Outcome,
    condition: &Condition,
    game: &Game,
    now: UnixMs,
    settings: &AzuroSettings,
) -> Listing {
    let (text, _) = condition.text(outcome, game, &settings.titles);
    // Whoever asked knows the cutoff asked under; anybody else may answer until the outcome is known.
    let start = game.starts_at().unwrap_or(UnixMs(i64::MAX));
    Listing {
        event: event(id, text, start),
        // Odds of a running game follow the score.
        quote: condition.quote(outcome, settings.margin, now).filter(|_| start > now),
        resolution: condition.resolution(outcome, Some(game.status())),
    }
}

/// Answers count until the start of the game. When it ends nobody says.
fn event(id: &str, text: String, start: UnixMs) -> Event {
    Event {
        key: EventKey::new(NAME, id),
        provider: NAME.to_owned(),
        id: id.to_owned(),
        description: text.into(),
        cutoff: start,
        ends_at: None,
        beside: Default::default(),
    }
}
