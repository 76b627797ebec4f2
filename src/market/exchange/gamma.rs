//! Polymarket's Gamma API: the markets that trade, and each as an event of its own.
//!
//! | path | answer |
//! |---|---|
//! | `/markets/keyset?limit=&end_date_max=&after_cursor=` | markets that trade now, page by page |
//! | `/events/keyset?…` | the same, each in an event |
//! | `/markets?condition_ids=&condition_ids=&closed=` | these markets, with what the oracle says of their outcome |
//!
//! A page has a `next_cursor`, the last one has none. `closed=true` is served for markets that are named alone: nobody here asks
//! for all of them. On this port `/markets` without ids is the order-book API's.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::clob::{self, Cursor, iso};
use super::{App, Shown, Stage, refusal};
use crate::units::UnixMs;

/// Markets of a page at most, as there.
const MAX_PAGE: usize = 100;

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    after_cursor: Option<String>,
    #[serde(default)]
    offset: Option<String>,
    #[serde(default)]
    end_date_max: Option<String>,
}

impl Asked {
    /// The offset that the cursor stands for; `None` for what is no cursor of ours.
    fn skip(&self) -> Option<usize> {
        let Some(cursor) = &self.after_cursor else { return Some(0) };
        String::from_utf8(BASE64.decode(cursor).ok()?).ok()?.parse().ok()
    }
}

pub(super) async fn markets(State(app): State<Arc<App>>, Query(asked): Query<Asked>) -> Response {
    page(&app, &asked, "markets", object)
}

pub(super) async fn events(State(app): State<Arc<App>>, Query(asked): Query<Asked>) -> Response {
    page(&app, &asked, "events", |market| {
        let tags = json!([{"id": "1", "slug": "simulated", "label": "Simulated"}]);
        json!({"id": market.id, "title": market.question, "negRisk": false, "tags": tags, "markets": [object(market)]})
    })
}

/// The markets of these ids, or the order-book API's list of all.
pub(super) async fn named_or_every_market(
    State(app): State<Arc<App>>,
    Query(asked): Query<Vec<(String, String)>>,
    Query(cursor): Query<Cursor>,
) -> Response {
    let ids: Vec<&str> = asked.iter().filter(|(name, _)| name == "condition_ids").map(|(_, id)| id.as_str()).collect();
    if ids.is_empty() {
        return clob::markets(&app, &cursor);
    }
    let closed = asked.iter().any(|(name, value)| name == "closed" && value == "true");
    let now = app.clock.now();
    let found = ids.into_iter().filter_map(|id| app.exchange.market(id, now));
    let found: Vec<Value> =
        found.filter(|market| (market.state != Stage::Trading) == closed).map(|it| object(&it)).collect();
    Json(found).into_response()
}

fn page(app: &App, asked: &Asked, name: &str, object: impl Fn(&Shown) -> Value) -> Response {
    if asked.offset.is_some() {
        return refusal(StatusCode::UNPROCESSABLE_ENTITY, "offset is not supported on keyset endpoints");
    }
    let Some(skip) = asked.skip() else {
        return refusal(StatusCode::UNPROCESSABLE_ENTITY, "invalid after_cursor");
    };
    let limit = asked.limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE).min(app.page_size);
    let found = app.exchange.trading(app.clock.now(), skip, limit);
    let is_last = found.len() < limit;
    let until = asked.end_date_max.as_deref().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let until = until.map(|until| UnixMs(until.as_millisecond()));
    let wanted = found.iter().filter(|it| until.is_none_or(|until| it.ends_at.is_none_or(|end| end <= until)));
    let mut page = Map::from_iter([(name.to_owned(), wanted.map(object).collect())]);
    if !is_last {
        page.insert("next_cursor".to_owned(), BASE64.encode(skip.saturating_add(limit).to_string()).into());
    }
    Json(page).into_response()
}

/// The market object of the API: lists are texts that hold JSON.
fn object(market: &Shown) -> Value {
    let prices = market.price.map(|price| {
        let other = ((1.0 - price) * 1e9).round() / 1e9;
        json!([price.to_string(), other.to_string()]).to_string()
    });
    let trading = market.state == Stage::Trading;
    let mut object = json!({
        "id": market.id,
        "conditionId": market.id,
        "questionID": market.id,
        "slug": market.id,
        "question": market.question,
        "description": market.rules,
        "outcomes": json!(market.outcomes).to_string(),
        "outcomePrices": prices,
        "clobTokenIds": json!([format!("{}0", market.id), format!("{}1", market.id)]).to_string(),
        "startDate": iso(market.opened_at),
        "endDate": market.ends_at.map(iso),
        "active": true,
        "closed": !trading,
        "archived": false,
        "acceptingOrders": trading,
        "enableOrderBook": trading,
        "negRisk": false,
        "volume": "1000",
        "volumeNum": 1000,
        "liquidity": "100",
        "liquidityNum": 100,
        "tags": [{"id": "1", "slug": "simulated", "label": "Simulated"}],
        "events": [{"id": market.id, "title": market.question}],
    });
    let review = match market.state {
        Stage::Trading => None,
        Stage::Awaiting => Some("proposed"),
        Stage::Settled(_) => Some("resolved"),
    };
    if let (Some(review), Some(object)) = (review, object.as_object_mut()) {
        object.insert("umaResolutionStatus".to_owned(), review.into());
    }
    object
}
