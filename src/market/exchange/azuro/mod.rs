//! Azuro's subgraphs: every market is a game with one condition of two outcomes, priced by odds with a bookmaker's margin.
//!
//! `azuro-data-feed-…` has the words of the current feed, every other name those of `azuro-api-…-v3`. `games` and
//! `outcome(id)` are answered; a market that pays a fraction is cancelled, for Azuro knows no split.

mod graphql;
mod ids;
mod stream;

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use self::graphql::Field;
pub(super) use self::stream::feed;
use super::super::truth::Truth;
use super::{App, Exchange, Shown, Stage};
use crate::units::{Probability, UnixMs};

/// A Graph node's limits, and what it takes where nobody says.
const MOST_FIRST: u64 = 1_000;
const MOST_SKIP: u64 = 5_000;
const FIRST: u64 = 100;

/// The margin of our bookmaker: what the implied probabilities sum to beyond 1, where there is room for it.
const MARGIN: f64 = 0.05;

/// Looks up what a world knows by the ids of either API.
pub(crate) struct ByAnyId(pub(crate) Arc<dyn Exchange>);

impl Truth for ByAnyId {
    fn truth(&self, id: &str, at: UnixMs) -> Option<Probability> {
        if let Some(probability) = self.0.truth(id, at) {
            return Some(probability);
        }
        let (market, side) = ids::read(id)?;
        let first = self.0.truth(&market, at)?;
        if side == 0 { Some(first) } else { Probability::clamped(1.0 - first.get()) }
    }
}

#[derive(Deserialize)]
pub(super) struct Asked {
    query: String,
    #[serde(default)]
    variables: Option<Map<String, Value>>,
}

/// The two subgraphs.
#[derive(Clone, Copy, PartialEq)]
enum Dialect {
    Api,
    Feed,
}

pub(super) async fn api(State(app): State<Arc<App>>, Json(asked): Json<Asked>) -> Response {
    answer(&app, &asked, Dialect::Api)
}

pub(super) async fn named(State(app): State<Arc<App>>, Path(name): Path<String>, Json(asked): Json<Asked>) -> Response {
    let dialect = if name.starts_with("azuro-data-feed") { Dialect::Feed } else { Dialect::Api };
    answer(&app, &asked, dialect)
}

/// An error is an answer too, with status 200.
fn answer(app: &App, asked: &Asked, dialect: Dialect) -> Response {
    let none = Map::new();
    let variables = asked.variables.as_ref().unwrap_or(&none);
    let data = graphql::parse(&asked.query, variables).and_then(|fields| {
        let answers = fields.iter().map(|field| Ok((field.name.clone(), root(app, field, dialect)?)));
        answers.collect::<Result<Map<String, Value>, String>>()
    });
    match data {
        Ok(data) => Json(json!({ "data": data })).into_response(),
        Err(message) => Json(json!({"data": null, "errors": [{ "message": message }]})).into_response(),
    }
}

fn root(app: &App, field: &Field, dialect: Dialect) -> Result<Value, String> {
    match field.name.as_str() {
        "games" => games(app, field, dialect),
        "outcome" => outcome(app, field, dialect),
        other => Err(format!("Type `Query` has no field `{other}`")),
    }
}

/// Games in the order of their start.
fn games(app: &App, field: &Field, dialect: Dialect) -> Result<Value, String> {
    let now = app.clock.now();
    let first = whole(field, "first", FIRST, MOST_FIRST)?;
    let skip = whole(field, "skip", 0, MOST_SKIP)?;
    for (name, only) in [("orderBy", "startsAt"), ("orderDirection", "asc")] {
        if field.arguments.get(name).is_some_and(|value| value != only) {
            return Err(format!("only `{name}: {only}` is served here"));
        }
    }
    let filter = Filter::of(field.arguments.get("where"))?;
    let mut games: Vec<(UnixMs, Shown)> = app
        .exchange
        .trading(now, 0, usize::MAX)
        .into_iter()
        .filter_map(|market| Some((market.starts_at?, market)))
        .filter(|(start, market)| filter.takes(start.as_secs(), is_open(market, now), dialect))
        .collect();
    games.sort_by(|(a, one), (b, other)| (a, &one.id).cmp(&(b, &other.id)));
    let page = games.into_iter().skip(skip).take(first);
    let objects: Value = page.map(|(_, market)| game(&market, now, dialect)).collect();
    graphql::project(&objects, &field.fields, "Game")
}

fn outcome(app: &App, field: &Field, dialect: Dialect) -> Result<Value, String> {
    let id = field.arguments.get("id").and_then(Value::as_str).ok_or("`outcome` needs the argument `id`")?;
    let now = app.clock.now();
    let market = |id: &str| app.exchange.market(id, now);
    let found = market(id).map(|market| (market, 0)).or_else(|| {
        let (market_id, side) = ids::read(id)?;
        Some((market(&market_id)?, side))
    });
    let Some((shown, side)) = found else { return Ok(Value::Null) };
    let parent = with(condition(&shown, now, dialect), [("game", head(&shown, now, dialect))]);
    let object = outcomes(&shown).into_iter().nth(side).unwrap_or_default();
    graphql::project(&with(object, [("condition", parent)]), &field.fields, "Outcome")
}

/// A number among the arguments, from 0 to `most`.
fn whole(field: &Field, name: &str, default: u64, most: u64) -> Result<usize, String> {
    let number = match field.arguments.get(name) {
        None | Some(Value::Null) => default,
        Some(value) => value.as_u64().filter(|number| *number <= most).ok_or_else(|| {
            format!("The value of the `{name}` argument must be between 0 and {most}, but is {value}")
        })?,
    };
    usize::try_from(number).map_err(|e| e.to_string())
}

/// The conditions of `where` that clients use.
#[derive(Default)]
struct Filter {
    status: Option<String>,
    state: Option<String>,
    active: Option<bool>,
    after_s: Option<i64>,
    before_s: Option<i64>,
}

impl Filter {
    fn of(value: Option<&Value>) -> Result<Self, String> {
        let mut filter = Self::default();
        let seconds = |value: &Value| value.as_i64().or_else(|| value.as_str()?.parse().ok());
        for (name, value) in value.and_then(Value::as_object).into_iter().flatten() {
            match name.as_str() {
                "status" => filter.status = value.as_str().map(str::to_owned),
                "state" => filter.state = value.as_str().map(str::to_owned),
                "hasActiveConditions" => filter.active = value.as_bool(),
                "startsAt_gt" => filter.after_s = seconds(value),
                "startsAt_lt" => filter.before_s = seconds(value),
                other => return Err(format!("Type `Game_filter` has no field `{other}`")),
            }
        }
        Ok(filter)
    }

    fn takes(&self, start_s: i64, is_open: bool, dialect: Dialect) -> bool {
        let is = |wanted: &Option<String>, of: Dialect| {
            let word = if is_open { Words::OPEN } else { Words::HELD }.game(of);
            wanted.as_deref().is_none_or(|wanted| dialect == of && wanted == word)
        };
        is(&self.status, Dialect::Api)
            && is(&self.state, Dialect::Feed)
            && self.active.is_none_or(|active| active == is_open)
            && self.after_s.is_none_or(|after| start_s > after)
            && self.before_s.is_none_or(|before| start_s < before)
    }
}

/// The words for one state: of a game and of a condition in the API, of each in the feed.
struct Words([&'static str; 4]);

impl Words {
    const OPEN: Self = Self(["Created", "Created", "Prematch", "Active"]);
    const HELD: Self = Self(["Created", "Paused", "Live", "Stopped"]);
    const RESOLVED: Self = Self(["Resolved", "Resolved", "Finished", "Resolved"]);
    const CANCELED: Self = Self(["Canceled", "Canceled", "Finished", "Canceled"]);

    fn of(market: &Shown, now: UnixMs) -> Self {
        match market.state {
            Stage::Trading if is_open(market, now) => Self::OPEN,
            Stage::Trading | Stage::Awaiting => Self::HELD,
            Stage::Settled(_) if winner(market).is_some() => Self::RESOLVED,
            Stage::Settled(_) => Self::CANCELED,
        }
    }

    const fn game(&self, dialect: Dialect) -> &'static str {
        let Self([api, _, feed, _]) = self;
        match dialect {
            Dialect::Api => api,
            Dialect::Feed => feed,
        }
    }

    const fn condition(&self, dialect: Dialect) -> &'static str {
        let Self([_, api, _, feed]) = self;
        match dialect {
            Dialect::Api => api,
            Dialect::Feed => feed,
        }
    }
}

/// Bets are taken until the game starts.
fn is_open(market: &Shown, now: UnixMs) -> bool {
    market.state == Stage::Trading && market.starts_at.is_some_and(|start| start > now)
}

/// The side that won.
fn winner(market: &Shown) -> Option<usize> {
    match market.state {
        Stage::Settled(payout) if payout == Probability::ONE => Some(0),
        Stage::Settled(payout) if payout == Probability::ZERO => Some(1),
        _ => None,
    }
}

/// A game without its conditions.
fn head(market: &Shown, now: UnixMs, dialect: Dialect) -> Value {
    let id = ids::game(&market.id);
    let country = json!({"name": "Nowhere", "slug": "nowhere"});
    let game = json!({
        "id": id,
        "gameId": id,
        "title": market.question,
        "slug": id,
        "startsAt": market.starts_at.unwrap_or_default().as_secs().to_string(),
        "sport": {"name": "Simulation", "slug": "simulation"},
        "participants": [
            {"name": market.outcomes[0], "image": null, "sortOrder": "0"},
            {"name": market.outcomes[1], "image": null, "sortOrder": "1"},
        ],
        "turnover": "0",
    });
    let word = Words::of(market, now).game(dialect);
    let league = json!({"name": "Worlds", "slug": "worlds"});
    match dialect {
        Dialect::Api => {
            let is_open = is_open(market, now).into();
            let league = with(league, [("country", country)]);
            with(game, [("status", word.into()), ("hasActiveConditions", is_open), ("league", league)])
        }
        Dialect::Feed => with(game, [("state", word.into()), ("country", country), ("league", league)]),
    }
}

fn game(market: &Shown, now: UnixMs, dialect: Dialect) -> Value {
    with(head(market, now, dialect), [("conditions", json!([condition(market, now, dialect)]))])
}

/// `object` with these fields as well.
fn with<const N: usize>(mut object: Value, fields: [(&str, Value); N]) -> Value {
    if let Some(map) = object.as_object_mut() {
        map.extend(fields.map(|(name, value)| (name.to_owned(), value)));
    }
    object
}

fn condition(market: &Shown, now: UnixMs, dialect: Dialect) -> Value {
    let over = matches!(market.state, Stage::Settled(_));
    // The end is when it is resolved, or the recording had it earlier.
    let resolved = market.ends_at.filter(|_| over).map(|end| end.min(now).as_secs().to_string());
    let winners = winner(market).map(|winner| [number_of(&ids::outcome(&market.id, winner)).to_owned()]);
    let id = ids::condition(&market.id);
    let condition = json!({
        "id": id,
        "conditionId": id,
        "title": market.rules,
        "isExpressForbidden": false,
        "margin": MARGIN.to_string(),
        "wonOutcomeIds": winners,
        "resolvedBlockTimestamp": resolved,
        "outcomes": outcomes(market),
    });
    let name = if dialect == Dialect::Api { "status" } else { "state" };
    with(condition, [(name, Words::of(market, now).condition(dialect).into())])
}

fn outcomes(market: &Shown) -> Vec<Value> {
    let winner = winner(market);
    let odds = odds(market.price);
    let outcome = |(side, title): (usize, &String)| {
        let id = ids::outcome(&market.id, side);
        let result = winner.map(|winner| if winner == side { "Won" } else { "Lost" });
        json!({
            "id": id, "outcomeId": number_of(&id), "currentOdds": odds.get(side), "result": result, "sortOrder": side,
            "title": title,
        })
    };
    market.outcomes.iter().enumerate().map(outcome).collect()
}

/// The last part of an outcome's id.
fn number_of(id: &str) -> &str {
    id.rsplit('_').next().unwrap_or_default()
}

/// Decimal odds with twelve decimals, as text: the margin shared out in proportion, and less of it the nearer to certain, for
/// no odds are below 1. No odds for what is impossible, or has no price.
fn odds(price: Option<f64>) -> Vec<Value> {
    let Some(first) = price.filter(|price| *price > 0.0 && *price < 1.0) else { return vec![Value::Null; 2] };
    let sides = [first, 1.0 - first];
    let largest = sides[0].max(sides[1]);
    let book = 1.0 + MARGIN.min((1.0 - largest) / largest / 2.0);
    sides.map(|p| format!("{:.12}", 1.0 / (p * book)).into()).to_vec()
}
