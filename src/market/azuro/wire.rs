//! Games, conditions and outcomes as the subgraphs tell them, and what they say. Numbers may come as text, any field may be
//! missing or null, and the two subgraphs use different words for the same states.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::feed::Update;
use super::odds::{Margin, are_odds};
use super::titles::Titles;
use crate::market::fields::{self, number};
use crate::market::{PriceSource, Quote, Resolution, asked};
use crate::units::{Probability, UnixMs};

/// What the implied probabilities of one question may sum to. More, and several of its outcomes happen together (a double
/// chance sums to 2); less, and it is no bookmaker's.
const BOOK: std::ops::RangeInclusive<f64> = 0.95..=1.5;

/// An answer of GraphQL: data, or errors, or both.
#[derive(Debug, Deserialize)]
pub(super) struct Answer<T> {
    pub(super) data: Option<T>,
    #[serde(default)]
    pub(super) errors: Option<Vec<GraphError>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct GraphError {
    pub(super) message: String,
}

/// Games are read one by one, so that a bad one costs only itself.
#[derive(Debug, Deserialize)]
pub(super) struct Games {
    pub(super) games: Vec<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Found {
    pub(super) outcome: Option<Outcome>,
}

/// The fields used of a game.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Game {
    id: Option<String>,
    game_id: Value,
    title: Option<String>,
    starts_at: Value,
    status: Option<String>,
    state: Option<String>,
    sport: Option<Named>,
    league: Option<League>,
    country: Option<Named>,
    participants: Option<Vec<Participant>>,
    conditions: Option<Vec<Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Named {
    name: Option<String>,
    slug: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct League {
    name: Option<String>,
    country: Option<Named>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Participant {
    name: Option<String>,
    sort_order: Value,
}

/// A question about a game: exactly one of its outcomes happens.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Condition {
    condition_id: Value,
    status: Option<String>,
    state: Option<String>,
    title: Option<String>,
    won_outcome_ids: Option<Vec<Value>>,
    resolved_block_timestamp: Value,
    outcomes: Vec<Outcome>,
    pub(super) game: Option<Box<Game>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Outcome {
    id: Option<String>,
    outcome_id: Value,
    current_odds: Value,
    result: Option<String>,
    sort_order: Value,
    title: Option<String>,
    pub(super) condition: Option<Box<Condition>>,
}

/// How a game or a condition stands, in either subgraph's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// Bets are taken.
    Open,
    /// Not now: paused, stopped, live, or in a word that nobody documented.
    Held,
    Resolved,
    Void,
}

impl Status {
    pub(super) fn of(word: Option<&str>) -> Self {
        match word {
            Some("Created" | "Active" | "Prematch") => Self::Open,
            Some("Resolved" | "Finished") => Self::Resolved,
            Some("Canceled" | "Cancelled" | "Removed") => Self::Void,
            _ => Self::Held,
        }
    }
}

/// Seconds since the epoch, within what is a date.
fn seconds(value: &Value) -> Option<UnixMs> {
    let seconds = match value {
        Value::String(text) => text.trim().parse().ok()?,
        other => other.as_i64()?,
    };
    fields::date_of(seconds)
}

/// A number or text as its digits: ids have more of them than a number holds.
pub(super) fn digits(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

impl Game {
    /// What makes it the same game on another chain.
    pub(super) fn name(&self) -> Option<String> {
        digits(&self.game_id).or_else(|| self.id.clone()).filter(|name| !name.is_empty())
    }

    pub(super) fn status(&self) -> Status {
        Status::of(self.status.as_deref().or(self.state.as_deref()))
    }

    pub(super) fn starts_at(&self) -> Option<UnixMs> {
        seconds(&self.starts_at)
    }

    pub(super) fn is_of(&self, sports: &[String]) -> bool {
        let sport = self.sport.as_ref();
        let words = [sport.and_then(|sport| sport.slug.as_deref()), sport.and_then(|sport| sport.name.as_deref())];
        sports.is_empty()
            || sports.iter().any(|sport| words.iter().flatten().any(|word| word.eq_ignore_ascii_case(sport)))
    }

    /// Its conditions in the order of their numbers, the same for everybody; how many could not be read.
    pub(super) fn conditions(&mut self) -> (Vec<Condition>, usize) {
        let entries = self.conditions.take().unwrap_or_default();
        let count = entries.len();
        let mut conditions: Vec<Condition> =
            entries.into_iter().filter_map(|entry| serde_json::from_value(entry).ok()).collect();
        conditions.sort_by_cached_key(|condition| {
            let number = digits(&condition.condition_id).unwrap_or_default();
            (number.len(), number)
        });
        let unreadable = count - conditions.len();
        (conditions, unreadable)
    }

    /// Who plays whom.
    fn heading(&self) -> String {
        if let Some(title) = self.title.as_deref().filter(|title| !title.trim().is_empty()) {
            return title.to_owned();
        }
        let mut sides: Vec<&Participant> = self.participants.iter().flatten().collect();
        sides.sort_by(|a, b| place(&a.sort_order).total_cmp(&place(&b.sort_order)));
        sides.iter().filter_map(|side| side.name.as_deref()).collect::<Vec<_>>().join(" – ")
    }

    /// Sport, country and league.
    fn occasion(&self) -> String {
        let league = self.league.as_ref();
        let country = self.country.as_ref().or_else(|| league?.country.as_ref());
        let words = [
            self.sport.as_ref().and_then(|sport| sport.name.as_deref()),
            country.and_then(|country| country.name.as_deref()),
            league.and_then(|league| league.name.as_deref()),
        ];
        words.into_iter().flatten().filter(|word| !word.trim().is_empty()).collect::<Vec<_>>().join(", ")
    }
}

/// A sort order; without one it comes last.
fn place(value: &Value) -> f64 {
    number(value).filter(|place| place.is_finite()).unwrap_or(f64::INFINITY)
}

impl Condition {
    /// What names it: in both subgraphs, and on the stream.
    pub(super) fn number(&self) -> Option<String> {
        digits(&self.condition_id)
    }

    /// Whether it has an outcome of this number.
    pub(super) fn has(&self, outcome: &str) -> bool {
        self.outcomes.iter().any(|own| digits(&own.outcome_id).as_deref() == Some(outcome))
    }

    /// Takes over what the stream told of it.
    pub(super) fn tell(&mut self, update: &Update) {
        if update.state.is_some() {
            self.status.clone_from(&update.state);
        }
        for outcome in &mut self.outcomes {
            if let Some(odds) = digits(&outcome.outcome_id).and_then(|number| update.odds.get(&number)) {
                outcome.current_odds.clone_from(odds);
            }
        }
    }

    pub(super) fn status(&self) -> Status {
        Status::of(self.status.as_deref().or(self.state.as_deref()))
    }

    /// The outcome that is asked about: the first in the book's order.
    pub(super) fn first(&self) -> Option<&Outcome> {
        self.outcomes.iter().min_by(|a, b| {
            let key = |outcome: &Outcome| digits(&outcome.outcome_id).map(|number| (number.len(), number));
            place(&a.sort_order).total_cmp(&place(&b.sort_order)).then_with(|| key(a).cmp(&key(b)))
        })
    }

    pub(super) fn outcome(&self, id: &str) -> Option<&Outcome> {
        self.outcomes.iter().find(|outcome| outcome.id.as_deref() == Some(id))
    }

    /// Whether at most one of its outcomes can happen, as far as the odds tell.
    pub(super) fn is_exclusive(&self) -> bool {
        self.odds().is_none_or(|odds| BOOK.contains(&odds.iter().map(|odds| odds.recip()).sum::<f64>()))
    }

    /// All odds, when there are at least two and all of them are odds.
    fn odds(&self) -> Option<Vec<f64>> {
        let odds: Option<Vec<f64>> = self.outcomes.iter().map(Outcome::odds).collect();
        odds.filter(|odds| odds.len() > 1)
    }

    /// The price of `outcome` while bets are taken.
    pub(super) fn quote(&self, outcome: &Outcome, margin: Margin, now: UnixMs) -> Option<Quote> {
        let is_open = self.status() == Status::Open;
        let source = if self.odds().is_some() { PriceSource::Odds } else { PriceSource::PlainOdds };
        self.price(outcome, margin).filter(|_| is_open).map(|price| Quote { price, at: now, source })
    }

    /// What the odds say of `outcome`: with the margin removed where all odds are known, the plain `1/odds` where the others
    /// are not.
    pub(super) fn price(&self, outcome: &Outcome, margin: Margin) -> Option<Probability> {
        let price = match self.odds() {
            Some(odds) if self.is_exclusive() => {
                let place = self.outcomes.iter().position(|other| other.id == outcome.id)?;
                *margin.remove(&odds)?.get(place)?
            }
            Some(_) => return None,
            None => outcome.odds()?.recip(),
        };
        Probability::new(price).ok()
    }

    /// How it stands for `outcome`; what contradicts itself is not over yet.
    pub(super) fn resolution(&self, outcome: &Outcome, game: Option<Status>) -> Resolution {
        match self.status() {
            Status::Void => Resolution::Void,
            Status::Resolved => match self.payout(outcome) {
                Some(outcome) => Resolution::Resolved { outcome, at: seconds(&self.resolved_block_timestamp) },
                None => Resolution::Open,
            },
            Status::Open | Status::Held if game == Some(Status::Void) => Resolution::Void,
            Status::Open | Status::Held => Resolution::Open,
        }
    }

    /// 1 when it won, 0 when it lost: by its own result and by the condition's list of winners, which must not disagree.
    fn payout(&self, outcome: &Outcome) -> Option<Probability> {
        let own = match outcome.result.as_deref() {
            Some("Won") => Some(true),
            Some("Lost") => Some(false),
            _ => None,
        };
        let winners: Vec<String> = self.won_outcome_ids.iter().flatten().filter_map(digits).collect();
        let number = digits(&outcome.outcome_id);
        let listed = (!winners.is_empty()).then(|| number.is_some_and(|number| winners.contains(&number)));
        let won = match (own, listed) {
            (Some(own), Some(listed)) if own != listed => return None,
            (own, listed) => own.or(listed)?,
        };
        Some(if won { Probability::ONE } else { Probability::ZERO })
    }

    /// The question about `outcome`, and whether anybody knows what it means.
    pub(super) fn text(&self, outcome: &Outcome, game: &Game, titles: &Titles) -> (String, bool) {
        let number = digits(&outcome.outcome_id).unwrap_or_default();
        let own = outcome.title.as_deref().filter(|title| !title.trim().is_empty());
        let known = own.or_else(|| titles.of(&number));
        let label = known.map_or_else(|| format!("number {number}"), str::to_owned);
        let subject = self.title.as_deref().unwrap_or_default();
        let text = asked::text(&[&game.heading(), &game.occasion(), subject], &label);
        (text, known.is_some())
    }
}

impl Outcome {
    /// The entity's id, when it is there and can be one.
    pub(super) fn id(&self) -> Option<&str> {
        self.id.as_deref().and_then(fields::plain_id)
    }

    fn odds(&self) -> Option<f64> {
        number(&self.current_odds).filter(|odds| are_odds(*odds))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn condition(changes: &Value) -> Condition {
        let mut condition = json!({
            "conditionId": "77", "status": "Created",
            "outcomes": [
                {"id": "c_77_31", "outcomeId": "31", "currentOdds": "4.0", "sortOrder": 2},
                {"id": "c_77_29", "outcomeId": "29", "currentOdds": "1.6", "sortOrder": 0},
                {"id": "c_77_30", "outcomeId": "30", "currentOdds": 5, "sortOrder": "1"},
            ],
        });
        for (name, value) in changes.as_object().unwrap() {
            condition[name] = value.clone();
        }
        serde_json::from_value(condition).unwrap()
    }

    fn price(condition: &Condition) -> Option<f64> {
        condition.quote(condition.first()?, Margin::Proportional, UnixMs(7)).map(|quote| quote.price.get())
    }

    #[test]
    fn the_first_outcome_is_asked_about_and_priced_without_the_margin() {
        let found = condition(&json!({}));
        assert_eq!(found.first().unwrap().id(), Some("c_77_29"));
        let book: f64 = 1.0 / 1.6 + 0.25 + 0.2;
        assert!((price(&found).unwrap() - 1.0 / 1.6 / book).abs() < 1e-12);
        for held in ["Paused", "Stopped", "Resolved", "Canceled", "Suspended by moonlight"] {
            assert_eq!(price(&condition(&json!({"status": held}))), None, "{held}");
        }
        assert!(price(&condition(&json!({"status": null, "state": "Active"}))).is_some());
    }

    #[test]
    fn where_the_others_have_no_odds_the_plain_inverse_counts_and_where_they_overlap_nothing_does() {
        let with = |odds: Value| {
            condition(&json!({"outcomes": [
                {"id": "a", "outcomeId": "4", "currentOdds": "1.25"},
                {"id": "b", "outcomeId": "5", "currentOdds": odds},
                {"id": "c", "outcomeId": "6", "currentOdds": "1.3"},
            ]}))
        };
        for unknown in [json!(null), json!("0"), json!("NaN"), json!(-3), json!({})] {
            assert_eq!(price(&with(unknown.clone())), Some(0.8), "{unknown}");
        }
        let double_chance = with(json!("1.4"));
        assert!(!double_chance.is_exclusive(), "two of the three happen");
        assert_eq!(price(&double_chance), None);
    }

    #[test]
    fn endings_are_read_from_the_result_and_the_winners_and_must_agree() {
        let state = |changes: Value, game: &str| {
            let found = condition(&changes);
            match found.resolution(found.first().unwrap(), Some(Status::of(Some(game)))) {
                Resolution::Resolved { outcome, at } => format!("{outcome} {:?}", at.map(UnixMs::as_secs)),
                other => format!("{other:?}"),
            }
        };
        let one = |result: Value, winners: Value| {
            json!({
                "status": "Resolved", "wonOutcomeIds": winners, "resolvedBlockTimestamp": "1767225600",
                "outcomes": [{"id": "a", "outcomeId": 29, "result": result}],
            })
        };
        let at = "Some(1767225600)";
        assert_eq!(state(one(json!("Won"), json!(["29"])), "Resolved"), format!("1 {at}"));
        assert_eq!(state(one(json!("Lost"), json!(null)), "Resolved"), format!("0 {at}"));
        assert_eq!(state(one(json!(null), json!(["31"])), "Resolved"), format!("0 {at}"));
        assert_eq!(state(one(json!(null), json!([29])), "Created"), format!("1 {at}"));
        assert_eq!(state(one(json!("Won"), json!(["31"])), "Resolved"), "Open", "it contradicts itself");
        assert_eq!(state(one(json!(null), json!([])), "Resolved"), "Open", "no result yet");
        assert_eq!(state(json!({"status": "Canceled"}), "Resolved"), "Void");
        assert_eq!(state(json!({"state": "Removed", "status": null}), "Live"), "Void");
        assert_eq!(state(json!({"status": "Created"}), "Canceled"), "Void");
        assert_eq!(state(json!({"status": "Paused"}), "Paused"), "Open");
    }

    #[test]
    fn the_text_says_who_plays_what_is_asked_and_which_outcome() {
        let game: Game = serde_json::from_value(json!({
            "participants": [{"name": "Reds", "sortOrder": "1"}, {"name": "Blues", "sortOrder": 0}],
            "sport": {"name": "Football"}, "league": {"name": "Cup", "country": {"name": "Nowhere"}},
        }))
        .unwrap();
        let found = condition(&json!({"title": "Result"}));
        let (text, known) = found.text(found.first().unwrap(), &game, &Titles::default());
        assert!(known && text.starts_with("Blues – Reds\nFootball, Nowhere, Cup\nResult\n"), "{text}");
        assert!(text.ends_with("the outcome \"the first side wins\"."), "{text}");
        let strange = condition(&json!({"outcomes": [{"id": "a", "outcomeId": "123456"}]}));
        assert!(!strange.text(strange.first().unwrap(), &game, &Titles::default()).1);
    }

    proptest! {
        #[test]
        fn no_object_makes_a_price_out_of_range_or_a_panic(
            odds in value(), other in value(), result in value(), time in value(), status in "Created|Resolved|x", order in value()
        ) {
            let text = json!({
                "title": order, "startsAt": time, "status": status, "gameId": odds, "conditions": [
                    {"conditionId": other, "status": status, "resolvedBlockTimestamp": time, "wonOutcomeIds": [odds], "outcomes": [
                        {"id": "a", "outcomeId": odds, "currentOdds": odds, "result": result, "sortOrder": order},
                        {"id": "b", "outcomeId": other, "currentOdds": other, "sortOrder": time},
                    ]},
                ],
            });
            if let Ok(mut game) = serde_json::from_value::<Game>(text) {
                let _ = (game.name(), game.starts_at(), game.heading(), game.occasion());
                for condition in game.conditions().0 {
                    let first = condition.first().unwrap();
                    let _ = (condition.resolution(first, None), condition.text(first, &game, &Titles::default()));
                    for margin in [Margin::Proportional, Margin::Shin, Margin::Power] {
                        if let Some(quote) = condition.quote(first, margin, UnixMs(0)) {
                            prop_assert!((0.0..=1.0).contains(&quote.price.get()));
                        }
                    }
                }
            }
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<f64>().prop_map(Value::from),
            (1.0..9.0).prop_map(Value::from),
            (1.0..9.0f64).prop_map(|odds| Value::from(odds.to_string())),
            any::<i64>().prop_map(Value::from),
            ".{0,20}".prop_map(Value::from),
            Just(json!([0.5])),
        ]
    }
}
