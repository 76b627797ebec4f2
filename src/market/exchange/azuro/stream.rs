//! Azuro's stream of conditions and games: what changes of those that a client is subscribed to, and nothing at the start.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::socket::{self, Teller};
use super::super::{App, Shown};
use super::{Dialect, Words, ids, outcomes};

/// What a client says.
#[derive(Deserialize)]
struct Said {
    event: String,
    #[serde(default)]
    data: Names,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Names {
    condition_ids: Vec<String>,
    game_ids: Vec<String>,
}

/// Which of the two is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Condition,
    Game,
}

/// What a client is subscribed to: by kind and number the market that it is about, and what was told of it last.
#[derive(Default)]
struct Told(BTreeMap<(Kind, String), (String, Value)>);

pub(in crate::market::exchange) async fn feed(State(app): State<Arc<App>>, request: Request) -> Response {
    socket::serve(app, request, Told::default())
}

impl Kind {
    fn number(self, market: &Shown) -> String {
        match self {
            Self::Condition => ids::condition(&market.id),
            Self::Game => ids::game(&market.id),
        }
    }

    const fn event(self) -> &'static str {
        match self {
            Self::Condition => "ConditionUpdated",
            Self::Game => "GameUpdated",
        }
    }

    /// What is told of it, in the words of the data feed.
    fn now(self, app: &App, market: &Shown) -> Value {
        let words = Words::of(market, app.clock.now());
        let id = self.number(market);
        match self {
            Self::Condition => {
                let odds = |outcome: &Value| json!({"outcomeId": outcome.get("outcomeId"), "currentOdds": outcome.get("currentOdds")});
                let odds: Vec<Value> = outcomes(market).iter().map(odds).collect();
                json!({"id": id, "state": words.condition(Dialect::Feed), "outcomes": odds})
            }
            Self::Game => {
                let start = market.starts_at.unwrap_or_default().as_secs().to_string();
                json!({"id": id, "gameId": id, "state": words.game(Dialect::Feed), "startsAt": start})
            }
        }
    }
}

impl Teller for Told {
    fn hear(&mut self, app: &App, said: &str) -> Vec<String> {
        let Ok(Said { event, data }) = serde_json::from_str(said) else { return Vec::new() };
        let (is_wanted, kind) = match event.as_str() {
            "SubscribeConditions" => (true, Kind::Condition),
            "UnsubscribeConditions" => (false, Kind::Condition),
            "SubscribeGames" => (true, Kind::Game),
            "UnsubscribeGames" => (false, Kind::Game),
            _ => return Vec::new(),
        };
        let numbers = if kind == Kind::Condition { data.condition_ids } else { data.game_ids };
        if !is_wanted {
            numbers.into_iter().for_each(|number| drop(self.0.remove(&(kind, number))));
            return Vec::new();
        }
        for market in app.exchange.opened(app.clock.now(), 0, usize::MAX) {
            let number = kind.number(&market);
            if numbers.contains(&number) {
                let now = kind.now(app, &market);
                self.0.entry((kind, number)).or_insert((market.id, now));
            }
        }
        Vec::new()
    }

    fn news(&mut self, app: &App) -> Vec<String> {
        let mut messages = Vec::new();
        for ((kind, _), (id, last)) in &mut self.0 {
            let Some(market) = app.exchange.market(id, app.clock.now()) else { continue };
            let now = kind.now(app, &market);
            if *last != now {
                messages.push(json!({"event": kind.event(), "data": now}).to_string());
                *last = now;
            }
        }
        messages
    }
}
