//! What the stream of conditions and games tells of those that are asked about.
//!
//! It tells changes, and nothing at the start: a condition that it has not spoken of since the connection was made stands as it
//! was polled. Odds that it tells take the place of those of the same outcomes, so that the margin is removed from all of them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Deserialize;
use serde_json::{Value, json};

use super::odds::{Margin, are_odds};
use super::wire::{Condition, Status, digits};
use crate::market::stream::{Changes, Ping, Topic};
use crate::market::{PriceSource, Quote, fields};
use crate::units::UnixMs;

/// Conditions or games named in one message of a subscription.
const AT_ONCE: usize = 100;
/// Conditions, and games, that one connection is subscribed to; what is beyond is polled.
const MOST: usize = 2_000;

/// What can be subscribed to: a condition or a game of one environment, which is a chain and its currency.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    environment: String,
    kind: Kind,
    number: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Condition,
    Game,
}

/// A condition that is asked about, as it was polled.
#[derive(Debug)]
pub(super) struct Followed {
    /// The id of the outcome that is asked about.
    pub(super) id: String,
    pub(super) environment: String,
    /// The number of its game.
    pub(super) game: String,
    pub(super) condition: Condition,
}

/// What was told of a condition since the connection was made.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Update {
    pub(super) state: Option<String>,
    /// By the outcome's number.
    pub(super) odds: BTreeMap<String, Value>,
}

/// How the stream says that an event stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Told {
    Priced(Quote),
    /// No bets are taken now.
    Held,
    /// It is resolved or cancelled, which nobody but the subgraph is believed.
    Over,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Feed {
    margin: Margin,
    /// By the condition's number.
    followed: HashMap<String, (Followed, Update)>,
    /// What games are said to be, by number.
    games: HashMap<String, Status>,
    changes: Changes,
    pub(super) updates: u64,
    pub(super) malformed: u64,
}

/// What is used of a message; everything may be missing.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    event: Cow<'a, str>,
    #[serde(default)]
    data: Value,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Data {
    id: Value,
    condition_id: Value,
    game_id: Value,
    state: Option<String>,
    status: Option<String>,
    outcomes: Vec<Value>,
}

impl Feed {
    pub(super) fn new(margin: Margin) -> Self {
        Self {
            margin,
            followed: HashMap::new(),
            games: HashMap::new(),
            changes: Changes::default(),
            updates: 0,
            malformed: 0,
        }
    }

    /// Follows these and no others, as they were polled now; returns what to subscribe to. What was told of them still stands.
    pub(super) fn follow(&mut self, polled: Vec<Followed>) -> BTreeSet<Name> {
        let mut before = std::mem::take(&mut self.followed);
        for mut followed in polled.into_iter().take(MOST) {
            let Some(number) = followed.condition.number() else { continue };
            let update = before.remove(&number).map(|(_, update)| update).unwrap_or_default();
            followed.condition.tell(&update);
            self.followed.insert(number, (followed, update));
        }
        let games: BTreeSet<&str> = self.followed.values().map(|(followed, _)| followed.game.as_str()).collect();
        self.games.retain(|game, _| games.contains(game.as_str()));
        let names = self.followed.iter().flat_map(|(number, (followed, _))| {
            let name = |kind, number: &str| {
                let environment = followed.environment.clone();
                Name { environment, kind, number: number.to_owned() }
            };
            [name(Kind::Condition, number), name(Kind::Game, &followed.game)]
        });
        names.collect()
    }

    /// What was told of the event about an outcome of this condition; `None` where nothing was.
    pub(super) fn told(&self, condition: &str, at: UnixMs) -> Option<Told> {
        let (followed, update) = self.followed.get(condition)?;
        let game = self.games.get(&followed.game).copied();
        let own = (*update != Update::default()).then(|| followed.condition.status());
        match (own, game) {
            (None, None | Some(Status::Open)) => None,
            (Some(Status::Resolved | Status::Void), _) | (_, Some(Status::Resolved | Status::Void)) => Some(Told::Over),
            (Some(Status::Open), None | Some(Status::Open)) => {
                Some(self.quote(followed, at).map_or(Told::Held, Told::Priced))
            }
            _ => Some(Told::Held),
        }
    }

    fn quote(&self, followed: &Followed, at: UnixMs) -> Option<Quote> {
        let outcome = followed.condition.outcome(&followed.id)?;
        let quote = followed.condition.quote(outcome, self.margin, at)?;
        let source = if quote.source == PriceSource::Odds { PriceSource::StreamedOdds } else { quote.source };
        Some(Quote { source, ..quote })
    }

    /// The prices that changed since the last call, by event id, oldest first.
    pub(super) fn changes(&mut self) -> Vec<(String, Quote)> {
        self.changes.take()
    }

    pub(super) fn followed(&self) -> usize {
        self.followed.len()
    }

    fn condition(&mut self, data: &Data, now: UnixMs) -> Option<()> {
        let number = digits(&data.condition_id).or_else(|| digits(&data.id))?;
        // Of one that was unsubscribed from, a last word may come.
        let Some((followed, update)) = self.followed.get_mut(&number) else { return Some(()) };
        let state = data.state.as_ref().or(data.status.as_ref());
        let odds: Option<Vec<(String, Value)>> = data.outcomes.iter().map(odds_of).collect();
        let odds = odds?;
        if state.is_none() && odds.is_empty() {
            return None;
        }
        update.state = state.cloned().or_else(|| update.state.take());
        // Others than its own are of no use, and would be kept for as long as it is followed.
        update.odds.extend(odds.into_iter().filter(|(outcome, _)| followed.condition.has(outcome)));
        followed.condition.tell(update);
        self.updates += 1;
        if let (Some(Told::Priced(quote)), Some((followed, _))) = (self.told(&number, now), self.followed.get(&number))
        {
            self.changes.note(&followed.id, quote);
        }
        Some(())
    }

    fn game(&mut self, data: &Data) -> Option<()> {
        let number = digits(&data.game_id).or_else(|| digits(&data.id))?;
        let state = data.state.as_deref().or(data.status.as_deref())?;
        if self.followed.values().any(|(followed, _)| followed.game == number) {
            self.games.insert(number, Status::of(Some(state)));
            self.updates += 1;
        }
        Some(())
    }
}

/// An outcome's number and its odds; null where it has none now.
fn odds_of(outcome: &Value) -> Option<(String, Value)> {
    let odds = outcome.get("currentOdds")?;
    let are_good = odds.is_null() || fields::number(odds).is_some_and(are_odds);
    Some((digits(outcome.get("outcomeId")?)?, odds.clone())).filter(|_| are_good)
}

impl Topic for Feed {
    type Name = Name;
    const WHAT: &'static str = "Azuro's odds";
    const PING: Ping = Ping::Frame;

    fn turn(before: &BTreeSet<Name>, after: &BTreeSet<Name>, _: bool) -> Vec<String> {
        let added = messages("Subscribe", after.difference(before));
        added.into_iter().chain(messages("Unsubscribe", before.difference(after))).collect()
    }

    fn take(&mut self, frame: &str, now: UnixMs) {
        let Ok(Message { event, data }) = serde_json::from_str::<Message<'_>>(frame) else {
            self.malformed += 1;
            return;
        };
        let is_condition = event == "ConditionUpdated";
        // Answers to a subscription, and what else a later server may tell, say nothing about prices.
        if !is_condition && event != "GameUpdated" {
            self.malformed += u64::from(event.is_empty());
            return;
        }
        let parts = match data {
            Value::Array(parts) => parts,
            one => vec![one],
        };
        for part in parts {
            let taken = serde_json::from_value::<Data>(part)
                .ok()
                .and_then(|data| if is_condition { self.condition(&data, now) } else { self.game(&data) });
            self.malformed += u64::from(taken.is_none());
        }
    }

    fn forget(&mut self) {
        // What the odds were is polled again before they are a price.
        self.followed.clear();
        self.games.clear();
    }
}

/// `SubscribeConditions` and its kin, for some names at a time of one kind and environment.
fn messages<'a>(verb: &str, names: impl Iterator<Item = &'a Name>) -> Vec<String> {
    let mut groups: BTreeMap<(&str, Kind), Vec<&str>> = BTreeMap::new();
    for Name { environment, kind, number } in names {
        groups.entry((environment.as_str(), *kind)).or_default().push(number);
    }
    let of_group = |((environment, kind), numbers): ((&str, Kind), Vec<&str>)| {
        let (what, field) = match kind {
            Kind::Condition => ("Conditions", "conditionIds"),
            Kind::Game => ("Games", "gameIds"),
        };
        let message = |some: &[&str]| {
            json!({"event": format!("{verb}{what}"), "data": {field: some, "environment": environment}}).to_string()
        };
        numbers.chunks(AT_ONCE).map(message).collect::<Vec<_>>()
    };
    groups.into_iter().flat_map(of_group).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn followed(game: u64) -> Followed {
        let condition = json!({"conditionId": format!("{game}7"), "status": "Created", "outcomes": [
            {"id": "a", "outcomeId": "29", "currentOdds": "2.0"}, {"id": "b", "outcomeId": "30", "currentOdds": 2},
        ]});
        let condition = serde_json::from_value(condition).unwrap();
        Followed { id: "a".to_owned(), environment: "E".to_owned(), game: game.to_string(), condition }
    }

    fn feed() -> Feed {
        let mut feed = Feed::new(Margin::Proportional);
        feed.follow(vec![followed(1), followed(2)]);
        feed
    }

    fn price(told: Option<Told>) -> f64 {
        let Some(Told::Priced(quote)) = told else { panic!("{told:?}") };
        assert_eq!(quote.source, PriceSource::StreamedOdds);
        quote.price.get()
    }

    #[test]
    fn odds_of_outcomes_that_a_condition_does_not_have_are_not_kept() {
        let mut feed = feed();
        for outcome in 31..1_000 {
            let data = json!({"id": "17", "outcomes": [{"outcomeId": outcome, "currentOdds": "1.8"}]});
            feed.take(&json!({"event": "ConditionUpdated", "data": data}).to_string(), UnixMs(5));
        }
        assert_eq!(feed.followed["17"].1, Update::default());
        assert_eq!(feed.told("17", UnixMs(6)), None);
    }

    #[test]
    fn what_was_told_stands_over_what_was_polled_until_the_connection_ends() {
        let mut feed = feed();
        assert_eq!(feed.told("17", UnixMs(5)), None, "nothing yet");
        feed.take(
            r#"{"event":"ConditionUpdated","data":{"id":"17","outcomes":[{"outcomeId":29,"currentOdds":"1.8"}]}}"#,
            UnixMs(5),
        );
        assert!((price(feed.told("17", UnixMs(5))) - 10.0 / 19.0).abs() < 1e-12);
        feed.follow(vec![followed(1)]);
        assert!((price(feed.told("17", UnixMs(6))) - 10.0 / 19.0).abs() < 1e-12, "polled again");
        assert_eq!((feed.told("27", UnixMs(6)), feed.followed()), (None, 1));
        assert_eq!(feed.changes().len(), 1);
        feed.forget();
        feed.follow(vec![followed(1)]);
        assert_eq!(feed.told("17", UnixMs(7)), None);
        assert_eq!((feed.updates, feed.malformed), (1, 0));
    }

    #[test]
    fn states_of_conditions_and_games_hold_a_price_or_end_it() {
        for (event, id, state, want) in [
            ("ConditionUpdated", "17", "Stopped", Told::Held),
            ("ConditionUpdated", "17", "Paused", Told::Held),
            ("ConditionUpdated", "17", "Resolved", Told::Over),
            ("ConditionUpdated", "17", "Canceled", Told::Over),
            ("GameUpdated", "1", "Live", Told::Held),
            ("GameUpdated", "1", "Finished", Told::Over),
            ("GameUpdated", "1", "Canceled", Told::Over),
        ] {
            let mut feed = feed();
            let say = |feed: &mut Feed, state: &str| {
                feed.take(&json!({"event": event, "data": [{"id": id, "state": state}]}).to_string(), UnixMs(1));
            };
            say(&mut feed, state);
            assert_eq!(feed.told("17", UnixMs(1)), Some(want), "{event} {state}");
            assert_eq!(feed.told("27", UnixMs(1)), None);
            say(&mut feed, if event == "GameUpdated" { "Prematch" } else { "Active" });
            assert!(!matches!(feed.told("17", UnixMs(1)), Some(Told::Held | Told::Over)), "it goes on");
        }
    }

    #[test]
    fn subscriptions_are_cut_into_messages_by_kind_and_environment() {
        let mut feed = feed();
        let names = feed.follow(vec![followed(1)]);
        assert_eq!(
            Feed::turn(&BTreeSet::new(), &names, true),
            [
                r#"{"data":{"conditionIds":["17"],"environment":"E"},"event":"SubscribeConditions"}"#,
                r#"{"data":{"environment":"E","gameIds":["1"]},"event":"SubscribeGames"}"#,
            ]
        );
        assert!(Feed::turn(&names, &BTreeSet::new(), false).iter().all(|message| message.contains("Unsubscribe")));
        let many = feed.follow((0..3_000).map(followed).collect());
        assert_eq!((feed.followed(), many.len()), (MOST, 2 * MOST));
        assert_eq!(Feed::turn(&BTreeSet::new(), &many, true).len(), 2 * MOST / AT_ONCE);
    }

    #[test]
    fn what_makes_no_sense_is_counted_and_changes_nothing() {
        let nonsense = [
            "",
            "garbage",
            "{}",
            "[]",
            r#"{"event":"ConditionUpdated"}"#,
            r#"{"event":"ConditionUpdated","data":[7]}"#,
            r#"{"event":"ConditionUpdated","data":{"id":"17"}}"#,
            r#"{"event":"ConditionUpdated","data":{"id":"17","outcomes":[{"outcomeId":"29","currentOdds":"x"}]}}"#,
            r#"{"event":"ConditionUpdated","data":{"id":"17","outcomes":[{"outcomeId":"29","currentOdds":-2}]}}"#,
            r#"{"event":"ConditionUpdated","data":{"id":"17","outcomes":[{"currentOdds":"2"}]}}"#,
            r#"{"event":"GameUpdated","data":{"id":"1"}}"#,
        ];
        let mut feed = feed();
        nonsense.iter().for_each(|frame| feed.take(frame, UnixMs(1)));
        assert_eq!((feed.malformed, feed.updates), (nonsense.len() as u64, 0));
        assert_eq!(feed.told("17", UnixMs(1)), None);
        // What others than we are told, and what says nothing of prices, is no nonsense.
        for frame in [
            r#"{"event":"Subscribed","data":"ok"}"#,
            r#"{"event":"ConditionUpdated","data":{"id":"99","state":"Active"}}"#,
        ] {
            feed.take(frame, UnixMs(1));
        }
        assert_eq!(feed.malformed, nonsense.len() as u64);
    }

    proptest! {
        #[test]
        fn no_frame_is_a_panic_or_a_price_out_of_range(odds in ".{0,8}", state in "Active|Resolved|.{0,5}", id in "17|1|.{0,3}", other in any::<f64>()) {
            let mut feed = feed();
            let outcomes = json!([{"outcomeId": "29", "currentOdds": odds}, {"outcomeId": "30", "currentOdds": other}]);
            for event in ["ConditionUpdated", "GameUpdated", state.as_str()] {
                feed.take(&json!({"event": event, "data": {"id": id, "state": state, "outcomes": outcomes}}).to_string(), UnixMs(1));
            }
            if let Some(Told::Priced(quote)) = feed.told("17", UnixMs(1)) {
                prop_assert!((0.0..=1.0).contains(&quote.price.get()));
            }
        }
    }
}
